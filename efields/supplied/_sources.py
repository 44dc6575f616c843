"""What a flag can name: numbers, a file, or one part of a file (`FILE:cam1`, `BAG:/topic`); and its contents."""

from __future__ import annotations

from pathlib import Path

from efields.errors import InputError
from efields.formats.text.numbers import number_rows
from efields.settings import neighbour_or


def numbers_of(text: str, where: str | Path) -> list[float] | None:
    """The numbers of a text that holds nothing else, in any rows and brackets; None for any other text."""
    rows = number_rows(text, where)
    return None if rows is None else [number for row in rows for number in row]


def split(source: str, what: str) -> tuple[Path, str]:
    """The file or folder of a source, and the part of it that is named after the last colon ("" for none).

    `what` says in messages what the source is to hold. Raises `InputError` when nothing is there.
    """
    whole = Path(source).expanduser()
    if _exists(whole):
        return whole, ""
    head, _, part = source.rpartition(":")
    if head and _exists(Path(head).expanduser()):
        return Path(head).expanduser(), part
    raise InputError("no such file or folder", source, neighbour_or(source, f"give the path of {what}"))


def absolute(source: str) -> str:
    """The source with its path made absolute; numbers, and what is not there, stay as they are."""
    if not source or numbers_of(source, source) is not None:
        return source
    try:
        path, part = split(source, "a file")
    except InputError:
        return source
    return f"{path.resolve()}:{part}" if part else str(path.resolve())


def starts_like_json(path: Path) -> bool:
    """Whether the first byte that is not blank opens a JSON object."""
    return first_character(path) == "{"


def first_character(path: Path) -> str:
    """The first byte of a file that is not blank, as a character; "" where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1].decode("latin-1")
    except OSError:
        return ""


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a list of numbers may be too long for a name
        return False
