"""`efields egomotion` and `efields flow` as a user calls them."""

from __future__ import annotations

import csv
import errno
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from efields import cli, loaders
from efields.cli import flow
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.formats.flow_png import read_flow_png
from efields.geometry.camera import Camera
from efields.motion.files import read_flo, read_motion_npz
from efields.motion.flow import Flow, flow_of
from efields.motion.flow_field import FieldFrame, FlowField, FlowFieldConfig
from efields.motion.motion import Motion
from efields.recordings.recording import Recording
from efields.signals import Stopped
from tests.motion.test_rotation import LENS, turning

W = (0.1, 0.8, -0.2)
CAMERA = "199.1,198.8,132.2,110.7,-0.3684,0.1509,-0.0003,-0.0008,0.0"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A text file of a camera that turns, without calibration."""
    events = turning(W, count=16_000)
    path = tmp_path / "turn.txt"
    rows = np.column_stack([events.t_us * 1e-6, events.x, events.y, events.polarity])
    np.savetxt(path, rows, fmt="%.6f %d %d %d")
    return path


def printed(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict:
    assert cli.main([*map(str, words), "--json", "--threads", "1"]) == 0
    return json.loads(capsys.readouterr().out)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was wrong, below progress and warnings."""
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error.splitlines()[-1]


