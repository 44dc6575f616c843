"""What a flag can name: numbers, a file, or one part of a file (`FILE:cam1`, `BAG:/topic`); and its contents."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from efields.errors import InputError

_LARGEST_YAML, _LARGEST_JSON = 4 << 20, 256 << 20
"""Bytes: far above any calibration, and soon parsed."""
_OPENCV_TAG = re.compile(r"!!opencv-[a-z-]+")
_OPENCV_HEAD = re.compile(r"\A\ufeff?\s*%YAML[: ].*\n(?:---\s*\n)?")


def numbers_of(text: str) -> list[float] | None:
    """The numbers of a text that holds nothing else, between commas, semicolons or blanks; None for any other text."""
    words = re.split(r"[,;\s]+", text.strip().strip("[]()"))
    try:
        numbers = [float(word) for word in words if word]
    except ValueError:
        return None
    return numbers if numbers and all(map(math.isfinite, numbers)) else None


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
    raise InputError("no such file or folder", source, f"give the path of {what}")


def absolute(source: str) -> str:
    """The source with its path made absolute; numbers, and what is not there, stay as they are."""
    if not source or numbers_of(source) is not None:
        return source
    try:
        path, part = split(source, "a file")
    except InputError:
        return source
    return f"{path.resolve()}:{part}" if part else str(path.resolve())


def read_text(path: Path, largest: int) -> str:
    """A text of at most `largest` bytes. Raises `InputError` for a folder, an unreadable or larger file, or no text."""
    if path.is_dir():
        raise InputError("is a folder, not a file", path, "name the file in it")
    try:
        if path.stat().st_size > largest:
            raise InputError(f"is larger than {largest >> 20} MB", path, "name a file of camera or poses alone")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    except UnicodeDecodeError as error:
        raise InputError(f"is no text (byte {error.start:,})", path, "check that it is the file you mean") from None
    if not text.strip():
        raise InputError("is empty", path, "copy the file again")
    return text


def starts_like_json(path: Path) -> bool:
    """Whether the first byte that is not blank opens a JSON object."""
    try:
        with path.open("rb") as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    except OSError:
        return False


def read_document(path: Path) -> dict[str, Any]:
    """The mapping in a JSON or YAML file, OpenCV's dialect of YAML included.

    Raises `InputError` when it is neither, or holds no mapping.
    """
    kind = "JSON" if starts_like_json(path) else "YAML"
    text = read_text(path, _LARGEST_JSON if kind == "JSON" else _LARGEST_YAML)
    try:
        found = json.loads(text.removeprefix("\ufeff")) if kind == "JSON" else _read_yaml(text)
    except Exception as error:  # parsers of damaged files raise whatever they meet first
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"is not readable as {kind} ({said})", path, "copy or write it again") from None
    if not isinstance(found, dict):
        raise InputError("holds no names with values", path, "check that it is the file you mean")
    return found


def _read_yaml(text: str) -> Any:
    from ruamel.yaml import YAML

    # OpenCV writes a directive and a tag that YAML does not know.
    plain = _OPENCV_TAG.sub("", _OPENCV_HEAD.sub("", text))
    return YAML(typ="safe", pure=True).load(plain)


def floats(value: Any, name: str, path: Path) -> list[float]:
    """A list of finite numbers, lists in it laid end to end, or the `data` of a matrix; none for None.

    Raises `InputError` for anything else.
    """
    if isinstance(value, dict):
        value = value.get("data")
    if value is None:
        return []
    rows = value if isinstance(value, list | tuple) else [value]
    flat = [item for row in rows for item in (row if isinstance(row, list | tuple) else [row])]
    try:
        numbers = [float(item) for item in flat]
    except (TypeError, ValueError, OverflowError):
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"'{name}' is not a list of finite numbers", path, "mend it")
    return numbers


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a list of numbers may be too long for a name
        return False
