"""From a recording to another format or to efields' own folder, changed on the way, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from efields.atomic import refuse_existing
from efields.conversion.changes import Changes
from efields.conversion.posed import left_out, write_posed
from efields.conversion.prepare import Conversion, prepare, survey
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.survey import Survey
from efields.formats.damages import Damages
from efields.loaders import as_event_file, find, load, open_events
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording
from efields.writers import About, Writer, writer_for

OnProgress = Callable[[str, int, int], None]
"""Called with the stage ("counting events", "events"), events done and events in all, 0 where nobody knows."""


@dataclass(frozen=True)
class Converted:
    """What became of a recording."""

    format: str
    """The format that was read, in the words of its makers."""
    to: str
    """The format that was written."""
    path: Path
    """The file or folder that was written."""
    events_read: int
    """Events that were read, inside the sensor."""
    events_written: int
    """Events that were written."""
    dropped: Mapping[str, int]
    """Events that each filter dropped, where it dropped any."""
    lost_events: int
    """Events that a damage lost."""
    width: int
    """Columns of the sensor afterwards."""
    height: int
    """Rows of the sensor afterwards."""
    bytes: int
    """Size of what was written."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def convert(
    source: str | Path,
    out: str | Path,
    *,
    to: str | None = None,
    changes: Changes | None = None,
    kind: str | None = None,
    options: Mapping[str, Any] | None = None,
    sort: bool = False,
    overwrite: bool = False,
    on_progress: OnProgress = lambda stage, done, total: None,
) -> Converted:
    """Write the recording at `source` to `out`; its ending says the format, or `to`, and none is a recording folder.

    `kind` is the loader and `options` are its own; `sort` sorts all events in memory, for recordings where time goes
    far back. Raises `InputError` as loading does, and for what is at `out` already unless `overwrite`.
    """
    source, out, changes = Path(source), Path(out), changes or Changes()
    name, writer = writer_for(out, to)
    _check_place(source, out, overwrite)
    changes.check()
    options = dict(options or {})
    file, recording = _opened(source, kind, options)
    _check_size_is_known(source, file, changes, name, writer)
    damages = Damages(file.path, bool(options.get("salvage")))
    seen = None
    if changes.needs_counts:
        seen = survey(file, damages.salvage, lambda events: on_progress("counting events", events, 0))
    conversion = prepare(file, changes, damages, seen, sort)
    keeps_poses = name == "recording" and recording is not None and conversion.camera is not None
    if recording is not None and not keeps_poses:
        conversion.notes += left_out(recording)
    watched = _watched(conversion, seen, on_progress)
    if recording is not None and keeps_poses:
        written = write_posed(recording, conversion, watched, out)
    else:
        written = writer.write(
            watched, out, About(conversion.width, conversion.height, conversion.side, conversion.camera)
        )
    return _converted(file, name, out, conversion, damages, written)


def _opened(source: Path, kind: str | None, options: dict[str, Any]) -> tuple[EventFile, Recording | None]:
    """The recording, opened for passes over its events; a folder that holds poses also as a whole."""
    kind = kind or (find(source) if source.exists() else None)
    if source.is_dir() and kind is not None:
        recording = load(source, kind, **options)
        if recording.trajectory is not None:
            return as_event_file(recording, kind, source), recording
    return open_events(source, kind, **options), None


def _check_place(source: Path, out: Path, overwrite: bool) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        raise InputError("is the recording itself", out, "write to another path")
    refuse_existing(out, overwrite, ("events.h5", "raw_events.npz"))
    if out.is_dir() and source.resolve().is_relative_to(out.resolve()):
        raise InputError("holds the recording itself", out, "write to another path")


def _check_size_is_known(source: Path, file: EventFile, changes: Changes, name: str, writer: Writer) -> None:
    """Raise `InputError` if a guess would be written into a file as a fact."""
    if file.size_assumed and writer.STORES_SIZE and changes.crop is None:
        raise InputError(
            f"does not state its sensor's size, {file.width} x {file.height} is only assumed, but '{name}' stores it",
            source,
            f"confirm it with --width {file.width} --height {file.height} if it is right, or write text (.txt)",
        )


def _watched(conversion: Conversion, seen: Survey | None, on_progress: OnProgress) -> Iterator[EventColumns]:
    for chunk in conversion.chunks:
        yield chunk
        on_progress("events", conversion.read, 0 if seen is None else max(seen.events, conversion.read))


def _converted(
    file: EventFile, name: str, out: Path, conversion: Conversion, damages: Damages, written: int
) -> Converted:
    notes = (*conversion.said, *damages.notes)
    if conversion.backwards:
        notes += (f"{conversion.backwards:,} events went backwards in time and were sorted.",)
    return Converted(
        format=file.format,
        to=name,
        path=out,
        events_read=conversion.read,
        events_written=written,
        dropped={each.filter.name: each.dropped for each in conversion.filters if each.dropped},
        lost_events=damages.lost_events,
        width=conversion.width,
        height=conversion.height,
        bytes=sum(part.stat().st_size for part in (out, *out.rglob("*")) if part.is_file()),
        notes=notes,
    )
