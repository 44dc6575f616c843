"""Convert a vendor's file to efields' own folder and say what it holds: python scripts/convert_recording.py FILE OUT.

The same from the command line: efields info FILE; efields convert FILE OUT.
"""

import sys
from pathlib import Path

from efields.event_file import Damages
from efields.events.ordered import InOrder
from efields.loaders import open_events
from efields.writers import About, writer

source, out = map(Path, sys.argv[1:])
file = open_events(source)
print(f"{source}: {file.format}, {file.width} x {file.height} pixels")

damages = Damages(source)
about = About(file.width, file.height, file.side_streams(damages), file.camera)
written = writer("recording").write(iter(InOrder(file.events(damages), damages.found)), out, about)
print(f"{out}: {written:,} events")
