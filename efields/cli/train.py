"""Train a radiance field on a recording or a scene, then score it and write its report."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from efields.cli import print_json, say
from efields.cli._machine import MachineGiven, machine_of
from efields.cli._reading import Reading, TimeUnit, loader_options
from efields.cli._shipped import find_shipped
from efields.cli._supplied import SuppliedFlags, supplied_of
from efields.errors import InputError
from efields.machine import set_threads
from efields.ranges import Finite, Port, Range, Seed, Steps, check_value
from efields.signals import saying

if TYPE_CHECKING:
    from efields.config import Experiment
    from efields.recordings.recording import Recording
    from efields.server.training_page import TrainingPage
    from efields.train import Run


@dataclass(frozen=True)
class Args:
    """Flags of `efields train`; anything not given here comes from the config."""

    config: tyro.conf.Positional[Path]
    """A config: a .toml file, the name of one that comes with efields, or a run folder, whose run is repeated. Or a
    recording, which is trained on with the default config."""
    scene: Path | None = None
    """Recording to train on: its folder or file, or a folder with a scene.toml, which is simulated first."""
    box: str | None = None
    """The box that contains the scene, two opposite corners in the poses' world: --box=x0,y0,z0,x1,y1,z1. Default:
    that of the config or the recording, or else one that is estimated and reported."""
    salvage: bool = False
    """Read the intact part of a damaged recording, and report what was lost."""
    time_unit: TimeUnit | None = None
    """Unit of the events' times, if the recording does not say."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """An option of the recording's loader, `name=value`, as in the config's [loader]; may be repeated."""
    run: Path | None = None
    """Run folder; default: runs/<name of the config>, with a number if there is a run already."""
    resume: bool = False
    """Continue the run from its last checkpoint; with --steps, to more steps than before."""
    overwrite: bool = False
    """Train from scratch and replace the run in the folder."""
    steps: Steps | None = None
    """Optimiser steps."""
    seed: Seed | None = None
    """Seed of every random draw."""
    machine: Annotated[MachineGiven, tyro.conf.OmitArgPrefixes] = MachineGiven()
    """What it computes on."""
    view: bool = False
    """Show the field in the browser during training, on this machine only."""
    keep_view: bool = False
    """With --view, keep the page open after training, until Ctrl-C."""
    view_share: Annotated[float, Range(above=0, most=0.9)] = 0.1
    """With --view, the largest fraction of time spent on viewing, 0 to 0.9; training.json records the actual one."""
    port: Port = 7007
    """With --view, the page's port; if it is taken, the next free one."""
    supplied: Annotated[SuppliedFlags, tyro.conf.OmitArgPrefixes] = SuppliedFlags()
    """Calibration and poses that are given beside the recording."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object of the scores for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Train, evaluate, report; exit code 130 when stopped by Ctrl-C (143 by SIGTERM), after a checkpoint."""
    if args.view or args.keep_view:
        from efields.server.listening import check_listening

        check_listening()
    set_threads(args.machine.threads or 0)  # before torch is loaded, by the config
    from efields.train.run_folder import run_folder

    config, loaded = _experiment(args)
    experiment = override(loaded, args)
    set_threads(experiment.threads)
    if not experiment.scene:
        raise InputError("does not say which recording to train on", config, "give one: --scene PATH")
    with run_folder(config, args.run, resume=args.resume, overwrite=args.overwrite) as folder:
        return _train(args, experiment, folder)


