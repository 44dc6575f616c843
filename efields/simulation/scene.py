"""A scene.toml as frozen dataclasses: what is rendered, along which path, seen by which event sensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np

from efields.errors import InputError
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.plugins import require_allowed
from efields.ranges import Positive, Range, Share
from efields.settings import did_you_mean, fill, inside, read_toml
from efields.simulation.camera_path import CameraPath, HeldoutPath
from efields.simulation.free_path import FreePath
from efields.simulation.lights import LIGHTS, Light
from efields.simulation.patterns import TEXTURES, Texture
from efields.simulation.sensor_model import EventCamera
from efields.simulation.shapes import MATERIALS, SHAPES, Material, Shape
from efields.simulation.vectors import Colour

SCENE_FILE = "scene.toml"

K = TypeVar("K")


@dataclass(frozen=True)
class ImageSettings:
    """The camera's images."""

    width: Annotated[int, Range(1, 4096)] = 128
    """Pixels across."""
    height: Annotated[int, Range(1, 4096)] = 128
    """Pixels down."""
    fov_deg: Annotated[float, Range(above=0, below=180)] = 30.0
    """Angle of view across the width, in degrees."""
    background: Colour | None = None
    """Linear radiance behind the scene, independent of the lights; None shows the lights themselves."""
    exposure: Positive = 1.0
    """Factor on the radiance, applied after rendering: it dims or brightens the whole scene."""


@dataclass(frozen=True)
class RenderSettings:
    """How Mitsuba renders."""

    integrator: Literal["direct", "path"] = "direct"
    """Direct light only, or paths of up to `max_depth` segments."""
    max_depth: Annotated[int, Range(1, 10**4)] = 4
    """Longest light path of the integrator `path`."""
    samples: Annotated[int, Range(1, 10**6)] = 64
    """Samples per pixel in the frames that events come from; their seed is fixed: noise causes few false events."""
    samples_heldout: Annotated[int, Range(1, 10**6)] = 512
    """Samples per pixel in the held-out views; each has its own seed."""
    seed: Annotated[int, Range(0, 2**31 - 1)] = 1
    """Seed of the frames; view k of the held-out views uses seed + 1 + k."""
    max_motion_px: Annotated[float, Range(0.01, 10**4)] = 0.6
    """Largest motion of a visible point from one frame to the next; it determines the number of frames."""
    frames: Annotated[int, Range(0, 10**7)] = 0
    """Number of frames; 0: determined by `max_motion_px`."""
    frames_recorded: Annotated[int, Range(0, 10**4)] = 40
    """How many of the frames, evenly spaced, become the frames of the recording."""


@dataclass(frozen=True)
class ExpectedEvents:
    """Number of events of the scene, as measured when it was written."""

    count: Annotated[int, Range(0, 10**12)]
    """Events of the whole recording."""
    tolerance: Share = 0.03
    """Fraction of `count` by which another machine may differ."""

    def holds(self, count: int) -> bool:
        """Whether a recording of `count` events is within the tolerance."""
        return abs(count - self.count) <= self.tolerance * self.count


@dataclass(frozen=True)
class Scene:
    """One scene to simulate."""

    name: str
    """Short name."""
    box: Box
    """Region of the world that holds the scene, in scene units."""
    path: CameraPath | FreePath = field(default_factory=CameraPath)
    """Path of the event camera: around a target, or with `kind = "free"` anywhere."""
    description: str = ""
    """One sentence that describes the scene."""
    mitsuba_xml: Path | None = None
    """A Mitsuba scene of your own; it replaces shapes, materials, textures and lights."""
    image: ImageSettings = field(default_factory=ImageSettings)
    """Size, lens and colour filter of the images."""
    render: RenderSettings = field(default_factory=RenderSettings)
    """How Mitsuba renders."""
    heldout: HeldoutPath = field(default_factory=HeldoutPath)
    """Poses of the held-out views."""
    sensor: EventCamera = field(default_factory=EventCamera)
    """The event camera."""
    expected_events: ExpectedEvents | None = None
    """How many events the scene makes."""
    shapes: tuple[Shape, ...] = ()
    """Shapes in the scene."""
    lights: tuple[Light, ...] = ()
    """Lights of the scene."""
    materials: dict[str, Material] = field(default_factory=dict)
    """Surfaces, by name."""
    textures: dict[str, Texture] = field(default_factory=dict)
    """Reflectance patterns, by name."""

    def camera(self) -> Camera:
        """The pinhole camera, its principal point in the middle of the image."""
        width, height = self.image.width, self.image.height
        focal = float(0.5 * width / np.tan(np.radians(self.image.fov_deg) / 2))
        return Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2, bayer=self.sensor.bayer)


