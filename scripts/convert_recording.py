"""Convert a vendor's file to efields' own folder and say what it holds.

Usage: python scripts/convert_recording.py FILE OUT

The same from the command line: efields info FILE; efields convert FILE OUT.
"""

import sys
from pathlib import Path

import efields
from efields.events.ordered import InOrder
from efields.formats.damages import Damages
from efields.loaders import open_events
from efields.writers import About, writer


def main(source: str, out: str) -> None:
    """Read, order and write the events in constant memory; then open what was written."""
    file = open_events(source)
    print(f"{source}: {file.format}, {file.width} x {file.height} pixels", *file.notes)

    damages = Damages(file.path)
    about = About(file.width, file.height, file.side_streams(damages), file.camera)
    writer("recording").write(iter(InOrder(file.events(damages), damages.found)), Path(out), about)

    events = efields.load(out).events
    print(f"{out}: {len(events):,} events in {events.duration_s:.3f} s, {100 * events.polarity.mean():.1f} % ON")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except efields.InputError as error:
        sys.exit(f"convert_recording.py: {error}")
