"""The box of a scene: where it is sought, in what order, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.recordings.recording import Recording, Views
from efields.scene_box import find_box
from efields.scene_box.bounds import box_of_points, box_seen, points_of_depth
from efields.scene_box.viewpoints import viewpoints
from tests.scene_box.dots import CAMERA, dots, held_in_a_hand, recording, sliding
from tests.tiny import tiny_recording

NEAREST, FARTHEST = 3.0, 8.0
MOTIONS = {
    "sideways": ((0.6, 0.0, 0.0), 0.0),
    "sideways and turning": ((0.6, 0.1, 0.0), 0.1),
    "forward": ((0.0, 0.0, 1.2), 0.0),
    "forward, as a vehicle": ((0.1, 0.0, 1.5), 0.05),
    "slanting": ((0.4, 0.0, 0.6), 0.05),
}


def found(recording: Recording) -> tuple[Box, str]:
    seen = viewpoints(recording)
    assert seen is not None
    box = find_box(recording, *seen, recording.frames)
    return box.box, box.sentence


def contains(box: Box, points: np.ndarray) -> float:
    """Share of points in a box."""
    return float(((points >= box.lo) & (points <= box.hi)).all(axis=1).mean())


@pytest.mark.parametrize(
    ("motion", "scale", "far"),
    [
        *((motion, 1.0, 0.0) for motion in MOTIONS),
        ("slanting", 1e-3, 0.0),
        ("slanting", 1e5, 0.0),
        ("slanting", 1, 5e6),
    ],
)
def test_the_parallax_of_events_shows_how_far_the_scene_is(motion: str, scale: float, far: float) -> None:
    way, turn = MOTIONS[motion]
    points, poses = scale * dots(NEAREST, FARTHEST), sliding(tuple(scale * np.array(way)), turn)
    poses[:, :3, 3] += far
    box, sentence = found(recording(points + far, poses))
    assert "by the parallax of events" in sentence
    assert ("far from zero" in sentence) == (far > 0)
    assert contains(box, points + far) > 0.85
    assert box.lo[2] - far == pytest.approx(0.9 * scale * NEAREST, abs=scale)
    assert box.hi[2] - far == pytest.approx(1.2 * scale * FARTHEST, rel=0.35)


@pytest.mark.parametrize("seed", range(3))
def test_a_camera_in_a_hand_circles_nothing(seed: int) -> None:
    points = dots(NEAREST, FARTHEST)
    box, sentence = found(recording(points, held_in_a_hand(seed)))
    assert "by the parallax of events" in sentence
    assert contains(box, points) > 0.8


@pytest.mark.parametrize(("way", "turn"), [((0.004, 0.0, 0.0), 0.2), ((0.0, 0.0, 0.0), 0.3)])
def test_a_camera_that_hardly_moves_is_told_what_to_give(way: tuple[float, float, float], turn: float) -> None:
    with pytest.raises(InputError, match=r"too little parallax.*--box=x0,y0,z0,x1,y1,z1"):
        found(recording(dots(NEAREST, FARTHEST), sliding(way, turn)))


def test_what_is_given_comes_first_then_the_recording_then_what_the_camera_circles() -> None:
    whole = tiny_recording(size=24, frames=60)
    assert whole.trajectory is not None
    given = find_box(whole, whole.trajectory, whole.calibrated, given=((1.0, 2.0, 3.0), (0.0, 0.0, 0.0)))
    assert (given.box, given.source) == (Box((0, 0, 0), (1, 2, 3)), "as given")
    assert found(whole)[0] == whole.box
    circled, sentence = found(replace(whole, box=None, points=np.full((50, 3), 100.0)))
    np.testing.assert_allclose(circled.center, 0.0, atol=0.1)
    assert "all cameras look at" in sentence


def posed(depth: np.ndarray | None = None, points: np.ndarray | None = None) -> Recording:
    """Images of a camera that moves sideways, without events."""
    poses = sliding((0.6, 0.0, 0.0))[::20]
    views = Views.stacked(
        np.zeros((len(poses), CAMERA.height, CAMERA.width, 1), np.float32), poses, CAMERA,
        tuple(map(str, range(len(poses)))), depth=depth,
    )  # fmt: skip
    none = recording(dots(3.0, 4.0, 40), sliding((0.6, 0.0, 0.0)))
    return replace(none, events=none.events[:0], trajectory=None, frames=views, points=points)


def test_depth_maps_and_points_show_where_the_scene_is_and_outliers_do_not() -> None:
    depth = np.full((3, CAMERA.height, CAMERA.width), 5.0, np.float32)
    depth[:, :10], depth[:, 10:20], depth[0, 40, 40] = np.inf, np.nan, 1e6
    box, sentence = found(posed(depth))
    assert "depth maps of the frames" in sentence
    assert 3.5 < box.lo[2] < 5.0 < box.hi[2] < 6.0
    scene = np.random.default_rng(1).uniform((-1, -2, 4), (3, 2, 9), (5000, 3))
    scene[:20] = 1e4
    box, sentence = found(posed(points=scene))
    assert "points of the reconstruction" in sentence
    np.testing.assert_allclose([box.lo, box.hi], [(-1.5, -2.5, 3.5), (3.5, 2.5, 9.5)], atol=0.15)
    with pytest.raises(InputError, match=r"do not show where the scene is.*--box="):
        found(posed())


def test_points_of_a_depth_map_lie_where_its_rays_end() -> None:
    depth = np.full((3, CAMERA.height, CAMERA.width), np.float32(2.0))
    views = posed(depth).frames
    assert views is not None
    points = points_of_depth(views).reshape(3, -1, 3)
    np.testing.assert_allclose(np.linalg.norm(points - views.T_world_camera[:, None, :3, 3], axis=2), 2.0)
    assert Box((5, 5, 5), (6, 6, 6)).about((5, 5, 5)) == Box((0, 0, 0), (1, 1, 1))
    assert box_of_points(np.ones((4, 3))).diagonal > 0


def test_the_sentence_has_the_digits_that_the_box_needs_and_says_what_numbers_count_from() -> None:
    whole = tiny_recording(size=24, frames=60)
    assert whole.trajectory is not None
    far = ((500000.25, 5400000.5, 120.0), (500002.25, 5400003.5, 121.0))
    sentence = find_box(whole, whole.trajectory, whole.calibrated, given=far).sentence
    assert sentence == (
        "The field's box spans (500000.250, 5400000.500, 120.000) to (500002.250, 5400003.500, 121.000): "
        "as given. It is far from zero: internally, positions are relative to (500000.000, 5400000.000, 120.000)."
    )


def test_a_wide_lens_has_a_box_as_wide_as_it_is_deep() -> None:
    wide = Camera(64, 64, 20.0, 20.0, 31.5, 31.5, "equidistant", (0.0, 0.0, 0.0, 0.0))  # 90 degrees off the axis
    path = recording(dots(3.0, 4.0, 40), sliding((0.6, 0.0, 0.0))).trajectory
    assert path is not None
    box = box_seen(path, wide, np.array([0.5]), 1.0, 10.0)
    np.testing.assert_allclose((box.lo, box.hi), [(-24, -24, 0.9), (24, 24, 12)], atol=0.1)
