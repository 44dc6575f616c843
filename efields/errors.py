"""The one error that a user's input can cause."""

from __future__ import annotations

import os

LONGEST = 500
"""Characters of a message: of a longer one the start and the end are kept."""


class InputError(Exception):
    """Invalid input: what is wrong, where, and what to do, on one line.

    The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, what: str, where: str | os.PathLike[str] | None = None, do: str | None = None) -> None:
        self.what, self.where, self.do = what, where, do
        line = what if where is None or str(where) == "" else f"{os.fspath(where)}: {what}"
        super().__init__(_readable(line if do is None else f"{line}; {do}"))


def printable(text: str) -> str:
    """The text with a space for each control character, for what a file says must not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def _readable(text: str) -> str:
    """One line without control characters, and not longer than anybody reads."""
    line = " ".join(printable(text).split())
    start = 3 * LONGEST // 5
    return line if len(line) <= LONGEST else f"{line[:start]} ... {line[start + 5 - LONGEST :]}"
