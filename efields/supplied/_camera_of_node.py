"""The calibration that the names and values of one camera say, in the words of any tool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from efields.cameras.calibration import LENSES, Calibration, lens_of
from efields.cameras.intrinsics import Intrinsics, intrinsics_of
from efields.errors import InputError
from efields.supplied._camera_nodes import plain
from efields.supplied._documents import floats, numbers_in

_MATRICES = (
    "cameramatrix", "intrinsics", "intrinsicmatrix", "cameraintrinsics", "intrinsic", "k", "mtx", "matrix",
    "projectionmatrix",
)  # fmt: skip
_DISTORTIONS = (
    "distortioncoefficients", "distortioncoeffs", "distortionparams", "distortionparameters", "distortionvector",
    "distortioncoeff", "distcoeffs", "distcoeff", "distcoefs", "distortion", "distortions", "dist", "d", "kc", "coeffs",
)  # fmt: skip
_NAMED = (
    ("fx", "fy", "cx", "cy"), ("fx", "fy", "ppx", "ppy"), ("fu", "fv", "cu", "cv"), ("mu", "mv", "u0", "v0"),
    ("fx", "fy", "u0", "v0"), ("f", "f", "cx", "cy"), ("focal", "focal", "cx", "cy"),
    ("focallength", "focallength", "cx", "cy"), ("focalx", "focaly", "cx", "cy"),
    ("focallengthx", "focallengthy", "principalpointx", "principalpointy"),
)  # fmt: skip
"""Names of the four numbers, each with what tool uses them."""
_MODEL_KEYS = ("distortionmodel", "distortiontype", "cameramodel", "modeltype", "projectionmodel", "lensmodel")
_LOOSE_MODEL_KEYS = ("cameratype", "model", "type")
"""Names that may also say something else, such as the maker's."""
_NEUTRAL = ("", "pinhole", "perspective", "camera", "mono", "pinholecamera")
_LENS = re.compile(
    r"ds|mei|fov|atan|.*(fish|sphere|omni|ucm|kb|kannala|radtan|brown|scara|ocam|equi|theta|prism|division).*"
)
"""What names a lens, known or not."""
_OTHER_PARAMETERS = {"xi": "an omnidirectional or double sphere camera", "alpha": "a unified or double sphere camera"}


def calibration_of(keys: dict[str, Any], path: Path) -> Calibration:
    """What a camera's keys say, as `cameras_in` gives them. Raises `InputError` for no known camera."""
    keys = _flat(keys)
    _check_binning(keys, path)
    model = _model(keys, path)
    distortion = _distortion(keys, lens_of(model) == "equidistant", path)
    pinhole, size, notes = _pinhole(keys, path), _size_of(keys, path), ()
    if "radialdistortion" in keys or "tangentialdistortion" in keys:
        size = None if size is None else (size[1], size[0])
        pinhole = Intrinsics(pinhole.fx, pinhole.fy, pinhole.cx - 1, pinhole.cy - 1, (), pinhole.skew)
        notes = ("MATLAB counts pixels from 1: 1 was subtracted from the principal point.",)
    return Calibration(pinhole, model, distortion, size, notes=notes)


def _flat(keys: dict[str, Any]) -> dict[str, Any]:
    """Keys with those of intrinsics and distortion among them, where these have names of their own (VINS, SVO)."""
    found = dict(keys)
    for name, value in keys.items():
        if not isinstance(value, dict) or "data" in value:
            continue
        if name in ("intrinsics", "projectionparameters", *_DISTORTIONS):
            own = {plain(key): item for key, item in value.items()}
            if name in _DISTORTIONS:
                kind = own.pop("type", own.pop("model", own.pop("name", None)))
                listed = own.pop("parameters", own.pop("params", own.pop("coefficients", None)))
                own |= {} if kind is None else {"distortionmodel": kind}
                own |= {} if listed is None else {"distortion": listed}
                if listed is None and "k1" not in own and "k2" not in own:
                    continue  # stays, to be refused
            del found[name]
            found |= own
    return found


def _model(keys: dict[str, Any], path: Path) -> str:
    """The lens model that is named; "" for none."""
    if any(
        str(keys.get(flag)).lower() in ("1", "true")
        for flag in ("usefisheyemodel", "fisheyemodel", "isfisheye", "fisheye")
    ):
        return "fisheye"
    for name, what in _OTHER_PARAMETERS.items():
        if any(floats(keys.get(name), name, path)):
            raise InputError(f"has '{name}', of {what}", path, f"calibrate a pinhole with one of {LENSES}")
    said: dict[str, str] = {}
    for key in (*_MODEL_KEYS, *_LOOSE_MODEL_KEYS):
        name = str(keys.get(key) or "").strip().removeprefix("distortion.")  # as RealSense writes it
        loose = key in _LOOSE_MODEL_KEYS and lens_of(name) is None and not _LENS.fullmatch(plain(name))
        if plain(name) in _NEUTRAL or loose or isinstance(keys.get(key), int | float | list | dict):
            continue
        if plain(name).endswith("brownconrady") and not any(any(numbers_in(keys.get(d)) or ()) for d in _DISTORTIONS):
            name = "none"
        if lens_of(name) is None:
            kind = "distortion" if key.startswith("distortion") else "camera"
            raise InputError(f"{kind} model '{name}' is unknown", path, f"calibrate a pinhole with one of {LENSES}")
        said[name] = lens_of(name) or ""
    if len(set(said.values()) - {"none"}) > 1:
        raise InputError(f"names two lens models ({', '.join(said)})", path, "leave one")
    return next((name for name, lens in said.items() if lens != "none"), next(iter(said), ""))


