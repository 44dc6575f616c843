"""The arrays of one NumPy archive (.npz) of events, streamed, and what it says of the sensor's size."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.arrays.npy_rows import BROKEN, member_source
from efields.formats.arrays.npz import check_inflation, is_zip
from efields.formats.arrays.places import ArraySource, could_be_events
from efields.formats.columns.found import named
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes

_SIZES = ("width", "height")


def npz_sources(path: Path) -> list[ArraySource]:
    """All arrays of an archive. Raises `InputError` when it is damaged, or inflates as no recording does."""
    if path.is_dir():
        raise InputError("is a folder, not a file", path, "give a file inside it")
    try:
        names = _members(path)
    except BROKEN as error:
        do = "copy it again: without its end nothing can be salvaged"
        raise InputError(f"is not a complete .npz archive ({error})", path, do) from None
    return [member_source(path, name) for name in names]


def looks_like_events(path: Path) -> bool:
    """Whether a file is an archive with arrays that could be events, by their names alone."""
    if not path.is_file() or not is_zip(path):
        return False
    try:
        names = _members(path)
    except InputError:
        return True
    except BROKEN:  # its end is missing: the first member tells whether it was one
        head = first_bytes(path, 30 + 64)
        first = head[30 : 30 + int.from_bytes(head[26:28], "little")].decode("latin-1").removesuffix(".npy")
        return named(first) is not None or could_be_events([first])
    return could_be_events([name.removesuffix(".npy") for name in names])


def said_size(sources: list[ArraySource], path: Path) -> tuple[int, int]:
    """Columns and rows of the sensor where the archive says them, else 0, 0."""
    said: dict[str, list[int]] = {}
    for source in sources:
        if source.name in (*_SIZES, "resolution") and source.shape in ((1,), (2,)) and source.dtype.kind in "iu":
            said[source.name] = [int(v) for rows in source.chunks(Damages(path)) for v in np.ravel(rows)]
    width, height = (said.get(name, [0])[:1] or [0] for name in _SIZES)
    size = (width[0], height[0]) if all(name in said for name in _SIZES) else tuple(said.get("resolution", ()))
    if len(size) == 2 and all(1 <= n <= 1 << 16 for n in size):
        return size[0], size[1]
    return 0, 0


def _members(path: Path) -> list[str]:
    """Names of the arrays in an archive. Raises one of `BROKEN` when its directory cannot be read."""
    with zipfile.ZipFile(path) as archive:
        check_inflation(archive, path)
        return list(dict.fromkeys(name for name in archive.namelist() if name.endswith(".npy")))
