"""Mitsuba renders what our camera model says: pixels, depth, colours, and nothing twice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.paths import look_at
from efields.simulation import rendered
from efields.simulation.render import SceneRenderer, mitsuba_pose
from efields.simulation.rendered import RenderedScene, frame_times, rendered_scene
from efields.simulation.scene import load_scene
from tests.simulation.scenes import need_mitsuba, write_sphere


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_mitsuba()
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def sphere(folder: Path) -> SceneRenderer:
    """A unit sphere at the origin, 24 x 20 pixels."""
    return SceneRenderer(load_scene(write_sphere(folder / "sphere")))


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_CACHE", str(tmp_path / "cache"))


def test_mitsuba_looks_along_plus_z_with_x_to_the_left_and_y_up() -> None:
    T = look_at(np.array([4.0, 0, 0]), np.zeros(3))
    left, up, forward = mitsuba_pose(T)[:3, :3].T
    np.testing.assert_allclose(forward, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(up, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(left, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(mitsuba_pose(T)[:3, 3], [4, 0, 0])


def test_a_small_ball_appears_where_the_camera_projects_it(folder: Path) -> None:
    place = (0.55, -0.4, 0.35)
    black = "[image]\nbackground = [0.0, 0.0, 0.0]\n[materials.squares]\ntexture = ''\n"
    scene = load_scene(write_sphere(folder / "ball", black, width=48, height=36, radius=0.12, position=place))
    renderer = SceneRenderer(scene)
    for T in look_at(np.array([[4.0, 0.5, 1.0], [-1.0, 3.5, -0.8], [0.3, -3.0, 2.5]]), np.zeros(3)):
        expected = renderer.camera.project((np.array([place]) - T[:3, 3]) @ T[:3, :3])[0]
        bright = renderer.intensity(T, samples=64, seed=1)[..., 0].astype(np.float64)
        rows, columns = np.mgrid[: bright.shape[0], : bright.shape[1]]
        centroid = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
        np.testing.assert_allclose(centroid, expected, atol=0.06)
        hit = np.isfinite(renderer.depth(T))
        assert hit.sum() > 3
        np.testing.assert_allclose([columns[hit].mean(), rows[hit].mean()], expected, atol=0.3)


def test_depth_is_the_distance_along_the_unit_ray_to_the_sphere(sphere: SceneRenderer) -> None:
    T = look_at(np.array([2.5, 1.5, 1.0]), np.array([0.1, 0.0, 0.2]))
    bearings = sphere.camera.bearings()
    along = (bearings / np.linalg.norm(bearings, axis=-1, keepdims=True)) @ T[:3, :3].T
    middle = along @ T[:3, 3]
    rest = middle**2 - T[:3, 3] @ T[:3, 3] + 1
    expected = np.where(rest > 0, -middle - np.sqrt(np.maximum(rest, 0)), np.inf)
    depth = sphere.depth(T).ravel()
    inside = rest > 0.03  # the rim of the mesh is a polygon
    np.testing.assert_allclose(depth[inside], expected[inside], atol=2e-3)
    assert np.isinf(depth[rest < 0]).all()
    assert inside.sum() > 100
    assert (rest < 0).sum() > 20


ROOT = Path(__file__).resolve().parents[2]

SCALAR = """
import sys, numpy as np
from efields.simulation import mitsuba_probe, render, scene
mitsuba_probe.find_variant = lambda: mitsuba_probe.Variant(mitsuba_probe.SLOW)
renderer = render.SceneRenderer(scene.load_scene(sys.argv[1]))
assert renderer.mi.variant() == mitsuba_probe.SLOW
pose = renderer.scene.path.poses(np.array([0.1]))[0]
np.savez(sys.argv[2], depth=renderer.depth(pose), image=renderer.intensity(pose, 64, 1))
"""


def test_the_slow_variant_sees_the_same(folder: Path, sphere: SceneRenderer) -> None:
    out = folder / "scalar.npz"
    subprocess.run([sys.executable, "-c", SCALAR, str(folder / "sphere"), str(out)], check=True, cwd=ROOT)
    pose = sphere.scene.path.poses(np.array([0.1]))[0]
    with np.load(out) as slow:
        np.testing.assert_allclose(slow["depth"], sphere.depth(pose), rtol=1e-4)
        error = slow["image"] - sphere.intensity(pose, samples=64, seed=1)
    assert np.sqrt((error**2).mean()) < 0.02


def test_the_same_seed_gives_the_same_frame_and_another_does_not(sphere: SceneRenderer) -> None:
    T = sphere.scene.path.poses(np.array([0.1]))[0]
    first, again, other = (sphere.intensity(T, samples=4, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_background_and_luminance(sphere: SceneRenderer) -> None:
    T = sphere.scene.path.poses(np.array([0.0]))[0]
    mono = sphere.intensity(T, samples=16, seed=1)
    assert mono.shape == (20, 24, 1)
    away = np.isinf(sphere.depth(T))
    away[1:-1, 1:-1] &= away[2:, 1:-1] & away[:-2, 1:-1] & away[1:-1, 2:] & away[1:-1, :-2]
    np.testing.assert_allclose(mono[away], 0.9, atol=1e-6)
    bayer = replace(sphere.scene, sensor=replace(sphere.scene.sensor, bayer="RGGB"))
    colour = SceneRenderer(bayer).intensity(T, samples=16, seed=1)
    assert colour.shape == (20, 24, 3)
    np.testing.assert_allclose(colour @ [0.2126, 0.7152, 0.0722], mono[..., 0], rtol=1e-5)
    # A constant light of radiance 1 shows the reflectance itself: here red, green and blue of the second square.
    np.testing.assert_allclose(colour[7:13, 8:16].max((0, 1)), [0.7, 0.5, 0.3], rtol=0.1)


def test_textures_lie_the_right_way_round(folder: Path) -> None:
    """The first half of u is x < 0 and the first half of v is y < 0 on a plane."""
    for tiles, ends in (("[2, 1]", [[-0.5, 0, 0], [0.5, 0, 0]]), ("[1, 2]", [[0, -0.5, 0], [0, 0.5, 0]])):
        plane = "[[shapes]]\nkind = 'plane'\nmaterial = 'squares'\nsize = [2.0, 2.0]\n"
        texture = f"[textures.squares]\ntiles = {tiles}\npalette = [[0.1, 0.1, 0.1], [0.8, 0.8, 0.8]]\n"
        renderer = SceneRenderer(load_scene(write_sphere(folder / f"plane{tiles}", plane + texture)))
        T = look_at(np.array([0.3, -1.0, 4.0]), np.zeros(3))
        columns, rows = renderer.camera.project((np.array(ends) - T[:3, 3]) @ T[:3, :3]).round().astype(int).T
        dark, light = renderer.intensity(T, samples=16, seed=1)[rows, columns, 0]
        assert dark == pytest.approx(0.1, abs=0.02)
        assert light == pytest.approx(0.8, abs=0.05)


def test_every_light_and_material_renders(folder: Path) -> None:
    lights = (
        "[[lights]]\nkind = 'sky'\nzenith = 1.0\nhorizon = 0.0\nground = 0.0\n",
        "[[lights]]\nkind = 'sun'\ndirection = [0.0, 0.0, -1.0]\n",
        "[[lights]]\nkind = 'point'\nposition = [0.0, 0.0, 4.0]\n",
    )
    materials = ("diffuse", "plastic", "principled")
    for number, (light, material) in enumerate(zip(lights, materials, strict=True)):
        surface = (
            f"[materials.squares]\nkind = '{material}'\n" + ("roughness = 0.5\n" if number else "") + "texture = ''\n"
        )
        renderer = SceneRenderer(load_scene(write_sphere(folder / f"light{number}", light + surface)))
        T = look_at(np.array([4.0, 0.0, 0.0]), np.zeros(3))
        image = renderer.intensity(T, samples=16, seed=1)[..., 0]
        top, bottom = image[4:7, 11:13].mean(), image[13:16, 11:13].mean()
        assert top > 2 * bottom, f"{light}: light from above must light the upper half"


def test_the_path_integrator_adds_light_that_was_reflected(folder: Path) -> None:
    plane = "\n[[shapes]]\nkind = 'plane'\nmaterial = 'squares'\nsize = [6.0, 6.0]\nposition = [0.0, 0.0, -1.0]\n"
    both = "[[shapes]]\nkind = 'sphere'\nmaterial = 'squares'\n" + plane
    direct = load_scene(write_sphere(folder / "bounce", both))
    T = look_at(np.array([4.0, 0.0, 0.5]), np.zeros(3))
    bounced = replace(direct, render=replace(direct.render, integrator="path"))
    dim, bright = (SceneRenderer(s).intensity(T, samples=64, seed=1)[12:15, 11:13].mean() for s in (direct, bounced))
    assert bright > 1.02 * dim


def test_no_point_moves_more_than_allowed_between_frames(sphere: SceneRenderer) -> None:
    scene = replace(sphere.scene, render=replace(sphere.scene.render, frames=0, max_motion_px=0.4))
    t_s = frame_times(scene, sphere)
    assert (t_s[0], t_s[-1]) == (0, scene.path.duration_s)
    poses = scene.path.poses(t_s)
    motion = []
    for before, after in zip(poses[:-1:7], poses[1::7], strict=True):
        points, _ = sphere.visible_points(before, across=20)
        seen = [sphere.camera.project((points - T[:3, 3]) @ T[:3, :3]) for T in (before, after)]
        motion.append(np.linalg.norm(seen[1] - seen[0], axis=-1).max())
    assert max(motion) < 0.43
    assert max(motion) > 0.3


def test_a_camera_that_sees_nothing_move_is_refused(sphere: SceneRenderer) -> None:
    away = replace(sphere.scene.path, target=(50.0, 0.0, 0.0))
    scene = replace(sphere.scene, path=away, render=replace(sphere.scene.render, frames=0))
    with pytest.raises(InputError, match="nothing moves in the image"):
        frame_times(scene, sphere)


@pytest.mark.usefixtures("_own_cache")
def test_frames_are_rendered_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scene = load_scene(write_sphere(folder / "cached", frames=4))
    stages: list[tuple[str, int, int]] = []
    first = rendered_scene(scene, lambda *at: stages.append(at))
    assert stages == [("frames", k, 4) for k in (1, 2, 3, 4)] + [("held-out views", k, 3) for k in (1, 2, 3)]
    assert first.frames.dtype == np.float16
    assert first.frames.shape == (4, 20, 24, 1)
    assert isinstance(first.frames, np.memmap)
    assert first.depth.shape == (3, 20, 24)

    def never(scene: object) -> SceneRenderer:
        raise AssertionError("rendered again")

    with monkeypatch.context() as patched:
        patched.setattr(rendered, "SceneRenderer", never)
        again = rendered_scene(replace(scene, name="other", sensor=replace(scene.sensor, c_pos=0.4)))
    assert_same(first, again)
    kept = replace(first, frames=np.array(first.frames))
    (file := rendered.frames_folder(scene) / "frames.npy").unlink()
    file.write_bytes(b"cut short")
    assert_same(kept, rendered_scene(scene))
    assert "are damaged" in caplog.text


@pytest.mark.usefixtures("_own_cache")
def test_a_rendering_that_stops_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = load_scene(write_sphere(folder / "stopped", frames=5))

    def stop(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rendered_scene(scene, stop)
    assert list(rendered.frames_folder(scene).parent.iterdir()) == []


def assert_same(one: RenderedScene, other: RenderedScene) -> None:
    for name in ("frames", "t_s", "heldout", "depth"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


XML = """<scene version="3.0.0">
  <integrator type="direct"/>
  <shape type="sphere"><bsdf type="diffuse"/></shape>
  <emitter type="constant"/>
