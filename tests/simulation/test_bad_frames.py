"""What the event camera refuses, in one line each."""

from __future__ import annotations

import numpy as np
import pytest

from efields.errors import InputError
from efields.simulation.event_camera import EventCamera, simulate_events

GREY = np.full((3, 2, 2), 0.5)
TIMES = np.array([0.0, 0.1, 0.2])


@pytest.mark.parametrize(
    ("frames", "t_s", "is_log", "message"),
    [
        (GREY, np.array([0.0, 0.2, 0.2]), False, "frame 2 does not come after"),
        (GREY, np.array([0.0, 0.2, 0.1]), False, "frame 2 does not come after"),
        (GREY, np.array([0.0, np.nan, 0.1]), False, "time of frame 1 is nan"),
        (GREY, np.array([0.0, 0.1]), False, "3 frames and 2 times"),
        (GREY, np.array([0.0, 0.1, 0.2, 0.3]), False, "3 frames and 4 times"),
        (GREY[:1], TIMES[:1], False, "at least two"),
        (GREY[:0], TIMES[:0], False, "at least two"),
        (np.where(np.arange(3)[:, None, None] == 1, np.nan, GREY), TIMES, False, "frame 1 holds NaN"),
        (np.where(np.arange(3)[:, None, None] == 1, np.inf, GREY), TIMES, True, "frame 1 holds NaN or inf"),
        (-GREY, TIMES, False, "negative intensity"),
        ([GREY[0], GREY[0][:1], GREY[0]], TIMES, False, "frame 1 is 2x1, the first is 2x2"),
        (np.zeros((3, 2, 2, 5)), TIMES, False, "shape (2, 2, 5)"),
    ],
)
def test_bad_frames_are_told_in_one_line(frames: np.ndarray, t_s: np.ndarray, is_log: bool, message: str) -> None:
    with pytest.raises(InputError) as error:
        simulate_events(frames, t_s, EventCamera(), is_log=is_log)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"c_pos": 0.0}, "c_pos = 0; give a number from 0.01 to 100"),
        ({"c_neg": -0.2}, "c_neg = -0.2; "),
        ({"c_pos": float("nan")}, "c_pos = nan; "),
        ({"refractory_us": -1.0}, "refractory_us = -1; "),
        ({"refractory_mode": "wait"}, "choose hold, delay or drop"),
        ({"bayer": "RGB"}, "unknown bayer pattern 'RGB'"),
        ({"hot_pixel_share": 1.5}, "hot_pixel_share = 1.5; give a number from 0 to 1"),
        ({"log_eps": 0.0}, "log_eps = 0; give a number above 0"),
        ({"seed": -1}, "seed = -1; "),
    ],
)
def test_bad_settings_are_told_in_one_line(settings: dict, message: str) -> None:
    with pytest.raises(InputError) as error:
        EventCamera(**settings)
    assert message in str(error.value)


def test_a_filter_needs_colours() -> None:
    with pytest.raises(InputError, match="no colours"):
        simulate_events(GREY, TIMES, EventCamera(bayer="RGGB"))
