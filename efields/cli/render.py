"""Render a run along an orbit, a spiral or a file of poses, to PNG files or an MP4."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from efields.atomic import check_place, next_free
from efields.cli import print_json
from efields.cli._machine import Machine
from efields.ranges import Range


@dataclass(frozen=True)
class Args:
    """Flags of `efields render`."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    path: str = "auto"
    """`orbit`, `spiral`, `recorded` (along the recording), `auto` (an orbit or a spiral, as the camera moved), or a
    file of poses: TUM text `t x y z qx qy qz qw`, or JSON, also from the viewer's path editor and nerfstudio. A
    scene that moves is shown at the times of the recording or of the viewer's path, otherwise evenly."""
    out: Path | None = None
    """An .mp4 file, or a folder for PNG files; default: the next free <run>/renders/<path>.mp4."""
    overwrite: bool = False
    """Replace an existing --out."""
    frames: Annotated[int, Range(1, 100_000)] = 90
    """Number of frames; a file of poses has its own."""
    fps: Annotated[float, Range(above=0, most=1000)] | None = None
    """Frame rate of the video; default: 30, or that of the viewer's path."""
    scale: Annotated[float, Range(above=0, most=8)] = 1.0
    """Size of the frames relative to the event camera's."""
    show: Literal["radiance", "depth"] = "radiance"
    """What the frames show."""
    tone: Literal["auto", "gauge"] = "auto"
    """How radiance becomes brightness: exposed so that the brightest 1 % is white, or by the gauge that the
    evaluation fitted to the reference views (metrics.json)."""
    machine: Annotated[Machine, tyro.conf.OmitArgPrefixes] = Machine()
    """The machine that it computes on."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Render all poses, then encode them with one exposure for all."""
    args.machine.set_up()
    from efields.cli._progress import progress
    from efields.export.flights import flight_of
    from efields.export.video import check_film, read_gauge, write_video
    from efields.train import Run

    source = Run.open(args.run)
    if args.out is not None:
        check_film(args.out, args.overwrite)
        out = nullcontext(args.out)
    else:
        check_place(source.path)
        out = next_free(source.path / "renders" / f"{Path(args.path).stem}{'-depth' * (args.show == 'depth')}.mp4")
    gauge = read_gauge(source.path) if args.tone == "gauge" and args.show == "radiance" else None
    model = args.machine.model_of(source)
    stops, fps = flight_of(model, args.path, args.frames, args.fps)
    with progress("rendering", args.json) as report:
        path, width, height = write_video(
            model, stops, fps, out, show=args.show, scale=args.scale, gauge=gauge, on_picture=report
        )
    brightness = "depth" if args.show == "depth" else ("gauge" if gauge else "uncalibrated")
    if args.json:
        print_json({"out": path, "frames": len(stops), "width": width, "height": height})
    else:
        print(f"{path}  ({len(stops)} frames of {width}x{height}, brightness: {brightness})")
    return 0
