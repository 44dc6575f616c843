"""Trajectories of every kind that is read, and each trap of convention."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from efields.cameras.transforms import OPENGL
from efields.errors import InputError
from efields.events.side_streams import Frames
from efields.geometry.pose import quaternion_to_rotation, so3_exp
from efields.recordings.recording import Recording
from efields.supplied.given import Supplied
from efields.supplied.poses import read_poses
from efields.supplied.supply import supply, trajectory_for
from tests.tiny import tiny_recording

COUNT = 12


@pytest.fixture
def recording() -> Recording:
    """Events of one second with poses that tests leave out, in a clock that began 10 s before."""
    made = tiny_recording(16, 40)
    events = dataclasses.replace(made.events, t_us=made.events.t_us + 10_000_000)
    return dataclasses.replace(made, events=events, trajectory=None, frames=None, heldout=None)


def poses() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in microseconds, positions, and rotations about no special axis."""
    turn = np.linspace([0.1, -0.2, 0.3], [1.2, 0.7, -0.4], COUNT)
    rotation = so3_exp(torch.from_numpy(turn)).numpy()
    return np.linspace(9_900_000, 11_100_000, COUNT).round().astype(np.int64), turn[:, ::-1] * 2, rotation


def quaternions() -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(poses()[2]).as_quat()  # xyzw


def tum(path: Path, times: list[str]) -> str:
    _, position, _ = poses()
    rows = np.column_stack([position, quaternions()])
    path.write_text(
        "# timestamp tx ty tz qx qy qz qw\n"
        + "".join(f"{t} {' '.join(f'{v:.17g}' for v in row)}\n" for t, row in zip(times, rows, strict=True))
    )
    return str(path)


def check(recording: Recording, supplied: Supplied, atol: float = 1e-12) -> tuple[str, ...]:
    trajectory, notes = trajectory_for(recording, supplied)
    t_us, position, rotation = poses()
    np.testing.assert_array_equal(trajectory.t_us, t_us)
    np.testing.assert_allclose(trajectory.position, position, atol=atol)
    np.testing.assert_allclose(quaternion_to_rotation(torch.from_numpy(trajectory.orientation)), rotation, atol=atol)
    return notes


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        ("seconds", lambda t: f"{t // 1_000_000}.{t % 1_000_000:06d}"),
        ("microseconds", str),
        ("nanoseconds", lambda t: f"{t}000"),
    ],
)
def test_tum_text_in_any_unit_which_is_said(unit: str, written, recording: Recording, tmp_path: Path) -> None:
    source = tum(tmp_path / "poses.txt", [written(int(t)) for t in poses()[0]])
    notes = check(recording, Supplied(poses=source))
    assert any(f"are assumed to be {unit}" in note for note in notes)
    given = {"seconds": "s", "microseconds": "us", "nanoseconds": "ns"}[unit]
    assert check(recording, Supplied(poses=source, time_unit=given)) == ()  # type: ignore[arg-type]


