"""How to reconstruct: an experiment read from TOML into frozen settings, strictly."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w

from efields.atomic import write_text
from efields.backgrounds import BackgroundConfig
from efields.draws import DrawConfig
from efields.earlier_settings import settings_moved
from efields.errors import InputError
from efields.fields import FieldConfig
from efields.geometry import camera_motion
from efields.losses import LossConfig, draws_of
from efields.plugins import import_plugin
from efields.problems import ProblemConfig
from efields.ranges import Range, Seed, Steps, Threads, check_ranges
from efields.recordings.recording import Recording
from efields.render.renderer import LookConfig
from efields.samplers import SamplerConfig
from efields.settings import did_you_mean, fill, inside, read_toml, to_table
from efields.supplied.given import Supplied

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """How the field is optimised."""

    steps: Steps = 2000
    """Optimiser steps."""
    samples_per_step: Annotated[int, Range(1, 2**26)] = 32768
    """Field samples per step; they determine the number of rays."""
    accumulate: Annotated[int, Range(1, 10**6)] = 1
    """Batches whose gradients are summed before each optimiser step."""
    learning_rate: Annotated[float, Range(above=0, most=1e3)] = 2e-2
    """Learning rate of the hash table and, times the factors below, of everything else."""
    weights_factor: Annotated[float, Range(above=0, most=1e6)] = 0.3
    """Learning rate of perceptron weights relative to `learning_rate`."""
    final_factor: Annotated[float, Range(above=0, most=1e6)] = 0.03
    """Learning rate at the last step relative to the first: it falls exponentially after the first half."""
    warmup_steps: Annotated[int, Range(0, 10**9)] = 50
    """Steps over which the learning rate rises from a tenth."""
    log_every: Annotated[int, Range(1, 10**12)] = 20
    """Steps between two lines of metrics.jsonl."""
    heldout_every: Annotated[int, Range(0, 10**12)] = 500
    """Steps between two quick scores on held-out views; 0: none."""
    heldout_count: Annotated[int, Range(1, 10**6)] = 4
    """Number of held-out views in a quick score."""
    checkpoint_every_s: Annotated[float, Range(above=0, most=1e9)] = 60.0
    """Seconds between two checkpoints."""

    __post_init__ = check_ranges


@dataclass(frozen=True)
class EvaluateConfig:
    """How the result is scored."""

    protocol: Literal["robust", "eventnerf", "offset", "none"] = "robust"
    """Which correction is fitted between rendered and reference images before they are compared."""


FAMILIES = {"problem": "problems", "field": "fields", "sampling": "samplers", "background": "backgrounds"}
"""Section of the TOML file to the folder that holds its kinds."""
DEFAULT_KINDS = {
    "problem": "event_radiance", "field": "hash_grid", "sampling": "occupancy", "background": "color",
}  # fmt: skip
"""The kind of a section that does not state one."""


def _default(section: str) -> Any:
    """The dataclass field of a section, whose default kind is imported when it is needed."""
    return dataclasses.field(default_factory=lambda: resolve(FAMILIES[section], DEFAULT_KINDS[section])())


@dataclass(frozen=True)
class Experiment:
    """Everything that defines a reconstruction, except the recording itself."""

    scene: str = ""
    """Path of the recording, or of a folder with a scene.toml, which is simulated first."""
    loader: dict[str, object] = dataclasses.field(default_factory=dict)
    """Options of the recording's loader, such as extrapolate_s, and its `kind` if the files do not determine it."""
    supplied: Supplied = Supplied()
    """Camera and poses of your own."""
    seed: Seed = 0
    """Seed of every random draw."""
    backend: str = "auto"
    """Which implementation of the field's functions runs: `auto` takes the fastest that the device has."""
    device: str = "cpu"
    """Where tensors live: cpu, cuda, or cuda:1 for the second GPU."""
    threads: Threads = 0
    """CPU threads; 0: all cores."""
    problem: ProblemConfig = _default("problem")
    """What is optimised against what: a `Config` of efields.problems."""
    field: FieldConfig = _default("field")
    """The representation: a `Config` of efields.fields."""
    sampling: SamplerConfig = _default("sampling")
    """How rays are sampled: a `Config` of efields.samplers."""
    background: BackgroundConfig = _default("background")
    """What is behind the field: a `Config` of efields.backgrounds."""
    losses: Mapping[str, LossConfig] = dataclasses.field(default_factory=dict)
    """The losses by name: each a `Config` of efields.losses."""
    draws: Mapping[str, DrawConfig] = dataclasses.field(default_factory=dict)
    """Settings of the draws that the losses ask for, by name: each a `Config` of efields.draws; see `all_draws`."""
    camera_motion: camera_motion.Config = camera_motion.Config()
    """Whether the given poses are corrected while the field is trained."""
    train: TrainConfig = TrainConfig()
    """How the field is optimised."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """How the result is scored."""

    @property
    def look(self) -> LookConfig:
        """Settings of a renderer."""
        return LookConfig(self.field, self.sampling, self.background)

    @property
    def all_draws(self) -> dict[str, DrawConfig]:
        """The draws that the losses ask for, those without settings with their defaults."""
        named = dict.fromkeys(name for loss in self.losses.values() for name in draws_of(loss))
        return {name: self.draws[name] if name in self.draws else resolve("draws", name)() for name in named}


def kinds(family: str) -> list[str]:
    """Names that a `kind` of this family ("fields", "losses", "loaders" and others) can take: the folder's files."""
    package = importlib.import_module(f"efields.{family}")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def resolve(family: str, kind: object, where: str = "") -> type[Any]:
    """The `Config` class of a kind: a file of `efields/<family>/`, or a plug-in, a dotted module outside the package.

    `where` names the table in errors. Raises `InputError` when there is none, or the user does not allow plug-ins.
    """
    if not isinstance(kind, str):
        raise InputError(f"kind of {family} is a name, not {kind!r}", where, do=f"known: {', '.join(kinds(family))}")
    kind = kind.removeprefix(f"efields.{family}.")
    if kind not in kinds(family) and ("." not in kind or kind.startswith("efields.")):
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
    table, moved = settings_moved(table, where)
    plain = {k: v for k, v in table.items() if k not in (*FAMILIES, "losses", "draws")}
    known = {f.name for f in dataclasses.fields(Experiment)}
    for key in plain:
        if key not in known:
            raise InputError(f"unknown key '{key}'", where, did_you_mean(key, known))
    experiment = fill(Experiment, plain, where)
    read_with = experiment.loader.get("kind")
    if read_with is not None and "." not in str(read_with):  # a plug-in is only needed where the recording is
        resolve("loaders", read_with, f"{where}: loader")
    sections = {name: _section(name, table.get(name, {}), where) for name in FAMILIES}
    losses, usual = table.get("losses"), sections["problem"].default_losses
    if losses is None:
        losses = {name: {} for name in usual}
    if not isinstance(losses, Mapping) or (usual and not losses):
        raise InputError("no losses are named", where, "add a table such as [losses.event_interval]")
    built = {name: _named("losses", name, settings, where) for name, settings in losses.items()}
    experiment = dataclasses.replace(experiment, losses=built, **sections)
    experiment = dataclasses.replace(experiment, draws=_draws(table.get("draws", {}), moved, experiment, where))
    return dataclasses.replace(experiment, draws=experiment.all_draws)


