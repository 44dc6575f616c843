"""The bytes of files: the first few, for recognition, or all of them, memory-mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from efields.errors import InputError


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file; none for what is no readable file. For `matches`, which raises nothing."""
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def opened_bytes(path: Path) -> np.ndarray:
    """The whole file as bytes, memory-mapped. Raises `InputError` for a folder, an unreadable file and an empty one."""
    if path.is_dir():
        raise InputError("is a folder, not a file", path, "give a file inside it")
    try:
        if path.stat().st_size == 0:
            raise InputError("is empty", path, "copy the file again")
        return np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
