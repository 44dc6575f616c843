"""Convert a recording to another format or to efields' own folder, filtered on the way.

`efields convert IN OUT`: the suffix of OUT determines the format (--to if several formats share it); without a suffix,
OUT becomes a recording folder. The filters run in this order: time, hot pixels, background activity, refractory period,
crop, downsampling, rotation, flipping, thinning; times are shifted last. Memory use does not depend on the length.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from efields.cli import print_json
from efields.cli._reading import Reading, loader_options
from efields.conversion.changes import Changes
from efields.errors import printable
from efields.events.clock_order import OnReset


@dataclass(frozen=True)
class Args:
    """Flags of `efields convert`."""

    source: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    out: tyro.conf.Positional[Path]
    """The file, or the folder, to write."""
    to: str | None = None
    """Format to write, if the suffix of OUT does not determine it."""
    on_reset: OnReset = "follow"
    """If the clock was reset: follow appends each part to the previous one; first, last, longest keep one part."""
    sort: bool = False
    """Sort all events in memory, for recordings whose times go far backwards."""
    overwrite: bool = False
    """Replace an existing OUT."""
    changes: Annotated[Changes, tyro.conf.OmitArgPrefixes] = Changes()
    """Filters, changes of the pixels and changes of the times."""
    reading: Annotated[Reading, tyro.conf.OmitArgPrefixes] = Reading()
    """How to read a recording whose files leave something open."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Convert, and print one line on the result; exit code 0."""
    from efields.cli._progress import stages
    from efields.conversion.convert import convert
    from efields.loaders import find

    kind = args.reading.kind or (find(args.source) if args.source.exists() else None)
    options = {"on_reset": args.on_reset, **loader_options(kind, args.reading)}
    with stages(args.json) as on_progress:
        done = convert(
            args.source, args.out, to=args.to, changes=args.changes, kind=kind, options=options,
            sort=args.sort, overwrite=args.overwrite, on_progress=on_progress,
        )  # fmt: skip
    if args.json:
        found = {field.name: getattr(done, field.name) for field in fields(done)}
        print_json({"from": found.pop("format"), **found})
        return 0
    less = "".join(f", {count:,} {what}" for what, count in done.dropped.items())
    print(
        f"{done.path}: {done.events_written:,} of {done.events_read:,} events{less}; "
        f"{done.to}, {done.width} x {done.height} pixels, {done.bytes / 1e6:.1f} MB"
    )
    for note in done.notes:
        print(f"note  {printable(note)}")
    return 0
