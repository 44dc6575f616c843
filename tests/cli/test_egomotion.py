"""`efields egomotion` and `efields flow` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from efields import cli
from efields.loaders._reading.flow_png import read_flow_png
from efields.motion.files import read_flo, read_motion_npz
from efields.motion.flow import Flow
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


def test_a_turn_is_found_and_written(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    found = printed(capsys, "egomotion", recording, f"--camera={CAMERA}", "--out", out)
    assert found["model"] == "rotation"
    assert np.linalg.norm(np.subtract(found["angular_velocity_rad_s"], W)) < 0.03
    assert {"t_us", "events", "seconds", "gain", "windows", "direction"} <= found.keys()
    assert found["direction"] is None
    motion = read_motion_npz(out / "motion.npz")
    assert [row["status"] for row in found["windows"]] == list(motion.status)
    assert {path.name for path in out.iterdir()} == {"motion.csv", "motion.npz", "trajectory.txt", "report.html"}
    page = (out / "report.html").read_text()
    assert "Angular velocity" in page and 'src="http' not in page and "nan" not in page.lower().split("<style>")[0]


def test_the_same_seed_gives_the_same(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("egomotion", recording, f"--camera={CAMERA}", "--out", tmp_path / "out", "--stop", "0.05")
    one, other = (printed(capsys, *words)["angular_velocity_rad_s"] for _ in range(2))
    assert one == pytest.approx(other, abs=1e-6)


def test_without_a_calibration_it_says_what_can_be_done(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["egomotion", str(recording)]) == 2
    error = capsys.readouterr().err
    assert "--camera" in error and "efields flow" in error and error.count("\n") == 1


def test_bad_slices_and_rates(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (("egomotion", recording, f"--camera={CAMERA}", "--start", "5"), "no events between"),
        (("flow", recording, "--rate", "0"), "--rate 0.0; give a number from 0.001"),
        (("egomotion", recording, f"--camera={CAMERA}", "--stop", "0.0001"), "too few"),
    ):
        assert cli.main([*map(str, words), "--threads", "1"]) == 2
        assert said in capsys.readouterr().err


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
    assert not found["calibrated"]
    assert any("no egomotion is claimed" in note for note in found["notes"])
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
