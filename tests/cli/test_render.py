"""`efields render`: paths fitted to the recording, files of poses, PNG and MP4 out, tones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from efields import cli
from efields.errors import InputError
from efields.export.flights import orbit_or_spiral, poses_from_file
from efields.export.video import depth_pictures, radiance_pictures, read_gauge
from efields.geometry.paths import look_at, orbit
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording
from efields.train import Run


def trajectory(poses: np.ndarray) -> Trajectory:
    quaternion = rotation_to_quaternion(torch.from_numpy(poses[:, :3, :3].copy())).numpy()
    return Trajectory.from_arrays(np.arange(len(poses)) * 1000, poses[:, :3, 3], quaternion)


def test_orbit_goes_round_what_the_cameras_looked_at() -> None:
    recorded = orbit((0.3, -0.2, 0.5), 4.0, 25.0, 60)
    flown = orbit_or_spiral(trajectory(recorded), "auto", 12)
    center = np.array([0.3, -0.2, 0.5])
    away = center - flown[:, :3, 3]
    distance = np.linalg.norm(away, axis=1)
    np.testing.assert_allclose(distance, 4.0, rtol=1e-3)
    np.testing.assert_allclose((away / distance[:, None] * flown[:, :3, 2]).sum(1), 1.0, atol=1e-3)
    np.testing.assert_allclose(flown[:, 2, 3], recorded[0, 2, 3], atol=0.02)


def test_spiral_sways_before_a_scene_that_was_seen_from_one_side() -> None:
    x = np.linspace(-0.1, 0.1, 30)
    position = np.stack([x, np.zeros(30), np.zeros(30)], axis=1)
    recorded = look_at(position, position + np.array([0, 0, 1.0]), (0.0, -1.0, 0.0))
    flown = orbit_or_spiral(trajectory(recorded), "auto", 20, distance=1.5)
    assert np.abs(flown[:, :3, 3]).max() < 0.1
    target = flown[:, :3, 3] + flown[:, :3, 2] * ((1.5 - flown[:, 2, 3]) / flown[:, 2, 2])[:, None]
    np.testing.assert_allclose(target, np.tile([0, 0, 1.5], (20, 1)), atol=1e-9)
    assert len(np.unique(flown[:, 0, 3].round(6))) > 5


def test_poses_from_tum_text(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("# t x y z qx qy qz qw\n0.0 1 2 3 0 0 0 1\n0.5 4 5 6 0 0 1 0\n")
    poses = poses_from_file(path)
    np.testing.assert_allclose(poses[:, :3, 3], [[1, 2, 3], [4, 5, 6]], atol=1e-9)
    np.testing.assert_allclose(poses[1, :3, :3], np.diag([-1.0, -1.0, 1.0]), atol=1e-9)


def test_poses_from_json_in_both_conventions(tmp_path: Path) -> None:
    ours = look_at([2.0, 0, 0], [0.0, 0, 0])
    (tmp_path / "a.json").write_text(json.dumps({"T_world_camera": [ours.tolist()]}))
    opengl = ours * np.array([1.0, -1.0, -1.0, 1.0])
    (tmp_path / "b.json").write_text(json.dumps({"frames": [{"transform_matrix": opengl.tolist()}]}))
    np.testing.assert_allclose(poses_from_file(tmp_path / "a.json")[0], ours)
    np.testing.assert_allclose(poses_from_file(tmp_path / "b.json")[0], ours)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "0 1 2 3 0 0 0\n", "line 1: its quaternion is not of unit length"),
        ("a.txt", "0 1 2 x 0 0 0 1\n", "line 1 is not a pose"),
        ("a.json", "{}", "no 4x4 poses"),
        ("a.json", "[[1, 2], [3, 4]]", "shape"),
        ("a.json", json.dumps([(2 * np.eye(4)).tolist()]), "not a rotation"),
        ("a.json", json.dumps([np.full((4, 4), np.nan).tolist()]), "NaN"),
    ],
)
def test_broken_poses_say_so(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        poses_from_file(tmp_path / name)


def test_auto_tone_exposes_each_channel_and_keeps_contrast() -> None:
    radiance = np.random.default_rng(0).uniform(0.1, 1.0, (2, 20, 20, 3)).astype(np.float32)
    plain = radiance_pictures(radiance)
    np.testing.assert_array_equal(plain, radiance_pictures(radiance * np.array([5.0, 0.3, 80.0], np.float32)))
    assert plain.dtype == np.uint8
    assert plain.max() == 255
    assert radiance_pictures(radiance[..., :1]).shape == (2, 20, 20, 3)


def test_depth_pictures_are_bright_near_and_black_where_nothing_is() -> None:
    depth = np.array([[[1.0, 2.0, np.inf]]])
    near, far, nothing = depth_pictures(depth)[0, 0].astype(int).sum(-1)
    assert near > far > nothing == 0
    assert (depth_pictures(np.full((1, 2, 2), np.inf)) == 0).all()


def test_png_folder_and_mp4(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--frames", "3", "--scale", "0.1", "--path", "orbit", "--json"]
    assert cli.main(["render", str(tiny_run.path), "--out", str(tmp_path / "png"), *flags]) == 0
    told = json.loads(capsys.readouterr().out)
    pictures = sorted((tmp_path / "png").glob("*.png"))
    assert [picture.name for picture in pictures] == ["00000.png", "00001.png", "00002.png"]
    assert iio.imread(pictures[0]).shape == (told["height"], told["width"], 3) == (26, 35, 3)
    assert cli.main(["render", str(tiny_run.path), "--out", str(tmp_path / "a.mp4"), "--show", "depth", *flags]) == 0
    assert iio.imread(tmp_path / "a.mp4").shape == (3, 26, 36, 3)  # H.264 takes even sizes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "png"]
    before = (tmp_path / "a.mp4").read_bytes()
    for name in ("png", "a.mp4"):
        capsys.readouterr()
        assert cli.main(["render", str(tiny_run.path), "--out", str(tmp_path / name), *flags]) == 2
        assert "exists already; replace it with --overwrite" in capsys.readouterr().err
    assert (tmp_path / "a.mp4").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "holiday.png").write_bytes(b"mine")
    flags = [*flags, "--frames", "1", "--overwrite"]
    assert cli.main(["render", str(tiny_run.path), "--out", str(tmp_path / "png"), *flags]) == 0
    assert cli.main(["render", str(tiny_run.path), "--out", str(tmp_path / "mine"), *flags]) == 2
    assert [path.name for path in (tmp_path / "png").iterdir()] == ["00000.png"]
    assert (tmp_path / "mine" / "holiday.png").read_bytes() == b"mine"


def test_films_without_a_name_get_one_that_is_free(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(tiny_run.path, tmp_path / "run")
    for _ in range(2):
        assert cli.main(["render", str(run), "--frames", "1", "--scale", "0.05", "--path", "orbit", "--json"]) == 0
        assert Path(json.loads(capsys.readouterr().out)["out"]).stat().st_size > 0
    assert sorted(path.name for path in (run / "renders").iterdir()) == ["orbit-2.mp4", "orbit.mp4"]


def test_rendering_follows_the_recording(tiny_run: Run, recording: Recording, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "png"), "--frames", "2", "--scale", "0.05", "--path", "recorded", "--json"]
    assert cli.main(["render", str(tiny_run.path), *out]) == 0
    assert len(list((tmp_path / "png").iterdir())) == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--path", "nowhere.txt"], "auto, orbit, spiral"),
        (["--tone", "gauge"], "efields evaluate"),
        (["--out", "film.avi", "--frames", "1", "--scale", "0.05"], "give an .mp4 file"),
        (["--frames", "0"], "--frames 0; give a number from 1"),
    ],
)
def test_wrong_flags_are_one_line(
    tiny_run: Run, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["render", str(tiny_run.path), *flags]) == 2
    error = capsys.readouterr().err.splitlines()
    assert said in error[-1]
    assert error[-1].startswith("efields: ")


def test_no_run_is_one_line(tiny_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(tiny_run.path.parent / "tinny")]) == 2
    assert "runs there: tiny" in capsys.readouterr().err


def test_the_gauge_of_an_evaluation_is_read_back(tmp_path: Path) -> None:
    from efields.evaluate import fit_gauge

    rng = np.random.default_rng(1)
    pred = rng.uniform(0.1, 1.0, (2, 8, 8, 3)).astype(np.float32)
    gauge = fit_gauge(pred, (0.5 * pred**1.1).astype(np.float32), "robust")
    (tmp_path / "metrics.json").write_text(json.dumps({"gauge": gauge.as_dict()}))
    np.testing.assert_allclose(read_gauge(tmp_path).apply(pred), 0.5 * pred**1.1, rtol=1e-3)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read_gauge(tmp_path)


def test_a_path_of_matrices_or_named_columns_is_that_of_tum_text(tmp_path: Path) -> None:
    (tmp_path / "tum.txt").write_text("1 1 2 3 0 0 0.6 0.8\n0 4 5 6 0 0 0 1\n")
    (tmp_path / "named.csv").write_text("qw,qx,qy,qz,x,y,z,t\n1,0,0,0,4,5,6,0\n0.8,0,0,0.6,1,2,3,1\n")
    (tmp_path / "kitti.txt").write_text("1 0 0 4 0 1 0 5 0 0 1 6\n0.28 -0.96 0 1 0.96 0.28 0 2 0 0 1 3\n")
    first, *others = (poses_from_file(tmp_path / name) for name in ("tum.txt", "named.csv", "kitti.txt"))
    assert isinstance(first, np.ndarray)
    np.testing.assert_allclose(first[:, :3, 3], [[4, 5, 6], [1, 2, 3]])
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-12)  # type: ignore[arg-type]
