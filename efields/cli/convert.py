"""Convert a recording to another format or to efields' own folder, filtered on the way.

`efields convert IN OUT`: the ending of OUT says the format (--to where several share it); without an ending it becomes
a recording folder. The filters run in this order: time, hot pixels, background activity, refractory period, crop,
downsampling, turning, flipping, thinning; times are shifted last. Memory stays the same however long the recording is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from efields.atomic import refuse_existing
from efields.cli import print_json
from efields.cli._reading import Reading, loader_options
from efields.conversion.changes import Changes
from efields.errors import InputError, printable
from efields.events.clock_order import OnReset

if TYPE_CHECKING:
    from efields.conversion.prepare import Conversion
    from efields.events.columns import EventColumns
    from efields.events.survey import Survey
    from efields.formats.damages import Damages
    from efields.recordings.event_file import EventFile
    from efields.recordings.recording import Recording
    from efields.writers import Writer


@dataclass(frozen=True)
class Args:
    """Flags of `efields convert`."""

    source: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    out: tyro.conf.Positional[Path]
    """The file, or the folder, to write."""
    to: str | None = None
    """Format to write, where the ending of OUT does not say."""
    on_reset: OnReset = "follow"
    """Where the clock was reset: follow lets each part follow on the one before; first, last, longest keep one."""
    sort: bool = False
    """Sort all events in memory, for recordings where time goes far back."""
    overwrite: bool = False
    """Replace what is at OUT."""
    changes: Annotated[Changes, tyro.conf.OmitArgPrefixes] = Changes()
    """Filters, changes of the pixels and changes of the times."""
    reading: Annotated[Reading, tyro.conf.OmitArgPrefixes] = Reading()
    """How the recording is read, where its files do not say."""
    plugins: bool = False
    """Let code outside efields run, which a `kind` or --to with a dot names; only for what you trust."""
    json: bool = False
    """Print one JSON object for a machine to read, and no progress."""


def run(args: Args) -> int:
    """Convert, and say in a line what became of the events; exit code 0."""
    from efields.conversion.posed import left_out
    from efields.conversion.prepare import prepare
    from efields.formats.damages import Damages
    from efields.writers import writer_for

    name, writer = writer_for(args.out, args.to)
    _check_place(args)
    args.changes.check()
    file, recording = _opened(args)
    _check_size_is_known(args, file, name, writer)
    seen = _survey(args, file) if args.changes.needs_counts else None
    damages = Damages(file.path, args.reading.salvage)
    conversion = prepare(file, args.changes, damages, seen, args.sort)
    keeps_poses = name == "recording" and recording is not None and conversion.camera is not None
    if recording is not None and not keeps_poses:
        conversion.notes += left_out(recording)
    written = _write(args, writer, conversion, seen, recording if keeps_poses else None)
    _say(args, file, name, conversion, damages, written)
    return 0


def _opened(args: Args) -> tuple[EventFile, Recording | None]:
    """The recording, opened for passes over its events; a folder that holds poses also as a whole."""
    from efields.loaders import as_event_file, find, load, open_events

    kind = args.reading.kind or (find(args.source) if args.source.exists() else None)
    options = loader_options(kind, args.reading)
    options.setdefault("on_reset", args.on_reset)
    if args.source.is_dir() and kind is not None:
        recording = load(args.source, kind, **options)
        if recording.trajectory is not None:
            return as_event_file(recording, kind, args.source), recording
    return open_events(args.source, kind, **options), None


def _check_place(args: Args) -> None:
    out = args.out
    if out.exists() and args.source.exists() and out.samefile(args.source):
        raise InputError("is the recording itself", out, "write to another place")
    refuse_existing(out, args.overwrite, ("events.h5", "raw_events.npz"))
    if out.is_dir() and args.source.resolve().is_relative_to(out.resolve()):
        raise InputError("holds the recording itself", out, "write to another place")


def _check_size_is_known(args: Args, file: EventFile, name: str, writer: Writer) -> None:
    """Raise `InputError` where a guess would be written into a file that everybody believes."""
    if file.size_assumed and writer.STORES_SIZE and args.changes.crop is None:
        raise InputError(
            f"does not say its sensor's size, {file.width} x {file.height} is only assumed, and '{name}' stores it",
            args.source,
            f"say it: --width {file.width} --height {file.height} where that is right, or write text (.txt)",
        )


def _survey(args: Args, file: EventFile) -> Survey:
    from efields.cli._progress import progress
    from efields.conversion.prepare import survey

    with progress("counting events", args.json) as report:
        return survey(file, args.reading.salvage, lambda seen: report(seen, 0))


def _write(args: Args, writer: Writer, conversion: Conversion, seen: Survey | None, posed: Recording | None) -> int:
    """Write all events, with the poses and views of `posed` where there is one, and return their number."""
    from efields.cli._progress import progress
    from efields.conversion.posed import write_posed
    from efields.writers import About

    about = About(conversion.width, conversion.height, conversion.side, conversion.camera)
    with progress("events", args.json) as report:

        def watched() -> Iterator[EventColumns]:
            for chunk in conversion.chunks:
                yield chunk
                report(conversion.read, 0 if seen is None else max(seen.events, conversion.read))

        if posed is not None:
            return write_posed(posed, conversion, watched(), args.out)
        return writer.write(watched(), args.out, about)


def _say(args: Args, file: EventFile, name: str, conversion: Conversion, damages: Damages, written: int) -> None:
    size = sum(part.stat().st_size for part in (args.out, *args.out.rglob("*")) if part.is_file())
    dropped = {each.filter.name: each.dropped for each in conversion.filters if each.dropped}
    notes = (*conversion.said, *damages.notes)
    if conversion.backwards:
        notes += (f"{conversion.backwards:,} events went backwards in time and were put in order.",)
    if args.json:
        print_json(
            {
                "from": file.format,
                "to": name,
                "path": args.out,
                "events_read": conversion.read,
                "events_written": written,
                "dropped": dropped,
                "lost_events": damages.lost_events,
                "width": conversion.width,
                "height": conversion.height,
                "bytes": size,
                "notes": notes,
            }
        )
        return
    less = "".join(f", {count:,} {what}" for what, count in dropped.items())
    print(
        f"{args.out}: {written:,} of {conversion.read:,} events{less}; "
        f"{name}, {conversion.width} x {conversion.height} pixels, {size / 1e6:.1f} MB"
    )
    for note in notes:
        print(f"note  {printable(note)}")
