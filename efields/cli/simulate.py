"""Simulate an event camera: in a scene that Mitsuba renders, or on frames of your own.

`efields simulate blob_white` renders a scene (a folder with scene.toml, or the name of one that comes with efields) and
writes a recording with poses, held-out views and depth. `efields simulate --frames clip.mp4` takes a video, a folder of
images (with a timestamps.txt next to them, or --fps), or an .npz with log_intensity [n,h,w] and t_s [n]; poses are not
known then.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from efields.atomic import check_place, next_free, refuse_existing
from efields.cli import print_json
from efields.cli._reading import TimeUnit
from efields.errors import InputError
from efields.ranges import Range
from efields.simulation.sensor_model import EventCamera

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Args:
    """Flags of `efields simulate`."""

    scene: tyro.conf.Positional[str | None] = None
    """A folder with scene.toml, or the name of a scene that comes with efields."""
    frames: Path | None = None
    """Frames instead of a scene: a folder of images, a video, or an .npz stack of log intensity."""
    out: Path | None = None
    """Folder of the recording; default: recordings/<name>, with a number if another recording is there."""
    overwrite: bool = False
    """Replace an existing simulated recording at --out."""
    fps: Annotated[float, Range(above=0, most=10**9)] | None = None
    """Frames per second: needed for a folder of images without timestamps.txt; for a video it overrides the file's own
    rate (slow motion)."""
    time_unit: TimeUnit | None = None
    """Unit of the times in timestamps.txt, if it is ambiguous."""
    encoding: Literal["srgb", "linear"] = "srgb"
    """Whether 8- and 16-bit frames are encoded for display (and are then decoded to linear light), or linear."""
    camera: Annotated[EventCamera, tyro.conf.OmitArgPrefixes] = field(default_factory=EventCamera)
    """The event camera that records the frames; a scene has its own in scene.toml."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Simulate, save the recording, and print what it contains; exit code 0."""
    if (args.scene is None) == (args.frames is None):
        raise InputError("give one thing to simulate", do="efields simulate SCENE, or efields simulate --frames SOURCE")
    folder = _from_scene(args) if args.frames is None else _from_frames(args, args.frames)
    _show(folder, args.json)
    return 0


def _from_scene(args: Args) -> Path:
    """The folder of the recording that the scene makes."""
    from efields.cli._scene import simulated_folder
    from efields.cli._shipped import find_shipped
    from efields.simulated.scene import scene_file

    if args.camera != EventCamera() or args.fps is not None or args.encoding != "srgb" or args.time_unit:
        raise InputError("a scene has its own camera", args.scene, "change [sensor] in its scene.toml")
    place = find_shipped(str(args.scene), "scenes")
    source = scene_file(place)
    if source is None:
        raise InputError("is not a scene", place, "give a folder with scene.toml, or your frames with --frames")
    return simulated_folder(source, args.out, quiet=args.json, overwrite=args.overwrite)


def _from_frames(args: Args, source: Path) -> Path:
    """The folder of the recording that the event camera makes of the user's frames."""
    from efields.cli._progress import progress
    from efields.simulated.frames import simulate_into
    from efields.simulated.scene import RECORDINGS, SIMULATED
    from efields.simulation.frames import open_frames

    check_place(args.out or RECORDINGS)
    if args.out is not None:
        refuse_existing(args.out, args.overwrite, (SIMULATED,))
    frames = open_frames(source, args.fps, args.encoding, args.time_unit)
    named = next_free(RECORDINGS / source.resolve().stem, folder=True) if args.out is None else nullcontext(args.out)
    with progress("frames", args.json) as report:
        # a video tells how long it is only about, and may turn out longer
        return simulate_into(
            named, frames, source, args.camera, lambda done, total: report(done, max(done, total or done + 1))
        )


def _show(folder: Path, as_json: bool) -> None:
    from efields.cli._training import typed
    from efields.loaders.robust_enerf import Config, load_labels

    events, labels = Config(views=False).load(folder).events, load_labels(folder)
    counts = np.bincount(np.zeros(0, np.uint8) if labels is None else labels, minlength=3).tolist()
    label_counts = dict(zip(("signal", "noise", "hot"), counts, strict=True))
    if as_json:
        print_json(
            {
                "path": folder,
                "events": len(events),
                "duration_s": events.duration_s,
                "rate": events.rate_hz,
                "labels": label_counts,
            }
        )
        return
    told = ", ".join(f"{count:,} {name}" for name, count in label_counts.items() if count)
    print(f"{len(events):,} events ({told}) in {events.duration_s:.3f} s, {events.rate_hz:,.0f} per second")
    print(typed(folder))
