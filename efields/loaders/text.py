"""Events as text, one per line: .txt and .csv files of many datasets and tools.

A line holds x, y, time and polarity, in an order and with a separator (blanks, tab, comma, semicolon) that vary: the
Event Camera Dataset has `t x y p` in seconds, others `x y p t` or `x,y,t,p` in micro- or nanoseconds. The first lines
may be comments (#, %, //), the size of the sensor as `width height`, and the names of the columns. Polarity is 0 and 1,
-1 and 1, or a word (true, false, on, off). What the file does not say is found from its first lines and noted; options
say otherwise. Times are rounded to whole microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.errors import InputError
from efields.formats.text.events import read_events
from efields.formats.text.head import SEPARATORS, looks_like_events, read_head
from efields.loaders._options import Table
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size, with_assumed_size

BEGINS = rb""


@dataclass(frozen=True)
class Config(Table):
    """How to read events from text."""

    separator: str = ""
    """Separator between values: space, tab, comma or semicolon; empty: detected."""

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        checked_size(self.width, self.height, file)
        if self.separator and self.separator not in SEPARATORS:
            raise InputError(f"separator is '{self.separator}'", file, f"give one of {', '.join(SEPARATORS)}")
        head = read_head(file, self.columns, self.time_unit, self.separator)
        opened = EventFile(
            format="text",
            path=file,
            width=self.width or head.width,
            height=self.height or head.height,
            decode=lambda damages: read_events(file, head.layout, damages),
            notes=head.notes,
        )
        return opened if opened.width else with_assumed_size(opened)


def matches(path: str | Path) -> bool:
    """Whether the first lines of `path` are events."""
    return looks_like_events(Path(path))
