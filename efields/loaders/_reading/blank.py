"""Blocks that nobody recorded: what a disk or a download never wrote reads as zeros, or as ones.

Cameras write no such records: two of them would be two events of one pixel in one microsecond, both at time zero.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from efields.event_file import Damages

ZEROS, ONES = "a block of zeros where events should be", "a block of 0xFF bytes where events should be"


def runs_of(mask: Bool[np.ndarray, " n"], least: int) -> Bool[np.ndarray, " n"]:
    """The entries of a mask that stand in runs of at least so many."""
    if not mask.any():
        return mask
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = stops - starts >= least
    change = np.zeros(len(mask) + 1, np.int64)
    change[starts[long]] = 1
    change[stops[long]] = -1
    return np.cumsum(change[:-1]).astype(bool)


def blank_records(data: np.ndarray, size: int, least: int = 2) -> Bool[np.ndarray, " n"]:
    """Which records of `size` bytes, one after the other, are all zeros or all ones, `least` or more in a row."""
    records = data[: len(data) // size * size].reshape(-1, size)
    first = records[:, 0]
    if not ((first == 0) | (first == 255)).any():
        return np.zeros(len(records), bool)
    lowest, highest = records.min(axis=1), records.max(axis=1)
    return runs_of(highest == 0, least) | runs_of(lowest == 255, least)


def report_blank(data: np.ndarray, size: int, byte: int, damages: Damages, least: int = 2) -> None:
    """Report the first block of records that are all zeros or all ones; `byte` is where the data begin in the file."""
    blank = blank_records(data, size, least)
    if blank.any():
        at = size * int(np.argmax(blank))
        damages.found(ONES if data[at] else ZEROS, byte=byte + at, lost_bytes=size * int(np.count_nonzero(blank)))
