"""Files that a recording refers to: inside its folder, or elsewhere only if the user allows it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from efields.errors import InputError

ALLOW = "--option outside=true allows it, for a recording that you trust"
"""What to do about a file outside the folder."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")

Finder = Callable[[Path], Path | None]
"""From the path as named to the file that is meant; None where there is none."""


def is_file(path: Path) -> Path | None:
    """The path itself where it is a file, and no folder, pipe or device."""
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # a name that no file system takes
        return None


def named_file(folder: Path, name: str, what: str, *, outside: bool = False, find: Finder = is_file) -> Path:
    """The file that is called `name` in a file of `folder`, such as "images/0.png"; `what` says what it is, in errors.

    A path of another machine (also of Windows, or a file URL) means the file in `folder` at the longest end of it that
    is there. Raises `InputError` where there is none, and for a file outside the folder unless `outside`.
    """
    text = _posix(folder, name)
    foreign = text.startswith("/") or _DRIVE.match(text) is not None
    found = find(folder / text) if text and "\0" not in text else None  # an absolute path stays itself
    if found is not None and (outside or is_inside(found, folder)):
        return found
    if foreign:
        parts = [part for part in PurePosixPath(text).parts if part not in ("/", "//", "..") and not part.endswith(":")]
        for start in range(len(parts)):
            tail = find(folder.joinpath(*parts[start:]))
            if tail is not None and is_inside(tail, folder):
                return tail
    if found is not None:
        raise InputError(f"'{name[:120]}' lies outside the folder", folder, ALLOW)
    raise InputError(f"no {what} '{name[:120]}'", folder, "copy the complete recording again")


def moved_note(names: Iterable[str], files: Iterable[Path], what: str) -> tuple[str, ...]:
    """A note where names are paths of another machine, and files of this folder were taken for them."""
    moved = [name for name, file in zip(names, files, strict=True) if _is_moved(name, file)]
    if not moved:
        return ()
    other = f"{len(moved)} {what} have paths of another machine ('{moved[0][:60]}')"
    return (f"{other}: files of the same names in the folder are read.",)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, links followed, lies in a folder."""
    return path.resolve().is_relative_to(folder.resolve())


def refuse_links(folder: Path) -> None:
    """Raise `InputError` for a link in a recording's folder that leads outside it."""
    root = folder.resolve()
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            link = Path(place, name)
            if link.is_symlink() and link.exists() and not link.resolve().is_relative_to(root):
                raise InputError(f"is a link that leads outside {folder.name or folder}", link, ALLOW)


def _posix(folder: Path, name: str) -> str:
    """A name with the separators of this machine, without the head of a file URL."""
    if name.lower().startswith("file://"):
        name = unquote(name[len("file://") :].removeprefix("localhost"))
        return name[1:] if _DRIVE.match(name[1:]) else name
    return name.replace("\\", "/") if "\\" in name and is_file(folder / name) is None else name


def _is_moved(name: str, file: Path) -> bool:
    return (name.startswith("/") or "://" in name or _DRIVE.match(name) is not None) and Path(name) != file
