"""MVSEC's ground-truth flow, `<sequence>_gt_flow_dist.npz` (Zhu et al., RSS 2018).

`timestamps` (n, seconds, float64), `x_flow_dist` and `y_flow_dist` (n, 260, 346): the displacement of each pixel of
the raw image of the left camera, in pixels, from stamp k to stamp k + 1 (about 20 Hz), not a speed. Where both are 0,
or one is not finite, nothing is known. The published files may be larger than memory, so that maps are read one by one.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64

from efields.errors import InputError
from efields.events.stream import seconds_to_us

_AGAIN = "copy the file again"
_FAULTS = (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error, RuntimeError)


@dataclass(frozen=True)
class FlowMap:
    """Displacement of every pixel over one interval."""

    start_us: int
    """Absolute time from which pixels move, in microseconds."""
    stop_us: int
    """Absolute time to which they move."""
    flow: Float32[np.ndarray, "h w 2"]
    """Displacement (x, y) in pixels; 0 where it is not valid."""
    valid: Bool[np.ndarray, "h w"]
    """Where it is known."""


def read_mvsec_flow_times(path: Path) -> Int64[np.ndarray, " n"]:
    """Absolute times of the maps in microseconds. Raises `InputError` for a missing, damaged or other file."""
    with _Archive(path) as archive:
        return archive.times_us()


def read_mvsec_flow(path: Path, first: int = 0, last: int | None = None) -> Iterator[FlowMap]:
    """The maps `first` to `last` (left out), in constant memory; the last stamp has no map of its own interval.

    Raises `InputError` for a file that is missing, damaged, or of another kind.
    """
    with _Archive(path) as archive:
        times = archive.times_us()
        count = len(times) - 1
        stop = count if last is None else min(last, count)
        maps = zip(archive.maps("x_flow_dist", len(times)), archive.maps("y_flow_dist", len(times)), strict=False)
        for k, (x, y) in enumerate(maps):
            if k >= stop:
                return
            if k < first:
                continue
            if x.shape != y.shape:
                raise InputError(f"x_flow_dist is {x.shape}, y_flow_dist {y.shape}", path, _AGAIN)
            flow = np.stack((x, y), axis=-1).astype(np.float32)
            valid = np.isfinite(flow).all(axis=-1) & (flow != 0).any(axis=-1)
            flow[~valid] = 0.0
            yield FlowMap(int(times[k]), int(times[k + 1]), flow, valid)


class _Archive:
    """The arrays of an npz, streamed; whatever is wrong with it becomes one `InputError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _Archive:
        if not self.path.is_file():
            raise InputError("no such file", self.path, "give a <sequence>_gt_flow_dist.npz")
        try:
            self.zip = zipfile.ZipFile(self.path)
        except _FAULTS as error:
            raise self._damaged(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def _damaged(self, error: Exception) -> InputError:
        return InputError(f"is damaged or not an npz ({error or type(error).__name__})", self.path, _AGAIN)

    def times_us(self) -> Int64[np.ndarray, " n"]:
        try:
            if self.zip.getinfo("timestamps.npy").file_size > 1 << 26:
                raise ValueError("timestamps are too many")
            with self.zip.open("timestamps.npy") as stream:
                times = np.lib.format.read_array(stream, allow_pickle=False)
        except _FAULTS as error:
            raise self._damaged(error) from None
        if times.ndim != 1 or times.dtype.kind not in "iuf":
            raise InputError(f"'timestamps' has the shape {times.shape} ({times.dtype})", self.path, _AGAIN)
        if times.dtype.kind == "f" and times.dtype.itemsize < 8:
            raise InputError("'timestamps' are float32, which is too coarse", self.path, "write them as float64")
        return seconds_to_us(times.astype(np.float64))

    def maps(self, name: str, count: int) -> Iterator[np.ndarray]:
        """The planes of a three-dimensional array, one after the other."""
        try:
            with self.zip.open(f"{name}.npy") as stream:
                version = np.lib.format.read_magic(stream)
                read_header = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }[version]
                shape, fortran, dtype = read_header(stream)
                if len(shape) != 3 or shape[0] != count or fortran or dtype.kind != "f" or max(shape[1:]) > 1 << 14:
                    raise InputError(f"'{name}' has the shape {shape} ({dtype})", self.path, f"expected {count} maps")
                size = shape[1] * shape[2] * dtype.itemsize
                for _ in range(count):
                    data = stream.read(size)
                    if len(data) < size:
                        raise EOFError(f"'{name}' is truncated")
                    yield np.frombuffer(data, dtype=dtype).reshape(shape[1:])
        except _FAULTS as error:
            raise self._damaged(error) from None
