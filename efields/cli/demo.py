"""Simulate a small scene, train on its events alone, score held-out views and report."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efields.cli import print_json
from efields.cli._machine import machine_of
from efields.cli._shipped import find_shipped
from efields.errors import InputError
from efields.machine import set_threads
from efields.ranges import Threads
from efields.settings import read_toml

if TYPE_CHECKING:
    from efields.config import Experiment
    from efields.recordings.recording import Recording
    from efields.train import Run

NAME = "blob_white"
RUN = Path("runs") / "demo"
SCENE = "scene.html"
SCENE_EVENTS = 300_000
SCENE_RESOLUTION = 160
"""Events and voxels of scene.html, which shall stay below 5 MB."""


@dataclass(frozen=True)
class Args:
    """Flags of `efields demo`."""

    again: bool = False
    """Train again even if the demo has been run here."""
    threads: Threads = 0
    """CPU threads; 0: all cores."""
    json: bool = False
    """Print one JSON object of the scores for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Do what is not done yet: a finished demo is only shown, a stopped one goes on."""
    began = time.monotonic()
    set_threads(args.threads)
    from efields.cli._training import REPORT, earlier_scores
    from efields.config import load_experiment
    from efields.train import check_machine

    scene = find_shipped(Path("scenes") / NAME, "scenes")
    experiment = load_experiment(find_shipped(NAME, "configs"))
    experiment = dataclasses.replace(experiment, scene=str(scene), threads=args.threads)
    same = not args.again and _same(experiment, RUN)
    metrics = earlier_scores(RUN) if same and (RUN / REPORT).exists() else None
    if metrics is None or metrics.get("steps") != experiment.train.steps:
        check_machine(experiment)  # says so before the first minute when training will be slow
        metrics = _made(args, experiment, scene, same)
    _show(args, metrics, time.monotonic() - began)
    return 0


def _made(args: Args, experiment: Experiment, scene: Path, same: bool) -> dict[str, Any]:
    """Simulate, train and score what is not done yet, and return the scores."""
    from efields.cli._scene import recording_for
    from efields.cli._training import score_and_report, train
    from efields.train import Run

    run = Run(RUN)
    with run.held_for_training():
        if run.holds_results and not (same or args.again or _is_of(scene, run)):
            raise InputError("holds a run of something else", RUN, "move it away, or replace it with --again")
        _say(args, "1/3  the scene: a camera flies around an object, an event camera reports what changes")
        recording = recording_for(scene, quiet=args.json)
        _say(args, f"2/3  training on {len(recording.events):,} events; Ctrl-C stops, the same command continues")
        resume = same and run.checkpoint_path.exists()
        train(experiment, recording, run, resume=resume, go_on="efields demo", quiet=args.json)
        _say(args, "3/3  scoring on held-out views")
        metrics = score_and_report(
            run, recording, experiment.evaluate.protocol, machine_of(experiment), quiet=args.json
        )
        _export(run, recording)
    return metrics


def _export(run: Run, recording: Recording) -> None:
    """Write scene.html beside the report, where the viewer's page is built."""
    from efields.export.scene import baked_scene
    from efields.export.scene_page import PAGE, write_html

    if PAGE.is_file():
        scene = baked_scene(run, run.load_model(), recording, resolution=SCENE_RESOLUTION, most_events=SCENE_EVENTS)
        write_html(scene, run.path / SCENE)


def _same(experiment: Experiment, run_path: Path) -> bool:
    """Whether the run there has these settings: it may be shown or gone on with."""
    from efields.config import experiment_table, load_experiment

    try:
        there = load_experiment(run_path / "config.toml")
    except InputError:
        return False
    free = {"scene": "", "threads": 0, "backend": "auto", "device": "cpu"}  # they do not change what comes out
    return experiment_table(dataclasses.replace(there, **free)) == experiment_table(
        dataclasses.replace(experiment, **free)
    )


def _is_of(scene: Path, run: Run) -> bool:
    """Whether the run was trained on this scene, with the settings of another version of efields say."""
    try:
        return Path(str(read_toml(run.config_path).get("scene", ""))).name == scene.name
    except InputError:
        return False


def _say(args: Args, line: str) -> None:
    if not args.json:
        print(line, flush=True)


def _show(args: Args, metrics: dict[str, Any], seconds: float) -> None:
    """The result, and what it means."""
    from efields.cli._progress import duration
    from efields.cli._training import REPORT, scores_line

    if args.json:
        print_json({"run": RUN, **metrics})
        return
    print()
    print(scores_line(metrics))
    print(
        f"  Meaning: rendered from events alone, the held-out views differ from the truth by {_error(metrics):.1%} of"
    )
    print("  full brightness (root mean square), after fitting the brightness that events do not determine.")
    print(f"  Report:  {RUN / REPORT}")
    if (RUN / SCENE).is_file():
        print(f"  Scene:   {RUN / SCENE}  (opens with a double click)")
    else:
        print("  Scene:   not written, the viewer's page is not built here (efields doctor says why)")
    print(f"  Next:    efields view {RUN}    efields train bricks    efields --help")
    print(f"  Took {duration(seconds)}.")


def _error(metrics: dict[str, Any]) -> float:
    """Root mean square error as a share of the brightness range, from PSNR."""
    return 10 ** (-metrics["psnr"] / 20)
