"""Reads scenes: a page or a folder that `efields export` wrote, checked as the viewer checks it."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt16

from efields.errors import InputError
from efields.export.background import BakedBackground, one_colour
from efields.export.consistency import check_consistent
from efields.export.contract import FORMAT, SCHEMA_VERSION, BackgroundMap, SceneDocument
from efields.export.events import unpack_events
from efields.export.volume import Keyframe, Volume
from efields.geometry.boxes import Box
from efields.wire.reading import Refused, Rules, read
from efields.wire.writing import table_of

_DOCUMENT = re.compile(r'<script type="application/json" id="efields-scene">(.*?)</script>', re.DOTALL)
_BLOB = re.compile(r'<script type="text/plain" data-blob="([\w.-]+)">\s*([\w+/=]*)\s*</script>')
_AGAIN = "export it again"


@dataclass(frozen=True)
class StoredScene:
    """A scene as it lies on disk, its blobs packed."""

    scene: SceneDocument
    """What scene.json says."""
    blobs: dict[str, bytes]
    """zlib streams by name."""
    where: str
    """Path, for messages."""

    @property
    def document(self) -> dict[str, Any]:
        """scene.json, without what this efields does not know."""
        return table_of(self.scene)

    def unpacked(self, name: str, size: int) -> bytes:
        """The bytes of a blob; raises `InputError` when it is missing, damaged, or of another size."""
        if name not in self.blobs:
            raise InputError(f"the scene is broken: {name} is not there", self.where, _AGAIN)
        try:
            data = zlib.decompress(self.blobs[name])
        except zlib.error:
            raise InputError(f"the scene is broken: {name} is damaged or truncated", self.where, _AGAIN) from None
        if len(data) != size:
            raise InputError(f"the scene is broken: {name} holds {len(data)} bytes, not {size}", self.where, _AGAIN)
        return data

    def volume(self) -> Volume | None:
        """The baked volume; None for a scene without one."""
        told = self.scene.volume
        if told is None:
            return None
        (x, y, z), codes = told.shape, 2 if told.channels == "mono" else 4
        frames = tuple(
            Keyframe(frame.t_s, self._numbers(frame.blob, "u1", (z, y, x, codes))) for frame in told.keyframes
        )
        box = Box(*self.scene.world.aabb)
        volume = Volume(box, frames, told.density, told.radiance, told.step, told.occupancy.block)
        occupied = volume.occupancy()
        if (self._numbers(told.occupancy.blob, "u1", occupied.shape) < occupied).any():
            raise InputError("the scene is broken: its occupancy hides voxels with density", self.where, _AGAIN)
        return volume

    def background(self) -> BakedBackground:
        """What stands behind the volume."""
        told = self.scene.background
        if isinstance(told, BackgroundMap):
            return BakedBackground(self._numbers(told.blob, "<f4", (told.height, told.width, told.channels)))
        return one_colour(np.array(told))

    def events(
        self,
    ) -> tuple[UInt16[np.ndarray, " n"], UInt16[np.ndarray, " n"], Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Column, row, microseconds since the origin and polarity of the events that the scene carries."""
        chunks = () if self.scene.events is None else self.scene.events.chunks
        return unpack_events(chunks, lambda chunk: self._numbers(chunk.blob, "<u2", (3, chunk.count)))

    def _numbers(self, name: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
        size = math.prod(shape) * np.dtype(kind).itemsize
        return np.frombuffer(self.unpacked(name, size), kind).reshape(shape)


def read_scene(path: str | Path) -> StoredScene:
    """The scene in an HTML page or a folder; raises `InputError` for what is none, broken, or of a newer version."""
    source = Path(path)
    try:
        if source.is_dir():
            text = (source / "scene.json").read_text(encoding="utf-8")
            blobs = {blob.name: blob.read_bytes() for blob in source.glob("*.bin")}
        else:
            page = source.read_text(encoding="utf-8")
            found = _DOCUMENT.search(page)
            if found is None:
                raise InputError("contains no scene", source, "name a page or folder that efields export wrote")
            text, blobs = found[1], {name: _plain(name, code, source) for name, code in _BLOB.findall(page)}
    except (OSError, UnicodeDecodeError) as error:
        do = "name a page or folder that efields export wrote"
        raise InputError(f"cannot be read as a scene ({error})", source, do) from None
    try:
        document = json.loads(text)
    except ValueError:
        raise InputError("the scene is broken: its document is not JSON", source, _AGAIN) from None
    check_version(document, str(source))
    return StoredScene(_checked(document, str(source)), blobs, str(source))


def _checked(document: Any, where: str) -> SceneDocument:
    try:
        scene = read(SceneDocument, document, "", Rules())
        check_consistent(scene)
    except Refused as refused:
        raise InputError(f"the scene is broken: {refused}", where, _AGAIN) from None
    return scene


def check_version(document: Any, where: str) -> None:
    """Raise `InputError` unless this is a scene document of a version that this efields reads."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError("is not a scene of efields", where, "name a page or folder that efields export wrote")
    version = document.get("schema_version")
    if not (isinstance(version, list) and len(version) == 2 and all(type(part) is int for part in version)):
        raise InputError("the scene is broken: it has no version", where, _AGAIN)
    if version[0] != SCHEMA_VERSION[0]:
        said = f"this scene has format version {version[0]}.{version[1]}; this efields reads {SCHEMA_VERSION[0]}.x"
        raise InputError(said, where, "open it with the efields that wrote it")


def _plain(name: str, code: str, source: Path) -> bytes:
    try:
        return base64.b64decode(code, validate=True)
    except binascii.Error:
        raise InputError(f"the scene is broken: {name} is damaged or truncated", source, _AGAIN) from None
