"""Calibrations of every kind that is read, as their own tools write them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.supplied.cameras import read_camera

SIZE = 640, 480
RADTAN = (-0.3, 0.1, 0.001, -0.002)
WANTED = Camera(640, 480, 500.0, 501.0, 320.5, 240.25, "plumb_bob", RADTAN)

KALIBR = """\
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [0.01, 0.02, 0.03, 0.04]
  distortion_model: equidistant
  intrinsics: [300.0, 301.0, 170.0, 130.0]
  resolution: [346, 260]
  rostopic: /dvs/image_raw
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, 0.1]
  - [0.0, 1.0, 0.0, 0.0]
  - [0.0, 0.0, 1.0, 0.0]
  - [0.0, 0.0, 0.0, 1.0]
  camera_model: pinhole
  distortion_coeffs: [-0.3, 0.1, 0.001, -0.002]
  distortion_model: radtan
  intrinsics: [500.0, 501.0, 320.5, 240.25]
  resolution: [640, 480]
"""
ROS = """\
image_width: 640
image_height: 480
camera_name: davis
camera_matrix:
  rows: 3
  cols: 3
  data: [500.0, 0.0, 320.5, 0.0, 501.0, 240.25, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.3, 0.1, 0.001, -0.002, 0.0]
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
"""
OPENCV = """\
%YAML:1.0
---
calibration_time: "Tue Nov 24 12:00:00 2026"
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 500., 0., 3.205e+02, 0., 5.01e+02, 240.25, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -3.0e-01, 1.0e-01, 1.0e-03, -2.0e-03, 0. ]
"""
DSEC = """\
extrinsics:
  T_10: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
intrinsics:
  cam0:
    camera_matrix: [500.0, 501.0, 320.5, 240.25]
    camera_model: pinhole
    distortion_coeffs: [-0.3, 0.1, 0.001, -0.002]
    distortion_model: radtan
    resolution: [640, 480]
  camRect0:
    camera_matrix: [569.7, 569.7, 335.1, 221.2]
    camera_model: pinhole
    resolution: [640, 480]
