"""Files that appear complete or not at all: written under a temporary name, flushed to disk, then renamed.

And names: nothing existing is replaced unless that was requested.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from efields.errors import InputError
from efields.processes import WRITER, gone, writer

_TEMPORARY = re.compile(rf"\.(?P<name>.+)\.(?P<writer>{WRITER})-[0-9a-f]{{8}}\.(?P<what>part|old)(\.\w+)?")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EACCES}


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], ending: str = "") -> Iterator[Path]:
    """Give a temporary sibling of `path` to write a file or folder to; rename it on success, remove it on failure.

    What it holds is on the disk before it gets its name. `ending` (".mp4") is that of the temporary name, for libraries
    that go by it. What killed processes left beside `path` is removed. Raises `InputError` when the file system refuses
    (no space, no permission).
    """
    target = Path(path)
    temporary = _sibling(target, "part", ending)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        inside = _inside_temporary(target)  # of a folder that is itself being written: that one does the rest
        if not inside:
            remove_left_over(target.parent)
        yield temporary
        if not inside:
            _to_disk(temporary)
        if target.is_dir() and temporary.is_dir():
            old = _sibling(target, "old")
            os.rename(target, old)
            os.rename(temporary, target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, target)
        if not inside:
            _folder_to_disk(target.parent)
    except Exception as error:
        if (refused := _refusal(error)) is None:
            raise
        raise InputError(
            f"cannot be written ({refused.strerror or refused})", target, "free some space or choose another folder"
        ) from error
    finally:
        _remove(temporary)


@contextlib.contextmanager
def folder_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder beside `path` for files on the way to it, which goes afterwards; see `remove_left_over`."""
    folder = _sibling(Path(path), "part")
    try:
        folder.mkdir()
        yield folder
    finally:
        _remove(folder)


def write_bytes(path: str | os.PathLike[str], data: bytes | memoryview) -> None:
    """Write `data` to `path` at once."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` at once, in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def refuse_existing(path: str | os.PathLike[str], overwrite: bool, marks: Sequence[str] = ()) -> None:
    """Raise `InputError` when something is at `path`, which the user named, and may not be replaced; before the work.

    An empty folder is nothing. A folder is replaced only when that was asked for and it holds one of `marks`, files
    that tell that this command wrote it.
    """
    target = Path(path)
    check_place(target)
    if not (target.exists() or target.is_symlink()) or (target.is_dir() and not any(target.iterdir())):
        return
    if not overwrite:
        raise InputError("exists already", target, "replace it with --overwrite, or give another name")
    if target.is_dir() and not any((target / mark).exists() for mark in marks):
        raise InputError("exists already, and this command did not write it", target, "give another name")


def check_place(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` when nothing can be written at `path`, before the work that would be lost: a file is tried."""
    target = Path(path).absolute()
    places = [target, *target.parents] if target.is_dir() else target.parents
    above = next(place for place in places if place.exists())
    if not above.is_dir():
        raise InputError("is a file, not the folder that the path implies", above, "give another path")
    try:
        tempfile.TemporaryFile(dir=above).close()
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", path, "choose another folder") from None


@contextlib.contextmanager
def next_free(path: str | os.PathLike[str], *, folder: bool = False) -> Iterator[Path]:
    """Claim `path`, or the first of `path-2`, `path-3`, ... (before the ending of a file) where nothing is.

    For what the user gave no name. Two processes never claim the same name; a claim that nothing was written to goes
    when the block fails. Raises `InputError` when the file system refuses.
    """
    wanted = Path(path)
    made = [parent for parent in wanted.parents if not parent.exists()]
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        claimed = _claimed(wanted, folder)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", wanted, "choose another folder") from None
    try:
        yield claimed
    except BaseException:
        with contextlib.suppress(OSError):
            if folder:
                claimed.rmdir()  # does nothing where something is inside
            elif claimed.stat().st_size == 0:
                claimed.unlink()
            for parent in made:
                parent.rmdir()
        raise


def _claimed(wanted: Path, folder: bool) -> Path:
    for number in itertools.count(1):
        stem, ending = (wanted.name, "") if folder else (wanted.stem, wanted.suffix)
        candidate = wanted if number == 1 else wanted.with_name(f"{stem}-{number}{ending}")
        try:
            if folder:
                candidate.mkdir()
            else:
                candidate.touch(exist_ok=False)
        except FileExistsError:
            continue
        return candidate
    raise AssertionError


def remove_left_over(folder: Path) -> None:
    """Remove what killed processes of this machine left half-written in a folder; what they had taken away comes back.

    Nothing of a process that lives, and nothing of other names.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            found = _TEMPORARY.fullmatch(name)
            if found is None or not gone(found["writer"]):
                continue
            origin = folder / found["name"]
            if found["what"] == "old" and not origin.exists():  # killed between the two renames
                os.rename(folder / name, origin)
            else:
                _remove(folder / name)


def _sibling(target: Path, what: str, ending: str = "") -> Path:
    return target.with_name(f".{target.name}.{writer()}-{uuid.uuid4().hex[:8]}.{what}{ending}")


def _inside_temporary(target: Path) -> bool:
    return any(_TEMPORARY.fullmatch(parent.name) for parent in target.parents)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _refusal(error: BaseException) -> OSError | None:
    """The file system's refusal that an error is, or comes from: libraries wrap a full disk in errors of their own."""
    if isinstance(error, OSError):
        return error
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _NO_ROOM:
            return seen
        seen = None if isinstance(seen, InputError) else seen.__cause__ or seen.__context__
    return None


def _to_disk(path: Path) -> None:
    """Bring a file, or a folder with all in it, to the disk, so that a name never stands for what a power cut lost."""
    if not path.is_dir():
        _sync(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
        return
    for folder, _, names in os.walk(path):
        for name in names:
            _to_disk(Path(folder, name))
        _folder_to_disk(Path(folder))


def _folder_to_disk(path: Path) -> None:
    if sys.platform != "win32":  # which gives no handle of a folder
        _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)
