"""Damage found in one pass over a file: an error or, while salvaging, counts and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from efields.errors import InputError


@dataclass
class Damages:
    """Damage found in one pass over a file: the first is an error, or with `salvage` all are counted."""

    path: Path
    """The file."""
    salvage: bool = False
    """Whether to continue with what is intact."""
    lost_events: int = 0
    """Events known to be lost so far."""
    lost_bytes: int = 0
    """Bytes that were skipped so far, which hold an unknown number of events."""
    _found: dict[str, int] = field(default_factory=dict)
    _left_out: dict[str, int] = field(default_factory=dict)

    def found(
        self,
        what: str,
        *,
        byte: int | None = None,
        row: int | None = None,
        lost_events: int = 0,
        lost_bytes: int = 0,
        do: str = "copy the file again, or recover the intact part with --salvage",
    ) -> None:
        """Note one damage; `what` is a phrase without numbers that change, such as 'a timestamp goes backwards'.

        Raises `InputError` naming the byte or row, unless salvaging.
        """
        if not self.salvage:
            at = "" if byte is None and row is None else f" at byte {byte:,}" if row is None else f" in row {row:,}"
            raise InputError(f"{what}{at}", self.path, do)
        self.lost_events += lost_events
        self.lost_bytes += lost_bytes
        self._found[what] = self._found.get(what, 0) + 1

    def left_out(self, what: str, count: int = 1) -> None:
        """Note something whole that is not read, such as 'frames of an unknown type'; no error, and no silence."""
        self._left_out[what] = self._left_out.get(what, 0) + count

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out and what was salvaged, one sentence each; nothing when all was read."""
        said = tuple(f"Left out: {what} ({times:,} of them)." for what, times in self._left_out.items())
        if not self._found:
            return said
        kinds = "; ".join(f"{what} ({times} times)" if times > 1 else what for what, times in self._found.items())
        lost = [f"{n:,} {unit}" for n, unit in ((self.lost_events, "events"), (self.lost_bytes, "bytes")) if n]
        return (*said, f"Salvaged: {kinds}; lost {' and '.join(lost) or 'nothing that could be counted'}.")

    def notes_with(self, other: Damages) -> tuple[str, ...]:
        """The notes of two passes over one file; what both say is said once."""
        return self.notes + tuple(note for note in other.notes if note not in self.notes)
