"""Flags of calibration and poses that every command takes in one way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from efields import cli


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Events of 16 x 16 pixels, from 10 ms to 30 ms."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(10_000, 30_000, 400))
    rows = np.column_stack([t, rng.integers(0, 16, (400, 2)), rng.integers(0, 2, 400)])
    np.savetxt("events.txt", rows, fmt="%d")
    return "events.txt"


def info(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object] | str:
    assert cli.main(["info", *words, "--width", "16", "--height", "16", "--time-unit", "us", "--json"]) == code
    said = capsys.readouterr()
    return json.loads(said.out) if code == 0 else said.err.splitlines()[-1]


def poses(times: list[object]) -> str:
    Path("poses.txt").write_text("".join(f"{t} {i} 0 0 0 0 0 1\n" for i, t in enumerate(times)))
    return "poses.txt"


def test_a_unit_that_is_asked_for_is_taken(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = poses([f"{1.5 * i:g}" for i in range(24)])
    said = info(capsys, events, "--poses", path, code=2)
    assert "could be 0 to 34.5 s (seconds) or 0 to 0.0345 s (milliseconds); give it with --poses-time-unit" in said
    found = info(capsys, events, "--poses", path, "--poses-time-unit", "ms")
    assert isinstance(found, dict)
    assert found["poses"] == 24
    assert "Poses cover 100.0 % of the events." in str(found["warnings"])


def test_poses_without_times_are_spread_only_where_asked(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("kitti.txt").write_text("".join(f"1 0 0 {i} 0 1 0 0 0 0 1 0\n" for i in range(5)))
    assert "its 5 poses have no times" in info(capsys, events, "--poses", "kitti.txt", code=2)
    found = info(capsys, events, "--poses", "kitti.txt", "--poses-spread")
    assert isinstance(found, dict)
    assert found["poses"] == 5


def test_the_order_of_quaternions_and_the_size_of_a_calibration(
    events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("poses.csv").write_text("".join(f"{t * 1e-3},0,0,0,0,0,0,1\n" for t in range(5, 35)))
    assert "--poses-quaternion" in info(capsys, events, "--poses", "poses.csv", code=2)
    assert info(capsys, events, "--poses", "poses.csv", "--poses-quaternion", "xyzw")
    Path("camera.yaml").write_text("{fx: 40, fy: 40, cx: 15.5, cy: 15.5, width: 32, height: 32}")
    said = info(capsys, events, "--camera", "camera.yaml", code=2)
    assert "for 32 x 32 pixels, the sensor has 16 x 16" in said and "--scale-camera" in said
    found = info(capsys, events, "--camera", "camera.yaml", "--scale-camera")
    assert isinstance(found, dict)
    assert "scaled from 32 x 32 to 16 x 16" in str(found["warnings"])