def no_flow(events: EventStream, *_: object) -> tuple[Motion, Flow]:
    """What `estimate_motion_and_flow` would give of a camera at rest, at once."""
    first, last = int(events.t_us[0]), int(events.t_us[-1])
    frame = FieldFrame((last - first) * 0.5e-6, (0.0, 0.0), (0.6, 0.5), 1.0, (3, 16, 21))
    field = FlowField(FlowFieldConfig(), frame, torch.Generator().manual_seed(0))
    t_us, zero = np.array([(first + last) // 2]), np.zeros((1, 3))
    motion = Motion(
        "full", t_us, zero, np.eye(3)[None], zero + np.nan, ("still",), np.array([len(events)]), np.ones(1)
    )  # fmt: skip
    return motion, flow_of([field], [(first, last)], Camera(240, 180, 200, 200, 120, 90))


def test_a_turn_is_found_and_written(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    found = printed(capsys, "egomotion", recording, f"--camera={CAMERA}", "--out", out)
    assert found["model"] == "rotation"
    assert np.linalg.norm(np.subtract(found["angular_velocity_rad_s"], W)) < 0.03
    assert {"t_us", "events", "seconds", "gain", "windows", "direction"} <= found.keys()
    assert found["direction"] is None
    assert found["events"] <= 16_000 < sum(row["events"] for row in found["windows"]) or len(found["windows"]) == 1
    assert found["calibration"] == "given"
    motion = read_motion_npz(out / "motion.npz")
    assert found["seconds"] > motion.seconds
    assert [row["status"] for row in found["windows"]] == list(motion.status)
    assert {path.name for path in out.iterdir()} == {"motion.csv", "motion.npz", "trajectory.txt", "report.html"}
    page = (out / "report.html").read_text()
    assert "translation direction" not in page and "direction of translation" not in page
    assert all(name in page for name in ("used_events", "processor", "torch"))
    assert "Angular velocity" in page and 'src="http' not in page and "nan" not in page.lower().split("<style>")[0]


def test_results_are_replaced_only_when_asked(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("egomotion", recording, f"--camera={CAMERA}", "--stop", "0.05")
    first, second = printed(capsys, *words), printed(capsys, *words)
    assert (first["out"], second["out"]) == ("runs/turn-egomotion", "runs/turn-egomotion-2")
    assert first["angular_velocity_rad_s"] == pytest.approx(second["angular_velocity_rad_s"], abs=1e-6)
    again = [*map(str, words), "--out", first["out"]]
    before = Path(first["out"], "motion.csv").read_text()
    assert cli.main(again) == 2
    assert "--overwrite" in capsys.readouterr().err
    Path(first["out"], "motion.csv").write_text("mine")
    assert printed(capsys, *again, "--overwrite")["out"] == first["out"]
    assert Path(first["out"], "motion.csv").read_text() == before
    # A folder with anything of the user's is never replaced.
    Path(first["out"], "thesis.tex").write_text("mine")
    assert cli.main([*again, "--overwrite"]) == 2
    assert "thesis.tex" in capsys.readouterr().err
    assert {path.name for path in Path("runs").iterdir()} == {"turn-egomotion", "turn-egomotion-2"}


def test_a_folder_that_cannot_be_written_is_found_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        for command in ("egomotion", "flow"):
            assert cli.main([command, "no-recording", "--out", str(out), "--overwrite"]) == 2
            error = capsys.readouterr().err
            assert str(tmp_path / "file") in error and "no-recording" not in error and error.count("\n") == 1


@pytest.mark.parametrize(("raised", "code", "said"), [
    (KeyboardInterrupt(), 130, "nothing was written to"),
    (Stopped(signal.SIGTERM), 143, "nothing was written to"),
    (OSError(errno.ENOSPC, "No space left on device"), 2, "cannot be written (No space left on device)"),
    (None, 2, "report.html: cannot be written (No space left on device)"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["egomotion", "flow"])
def test_what_stops_in_the_middle_leaves_nothing(
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException | None,
    code: int,
    said: str,
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    def stopped(path: Path, *_: object) -> None:
        raise raised or InputError("cannot be written (No space left on device)", path)

    monkeypatch.setattr("efields.report.motion_page.write_motion_page", stopped)
    monkeypatch.setattr("efields.motion.joint.estimate_motion_and_flow", no_flow)
    short = ["--no-film", "--format", "none"] if command == "flow" else ["--model", "full"]
    assert cli.main([command, str(recording), f"--camera={CAMERA}", "--threads", "1", *short]) == code
    error = capsys.readouterr().err
    assert said in error and f"runs/turn-{command}" in error and ".part" not in error
    assert not Path("runs").exists()


def test_without_a_calibration_it_says_what_can_be_done(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["egomotion", str(recording)]) == 2
    error = capsys.readouterr().err
    assert "--camera" in error and "efields flow" in error and error.count("\n") == 1


@pytest.mark.parametrize(("words", "said"), [
    (("egomotion", "--start", "5"), "lasts 0.100 s, and --start 5 is beyond its end"),
    (("egomotion", "--start", "0.05", "--stop", "0.02"), "--stop 0.02 is not after --start 0.05"),
    (("flow", "--stop", "0"), "--stop 0.0; give a number above 0"),
    (("egomotion", "--start", "nan"), "--start nan; give a number from 0"),
    (("flow", "--rate", "0"), "--rate 0.0; give a number from 0.001"),
    (("flow", "--rate", "1e6"), "maps are more than 2,000"),
    (("egomotion", "--stop", "0.0001"), "too few to estimate motion"),
    (("egomotion", "--window-events", "0"), "--window-events 0; give a number from 1"),
    (("egomotion", "--window-events", "5"), "windows with fewer than 300 events are not estimated; give 300 or more"),
    (("flow", "--window-events", "999"), "give 1000 or more"),
    (("egomotion", "--window-px", "-1"), "--window-px -1.0; give a number from 0"),
    (("egomotion", "--pivot", "nan"), "--pivot nan; give a number from 0"),
    (("egomotion", "--model", "full", "--pivot", "0.2"), "--pivot is an option of --model rotation"),
    (("egomotion", "--seconds-per-window", "1"), "--seconds-per-window is an option of --model full"),
    (("egomotion", "--model", "full", "--seconds-per-window", "-1"), "--seconds-per-window -1.0; give a number above"),
    (("egomotion", "--epipolar-weight", "0"), "--epipolar-weight is an option of --model full"),
])  # fmt: skip
def test_bad_numbers_and_combinations(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    flags = [f"--camera={CAMERA}", "--threads", "1", "--out", str(tmp_path / "out")]
    assert cli.main([words[0], str(recording), *flags, *words[1:]]) == 2
    assert said in last_line(capsys)
    assert not (tmp_path / "out").exists()


def test_windows_that_give_nothing_are_no_rotation_of_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    t_us = 1_000_000 + np.sort(rng.integers(0, 20_000_000, 1_500))
    x, y = rng.integers(0, 240, 1_500), rng.integers(0, 180, 1_500)
    np.savez(tmp_path / "sparse.npz", t=t_us, x=x, y=y, p=x > 100)
    size = ["--width", "240", "--height", "180", "--time-unit", "us", "--threads", "1"]
    words = [str(tmp_path / "sparse.npz"), f"--camera={CAMERA}", *size, "--out", str(tmp_path / "out")]
    assert cli.main(["egomotion", *words]) == 0
    told = capsys.readouterr().out
    assert "angular velocity  not found in" in told and "too few events for an estimate" in told
    assert "rad/s" not in told and "at rest" not in told
    assert "too few events, 0 is given" in (tmp_path / "out" / "report.html").read_text()
    assert cli.main(["flow", *words, "--overwrite"]) == 2
    assert "no 0.4 s contain the 1,000 events of a window; choose a part with more events" in last_line(capsys)


def test_maps_never_reach_beyond_the_events() -> None:
    t_us, place = np.array([1_000_000, 1_010_000, 1_025_000]), np.array([1, 2, 3])
    events = EventStream.from_arrays(place, place, t_us, place > 1, 4, 4)
    for rate, times in ((0.001, [0, 25_000]), (40.0, [0, 25_000]), (100.0, [0, 10_000, 20_000])):
        assert (flow._times(events, rate) - 1_000_000).tolist() == times


def test_the_epipolar_constraint_takes_a_calibration(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["flow", str(recording), "--epipolar-weight", "0.1"]) == 2
    assert "needs a calibration; give --camera" in capsys.readouterr().err


def test_events_that_show_no_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spread = np.arange(5000) % 180
    at_once = np.where(np.arange(5000) < 4990, 1_000_000, 2_000_000 + 1000 * np.arange(5000))
    for name, t_us, x, y, said in (
        ("one", [1_000_000], [5], [6], "1 event is too few to estimate motion"),
        ("two", [1_000_000, 1_000_500], [5, 6], [6, 6], "2 events are too few to estimate motion"),
        ("time", at_once, spread, spread, "4,990 events are all at the same time"),
        ("pixel", np.arange(5000) * 40 + 1_000_000, np.full(5000, 9), np.full(5000, 8), "1 hot pixel and its 5,000"),
    ):
        path = tmp_path / f"{name}.npz"
        np.savez(path, t=np.asarray(t_us), x=np.asarray(x), y=np.asarray(y), p=np.ones(len(x), bool))
        size = ["--width", "240", "--height", "180", "--time-unit", "us", "--stop", "0.9"]
        for words in (["egomotion", f"--camera={CAMERA}"], ["flow"]):
            assert cli.main([words[0], str(path), *words[1:], *size, "--out", str(tmp_path / "out")]) == 2
            error = last_line(capsys)
            assert said in error and str(path) in error
    assert not (tmp_path / "out").exists()


def test_events_beyond_the_poses_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An ECD folder whose poses cover the second half of its events."""
    events = turning(W, count=4_000)
    rows = np.column_stack([events.t_us * 1e-6, events.x, events.y, events.polarity])
    np.savetxt(tmp_path / "events.txt", rows, fmt="%.6f %d %d %d")
    (tmp_path / "calib.txt").write_text(CAMERA.replace(",", " "))
    poses = np.zeros((12, 8))
    poses[:, 0], poses[:, 7] = 1.0 + 0.01 * np.arange(12), 1.0
    np.savetxt(tmp_path / "groundtruth.txt", poses, fmt="%.6f")
    found = printed(
        capsys, "egomotion", tmp_path, "--out", tmp_path / "out", "--window-events", "500", "--window-px", "0"
    )
    hot = [int(note.split(" events are left out")[0].split()[-1]) for note in found["notes"] if "hot" in note]
    assert found["events"] == len(events) - sum(hot)
    assert not any("reconstruction" in note for note in found["notes"])
    poses_agree = found["agreement"]["poses"]
    covered = sum(row["t_us"] >= 1_000_000 for row in found["windows"])
    assert 0 < poses_agree["windows"] <= covered < len(found["windows"])
    assert poses_agree["zero_rotation_rms_deg_s"] == 0
    assert poses_agree["rms_deg_s"] >= poses_agree["mean_deg_s"] > 40


def test_a_guessed_lens_is_called_assumed_wherever_it_shows(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loaders.load

    def assuming(path: Path, kind: str, **options: Any) -> Recording:
        said = ("The lens is not known: a pinhole of 240 pixels focal length is assumed.",)
        return replace(load(path, kind, **options), camera=Camera(240, 180, 240, 240, 119.5, 89.5), notes=said)

    def found(events: EventStream, *_: object) -> Motion:
        return replace(no_flow(events)[0], model="rotation")

    monkeypatch.setattr(loaders, "load", assuming)
    monkeypatch.setattr("efields.motion.rotation.estimate_rotation", found)
    for words, calibration in (((), "assumed"), ((f"--camera={CAMERA}",), "given")):
        out = tmp_path / calibration
        assert cli.main(["egomotion", str(recording), *words, "--threads", "1", "--out", str(out)]) == 0
        told = capsys.readouterr().out
        page, tum = (out / "report.html").read_text(), (out / "trajectory.txt").read_text()
        assert read_motion_npz(out / "motion.npz").calibration == calibration
        rows = list(csv.DictReader((out / "motion.csv").open()))
        assert {row["calibration"] for row in rows} == {calibration}
        for text in (told, page, tum):
            assert ("focal length is assumed" in text) == (calibration == "assumed")
    assert printed(capsys, "egomotion", recording, "--out", tmp_path / "json")["calibration"] == "assumed"


@pytest.mark.slow
def test_flow_without_a_calibration(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = (
        "flow",
        recording,
        "--out",
        out,
        "--rate",
        "50",
        "--format",
        "all",
        "--stop",
        "0.06",
        "--seconds-per-window",
        "1.5",
    )
    found = printed(capsys, *words)
    assert found["maps"] == 2
    assert found["seconds"] > 0 and found["events"] <= 16_000
    assert not found["calibrated"]
    assert any("without egomotion" in note for note in found["notes"])
    assert not any("parallax" in note or "direction" in note for note in found["notes"])
    first = read_flo(out / "maps" / "000000.flo")
    packed = np.load(out / "maps" / "flow.npz")
    png, valid = read_flow_png(out / "maps" / "000000.png")
    np.testing.assert_array_equal(packed["flow"][0], first)
    assert valid.all()
    assert np.abs(png - first).max() <= 0.5 / 128 + 1e-6
    times = np.loadtxt(out / "maps" / "timestamps.txt", delimiter=",")
    assert times.shape == (2, 2)
    # A turn about y moves the middle of the image by -w f.
    middle = first[LENS.height // 2 - 10 : LENS.height // 2 + 10, LENS.width // 2 - 10 : LENS.width // 2 + 10, 0].mean()
    assert middle == pytest.approx(-W[1] * LENS.fx * 0.02, rel=0.25)
    assert len(iio.imread(out / "flow.mp4")) >= 2
    again = Flow.load(out / "flow.npz")
    assert again.camera.width == first.shape[1]
    assert again.calibration == "none"
    page = (out / "report.html").read_text()
    # Flow comes first, and nothing of egomotion.
    assert page.index('id="flow"') < page.index('id="sharpness"')
    assert "data:video/mp4" in page and 'id="motion"' not in page and 'id="agreement"' not in page
    assert "px/s" in page and "parallax" not in page
    assert all(name in page for name in ("seconds_per_window", "window_events", "processor", "torch"))
