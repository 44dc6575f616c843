"""Our native layout, that of Robust e-NeRF: exact round trip and what is written."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.side_streams import Imu
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders import load
from efields.loaders.robust_enerf import load_labels, save
from efields.recordings.recording import Recording, Views


def rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    q[np.linalg.det(q) < 0, :, 0] *= -1
    return q


def views(rng: np.random.Generator, camera: Camera, count: int, channels: int, **more: Any) -> Views:
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3], T[:, :3, 3] = rotations(rng, count), rng.normal(size=(count, 3))
    return Views.stacked(
        image=rng.exponential(size=(count, camera.height, camera.width, channels)).astype(np.float32),
        T_world_camera=T,
        camera=camera,
        names=tuple(f"frame_{i:04d}.png" for i in range(count)),
        **more,
    )


def full_recording(seed: int = 0) -> Recording:
    """Everything that a recording can hold, with awkward numbers."""
    rng = np.random.default_rng(seed)
    width, height, n = 13, 9, 500
    camera = Camera(
        width,
        height,
        21.1,
        20.9,
        6.05,
        3.97,
        distortion_model="plumb_bob",
        distortion=(-0.1, 0.02, 1e-3, -2e-3, 1 / 3),
        bayer="GRBG",
    )
    t_us = np.sort(rng.integers(1_600_000_000_000_000, 1_600_000_002_000_000, n))
    events = EventStream.from_arrays(
        rng.integers(0, width, n), rng.integers(0, height, n), t_us, rng.random(n) < 0.4, width, height
    )
    pose_t = np.sort(
        np.append(rng.choice(np.arange(t_us[0], t_us[-1]), 50, replace=False), [t_us[0] - 7, t_us[-1] + 3])
    )
    q = rng.normal(size=(len(pose_t), 4))
    trajectory = Trajectory.from_arrays(
        pose_t, rng.normal(size=(len(pose_t), 3)), q / np.linalg.norm(q, axis=1, keepdims=True), "cubic", int(t_us[0])
    )
    plain = Camera(16, 12, 30.0, 31.0, 7.5, 5.5)
    depth = rng.exponential(size=(3, 12, 16)).astype(np.float32)
    depth[0, :2], depth[1, 3] = np.inf, np.nan
    return Recording(
        events=events,
        camera=camera,
        sensor=Sensor(c_pos=0.31, c_neg=0.17, refractory_us=1.375, threshold_sigma=0.03),
        trajectory=trajectory,
        frames=views(rng, camera, 4, 1, t_us=pose_t[5:9], color_space="display"),
        heldout=views(rng, plain, 3, 3, depth=depth),
        box=Box((-1.1, -0.7, 1 / 3), (0.9, 1.0, 2.0)),
        imu=Imu(pose_t, rng.normal(size=(len(pose_t), 3)), rng.normal(size=(len(pose_t), 3))),
        name='bricks "two"',
        notes=("Sorted 3 events.", "Grüße \\ ☃ 😀."),
    )


def assert_same(a: Any, b: Any, at: str = "recording") -> None:
    """Equal to the last bit, NaN equal to NaN, types of arrays included."""
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, at
        np.testing.assert_array_equal(a, b, err_msg=at)
    elif hasattr(a, "__dataclass_fields__"):
        assert type(a) is type(b), at
        for name, field in a.__dataclass_fields__.items():
            if field.init and name != "path":
                assert_same(getattr(a, name), getattr(b, name), f"{at}.{name}")
    else:
        assert a == b, at


def test_views_of_several_cameras_and_sizes_come_back(tmp_path: Path) -> None:
    recording = full_recording()
    rng = np.random.default_rng(0)
    cameras = [
        Camera(16, 12, 30.0, 31.0, 7.5, 5.5),
        Camera(12, 16, 30.0, 31.0, 5.5, 7.5, "equidistant", (0.1, 0.0, 0.0, 0.0)),
        Camera(16, 12, 33.0, 31.0, 7.5, 5.5),
    ]
    parts = [views(rng, camera, 2, 3) for camera in cameras]
    mixed = Views.joined(
        [image for part in parts for image in part.images],
        np.concatenate([part.T_world_camera for part in parts]),
        [camera for camera in cameras for _ in range(2)],
        tuple(f"{i}.png" for i in range(6)),
    )
    save(replace(recording, heldout=mixed), tmp_path / "r")
    assert_same(mixed, load(tmp_path / "r").heldout)


@pytest.mark.parametrize("seed", range(3))
def test_round_trip_is_exact(seed: int, tmp_path: Path) -> None:
    recording = full_recording(seed)
    labels = np.random.default_rng(seed).integers(0, 3, len(recording.events)).astype(np.uint8)
    save(recording, tmp_path / "a" / "r", labels=labels)
    again = load(tmp_path / "a" / "r")
    assert_same(recording, again)
    assert again.path == tmp_path / "a" / "r"
    found = load_labels(tmp_path / "a" / "r")
    assert found is not None
    np.testing.assert_array_equal(found, labels)


def test_round_trip_of_the_least(tmp_path: Path) -> None:
    full = full_recording()
    least = Recording(events=full.events, camera=Camera(13, 9, 20.0, 20.0, 6.0, 4.0), sensor=Sensor(), name="least")
    save(least, tmp_path / "r")
    again = load(tmp_path / "r")
    assert again.notes == ("The recording has no poses.",)
    assert load_labels(tmp_path / "r") is None
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
        "README.txt", "camera_calibration.npz", "raw_events.npz", "recording.toml",
    ]  # fmt: skip
    for name in ("events", "camera", "sensor", "trajectory", "frames", "heldout", "box", "imu", "name"):
        assert_same(getattr(least, name), getattr(again, name), name)


def test_what_is_written_is_the_published_layout(tmp_path: Path) -> None:
    recording = full_recording()
    save(recording, tmp_path / "r", renderer={"log_eps": 0.001})
    with np.load(tmp_path / "r" / "raw_events.npz") as raw:
        assert (raw["position"].dtype, raw["timestamp"].dtype, raw["polarity"].dtype) == (np.uint16, np.int64, np.bool_)
        np.testing.assert_array_equal(raw["position"], np.stack([recording.events.x, recording.events.y], axis=1))
        np.testing.assert_array_equal(raw["timestamp"], recording.events.t_us * 1000)
    with np.load(tmp_path / "r" / "camera_calibration.npz") as raw:
        assert int(raw["refractory_period"]) == 1375
        assert (str(raw["distortion_model"]), str(raw["bayer_pattern"])) == ("plumb_bob", "GRBG")
    with np.load(tmp_path / "r" / "renderer_params.npz") as raw:
        assert (str(raw["interm_color_space"]), float(raw["log_eps"])) == ("linear", 0.001)
    meta = json.loads((tmp_path / "r" / "views" / "transforms_test.json").read_text())
    assert recording.heldout is not None
    flipped = recording.heldout.T_world_camera @ np.diag([1.0, -1.0, -1.0, 1.0])
    np.testing.assert_array_equal([frame["transform_matrix"] for frame in meta["frames"]], flipped)
    assert tifffile.imread(tmp_path / "r" / "views" / f"{meta['frames'][0]['file_path']}.tif").dtype == np.float32
    assert "OpenGL" in (tmp_path / "r" / "README.txt").read_text()


def test_log_eps_is_added_to_linear_views_on_reading(tmp_path: Path) -> None:
    recording = full_recording()
    save(recording, tmp_path / "r", renderer={"log_eps": 0.25})
    again = load(tmp_path / "r")
    assert recording.heldout is not None
    assert again.heldout is not None
    np.testing.assert_array_equal(again.heldout.image, recording.heldout.image + np.float32(0.25))
    np.testing.assert_array_equal(again.frames.image, recording.frames.image)  # type: ignore[union-attr]  # display


def test_saving_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    save(full_recording(0), tmp_path / "r", labels=np.zeros(500, dtype=np.uint8))
    save(full_recording(1), tmp_path / "r")
    assert_same(full_recording(1), load(tmp_path / "r"))
    assert not (tmp_path / "r" / "labels.npz").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_saving_over_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("\\begin{document}")
    for target in ("thesis", "thesis/thesis.tex"):
        with pytest.raises(InputError, match="is not a recording"):
            save(full_recording(), tmp_path / target)
    assert (tmp_path / "thesis" / "thesis.tex").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(full_recording(0), tmp_path / "r")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tifffile, "imwrite", full)  # the arrays are written by then
    with pytest.raises(InputError, match="No space left"):
        save(full_recording(1), tmp_path / "r")
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert_same(full_recording(0), load(tmp_path / "r"))


def test_labels_must_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 labels for 500 events"):
        save(full_recording(), tmp_path / "r", labels=np.zeros(3, dtype=np.uint8))
    assert not (tmp_path / "r").exists()
