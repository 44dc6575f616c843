"""Options that the Configs of several loaders share, each defined once: a Config inherits what its layout has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from efields.cameras.rig import WhichFrames
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.formats.arrays.places import ArrayOptions
from efields.formats.columns.time_unit import TimeUnit
from efields.formats.damages import Damages
from efields.ranges import EveryNth, Microseconds, NotNegative, PixelsOrUnknown, Range, Threshold
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import gathered, recording_of
from efields.recordings.recording import ASSUMED_THRESHOLDS, Recording


@dataclass(frozen=True)
class Salvaging:
    """A file that can be damaged in part."""

    salvage: bool = False
    """Whether to recover the intact part of a damaged file."""

    def gathered(self, file: EventFile) -> tuple[EventStream, tuple[str, ...]]:
        """All events of a file in order of time, with notes on the file and on what was lost.

        Raises `InputError` for damage, unless `salvage`, and where there is no event.
        """
        events = gathered(file, damages := Damages(file.path, self.salvage))
        return events, file.notes + damages.notes


@dataclass(frozen=True)
class OneFile(Salvaging):
    """Events of one file that is read in one pass."""

    width: PixelsOrUnknown = 0
    """Width of the sensor in pixels; 0: as in the file, else the smallest known sensor that contains all events."""
    height: PixelsOrUnknown = 0
    """Height of the sensor in pixels; 0: like `width`."""

    def load(self, path: str | Path) -> Recording:
        """Read all of `path`. Raises `InputError` for what is missing or ambiguous, and for damage unless `salvage`."""
        return recording_of(self.open(path), self.salvage)

    def open(self, path: str | Path) -> EventFile:
        """Open `path` for one pass over its events. Raises `InputError` for what is not a file of the format."""
        raise NotImplementedError


@dataclass(frozen=True)
class Table(OneFile):
    """Events in a table whose columns may or may not have names."""

    columns: str = ""
    """Order of the columns of a table, such as "t x y p", "-" for one to leave out; empty: detected."""
    time_unit: TimeUnit = "auto"
    """Unit of the times; "auto": detected from names or values."""

    @property
    def array_options(self) -> ArrayOptions:
        """The same for the search for columns among arrays."""
        return ArrayOptions(columns=self.columns, time_unit=self.time_unit, width=self.width, height=self.height)


@dataclass(frozen=True)
class KeyedTable(Table):
    """One table among others."""

    key: str = ""
    """Name of the table, struct or group of events, nested names joined by a dot; empty: detected."""

    @property
    def array_options(self) -> ArrayOptions:
        """The same for the search for the table among arrays, and its columns."""
        return replace(super().array_options, key=self.key)


@dataclass(frozen=True)
class Thresholds:
    """Contrast thresholds that a layout does not give."""

    c_pos: Threshold = 0.25
    """Contrast threshold of ON events (change of log intensity), which the files do not say."""
    c_neg: Threshold = 0.25
    """Contrast threshold of OFF events."""

    @property
    def sensor(self) -> Sensor:
        """The sensor of these thresholds."""
        return Sensor(c_pos=self.c_pos, c_neg=self.c_neg)

    @property
    def thresholds_note(self) -> str:
        """Note that they are assumed."""
        return f"{ASSUMED_THRESHOLDS}: {self.c_pos:g} ON, {self.c_neg:g} OFF."


@dataclass(frozen=True)
class AssumedSensor(Thresholds):
    """A sensor that a dataset does not describe."""

    refractory_us: Microseconds = 0.0
    """Refractory period in microseconds; the dataset does not say."""

    @property
    def sensor(self) -> Sensor:
        """The sensor of these thresholds and this refractory period."""
        return Sensor(c_pos=self.c_pos, c_neg=self.c_neg, refractory_us=self.refractory_us)


@dataclass(frozen=True)
class Span:
    """A part of a long sequence."""

    start_s: NotNegative = 0.0
    """Seconds after the first event from which to read."""
    stop_s: Annotated[float, Range(above=0, most=1e12, infinite=True)] = math.inf
    """Seconds after the first event up to which to read."""


@dataclass(frozen=True)
class Extrapolated:
    """Poses that may end before the events do."""

    extrapolate_s: NotNegative = 0.0
    """Seconds by which the poses may be extrapolated at constant velocity at either end, to reach events beyond."""


@dataclass(frozen=True)
class Interpolated(Extrapolated):
    """Poses between which the camera moves."""

    trajectory: Literal["linear", "cubic"] = "linear"
    """How poses are interpolated."""


@dataclass(frozen=True)
class EveryView:
    """Posed images, of which a part may suffice."""

    view_stride: EveryNth = 1
    """Read only every n-th view."""


@dataclass(frozen=True)
class Outside:
    """Files that refer to other files."""

    outside: bool = False
    """Whether files that the recording refers to, or links in it, may be outside its folder."""


@dataclass(frozen=True)
class PosedSequence(Span, Interpolated, AssumedSensor, Salvaging):
    """A sequence of a dataset with poses, and frames of the same rig."""

    frames: WhichFrames = "none"
    """Which frames to read: those taken during the events, all that the poses cover, or none."""
