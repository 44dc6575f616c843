"""Paths that name nothing, or another thing than the command opens: one line that says what was meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from efields.cli import main
from efields.settings import neighbour_or
from efields.train import Run


@pytest.fixture
def runs(tiny_run: Run, here: Path) -> Path:
    """A folder of runs, and a scene, beside a recording and a config."""
    shutil.copytree(tiny_run.path, here / "runs" / "demo")
    shutil.copytree(tiny_run.path, here / "runs" / "bricks")
    (here / "scene").mkdir()
    (here / "scene" / "scene.toml").write_text("")
    return here / "runs"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("view runs", "runs: is a folder of runs; give one of them: bricks, demo"),
        ("view scene", "scene: contains no run; create one with: efields train CONFIG"),
        ("export runs", "is a folder of runs; give one of them: bricks, demo"),
        ("render runs/dmeo", "runs/dmeo: no run at that path; runs there: bricks, demo"),
        ("report runs/demo/config.toml", "is a file of a run; give its folder: runs/demo"),
        ("evaluate rusn/demo", "no run at that path; did you mean 'runs/demo'?"),
        ("info runs/demo", "is a run of efields, not a recording; look at it with efields view demo, or open it with"),
        ("info runs", "is a folder of runs, not a recording; runs there: bricks, demo"),
        ("convert runs/demo out.raw", "is a run of efields, not a recording"),
        ("info scene", "is a scene, not a recording; simulate it first: efields simulate scene"),
        ("info tinny", "tinny: no such file or folder; did you mean 'tiny'?"),
        ("train runs/demo/confg.toml", "did you mean 'runs/demo/config.toml'?"),
        ("train smal.toml", "did you mean 'small.toml'?"),
        ("train small.toml --scene tinny", "did you mean 'tiny'?"),
        ("train small.toml --scene tiny --poses tiny/camera_pose.npz", "did you mean 'tiny/camera_poses.npz'?"),
        ("render runs/demo --path flight.jsn", "did you mean 'flight.json'?"),
        ("simulate --frames clp.mp4", "did you mean 'clip.mp4'?"),
    ],
)
def test_what_was_meant_is_named(runs: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("flight.json", "clip.mp4"):
        Path(name).write_text("")
    assert main(words.split()) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and said in error[0]


def test_a_neighbour_is_near_and_there(tmp_path: Path) -> None:
    (tmp_path / "recordings" / "blob").mkdir(parents=True)
    assert neighbour_or(tmp_path / "recording" / "blob", "x") == f"did you mean '{tmp_path / 'recordings' / 'blob'}'?"
    (tmp_path / "poses.txt").touch()
    for name in ("recording/other", "thesis", "none.txt", "/nowhere/at/all"):
        assert neighbour_or(tmp_path / name, "x") == "x"
