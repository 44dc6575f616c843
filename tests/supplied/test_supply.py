"""A recording with what is given beside it: the original again, hand-eye, the sign of the time offset, frames."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efields.config import Experiment, experiment_from_table, experiment_table
from efields.errors import InputError
from efields.events.side_streams import Frames
from efields.geometry.pose import se3_exp
from efields.geometry.trajectory import Trajectory
from efields.loaders import load
from efields.recordings.recording import Recording
from efields.supplied.given import Supplied
from efields.supplied.rigid import read_body_camera
from efields.supplied.supply import supply
from tests.tiny import tiny_recording

BODY_CAMERA = se3_exp(torch.tensor([0.1, -0.2, 0.3, 0.4, 0.5, -0.6], dtype=torch.float64)).numpy()
"""Where a camera sits on an IMU: no two axes alike."""


def matrices(trajectory: Trajectory) -> np.ndarray:
    return trajectory.at(torch.from_numpy((trajectory.t_us - trajectory.origin_us) * 1e-6)).matrix().numpy()


@pytest.fixture(scope="module")
def original() -> Recording:
    return tiny_recording(16, 40)


@pytest.fixture
def bare(original: Recording) -> Recording:
    """Events as a vendor's file holds them."""
    return dataclasses.replace(
        original, camera=None, trajectory=None, frames=None, heldout=None, box=None, path=Path("file.raw")
    )


def write_tum(path: Path, trajectory: Trajectory, T: np.ndarray | None = None, offset_us: int = 0) -> str:
    own = trajectory if T is None else Trajectory.from_matrices(trajectory.t_us, T)
    rows = zip(own.t_us + offset_us, np.column_stack([own.position, own.orientation]), strict=True)
    path.write_text("".join(f"{t * 1e-6:.6f} {' '.join(f'{v:.17g}' for v in row)}\n" for t, row in rows))
    return str(path)


def camera_numbers(recording: Recording) -> str:
    camera = recording.calibrated
    return f"{camera.fx!r},{camera.fy!r},{camera.cx!r},{camera.cy!r}"


def test_events_poses_and_calibration_from_files_are_the_original(original: Recording, tmp_path: Path) -> None:
    assert original.trajectory is not None
    events = original.events
    folder = tmp_path / "moved"  # an ECD folder without poses stands in for a vendor's file
    folder.mkdir()
    rows = zip(events.t_us * 1e-6, events.x, events.y, events.polarity.astype(int), strict=True)
    (folder / "events.txt").write_text("".join(f"{t:.6f} {x} {y} {p}\n" for t, x, y, p in rows))
    (folder / "calib.txt").write_text("20 20 8 8 0 0 0 0 0\n")
    read = load(folder, width=16, height=16)
    poses = write_tum(tmp_path / "poses.txt", original.trajectory)
    done = supply(read, Supplied(camera=camera_numbers(original), poses=poses))
    assert done.trajectory is not None
    assert done.camera == original.camera
    for name in ("x", "y", "t_us", "polarity"):
        np.testing.assert_array_equal(getattr(done.events, name), getattr(events, name))
    np.testing.assert_array_equal(done.trajectory.t_us, original.trajectory.t_us)
    np.testing.assert_allclose(done.trajectory.position, original.trajectory.position, atol=1e-9)
    np.testing.assert_allclose(done.trajectory.orientation, original.trajectory.orientation, atol=1e-9)
    assert done.trajectory.origin_us == original.trajectory.origin_us == done.origin_us
    assert "The recording's own calibration was replaced by the one given." in done.notes


def test_nothing_given_changes_nothing(original: Recording) -> None:
    assert supply(original, Supplied()) is original


def test_a_positive_offset_means_that_the_clock_of_the_poses_is_ahead(
    original: Recording, bare: Recording, tmp_path: Path
) -> None:
    """t_pose = t_event + offset: poses stamped 0.25 s late fit once the offset is +0.25."""
    assert original.trajectory is not None
    poses = write_tum(tmp_path / "poses.txt", original.trajectory, offset_us=250_000)
    done = supply(bare, Supplied(poses=poses, time_offset_s=0.25))
    assert done.trajectory is not None
    np.testing.assert_array_equal(done.trajectory.t_us, original.trajectory.t_us)
    assert len(done.covered) == len(bare.events)
    assert len(supply(bare, Supplied(poses=poses)).covered) < len(bare.events)
    again = supply(done, Supplied(time_offset_s=-0.25))  # the recording's own poses are moved too
    assert again.trajectory is not None
    np.testing.assert_array_equal(again.trajectory.t_us, original.trajectory.t_us + 250_000)


