"""Reads scenes: a page or a folder that `efields export` wrote, checked as the viewer checks it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt16

from efields.errors import InputError
from efields.export.document import FORMAT, SCHEMA_VERSION
from efields.export.volume import DensityCode, Keyframe, RadianceCode, Volume
from efields.geometry.boxes import Box

_DOCUMENT = re.compile(r'<script type="application/json" id="efields-scene">(.*?)</script>', re.DOTALL)
_BLOB = re.compile(r'<script type="text/plain" data-blob="([\w.-]+)">\s*([\w+/=]*)\s*</script>')
_AGAIN = "export it again"


@dataclass(frozen=True)
class StoredScene:
    """A scene as it lies on disk, its blobs packed."""

    document: dict[str, Any]
    """scene.json."""
    blobs: dict[str, bytes]
    """zlib streams by name."""
    where: str
    """Path, for messages."""

    def unpacked(self, name: str, size: int) -> bytes:
        """The bytes of a blob; raises `InputError` when it is missing, damaged, or of another size."""
        if name not in self.blobs:
            raise InputError(f"the scene is broken: {name} is not there", self.where, _AGAIN)
        try:
            data = zlib.decompress(self.blobs[name])
        except zlib.error:
            raise InputError(f"the scene is broken: {name} is damaged or cut short", self.where, _AGAIN) from None
        if len(data) != size:
            raise InputError(f"the scene is broken: {name} holds {len(data)} bytes, not {size}", self.where, _AGAIN)
        return data

    def volume(self) -> Volume | None:
        """The baked volume; None for a scene without one."""
        table = self.document["volume"]
        if table is None:
            return None
        try:
            return self._volume(table)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the scene is broken: its volume ({error})", self.where, _AGAIN) from None

    def _volume(self, table: dict[str, Any]) -> Volume:
        x, y, z = (int(n) for n in table["shape"])
        codes = {"mono": 2, "rgb": 4}[table["channels"]]
        frames = []
        for frame in table["keyframes"]:
            data = self.unpacked(frame["blob"], x * y * z * codes)
            frames.append(Keyframe(frame["t_s"], np.frombuffer(data, np.uint8).reshape(z, y, x, codes)))
        density, radiance = table["density"], table["radiance"]
        (x0, y0, z0), (x1, y1, z1) = self.document["world"]["aabb"]
        volume = Volume(
            Box((x0, y0, z0), (x1, y1, z1)),
            tuple(frames),
            DensityCode(density["encoding"], float(density["sigma_max"]), float(density["reference_length"])),
            RadianceCode(tuple(map(float, radiance["low"])), tuple(map(float, radiance["high"]))),
            float(table["step"]),
            int(table["occupancy"]["block"]),
        )
        occupied = volume.occupancy()
        stored = np.frombuffer(self.unpacked(table["occupancy"]["blob"], occupied.size), np.uint8)
        if (stored.reshape(occupied.shape) < occupied).any():
            raise InputError("the scene is broken: its occupancy hides voxels with density", self.where, _AGAIN)
        return volume

    def events(
        self,
    ) -> tuple[UInt16[np.ndarray, " n"], UInt16[np.ndarray, " n"], Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Column, row, microseconds since the origin and polarity of the events that the scene carries."""
        table = self.document["events"]
        parts = [self._chunk(chunk) for chunk in (table["chunks"] if table is not None else ())]
        if not parts:
            return np.zeros(0, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.int64), np.zeros(0, bool)
        x, y, t_us, polarity = (np.concatenate(column) for column in zip(*parts, strict=True))
        return x, y, t_us, polarity

    def _chunk(self, chunk: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        count = int(chunk["count"])
        columns = np.frombuffer(self.unpacked(chunk["blob"], 6 * count), "<u2").reshape(3, count)
        t_us = round(chunk["t0_s"] * 1e6) + columns[2].astype(np.int64).cumsum()
        return columns[0] & np.uint16(0x7FFF), columns[1], t_us, columns[0] >> 15 > 0


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
                raise InputError("holds no scene", source, "name a page or folder that efields export wrote")
            text, blobs = found[1], {name: _plain(name, code, source) for name, code in _BLOB.findall(page)}
    except (OSError, UnicodeDecodeError) as error:
        do = "name a page or folder that efields export wrote"
        raise InputError(f"cannot be read as a scene ({error})", source, do) from None
    try:
        document = json.loads(text)
    except ValueError:
        raise InputError("the scene is broken: its document is not JSON", source, _AGAIN) from None
    check_version(document, str(source))
    return StoredScene(document, blobs, str(source))


def check_version(document: Any, where: str) -> None:
    """Raise `InputError` unless this is a scene document of a version that this efields reads."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError("is no scene of efields", where, "name a page or folder that efields export wrote")
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
        raise InputError(f"the scene is broken: {name} is damaged or cut short", source, _AGAIN) from None
