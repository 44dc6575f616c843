"""Events in a NumPy archive (.npz): arrays called x, y, t, p or the like, or one table of events.

Known names: x, xs, col; y, ys, row; t, ts, time, timestamp; p, ps, pol, polarity; `position` with two columns for x and
y; a table `events` of four columns or with fields. `width` and `height` (or `resolution`) may say the size of the
sensor. The unit of time is found from names (`t_us`) or from the values where the option does not say it. Members are
streamed, so that memory is constant; pickled objects are never read.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.event_file import Damages, EventFile
from efields.loaders._reading.array_events import ArrayOptions, ArraySource, could_be_events, open_arrays
from efields.loaders._reading.arrays import is_zip
from efields.loaders._reading.columns_found import named
from efields.loaders._reading.event_file import first_bytes, recording_of
from efields.loaders._reading.npy_rows import BROKEN, member_source
from efields.loaders._reading.time_unit import TimeUnit
from efields.ranges import PixelsOrUnknown
from efields.recording import Recording

_SIZES = ("width", "height")


@dataclass(frozen=True)
class Config:
    """How to read events from an .npz file."""

    key: str = ""
    """Name of the table of events; empty: found."""
    columns: str = ""
    """Order of the columns of a table, such as "x y t p", "-" for one to leave out; empty: found."""
    time_unit: TimeUnit = "auto"
    """Unit of the times; "auto": found from names or values."""
    width: PixelsOrUnknown = 0
    """Columns of the sensor; 0: as the file says, else the smallest known sensor that holds all events."""
    height: PixelsOrUnknown = 0
    """Rows of the sensor; 0: as `width`."""
    salvage: bool = False
    """Whether to recover what is whole of a damaged file."""

    def load(self, path: str | Path) -> Recording:
        """Read the file `path`. Raises `InputError` for anything missing, broken or ambiguous."""
        return recording_of(self.open(path), self.salvage)

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        if file.is_dir():
            raise InputError("is a folder, not a file", file, "name the file in it")
        try:
            names = _members(file)
        except BROKEN as error:
            raise InputError(
                f"is no whole .npz archive ({error})", file, "copy it again: without its end nothing can be salvaged"
            ) from None
        sources = [member_source(file, name) for name in names]
        options = ArrayOptions(self.key, self.columns, self.time_unit, self.width, self.height)
        return open_arrays(sources, file, "NumPy archive", options, _size(sources, file))


def matches(path: str | Path) -> bool:
    """Whether `path` is an .npz file with arrays that could be events."""
    file = Path(path)
    if not file.is_file() or not is_zip(file):
        return False
    try:
        names = _members(file)
    except BROKEN:  # its end is missing: the first member tells whether it was one
        head = first_bytes(file, 30 + 64)
        first = head[30 : 30 + int.from_bytes(head[26:28], "little")].decode("latin-1").removesuffix(".npy")
        return named(first) is not None or could_be_events([first])
    return could_be_events([name.removesuffix(".npy") for name in names])


def _members(path: Path) -> list[str]:
    """Names of the arrays in an archive. Raises one of `BROKEN` when its directory cannot be read."""
    with zipfile.ZipFile(path) as archive:
        return list(dict.fromkeys(name for name in archive.namelist() if name.endswith(".npy")))


def _size(sources: list[ArraySource], path: Path) -> tuple[int, int]:
    """The size of the sensor where the archive says it, else 0, 0."""
    said: dict[str, list[int]] = {}
    for source in sources:
        if source.name in (*_SIZES, "resolution") and source.shape in ((1,), (2,)) and source.dtype.kind in "iu":
            said[source.name] = [int(v) for rows in source.chunks(Damages(path)) for v in np.ravel(rows)]
    width, height = (said.get(name, [0])[:1] or [0] for name in _SIZES)
    size = (width[0], height[0]) if all(name in said for name in _SIZES) else tuple(said.get("resolution", ()))
    if len(size) == 2 and all(1 <= n <= 1 << 16 for n in size):
        return size[0], size[1]
    return 0, 0
