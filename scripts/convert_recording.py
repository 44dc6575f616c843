"""Convert a vendor's file to efields' own folder and say what it holds.

Usage: python scripts/convert_recording.py FILE OUT

The same from the command line: efields info FILE; efields convert FILE OUT.
"""

import sys

import efields


def main(source: str, out: str) -> None:
    """Read, order and write the events in constant memory; then open what was written."""
    done = efields.convert(source, out)
    print(f"{source}: {done.format}, {done.width} x {done.height} pixels", *done.notes)

    events = efields.load(out).events
    print(f"{out}: {len(events):,} events in {events.duration_s:.3f} s, {100 * events.polarity.mean():.1f} % ON")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except efields.InputError as error:
        sys.exit(f"convert_recording.py: {error}")
