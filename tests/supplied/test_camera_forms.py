"""One camera in every syntax that tools and people write: read as the same numbers, or refused, never as others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.supplied.cameras import read_camera

SIZE = 346, 260
Lens = tuple[float, float, float, float]


def matrix(f: Lens) -> list[list[float]]:
    return [[f[0], 0, f[2]], [0, f[1], f[3]], [0, 0, 1]]


def flat(f: Lens) -> list[float]:
    return [value for row in matrix(f) for value in row]


def lines(rows: list[list[float]], between: str = " ") -> str:
    return "".join(between.join(map(repr, row)) + "\n" for row in rows)


def cv(f: Lens, k: Lens) -> dict[str, object]:
    K = {"type_id": "opencv-matrix", "rows": 3, "cols": 3, "dt": "d", "data": flat(f)}
    return {"camera_matrix": K, "distortion_coefficients": {"rows": 1, "cols": 4, "dt": "d", "data": list(k)}}


def xml(f: Lens, k: Lens) -> str:
    K, d = " ".join(map(repr, flat(f))), " ".join(map(repr, k))
    return (
        f"<camera_matrix type_id='opencv-matrix'><rows>3</rows><cols>3</cols><dt>d</dt><data>{K}</data></camera_matrix>"
        f"<distortion_coefficients type_id='opencv-matrix'><rows>4</rows><cols>1</cols><dt>d</dt><data>\n{d}</data>"
        "</distortion_coefficients><image_width>346</image_width><image_height>260</image_height>"
    )


def dv(name: str, f: Lens, k: Lens, model: str = "radialTangential") -> dict[str, object]:
    return {"name": name, "resolution": [346, 260], "principalPoint": [*f[2:]], "focalLength": [*f[:2]],
            "distortionModel": model, "distortion": [*k]}  # fmt: skip


def echo(f: Lens, k: Lens, upper: bool, model: str = "plumb_bob") -> str:
    names = "DKRP" if upper else "dkrp"
    R, P = [1.0, 0, 0, 0, 1, 0, 0, 0, 1], [*f[:1], 0, f[2], 0, 0, f[1], f[3], 0, 0, 0, 1, 0]
    arrays = "".join(f"{n}: {list(v)}\n" for n, v in zip(names, (k, flat(f), R, P), strict=True))
    return f"header:\n  stamp: {{}}\nheight: 260\nwidth: 346\ndistortion_model: {model}\n{arrays}binning_x: 0\n---\n"


def named(f: Lens, k: Lens, between: str, prefix: str = "") -> str:
    values = zip(("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"), (*f, *k), strict=True)
    return "".join(f"{prefix}{name}{between}{value!r}\n" for name, value in values)


def basalt(kind: str, f: Lens, k: Lens, third: str, fourth: str) -> str:
    numbers = dict(zip(("fx", "fy", "cx", "cy", "k1", "k2", third, fourth), (*f, *k), strict=True))
    camera = {"camera_type": kind, "intrinsics": numbers}
    return json.dumps({"value0": {"resolution": [[346, 260]], "intrinsics": [camera]}})


def colmap(f: Lens, model: str, *numbers: float) -> str:
    size = f"{f[2] + 0.5!r} {f[3] + 0.5!r}"
    focal = repr(f[0]) if "RADIAL" in model or "SIMPLE" in model else f"{f[0]!r} {f[1]!r}"
    return f"# Camera list\n3 {model} 346 260 {focal} {size} {' '.join(map(repr, numbers))}\n"


RADTAN: dict[str, Callable[[Lens, Lens], str]] = {
    "matrix then lens": lambda f, k: lines([*matrix(f), [*k]]),
    "numbers in two rows": lambda f, k: lines([[*f], [*k]]),
    "numbers, commas": lambda f, k: lines([[*f, *k]], ", "),
    "named, colons": lambda f, k: named(f, k, ": "),
    "named, equals": lambda f, k: named(f, k, " = "),
    "named, commas": lambda f, k: named(f, k, ","),
    "named, blanks": lambda f, k: named(f, k, " "),
    "ORB-SLAM": lambda f, k: f'%YAML:1.0\nCamera.type: "PinHole"\n{named(f, k, ": ", "Camera.")}ThDepth: 35\n',
    "ROS 1 echo": lambda f, k: echo(f, k, True),
    "ROS 2 echo": lambda f, k: echo(f, k, False) * 2,
    "DV": lambda f, k: json.dumps({"cameras": [dv("DVX_1", f, k)], "version": "2.0"}),
    "OpenCV json": lambda f, k: json.dumps({**cv(f, k), "image_width": 346, "image_height": 260}),
    "OpenCV xml": lambda f, k: f"<?xml version='1.0'?>\n<opencv_storage>{xml(f, k)}</opencv_storage>",
    "DV xml": lambda f, k: f"<opencv_storage><type>camera</type><DVX_1>{xml(f, k)}</DVX_1></opencv_storage>",
    "Metavision": lambda f, k: json.dumps({"img_width": 346, "img_height": 260, "K": flat(f), "D": [*k, 0.0]}),
    "nested matrices": lambda f, k: json.dumps({"K": matrix(f), "dist": [[*k]]}),
    "EuRoC": lambda f, k: f"camera_model: pinhole\nresolution: [346, 260]\nintrinsics: {list(f)}\n"
    f"distortion_model: radial-tangential\ndistortion_coefficients: {list(k)}\n",
    "VINS": lambda f, k: "%YAML:1.0\n---\nmodel_type: PINHOLE\nimage_width: 346\nimage_height: 260\n"
    f"distortion_parameters: {{k1: {k[0]!r}, k2: {k[1]!r}, p1: {k[2]!r}, p2: {k[3]!r}}}\n"
    f"projection_parameters: {{fx: {f[0]!r}, fy: {f[1]!r}, cx: {f[2]!r}, cy: {f[3]!r}}}\n",
    "Caltech": lambda f, k: f"fc = [ {f[0]!r} ; {f[1]!r} ];\ncc = [ {f[2]!r} ; {f[3]!r} ];\nalpha_c = 0.0;\n"
    f"kc = [ {' ; '.join(map(repr, k))} ; 0.0 ];\nfc_error = [ 1 ; 1 ];\n",
    "MATLAB": lambda f, k: f"  cameraIntrinsics with properties:\n\n    FocalLength: [{f[0]!r} {f[1]!r}]\n"
    f"    PrincipalPoint: [{f[2] + 1!r} {f[3] + 1!r}]\n    ImageSize: [260 346]\n"
    f"    RadialDistortion: [{k[0]!r} {k[1]!r}]\n    TangentialDistortion: [{k[2]!r} {k[3]!r}]\n    Skew: 0\n",
    "COLMAP": lambda f, k: colmap(f, "OPENCV", *k),
    "SVO": lambda f, k: "label: a\ncameras:\n- camera:\n    label: cam0\n    image_height: 260\n    image_width: 346\n"
    f"    type: pinhole\n    intrinsics: {{cols: 1, rows: 4, data: {list(f)}}}\n"
    f"    distortion: {{type: radial-tangential, parameters: {{cols: 1, rows: 4, data: {list(k)}}}}}\n",
    "anipose": lambda f, k: f"[cam_0]\nname = 'A'\nsize = [346, 260]\nmatrix = {matrix(f)}\n"
    f"distortions = {[*k, 0.0]}\n",
    "RealSense": lambda f, k: json.dumps({"fx": f[0], "fy": f[1], "ppx": f[2], "ppy": f[3], "coeffs": [*k, 0.0],
                                          "model": "distortion.brown_conrady"}),
    "basalt": lambda f, k: basalt("pinhole-radtan8", f, k, "p1", "p2"),
}  # fmt: skip
PINHOLE: dict[str, Callable[[Lens], str]] = {
    "3x3": lambda f: lines(matrix(f)),
    "3x3 commas": lambda f: lines(matrix(f), ","),
    "3x3 in a row": lambda f: lines([flat(f)]),
    "3x3 json": lambda f: json.dumps(matrix(f)),
    "3x3 NumPy": lambda f: repr(np.array(matrix(f))),
    "3x3 NumPy str": lambda f: str(np.array(matrix(f)).tolist()).replace(",", ""),
    "3x3 MATLAB": lambda f: "K = [" + "; ".join(" ".join(map(repr, row)) for row in matrix(f)) + "];",
    "3x3 and comments": lambda f: "% K\n" + lines(matrix(f)) + "# end\n",
    "3x4": lambda f: lines([[*row, 0.0] for row in matrix(f)]),
    "3x4 in a row": lambda f: lines([[value for row in matrix(f) for value in (*row, 0.0)]]),
    "4x4": lambda f: lines([*([*row, 0.0] for row in matrix(f)), [0, 0, 0, 1]]),
    "KITTI": lambda f: "P0: " + lines([[value for row in matrix(f) for value in (*row, 0.0)]]) + "Tr: 1 0 0 0\n",
    "four": lambda f: lines([[*f]]),
    "names over numbers": lambda f: "fx,fy,cx,cy\n" + lines([[*f]], ","),
    "Open3D": lambda f: json.dumps({"width": 346, "height": 260, "intrinsic_matrix": [*np.ravel(matrix(f), "F")]}),
    "RealSense": lambda f: json.dumps({"fx": f[0], "fy": f[1], "ppx": f[2], "ppy": f[3], "coeffs": [0, 0, 0, 0, 0]}),
    "COLMAP": lambda f: colmap(f, "PINHOLE"),
}  # fmt: skip
EQUIDISTANT: dict[str, Callable[[Lens, Lens], str]] = {
    "ROS 2 echo": lambda f, k: echo(f, k, False, "equidistant"),
    "DV": lambda f, k: json.dumps({"cameras": [dv("DVX_1", f, k, "equidistant")]}),
    "ORB-SLAM": lambda f, k: "Camera.type: KannalaBrandt8\n"
    + named(f, k, ": ", "Camera.").replace("p1", "k3").replace("p2", "k4"),
    "OpenCV": lambda f, k: json.dumps({**cv(f, k), "fisheye_model": 1}),
    "COLMAP": lambda f, k: colmap(f, "OPENCV_FISHEYE", *k),
    "basalt": lambda f, k: basalt("kb4", f, k, "k3", "k4"),
}  # fmt: skip


def drawn(seed: int) -> tuple[Lens, Lens]:
    rng = np.random.default_rng(seed)
    fx, fy, cx, cy = (float(v) for v in np.round(rng.uniform([280, 280, 150, 110], [320, 320, 190, 150]), 4))
    return (fx, fy, cx, cy), tuple(float(v) for v in np.round(rng.uniform(-0.1, 0.1, 4), 5))  # type: ignore[return-value]


def check(text: str, wanted: Camera, path: Path, atol: float = 1e-9) -> None:
    path.write_text(text)
    camera, _ = read_camera(str(path), *SIZE)
    lenses = np.zeros((2, 5))
    for row, each in zip(lenses, (camera, wanted), strict=True):
        row[: len(each.distortion)] = each.distortion
    assert camera.distortion_model == wanted.distortion_model
    np.testing.assert_allclose(lenses[0], lenses[1], atol=atol)
    numbers = [(c.fx, c.fy, c.cx, c.cy) for c in (camera, wanted)]
    np.testing.assert_allclose(numbers[0], numbers[1], atol=atol)


@pytest.mark.parametrize("form", RADTAN)
def test_every_form_of_a_lens_with_distortion(form: str, tmp_path: Path) -> None:
    for seed in range(3):
        f, k = drawn(seed)
        name = "camera.toml" if form == "anipose" else "camera.txt"
        check(RADTAN[form](f, k), Camera(*SIZE, *f, "plumb_bob", k), tmp_path / name)


@pytest.mark.parametrize("form", PINHOLE)
def test_every_form_of_a_pinhole(form: str, tmp_path: Path) -> None:
    for seed in range(3):
        f, _ = drawn(seed)
        check(PINHOLE[form](f), Camera(*SIZE, *f), tmp_path / "camera.txt", 1e-4)


@pytest.mark.parametrize("form", EQUIDISTANT)
def test_every_form_of_a_fisheye(form: str, tmp_path: Path) -> None:
    for seed in range(3):
        f, k = drawn(seed)
        check(EQUIDISTANT[form](f, k), Camera(*SIZE, *f, "equidistant", k), tmp_path / "camera.txt")


F, K = drawn(0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lines(np.array(matrix(F)).T.tolist()), "the transpose of a camera matrix"),
        (lines([[F[0], 4.26, F[2]], *matrix(F)[1:]]), r"skew of 4.26, which moves pixels by up to 2.* px"),
        (lines([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), "9 numbers in 3 rows of 3 are not a camera: .* fx 0 cx"),
        (lines([[0.9, 0.1, 0, 1], [-0.1, 0.9, 0, 2], [0, 0, 1, 3]]), "12 numbers in 3 rows of 4 are not a camera"),
        (lines([[*F, *K, 0, 0, 0, 0]]), "12 numbers .a 3x4 matrix in a row. are not a camera"),
        (lines([[*F], [*F]]).replace(repr(F[0]), "x", 1), "no names with values|no camera that efields can read"),
        (lines([[F[0], F[2], F[1], F[3]]]), "do not fit a camera with square pixels"),
        ("300,5 300,1 170,2 130,9\n", "decimal commas"),
        ("300,5;300,1;170,2;130,9\n", "decimal commas"),
        ("8 8 170 130\n", "focal length of 8 px would see 175 degrees"),
        ("0.9 0.9 0.5 0.5\n", "or a fraction of the width"),
        ("0 0 170 130\n", "focal length fx, fy = 0, 0"),
        ("-300 300 170 130\n", "give pixels above 0"),
        ("600 600 640 360\n", "principal point .640, 360. is outside the 346 x 260 pixels; .*this resolution"),
        ("300 300 0.5 -0.2\n", "is at the corner of the 346 x 260 pixels"),
        (echo(F, K, True).replace(str(flat(F)), str([0.0] * 9)), "was not calibrated"),
        (echo(F, K, True).replace("binning_x: 0", "binning_x: 2"), "binned pixels .2 x"),
        (echo(F, K, True) + echo(F, (0.1, 0.0, 0.0, 0.0), True), "holds 2 documents that differ"),
        (echo(F, K, True, "omni"), "distortion model 'omni' is unknown"),
        (json.dumps({"cameras": [dv("left", F, K), dv("right", F, K)]}), "several cameras .left, right.; .*:left"),
        (json.dumps({**cv(F, K), "model": "fisheye", "distortion_model": "radtan"}), "two lens models"),
        (json.dumps({"K": matrix(F), "distortion_model": "none", "D": [*K]}), "has distortion parameters"),
        (json.dumps({"K": matrix(F), "model": "distortion.inverse_brown_conrady", "coeffs": [*K]}), "conrady' is"),
        (json.dumps({"K": matrix(F), "distortion": {"some": [*K]}}), "in an unknown form"),
        (json.dumps({"K": matrix(F), "camera_type": "double-sphere"}), "'double-sphere' is"),
        ("Camera.type: KannalaBrandt8\n" + named(F, K, ": ", "Camera."), "has 'p1'"),
        (named(F, K, ": ") + "s1: 0.1\n", "has 's1'"),
        (json.dumps({"K": matrix(F), "radial_dist": [*K]}), "a distortion in an unknown form"),
        (json.dumps({"fx": 300, "fy": 300, "cx": 170, "cy": 130, "xi": 0.1, "alpha": 0.5}), "has 'xi'"),
        ("model_type: MEI\nprojection_parameters: {gamma1: 1, gamma2: 1, u0: 1, v0: 1}\n", "camera model 'MEI'"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "XML that defines entities"),
        (colmap(F, "FULL_OPENCV", *K, 0, 0, 0, 0), "a camera of the model FULL_OPENCV"),
        (colmap(F, "PINHOLE") + colmap((9.0, 9.0, 9.0, 9.0), "PINHOLE").replace("3 ", "4 "), "several cameras .3, 4."),
    ],
)  # fmt: skip
def test_what_is_no_camera_says_what_it_looks_like(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "camera"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_camera(str(path), *SIZE)


def test_one_of_several_cameras_by_its_name(tmp_path: Path) -> None:
    other = (200.0, 201.0, 170.0, 130.0)
    texts = {
        "dv": (json.dumps({"cameras": [dv("left", F, K), dv("right", other, K)]}), "right"),
        "stereo": (json.dumps({"M1": matrix(F), "D1": [*K], "M2": matrix(other), "D2": [*K]}), "M2"),
        "colmap": (colmap(F, "OPENCV", *K) + colmap(other, "OPENCV", *K).split("\n", 1)[1].replace("3 ", "7 ", 1), "7"),
    }
    for name, (text, part) in texts.items():
        (tmp_path / name).write_text(text)
        camera, _ = read_camera(f"{tmp_path / name}:{part}", *SIZE)
        np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion], [*other, *K])


def test_arrays_of_python_scripts(tmp_path: Path) -> None:
    np.savez(tmp_path / "calib.npz", mtx=np.array(matrix(F)), dist=np.array([[*K, 0.0]]), rms=0.3)
    np.save(tmp_path / "K.npy", np.array(matrix(F)))
    camera, _ = read_camera(str(tmp_path / "calib.npz"), *SIZE)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion) == (*F, *K, 0.0)
    camera, _ = read_camera(str(tmp_path / "K.npy"), *SIZE)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.distortion) == (*F, ())


def test_names_of_makers_are_no_lenses(tmp_path: Path) -> None:
    said = {"K": matrix(F), "camera_type": "DAVIS346", "model": "DVXplorer", "type": "event", "alpha": 0.0}
    (tmp_path / "c.json").write_text(json.dumps(said))
    assert read_camera(str(tmp_path / "c.json"), *SIZE)[0].fx == F[0]


def test_odd_numbers_are_said(tmp_path: Path) -> None:
    _, notes = read_camera("300,300,60,130", *SIZE)
    assert "is the calibration for another resolution?" in notes[0]
    (tmp_path / "k").write_text(lines([[F[0], 1e-3, F[2]], *matrix(F)[1:]]))
    _, notes = read_camera(str(tmp_path / "k"), *SIZE)
    assert "a skew of 0.001, which moves pixels by up to" in notes[0]
    _, notes = read_camera(f"{flat(F)}", *SIZE)
    assert notes == ("The calibration does not state its image size: that of the sensor is assumed.",)
