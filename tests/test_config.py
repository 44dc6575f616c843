"""Experiments: strict at every level, complete when written out, open to kinds outside the package."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from efields.backgrounds import color
from efields.config import (
    EvaluateConfig,
    Experiment,
    TrainConfig,
    experiment_from_table,
    experiment_table,
    experiment_text,
    kind_of,
    kinds,
    load_experiment,
    resolve,
    save_experiment,
)
from efields.draws import events as event_draw
from efields.draws import silent as silent_draw
from efields.draws import windows
from efields.errors import InputError
from efields.fields import analytic, hash_grid
from efields.losses import event_interval, silent
from efields.problems import event_radiance
from efields.samplers import occupancy, stratified
from efields.settings import read_toml

OUTSIDE = """
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Config:
    draws: ClassVar[str] = "events"
    weight: float = 1.0
    sharpness: float = 2.0

    def __call__(self, supervision):
        return self.sharpness * supervision.intervals.predicted.square().mean()
"""


OF_ITS_OWN = """
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Config:
    frames: ClassVar[bool] = False
    default_losses: ClassVar[tuple[str, ...]] = ()
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A loss in somebody's own package."""
    package = tmp_path / "their_package_of_losses"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sharp.py").write_text(OUTSIDE)
    (package / "problem.py").write_text(OF_ITS_OWN)
    (package / "empty.py").write_text("")
    (package / "broken.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EFIELDS_PLUGINS", "1")
    return package.name


def built(table: dict[str, Any]) -> Experiment:
    return experiment_from_table(table, "file")


def test_an_empty_file_is_the_defaults() -> None:
    found = built({})
    assert found.problem == event_radiance.Config()
    assert found.field == hash_grid.Config()
    assert tuple(found.losses) == event_radiance.Config().default_losses
    assert found.losses["event_interval"] == event_interval.Config()
    assert (found.train, found.evaluate) == (TrainConfig(), EvaluateConfig())
    assert (found.sampling, found.background) == (occupancy.Config(), color.Config())
    assert set(found.draws) == {"events", "windows", "silent"}


