"""The intact part of a damaged file of records of one size: runs of records that a camera could have written.

A record is broken by itself (of no known type, outside the sensor), or by the step from the one before (a time that
jumps). Behind a broken record the next run is looked for at every byte, as bytes may be missing, not only changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from efields.formats.damages import Damages

RUN = 48
"""Records in a row without fault that are trusted."""
_MARGIN = 16
"""Records before a broken one that are not trusted either: garbage may look whole for some."""
_FEWEST, _MOST = 1 << 10, 1 << 16
"""Records looked at together: few behind a fault, as more are likely there."""

Faults = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Whole records (bytes) to two masks, one entry a record: broken by itself, and broken by the step to it."""


def whole_runs(
    data: np.ndarray, start: int, size: int, faults: Faults, what: str, damages: Damages
) -> Iterator[tuple[np.ndarray, bool]]:
    """Bytes of whole records from `start` on, and whether bytes were skipped before them, which are a damage."""
    at, count, skipped = start, _MOST, False
    while at + size <= len(data):
        count = min(count, (len(data) - at) // size)
        piece = np.asarray(data[at : at + count * size])
        itself, step = faults(piece)
        broken = itself | step
        if not broken.any():
            yield piece, skipped
            at, count, skipped = at + count * size, min(2 * count, _MOST), False
            continue
        first = int(np.argmax(broken))
        kept = max(first - _MARGIN, 0)
        if kept:
            yield piece[: kept * size], skipped
        again = _next_run(data, at + first * size + 1, size, faults)
        damages.found(what, byte=at + first * size, lost_bytes=again - at - kept * size)
        at, count, skipped = again, _FEWEST, True
    if at < len(data):
        damages.found("the last record is truncated", byte=at, lost_bytes=len(data) - at)


def _next_run(data: np.ndarray, begin: int, size: int, faults: Faults) -> int:
    """The first byte at or behind `begin` where a run starts; the end of the data where none does."""
    span = _FEWEST * size
    while begin + size <= len(data):
        window = np.asarray(data[begin : begin + span + (RUN + 1) * size])
        found = [at for shift in range(size) if (at := _run_in(window, shift, size, faults)) is not None]
        if found and min(found) < span:
            return begin + min(found)
        begin, span = begin + span, min(2 * span, _MOST * size)
    return len(data)


def _run_in(window: np.ndarray, shift: int, size: int, faults: Faults) -> int | None:
    """The first byte of a run whose records begin `shift` bytes behind a multiple of their size."""
    count = (len(window) - shift) // size
    if count < RUN:  # only at the end of a file: too few to be trusted
        return None
    itself, step = faults(window[shift : shift + count * size])
    broken = np.concatenate([[0], np.cumsum(itself | step)])
    # The step to the first record of a run comes from what is broken, so it does not count.
    whole = ~itself[: count - RUN + 1] & (broken[RUN:] - broken[1 : count - RUN + 2] == 0)
    return shift + size * int(np.argmax(whole)) if whole.any() else None
