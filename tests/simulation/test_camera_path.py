"""Camera paths travel at constant speed on their sphere; held-out views keep off them."""

from __future__ import annotations

import numpy as np
import pytest

from efields.errors import InputError
from efields.simulation.camera_path import CameraPath, HeldoutPath


@pytest.mark.parametrize("kind", ["orbit", "spiral", "wave"])
def test_paths_are_travelled_at_constant_speed_looking_at_the_target(kind: str) -> None:
    path = CameraPath(kind=kind, radius=3.0, revolutions=1.5, elevation_deg=(-20.0, 50.0), target=(0.1, 0.2, 0.3))  # type: ignore[arg-type]
    T = path.poses(np.linspace(0, path.duration_s, 801))
    offset = T[:, :3, 3] - np.array(path.target)
    np.testing.assert_allclose(np.linalg.norm(offset, axis=-1), 3.0)
    np.testing.assert_allclose(T[:, :3, 2], -offset / 3.0, atol=1e-12)
    step = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=-1)
    assert step.max() / step.min() < 1.02
    elevation = np.degrees(np.arcsin(offset[:, 2] / 3.0))
    low, high = (-20, -20) if kind == "orbit" else (-20, 50)
    assert elevation.min() == pytest.approx(low, abs=0.1)
    assert elevation.max() == pytest.approx(high, abs=0.1)


def test_a_spiral_starts_and_ends_where_it_should() -> None:
    path = CameraPath(kind="spiral", revolutions=2.25, radius=2.0, elevation_deg=(0.0, 60.0), start_deg=90.0)
    first, last = path.poses(np.array([0.0, path.duration_s]))[:, :3, 3]
    np.testing.assert_allclose(first, [0, 2, 0], atol=1e-9)
    np.testing.assert_allclose(last, [-1, 0, np.sqrt(3)], atol=1e-9)


def test_held_out_views_keep_off_the_path_and_within_reach() -> None:
    path = CameraPath(kind="spiral", radius=4.0, revolutions=2.0, elevation_deg=(-20.0, 60.0))
    views = HeldoutPath(count=40, separation_deg=6.0, reach_deg=16.0)
    T = views.poses(path)
    assert T.shape == (40, 4, 4)
    np.testing.assert_array_equal(T, views.poses(path))
    distance = np.linalg.norm(T[:, :3, 3], axis=-1)
    assert ((distance >= 0.95 * 4) & (distance <= 1.05 * 4)).all()
    direction = T[:, :3, 3] / distance[:, None]
    angle = np.degrees(np.arccos((direction @ path.direction(np.linspace(0, 1, 4000)).T).max(-1)))
    assert angle.min() > 5.99
    assert angle.max() < 16.05
    elevation = np.degrees(np.arcsin(direction[:, 2]))
    assert ((elevation >= -20) & (elevation <= 60)).all()
    azimuth = np.degrees(np.arctan2(direction[:, 1], direction[:, 0]))
    assert set(np.digitize(azimuth, [-180, -90, 0, 90])) == {1, 2, 3, 4}


def test_views_that_find_no_room_and_paths_without_length_are_refused() -> None:
    path = CameraPath(radius=4.0, revolutions=1.0, elevation_deg=(0.0, 10.0))
    with pytest.raises(InputError, match="no room for 40 views 80 to 90 degrees off"):
        HeldoutPath(separation_deg=80.0, reach_deg=90.0).poses(path)
    with pytest.raises(InputError, match="has no length"):
        CameraPath(kind="orbit", revolutions=0.0).poses(np.array([0.0]))
    with pytest.raises(InputError, match=r"elevation_deg.1. = 90; give a number from -89 to 89"):
        CameraPath(elevation_deg=(0.0, 90.0))
