"""`efields bench` as a user calls it: JSON for machines, tables with machine, versions and noise for people."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest

from efields import cli
from efields.bench import rooflines, scaling
from efields.bench.timing import variants
from efields.fields.hash_grid import Config
from tests.bench.test_kernels import SMALL
from tests.bench.test_scaling import SMALL as RANGES

ROW = {
    "kernel", "backend", "isa", "unit", "msamples_s", "msamples_s_low", "msamples_s_high", "ratio", "ceiling_fraction",
    "sum_fraction", "bound", "runs",
}  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes of everything that take no time."""
    bench = importlib.import_module("efields.cli.bench")
    measured, ceiling = rooflines.measure_train_step, rooflines.measure_ceilings
    monkeypatch.setattr(rooflines, "Sizes", lambda: SMALL)
    monkeypatch.setattr(rooflines, "KERNELS", rooflines.KERNELS[:2])
    monkeypatch.setattr(scaling, "Ranges", lambda: RANGES)
    monkeypatch.setattr(rooflines, "measure_ceilings", lambda field: ceiling(Config(levels=1), 1, 1))
    monkeypatch.setattr(
        rooflines, "measure_train_step", lambda *args, **kwargs: measured(*args, **kwargs, burst=1, warm=1)
    )
    monkeypatch.setattr(bench, "SMALL", 4)
    monkeypatch.setattr(bench, "LARGE", 8)


@pytest.mark.usefixtures("small", "here")
def test_json_of_the_kernels_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--json", "--runs", "1", "--threads", "1"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert {"machine", "versions", "ceilings", "rows"} <= set(found)
    assert {"processor", "cores", "threads", "system"} <= set(found["machine"])
    assert {"efields", "python", "torch", "numpy"} == set(found["versions"])
    assert all(set(row) == ROW for row in found["rows"])
    steps = [row for row in found["rows"] if row["kernel"] == "train_step"]
    assert [(row["backend"], row["isa"]) for row in steps] == [(v.backend, v.isa) for v in variants()]
    assert found["train_step_on"] == "noise"
    assert said.err == ""


@pytest.mark.usefixtures("small", "here")
def test_the_table_names_machine_versions_and_noise(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "kernels", "--runs", "1"]) == 0
    said = capsys.readouterr()
    assert " cores, " in said.out.splitlines()[0] and "torch " in said.out.splitlines()[0]
    assert "median (quartiles)" in said.out and "train_step" in said.out and "GFLOP/s" in said.out
    assert "kernels 2/2" in said.err  # progress is not in the way of what is printed
    assert all(len(line) < 130 for line in said.out.splitlines())


@pytest.mark.usefixtures("small")
def test_train_takes_simulated_scenes_only(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(here / "tiny", here / "recordings" / "mine")
    words = ["bench", "train", "mine", "bricks", "--backends", "reference", "--steps", "2", "--heldout-every", "1"]
    assert cli.main([*words, "--json"]) == 0
    said = capsys.readouterr()
    assert "bricks is not simulated yet; run: efields simulate scenes/bricks" in said.err
    (row,) = json.loads(said.out)["rows"]
    assert row["scene"] == "mine" and set(row["seconds_to"]) == {"24", "26", "28", "30"}
    assert not (here / "runs").exists()
    assert cli.main(words) == 0
    assert "training seconds until" in capsys.readouterr().out.lower()


@pytest.mark.usefixtures("here")
def test_train_without_any_scene_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "train"]) == 2
    assert "efields simulate scenes/blob_white" in capsys.readouterr().err


@pytest.mark.usefixtures("here", "small")
def test_scaling_and_render_print_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "scaling", "--backends", "auto", "--runs", "1"]) == 0
    assert "training step against samples per step" in capsys.readouterr().out
    assert cli.main(["bench", "render", "--backends", "reference", "--runs", "1"]) == 0
    said = capsys.readouterr().out
    assert "made-up field" in said and "4x4" in said and "8x8" not in said


@pytest.mark.parametrize(
    "words", [["kernels", "bricks"], ["--runs", "-1"], ["train", "--steps", "0"], ["render", "--backends", "nothing"]]
)
@pytest.mark.usefixtures("here")
def test_wrong_flags_are_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", *words]) == 2
    assert capsys.readouterr().out == ""
