"""Write report.html of a run: settings, scores, images and curves on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from efields.cli import print_json
from efields.cli._machine import Machine


@dataclass(frozen=True)
class Args:
    """Flags of `efields report`."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    machine: Annotated[Machine, tyro.conf.OmitArgPrefixes] = Machine()
    """The machine that it computes on."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object with the path for use by scripts."""


def run(args: Args) -> int:
    """Write the report and print its path."""
    args.machine.set_up()
    from efields.cli._training import typed
    from efields.export.scene_page import page_for_report
    from efields.report import write_report
    from efields.train import Run

    source = Run.open(args.run)
    path = write_report(source, page_for_report(source, args.machine.backend, args.machine.device))
    if args.json:
        print_json({"report": path})
    else:
        print(typed(path))
    return 0