KALIBR = """\
cam0:
  T_cam_imu: {first}
  timeshift_cam_imu: 0.0125
cam1:
  T_cn_cnm1: {second}
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, str]:
    """`BODY_CAMERA` in every form."""
    inverse, first = np.linalg.inv(BODY_CAMERA), np.eye(4)
    first[:3, 3] = (1.0, 2.0, 3.0)  # T_cam0_imu
    kalibr = KALIBR.format(first=first.tolist(), second=(inverse @ np.linalg.inv(first)).tolist())
    (tmp_path / "chain.yaml").write_text(kalibr)
    (tmp_path / "one.yaml").write_text(f"cam0:\n  T_cam_imu: {inverse.tolist()}\n")
    (tmp_path / "vins.yaml").write_text(f"T_imu_cam: {BODY_CAMERA.tolist()}\n")
    np.savetxt(tmp_path / "matrix.txt", BODY_CAMERA, header="T_body_camera")
    np.save(tmp_path / "matrix.npy", BODY_CAMERA)
    pose = Trajectory.from_matrices(np.arange(2), np.stack([BODY_CAMERA] * 2))
    seven = ",".join(f"{v:.17g}" for v in (*pose.position[0], *pose.orientation[0]))
    names = ("chain.yaml:cam1", "one.yaml", "vins.yaml", "matrix.txt", "matrix.npy")
    return {"numbers": seven} | {name: str(tmp_path / name) for name in names}


@pytest.mark.parametrize(
    "form", ["numbers", "chain.yaml:cam1", "one.yaml", "vins.yaml", "matrix.txt", "matrix.npy"]
)  # fmt: skip
def test_poses_of_a_body_become_those_of_its_camera(
    form: str, sources: dict[str, str], original: Recording, bare: Recording, tmp_path: Path
) -> None:
    assert original.trajectory is not None
    T_world_body = matrices(original.trajectory) @ np.linalg.inv(BODY_CAMERA)
    poses = write_tum(tmp_path / "body.txt", original.trajectory, T_world_body)
    done = supply(bare, Supplied(poses=poses, body_to_camera=sources[form]))
    assert done.trajectory is not None
    np.testing.assert_allclose(matrices(done.trajectory), matrices(original.trajectory), atol=1e-9)


def test_the_time_shift_of_kalibr_is_said_and_not_applied(sources: dict[str, str]) -> None:
    chain = sources["chain.yaml:cam1"].removesuffix(":cam1")
    _, notes = read_body_camera(f"{chain}:cam0")
    assert "0.0125 s (timeshift_cam_imu)" in notes[0]
    with pytest.raises(InputError, match=r"contains several cameras .cam0, cam1."):
        read_body_camera(chain)
    with pytest.raises(InputError, match="contains no camera 'cam7'"):
        read_body_camera(f"{chain}:cam7")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("1,2,3", "3 numbers are not a rigid motion"),
        ("0,0,0,0,0,0,2", "not of unit length"),
        ("2,0,0,0,0,2,0,0,0,0,2,0,0,0,0,1", "not a rotation and a position"),
        ("1,0,0,0,0,1,0,0,0,0,-1,0,0,0,0,1", "not a rotation and a position"),
        ("nowhere.yaml", "no such file"),
    ],
)
def test_what_is_no_rigid_motion(source: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_body_camera(source)


def test_axes_and_direction(original: Recording, bare: Recording, tmp_path: Path) -> None:
    assert original.trajectory is not None
    T = matrices(original.trajectory)
    for name, given_T, options in (
        ("gl", T * (1.0, -1.0, -1.0, 1.0), {"axes": "opengl"}),
        ("w2c", np.linalg.inv(T), {"direction": "world_to_camera"}),
    ):
        poses = write_tum(tmp_path / name, original.trajectory, given_T)
        done = supply(bare, Supplied(poses=poses, **options))  # type: ignore[arg-type]
        assert done.trajectory is not None
        np.testing.assert_allclose(matrices(done.trajectory), T, atol=1e-9)


def test_frames_become_views_at_their_times(original: Recording, bare: Recording, tmp_path: Path) -> None:
    assert original.trajectory is not None
    t_us = np.array([-500_000, 200_000, 205_000, 700_000])
    image = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
    held = dataclasses.replace(bare, unposed_frames=Frames(image, t_us, 255.0, ("a", "b", "c", "d")))
    poses = write_tum(tmp_path / "poses.txt", original.trajectory)
    done = supply(held, Supplied(camera=camera_numbers(original), poses=poses))
    views = done.frames
    assert views is not None
    assert done.unposed_frames is None
    assert views.names == ("b", "c", "d")
    assert views.color_space == "display"
    assert "1 of 4 frames lie outside the time of the poses and were left out." in done.notes
    grey = image[1:].astype(np.float64) @ (0.299, 0.587, 0.114) / 255
    np.testing.assert_allclose(views.image[..., 0], grey, atol=1e-6)
    at = original.trajectory.at(torch.from_numpy((t_us[1:] - original.trajectory.origin_us) * 1e-6))
    np.testing.assert_allclose(views.T_world_camera, at.matrix().numpy(), atol=1e-9)
    deep = dataclasses.replace(bare, unposed_frames=Frames(image.astype(np.uint16) * 257, t_us, 65535.0))
    again = supply(deep, Supplied(camera=camera_numbers(original), poses=poses)).frames
    assert again is not None
    np.testing.assert_allclose(again.image, views.image, atol=1e-6)
    assert again.names == ("000001", "000002", "000003")
    other = dataclasses.replace(bare, unposed_frames=Frames(image[:, :8], t_us, 255.0))
    left = supply(other, Supplied(camera=camera_numbers(original), poses=poses))
    assert left.frames is None
    assert left.unposed_frames is not None
    assert "Frames are 16 x 8, the calibrated camera 16 x 16: they were given no poses." in left.notes


def test_posed_frames_move_with_new_poses(tmp_path: Path) -> None:
    own = tiny_recording(16, 40, with_frames=True)
    assert own.trajectory is not None
    assert own.frames is not None
    done = supply(own, Supplied(poses=write_tum(tmp_path / "poses.txt", own.trajectory)))
    assert done.frames is not None
    np.testing.assert_allclose(done.frames.T_world_camera, own.frames.T_world_camera, atol=1e-9)
    later = supply(own, Supplied(time_offset_s=0.1))
    assert later.frames is not None
    assert not np.allclose(later.frames.T_world_camera[0], own.frames.T_world_camera[0])


def test_a_bayer_sensor_keeps_its_filters() -> None:
    own = tiny_recording(16, 40, bayer="RGGB")
    camera = supply(own, Supplied(camera="30,30,7,7")).camera
    assert camera is not None
    assert camera.bayer == "RGGB"


@pytest.mark.parametrize(
    ("supplied", "says"),
    [
        (Supplied(time_offset_s=0.1), "file.raw: --time-offset needs poses.*--poses"),
        (Supplied(body_to_camera="0,0,0,0,0,0,1"), "file.raw: --body-to-camera needs poses.*--poses"),
    ],
)
def test_what_belongs_to_poses_names_their_flag(supplied: Supplied, says: str, bare: Recording) -> None:
    with pytest.raises(InputError, match=says):
        supply(bare, supplied)
    with pytest.raises(InputError, match="--camera"):
        _ = bare.calibrated


def test_it_stands_in_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chain.yaml").write_text("a: 1\n")
    table = {"supplied": {"camera": "chain.yaml:cam1", "poses": "1,2", "time_offset_s": 0.5}}
    experiment = experiment_from_table(table, "file")
    given_there = experiment.supplied.absolute()
    assert given_there == Supplied(camera=f"{tmp_path.resolve()}/chain.yaml:cam1", poses="1,2", time_offset_s=0.5)
    assert experiment_from_table(experiment_table(experiment), "again") == experiment
    assert Experiment().supplied == Supplied()
    with pytest.raises(InputError, match=r"file\.supplied: unknown key 'pose'; did you mean 'poses'"):
        experiment_from_table({"supplied": {"pose": ""}}, "file")
    with pytest.raises(InputError, match=r"'seconds' is not allowed"):
        experiment_from_table({"supplied": {"time_unit": "seconds"}}, "file")
    with pytest.raises(InputError, match="time_offset_s = nan"):
        experiment_from_table({"supplied": {"time_offset_s": float("nan")}}, "file")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offset_us=st.integers(-300_000, 300_000),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
    start_us=st.sampled_from([0, 5_000_000, 1_700_000_000_000_000]),
)
def test_any_unit_offset_and_epoch_is_found(
    offset_us: int, unit: str, start_us: int, original: Recording, bare: Recording, tmp_path: Path
) -> None:
    assert original.trajectory is not None
    events = dataclasses.replace(bare.events, t_us=bare.events.t_us + start_us)
    stamps = [int(t) + start_us + offset_us for t in original.trajectory.t_us]
    signed = [(("-" if t < 0 else ""), abs(t)) for t in stamps]
    texts = {
        "s": [f"{sign}{t // 10**6}.{t % 10**6:06d}" for sign, t in signed],
        "ms": [f"{sign}{t // 1000}.{t % 1000:03d}" for sign, t in signed],
        "us": [f"{sign}{t}" for sign, t in signed],
        "ns": [f"{sign}{t * 1000}" for sign, t in signed],
    }[unit]
    rows = np.column_stack([original.trajectory.position, original.trajectory.orientation])
    path = tmp_path / "poses.txt"
    lines = zip(texts, rows, strict=True)
    path.write_text("".join(f"{t} {' '.join(f'{v:.17g}' for v in row)}\n" for t, row in lines))
    done = supply(dataclasses.replace(bare, events=events), Supplied(poses=str(path), time_offset_s=offset_us * 1e-6))
    assert done.trajectory is not None
    np.testing.assert_array_equal(done.trajectory.t_us, original.trajectory.t_us + start_us)
    assert len(done.events) == len(bare.events)