def test_sections_fill_their_kinds() -> None:
    found = built(
        {
            "scene": "somewhere",
            "seed": 3,
            "field": {"levels": 4, "log2_size": 12},
            "problem": {"learn_ratio": True},
            "losses": {"silent": {"weight": 2}, "again": {"kind": "silent"}},
            "draws": {"silent": {"share": 0.9}},
            "sampling": {"kind": "stratified"},
            "train": {"steps": 7},
            "evaluate": {"protocol": "offset"},
        }
    )
    assert (found.scene, found.seed, found.train.steps, found.evaluate.protocol) == ("somewhere", 3, 7, "offset")
    assert found.field == hash_grid.Config(levels=4, log2_size=12)
    assert isinstance(found.problem, event_radiance.Config) and found.problem.learn_ratio
    assert found.draws == {"silent": silent_draw.Config(share=0.9)}
    assert found.losses == {"silent": silent.Config(weight=2.0), "again": silent.Config()}
    assert found.sampling == stratified.Config()


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"sead": 1}, r"^file: unknown key 'sead'; did you mean 'seed'\?"),
        ({"trian": {}}, "did you mean 'train'"),
        ({"train": {"step": 1}}, r"file\.train: unknown key 'step'; did you mean 'steps'\?"),
        ({"sampling": {"sample": 1}}, r"file: sampling: unknown key 'sample'; did you mean 'samples'\?"),
        ({"evaluate": {"protokol": 1}}, "did you mean 'protocol'"),
        ({"evaluate": {"protocol": "robusst"}}, r"'robusst' is not allowed; did you mean 'robust'\?"),
        ({"field": {"level": 1}}, r"file: field: unknown key 'level'; did you mean 'levels'\?"),
        ({"field": {"kind": "hash_gird"}}, "unknown kind 'hash_gird' of fields; did you mean 'hash_grid'"),
        ({"field": {"kind": "efields.samplers.occupancy"}}, "unknown kind 'efields.samplers.occupancy' of fields"),
        ({"field": {"kind": 3}}, "kind of fields is a name, not 3"),
        ({"field": {"kind": "analytic", "balls": [{"radus": 1}]}}, r"balls\[0\]: unknown key 'radus'.*'radius'"),
        ({"problem": {"shares": {"event": 1}}}, r"problem\.shares: unknown key 'event'; did you mean 'events'\?"),
        ({"problem": {"kind": "events"}}, "unknown kind 'events' of problems"),
        ({"loader": {"kind": "ecdd"}}, r"^file: loader: unknown kind 'ecdd' of loaders; did you mean 'ecd'\?"),
        ({"loader": {"kind": 3}}, "^file: loader: kind of loaders is a name, not 3"),
        ({"losses": {"silnt": {}}}, "unknown kind 'silnt' of losses; did you mean 'silent'"),
        ({"losses": {"silent": {"wieght": 1}}}, r"losses\.silent: unknown key 'wieght'; did you mean 'weight'\?"),
        ({"losses": {"silent": 0.5}}, r"losses\.silent is a table, not a value"),
        ({"losses": {}}, "no losses are named"),
        ({"losses": 1}, "no losses are named"),
        ({"field": "hash_grid"}, "field is a table, not a value"),
        ({"seed": "one"}, r"file\.seed: takes a whole number, not 'one'"),
        ({"seed": 1.5}, "takes a whole number, not 1.5"),
        ({"train": {"steps": 0}}, r"^file\.train\.steps = 0; give a number from 1 to 1000000000$"),
        ({"train": {"learning_rate": float("nan")}}, "learning_rate = nan; give a number above 0"),
        ({"sampling": {"samples": 0}}, "samples"),
        ({"field": {"finest_resolution": 4}}, "hash grid takes"),
        ({"field": {"view_degree": 7}}, "view_degree"),
        ({"problem": {"shares": {"events": -1}}}, "above 0"),
        ({"problem": {"box": [[0, 0, 0]]}}, "takes 2 numbers"),
        ({"sampling": {"kind": "ocupancy"}}, r"^file: sampling: unknown kind 'ocupancy' of samplers.*'occupancy'"),
        ({"sampling": {"kind": "stratified", "least_alhpa": 1}}, "unknown key 'least_alhpa'"),
        ({"background": {"kind": "colour"}}, r"^file: background: unknown kind 'colour'.*did you mean 'color'\?"),
        ({"draws": 1}, "draws is a table, not a value"),
        ({"draws": {"silent": 0.5}}, r"draws\.silent is a table, not a value"),
        ({"draws": {"silnt": {}}}, r"file\.draws: no loss asks for the draw 'silnt'; did you mean 'silent'\?"),
        ({"draws": {"frames": {}}}, "no loss asks for the draw 'frames'"),
        ({"draws": {"silent": {"shere": 1}}}, r"draws\.silent: unknown key 'shere'; did you mean 'share'\?"),
        ({"camera_motion": {"lern": True}}, r"file\.camera_motion: unknown key 'lern'; did you mean 'learn'\?"),
        ({"camera_motion": {"knot_every_s": 0}}, "knot_every_s = 0; give a number above 0"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_on_one_line(table: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line) as error:
        built(table)
    assert "\n" not in str(error.value)


def test_options_of_a_loader_are_values_of_any_kind() -> None:
    options = {"kind": "robust_enerf", "views": False, "c_pos": 0.25, "names": ["a", "b"]}
    assert built({"loader": options}).loader == options


# ---- what stood elsewhere in configs of version 0.1


def test_earlier_shares_and_windows_are_read_where_they_are_now() -> None:
    shares = {"events": 0.4, "windows": 2, "silent": 0.2, "frames": 0.7}
    found = built({"problem": {"shares": shares, "windows_at_events": False, "learn_ratio": True}})
    assert found.problem == event_radiance.Config(learn_ratio=True)
    # No loss asks for frames.
    assert found.draws == {
        "events": event_draw.Config(share=0.4),
        "windows": windows.Config(share=2.0, at_events=False),
        "silent": silent_draw.Config(share=0.2),
    }
    assert found == built(experiment_table(found))


def test_what_is_set_now_holds_over_what_was_set_before() -> None:
    found = built({"problem": {"shares": {"silent": 0.2, "events": 0.4}}, "draws": {"silent": {"share": 0.5}}})
    assert (found.draws["silent"].share, found.draws["events"].share) == (0.5, 0.4)


def test_earlier_windows_keep_their_default_share() -> None:
    found = built({"problem": {"windows_at_events": False}})
    assert found.draws["windows"] == windows.Config(at_events=False)
    assert built({"losses": {"silent": {}}, "problem": {"windows_at_events": False}}).draws.keys() == {"silent"}


def test_an_earlier_stratified_sampling_named_what_has_no_effect() -> None:
    earlier = {"kind": "stratified", "samples": 16, "finer_views": 2, "grid_resolution": 64, "least_alpha": 0.01}
    assert built({"sampling": earlier}).sampling == stratified.Config(samples=16)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ({"shares": 1}, r"^file: problem\.shares: is a table, not a value; write it as \[draws\.NAME\]$"),
        ({"shares": {"event": 1}}, r"^file: problem\.shares: unknown key 'event'; did you mean 'events'\?$"),
        ({"shares": {"patches": 1}}, "unknown key 'patches'"),
        ({"shares": {"events": "much"}}, r"draws\.events\.share: takes a number, not 'much'"),
        ({"windows_at_events": 3}, r"draws\.windows\.at_events"),
    ],
    ids=str,
)
def test_what_is_wrong_with_earlier_settings_is_told(problem: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        built({"problem": problem})


# ---- round trip


def everything() -> Experiment:
    return built(
        {
            "field": {
                "kind": "analytic",
                "balls": [{"radius": 0.1}, {"center": [1, 1, 1], "radiance": [0.1, 0.2, 0.3]}],
            },
            "problem": {"box": [[-1, -1, -1], [1, 1, 2]], "frames": True},
            "losses": {"photometric": {}, "second": {"kind": "event_interval", "huber": 0.5}},
        }
    )


@pytest.mark.parametrize("experiment", [built({}), everything()], ids=["defaults", "everything"])
def test_written_out_and_read_again_is_equal(experiment: Experiment, tmp_path: Path) -> None:
    save_experiment(experiment, tmp_path / "config.toml")
    assert load_experiment(tmp_path / "config.toml") == experiment
    assert load_experiment(tmp_path) == experiment
    assert (tmp_path / "config.toml").read_text(encoding="utf-8") == experiment_text(experiment)


def test_every_default_is_spelled_out() -> None:
    table = experiment_table(built({}))
    for name in ("problem", "field", "sampling", "background", "camera_motion", "train", "evaluate"):
        settings = getattr(built({}), name)
        optional = {f.name for f in dataclasses.fields(settings) if getattr(settings, f.name) is None}
        assert {f.name for f in dataclasses.fields(settings)} - optional <= set(table[name])
    assert table["field"]["kind"] == "hash_grid"
    assert table["losses"]["silent"]["kind"] == "silent"
    assert table["draws"]["windows"] == {"kind": "windows", "share": 0.8, "at_events": True}


# ---- kinds


def test_kinds_are_the_files_of_the_folder() -> None:
    import efields

    root = Path(efields.__file__).parent
    for family in ("fields", "losses", "problems", "loaders", "samplers", "backgrounds", "draws"):
        files = {path.stem for path in (root / family).glob("*.py") if not path.stem.startswith("_")}
        assert set(kinds(family)) == files != set()


def test_a_kind_outside_the_package(outside: str, tmp_path: Path) -> None:
    found = built({"losses": {"mine": {"kind": f"{outside}.sharp", "sharpness": 5}}})
    assert found.losses["mine"].sharpness == 5.0
    assert kind_of(found.losses["mine"]) == f"{outside}.sharp"
    save_experiment(found, tmp_path / "again.toml")
    assert load_experiment(tmp_path / "again.toml") == found
    with pytest.raises(InputError, match="unknown key 'sharpnes'; did you mean 'sharpness'"):
        built({"losses": {"mine": {"kind": f"{outside}.sharp", "sharpnes": 5}}})


def test_a_problem_that_compares_by_itself_needs_no_losses(outside: str, tmp_path: Path) -> None:
    found = built({"problem": {"kind": f"{outside}.problem"}})
    assert found.losses == found.draws == {}
    save_experiment(found, tmp_path / "again.toml")
    assert load_experiment(tmp_path / "again.toml") == found


def test_modules_that_hold_no_kind(outside: str) -> None:
    for module, line in (
        (f"{outside}.empty", "has no Config; a kind of losses holds one frozen Config"),
        (f"{outside}.broken", r"cannot be imported \(ModuleNotFoundError: No module named 'no_such_module_anywhere'\)"),
        (f"{outside}.nothing", "cannot be imported"),
    ):
        with pytest.raises(InputError, match=line):
            resolve("losses", module)


def test_a_kind_is_found_by_its_full_name_too() -> None:
    assert resolve("fields", "efields.fields.analytic") is resolve("fields", "analytic") is analytic.Config
    assert kind_of(analytic.Config()) == "analytic"


# ---- files


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_experiment(tmp_path / "none.toml")
    with pytest.raises(InputError, match="no such file"):
        load_experiment(tmp_path)


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nstepps = 3\n")
    with pytest.raises(InputError, match=r"mine\.toml: train: unknown key 'stepps'"):
        load_experiment(path)
    assert read_toml(path) == {"train": {"stepps": 3}}
