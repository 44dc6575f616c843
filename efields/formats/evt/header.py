"""The text before the data of Prophesee's RAW and DAT files: lines that begin with '%', a word and its value each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from efields.errors import InputError

MOST = 1 << 16
"""Bytes in which a header must end."""


@dataclass(frozen=True)
class Header:
    """The header of a RAW or DAT file."""

    lines: tuple[str, ...]
    """Its lines without the '%'."""
    values: dict[str, str]
    """First word of a line in lower case to the rest of it; of lines that say the same word, the last."""
    end: int
    """Byte where the data begin."""

    def number(self, word: str) -> int | None:
        """The value of a word as a number; None where it is absent or none."""
        value = self.values.get(word, "")
        return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else None

    def size(self) -> tuple[int, int] | None:
        """Width and height, of `geometry WxH`, of `format NAME;width=W;height=H`, or of `Width` and `Height`."""
        if found := re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", self.values.get("geometry", "")):
            return int(found[1]), int(found[2])
        parts = dict(part.split("=", 1) for part in self.values.get("format", "").lower().split(";") if "=" in part)
        sizes = [parts.get(word) or self.values.get(word, "") for word in ("width", "height")]
        if all(re.fullmatch("[0-9]{1,5}", size) for size in sizes):
            return int(sizes[0]), int(sizes[1])
        return None


def read_header(start: bytes) -> Header:
    """The header at the start of a file, of which some bytes are given; empty where it has none.

    It ends with '% end', or where no further line of printable text begins with '%'.
    """
    lines, at = [], 0
    while start[at : at + 1] == b"%":
        stop = start.find(b"\n", at)
        line = start[at + 1 : stop].rstrip(b"\r")
        # The data may begin with the byte of '%' too.
        if stop < 0 or not all(32 <= byte < 127 or byte == 9 for byte in line):
            break
        lines.append(line.decode("ascii").strip())
        at = stop + 1
        if lines[-1] == "end":
            break
    values = {}
    for line in lines:
        word, _, value = line.partition(" ")
        values[word.lower().rstrip(":")] = value.strip()
    return Header(tuple(lines), values, at)


def checked_header_size(header: Header, path: Path) -> tuple[int, int] | None:
    """The size in the header. Raises `InputError` where it is not a size of a sensor."""
    size = header.size()
    if size is not None and not (1 <= size[0] <= 1 << 14 and 1 <= size[1] <= 1 << 14):
        raise InputError(
            f"its header gives a sensor of {size[0]} x {size[1]}", path, "give the size with --width and --height"
        )
    return size
