"""HDF5 in DSEC's layout: `events/{x u16, y u16, t u32, p u8}`, `ms_to_idx u64`, `t_offset i64`, Blosc with Zstandard.

`t_offset` is the time of the first event, rounded down to a millisecond, so that t starts near 0;
`t[ms_to_idx[ms]] >= 1000 ms` and `t[ms_to_idx[ms] - 1] < 1000 ms`. The sensor's size is the root's attribute
`sensor_resolution` (rows, columns), which DSEC itself lacks. Source: DSEC's page "Data Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields.atomic import replacing
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.about import About
from efields.formats.hdf5.writing import writing_hdf5

SUFFIX = ".h5"
STORES_SIZE = True

_TYPES = {"x": np.uint16, "y": np.uint16, "t": np.uint32, "p": np.uint8}
_ROWS = 1 << 16  # of a block


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write all events; gives their number.

    Raises `InputError` for times before 0 and for events later than 2^32 microseconds (71.6 minutes) after the first.
    """
    import hdf5plugin

    if max(about.width, about.height) > 1 << 16:
        raise InputError(f"a sensor of {about.width} x {about.height} pixels", path, "at most 65536 pixels a side fit")
    with replacing(path) as temporary, writing_hdf5(temporary) as (file, check):
        pack = hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=hdf5plugin.Blosc.SHUFFLE)
        columns = {
            name: file.create_dataset(f"events/{name}", (0,), kind, maxshape=(None,), chunks=(_ROWS,), compression=pack)
            for name, kind in _TYPES.items()
        }
        file.attrs["sensor_resolution"] = np.array([about.height, about.width], dtype=np.int64)
        count, offset, starts, passed = 0, 0, [], 0
        for part in _filled(events):
            if count == 0:
                offset = int(part.t_us[0]) // 1000 * 1000
            t = _times(part, offset, path)
            milliseconds = np.arange(passed, int(t[-1]) // 1000 + 1)
            starts.append(count + np.searchsorted(t, milliseconds * 1000))
            passed = max(passed, int(t[-1]) // 1000 + 1)
            _append(columns, count, part, t)
            count += part.count
            check()
        index = np.concatenate(starts).astype(np.uint64) if starts else np.zeros(0, dtype=np.uint64)
        file.create_dataset("ms_to_idx", data=index, **({"chunks": True, "compression": pack} if len(index) else {}))
        file.create_dataset("t_offset", data=np.int64(offset))
    return count


def _filled(events: Iterator[EventColumns]) -> Iterator[EventColumns]:
    return (part for part in events if part.count)


def _times(part: EventColumns, offset: int, path: Path) -> np.ndarray:
    """Times since the offset, when they fit."""
    if part.t_us[0] < 0:
        raise InputError(f"an event is at {part.t_us[0]} us, before time 0", path, "shift the times with --from-zero")
    if part.t_us[-1] - offset >= 1 << 32:
        raise InputError(
            "the recording is longer than the 71.6 minutes that DSEC's layout can store",
            path,
            "cut the recording into parts",
        )
    return part.t_us - offset


def _append(columns: dict[str, Any], count: int, part: EventColumns, t: np.ndarray) -> None:
    for name, values in (("x", part.x), ("y", part.y), ("t", t), ("p", part.polarity)):
        columns[name].resize((count + part.count,))
        columns[name][count:] = values.astype(_TYPES[name])