def _draws(
    table: Any, moved: Mapping[str, dict[str, Any]], experiment: Experiment, where: str
) -> dict[str, DrawConfig]:
    """The [draws] section, which may name only what a loss asks for, and what stood elsewhere before."""
    if not isinstance(table, Mapping):
        raise InputError("draws is a table, not a value", where, "write it as [draws.NAME]")
    asked = {name for loss in experiment.losses.values() for name in draws_of(loss)}
    for name in table:
        if name not in asked:
            raise InputError(f"no loss asks for the draw '{name}'", inside(where, "draws"), did_you_mean(name, asked))
    given = {name: {} for name in sorted(asked)} | {name: moved[name] for name in asked & moved.keys()} | dict(table)
    return {name: _named("draws", name, settings, where) for name, settings in given.items()}


def _named(family: str, name: str, settings: Any, where: str) -> Any:
    """The Config of a table `[family.name]`, whose kind is the name unless it says another."""
    if not isinstance(settings, Mapping):
        raise InputError(f"{family}.{name} is a table, not a value", where, f"write it as [{family}.{name}]")
    rest = {k: v for k, v in settings.items() if k != "kind"}
    at = f"{where}: {family}.{name}"
    return fill(resolve(family, settings.get("kind", name), at), rest, at)


def suited(experiment: Experiment, recording: Recording) -> Experiment:
    """The experiment as it is; for posed images without events, with the problem `radiance` in the default's place.

    Images give brightness itself, so they are then compared without a fit, by the protocol `none`. Losses of the user's
    own choice that this replaces are named in a warning.
    """
    by_default = kind_of(experiment.problem) == DEFAULT_KINDS["problem"]
    if len(recording.events) or recording.frames is None or not by_default:
        return experiment
    problem = resolve("problems", "radiance")(box=getattr(experiment.problem, "box", None))
    losses = {name: resolve("losses", name)() for name in problem.default_losses}
    replaced = [name for name in experiment.losses if name not in (*experiment.problem.default_losses, *losses)]
    if replaced:
        said = 'posed images alone are reconstructed with the losses %s; to use %s, set problem.kind = "radiance"'
        _log.warning(said, " and ".join(losses), " and ".join(replaced))
    evaluate = dataclasses.replace(experiment.evaluate, protocol="none")
    return dataclasses.replace(experiment, problem=problem, losses=losses, draws={}, evaluate=evaluate)


def _section(name: str, table: Any, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise InputError(f"{name} is a table, not a value", where, f"write it as [{name}]")
    kind = table.get("kind", DEFAULT_KINDS[name])
    at = f"{where}: {name}"
    config = resolve(FAMILIES[name], kind, at)
    without_effect = getattr(config, "WITHOUT_EFFECT", ())
    return fill(config, {k: v for k, v in table.items() if k != "kind" and k not in without_effect}, at)


def kind_of(config: Any) -> str:
    """The kind that `resolve` would take to this Config: a file's name, or the dotted module outside the package."""
    module = type(config).__module__
    return module.rsplit(".", 1)[-1] if module.startswith("efields.") else module


def experiment_table(experiment: Experiment) -> dict[str, Any]:
    """The resolved experiment as a table, every default spelled out."""
    given = {name: value for name, value in vars(experiment).items() if name not in (*FAMILIES, "losses", "draws")}
    table = {name: to_table(value) if dataclasses.is_dataclass(value) else value for name, value in given.items()}
    for name in FAMILIES:
        table[name] = _with_kind(getattr(experiment, name))
    table["losses"] = {name: _with_kind(config) for name, config in experiment.losses.items()}
    table["draws"] = {name: _with_kind(config) for name, config in experiment.all_draws.items()}
    return table


def _with_kind(config: Any) -> dict[str, Any]:
    return {"kind": kind_of(config), **to_table(config)}


def experiment_text(experiment: Experiment) -> str:
    """The resolved experiment as TOML."""
    return tomli_w.dumps(experiment_table(experiment))


def save_experiment(experiment: Experiment, path: str | Path) -> None:
    """Write the resolved experiment as TOML, so that `efields train` on it repeats the run."""
    write_text(path, experiment_text(experiment))
