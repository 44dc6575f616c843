"""Blocks that were never recorded: what a disk or a download did not write reads as zeros or ones.

Cameras write no such records: two of them would be two events of one pixel in one microsecond, both at time zero.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from efields.formats.damages import Damages

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
    count = len(data) // size
    if size % 8:
        records = data[: count * size].reshape(-1, size)
        may = np.flatnonzero((records[:, 0] == records[:, -1]) & (records[:, 0] + np.uint8(1) <= 1))
        lowest, highest = records[may].min(axis=1), records[may].max(axis=1)
        zeros, ones = np.zeros((2, count), bool)
        zeros[may], ones[may] = highest == 0, lowest == 255
    else:
        lanes = np.ascontiguousarray(data[: count * size]).view(np.uint64).reshape(-1, size // 8)
        zeros, ones = lanes[:, 0] == 0, lanes[:, 0] == np.iinfo(np.uint64).max
        for lane in range(1, size // 8):
            zeros &= lanes[:, lane] == 0
            ones &= lanes[:, lane] == np.iinfo(np.uint64).max
    return runs_of(zeros, least) | runs_of(ones, least)


def report_blank(data: np.ndarray, size: int, byte: int, damages: Damages, least: int = 2) -> None:
    """Report the first block of records that are all zeros or all ones; `byte` is where the data begin in the file."""
    blank = blank_records(data, size, least)
    if blank.any():
        at = size * int(np.argmax(blank))
        damages.found(ONES if data[at] else ZEROS, byte=byte + at, lost_bytes=size * int(np.count_nonzero(blank)))
