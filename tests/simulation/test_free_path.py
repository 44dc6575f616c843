"""Scenes with a free camera path and moving shapes: read strictly, rendered where they are, kept with their truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.simulation.free_path import FreePath, Shake
from efields.simulation.motion_truth import load_truth, save_truth
from efields.simulation.render import SceneRenderer
from efields.simulation.scene import load_scene
from efields.simulation.simulate import simulate_scene
from tests.simulation.scenes import need_mitsuba

SCENE = """
name = "passing"

[image]
width = 32
height = 24
fov_deg = 50.0
background = [0.5, 0.5, 0.5]

[render]
samples = 4
frames = 13
frames_recorded = 2

[path]
kind = "free"
duration_s = 0.1
position = [0.0, -4.0, 0.0]
velocity = [0.6, 0.0, 0.0]
truth_rate_hz = 50.0

[[path.shakes]]
frequency_hz = 5.0
rotation_deg = [0.0, 0.5, 0.0]

[heldout]
count = 0

[box]
lo = [-3.0, -1.0, -3.0]
hi = [3.0, 1.1, 3.0]

[[shapes]]
kind = "plane"
material = "squares"
size = [9.0, 9.0]
position = [0.0, 1.0, 0.0]
rotation_deg = [90.0, 0.0, 0.0]

[[shapes]]
kind = "sphere"
material = "squares"
radius = 0.4
position = [-0.5, 0.0, 0.0]
velocity = [6.0, 0.0, 2.0]

[materials.squares]
kind = "diffuse"
texture = "squares"

[textures.squares]
kind = "checker"
resolution = 32
tiles = [12, 12]

[[lights]]
kind = "sun"
direction = [0.1, 1.0, -0.1]
irradiance = 2.0
"""


def write(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in SCENE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scene.toml").write_text(SCENE.replace(old, new, 1) if old else SCENE, encoding="utf-8")
    return folder


def test_a_free_path_is_read(tmp_path: Path) -> None:
    path = load_scene(write(tmp_path)).path
    assert isinstance(path, FreePath)
    assert path.shakes == (Shake(5.0, rotation_deg=(0.0, 0.5, 0.0)),)
    np.testing.assert_allclose(path.poses(np.array([0.0]))[0, :3, 2], [0, 1, 0], atol=1e-12)
    right, _ = path.motion(np.array([0.0]))
    np.testing.assert_allclose(right, [[0.6, 0, 0]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("truth_rate_hz", "truth_rate", "did you mean 'truth_rate_hz'"),
        ("frequency_hz", "frequency", "did you mean 'frequency_hz'"),
        (
            "duration_s = 0.1",
            "duration_s = 0.0",
            r"toml: path\.duration_s = 0; give a number above 0, up to 3600",
        ),
        ("position = [0.0, -4.0, 0.0]", "position = [0.0, 0.0, 0.0]", "position and target must differ"),
        ('kind = "free"', 'kind = "fre"', "unknown key|did you mean"),
        ("[path]\n", "[image.path]\n", "missing key 'path'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    if "[image.path]" in new:
        text = SCENE[: SCENE.index("[path]")] + SCENE[SCENE.index("[heldout]") :]
        tmp_path.mkdir(exist_ok=True)
        (tmp_path / "scene.toml").write_text(text, encoding="utf-8")
    else:
        write(tmp_path, old, new)
    with pytest.raises(InputError, match=message):
        load_scene(tmp_path)


def test_a_free_path_has_no_held_out_views(tmp_path: Path) -> None:
    scene = load_scene(write(tmp_path, "count = 0", "count = 3"))
    with pytest.raises(InputError, match="a free path has no held-out views"):
        scene.heldout.poses(scene.path)


def test_a_moving_shape_is_rendered_where_it_is(tmp_path: Path) -> None:
    need_mitsuba()
    renderer = SceneRenderer(load_scene(write(tmp_path)))
    pose = FreePath().poses(np.array([0.0]))[0]
    for t_s in (0.0, 0.1, 0.05):
        renderer.advance(t_s)
        centre = np.array([[-0.5 + 6.0 * t_s, 0.0, 2.0 * t_s]])
        expected = renderer.camera.project((centre - pose[:3, 3]) @ pose[:3, :3])[0]
        mover = renderer.mover(pose) == 1
        row, column = np.nonzero(mover)
        np.testing.assert_allclose([column.mean(), row.mean()], expected, atol=0.35)
        depth = renderer.depth(pose)
        assert 3.5 < depth[mover].min() < 3.7
        assert depth[~mover].min() > 4.9
        points, velocity = renderer.visible_points(pose, across=20)
        moving = velocity.any(axis=1)
        assert moving.any()
        np.testing.assert_array_equal(velocity[moving], np.tile([6.0, 0.0, 2.0], (moving.sum(), 1)))
        assert (np.linalg.norm(points[moving] - centre, axis=1) < 0.41).all()


def test_a_simulation_keeps_its_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_mitsuba()
    monkeypatch.setenv("EFIELDS_CACHE", str(tmp_path / "cache"))
    simulated = simulate_scene(write(tmp_path / "scene"))
    truth = simulated.truth
    assert truth is not None
    assert simulated.recording.heldout is None
    np.testing.assert_array_equal(truth.t_us, [0, 20000, 40000, 60000, 80000, 100000])
    assert truth.depth.shape == truth.mover.shape == (6, 24, 32)
    wall = truth.mover == 0
    forward = 1 / np.linalg.norm(truth.camera.bearings(), axis=1).reshape(24, 32)
    # The first camera looks straight at the wall, 5 units away.
    np.testing.assert_allclose((truth.depth * forward)[0][wall[0]], 5.0, rtol=1e-4)
    places = [np.nonzero(mover)[1].mean() for mover in truth.mover]
    assert (np.diff(places) > 0.5).all()
    assert len(simulated.recording.events) > 300
    save_truth(truth, tmp_path / "motion_truth.npz")
    again = simulate_scene(tmp_path / "scene").truth
    assert again is not None
    np.testing.assert_array_equal(again.depth, load_truth(tmp_path).depth)
