"""One trajectory in every layout that tools and people write: read as the same numbers, or refused, never as others."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.geometry.pose import quaternion_to_rotation
from efields.recordings.recording import Recording
from efields.supplied.given import Supplied
from efields.supplied.supply import supply, trajectory_for
from tests.tiny import tiny_recording

COUNT = 12
T_US = np.linspace(9_900_000, 11_100_000, COUNT).round().astype(np.int64)


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Events from 10 s to 11 s."""
    made = tiny_recording(16, 40)
    events = dataclasses.replace(made.events, t_us=made.events.t_us + 10_000_000)
    return dataclasses.replace(made, events=events, trajectory=None, frames=None, heldout=None)


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Positions on a survey grid and unit quaternions xyzw, no two numbers alike."""
    rng = np.random.default_rng(7)
    quaternion = rng.normal(size=(COUNT, 4))
    return rng.uniform(4e5, 5e6, (COUNT, 3)), quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)


P, Q = drawn()
R = quaternion_to_rotation(torch.from_numpy(Q)).numpy()
M = np.concatenate([np.concatenate([R, P[:, :, None]], axis=2), np.tile([0.0, 0, 0, 1], (COUNT, 1, 1))], axis=1)
SECONDS = [f"{t // 1_000_000}.{t % 1_000_000:06d}" for t in T_US.tolist()]
NANOSECONDS = [f"{t}000" for t in T_US.tolist()]
WXYZ = np.roll(Q, 1, axis=1)


def table(*columns: object, between: str = " ", times: list[str] | None = SECONDS) -> str:
    rows = np.column_stack([np.asarray(c, dtype=np.float64) for c in columns])
    texts = [[f"{v:.17g}" for v in row] for row in rows]
    heads = [[]] * COUNT if times is None else [[t] for t in times]
    return "".join(between.join([*head, *text]) + "\n" for head, text in zip(heads, texts, strict=True))


def blocks(matrices: np.ndarray, head: Callable[[int], str]) -> str:
    lines = (head(i) + "".join(" ".join(f"{v:.17g}" for v in row) + "\n" for row in T) for i, T in enumerate(matrices))
    return "\n".join(lines)


ROSTOPIC = "%time,field.header.seq,field.header.stamp,field.header.frame_id,field.pose.position.x," \
    "field.pose.position.y,field.pose.position.z,field.pose.orientation.x,field.pose.orientation.y," \
    "field.pose.orientation.z,field.pose.orientation.w\n"  # fmt: skip
FORMS: dict[str, str] = {
    "TUM": table(P, Q),
    "TUM named in a comment": "# ground truth\n# timestamp tx ty tz qx qy qz qw\n" + table(P, Q),
    "TUM w first among comments": "# format: timestamp tx ty tz qw qx qy qz\n# made by hand\n" + table(P, WXYZ),
    "TUM w first": "# timestamp tx ty tz qw qx qy qz\n" + table(P, WXYZ),
    "TUM tabs": table(P, Q, between="\t"),
    "TUM ns": table(P, Q, times=NANOSECONDS),
    "TUM ms": table(P, Q, times=[f"{t / 1000:.3f}" for t in T_US]),
    "named commas": "t,x,y,z,qx,qy,qz,qw\n" + table(P, Q, between=","),
    "named semicolons": "time; px; py; pz; qw; qx; qy; qz\n" + table(P, WXYZ, between="; "),
    "named tabs": "timestamp\tpos_x\tpos_y\tpos_z\tquat_x\tquat_y\tquat_z\tquat_w\n" + table(P, Q, between="\t"),
    "named blanks": "timestamp_ns p_x p_y p_z q_w q_x q_y q_z\n" + table(P, WXYZ, times=NANOSECONDS),
    "numbered": "num, t, x, y, z, qx, qy, qz, qw\n" + "".join(f"{i}, {line.replace(' ', ', ')}\n" for i, line in
                                                              enumerate(table(P, Q).splitlines())),
    "quaternion first": "qx qy qz qw x y z stamp\n" + "".join(
        f"{line} {t}\n" for line, t in zip(table(Q, P, times=None).splitlines(), SECONDS, strict=True)),
    "units in brackets": "#timestamp [ns], p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], "
    "q_RS_z [], v_RS_R_x [m s^-1], b_a_RS_S_x [m s^-2]\n" + table(P, WXYZ, P[:, :2], between=",", times=NANOSECONDS),
    "EuRoC without names": table(P, WXYZ, np.ones((COUNT, 9)), between=",", times=NANOSECONDS),
    "rostopic echo -p": ROSTOPIC + "".join(
        f"{int(t) * 1000 + 5_000_000},{i},{t}000,map,{line}\n"
        for i, (t, line) in enumerate(zip(T_US, table(P, Q, between=",", times=None).splitlines(), strict=True))),
    "seconds and nanoseconds": "sec,nanosec,position.x,position.y,position.z,orientation.x,orientation.y,orientation.z,"
    "orientation.w\n" + "".join(
        f"{t // 1_000_000},{t % 1_000_000 * 1000},{line}\n"
        for t, line in zip(T_US, table(P, Q, between=",", times=None).splitlines(), strict=True)),
    "time and 3x4": table(M[:, :3].reshape(COUNT, 12)),
    "time and 4x4": table(M.reshape(COUNT, 16), between=", "),
    "blocks of 4x4 after their times": blocks(M, lambda i: f"{SECONDS[i]}\n"),
    "blocks of 3x4 after their times": blocks(M[:, :3], lambda i: f"{SECONDS[i]}\n"),
}  # fmt: skip
TIMELESS: dict[str, str] = {
    "3x4": table(M[:, :3].reshape(COUNT, 12), times=None),
    "4x4": table(M.reshape(COUNT, 16), times=None),
    "3x4 commas": table(M[:, :3].reshape(COUNT, 12), between=",", times=None),
    "7": table(P, Q, times=None),
    "7 named": "x y z qx qy qz qw\n" + table(P, Q, times=None),
    "blocks": blocks(M, lambda i: ""),
    "Redwood": blocks(M, lambda i: f"{i} {i} {i + 1}\n"),
}


def check(recording: Recording, supplied: Supplied, t_us: np.ndarray = T_US) -> tuple[str, ...]:
    trajectory, notes = trajectory_for(recording, supplied)
    np.testing.assert_array_equal(trajectory.t_us, t_us)
    np.testing.assert_array_equal(trajectory.position, P)
    np.testing.assert_allclose(quaternion_to_rotation(torch.from_numpy(trajectory.orientation)), R, atol=1e-12)
    return notes


@pytest.mark.parametrize("form", FORMS)
def test_every_layout_of_poses(form: str, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "poses.csv"
    path.write_text(FORMS[form])
    check(recording, Supplied(poses=str(path)))


@pytest.mark.parametrize("form", TIMELESS)
def test_poses_without_times_take_those_beside_them_or_are_spread_where_asked(
    form: str, recording: Recording, tmp_path: Path
) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(TIMELESS[form])
    given = Supplied(poses=str(path), quaternion="xyzw" if form == "7" else "")
    with pytest.raises(InputError, match=r"its 12 poses have no times; give a times.txt .*--poses-spread"):
        trajectory_for(recording, given)
    start, end = int(recording.events.t_us[0]), int(recording.events.t_us[-1])
    spread = np.rint(np.linspace(start, end, COUNT)).astype(np.int64)
    assert any("spread evenly" in note for note in check(recording, dataclasses.replace(given, spread=True), spread))
    (tmp_path / "times.txt").write_text("\n".join(SECONDS))
    assert any("those of times.txt are used" in note for note in check(recording, given))
    (tmp_path / "times.txt").write_text("\n".join(SECONDS[1:]))
    with pytest.raises(InputError, match=r"times.txt: has 11 times, poses.txt 12 poses"):
        trajectory_for(recording, given)


def test_arrays(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "poses.npy"
    np.save(path, np.column_stack([T_US * 1e-6, P, Q]))
    check(recording, Supplied(poses=str(path)))
    np.save(path, M)
    with pytest.raises(InputError, match="its 12 poses have no times"):
        trajectory_for(recording, Supplied(poses=str(path)))
    (tmp_path / "poses_times.txt").write_text("\n".join(SECONDS))
    check(recording, Supplied(poses=str(path)))


def with_line(number: int, line: str) -> str:
    lines = FORMS["TUM"].splitlines()
    lines[number - 1] = line
    return "\n".join(lines)


GOOD = "0 0 0 0 0 0 1"
MIRROR = M[:, :3].copy()
MIRROR[:, :, 2] *= -1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (table(P, Q, between=","), "separated by commas and have no names: .* --poses-quaternion"),
        ("t,x,y,z,q1,q2,q3,q4\n" + table(P, Q, between=","), "quaternion q1, q2, q3, q4, which leaves the order open"),
        ("t,x,y,z,roll,pitch,yaw\n" + table(P, P, between=","), "as angles .roll, pitch, yaw., in an order"),
        ("t,x,y,z,qx,qy,qz\n" + table(P, P, between=","), "lack qw"),
        ("t,x,y,z,qx,qy,qz,qw\n" + table(P, Q, P, between=","), "names 8 columns over rows of 11"),
        ("t,x,y,px,z,qx,qy,qz,qw\n" + table(P, Q, P[:, :1], between=","), "two columns for the same number .*x, px"),
        ("t,time,x,y,z,qx,qy,qz,qw\n" + table(P[:, :1], P, Q, between=","), "names two times .t, time."),
        (table(P), "rows are 4 numbers, like times and positions"),
        (table(P, P[:, :2]), "rows are 6 numbers, like positions and angles"),
        (table(P, Q, P[:, :1]), "rows are 9 numbers, which are not poses"),
        (table(Q, P), "its quaternion is not of unit length"),
        (table(MIRROR.reshape(COUNT, 12)), "line 1: its matrix is mirrored"),
        (table(2 * M[:, :3].reshape(COUNT, 12)), "line 1: the 3x3 part of its matrix is not a rotation"),
        (table(M.transpose(0, 2, 1).reshape(COUNT, 16)), "line 1: its matrix is laid out column by column"),
        (blocks(M, lambda i: f"{SECONDS[i]}\n" if i else ""), "not matrices of 4 lines with one line before each"),
        ("9,9 0,1 0,1 0,1 0,0 0,0 0,0 1,0\n", "decimal commas"),
        (with_line(3, f"inf {GOOD}"), "line 3: 'inf' is not a time"),
        (with_line(3, f"9223372036854775807 {GOOD}"), "line 3: the time 9.22337e.18 is out of range in seconds"),
        (with_line(3, "9.95 1e300 0 0 0 0 0 1"), "line 3: its position 1e.300, 0, 0 is out of range"),
        (with_line(3, "9.95 0 nan 0 0 0 0 1"), "line 3: its position or quaternion is not finite"),
        (with_line(3, "9.95 0 0 0 0 0 0 0"), "line 3: its quaternion is 0 0 0 0"),
        (with_line(3, "9.95 0 0 0 0 0 0 1e300"), "line 3: its quaternion is not of unit length"),
        (with_line(3, "9.95 0 0 0 0 0 1"), "line 3 is not a pose .*: it has 7 values, the lines before it 8"),
        (with_line(3, "9.95 0 0 0 0 0 x 1"), "line 3 is not a pose .'9.95 0 0 0 0 0 x 1'"),
        ("\n".join([f"10.5 {GOOD}"] * 4), "all 4 poses have the same time, 10.500000 s"),
        (table(P, Q, times=[str(i) for i in range(COUNT)]), "count 0, 1, 2 ...: .* frame numbers; .*--poses-time-unit"),
        (table(P, Q, times=[f"{980 + i}000000" for i in range(COUNT)]), "cover none of the events"),
    ],
)  # fmt: skip
def test_what_are_no_poses_says_which_row_or_what_it_looks_like(
    text: str, says: str, recording: Recording, tmp_path: Path
) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        supply(recording, Supplied(poses=str(path)))
    assert str(caught.value).startswith(str(path))


def test_a_unit_that_two_readings_fit_is_asked_for(recording: Recording, tmp_path: Path) -> None:
    """Every 0.9 ms from 9999 on: 10 s in milliseconds, or hours in seconds that cover the events too."""
    path = tmp_path / "poses.txt"
    events = dataclasses.replace(recording.events, t_us=(recording.events.t_us - 10_000_000) // 500 + 10_000)
    early = dataclasses.replace(recording, events=events)  # 10 to 12 ms
    path.write_text(table(P, Q, times=[f"{i * 1.5:g}" for i in range(COUNT)]))
    with pytest.raises(InputError, match=r"could be 0 to 16.5 s .seconds. or 0 to 0.0165 s .milliseconds.; .*-unit"):
        trajectory_for(early, Supplied(poses=str(path)))
    trajectory, _ = trajectory_for(early, Supplied(poses=str(path), time_unit="ms"))
    assert trajectory.t_us[-1] == 16_500


def test_quaternions_that_look_like_w_first_are_told(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    for text, suspect in ((f"10 0 0 0 {'1 0 0 0'}\n11 0 0 0 0.99 0.141067 0 0\n", True), (FORMS["TUM"], False)):
        path.write_text(text)
        _, notes = trajectory_for(recording, Supplied(poses=str(path)))
        assert any("is w the first of the four" in note for note in notes) is suspect


def test_backwards_and_repeated_times_name_their_line(
    recording: Recording, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = FORMS["TUM"].splitlines()
    path = tmp_path / "poses.txt"
    path.write_text("\n".join([*lines[:3], lines[5], *lines[3:6], *lines[6:]]))
    with caplog.at_level(logging.WARNING):
        check(recording, Supplied(poses=str(path)))
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith(f"{path}: line 5: its time is 0.218182 s before that of the pose above it; 1 of 13 poses")
    assert told[1].startswith(f"{path}: line 7: its time is that of another pose; 1 of 13 poses repeat a time; dropped")
