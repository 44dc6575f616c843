"""How to reconstruct: an experiment read from TOML into frozen settings, strictly."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w

from efields.atomic import write_text
from efields.errors import InputError
from efields.plugins import import_plugin
from efields.ranges import Range, Seed, Steps, Threads, check_ranges
from efields.recordings.recording import Recording
from efields.render.renderer import Sampling
from efields.settings import did_you_mean, fill, read_toml, to_table
from efields.supplied.given import Supplied


@dataclass(frozen=True)
class TrainConfig:
    """How the field is optimised."""

    steps: Steps = 2000
    """Optimiser steps."""
    samples_per_step: Annotated[int, Range(1, 2**26)] = 32768
    """Field samples of one step; the number of rays follows it."""
    accumulate: Annotated[int, Range(1, 10**6)] = 1
    """Batches whose gradients are added up before each optimiser step."""
    learning_rate: Annotated[float, Range(above=0, most=1e3)] = 2e-2
    """Learning rate of the hash table and, times the factors below, of everything else."""
    weights_factor: Annotated[float, Range(above=0, most=1e6)] = 0.3
    """Learning rate of perceptron weights over `learning_rate`."""
    final_factor: Annotated[float, Range(above=0, most=1e6)] = 0.03
    """Learning rate at the last step over that at the first: it falls exponentially after the first half."""
    warmup_steps: Annotated[int, Range(0, 10**9)] = 50
    """Steps over which the learning rate rises from a tenth."""
    log_every: Annotated[int, Range(1, 10**12)] = 20
    """Steps between two lines of metrics.jsonl."""
    heldout_every: Annotated[int, Range(0, 10**12)] = 500
    """Steps between two quick scores on held-out views; 0 for none."""
    heldout_count: Annotated[int, Range(1, 10**6)] = 4
    """Held-out views of a quick score."""
    checkpoint_every_s: Annotated[float, Range(above=0, most=1e9)] = 60.0
    """Seconds between two checkpoints."""

    __post_init__ = check_ranges


@dataclass(frozen=True)
class EvaluateConfig:
    """How the result is scored."""

    protocol: Literal["robust", "eventnerf", "offset", "none"] = "robust"
    """Which correction is fitted between rendered and true images before they are compared."""


@dataclass(frozen=True)
class Experiment:
    """All that defines a reconstruction beside the recording itself."""

    scene: str = ""
    """Path of the recording, or of a folder with a scene.toml, which is simulated first."""
    loader: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Options of the recording's loader, such as extrapolate_s, and its `kind` where the files do not tell."""
    supplied: Supplied = Supplied()
    """Camera and poses that are given beside the recording."""
    seed: Seed = 0
    """Seed of every random draw."""
    backend: str = "auto"
    """Which implementation of the field's functions runs: `auto` takes the fastest present."""
    device: str = "cpu"
    """Where tensors live: cpu or cuda."""
    threads: Threads = 0
    """Processor threads; 0 takes all cores."""
    problem: Any = None
    """What is optimised against what: a `Config` of efields.problems."""
    field: Any = None
    """The representation: a `Config` of efields.fields."""
    losses: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The losses by name: each a `Config` of efields.losses."""
    sampling: Sampling = Sampling()
    """How rays are sampled."""
    train: TrainConfig = TrainConfig()
    """How the field is optimised."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """How the result is scored."""


DEFAULT_KINDS = {"problem": "event_radiance", "field": "hash_grid"}
"""The kind of a section that names none."""
FAMILIES = {"problem": "problems", "field": "fields"}
"""Section of the TOML file to the folder that holds its kinds."""


def kinds(family: str) -> list[str]:
    """Names that a `kind` of this family ("fields", "losses", "loaders", "problems") can take: the folder's files."""
    package = importlib.import_module(f"efields.{family}")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def resolve(family: str, kind: str, where: str = "") -> type[Any]:
    """The `Config` class of a kind: a file of `efields/<family>/`, or a plug-in, a dotted module outside the package.

    `where` names the table in errors. Raises `InputError` when there is none, or the user does not allow plug-ins.
    """
    if not isinstance(kind, str):
        raise InputError(f"kind of {family} is a name, not {kind!r}", where, do=f"known: {', '.join(kinds(family))}")
    kind = kind.removeprefix(f"efields.{family}.")
    if "." not in kind and kind not in kinds(family):
        raise InputError(f"unknown kind '{kind}' of {family}", where, do=did_you_mean(kind, kinds(family)))
    module = import_plugin(kind, where) if "." in kind else importlib.import_module(f"efields.{family}.{kind}")
    config = getattr(module, "Config", None)
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        raise InputError(f"module '{kind}' has no Config", where, do=f"a kind of {family} holds one frozen Config")
    return config