def load_scene(path: str | Path) -> Scene:
    """The scene of a `scene.toml` or of the folder that holds one.

    `base = "../other/scene.toml"` starts from another scene and changes only the keys that are given (lists as a
    whole). Raises `InputError` for a missing file, an unknown key, or a name that is used and never defined.
    """
    source = Path(path)
    source = source / SCENE_FILE if source.is_dir() else source
    table = _read_with_bases(source, ())
    where = str(source)
    listed = {
        "shapes": tuple(_kind(SHAPES, t, f"{where}: shapes[{i}]") for i, t in enumerate(table.pop("shapes", []))),
        "lights": tuple(_kind(LIGHTS, t, f"{where}: lights[{i}]") for i, t in enumerate(table.pop("lights", []))),
        "materials": _named(MATERIALS, table.pop("materials", {}), f"{where}: materials"),
        "textures": _named(TEXTURES, table.pop("textures", {}), f"{where}: textures"),
        "path": _path(table, where),
    }
    table.setdefault("name", source.resolve().parent.name)
    unlisted = {k: v for k, v in table.items() if k not in listed}
    scene = fill(Scene, unlisted, where)
    scene = Scene(**{**{k: getattr(scene, k) for k in scene.__dataclass_fields__}, **listed})
    _check(scene, where)
    return scene


def _read_with_bases(source: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The table of a scene file laid over that of its base; paths in it become absolute."""
    source = source.resolve()
    if source in seen:
        raise InputError("is its own base", source, "remove the line 'base = ...' from one of them")
    table = read_toml(source)
    if "mitsuba_xml" in table:
        table["mitsuba_xml"] = str(source.parent / str(table["mitsuba_xml"]))
    base = table.pop("base", None)
    return table if base is None else _laid_over(_read_with_bases(source.parent / str(base), (*seen, source)), table)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables merged, the second one's values winning."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged


def _kind(kinds: Mapping[str, type[K]], table: Any, where: str) -> K:
    """The dataclass that `kind = "..."` names, filled with the other keys."""
    if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
        raise InputError("has no kind", where, f'add a line kind = "...", one of: {", ".join(sorted(kinds))}')
    kind = table["kind"]
    if kind not in kinds:
        raise InputError(f"unknown kind '{kind}'", where, did_you_mean(kind, kinds))
    return fill(kinds[kind], {k: v for k, v in table.items() if k != "kind"}, where)


def _path(table: dict[str, Any], where: str) -> CameraPath | FreePath:
    """The camera path from a scene's table."""
    path = table.pop("path", None)
    if not isinstance(path, Mapping):
        raise InputError("missing key 'path'", where, "add a table [path]")
    return fill(FreePath if path.get("kind") == "free" else CameraPath, path, inside(where, "path"))


def _named(kinds: Mapping[str, type[K]], table: Any, where: str) -> dict[str, K]:
    if not isinstance(table, Mapping):
        raise InputError("is not a table of names", where, "write each as its own table [materials.NAME]")
    return {name: _kind(kinds, entry, f"{where}.{name}") for name, entry in table.items()}


def _check(scene: Scene, where: str) -> None:
    """Check that all names used are defined, and that there is something to see."""
    if scene.name in ("", ".", "..") or set(scene.name) & set("/\\\0"):
        raise InputError(f"name = '{scene.name}' is not a folder name", where, "leave the slashes out")
    if scene.mitsuba_xml is not None:
        require_allowed("mitsuba_xml names a scene that Mitsuba reads, which can load code next to it", where)
        if not scene.mitsuba_xml.is_file():
            raise InputError("no such file", scene.mitsuba_xml, "fix mitsuba_xml in the scene file")
        if scene.shapes or scene.lights or scene.materials or scene.textures:
            raise InputError("has both mitsuba_xml and shapes or lights of its own", where, "keep one of them")
        return
    if not scene.shapes or not scene.lights:
        raise InputError("has no shapes or no lights", where, "add [[shapes]] and [[lights]], or mitsuba_xml")
    for shape in scene.shapes:
        if shape.material not in scene.materials:
            do = did_you_mean(shape.material, scene.materials)
            raise InputError(f"material '{shape.material}' is not defined", where, do)
    for name, material in scene.materials.items():
        if material.texture and material.texture not in scene.textures:
            do = did_you_mean(material.texture, scene.textures)
            raise InputError(f"texture '{material.texture}' of material '{name}' is not defined", where, do)
