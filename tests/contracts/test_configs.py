"""Every config that comes with efields loads, names what is there, and comes back from its own text."""

from __future__ import annotations

from pathlib import Path

import pytest

from efields.cli._shipped import find_shipped, shipped_names, shipped_root
from efields.config import experiment_from_table, experiment_text, load_experiment
from efields.settings import read_toml

CONFIGS = shipped_names("configs")


def test_there_are_some() -> None:
    assert "blob_white" in CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
def test_it_loads_and_comes_back(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(find_shipped(name, "configs"))
    (tmp_path / "again.toml").write_text(experiment_text(experiment), encoding="utf-8")
    assert load_experiment(tmp_path / "again.toml") == experiment
    assert experiment.device == "cpu"


@pytest.mark.parametrize("name", CONFIGS)
def test_its_scene_comes_with_efields_or_is_given_by_the_user(name: str) -> None:
    scene = load_experiment(find_shipped(name, "configs")).scene
    assert scene == "" or (shipped_root() / scene / "scene.toml").is_file()


@pytest.mark.parametrize("name", CONFIGS)
def test_it_says_only_what_differs_from_the_defaults(name: str) -> None:
    table = read_toml(find_shipped(name, "configs"))
    whole = experiment_from_table(table, name)
    for section in ("train", "sampling", "field", "problem", "evaluate"):
        for key in table.get(section, {}):
            if key == "kind":
                continue
            less = {**table, section: {k: v for k, v in table[section].items() if k != key}}
            assert experiment_from_table(less, name) != whole, f"{section}.{key} is the default: leave it out"
