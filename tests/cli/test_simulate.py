"""`efields simulate`: frames in, a recording that loads out; what it says and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from efields import cli
from efields.cli import simulate
from efields.loaders import load
from efields.loaders.robust_enerf import load_labels
from efields.simulation.event_camera import EventCamera, simulate_events


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    waves = np.sin(np.arange(20) / 3 + np.arange(15)[:, None, None] / 2)
    np.savez("waves.npz", log_intensity=np.broadcast_to(waves, (15, 10, 20)), t_s=np.arange(15) * 0.01)
    return tmp_path / "waves.npz"


def test_frames_become_a_recording(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--c-pos", "0.2", "--refractory-us", "100", "--shot-noise-rate-hz", "5", "--seed", "4"]
    assert cli.main(["simulate", "--frames", "waves.npz", "--out", "rec", *words, "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert said.err == ""
    with np.load(stack) as arrays:
        camera = EventCamera(c_pos=0.2, refractory_us=100, shot_noise_rate_hz=5, seed=4)
        events, labels = simulate_events(arrays["log_intensity"], arrays["t_s"], camera, is_log=True)
    recording = load("rec")
    for column in ("x", "y", "t_us", "polarity"):
        assert np.array_equal(getattr(recording.events, column), getattr(events, column))
    assert np.array_equal(np.asarray(load_labels("rec")), labels)
    assert told["events"] == len(events)
    assert told["labels"] == dict(zip(("signal", "noise", "hot"), np.bincount(labels, minlength=3), strict=True))
    assert told["labels"]["noise"] > 0
    assert told["rate"] == pytest.approx(events.rate_hz)
    assert (recording.sensor.c_pos, recording.sensor.c_neg, recording.sensor.refractory_us) == (0.2, 0.25, 100)
    lens = recording.camera
    assert (lens.width, lens.height, lens.fx, lens.fy, lens.cx, lens.cy) == (20, 10, 20, 20, 9.5, 4.5)
    assert recording.trajectory is None
    assert any("poses" in note for note in recording.notes)


def test_it_says_what_it_made_and_where(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--frames", str(stack)]) == 0
    said = capsys.readouterr()
    count, path = said.out.splitlines()
    assert f"{len(load('recordings/waves').events):,} events" in count
    assert path == "recordings/waves"
    assert cli.main(["simulate", "--frames", str(stack)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "recordings/waves-2"
    assert "frames 15/15" in said.err


def test_every_setting_of_the_event_camera_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--help"]) == 0
    told = capsys.readouterr().out
    for name in EventCamera.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in told


def test_a_simulated_recording_is_replaced_when_asked_and_anything_else_kept(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "--frames", str(stack), "--overwrite", "--out"]
    assert cli.main([*words[:3], "--out", "rec"]) == 0
    assert cli.main([*words[:3], "--out", "rec", "--c-pos", "0.5"]) == 2
    assert "exists already; replace it with --overwrite" in capsys.readouterr().err
    assert load("rec").sensor.c_pos == 0.25
    assert cli.main([*words, "rec", "--c-pos", "0.5"]) == 0
    assert load("rec").sensor.c_pos == 0.5
    Path("rec/labels.npz").unlink()
    Path("mine").mkdir()
    Path("mine/note.txt").write_text("mine")
    assert cli.main([*words, "rec"]) == cli.main([*words, "mine"]) == 2
    assert Path("mine/note.txt").read_text() == "mine"
    assert Path("rec/raw_events.npz").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give one thing to simulate"),
        (["blob_white", "--frames", "waves.npz"], "give one thing to simulate"),
        (["--frames", "nowhere"], "nowhere: no such file or folder"),
        (["--frames", "waves.npz", "--fps", "30"], "its own times"),
        (["--frames", "waves.npz", "--c-pos", "0"], "--c-pos 0.0; give a number from 0.01 to 100"),
        (["--frames", "waves.npz", "--c-pos", "9", "--c-neg", "9"], "no events"),
        (["--frames", "waves.npz", "--bayer", "RGGB"], "no colours"),
        (["blob_white", "--c-pos", "0.3"], "its own camera"),
        (["blob_wite"], "blob_white"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(
    stack: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["simulate", *words, "--out", "rec"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.strip().splitlines()[-1]
    assert line.startswith("efields: ")
    assert message in line
    assert not Path("rec").exists()
    assert list(stack.parent.glob(".rec*")) == []


def test_a_scene_goes_through_the_cache_of_scenes(
    stack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["simulate", "--frames", str(stack), "--out", "made"]) == 0
    asked = []
    monkeypatch.setattr(
        "efields.cli._scene.simulated_folder",
        lambda source, out, *, quiet, overwrite: (
            asked.append((source.name, source.parent.name, out, quiet)) or Path("made")
        ),
    )
    capsys.readouterr()
    assert simulate.run(simulate.Args(scene="blob_white", out=Path("rec"), json=True)) == 0
    assert asked == [("scene.toml", "blob_white", Path("rec"), True)]
    assert json.loads(capsys.readouterr().out)["path"] == "made"
