"""Where in a document the cameras are: at its top, under their names, in lists, or under numbered names.

Kalibr has `cam0: {...}`, DSEC `intrinsics: {cam0: {...}}`, DV a list with `name` in each, or the name as an element,
basalt a list without names, ORB-SLAM `Camera.fx`, OpenCV's stereo calibration `M1`, `D1`, `M2`, `D2`,
KITTI `P0` to `P3`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from efields.errors import InputError
from efields.supplied._documents import numbers_in

_INTRINSICS = (
    "cameramatrix", "intrinsics", "intrinsicmatrix", "cameraintrinsics", "intrinsic", "k", "mtx", "matrix",
    "focallength", "focallengthx", "focalx", "focal", "fc", "fx", "fu", "projectionparameters",
)  # fmt: skip
"""Names under which focal lengths stand."""
_PASSED_ON = (
    "usefisheyemodel", "fisheyemodel", "imagewidth", "imageheight", "width", "height", "resolution", "imagesize",
    "distortionmodel", "cameramodel",
)  # fmt: skip
"""What the top of a document may say for every camera in it."""
_NUMBERED = re.compile(r"(cameramatrix|intrinsicmatrix|intrinsics?|k|m|p|prect|projectionmatrix)(left|right|\d+)")
_DISTORTED = ("distortioncoefficients", "distcoeffs", "distcoeff", "distortion", "dist", "d")
_DEEPEST = 6
_KNOWN = "a Kalibr camchain, ROS camera_info, OpenCV camera_matrix, DV calibration, DSEC cam_to_cam or transforms.json"


def plain(name: object) -> str:
    """A key in small letters and digits, as tools differ in cases, dashes and underscores."""
    return re.sub(r"[^a-z0-9.]", "", str(name).lower())


def cameras_in(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every camera of a document by its name, "" for one at the top; keys of a camera are as `plain` makes them."""
    found: dict[str, dict[str, Any]] = {}
    for name, node in _walk(document, "", {}, 0):
        chosen = name
        while chosen in found:
            chosen = f"{name}-{len(found)}"
        found[chosen] = node
    return found


def chosen_camera(cameras: dict[str, dict[str, Any]], part: str, path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the camera called `part`, or the only one there is, holds, and a note where one of several was taken.

    Raises `InputError` that lists the names where several are to choose from, or none is called so.
    """
    if not cameras:
        raise InputError("contains no camera that efields can read", path, f"give {_KNOWN}")
    names = ", ".join(cameras)
    if part and part not in cameras:
        if list(cameras) == [""]:
            raise InputError(
                f"contains one camera, which is not called '{part}'", path, f"give the file without ':{part}'"
            )
        raise InputError(f"contains no camera '{part}'", path, f"choose one of: {names}")
    if part or len(cameras) == 1:
        return cameras[part or next(iter(cameras))], ()
    if "cam0" in cameras and any(name.startswith("camRect") for name in cameras):  # DSEC: cam0 is the left event camera
        return cameras["cam0"], (f"Of the cameras {names}, cam0 is used.",)
    raise InputError(
        f"contains several cameras ({names})", path, f"choose one, such as {path.name}:{next(iter(cameras))}"
    )


def _walk(node: Any, name: str, above: dict[str, Any], depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if depth > _DEEPEST:
        return
    if isinstance(node, list):
        sizes = above.get("resolution")
        for i, item in enumerate(node):
            if isinstance(item, dict):
                own = {"resolution": sizes[i]} if isinstance(sizes, list) and _listed(sizes, len(node)) else {}
                yield from _walk(item, f"cam{i}", {**above, **own}, depth + 1)
        return
    if not isinstance(node, dict):
        return
    keys = {plain(key): value for key, value in _dotted(node).items()}
    keys = {**{key: above[key] for key in _PASSED_ON if key in above}, **keys}
    if any(_holds_numbers(keys.get(key)) for key in _INTRINSICS):
        own = keys.get("name", keys.get("cameraname", ""))
        yield (str(own) if own and depth else name), keys
        return
    numbered = list(_numbered(node, keys))
    yield from numbered
    if not numbered:
        for key, value in _dotted(node).items():
            yield from _walk(value, str(key), keys, depth + 1)


def _listed(sizes: list[Any], count: int) -> bool:
    return len(sizes) == count and all(isinstance(size, list) for size in sizes)


def _holds_numbers(value: Any) -> bool:
    """Whether a value is a number, a list of them, a matrix, or has focal lengths by their names."""
    if isinstance(value, dict) and "data" not in value:
        return any(plain(key) in ("fx", "fu", "mu", "gamma1") for key in value)
    numbers = numbers_in(value)
    # Numbers that are broken are a camera's all the same, which then says so.
    return bool(numbers) or (
        numbers is None and isinstance(value, list) and not any(isinstance(v, dict) for v in value)
    )


def _dotted(node: dict[Any, Any]) -> dict[str, Any]:
    """A mapping with `Camera.fx: 1` as `Camera: {fx: 1}`."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        head, dot, rest = str(key).partition(".")
        if dot and isinstance(found.setdefault(head, {}), dict):
            found[head][rest] = value
        elif not dot:
            found[head] = value
    return found


def _numbered(node: dict[Any, Any], keys: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Matrices whose names end in a number or a side, each with the distortion of the same end."""
    for key, value in node.items():
        match = _NUMBERED.fullmatch(plain(key))
        if match is None or len(numbers_in(value) or ()) not in (9, 12):
            continue
        lens = next((keys[f"{name}{match[2]}"] for name in _DISTORTED if f"{name}{match[2]}" in keys), None)
        shared = {name: keys[name] for name in _PASSED_ON if name in keys}
        yield str(key), {**shared, "cameramatrix": value, **({} if lens is None else {"distortion": lens})}
