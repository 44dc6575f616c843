"""HDF5 files written so that a full disk is an error: the library itself crashes when it cannot write what it has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import h5py


@contextlib.contextmanager
def writing_hdf5(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """An HDF5 file to write to, and what to call now and then: it raises the `OSError` of a disk that is full.

    The error is raised at the end of the block at the latest.
    """
    import h5py

    with path.open("w+b", buffering=0) as raw:
        disk = _Disk(raw)
        try:
            with h5py.File(disk, "w") as file:
                yield file, disk.check
        except Exception:
            disk.check()  # what the library says of it
            raise
        disk.check()


class _Disk:
    """A file whose writing seems to succeed always; the first error is kept for `check`."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._error: OSError | None = None
        self.read, self.seek, self.tell, self.flush = raw.read, raw.seek, raw.tell, raw.flush

    def check(self) -> None:
        """Raise the first error there was."""
        if self._error is not None:
            raise self._error

    def write(self, data: bytes) -> int:
        """Write all of it, unless writing has failed before."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while self._error is None and len(left):
                left = left[self._raw.write(left) :]
        except OSError as error:
            self._error = error
        return size

    def readinto(self, buffer: memoryview) -> int:
        """Read, with zeros for what could not be written."""
        got: int = self._raw.readinto(buffer)  # pyright: ignore[reportAttributeAccessIssue]  # a raw file has it
        buffer[got:] = bytes(len(buffer) - got)
        return len(buffer)

    def truncate(self, size: int) -> int:
        """Change the size of the file, unless writing has failed before."""
        try:
            if self._error is None:
                self._raw.truncate(size)
        except OSError as error:
            self._error = error
        return size
