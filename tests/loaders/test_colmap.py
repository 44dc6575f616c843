"""COLMAP models: conventions by hand, agreement with pycolmap, damage."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.cameras.colmap import read_model
from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.loaders import find, load
from tests.contracts.samples.folders import HEIGHT, WIDTH
from tests.contracts.samples.posed import VIEWS, colmap, images_in


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return colmap(tmp_path / "project")


def write_text(project: Path, camera: str, count: int = VIEWS) -> None:
    """The model again as text, a quarter turn about z for each image."""
    model = project / "sparse" / "0"
    for file in model.glob("*.bin"):
        file.unlink()
    (model / "cameras.txt").write_text(f"# Camera list\n# Number of cameras: 1\n1 {camera}\n")
    half = np.sqrt(0.5)
    lines = [f"{i + 1} {half} 0 0 {half} {0.1 * i} 0.2 0.3 1 {i:04d}.png\n\n" for i in range(count)]
    (model / "images.txt").write_text("# Image list\n" + "".join(lines))


def test_principal_point_is_half_a_pixel_off_and_quaternions_are_wxyz_world_to_camera(project: Path) -> None:
    recording = load(project, heldout_every=0)
    lens = (0.05, -0.01, 0.001, -0.002)
    assert recording.frames is not None
    assert recording.frames.camera == Camera(WIDTH, HEIGHT, 9.0, 9.5, 3.5, 2.5, "plumb_bob", lens)
    # x_camera = R x_world + t with R a quarter turn about z: the centre is -R^T t.
    T = recording.frames.T_world_camera
    for i in range(VIEWS):
        np.testing.assert_allclose(T[i, :3, :3], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-12)
        np.testing.assert_allclose(T[i, :3, 3], [-0.2, 0.1 * i, -0.3], atol=1e-12)
    assert recording.frames.names == tuple(f"{i:04d}.png" for i in range(VIEWS))  # the file has them backwards
    assert len(recording.events) == 0
    assert recording.origin_us == 0
    assert recording.frames.color_space == "display"


def test_every_eighth_view_is_held_out(project: Path) -> None:
    recording = load(project, heldout_every=2)
    assert recording.heldout is not None
    assert recording.heldout.names == ("0000.png", "0002.png", "0004.png")
    assert recording.frames is not None
    assert recording.frames.names == ("0001.png", "0003.png")
    with pytest.raises(InputError, match="heldout_every is 1"):
        load(project, heldout_every=1)


@pytest.mark.parametrize(
    ("line", "model", "lens"),
    [
        ("SIMPLE_PINHOLE 8 6 9 4 3", "none", ()),
        ("PINHOLE 8 6 9 9.5 4 3", "none", ()),
        ("SIMPLE_RADIAL 8 6 9 4 3 0.1", "plumb_bob", (0.1, 0, 0, 0)),
        ("RADIAL 8 6 9 4 3 0.1 0.02", "plumb_bob", (0.1, 0.02, 0, 0)),
        ("OPENCV 8 6 9 9.5 4 3 0.1 0.02 0.003 0.004", "plumb_bob", (0.1, 0.02, 0.003, 0.004)),
        ("OPENCV_FISHEYE 8 6 9 9.5 4 3 0.1 0.02 0.003 0.004", "equidistant", (0.1, 0.02, 0.003, 0.004)),
    ],
)
def test_camera_models_of_text_models(project: Path, line: str, model: Any, lens: tuple[float, ...]) -> None:
    write_text(project, line)
    assert find(project) == "colmap"
    camera = load(project).calibrated
    assert (camera.fx, camera.cx, camera.cy) == (9, 3.5, 2.5)
    assert camera.fy == (9.5 if "9.5" in line else 9)
    assert (camera.distortion_model, camera.distortion) == (model, lens)


def test_text_and_binary_agree(project: Path) -> None:
    binary = load(project, heldout_every=0).frames
    write_text(project, "OPENCV 8 6 9.0 9.5 4.0 3.0 0.05 -0.01 0.001 -0.002")
    text = load(project, heldout_every=0).frames
    assert binary is not None
    assert text is not None
    assert text.camera == binary.camera
    np.testing.assert_allclose(text.T_world_camera, binary.T_world_camera, atol=1e-12)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_a_model_that_pycolmap_wrote(tmp_path: Path, binary: bool) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    rng = np.random.default_rng(3)
    options = pycolmap.SyntheticDatasetOptions()
    made = pycolmap.synthesize_dataset(options)
    (made.write_binary if binary else made.write_text)(str(tmp_path))
    cameras, images = read_model(tmp_path)
    assert len(images) == len(made.images) > 2
    for image in made.images.values():
        mine = next(held for held in images if held.name == image.name)
        T = np.vstack([image.cam_from_world().inverse().matrix(), [0, 0, 0, 1]])
        np.testing.assert_allclose(mine.T_world_camera, T, atol=1e-9)
        point = T[:3, :3] @ np.array([0.1, -0.2, 3.0]) + T[:3, 3] + rng.normal(0, 0.1, 3)
        seen = image.camera.img_from_cam((np.linalg.inv(T) @ [*point, 1])[:3])
        ours = cameras[mine.camera_id].project(((np.linalg.inv(T) @ [*point, 1])[:3])[None])[0]
        np.testing.assert_allclose(ours, np.asarray(seen) - 0.5, atol=1e-6)  # its first pixel has its centre at 0.5


def test_each_image_has_its_own_camera(project: Path) -> None:
    write_text(project, "PINHOLE 8 6 9 9 4 3")
    model = project / "sparse" / "0"
    lines = ("1 PINHOLE 8 6 9 9 4 3", "2 SIMPLE_RADIAL 6 8 9.5 3 4 0.1", "7 PINHOLE 8 6 9.001 9 4 3")
    (model / "cameras.txt").write_text("\n".join(lines) + "\n")
    text = (model / "images.txt").read_text()
    text = text.replace(" 1 0001.png", " 2 0001.png").replace(" 1 0003.png", " 7 0003.png")
    (model / "images.txt").write_text(text)
    images_in(project / "images", ["0001.png"], size=(6, 8))
    frames = load(project, heldout_every=0).frames
    assert frames is not None
    assert len(frames.cameras) == 2  # cameras 1 and 7 show the same within 0.01 px
    assert frames.camera_of.tolist() == [0, 1, 0, 0, 0]
    assert frames.cameras[1] == Camera(6, 8, 9.5, 9.5, 2.5, 3.5, "plumb_bob", (0.1, 0, 0, 0))
    assert [image.shape for image in frames.images] == [(6, 8, 3), (8, 6, 3), (6, 8, 3), (6, 8, 3), (6, 8, 3)]


def raises(project: Path, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(project, "colmap")
    assert "\n" not in str(caught.value)


def test_cut_at_every_byte(project: Path) -> None:
    for name in ("cameras.bin", "images.bin"):
        file = project / "sparse" / "0" / name
        whole = file.read_bytes()
        for size in range(len(whole)):
            file.write_bytes(whole[:size])
            raises(project, "cameras and images|damaged|truncated|claims|holds")
        file.write_bytes(whole + b"\0")
        raises(project, "holds 1 bytes after its last record")
        file.write_bytes(whole)


def test_counts_that_the_file_cannot_hold(project: Path) -> None:
    images = project / "sparse" / "0" / "images.bin"
    whole = images.read_bytes()
    images.write_bytes(struct.pack("<Q", 1 << 60) + whole[8:])
    raises(project, "claims 1152921504606846976 images")


def test_what_cannot_be_held_is_said(project: Path) -> None:
    write_text(project, "FOV 8 6 9 9 4 3 0.5")
    raises(project, "camera of the model FOV; undistort")
    write_text(project, "PINHOLE 8 6 9 9.5 4")
    raises(project, "line 3 is '1 PINHOLE 8 6 9 9.5 4'")
    write_text(project, "PINHOLE 9 6 9 9.5 4 3")
    raises(project, "is 8 x 6, its camera 9 x 6")
    cameras = project / "sparse" / "0" / "cameras.txt"
    cameras.write_text("1 PINHOLE 8 6 9 9 4 3\n2 PINHOLE 8 6 9.5 9.5 4 3\n")
    images = project / "sparse" / "0" / "images.txt"
    images.write_text(images.read_text().replace(" 1 0003.png", " 2 0003.png"))
    cameras.write_text("1 PINHOLE 8 6 9 9 4 3\n")
    raises(project, "lacks camera 2")


def test_another_folder_of_images(project: Path) -> None:
    (project / "images").rename(project / "photos")
    raises(project, "images: no such folder of images; give it with the option images")
    assert load(project, images="photos").frames is not None
    (project / "photos" / "0003.png").unlink()
    with pytest.raises(InputError, match=r"photos: no image '0003\.png'"):
        load(project, images="photos")
    images_in(project / "photos", ["0003.png"], size=(4, 4))
    with pytest.raises(InputError, match=r"0003\.png: is 4 x 4, its camera 8 x 6"):
        load(project, images="photos")
