"""Text files from outside: UTF-8, with a byte order mark or without; another encoding is named."""

from __future__ import annotations

from pathlib import Path

from efields.errors import InputError

_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def read_text(path: Path) -> str:
    """The text of a file. Raises `InputError` for text of another encoding, and `OSError` where it cannot be read."""
    return decoded(path.read_bytes(), path)


def decoded(data: bytes, where: Path) -> str:
    """UTF-8 as text, a byte order mark left out. Raises `InputError` for UTF-16 by name, and for what is no UTF-8."""
    if data[:2] in _UTF16 or _is_utf16(data[:64]):
        raise InputError("is text in UTF-16", where, "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start:,})", where, "save it as UTF-8") from None


def plain_head(head: bytes) -> bytes:
    """The first bytes of a text as UTF-8 without a byte order mark, so that its format is found in UTF-16 too."""
    if (encoding := _UTF16.get(head[:2]) or _is_utf16(head[:64])) is not None:
        return head.decode(encoding, "ignore").removeprefix("\ufeff").encode()
    return head.removeprefix(b"\xef\xbb\xbf")


def _is_utf16(head: bytes) -> str | None:
    """The encoding of text that has a zero in every second byte."""
    if len(head) < 4 or len(set(head[0::2]) | set(head[1::2])) < 2:
        return None
    zeros = [set(head[start::2]) == {0} for start in (0, 1)]
    return "utf-16-le" if zeros[1] else "utf-16-be" if zeros[0] else None