def test_every_digit_of_unix_time_counts(recording: Recording, tmp_path: Path) -> None:
    """As float64, 1.4e18 ns would be off by up to 128 ns and round to the wrong microsecond."""
    start = 1_403_636_579_000_000_000
    events = dataclasses.replace(recording.events, t_us=recording.events.t_us + start // 1000)
    times = [str(start + int(t) * 1000 + 499) for t in poses()[0]]
    later = dataclasses.replace(recording, events=events)
    table = read_poses(tum(tmp_path / "poses.txt", times), later)
    np.testing.assert_array_equal(table.t_us, start // 1000 + poses()[0])
    table = read_poses(tum(tmp_path / "poses.txt", [f"{t[:-9]}.{t[-9:]}" for t in times]), later)
    np.testing.assert_array_equal(table.t_us, start // 1000 + poses()[0])


def test_euroc_has_w_first(recording: Recording, tmp_path: Path) -> None:
    t_us, position, _ = poses()
    rows = zip(t_us, np.column_stack([position, np.roll(quaternions(), 1, axis=1)]), strict=True)
    lines = [f"{t}000,{','.join(f'{v:.17g}' for v in row)},0,0,0,1,2,3,4,5,6" for t, row in rows]
    header = "#timestamp [ns], p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z []\n"
    path = tmp_path / "data.csv"
    path.write_text(header + "\n".join(lines) + "\n")
    assert check(recording, Supplied(poses=str(path))) == ()
    path.write_text("\n".join(lines) + "\n")
    notes = check(recording, Supplied(poses=str(path)))
    assert any("order wxyz, EuRoC's" in note for note in notes)
    with pytest.raises(AssertionError):
        check(recording, Supplied(poses=str(path), quaternion="xyzw"))


def test_a_header_row_of_names(recording: Recording, tmp_path: Path) -> None:
    source = Path(tum(tmp_path / "poses_all.txt", [f"{t}000" for t in poses()[0]]))
    source.write_text(source.read_text().replace("# timestamp tx ty tz", "ts_ns px py pz"))
    assert check(recording, Supplied(poses=str(source))) == ()


def test_our_own_archive(recording: Recording, tmp_path: Path) -> None:
    t_us, position, _ = poses()
    np.savez(
        tmp_path / "camera_poses.npz",
        T_wc_timestamp=t_us * 1000,
        T_wc_position=position,
        T_wc_orientation=quaternions(),
    )
    assert check(recording, Supplied(poses=str(tmp_path / "camera_poses.npz"))) == ()
    assert check(recording, Supplied(poses=str(tmp_path))) == ()


def frames_json(path: Path, keys: Sequence[Mapping[str, object]]) -> str:
    _, position, rotation = poses()
    matrix = np.tile(np.eye(4), (COUNT, 1, 1))
    matrix[:, :3, :3], matrix[:, :3, 3] = rotation, position
    frames = [{**key, "transform_matrix": T.tolist()} for key, T in zip(keys, matrix * OPENGL, strict=True)]
    path.write_text(json.dumps({"fl_x": 20.0, "frames": frames}))
    return str(path)


def test_json_is_opengl_and_has_times_in_seconds_or_microseconds(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    t_us = poses()[0]
    for keys in ([{"t_us": int(t)} for t in t_us], [{"timestamp": t * 1e-6} for t in t_us.tolist()]):
        check(recording, Supplied(poses=frames_json(path, keys)), atol=1e-9)
    with pytest.raises(AssertionError):
        check(recording, Supplied(poses=str(path), axes="opencv"), atol=1e-9)


def with_frames(recording: Recording, names: tuple[str, ...]) -> Recording:
    image = np.zeros((COUNT, 16, 16, 1), np.uint8)
    return dataclasses.replace(recording, unposed_frames=Frames(image, poses()[0], 255.0, names))


NAMES = tuple(f"frame_{i:06d}.png" for i in range(COUNT))


@pytest.mark.parametrize("written", ["{}", "images/{}", "./a/{}.jpg"])
def test_json_without_times_takes_those_of_frames_of_the_same_name(
    written: str, recording: Recording, tmp_path: Path
) -> None:
    named = [{"file_path": written.format(name if ".jpg" not in written else name[:-4])} for name in NAMES]
    source = frames_json(tmp_path / "t.json", named)
    assert check(with_frames(recording, NAMES), Supplied(poses=source), atol=1e-9) == ()
    notes = check(with_frames(recording, ()), Supplied(poses=source), atol=1e-9)
    assert "count them from 0" in notes[0]
    with pytest.raises(InputError, match="the recording has no frames"):
        check(recording, Supplied(poses=source))
    with pytest.raises(InputError, match=r"0 of 12 images are frames of the recording; .*'x00.png'"):
        check(with_frames(recording, tuple(f"x{i:02d}.png" for i in range(COUNT))), Supplied(poses=source))


@pytest.mark.parametrize("binary", [True, False], ids=["bin", "txt"])
def test_colmap_as_pycolmap_writes_it(binary: bool, recording: Recording, tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: pip install efields[dev]")
    model = pycolmap.Reconstruction()
    camera = pycolmap.Camera(model="PINHOLE", width=16, height=16, params=[20.0, 20.0, 8.0, 8.0], camera_id=1)
    model.add_camera_with_trivial_rig(camera)
    _, position, rotation = poses()
    for i, name in enumerate(NAMES):
        world = pycolmap.Rigid3d(pycolmap.Rotation3d(rotation[i]), position[i]).inverse()
        points = [pycolmap.Point2D(np.array([1.0, 2.0]))] * (i % 3)
        image = pycolmap.Image(name=name, camera_id=1, image_id=i + 1, points2D=pycolmap.Point2DList(points))
        model.add_image_with_trivial_frame(image, world)
    folder = tmp_path / "sparse" / "0"
    folder.mkdir(parents=True)
    (model.write_binary if binary else model.write_text)(str(folder))
    for source in (folder, tmp_path):
        check(with_frames(recording, NAMES), Supplied(poses=str(source)), atol=1e-9)
    images = folder / ("images.bin" if binary else "images.txt")
    whole = images.read_bytes()
    for length in range(0, len(whole), 7):
        images.write_bytes(whole[:length])
        with pytest.raises(InputError) if binary else suppress(InputError):  # a text may end after any image
            trajectory_for(with_frames(recording, NAMES), Supplied(poses=str(folder)))


def bag(path: Path, kind: str, ros2: bool) -> None:
    from rosbags.rosbag1 import Writer as Writer1
    from rosbags.rosbag2 import Writer as Writer2
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE if ros2 else Stores.ROS1_NOETIC)
    make = {name.rsplit("/", 1)[-1]: store.types[name] for name in store.types}
    make["Time"] = store.types["builtin_interfaces/msg/Time"]  # std_msgs has one too
    t_us, position, _ = poses()
    full = next(name for name in store.types if name.endswith(f"/{kind}"))
    with Writer2(path, version=8) if ros2 else Writer1(path) as writer:
        connection = writer.add_connection("/pose", full, typestore=store)
        writer.add_connection("/other", "std_msgs/msg/String", typestore=store)
        for i, t in enumerate(t_us.tolist()):
            stamp = make["Time"](sec=t // 1_000_000, nanosec=t % 1_000_000 * 1000)
            head = {"stamp": stamp, "frame_id": "map"} | ({} if ros2 else {"seq": i})
            header = make["Header"](**head)
            turn = make["Quaternion"](*quaternions()[i])
            pose = make["Pose"](position=make["Point"](*position[i]), orientation=turn)
            if kind == "PoseStamped":
                message = make[kind](header=header, pose=pose)
            elif kind == "TransformStamped":
                motion = make["Transform"](translation=make["Vector3"](*position[i]), rotation=turn)
                message = make[kind](header=header, child_frame_id="imu", transform=motion)
            else:
                zero = make["Vector3"](0.0, 0.0, 0.0)
                twist = make["TwistWithCovariance"](twist=make["Twist"](zero, zero), covariance=np.zeros(36))
                uncertain = make["PoseWithCovariance"](pose=pose, covariance=np.zeros(36))
                message = make[kind](header=header, child_frame_id="imu", pose=uncertain, twist=twist)
            raw = store.serialize_cdr(message, full) if ros2 else store.serialize_ros1(message, full)
            writer.write(connection, t * 1000 + 5_000_000, raw)  # it was written down 5 ms later


@pytest.mark.parametrize("ros2", [False, True], ids=["ros1", "ros2"])
@pytest.mark.parametrize("kind", ["PoseStamped", "TransformStamped", "Odometry"])
def test_a_topic_of_a_bag(kind: str, ros2: bool, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / ("run" if ros2 else "run.bag")
    bag(path, kind, ros2)
    notes = check(recording, Supplied(poses=f"{path}:/pose"))
    assert "'map'" in notes[0]
    with pytest.raises(InputError, match="has no topic '/odom'; its pose topics: /pose; all topics: /other, /pose"):
        check(recording, Supplied(poses=f"{path}:/odom"))
    with pytest.raises(InputError, match="'/other' holds messages String, not poses"):
        check(recording, Supplied(poses=f"{path}:/other"))
    if not ros2:
        with pytest.raises(InputError, match=r"give the topic of the poses: run.bag:/topic"):
            check(recording, Supplied(poses=str(path)))
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(InputError, match="cannot be read as a bag"):
            check(recording, Supplied(poses=f"{path}:/pose"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 0 0 0 0 0 0 1\n2 0 0\n", "line 2 is not a pose .'2 0 0'"),
        ("1 0 0 0 0 0 0 1\n2 0 x 0 0 0 0 1\n", "line 2 is not a pose"),
        ("nan 0 0 0 0 0 0 1\n", "line 1: 'nan' is not a time"),
        ("1e999999999 0 0 0 0 0 0 1\n", "line 1: '1e999999999' is not a time"),
        ("# t x y z\n\n", "contains no poses"),
        ("10 0 0 0 0 0 0 1\n", "1 pose"),
        ("10 0 0 0 0 0 0 2\n11 0 0 0 0 0 0 1\n", "line 1: its quaternion is not of unit length but 2"),
        ("10 0 0 nan 0 0 0 1\n11 0 0 0 0 0 0 1\n", "line 1: its position or quaternion is not finite"),
        ("500 0 0 0 0 0 0 1\n501 0 0 0 0 0 0 1\n", "cover none of the events"),
        ("", "is empty"),
        ('{"frames": [3]}', "lists no frames"),
        ('{"frames": [{"t_us": 1}]}', "not 4x4 finite"),
        ('{"frames": [{"transform_matrix": [[2,0,0,0],[0,2,0,0],[0,0,2,0]]}]}', "not a rotation"),
        ('{"frames": [{"time": "x", "transform_matrix": [[1,0,0,0],[0,1,0,0],[0,0,1,0]]}]}', "is not a time"),
    ],
)  # fmt: skip
def test_what_are_no_poses_is_one_line(text: str, says: str, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "poses"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        supply(recording, Supplied(poses=str(path)))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_without_poses(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder without poses"):
        supply(recording, Supplied(poses=str(tmp_path)))
    with pytest.raises(InputError, match="no such file or folder"):
        supply(recording, Supplied(poses=str(tmp_path / "run.bag:/pose")))