</scene>"""


def test_a_scene_of_the_users_own(folder: Path, sphere: SceneRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_PLUGINS", "1")
    own = "mitsuba_xml = 'own.xml'\nshapes = []\nlights = []\n"
    (folder / "xml").mkdir()
    (folder / "xml" / "own.xml").write_text(XML, encoding="utf-8")
    text = write_sphere(folder / "xml").read_text(encoding="utf-8")
    (folder / "xml" / "scene.toml").write_text(own + text.split("[[shapes]]")[0], encoding="utf-8")
    renderer = SceneRenderer(load_scene(folder / "xml"))
    T = look_at(np.array([4.0, 1.0, 0.5]), np.zeros(3))
    ours, theirs = sphere.depth(T), renderer.depth(T)
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.sum() > 100
    np.testing.assert_allclose(ours[both], theirs[both], atol=0.02)
    assert renderer.intensity(T, samples=16, seed=1)[10, 12, 0] == pytest.approx(0.5, abs=0.1)
    (folder / "xml" / "own.xml").write_text("<scene version='3.0.0'><shape type='nonsense'/></scene>", encoding="utf-8")
    with pytest.raises(InputError, match=r"own\.xml: Mitsuba cannot read it"):
        SceneRenderer(load_scene(folder / "xml"))
