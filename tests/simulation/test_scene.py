"""Scene files are read strictly, and the shipped ones are complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.cli._shipped import shipped_names, shipped_root
from efields.errors import InputError
from efields.simulation.cache import cache_folder, frames_key
from efields.simulation.free_path import FreePath
from efields.simulation.scene import ExpectedEvents, load_scene
from efields.simulation.shapes import SHAPES, Sphere
from tests.simulation.scenes import SPHERE, write_sphere


def scene_with(tmp_path: Path, old: str, new: str) -> Path:
    text = SPHERE.format(width=24, height=20, frames=5, radius=1.0, position=[0.0, 0.0, 0.0])
    assert old in text
    (tmp_path / "scene.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


def test_a_scene_is_read_from_its_file_or_folder(tmp_path: Path) -> None:
    scene = load_scene(write_sphere(tmp_path))
    assert scene == load_scene(tmp_path)
    assert isinstance(scene.shapes[0], Sphere)
    camera = scene.camera()
    assert (camera.cx, camera.cy) == (11.5, 9.5)
    assert camera.fx == camera.fy == pytest.approx(12 / np.tan(np.radians(20)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fov_deg", "fov_degrees", "did you mean 'fov_deg'"),
        ('kind = "sphere"', 'kind = "spere"', "unknown kind 'spere'; did you mean 'sphere'"),
        ('kind = "sphere"\n', "", r"shapes\[0\]: has no kind"),
        ("radius = 1.0\nposition", "radios = 1.0\nposition", "unknown key 'radios'; did you mean 'radius'"),
        ('material = "squares"', 'material = "square"', "material 'square' is not defined; did you mean 'squares'"),
        ('texture = "squares"', 'texture = "circles"', "texture 'circles' of material 'squares' is not defined"),
        ('kind = "constant"', 'kind = "lamp"', "unknown kind 'lamp'"),
        ('kind = "orbit"', 'kind = "orbits"', "did you mean 'orbit'"),
        ('[[lights]]\nkind = "constant"\nradiance = 1.0\n', "", "has no shapes or no lights"),
        ("[box]\nlo = [-1.1, -1.1, -1.1]\nhi = [1.1, 1.1, 1.1]\n", "", "missing key 'box'"),
        (
            "elevation_deg = [20.0, 20.0]",
            "elevation_deg = [20.0, 95.0]",
            r"path\.elevation_deg\[1\] = 95",
        ),
        ("[materials.squares]", "materials = 3\n[unused]", "unknown key|is not a table"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_scene(scene_with(tmp_path, old, new))


def test_a_missing_scene_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_scene(tmp_path / "scene.toml")


def test_a_base_is_taken_over_key_by_key(tmp_path: Path) -> None:
    base = load_scene(write_sphere(tmp_path / "a"))
    scene = load_scene(write_sphere(tmp_path / "b", 'name = "dim"\n[image]\nexposure = 0.1\n[sensor]\nc_pos = 0.3\n'))
    assert scene.name == "dim"
    assert (scene.image.exposure, scene.image.width, scene.sensor.c_pos) == (0.1, base.image.width, 0.3)
    assert scene.shapes == base.shapes
    (tmp_path / "b" / "base.toml").write_text('base = "scene.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match="is its own base"):
        load_scene(tmp_path / "b")


def test_a_mitsuba_file_is_found_beside_the_scene_and_excludes_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFIELDS_PLUGINS", "1")
    with pytest.raises(InputError, match=r"own\.xml: no such file"):
        load_scene(write_sphere(tmp_path, 'mitsuba_xml = "own.xml"\nshapes = []\n'))
    (tmp_path / "own.xml").write_text("<scene version='3.0.0'/>", encoding="utf-8")
    with pytest.raises(InputError, match="both mitsuba_xml and shapes"):
        load_scene(tmp_path)


def test_frames_are_kept_under_what_they_depend_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = frames_key(load_scene(write_sphere(tmp_path / "a")))
    same = "name = 'x'\n[image]\nexposure = 0.2\n[sensor]\nc_pos = 0.4\nrefractory_us = 9.0\n"
    assert frames_key(load_scene(write_sphere(tmp_path / "b", same))) == plain
    changes = (
        "[render]\nsamples = 4\n",
        "[sensor]\nbayer = 'RGGB'\n",
        "[path]\nradius = 5.0\n",
        "[textures.squares]\ntiles = [8, 5]\n",
    )
    keys = {frames_key(load_scene(write_sphere(tmp_path / f"c{k}", c))) for k, c in enumerate(changes)}
    assert len(keys | {plain}) == 5
    monkeypatch.setenv("EFIELDS_CACHE", str(tmp_path / "kept"))
    assert cache_folder() == tmp_path / "kept"
    monkeypatch.delenv("EFIELDS_CACHE")
    assert "efields" in str(cache_folder())


def test_kinds_that_differ_in_nothing_but_name_have_their_own_frames(tmp_path: Path) -> None:
    one = frames_key(load_scene(scene_with(tmp_path, 'kind = "diffuse"', 'kind = "diffuse"')))
    other = frames_key(load_scene(scene_with(tmp_path, 'kind = "diffuse"', 'kind = "plastic"')))
    assert one != other


def test_expected_events_have_a_tolerance() -> None:
    expected = ExpectedEvents(count=1000, tolerance=0.1)
    assert expected.holds(1100)
    assert expected.holds(900)
    assert not expected.holds(1101)


def test_every_kind_of_shape_has_a_mesh_in_the_world() -> None:
    for kind in SHAPES.values():
        mesh = kind("m", position=(1.0, 2.0, 3.0), rotation_deg=(0.0, 0.0, 90.0), scale=(2.0, 1.0, 1.0)).world_mesh()
        lo, hi = mesh.vertices.min(0), mesh.vertices.max(0)
        assert ((lo <= [1, 2, 3]) & (hi >= [1, 2, 3])).all()
        uv = mesh.uv.reshape(1, -1, 2)
        assert kind("m").points(uv).shape == (1, len(mesh.uv), 3)


def test_rotations_turn_about_x_then_y_then_z() -> None:
    bar = SHAPES["bar"]("m", rotation_deg=(90.0, 0.0, 90.0))
    far = bar.world_mesh().vertices[np.argmax(np.linalg.norm(bar.world_mesh().vertices, axis=-1))]
    np.testing.assert_allclose(far, [1, 0, 0], atol=0.06)  # z goes to -y, and that to x


@pytest.mark.parametrize("name", shipped_names("scenes"))
def test_shipped_scenes_are_complete(name: str) -> None:
    scene = load_scene(shipped_root() / "scenes" / name)
    assert scene.name == name
    assert scene.description
    # A free path has no sphere on which views could be held out.
    count = 0 if isinstance(scene.path, FreePath) else 40
    assert scene.heldout.count == count
    assert scene.heldout.poses(scene.path).shape == (count, 4, 4)
    assert scene.render.max_motion_px <= 0.6
    assert scene.render.samples_heldout >= 2 * scene.render.samples
    assert scene.expected_events is not None
    lo, hi = np.array(scene.box.lo), np.array(scene.box.hi)
    for shape in scene.shapes:
        vertices = shape.world_mesh().vertices
        assert ((vertices >= lo - 1e-6) & (vertices <= hi + 1e-6)).all()
    assert (np.abs(scene.path.poses(np.array([0.0]))[0, :3, 3]) > hi).any(), "the camera stands in the box"
