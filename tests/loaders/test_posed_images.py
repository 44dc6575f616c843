"""Blender, nerfstudio and LLFF: axes, pixel centres, lenses and splits, each by hand; and two real scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import find, load
from tests.contracts.samples.folders import HEIGHT, WIDTH
from tests.contracts.samples.posed import VIEWS, blender, images_in, llff, nerfstudio, opengl_pose

OPENCV_POSE = [[1, 0, 0, 0.5], [0, 0, 1, -2.0], [0, -1, 0, 0.25], [0, 0, 0, 1]]
"""`OPENGL_POSE` by hand: y and z of the camera reversed; it looks along +y of the world, its y down."""


def rewrite(file: Path, **keys: Any) -> None:
    """Keys of a JSON file replaced, or left out where None."""
    meta = json.loads(file.read_text()) | keys
    file.write_text(json.dumps({key: value for key, value in meta.items() if value is not None}))


class TestBlender:
    def test_axes_focal_length_and_centre(self, tmp_path: Path) -> None:
        recording = load(blender(tmp_path / "scene"))
        frames = recording.frames
        assert frames is not None
        assert (len(recording.events), recording.origin_us, frames.t_us) == (0, 0, None)
        np.testing.assert_allclose(frames.T_world_camera[0], OPENCV_POSE, atol=1e-12)
        camera = recording.calibrated
        assert camera.fx == camera.fy == pytest.approx(WIDTH / 2 / np.tan(0.6911112070083618 / 2))
        assert (camera.cx, camera.cy) == ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
        assert camera.project(np.array([[0.0, 0.0, 1.0]]))[0] == pytest.approx([3.5, 2.5])

    def test_alpha_lies_over_white_and_values_are_for_display(self, tmp_path: Path) -> None:
        scene = blender(tmp_path / "scene")
        picture = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
        picture[0, 0] = (200, 100, 0, 255)
        iio.imwrite(scene / "train" / "r_0.png", picture)
        frames = load(scene).frames
        assert frames is not None
        np.testing.assert_allclose(frames.image[0, 0, 0] * 256, [200.5, 100.5, 0.5])
        np.testing.assert_allclose(frames.image[0, 1:] * 256, 255.5)
        assert frames.color_space == "display"

    def test_test_views_are_held_out_else_validation_views(self, tmp_path: Path) -> None:
        scene = blender(tmp_path / "scene")
        recording = load(scene)
        assert recording.frames is not None
        assert recording.heldout is not None
        assert (len(recording.frames), len(recording.heldout)) == (VIEWS, 2)
        (scene / "transforms_test.json").unlink()
        recording = load(scene)
        assert recording.heldout is not None
        assert len(recording.heldout) == 1
        assert any("validation views" in note for note in recording.notes)
        assert load(scene, heldout=False).heldout is None

    def test_the_real_lego(self, shared_data: Path) -> None:
        recording = load(shared_data / "nerf_lego_100px")
        assert find(shared_data / "nerf_lego_100px") == "blender"
        frames = recording.frames
        assert frames is not None
        assert frames.image.shape == (100, 100, 100, 3)
        assert recording.calibrated.fx == pytest.approx(138.88888)
        centres = frames.T_world_camera[:, :3, 3]
        np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 4.031, atol=1e-3)
        # Every camera looks at the middle of the scene, and from above.
        towards = -centres / np.linalg.norm(centres, axis=1, keepdims=True)
        assert (np.einsum("nd,nd->n", frames.T_world_camera[:, :3, 2], towards) > 0.999).all()
        assert (frames.T_world_camera[:, 2, 1] < 1e-6).all()


class TestNerfstudio:
    def test_half_a_pixel_lens_and_axes(self, tmp_path: Path) -> None:
        recording = load(nerfstudio(tmp_path / "scene"))
        camera, frames = recording.calibrated, recording.frames
        assert frames is not None
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (9.0, 9.5, 3.5, 2.5)
        assert (camera.distortion_model, camera.distortion) == ("plumb_bob", (0.05, -0.01, 0.001, -0.002))
        np.testing.assert_allclose(frames.T_world_camera[0] - OPENCV_POSE, [[0, 0, 0, 0.1]] + [[0] * 4] * 3, atol=1e-12)
        assert any("point cloud" in note for note in recording.notes)

    @pytest.mark.parametrize(
        ("keys", "model", "lens"),
        [
            ({"k3": 0.5}, "plumb_bob", (0.05, -0.01, 0.001, -0.002, 0.5)),
            ({"camera_model": "OPENCV_FISHEYE", "p1": 0, "p2": 0, "k3": 0.003, "k4": 0.0004}, "equidistant",
             (0.05, -0.01, 0.003, 0.0004)),
            ({"k1": 0, "k2": 0, "p1": 0, "p2": 0}, "none", ()),
        ],
    )  # fmt: skip
    def test_lenses(self, tmp_path: Path, keys: dict[str, Any], model: str, lens: tuple[float, ...]) -> None:
        scene = nerfstudio(tmp_path / "scene")
        rewrite(scene / "transforms.json", **keys)
        camera = load(scene).calibrated
        assert (camera.distortion_model, camera.distortion) == (model, lens)

    def test_every_eighth_view_is_held_out_or_those_that_are_named(self, tmp_path: Path) -> None:
        scene = nerfstudio(tmp_path / "scene")
        recording = load(scene, heldout_every=2)
        assert recording.heldout is not None
        assert recording.heldout.names == ("frame_00001.png", "frame_00003.png", "frame_00005.png")
        assert load(scene, heldout_every=0).heldout is None
        rewrite(scene / "transforms.json", test_filenames=["images/frame_00002.png"])
        recording = load(scene)
        assert recording.heldout is not None
        assert recording.heldout.names == ("frame_00002.png",)

    def test_each_frame_may_have_its_own_intrinsics_and_size(self, tmp_path: Path) -> None:
        scene = nerfstudio(tmp_path / "scene")
        frames = json.loads((scene / "transforms.json").read_text())["frames"]
        rewrite(scene / "transforms.json", fl_x=None, frames=[frame | {"fl_x": 10.0} for frame in frames])
        assert load(scene).calibrated.fx == 10.0
        frames = [frame | {"fl_x": 10.0 + i} for i, frame in enumerate(frames)]
        rewrite(scene / "transforms.json", frames=frames)
        recording = load(scene, heldout_every=0)
        assert recording.frames is not None
        assert [camera.fx for camera in recording.frames.camera_of_each] == [10.0, 11.0, 12.0, 13.0, 14.0]
        images_in(scene / "images", ["frame_00002.png"], size=(5, 7))
        frames[1] |= {"w": 5, "h": 7, "cx": 2.5, "cy": 3.5}
        rewrite(scene / "transforms.json", frames=frames)
        views = load(scene, heldout_every=0).frames
        assert views is not None
        assert views.sizes.tolist() == [[HEIGHT, WIDTH], [7, 5], *[[HEIGHT, WIDTH]] * 3]
        assert (views.camera_of_each[1].cx, views.images[1].shape) == (2.0, (7, 5, 3))

    @pytest.mark.parametrize("held", [3, 6, 8])
    def test_exif_orientations_apply_where_the_size_says_so(self, held: int, tmp_path: Path) -> None:
        from PIL import Image

        scene = nerfstudio(tmp_path / "scene")
        meta = json.loads((scene / "transforms.json").read_text())
        upright = np.tile(np.linspace(0, 255, WIDTH, dtype=np.uint8), (HEIGHT, 1))
        turns = {3: 2, 6: 1, 8: 3}[held]  # how the stored pixels are turned, counterclockwise
        exif = Image.Exif()
        exif[0x0112] = held
        for frame in meta["frames"]:
            name = (scene / frame["file_path"]).with_suffix(".png")
            Image.fromarray(np.rot90(upright, turns)).save(name, exif=exif)
        recording = load(scene, heldout_every=0)
        assert recording.frames is not None
        expected = upright if held > 4 else upright[::-1, ::-1]  # half a turn fits the size as stored
        np.testing.assert_allclose(recording.frames.images[0][..., 0] * 256 - 0.5, expected, atol=1e-4)
        said = "5 images were rotated by their EXIF" if held > 4 else "5 images have an EXIF orientation that was not"
        assert any(note.startswith(said) for note in recording.notes)
        rewrite(scene / "transforms.json", w=WIDTH + 1)
        with pytest.raises(InputError, match=rf"its camera {WIDTH + 1} x {HEIGHT}; scale images"):
            load(scene)

    def test_the_transform_of_nerfstudio_can_be_undone(self, tmp_path: Path) -> None:
        scene = nerfstudio(tmp_path / "scene")
        recording = load(scene, undo_applied_transform=True)
        assert recording.frames is not None
        np.testing.assert_allclose(recording.frames.T_world_camera[0, :3, 3], [-2.0, 0.6, -0.25], atol=1e-12)

    def test_the_real_fox(self, shared_data: Path) -> None:
        recording = load(shared_data / "nerf_fox_270x480")
        camera, frames, heldout = recording.calibrated, recording.frames, recording.heldout
        assert frames is not None
        assert heldout is not None
        assert (len(frames), len(heldout), heldout.names[:2]) == (43, 7, ("0001.jpg", "0012.jpg"))
        assert frames.image.shape[1:] == (480, 270, 3)
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (343.88, 343.6225, 138.1395, 240.817)
        assert camera.distortion == (0.0578421, -0.0805099, -0.000980296, 0.00015575)
        # By hand from the first frame: OpenGL's columns y and z, reversed.
        down, forward = [-0.08799600, 0.03675452, -0.99544252], [-0.44209003, 0.89406891, 0.07209178]
        np.testing.assert_allclose(heldout.T_world_camera[0, :3, 1:3].T, [down, forward], atol=1e-6)


class TestLlff:
    def test_columns_are_down_right_back(self, tmp_path: Path) -> None:
        scene = llff(tmp_path / "scene")
        recording = load(scene, heldout_every=0)
        frames, camera = recording.frames, recording.calibrated
        assert frames is not None
        np.testing.assert_allclose(frames.T_world_camera[1], [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        assert (camera.width, camera.height, camera.fx, camera.cx, camera.cy) == (16, 12, 18.0, 7.5, 5.5)
        assert "Depths of the scene lie from 1.5 to 8 world units." in recording.notes

    def test_reduced_images_have_a_reduced_camera(self, tmp_path: Path) -> None:
        scene = llff(tmp_path / "scene")
        camera = load(scene, factor=2).calibrated
        assert (camera.width, camera.height, camera.fx, camera.fy, camera.cx) == (8, 6, 9.0, 9.0, 3.5)
        assert any("images_2" in note for note in load(scene).notes)
        with pytest.raises(InputError, match="existing factors: 1, 2"):
            load(scene, factor=4)

    def test_the_first_of_every_eight_is_held_out(self, tmp_path: Path) -> None:
        recording = load(llff(tmp_path / "scene"))
        assert recording.heldout is not None
        assert recording.heldout.names == ("IMG_4026.png",)

    def test_images_and_poses_must_be_as_many(self, tmp_path: Path) -> None:
        scene = llff(tmp_path / "scene")
        images_in(scene / "images", ["another.png"], size=(16, 12))
        with pytest.raises(InputError, match="holds 6 images"):
            load(scene)


@pytest.mark.parametrize(("write", "file"), [(blender, "transforms_train.json"), (nerfstudio, "transforms.json")])
def test_cut_anywhere_json_is_one_clear_line(tmp_path: Path, write: Any, file: str) -> None:
    scene = write(tmp_path / "scene")
    whole = (scene / file).read_bytes()
    for end in range(0, len(whole) - 1, 23):
        (scene / file).write_bytes(whole[:end])
        with pytest.raises(InputError, match=file):
            load(scene, write.__name__)


@pytest.mark.parametrize("value", [None, "x", [], {}, -1, 0, float("nan"), 1e400, True, [[1]], 10**400])
@pytest.mark.parametrize("key", ["fl_x", "cx", "w", "k1", "camera_model", "frames", "camera_angle_x", "test_filenames"])
def test_no_value_of_a_key_is_more_than_one_line(tmp_path: Path, key: str, value: Any) -> None:
    scene = nerfstudio(tmp_path / "scene")
    meta = json.loads((scene / "transforms.json").read_text()) | {key: value}
    (scene / "transforms.json").write_text(json.dumps(meta))
    try:
        load(scene, "nerfstudio")
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_poses_that_are_no_rotations_are_refused(tmp_path: Path) -> None:
    scene = nerfstudio(tmp_path / "scene")
    frames = json.loads((scene / "transforms.json").read_text())["frames"]
    scaled = np.array(opengl_pose(0)) * 2
    rewrite(scene / "transforms.json", frames=[frames[0] | {"transform_matrix": scaled.tolist()}, *frames[1:]])
    with pytest.raises(InputError, match="not a rotation"):
        load(scene)