def _distortion(keys: dict[str, Any], fisheye: bool, path: Path) -> tuple[float, ...]:
    """Numbers of the lens in its own order, from a list or from their names."""
    listed = [key for key in _DISTORTIONS if floats(keys.get(key) or None, key, path)]
    if len(listed) > 1:
        raise InputError(f"has several lists of distortion ({', '.join(listed)})", path, "leave one")
    if listed:
        return tuple(floats(keys[listed[0]], listed[0], path))
    if "radialdistortion" in keys or "tangentialdistortion" in keys:
        radial = (*floats(keys.get("radialdistortion"), "RadialDistortion", path), 0.0, 0.0, 0.0)[:3]
        tangential = (*floats(keys.get("tangentialdistortion"), "TangentialDistortion", path), 0.0, 0.0)[:2]
        return (*radial[:2], *tangential, radial[2])
    other = next(
        (name for name in (("p1", "p2") if fisheye else ("s1", "s2", "s3", "s4")) if _says_numbers(keys.get(name))), ""
    )
    if other:
        raise InputError(f"has '{other}', which its lens model does not have here", path, f"calibrate with {LENSES}")
    names = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
    if fisheye and "k5" in keys and "mu" in keys:  # VINS counts Kannala and Brandt's from 2
        names = ("k2", "k3", "k4", "k5")
    if not any(name in keys for name in names):
        unknown = [key for key in keys if "dist" in key and key not in _MODEL_KEYS and _says_numbers(keys[key])]
        if unknown:
            raise InputError(f"'{unknown[0]}' is a distortion in an unknown form", path, f"name it {_DISTORTIONS[0]}")
        return ()
    return tuple((floats(keys.get(name), name, path) or [0.0])[0] for name in names)


def _says_numbers(value: Any) -> bool:
    """Whether a value holds a number that is not 0, however deep."""
    if isinstance(value, dict):
        return any(map(_says_numbers, value.values()))
    return any(numbers_in(value) or ())


def _pinhole(keys: dict[str, Any], path: Path) -> Intrinsics:
    skew = (floats(keys.get("skew"), "skew", path) or [0.0])[0]
    for names in _NAMED:
        if all(name in keys for name in names):
            values = [floats(keys[name], name, path) for name in names]
            if all(len(value) == 1 for value in values):
                fx, fy, cx, cy = (value[0] for value in values)
                return Intrinsics(fx, fy, cx, cy, skew=skew)
    for focal, centre in (("focallength", "principalpoint"), ("fc", "cc")):
        if focal in keys and centre in keys:
            f, c = floats(keys[focal], focal, path), floats(keys[centre], centre, path)
            if len(f) not in (1, 2) or len(c) != 2:
                raise InputError(f"'{focal}' and '{centre}' are {len(f)} and {len(c)} numbers", path, "give two each")
            if "alphac" in keys:
                skew = f[0] * (floats(keys["alphac"], "alpha_c", path) or [0.0])[0]
            return Intrinsics(f[0], f[-1], c[0], c[1], skew=skew)
    name = next((name for name in _MATRICES if floats(keys.get(name), name, path)), None)
    if name is None:
        raise InputError(
            "contains no camera that efields can read", path, "name fx, fy, cx, cy, or give a camera matrix"
        )
    numbers = floats(keys[name], name, path)
    if not any(numbers):
        raise InputError(f"belongs to a camera that was not calibrated: '{name}' is 0", path, "calibrate it")
    by_column = name == "intrinsicmatrix" and len(keys[name]) == 9 and "width" in keys and not any(numbers[2:5:3])
    if by_column and numbers[6] and numbers[7]:  # Open3D lays its matrix out column by column
        numbers = [numbers[3 * (i % 3) + i // 3] for i in range(9)]
    try:
        found = intrinsics_of([numbers], path)
    except InputError as error:
        raise InputError(f"'{name}': {error.what}", path, error.do) from None
    if found.distortion:
        raise InputError(f"'{name}' is {len(numbers)} numbers", path, "give fx, fy, cx, cy or a matrix of 3x3")
    return found


def _size_of(keys: dict[str, Any], path: Path) -> tuple[int, int] | None:
    """Columns and rows, where they are said; `imagesize` is (columns, rows)."""
    for name in ("resolution", "imagesize", "imgsize", "imageresolution", "size"):
        value = keys.get(name)
        if isinstance(value, dict) and "data" not in value:
            inner = {plain(key): item for key, item in value.items()}
            value = [inner.get("width"), inner.get("height")]
        if value is not None:
            return size(floats(value, name, path), path)
    pairs = (
        ("imagewidth", "imageheight"), ("imgwidth", "imgheight"), ("width", "height"), ("w", "h"), ("nx", "ny"),
        ("resolutionx", "resolutiony"), ("cols", "rows"),
    )  # fmt: skip
    for columns, rows in pairs:
        if columns in keys and rows in keys:
            both = [*floats(keys[columns], columns, path), *floats(keys[rows], rows, path)]
            return None if both == [0, 0] else size(both, path)
    return None


def size(values: list[float], path: Path) -> tuple[int, int] | None:
    """Columns and rows as whole numbers; None for no numbers. Raises `InputError` for what is no size."""
    if not values:
        return None
    if len(values) != 2 or any(value < 1 or value != round(value) for value in values):
        raise InputError(f"the size of the image is {values}", path, "write columns and rows")
    return int(values[0]), int(values[1])


def _check_binning(keys: dict[str, Any], path: Path) -> None:
    binning = [(floats(keys.get(name), name, path) or [0])[0] for name in ("binningx", "binningy")]
    if max(binning) > 1:
        what = f"is for an image with binned pixels ({binning[0]:g} x {binning[1]:g})"
        raise InputError(what, path, "give the calibration of the pixels that the events have")
