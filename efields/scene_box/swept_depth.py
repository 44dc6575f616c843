"""Distance of the scene, from events and known poses alone: a space sweep, as in EMVS.

An event is a ray in space. From a reference view, planes of constant depth are swept through the rays of nearby events:
where a plane meets an edge of the scene the rays meet, and their image on the plane is sharp. Source: Rebecq et al.,
EMVS: Event-based Multi-View Stereo, IJCV 2018, section 5; sharpness as local variance, Gallego et al., CVPR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64
from scipy.ndimage import uniform_filter

from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory

VIEWS = 5
"""Reference views along the trajectory."""
EVENTS_A_PIXEL = 2.0
"""Events of a reference view over the pixels of the sensor: edges then move by about ten pixels."""
MOST_EVENTS = 80_000
"""Events of a reference view at most; of more, an even share is taken."""
WIDTH = 160
"""Columns of the image on a plane, at most."""
PLANES_PX = np.concatenate((np.arange(0.0, 4.0, 0.25), np.arange(4.0, 12.0, 0.5), np.arange(12.0, 33.0, 1.0)))
"""Depths that are tried: those that move the fastest events by so many pixels of that image."""
PATCH, STRIDE = 9, 3
"""Edge of the patches in which sharpness is measured, and their distance, pixels of that image."""
LEAST_DENSITY, LEAST_PEAK = 0.2, 4.0
"""Events of a patch that counts over the mean, and sharpness at its depth over the median of all depths."""
LEAST_PX = 1.5
"""Movement, in pixels of the sensor, below which a depth is not told from infinity."""


@dataclass(frozen=True)
class SweptDepth:
    """Depths of the edges that a moving event camera saw; none where nothing was sharp anywhere."""

    depth: Float64[np.ndarray, " n"]
    """Distance along the axis of the reference view, world units, one for each patch with edges; it may be inf."""
    parallax_px: Float64[np.ndarray, " n"]
    """How far the fastest events of the same view moved for it, pixels of the sensor."""

    @property
    def tells(self) -> bool:
        """Whether most depths are told from infinity."""
        return len(self.depth) > 0 and float(np.median(self.parallax_px)) >= LEAST_PX

    @property
    def reach(self) -> tuple[float, float]:
        """The nearest and the farthest depth of all but a few outliers, as far as depths can be told."""
        told = self.depth[self.parallax_px >= LEAST_PX]
        nearest, farthest = np.percentile(told, (3.0, 96.0))
        return float(nearest), float(farthest)


def swept_depth(events: EventStream, trajectory: Trajectory, camera: Camera) -> SweptDepth:
    """Depths of a scene from events that poses cover, by sweeping a few reference views."""
    count = min(len(events), int(EVENTS_A_PIXEL * camera.pixels))
    starts = np.unique(np.linspace(0, len(events) - count, VIEWS).astype(np.int64))
    found = [_swept_view(events[int(start) : int(start) + count], trajectory, camera) for start in starts]
    depth, parallax = (np.concatenate(column) for column in zip(*found, strict=True))
    return SweptDepth(depth, parallax)


def _swept_view(
    events: EventStream, trajectory: Trajectory, camera: Camera
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Depths of patches of the view in the middle of some events, and the parallax in pixels that told each."""
    none = np.zeros(0), np.zeros(0)
    at_infinity, slope, forward = _traces(events, trajectory, camera)
    scale = min(1.0, WIDTH / camera.width)
    focal = scale * np.abs((camera.fx, camera.fy))
    fastest = float(np.percentile(np.linalg.norm(slope * focal, axis=1), 95)) if len(slope) else 0.0
    if fastest == 0:
        return none
    inverse_depth = PLANES_PX / fastest
    # A plane has to stay ahead of a camera that moves towards it.
    inverse_depth = inverse_depth[inverse_depth * forward < 0.9]
    columns, rows = int(np.ceil(scale * camera.width)), int(np.ceil(scale * camera.height))
    centre = 0.5 * np.array((columns - 1, rows - 1))
    some = slice(PATCH // 2, None, STRIDE)
    sharpness, least = [], np.full((), np.inf)
    for rho in inverse_depth:
        image = _splat((at_infinity + rho * slope) * focal + centre, columns, rows)
        mean = uniform_filter(image, PATCH, mode="constant")
        sharpness.append((uniform_filter(image * image, PATCH, mode="constant") - mean * mean)[some, some])
        least = np.minimum(least, mean[some, some])
    sharp = np.stack(sharpness)
    best = sharp.argmax(axis=0)
    # At the nearest plane a peak is not known to be one.
    # Where some plane has next to no events, sharpness says nothing beside the median.
    kept = (least > LEAST_DENSITY * len(slope) / (columns * rows)) & (best < len(inverse_depth) - 1)
    kept &= sharp.max(axis=0) > LEAST_PEAK * np.median(sharp, axis=0)
    rho = inverse_depth[best[_agreeing(np.where(kept, PLANES_PX[best], np.nan))]]
    with np.errstate(divide="ignore"):
        return 1.0 / rho, rho * fastest / scale


def _agreeing(pixels: Float64[np.ndarray, "r c"]) -> Bool[np.ndarray, "r c"]:
    """Which patches move as their neighbours do: at least three of them, within a pixel or a fifth of the median."""
    near = np.lib.stride_tricks.sliding_window_view(np.pad(pixels, 2, constant_values=np.nan), (5, 5))
    many = np.isfinite(near).sum(axis=(2, 3)) > 3
    median = np.full(pixels.shape, np.nan)
    median[many] = np.nanmedian(near[many], axis=(1, 2))
    return np.abs(pixels - median) <= np.maximum(1.0, 0.2 * median)


def _traces(
    events: EventStream, trajectory: Trajectory, camera: Camera
) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "n 2"], float]:
    """Where the ray of each event meets the plane of inverse depth rho before the middle camera: a + rho b (z = 1).

    Also how far the camera moves ahead of its middle pose, world units.
    """
    t_us, x, y = (np.asarray(column[:: -(-len(events) // MOST_EVENTS)]) for column in (events.t_us, events.x, events.y))
    bearing = camera.bearings()[y.astype(np.int64) * camera.width + x]
    middle_us = (int(t_us[0]) + int(t_us[-1])) // 2
    poses = trajectory.at(torch.from_numpy((np.append(t_us, middle_us) - trajectory.origin_us) * 1e-6))
    rotation, position = poses.rotation.numpy(), poses.position.numpy()
    way = np.einsum("nij,nj->ni", rotation[:-1], bearing) @ rotation[-1]
    eye = (position[:-1] - position[-1]) @ rotation[-1]
    seen = way[:, 2] > 0.1 * np.linalg.norm(way, axis=1)
    way, eye = way[seen], eye[seen]
    at_infinity = way[:, :2] / way[:, 2:]
    return at_infinity, eye[:, :2] - eye[:, 2:] * at_infinity, float(eye[:, 2].max()) if len(eye) else 0.0


def _splat(place: Float64[np.ndarray, "n 2"], columns: int, rows: int) -> Float64[np.ndarray, "rows columns"]:
    """Events at sub-pixel places, each shared among the four pixels around it."""
    inside = (place >= 0).all(axis=1) & (place < (columns - 1, rows - 1)).all(axis=1)
    x, y = place[inside].T
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = x - left, y - top
    image = np.zeros(columns * rows)
    for row, by_row in ((0, 1 - below), (1, below)):
        for column, by_column in ((0, 1 - right), (1, right)):
            image += np.bincount((top + row) * columns + left + column, by_row * by_column, columns * rows)
    return image.reshape(rows, columns)
