"""What happens to a recording between its loader and a writer: order, filters, and the same for camera and frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from efields.conversion.changes import Changes
from efields.conversion.raster import camera_after, image_after
from efields.conversion.time_shift import moved_chunks, moved_side
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.filters import (
    BackgroundActivity,
    Counted,
    Filter,
    HotPixels,
    Refractory,
    Thin,
    TimeSlice,
    filtered,
    pixels_above_rate,
)
from efields.events.ordered import InOrder, sorted_whole
from efields.events.resampling import Crop, Downsample, Flip, Resampling, Rotate
from efields.events.side_streams import Frames, SideStreams
from efields.events.statistics import hot_pixels_of
from efields.events.survey import Survey
from efields.formats.damages import Damages
from efields.geometry.camera import Camera
from efields.recordings.event_file import EventFile, InFileOrder


@dataclass
class Conversion:
    """The events of `file`, on their way to a writer."""

    chunks: Iterator[EventColumns]
    """Sorted by time and inside the sensor; may be iterated once."""
    width: int
    """Columns of the sensor afterwards."""
    height: int
    """Rows of the sensor afterwards."""
    camera: Camera | None
    """The camera afterwards."""
    side: SideStreams
    """IMU, frames and triggers afterwards."""
    filters: list[Counted]
    """The filters, which count while the chunks are read."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""
    shift_us: int = 0
    """What was added to the times."""
    read: int = 0
    """Events that have been read, inside the sensor, before any filter."""
    _order: InOrder | None = field(default=None, repr=False)
    _in_file_order: InFileOrder | None = field(default=None, repr=False)

    @property
    def said(self) -> tuple[str, ...]:
        """The notes, with what the clock did as far as it has been read."""
        order = None if self._in_file_order is None else self._in_file_order.order
        return self.notes if order is None else self.notes + order.of_parts + order.of_strays

    @property
    def backwards(self) -> int:
        """Events that went backwards in time and were put in order, as far as they have been read."""
        return 0 if self._order is None else self._order.backwards


def survey(file: EventFile, salvage: bool, on_chunk: Callable[[int], None]) -> Survey:
    """Counts of all events, in a pass of their own; `on_chunk` is told how many there were so far."""
    seen = Survey(file.width, file.height)
    for chunk in file.events(Damages(file.path, salvage)):
        seen.add(chunk)
        on_chunk(seen.events)
    return seen


def prepare(
    file: EventFile, changes: Changes, damages: Damages, seen: Survey | None = None, sort_all: bool = False
) -> Conversion:
    """Prepare the events of `file` for a writer, and check that there are any.

    Raises `InputError` for filters that do not fit the sensor, and when no events are left.
    """
    conversion = Conversion(iter(()), file.width, file.height, file.camera, SideStreams(), [], file.notes)

    conversion._in_file_order = in_file_order = InFileOrder(file, damages)

    def counted() -> Iterator[EventColumns]:
        for chunk in in_file_order:
            conversion.read += chunk.count
            yield chunk

    if sort_all:
        ordered = sorted_whole(counted())
    else:
        conversion._order = InOrder(counted(), damages.found)
        ordered = iter(conversion._order)
    first = next(ordered, None)
    if first is None:
        raise InputError("has no events", file.path, "choose a recording with events")
    span = _slice(changes, int(first.t_us[0]))
    rasters = _rasters(changes, file)
    conversion.filters = [Counted(each) for each in (*span, *_droppers(changes, file, seen), *rasters)]
    if changes.thin > 1:
        conversion.filters.append(Counted(Thin(changes.thin)))
    conversion.side = file.side_streams(Damages(file.path, damages.salvage))
    for slice_ in span:
        conversion.side = _side_between(conversion.side, slice_)
    for raster in rasters:
        _change_raster(conversion, raster)
    left, first_us = _not_empty(filtered(_chained(first, ordered), conversion.filters), conversion, file)
    conversion.shift_us = round(changes.shift * 1e6) - (first_us if changes.from_zero else 0)
    conversion.chunks = moved_chunks(left, conversion.shift_us)
    conversion.side = moved_side(conversion.side, conversion.shift_us)
    return conversion


def _slice(changes: Changes, origin_us: int) -> list[TimeSlice]:
    if changes.start is None and changes.stop is None:
        return []
    start, stop = (None if s is None else origin_us + round(s * 1e6) for s in (changes.start, changes.stop))
    return [TimeSlice(start, stop)]


