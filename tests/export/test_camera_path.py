"""Camera paths of the viewer's editor: the same curve as in the browser, JSON both ways, films along them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from efields import cli
from efields.errors import InputError
from efields.export.camera_path import CameraPath, Key, parse_path, path_through
from efields.export.flights import flight_of, poses_from_file
from efields.export.video import lens
from efields.geometry.camera import Camera
from efields.geometry.paths import orbit
from efields.train import Run

SAME = (0.0, 0.0, 0.0, 1.0)
QUARTER = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))


def straight(closed: bool = False) -> CameraPath:
    keys = (
        Key(1.0, (0, 0, 0), SAME, 0.8, 0.0),
        Key(2.0, (1, 0, 0), QUARTER, 1.0, 0.5),
        Key(3.0, (2, 0, 0), QUARTER, 1.0, None),
    )
    return CameraPath(keys, 10.0, closed)


def test_even_keys_on_a_line_are_passed_at_constant_speed() -> None:
    path = straight()
    assert path.duration_s == 2.0 and len(path.stops()) == 20
    for t in (0.0, 0.3, 1.0, 1.7, 2.0):
        np.testing.assert_allclose(path.at(t).T_world_camera[:3, 3], [t, 0, 0], atol=1e-12)
    half = path.at(0.5)
    assert half.fov_y == pytest.approx(0.9) and half.time_s == pytest.approx(0.25)
    turn = math.degrees(math.atan2(half.T_world_camera[1, 0], half.T_world_camera[0, 0]))
    assert turn == pytest.approx(45)
    assert path.at(1.5).time_s == 0.5  # one key knows the time
    np.testing.assert_allclose(path.at(99).T_world_camera[:3, 3], [2, 0, 0])  # held at the end


def test_closed_paths_come_back() -> None:
    path = straight(closed=True)
    assert path.duration_s == 3.0
    np.testing.assert_allclose(path.at(3.0).T_world_camera, path.at(0.0).T_world_camera, atol=1e-12)
    near, far = path.at(2.999).T_world_camera, path.at(0.001).T_world_camera
    assert np.abs(near - far).max() < 0.01


def test_json_goes_both_ways(tmp_path: Path) -> None:
    path = straight(closed=True)
    (tmp_path / "path.json").write_text(path.json())
    assert poses_from_file(tmp_path / "path.json") == path
    table = json.loads(path.json())
    assert table["format"] == "efields-path" and table["version"] == 1
    assert set(table["keys"][0]) == {"t", "position", "quaternion", "fov_y", "time_s"}


def test_poses_become_a_path_with_a_key_a_picture() -> None:
    poses = orbit((0, 0, 0), 2.0, 20.0, 8)
    stops = parse_path(json.loads(path_through(poses, 0.7, 4.0).json()), "here").stops()
    assert len(stops) == 7  # the last key ends the film
    for stop, pose in zip(stops, poses, strict=False):
        np.testing.assert_allclose(stop.T_world_camera, pose, atol=1e-9)


def broken(**change: Any) -> dict[str, Any]:
    table = json.loads(straight().json())
    key = {k: v for k, v in change.items() if k in table["keys"][0]}
    table["keys"][1].update(key)
    table.update({k: v for k, v in change.items() if k not in key})
    return table


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (broken(version=2), "version 2; this efields reads 1"),
        (broken(format="x"), "is not a camera path"),
        ([1], "is not a camera path"),
        (broken(keys=[]), "no keys"),
        (broken(keys=[1]), "key 1 of the camera path should be an object"),
        (broken(fps=0), "fps"),
        (broken(fps="a"), "fps of the camera path should be a finite number"),
        (broken(t=9.0), "key 3 of the camera path is not later"),
        (broken(position=[1, 2]), "the position of key 2 should hold 3 numbers"),
        (broken(position=[1, 2, None]), "the position of key 2 should be a finite"),
        (broken(quaternion=[0, 0, 0, 2]), "the quaternion of key 2 should be of length 1"),
        (broken(fov_y=4), "the fov_y of key 2"),
        (broken(time_s="x"), "the time_s of key 2"),
    ],
)
def test_broken_paths_say_what_is_wrong(table: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_path(table, "path.json")


def test_a_lens_has_the_angle_of_view_that_was_asked_for() -> None:
    camera = Camera(40, 30, 35.0, 35.0, 19.0, 15.0)
    assert lens(camera, None, 1.0) is camera
    wide = lens(camera, math.pi / 2, 0.5)
    assert (wide.width, wide.height, wide.fx, wide.cy) == (20, 15, pytest.approx(7.5), 7.0)


def test_a_film_along_a_path_of_the_editor(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poses = orbit((0, 0, 0), 2.6, 20.0, 6)
    (tmp_path / "path.json").write_text(path_through(poses, 0.7, 5.0).json())
    stops, fps = flight_of(run.load_model(), str(tmp_path / "path.json"), 99)
    assert (len(stops), fps, stops[0].fov_y) == (5, 5.0, pytest.approx(0.7))
    flags = ["--video", str(tmp_path / "a.mp4"), "--path", str(tmp_path / "path.json"), "--json"]
    assert cli.main(["export", str(run.path), *flags]) == 0
    assert json.loads(capsys.readouterr().out)["video"] == str(tmp_path / "a.mp4")
    assert iio.imread(tmp_path / "a.mp4").shape == (5, 32, 32, 3)
    assert cli.main(["export", str(run.path), "--video", str(tmp_path / "a.avi")]) == 2
    assert "give an .mp4 file" in capsys.readouterr().err
