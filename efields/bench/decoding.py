"""Decoding speed of event files, compared with faery, an independent decoder in Rust, if installed."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from efields.bench.kernels import OnProgress
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders import find, open_events


@dataclass(frozen=True)
class DecodingRow:
    """One file."""

    file: str
    """Its name."""
    format: str
    """Its format."""
    events: int
    """Events in it."""
    mevents_s: float
    """Millions of events a second, checked against the sensor's size; best of the runs."""
    faery_mevents_s: float | None
    """The same by faery; None where it is not installed or does not read the file."""
    ratio: float | None
    """Ours over faery's."""
    same: bool | None
    """Whether both gave the same events."""
    runs: int
    """Measurements."""


def measure_decoding(
    paths: Sequence[Path], runs: int, on_progress: OnProgress = lambda done, total, note: None
) -> list[DecodingRow]:
    """Decode each file from start to end, ours and faery's in turn, and keep the best time of each."""
    rows = []
    for number, path in enumerate(paths):
        on_progress(number, len(paths), path.name)
        file = open_events(path, find(path))
        ours, columns = _fastest(lambda file=file: file.events(Damages(file.path)), runs)
        theirs, other = _by_faery(path, (file.width, file.height), runs)
        rows.append(
            DecodingRow(
                file=path.name,
                format=file.format,
                events=columns.count,
                mevents_s=columns.count / ours / 1e6,
                faery_mevents_s=None if other is None else other.count / theirs / 1e6,
                ratio=None if other is None else theirs / ours,
                same=None if other is None else _same(columns, other),
                runs=runs,
            )
        )
    on_progress(len(paths), len(paths), "")
    return rows


def _fastest(decode: Callable[[], Iterator[EventColumns]], runs: int) -> tuple[float, EventColumns]:
    best, chunks = np.inf, []
    for _ in range(runs):
        began = time.perf_counter()
        chunks = list(decode())
        best = min(best, time.perf_counter() - began)
    return best, EventColumns.concat(chunks)


def _by_faery(path: Path, size: tuple[int, int], runs: int) -> tuple[float, EventColumns | None]:
    if importlib.util.find_spec("faery") is None:
        return np.inf, None
    faery: Any = importlib.import_module("faery")
    best, packets = np.inf, []
    try:
        for _ in range(runs):
            began = time.perf_counter()
            packets = list(faery.events_stream_from_file(path, dimensions_fallback=size))
            best = min(best, time.perf_counter() - began)
        events = np.concatenate(packets)
        return best, EventColumns.of(events["x"], events["y"], events["t"], events["on"])
    except BaseException as error:  # a panic of its Rust code is not an Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return np.inf, None


def _same(ours: EventColumns, theirs: EventColumns) -> bool:
    """Whether events are equal, up to the time that is called zero."""
    if ours.count != theirs.count or ours.count == 0:
        return ours.count == theirs.count
    shift = ours.t_us - theirs.t_us
    columns = ((ours.x, theirs.x), (ours.y, theirs.y), (ours.polarity, theirs.polarity))
    return bool((shift == shift[0]).all()) and all(np.array_equal(one, other) for one, other in columns)