def _droppers(changes: Changes, file: EventFile, seen: Survey | None) -> list[Filter]:
    """The filters on the whole sensor, in the order in which they make sense: broken pixels support no neighbours."""
    size, filters = (file.width, file.height), []
    if changes.needs_counts and seen is not None:
        hot = hot_pixels_of(seen.counts) if changes.hot_pixels else np.zeros(0, dtype=np.int64)
        if changes.hot_rate_hz is not None:
            fast = pixels_above_rate(seen.counts, seen.last_us - seen.first_us, changes.hot_rate_hz)
            hot = np.union1d(hot, fast)
        filters.append(HotPixels(hot, *size, name=f"from {len(hot)} hot pixels"))
    if changes.background_us is not None:
        filters.append(BackgroundActivity(changes.background_us, *size))
    if changes.refractory_us:
        filters.append(Refractory(changes.refractory_us, *size))
    return filters


def _rasters(changes: Changes, file: EventFile) -> list[Resampling]:
    """Crop, then join pixels, then turn, then flip."""
    steps: list[Resampling] = []
    width, height = file.width, file.height
    if changes.rectangle is not None:
        steps.append(Crop(*changes.rectangle).checked(width, height))
        width, height = steps[-1].width, steps[-1].height
    if changes.downsample > 1:
        steps.append(Downsample(changes.downsample, width, height, changes.accumulate))
        width, height = steps[-1].width, steps[-1].height
    if changes.rotate == 90 or changes.rotate == 180 or changes.rotate == 270:
        turns: Any = changes.rotate // 90
        steps.append(Rotate(turns, width, height))
        width, height = steps[-1].width, steps[-1].height
    if changes.flip != "none":
        steps.append(Flip(changes.flip, width, height))
    return steps


def _change_raster(conversion: Conversion, step: Resampling) -> None:
    """Do to the camera and the frames what `step` does to the events."""
    camera, frames = conversion.camera, conversion.side.frames
    if isinstance(step, Flip) and camera is not None:
        conversion.notes += ("A mirrored image has no pinhole camera: the calibration was left out.",)
    if frames is not None and frames.image.shape[1:3] != (conversion.height, conversion.width):
        conversion.notes += (f"{len(frames)} frames do not have the sensor's size and were left out.",)
        frames = None
    conversion.camera = None if camera is None else camera_after(camera, step)
    if frames is not None:
        frames = replace(frames, image=image_after(frames.image, step))
    conversion.side = replace(conversion.side, frames=frames)
    conversion.width, conversion.height = step.width, step.height
    if conversion.side.imu is not None and isinstance(step, (Rotate, Flip)):
        conversion.notes += ("IMU samples keep the axes of their sensor, unlike the image.",)


def _side_between(side: SideStreams, span: TimeSlice) -> SideStreams:
    """What was recorded besides the events in the slice of time."""

    def inside(t_us: np.ndarray) -> np.ndarray:
        first = -np.inf if span.start_us is None else span.start_us
        last = np.inf if span.stop_us is None else span.stop_us
        return np.flatnonzero((t_us >= first) & (t_us < last))

    imu, frames, triggers = side.imu, side.frames, side.triggers
    if imu is not None:
        at = inside(imu.t_us)
        imu = replace(imu, t_us=imu.t_us[at], gyro=imu.gyro[at], acceleration=imu.acceleration[at])
    if frames is not None:
        at = inside(frames.t_us)
        names = tuple(frames.names[i] for i in at) if frames.names else ()
        frames = Frames(frames.image[at], frames.t_us[at], frames.white, names) if at.size else None
    if triggers is not None:
        at = inside(triggers.t_us)
        triggers = replace(triggers, t_us=triggers.t_us[at], rising=triggers.rising[at])
    return SideStreams(imu, frames, triggers)


def _chained(first: EventColumns, others: Iterator[EventColumns]) -> Iterator[EventColumns]:
    yield first
    yield from others


def _not_empty(
    chunks: Iterator[EventColumns], conversion: Conversion, file: EventFile
) -> tuple[Iterator[EventColumns], int]:
    """The same chunks, and the time of the first event. Raises `InputError` at once when there is none."""
    first = next(chunks, None)
    if first is None:
        dropped = ", ".join(f"{each.dropped:,} {each.filter.name}" for each in conversion.filters if each.dropped)
        raise InputError(f"no events are left ({dropped})", file.path, "filter less")
    return _chained(first, chunks), int(first.t_us[0])
