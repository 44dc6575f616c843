"""Motion and flow on disk: what is written comes back, in the formats' own bytes."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from efields.errors import InputError
from efields.geometry.trajectory import Trajectory
from efields.motion.files import (
    read_flo,
    read_motion_npz,
    write_flo,
    write_motion_csv,
    write_motion_npz,
    write_tum,
)
from efields.motion.motion import Motion
from efields.motion.orientation import angular_velocity_of, integrated


def motion(n: int = 4) -> Motion:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(n, 3))
    direction[1] = np.nan
    return Motion(
        model="full",
        t_us=np.arange(n) * 100_000 + 5_000_000,
        angular_velocity=rng.normal(size=(n, 3)),
        covariance=np.tile(np.diag([1e-4, 2e-4, 3e-4]), (n, 1, 1)),
        direction=direction,
        status=("ok", "rotation only", "ok", "two-fold"),
        events=np.arange(n) + 1000,
        gain=np.linspace(1, 2, n),
        seconds=1.5,
        notes=("One.",),
        ambiguities=("Two.",),
        distinct_events=3000,
        calibration="assumed",
    )


def test_motion_comes_back(tmp_path: Path) -> None:
    before = motion()
    write_motion_npz(tmp_path / "m.npz", before)
    after = read_motion_npz(tmp_path / "m.npz")
    assert (after.ambiguities, after.distinct_events, after.calibration) == (("Two.",), 3000, "assumed")
    assert (after.model, after.status, after.seconds, after.notes) == ("full", before.status, 1.5, ("One.",))
    for name in ("t_us", "angular_velocity", "covariance", "direction", "events", "gain"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    write_motion_csv(tmp_path / "m.csv", before)
    rows = list(csv.DictReader((tmp_path / "m.csv").open()))
    assert [row["status"] for row in rows] == list(before.status)
    assert (rows[1]["vx"], rows[0]["t_us"]) == ("", "5000000")
    assert float(rows[2]["wy_rad_s"]) == pytest.approx(before.angular_velocity[2, 1], rel=1e-8)
    assert "nan" not in (tmp_path / "m.csv").read_text()


@pytest.mark.parametrize("damage", [lambda b: b[:40], lambda b: b"", lambda b: b"x" * 100])
def test_a_damaged_motion_is_one_line(tmp_path: Path, damage) -> None:
    write_motion_npz(tmp_path / "m.npz", motion())
    (tmp_path / "m.npz").write_bytes(damage((tmp_path / "m.npz").read_bytes()))
    with pytest.raises(InputError, match="not a motion file written by efields"):
        read_motion_npz(tmp_path / "m.npz")


def test_flo_has_middleburys_bytes(tmp_path: Path) -> None:
    flow = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    flow[1, 2] = np.nan
    write_flo(tmp_path / "a.flo", flow)
    data = (tmp_path / "a.flo").read_bytes()
    assert data[:4] == b"PIEH"
    assert struct.unpack("<ii", data[4:12]) == (3, 2)
    assert struct.unpack("<ff", data[20:28]) == (2.0, 3.0)
    np.testing.assert_array_equal(read_flo(tmp_path / "a.flo"), flow)
    for length in range(len(data)):
        (tmp_path / "a.flo").write_bytes(data[:length])
        with pytest.raises(InputError):
            read_flo(tmp_path / "a.flo")


def test_orientation_is_the_integral_of_the_angular_velocity(tmp_path: Path) -> None:
    w = np.array([0.4, -0.8, 0.3])
    constant = motion(2)
    steady = Motion(
        "rotation", np.array([0, 1_000_000]), np.stack([w, w]), constant.covariance[:2], np.full((2, 3), np.nan),
        ("ok", "ok"), np.array([1, 1]), np.ones(2),
    )  # fmt: skip
    t_us, orientation = integrated(steady)
    expected = Rotation.from_rotvec(np.outer(t_us * 1e-6, w))
    assert (Rotation.from_quat(orientation).inv() * expected).magnitude().max() < 1e-9
    write_tum(tmp_path / "t.txt", t_us, orientation)
    rows = np.loadtxt(tmp_path / "t.txt")
    assert rows.shape == (len(t_us), 8)
    assert (
        (tmp_path / "t.txt").read_text().startswith("# t px py pz qx qy qz qw: orientations from the first estimate on")
    )
    np.testing.assert_allclose(rows[:, 4:], orientation, atol=1e-8)
    trajectory = Trajectory.from_arrays(t_us, np.zeros((len(t_us), 3)), orientation, "linear", 0)
    _, again = angular_velocity_of(trajectory)
    np.testing.assert_allclose(again, np.broadcast_to(w, again.shape), atol=1e-6)