def load_experiment(path: str | Path) -> Experiment:
    """The experiment in a TOML file, defaults filled in; see `experiment_from_table`."""
    source = Path(path)
    if source.is_dir():
        source = source / "config.toml"
    return experiment_from_table(read_toml(source), str(source))


def experiment_from_table(table: Mapping[str, Any], where: str) -> Experiment:
    """The experiment in a TOML table; sections that are left out take their defaults.

    A [losses] section names exactly the losses to use; left out, the problem's own defaults hold.
    Raises `InputError` for an unknown key or kind, naming `where`.
    """
    plain = {k: v for k, v in table.items() if k not in (*FAMILIES, "losses")}
    known = {f.name for f in dataclasses.fields(Experiment)}
    for key in plain:
        if key not in known:
            raise InputError(f"unknown key '{key}'", where, did_you_mean(key, known))
    experiment = fill(Experiment, plain, where)
    read_with = experiment.loader.get("kind")
    if read_with is not None and "." not in str(read_with):  # a plug-in is only needed where the recording is
        resolve("loaders", read_with, f"{where}: loader")
    sections = {name: _section(name, table.get(name, {}), where) for name in FAMILIES}
    losses = table.get("losses")
    if losses is None:
        losses = {name: {} for name in sections["problem"].default_losses}
    if not isinstance(losses, Mapping) or not losses:
        raise InputError("no losses are named", where, "add a table such as [losses.event_interval]")
    built = {}
    for name, settings in losses.items():
        if not isinstance(settings, Mapping):
            raise InputError(f"losses.{name} is a table, not a value", where, f"write it as [losses.{name}]")
        rest = {k: v for k, v in settings.items() if k != "kind"}
        at = f"{where}: losses.{name}"
        built[name] = fill(resolve("losses", settings.get("kind", name), at), rest, at)
    return dataclasses.replace(experiment, losses=built, **sections)


def suited(experiment: Experiment, recording: Recording) -> Experiment:
    """The experiment as it is; for posed images without events, with the problem `radiance` in the default's place.

    Images give brightness itself, so they are then compared without a fit, by the protocol `none`.
    """
    by_default = kind_of(experiment.problem) == DEFAULT_KINDS["problem"]
    if len(recording.events) or recording.frames is None or not by_default:
        return experiment
    problem = resolve("problems", "radiance")(box=experiment.problem.box)
    losses = {name: resolve("losses", name)() for name in problem.default_losses}
    evaluate = dataclasses.replace(experiment.evaluate, protocol="none")
    return dataclasses.replace(experiment, problem=problem, losses=losses, evaluate=evaluate)


def _section(name: str, table: Any, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise InputError(f"{name} is a table, not a value", where, f"write it as [{name}]")
    kind = table.get("kind", DEFAULT_KINDS[name])
    rest = {k: v for k, v in table.items() if k != "kind"}
    at = f"{where}: {name}"
    return fill(resolve(FAMILIES[name], kind, at), rest, at)


def kind_of(config: Any) -> str:
    """The kind that `resolve` would take to this Config: a file's name, or the dotted module outside the package."""
    module = type(config).__module__
    return module.rsplit(".", 1)[-1] if module.startswith("efields.") else module


def experiment_table(experiment: Experiment) -> dict[str, Any]:
    """The resolved experiment as a table, every default spelled out."""
    table = to_table(dataclasses.replace(experiment, problem=None, field=None, losses={}))
    for name in FAMILIES:
        config = getattr(experiment, name)
        table[name] = {"kind": kind_of(config), **to_table(config)}
    table["losses"] = {name: {"kind": kind_of(c), **to_table(c)} for name, c in experiment.losses.items()}
    return table


def experiment_text(experiment: Experiment) -> str:
    """The resolved experiment as TOML."""
    return tomli_w.dumps(experiment_table(experiment))


def save_experiment(experiment: Experiment, path: str | Path) -> None:
    """Write the resolved experiment as TOML, so that `efields train` on it repeats the run."""
    write_text(path, experiment_text(experiment))
