"""A lock that one process holds at a time; the system releases it when that process ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from efields.errors import InputError

log = logging.getLogger(__name__)

_BYTE = 1 << 30  # Windows locks bytes, and nobody can read a locked one: this one lies behind all that is written
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}


class Busy(InputError):
    """Another process holds the lock."""


@contextlib.contextmanager
def held(path: Path, doing: str, do: str, *, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of the file `path` while the block runs; the file goes afterwards, and so do folders made for it.

    Raises `Busy` when another process has held it for `patience_s` seconds: who, since when, `doing` what ("is being
    trained"), and what to `do`. Where the file system knows no locks, a warning says so and the block runs.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    end = time.monotonic() + patience_s
    while isinstance(handle := _taken(path), str):
        if time.monotonic() >= end:
            raise Busy(f"{doing} by {handle}", path.parent, do)
        time.sleep(0.05)
    try:
        yield
    finally:
        if sys.platform != "win32":  # while it is held, so that nobody takes a file that is about to go
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(handle)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True) if sys.platform == "win32" else None
            for folder in made:
                folder.rmdir()


def _taken(path: Path) -> int | str:
    """The handle of the lock's file, locked; or who holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(handle)
                if _is_at(handle, path):
                    os.truncate(handle, 0)
                    os.write(handle, json.dumps({"pid": os.getpid(), "since": time.time()}).encode())
                    return handle
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    log.warning("%s: this file system has no locks; do not train twice into one folder", path.parent)
                    return handle
                os.close(handle)
                if error.errno in _TAKEN:
                    return _holder(path)
                raise
            os.close(handle)
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        raise InputError(what, path.parent, "free some space or choose another folder") from None


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(handle: int, path: Path) -> bool:
    """Whether this is the file at `path` still: its last holder removes it before letting go."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(content["since"])))
        return f"process {int(content['pid'])} since {since}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):  # it is only just written, or gone
        return "another process"
