"""What warping by an estimate does to the image of events, in the middle of the time."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from efields.backends.reference import Backend
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.contrast import MARGIN, image_of_warped_events
from efields.motion.flow import Flow
from efields.motion.motion import Motion
from efields.motion.window import EventWindow, window_of
from efields.motion.window_rotation import rotated


def sharpened(
    events: EventStream, camera: Camera, motion: Motion, flow: Flow | None, backend: Backend
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Images of the events of the middle window as they are and warped to its middle, in counts."""
    middle = len(motion) // 2
    count = int(motion.events[middle])
    centre = int(np.searchsorted(events.t_us, motion.t_us[middle]))
    first = max(min(centre - count // 2, len(events) - count), 0)
    window = window_of(events[first : first + count], camera)
    if flow is None:
        w = torch.from_numpy(motion.at(np.array([window.middle_us]))[0]).float()
        warped = rotated(window.bearing, window.t_s, w)
    else:
        warped = _carried(window, flow)
    inner = slice(MARGIN, -MARGIN)
    images = (image_of_warped_events(places, window.camera, backend) for places in (window.bearing, warped))
    before, after = (image[inner, inner].numpy() for image in images)
    return before, after


def _carried(window: EventWindow, flow: Flow) -> Float[Tensor, "n 2"]:
    """Places of a window's events, each moved by its flow to the window's middle, a group of like times together."""
    focal, centre = np.array([window.camera.fx, window.camera.fy]), np.array([window.camera.cx, window.camera.cy])
    pixel = window.bearing.numpy() * focal + centre
    t_us = window.middle_us + np.rint(window.t_s.numpy().astype(np.float64) * 1e6).astype(np.int64)
    moved = pixel.copy()
    for part in np.array_split(np.argsort(t_us, kind="stable"), 32):
        if len(part):
            moved[part] += flow.displacement(int(t_us[part].mean()), window.middle_us, pixel[part])
    return torch.from_numpy(((moved - centre) / focal).astype(np.float32))
