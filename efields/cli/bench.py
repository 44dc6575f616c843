"""Measure how fast this machine is: kernels against ceilings, training, scaling, views.

By default: kernels and whole steps, quickly. `kernels`: the same with more runs. `train`: seconds until held-out views
reach 24 to 30 dB. `scaling`: how time grows with events, samples, table, image size and threads. `render`: seconds per
view. `recordings FILE ...`: how fast files are decoded, compared with faery if installed. `large`: a recording larger
than memory. `motion`: egomotion and flow on simulated scenes. `view`: the live viewer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from efields.cli import print_json, say
from efields.errors import InputError
from efields.machine import set_threads
from efields.ranges import Range, Seed, Steps, Threads

if TYPE_CHECKING:
    from efields.bench.motion_scenes import MotionScene
    from efields.config import Experiment
    from efields.recordings.recording import Recording

SCENES = ("blob_white", "bricks", "chairlike")
"""Scenes of `efields bench train`, if they are simulated."""
MOTION_SCENES = tuple(f"motion_{name}" for name in ("rotation", "forward", "sideways", "planar", "mover", "handheld"))
"""Scenes of `efields bench motion`."""
LEVELS_DB = (24.0, 26.0, 28.0, 30.0)
"""Held-out PSNR values whose times are reported."""
SMALL, LARGE = 256, 800
"""Pixels along each side of the views."""

What = Literal["quick", "kernels", "train", "scaling", "render", "recordings", "large", "motion", "view"]


@dataclass(frozen=True)
class Args:
    """Flags of `efields bench`."""

    what: tyro.conf.Positional[What] = "quick"
    """What to measure."""
    scenes: tyro.conf.Positional[tuple[str, ...]] = ()
    """For `train`: names of simulated scenes under recordings/, or folders of recordings; default: all. `recordings`:
    the files."""
    backends: str = "native,reference"
    """Backends of `train` and `render`, separated by commas; `scaling` and `large` use the first."""
    steps: Steps | None = None
    """Optimiser steps of `train` (default: those of the scene's config), or of the plain torch version of `motion
    --published` (default: the published 1000)."""
    heldout_every: Annotated[int, Range(1, 10**9)] = 50
    """Steps between two scores of `train`: times are known to within this many steps."""
    runs: Annotated[int, Range(0, 1000)] = 0
    """Number of repeated measurements; 0: the benchmark's default."""
    run: Path | None = None
    """Run whose field `render` and `view` show; default: runs/demo, or a synthetic field if there is none."""
    seconds: Annotated[float, Range(above=0, most=1000)] = 0.1
    """Seconds from the middle of each recording that `motion` uses."""
    sensors: str = "clean,noisy"
    """Sensors for the scenes of `motion`, separated by commas."""
    published: bool = False
    """Measure the time of one window of `motion`: for growing windows, and compared with a plain torch version with the
    published settings, which takes many minutes. Uses the first scene that is given."""
    seed: Seed = 0
    """Seed of `motion`."""
    events: Annotated[int, Range(1000, 10**11)] = 20_000_000
    """Number of events in the recording of `large`."""
    all_sizes: bool = False
    """Render the large view with every backend; by default only with native."""
    threads: Threads = 0
    """CPU threads; 0: all cores."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Measure, then print a table or JSON with the machine, versions and noise."""
    if args.scenes and args.what not in ("train", "recordings", "motion"):
        raise InputError(f"`efields bench {args.what}` takes no scenes", do="efields bench train SCENE ...")
    threads = set_threads(args.threads)
    import torch

    torch.set_num_threads(threads)
    if args.backends != Args.backends and not list(_backends(args)):  # of the usual ones, some words take what is there
        raise InputError("--backends is empty", do="give names that `efields doctor` lists, separated by commas")
    if unknown := sorted(set(args.sensors.split(",")) - {"clean", "noisy"}):
        raise InputError(f"unknown sensor '{unknown[0]}'", do="--sensors clean,noisy")
    from efields.cli._bench_tables import facts, table

    words = {
        "train": _train, "scaling": _scaling, "render": _render, "recordings": _recordings, "large": _large,
        "motion": _motion, "view": _view,
    }  # fmt: skip
    found = words.get(args.what, _kernels)(args)
    found = {**facts(), **found}
    if args.json:
        print_json(found)
    else:
        for line in table(found):
            print(line)
    return 0


def _kernels(args: Args) -> dict[str, Any]:
    """Ceilings, rows of every kernel, and rows of the whole step."""
    from efields.bench.rooflines import measure_rooflines
    from efields.cli._progress import stages

    quick = args.what == "quick"
    experiment, recording = _step_workload()
    with stages(args.json) as on_progress:
        found = measure_rooflines(
            experiment, recording, args.runs or (3 if quick else 9), args.runs or (2 if quick else 5), on_progress
        )
    ceilings = asdict(found.ceilings)
    return {"bench": "kernels", "train_step_on": recording.name, "ceilings": ceilings, "rows": found.rows}


def _step_workload() -> tuple[Experiment, Recording]:
    """What the whole step is measured on: the blob where it is simulated, random events elsewhere."""
    from efields.bench import noise_recording
    from efields.config import experiment_from_table

    found = _simulated(SCENES[0])
    return found or (experiment_from_table({}, "efields bench"), noise_recording(200_000))


def _simulated(scene: str) -> tuple[Experiment, Recording] | None:
    """The config and the recording of a scene that is simulated already, or of a folder with a recording."""
    from efields.cli._shipped import find_shipped, shipped_names
    from efields.config import experiment_from_table, load_experiment
    from efields.loaders import load
    from efields.simulated.scene import RECORDINGS, scene_file

    given = Path(scene)
    folder = given if given.is_dir() and scene_file(given) is None else RECORDINGS / given.name
    if not folder.is_dir():
        return None
    if folder.name in shipped_names("configs"):
        experiment = load_experiment(find_shipped(folder.name, "configs"))
    else:
        experiment = experiment_from_table({}, "efields bench")
    return experiment, dataclasses.replace(load(folder), name=folder.name)


def _train(args: Args) -> dict[str, Any]:
    """Time to quality of each scene with each backend."""
    from efields.bench.training import time_to_quality
    from efields.cli._progress import TrainingReport, progress

    rows = []
    for scene in args.scenes or SCENES:
        found = _simulated(scene)
        if found is None:
            do = f"efields simulate scenes/{Path(scene).name}"
            say(f"{scene} is not simulated yet; run: {do}")
            continue
        experiment, recording = found
        train = dataclasses.replace(experiment.train, heldout_every=args.heldout_every)
        train = dataclasses.replace(train, steps=args.steps or train.steps)
        for backend in _backends(args):
            experiment = dataclasses.replace(experiment, train=train, backend=backend)
            with progress(f"{recording.name} {backend}", args.json) as report:
                rows.append(time_to_quality(experiment, recording, LEVELS_DB, TrainingReport(report)))
    if not rows:
        raise InputError("no scene is simulated yet", do="efields simulate scenes/blob_white, then bench again")
    return {"bench": "train", "rows": rows}


def _scaling(args: Args) -> dict[str, Any]:
    """Times against sizes."""
    from efields.bench.scaling import Ranges, measure_scaling
    from efields.cli._progress import progress

    backend = next(_backends(args))
    with progress("scaling", args.json) as report:
        series = measure_scaling(backend, Ranges(), args.runs or 3, report)
    return {"bench": "scaling", "backend": backend, "rows": series}


def _render(args: Args) -> dict[str, Any]:
    """Seconds of a small and of a large view."""
    from efields.bench.rendering import measure_views
    from efields.cli._progress import progress

    run = args.run or (Path("runs/demo") if Path("runs/demo/checkpoint.pt").is_file() else None)
    sizes = {name: [SMALL, LARGE] if args.all_sizes or name == "native" else [SMALL] for name in _backends(args)}
    with progress("views", args.json) as report:
        rows = measure_views(run, sizes, args.runs or 3, report)
    return {"bench": "render", "rows": rows}


def _view(args: Args) -> dict[str, Any]:
    """Frame rate and round-trip times of the live viewer."""
    from efields.cli._bench_viewing import measure

    return measure(args.run, next(_backends(args)), args.json)


def _recordings(args: Args) -> dict[str, Any]:
    """Decoding rates of files."""
    from efields.bench.decoding import measure_decoding
    from efields.cli._progress import progress

    if not args.scenes:
        raise InputError("has no files to decode", do="efields bench recordings FILE ...")
    with progress("decoding", args.json) as report:
        rows = measure_decoding([Path(name) for name in args.scenes], args.runs or 5, report)
    return {"bench": "recordings", "rows": rows}


def _motion(args: Args) -> dict[str, Any]:
    """Errors of motion and flow on simulated scenes, or the time of a window compared with the plain torch version."""
    from efields.bench.motion_errors import measure_motion
    from efields.bench.motion_speed import measure_published, measure_window_sizes
    from efields.cli._progress import progress

    if args.published:
        scene = next(_motion_scenes(args))
        rows = measure_window_sizes(scene, seed=args.seed)
        with progress("plain torch", args.json) as report:
            rows = [*measure_published(scene, args.steps, args.seed, report), *rows]
        return {"bench": "motion", "speed": rows}
    found = []
    total = len(args.scenes or MOTION_SCENES) * len(args.sensors.split(","))
    with progress("motion", args.json) as report:
        for number, scene in enumerate(_motion_scenes(args)):
            for row in measure_motion(scene, args.seconds, args.seed):
                found.append(row)
                report(number, total, f"{row.scene} {row.sensor} {row.model}")
        report(total, total, "")
    return {"bench": "motion", "seconds": args.seconds, "rows": found}


def _motion_scenes(args: Args) -> Iterator[MotionScene]:
    """Each scene before each sensor, or the folders of recordings with a motion truth; those that were named."""
    from efields.bench.motion_scenes import recorded_scene, simulated_scene
    from efields.cli._shipped import find_shipped
    from efields.simulated.scene import scene_file

    sensors = args.sensors.split(",")
    for name in args.scenes or MOTION_SCENES:
        source = scene_file(find_shipped(name, "scenes"))
        if source is None:
            yield recorded_scene(Path(name))
        else:
            yield from (simulated_scene(source, sensor == "noisy") for sensor in sensors)


def _large(args: Args) -> dict[str, Any]:
    """Times and memory of a recording larger than memory."""
    from efields.bench.large import measure_large
    from efields.cli._progress import progress

    with progress("a large recording", args.json) as report:
        rows = measure_large(args.events, next(_backends(args)), on_progress=report)
    return {"bench": "large", "rows": rows}


def _backends(args: Args) -> Iterator[str]:
    """The backends that were asked for; raises `InputError` for one that is unknown or cannot run here."""
    from efields.backends import choose_backend

    for name in filter(None, args.backends.split(",")):
        yield choose_backend(name.strip()).name
