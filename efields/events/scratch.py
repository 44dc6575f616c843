"""Temporary arrays in files, for what is larger than memory."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields.errors import InputError
from efields.processes import WRITER, gone, writer

_OURS = re.compile(rf"scratch-({WRITER})-.+")
IN_MEMORY = 1 << 26
"""Events that are held in memory; more go to files."""


def scratch_folder() -> Path:
    """Where such files go: $EFIELDS_SCRATCH, else the user's cache (a temporary folder may itself be memory)."""
    given = os.environ.get("EFIELDS_SCRATCH")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "efields"


def pieces(length: int, size: int, *columns: np.ndarray) -> Iterator[slice]:
    """Slices of at most `size` that cover `length`; if that is more than fits in memory, the memory-mapped pages of
    `columns` are released after each slice (and read again when needed), so that a pass over files takes no memory.
    """
    for first in range(0, length, size):
        yield slice(first, min(first + size, length))
        if length > IN_MEMORY:
            give_back(*columns)


def give_back(*columns: np.ndarray) -> None:
    """Release the memory-mapped pages of columns; what is read again comes from their files."""
    for column in columns:
        base: Any = column
        while base is not None:
            if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                base.madvise(mmap.MADV_DONTNEED)
            base = getattr(base, "base", None)


def _remove_left_over(folder: Path) -> None:
    """Remove what killed processes of this machine left behind."""
    for name in os.listdir(folder):
        found = _OURS.fullmatch(name)
        if found is not None and gone(found[1]):
            shutil.rmtree(folder / name, ignore_errors=True)


class Scratch:
    """A folder of arrays that goes when nothing refers to it any more, or the process ends."""

    def __init__(self) -> None:
        self._columns = 0
        try:
            scratch_folder().mkdir(parents=True, exist_ok=True)
            _remove_left_over(scratch_folder())
            self._folder = Path(tempfile.mkdtemp(prefix=f"scratch-{writer()}-", dir=scratch_folder()))
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror or error})", scratch_folder(), "set EFIELDS_SCRATCH to a folder"
            ) from None
        self._finalizer = weakref.finalize(self, shutil.rmtree, self._folder, True)

    def column(self, dtype: type | np.dtype) -> Column:
        """A column that grows as it is written."""
        self._columns += 1
        return Column(self, self._folder / f"{self._columns}.bin", np.dtype(dtype))


class Column:
    """One growing array in a file."""

    def __init__(self, scratch: Scratch, path: Path, dtype: np.dtype) -> None:
        self._scratch, self._path, self._dtype, self._length = scratch, path, dtype, 0

    def append(self, values: np.ndarray) -> None:
        """Append values. Raises `InputError` when the disk is full."""
        try:
            with self._path.open("ab") as file:
                file.write(np.ascontiguousarray(values, dtype=self._dtype).data)
        except OSError as error:
            raise self._no_room(error) from None
        self._length += len(values)

    def array(self) -> np.ndarray:
        """The whole column, mapped and writable; it keeps its folder alive."""
        if self._length == 0:
            return np.empty(0, self._dtype)
        mapped: Any = _Kept(self._path, dtype=self._dtype, mode="r+", shape=(self._length,))
        mapped.scratch = self._scratch
        return mapped

    def _no_room(self, error: OSError) -> InputError:
        what = f"cannot be written ({error.strerror or error})"
        return InputError(what, scratch_folder(), "free some space, or set EFIELDS_SCRATCH to a folder with more")


class _Kept(np.memmap):
    """A mapped array that refers to its scratch; so do its views."""

    scratch: Scratch | None = None

    def __array_finalize__(self, obj: object) -> None:
        super().__array_finalize__(obj)  # pyright: ignore[reportAttributeAccessIssue]
        self.scratch = getattr(obj, "scratch", None)
