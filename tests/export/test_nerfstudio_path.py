"""Camera paths of nerfstudio's viewer: each form that its versions write, in our axes, and what cannot be rendered."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.cli import main
from efields.errors import InputError
from efields.export.camera_path import CameraPath
from efields.export.flights import flight_of, poses_from_file
from efields.export.nerfstudio_path import Pictures
from efields.export.video import lens
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.train import Run

OURS = np.stack([look_at([2.0, 0.1 * k, 0.3], [0.0, 0.0, 0.0]) for k in range(3)])
OPENGL = OURS * np.array([1.0, -1.0, -1.0, 1.0])


def cameras(form: Any = None) -> list[dict[str, Any]]:
    form = form or (lambda pose: pose.reshape(-1).tolist())
    return [{"camera_to_world": form(pose), "fov": 50, "aspect": 1} for pose in OPENGL]


def written(folder: Path, **content: Any) -> Path:
    path = folder / "camera_path.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "form",
    [
        lambda pose: pose.reshape(-1).tolist(),
        lambda pose: pose[:3].reshape(-1).tolist(),
        lambda pose: pose.tolist(),
        lambda pose: pose[:3].tolist(),
        lambda pose: pose.T.reshape(-1).tolist(),
        lambda pose: json.dumps(pose.T.reshape(-1).tolist()),
    ],
)
def test_the_camera_of_every_picture(tmp_path: Path, form: Any) -> None:
    path = written(tmp_path, camera_path=cameras(form), fps=24, seconds=1, render_height=64, render_width=80, crop=None)
    stops, fps = flight_of(None, str(path), 90)  # type: ignore[arg-type]  # a file needs no model
    assert fps == 24 and len(stops) == 3
    np.testing.assert_allclose(np.stack([stop.T_world_camera for stop in stops]), OURS, atol=1e-12)
    camera = lens(Camera(346, 260, 200.0, 200.0, 172.5, 129.5), stops[0].fov_y, 0.5, stops[0].size)
    assert (camera.width, camera.height) == (40, 32)
    assert 2 * math.degrees(math.atan(0.5 * 32 / camera.fy)) == pytest.approx(50)


def test_pictures_a_second_follow_the_length_where_none_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, camera_path=cameras(), seconds=0.25)
    assert flight_of(None, str(path), 90)[1] == 12  # type: ignore[arg-type]
    assert flight_of(None, str(path), 90, 5.0)[1] == 5  # type: ignore[arg-type]
    assert isinstance(poses_from_file(path), Pictures)


def test_keyframes_are_flown_through(tmp_path: Path) -> None:
    keyframes = [
        {"matrix": json.dumps(pose.T.reshape(-1).tolist()), "fov": 50 + 10 * k} for k, pose in enumerate(OPENGL)
    ]
    path = poses_from_file(written(tmp_path, keyframes=keyframes, fps=10, seconds=4, is_cycle=False))
    assert isinstance(path, CameraPath) and [key.t for key in path.keys] == [0, 2, 4] and not path.closed
    assert len(path.stops()) == 40
    for t, pose, fov in zip((0, 2, 4), OURS, (50, 60, 70), strict=True):
        np.testing.assert_allclose(path.at(t).T_world_camera, pose, atol=1e-6)
        assert math.degrees(path.at(t).fov_y or 0) == pytest.approx(fov)
    closed = poses_from_file(written(tmp_path, keyframes=keyframes, seconds=6, is_cycle=True))
    assert isinstance(closed, CameraPath) and closed.closed and closed.duration_s == pytest.approx(6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"camera_type": "equirectangular"}, "camera_type 'equirectangular' cannot be rendered"),
        ({"camera_type": "fisheye"}, "camera_type 'fisheye' cannot be rendered"),
        ({"crop": {"crop_scale": {"x": 1, "y": 1, "z": 1}}}, "has a crop"),
        ({"camera_path": []}, "contains no cameras"),
        ({"camera_path": [1]}, "a list of objects"),
        ({"camera_path": [{"fov": 50}]}, "the matrix of camera 1 should hold 16 or 12"),
        ({"camera_path": [{"camera_to_world": (2 * np.eye(4)).tolist()}]}, "not a rotation"),
        ({"camera_path": [{"camera_to_world": np.eye(4).tolist(), "fov": 180}]}, "in degrees, between 0 and 180"),
        ({"fps": 0}, "between 0 and 1000"),
        ({"fps": "24"}, "fps of the camera path should be a finite number"),
        ({"render_width": 0}, "pictures of 0 x 64"),
        ({"render_width": None}, "'render_width' should be a finite number"),
    ],
)
def test_what_cannot_be_rendered_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    content = {"camera_path": cameras(), "fps": 24, "render_width": 64, "render_height": 64, **change}
    with pytest.raises(InputError, match=said) as error:
        poses_from_file(written(tmp_path, **content))
    assert "camera_path.json" in str(error.value)


def test_it_is_rendered_in_its_size(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, camera_path=cameras(), fps=24, seconds=1, render_height=16, render_width=24)
    assert main(["render", str(run.path), "--path", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["width"], told["height"]) == (3, 24, 16)
