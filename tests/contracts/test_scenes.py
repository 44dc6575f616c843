"""Every scene that comes with efields loads without a renderer and says what a benchmark needs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from efields.cli._shipped import find_shipped, shipped_names, shipped_root
from efields.geometry.rays import Rays
from efields.simulation.free_path import FreePath
from efields.simulation.scene import Scene, load_scene

SCENES = shipped_names("scenes")
per_scene = pytest.mark.parametrize("name", SCENES)


def scene(name: str) -> Scene:
    return load_scene(find_shipped(name, "scenes"))


def test_every_folder_is_a_scene() -> None:
    folders = sorted(path.name for path in (shipped_root() / "scenes").iterdir() if path.is_dir())
    assert folders == SCENES
    assert set(SCENES) >= {"blob_white", "bricks", "chairlike", "lowlight"}


@per_scene
def test_it_says_what_it_is(name: str) -> None:
    found = scene(name)
    assert found.name == name
    assert found.description.endswith(".")
    assert found.shapes and found.lights
    # Scenes of motion have a free path: they are there for flow and have no views to hold out.
    assert found.heldout.count == (0 if isinstance(found.path, FreePath) else 40)
    assert found.render.max_motion_px <= 0.6
    assert found.render.samples_heldout > found.render.samples


@per_scene
def test_it_expects_a_number_of_events_and_does_not_take_any(name: str) -> None:
    expected = scene(name).expected_events
    assert expected is not None, "an [expected_events] table is missing"
    assert expected.count > 100_000
    assert 0 < expected.tolerance <= 0.1
    assert expected.holds(expected.count) and not expected.holds(2 * expected.count)


@per_scene
def test_cameras_stand_outside_the_box_and_see_it(name: str) -> None:
    found = scene(name)
    poses = torch.from_numpy(np.asarray(found.path.poses(np.linspace(0.0, found.path.duration_s, 50))))
    rays = Rays(poses[:, :3, 3], poses[:, :3, 2])
    near, far = found.box.intersect(rays)
    assert bool((far > near).all())
    unit = found.box.unit(rays.origin)
    assert not bool(((unit >= 0) & (unit <= 1)).all(dim=-1).any())


@pytest.mark.parametrize("name", [name for name in SCENES if name.startswith("motion_")])
def test_a_scene_of_motion_has_a_noisy_sensor_beside_it(name: str) -> None:
    clean, noisy = scene(name), load_scene(find_shipped(name, "scenes") / "noisy.toml")
    assert noisy.name == f"{name}_noisy"
    assert noisy.expected_events is not None
    assert noisy.expected_events.count > 100_000
    assert (noisy.path, noisy.shapes, noisy.render) == (clean.path, clean.shapes, clean.render)
    assert noisy.sensor.shot_noise_rate_hz > 0 and noisy.sensor.threshold_sigma > 0 and noisy.sensor.cutoff_hz > 0


@per_scene
def test_it_loads_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dataclasses.is_dataclass(scene(name))
