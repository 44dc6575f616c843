"""The text at the beginning of AEDAT 2 and 3 files: lines that begin with '#'."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from efields.errors import InputError

_ENDS = (b"#!end-header", b"# end of ascii header", b"#end of ascii header", b"#end-header")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LONGEST = 1 << 16

SENSORS = {
    "davis240": (240, 180),
    "davis346": (346, 260),
    "davis640": (640, 480),
    "davis208": (208, 192),
    "davis128": (128, 128),
    "dvs128": (128, 128),
    "tmpdiff128": (128, 128),
    "dvs132": (132, 104),
    "dvs240": (240, 180),
}
"""Columns and rows of cameras, by how their names begin."""


def read_header(data: np.ndarray, version: bytes, path: Path) -> tuple[list[str], int]:
    """The lines (without '#' and line ends) and the byte behind them.

    A line of control characters is taken for data that begin with '#'. Raises `InputError` where the first line does
    not begin with `version`, such as b'#!AER-DAT2', or has no end.
    """
    if bytes(data[: len(version)]) != version:
        name = version.decode()
        raise InputError(f"is not a file of this kind: its first line does not begin with '{name}'", path)
    lines: list[str] = []
    at = 0
    while at < len(data) and data[at] == ord("#"):
        line, feed, _ = bytes(data[at : at + _LONGEST]).partition(b"\n")
        if _BINARY.search(line):
            break
        if not feed:
            raise InputError(f"its header is truncated at byte {at + len(line):,}", path, "copy the file again")
        at += len(line) + 1
        lines.append(line.decode("utf-8", "replace").lstrip("#").strip())
        if line.lower().startswith(_ENDS):
            break
    if not lines:
        raise InputError("its header is truncated or broken", path, "copy the file again")
    return lines, at


def sensor_named(name: str) -> tuple[int, int] | None:
    """The size of the camera that a name speaks of, such as 'eu.seebetter.ini.chips.davis.DAVIS240C'."""
    last = name.strip().rpartition(".")[2].lower()
    return next((size for begin, size in SENSORS.items() if last.startswith(begin)), None)