"""
NUMBERS = "500 501 320.5 240.25 -0.3 0.1 0.001 -0.002 0.0\n"
NERFSTUDIO = {
    "camera_model": "OPENCV", "fl_x": 500.0, "fl_y": 501.0, "cx": 321.0, "cy": 240.75, "w": 640, "h": 480,
    "k1": -0.3, "k2": 0.1, "p1": 0.001, "p2": -0.002, "frames": [],
}  # fmt: skip


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def same(camera: Camera, wanted: Camera = WANTED) -> bool:
    distortion = np.zeros((2, 5))
    for row, values in zip(distortion, (camera.distortion, wanted.distortion), strict=True):
        row[: len(values)] = values
    numbers = [(c.width, c.height, c.fx, c.fy, c.cx, c.cy) for c in (camera, wanted)]
    return (
        camera.distortion_model == wanted.distortion_model
        and numbers[0] == numbers[1]
        and bool((distortion[0] == distortion[1]).all())
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [(KALIBR, ":cam1"), (ROS, ""), (OPENCV, ""), (DSEC, ""), (DSEC, ":cam0"), (NUMBERS, ""), (f"# a\n{NUMBERS}", "")],
    ids=["kalibr", "ros", "opencv", "dsec", "dsec-named", "ecd", "ecd-comment"],
)
def test_every_kind_is_the_same_camera(text: str, part: str, tmp_path: Path) -> None:
    camera, _ = read_camera(written(tmp_path, "calib", text) + part, *SIZE)
    assert same(camera)


def test_json_counts_pixel_centres_at_halves(tmp_path: Path) -> None:
    path = written(tmp_path, "transforms.json", json.dumps(NERFSTUDIO))
    assert same(read_camera(path, *SIZE)[0])
    angle = {"camera_angle_x": 2 * np.arctan(0.5), "frames": []}
    camera, notes = read_camera(written(tmp_path, "angle.json", json.dumps({**angle, "w": 640, "h": 480})), *SIZE)
    assert (camera.cx, camera.cy, camera.distortion) == (319.5, 239.5, ())
    assert (camera.fx, camera.fy) == pytest.approx((640.0, 640.0))
    assert notes == ()
    own = {k: v for k, v in NERFSTUDIO.items() if k != "frames"}
    each = written(tmp_path, "each.json", json.dumps({"frames": [own, own]}))
    assert same(read_camera(each, *SIZE)[0])
    differ = written(tmp_path, "differ.json", json.dumps({"frames": [own, {**own, "fl_x": 1.0}]}))
    with pytest.raises(InputError, match="differ in 'fl_x'"):
        read_camera(differ, *SIZE)


def test_a_fisheye_in_json(tmp_path: Path) -> None:
    fisheye = {**NERFSTUDIO, "camera_model": "OPENCV_FISHEYE", "k3": 0.3, "k4": 0.4, "p1": 0, "p2": 0}
    camera, _ = read_camera(written(tmp_path, "t.json", json.dumps(fisheye)), *SIZE)
    assert (camera.distortion_model, camera.distortion) == ("equidistant", (-0.3, 0.1, 0.3, 0.4))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"camera_model": "FISHEYE624"}, "camera model 'FISHEYE624' is unknown"),
        ({"k4": 0.1}, "has 6 distortion parameters"),
        ({"camera_model": "OPENCV_FISHEYE"}, "a fisheye with p1 and p2"),
    ],
)
def test_a_json_of_another_lens_is_refused(changed: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        read_camera(written(tmp_path, "t.json", json.dumps({**NERFSTUDIO, **changed})), *SIZE)


def test_plain_numbers_take_the_size_of_the_sensor() -> None:
    camera, notes = read_camera("500,501,320.5,240.25,-0.3,0.1,0.001,-0.002", *SIZE)
    assert same(camera)
    assert notes == ("The calibration does not state its image size: that of the sensor is assumed.",)
    assert read_camera("500, 501, 320.5, 240.25", *SIZE)[0].distortion_model == "none"
    with pytest.raises(InputError, match="5 numbers are not a camera"):
        read_camera("1,2,3,4,5", *SIZE)


def test_our_own_archive(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "camera_calibration.npz",
        intrinsics=WANTED.matrix,
        distortion_params=np.array(RADTAN),
        distortion_model="plumb_bob",
        img_height=480,
        img_width=640,
        bayer_pattern="RGGB",
    )
    for source in (tmp_path, tmp_path / "camera_calibration.npz"):
        camera, _ = read_camera(str(source), *SIZE)
        assert same(camera)
        assert camera.bayer == "RGGB"


def test_another_size_is_refused_or_scaled_where_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "ros.yaml", ROS)
    with pytest.raises(InputError, match=r"for 640 x 480 pixels, the sensor has 320 x 240; .*scale_camera"):
        read_camera(path, 320, 240)
    camera, notes = read_camera(path, 320, 240, scale=True)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (250.0, 250.5, 160.0, 119.875)
    assert camera.distortion[:4] == RADTAN
    assert "scaled from 640 x 480 to 320 x 240" in notes[0]
    with pytest.raises(InputError, match="with another aspect ratio"):
        read_camera(path, 640, 360, scale=True)


@pytest.mark.parametrize(
    ("text", "part", "says"),
    [
        (KALIBR, "", "contains several cameras .cam0, cam1."),
        (KALIBR, ":cam2", "contains no camera 'cam2'; choose one of: cam0, cam1"),
        (KALIBR, ":cam0", "for 346 x 260 pixels"),
        (KALIBR.replace("pinhole", "omni"), ":cam1", "model 'omni'"),
        (KALIBR.replace("radtan", "fov"), ":cam1", "distortion model 'fov' is unknown"),
        (KALIBR.replace("[500.0,", "[.nan,"), ":cam1", "not a list of finite numbers"),
        (ROS.replace("0.0]\nrect", "0.0, 0.5, 0.0, 0.0]\nrect"), "", "has 8 distortion parameters"),
        (ROS.replace("[500.0, 0.0", "[500.0, 9.0"), "", "skew"),
        (ROS.replace("[500.0", "[0.0"), "", "focal length"),
        (ROS, ":cam1", "contains one camera"),
        ("name: nothing\n", "", "contains no camera that efields can read"),
        ("a: [1\n", "", "not readable as YAML"),
        ("{\"a\": ", "", "not readable as JSON"),
        ("- 1\n- b\n", "", "contains no names with values"),
        ("", "", "is empty"),
    ],
)  # fmt: skip
def test_what_is_no_camera_is_one_line(text: str, part: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_camera(written(tmp_path, "calib.yaml", text) + part, *SIZE)
    assert "\n" not in str(caught.value)


def test_no_file_a_folder_and_bytes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_camera(str(tmp_path / "calib.yaml:cam1"), *SIZE)
    with pytest.raises(InputError, match="is a folder"):
        read_camera(str(tmp_path), *SIZE)
    (tmp_path / "bytes").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_camera(str(tmp_path / "bytes"), *SIZE)


def test_the_fox_of_instant_ngp(shared_data: Path) -> None:
    path = shared_data / "nerf_fox_270x480" / "transforms.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    camera, _ = read_camera(str(path), 270, 480)
    assert (camera.fx, camera.cx, camera.cy) == (343.88, 138.6395 - 0.5, 241.317 - 0.5)
    assert camera.distortion[:4] == (0.0578421, -0.0805099, -0.000980296, 0.00015575)