def _train(args: Args, experiment: Experiment, folder: Run) -> int:
    """Train in the locked run folder, then score, also what a killed process left unscored."""
    from efields.cli._scene import recording_for
    from efields.cli._training import earlier_scores, score_and_report, scores_line, train, typed
    from efields.config import suited
    from efields.supplied.supply import supply
    from efields.train import check_machine
    from efields.train.run_folder import finished

    check_machine(experiment)
    go_on = f"efields train {typed(folder.config_path)} --resume"
    trained = finished(folder, experiment.train.steps, args.steps) if args.resume else None
    if trained and (metrics := earlier_scores(folder.path) or {}).get("steps") == trained:
        _tell_finished(args, folder, metrics)
        return 0
    recording = supply(recording_for(experiment.scene, experiment.loader, quiet=args.json), experiment.supplied)
    experiment = suited(experiment, recording)
    with _page(args, recording) as page:
        done = folder
        if not trained:
            done = train(experiment, recording, folder, resume=args.resume, go_on=go_on, quiet=args.json, page=page)
        if page is not None and not args.keep_view:
            page.close()
        with saying(f"stopped while scoring; continue with: {go_on}"):
            machine, protocol = machine_of(experiment), experiment.evaluate.protocol
            metrics = score_and_report(done, recording, protocol, machine, quiet=args.json, as_loaded=False)
        if args.json:
            print_json({"run": done.path, **(earlier_scores(done.path) or metrics)})
        else:
            print(f"{scores_line(metrics)}\n{typed(done.path / 'report.html')}", flush=True)
        if page is not None and args.keep_view:
            page.keep()
    return 0


def _tell_finished(args: Args, run: Run, metrics: dict[str, Any]) -> None:
    """Say that nothing is left to do, and how more would be done."""
    from efields.cli._training import scores_line, typed

    if args.json:
        print_json({"run": run.path, **metrics})
        return
    print(f"{typed(run.path)} is finished: {metrics['steps']} steps, {scores_line(metrics)}")
    print(f"train longer with: efields train {typed(run.config_path)} --resume --steps N, more than {metrics['steps']}")


def _page(args: Args, recording: Recording) -> AbstractContextManager[TrainingPage | None]:
    """The page of --view, or nothing."""
    if not (args.view or args.keep_view):
        return nullcontext()
    from efields.server.training_page import training_page

    return training_page(recording, args.port, args.view_share, say)


def override(experiment: Experiment, args: Args) -> Experiment:
    """The experiment, with flags overriding the config."""
    given = args.machine.settings()
    if args.seed is not None:
        given["seed"] = args.seed
    if args.scene is not None:
        given["scene"] = str(args.scene)
    if args.steps is not None:
        given["train"] = dataclasses.replace(experiment.train, steps=args.steps)
    if args.box is not None:
        given["problem"] = _boxed(experiment.problem, args.box)
    # Paths are made absolute, so that the run can be repeated from anywhere.
    given["supplied"] = supplied_of(args.supplied, experiment.supplied).absolute()
    reading = Reading(option=args.option, salvage=args.salvage, time_unit=args.time_unit)
    given["loader"] = {**experiment.loader, **loader_options(None, reading)}
    return dataclasses.replace(experiment, **given)


def _boxed(problem: Any, box: str) -> Any:
    """The problem's settings with a box of six numbers."""
    try:
        x0, y0, z0, x1, y1, z1 = (float(word) for word in box.split(","))
    except ValueError:
        what = f"--box={box} is not six numbers"
        raise InputError(what, do="give two opposite corners: --box=x0,y0,z0,x1,y1,z1") from None
    if not hasattr(problem, "box"):
        raise InputError("the config's problem does not use a box", do="leave --box out")
    check_value((x0, y0, z0, x1, y1, z1), tuple[Finite, ...], "--box")
    return dataclasses.replace(problem, box=((x0, y0, z0), (x1, y1, z1)))


def _experiment(args: Args) -> tuple[Path, Experiment]:
    """The config's path and what it says; for a recording in its place, the recording's path and the defaults."""
    from efields.config import experiment_from_table, load_experiment

    given = args.config.expanduser()
    if (given / "config.toml").is_file():
        return given / "config.toml", load_experiment(given / "config.toml")
    if not (given.is_file() and given.suffix != ".toml"):
        try:
            config = find_shipped(given, "configs")
        except InputError:
            if not given.is_dir():
                raise
        else:
            return config, load_experiment(config)
    if args.scene is not None:
        raise InputError("is a recording, and --scene gives another", given, "give a config, or leave --scene out")
    return given, experiment_from_table({"scene": str(given)}, "the default config")
