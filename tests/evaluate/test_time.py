"""A field that moves is scored at the times of the views, and predicts events between both ends of a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from efields.evaluate import evaluate_views, heldout_psnr
from efields.evaluate.event_windows import compare_windows
from efields.events.stream import EventStream
from efields.export.document import background_of
from efields.recordings.recording import Views
from tests import moving

START_US = 5_000_000
"""Of the recording, on the sensor's clock."""


@pytest.fixture(scope="module")
def views() -> Views:
    """Four pictures in closed form, a quarter of a second apart."""
    model, t_s = moving.model(), np.array([0.0, 0.25, 0.5, 1.0])
    behind = float(background_of(model)(np.eye(3)[:1])[0, 0])
    images = [moving.exact(model.camera, moving.POSE, t, behind)[0][..., None] for t in t_s]
    t_us = START_US + np.rint(1e6 * t_s).astype(np.int64)
    poses = np.repeat(moving.POSE[None], 4, axis=0)
    return Views.stacked(np.stack(images).astype(np.float32), poses, model.camera, tuple("abcd"), t_us)


def test_views_are_scored_at_their_times(views: Views) -> None:
    renderer = moving.model().renderer
    scores = evaluate_views(renderer, views, "none").metrics["view_scores"]
    assert min(score["psnr"] for score in scores) > 45
    assert heldout_psnr(renderer, views, "none", 4) > 45
    timeless = evaluate_views(renderer, replace(views, t_us=None), "none").metrics["view_scores"]
    assert timeless[0]["psnr"] > 45 and max(score["psnr"] for score in timeless[1:]) < 25  # all as at the start


def test_a_window_is_predicted_between_its_two_times(views: Views) -> None:
    model, size = moving.model(), (views.camera.width, views.camera.height)
    one = EventStream.from_arrays([0], [0], [START_US + 1], [True], *size)
    # Pixels of the middle row: what the ball leaves brightens, where it arrives it darkens.
    predicted = compare_windows(model, one, [(START_US + 200_000, START_US + 800_000)]).predicted[0, 10]
    assert predicted[:12].max() > 1.0 and predicted[12:].min() < -1.0
