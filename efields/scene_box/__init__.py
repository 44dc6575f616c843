"""Where the scene is: the box that its field fills, as given, as recorded, or estimated from the recording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from efields.errors import InputError
from efields.geometry.boxes import Box, Triple
from efields.geometry.camera import Camera
from efields.geometry.looked_at import box_looked_at
from efields.geometry.origin import origin_of
from efields.geometry.trajectory import Trajectory
from efields.ranges import Range
from efields.recordings.recording import Recording, Views
from efields.scene_box.bounds import box_of_points, box_seen, points_of_depth

Corners = Annotated[tuple[Triple, Triple], Range(-1e12, 1e12)]
GIVE = "give its box, two opposite corners: --box=x0,y0,z0,x1,y1,z1 (problem.box)"
"""What to do if the box cannot be determined."""


@dataclass(frozen=True)
class FoundBox:
    """A box in the world and how it was determined."""

    box: Box
    """The box."""
    source: str
    """Where it comes from, in words that go on after a colon."""
    sought: bool = True
    """Whether it was neither given nor recorded."""

    @property
    def sentence(self) -> str:
        """The box in words, to thousandths of its diagonal, and what its numbers count from where that is not zero."""
        lo, hi, origin = (written(corner, self.box) for corner in (self.box.lo, self.box.hi, origin_of(self.box)))
        far = (
            f" It is far from zero: internally, positions are relative to {origin}." if any(origin_of(self.box)) else ""
        )
        return f"The field's box spans {lo} to {hi}: {self.source}.{far}"


def written(point: Triple, box: Box) -> str:
    """A point of the world with the digits that a box of this size needs."""
    decimals = max(0, 3 - math.floor(math.log10(box.diagonal)))
    return f"({', '.join(f'{value:.{decimals}f}' for value in point)})"


def find_box(
    recording: Recording, path: Trajectory, camera: Camera, frames: Views | None = None, given: Corners | None = None
) -> FoundBox:
    """The box of a recording's scene, seen along `path` by `camera`: as given, as the recording says, around what
    the cameras circle, around depth maps of `frames` or points, at recorded depths, or as far as events show.

    Raises `InputError` where none of these tells.
    """
    if given is not None:
        return FoundBox(Box.between(*given), "as given", sought=False)
    if recording.box is not None:
        return FoundBox(recording.box, "given by the recording", sought=False)
    circled = box_looked_at(path, camera)
    if circled is not None:
        return FoundBox(circled, "around the point that all cameras look at, as wide as their view")
    measured = points_of_depth(frames) if frames is not None else np.zeros((0, 3))
    for points, source in ((measured, "depth maps of the frames"), (recording.points, "points of the reconstruction")):
        if points is not None and len(points):
            return FoundBox(box_of_points(points), f"around the {source}, without outliers")
    if recording.depth_range is not None:
        box = box_seen(path, camera, np.linspace(*path.seconds_span, 64), *recording.depth_range)
        nearest, farthest = recording.depth_range
        return FoundBox(box, f"what the cameras see at depths from {nearest:.3g} to {farthest:.3g}, as recorded")
    return _swept(recording, camera)


def _swept(recording: Recording, camera: Camera) -> FoundBox:
    """The box of what the camera sees as far as the parallax of events reaches."""
    where = recording.path
    if recording.trajectory is None or not len(recording.covered):
        raise InputError("the poses do not show where the scene is", where, GIVE)
    from efields.scene_box.swept_depth import swept_depth

    events, path = recording.covered, recording.trajectory
    swept = swept_depth(events, path, camera)
    if not swept.tells:
        moved = f"{np.median(swept.parallax_px):.1f} px" if len(swept.depth) else "no edge stands out"
        raise InputError(
            f"the events show too little parallax to determine the distance of the scene ({moved})", where, GIVE
        )
    nearest, farthest = swept.reach
    first, last = ((int(t) - path.origin_us) * 1e-6 for t in (events.t_us[0], events.t_us[-1]))
    seconds = np.linspace(first, last, 64)
    box = box_seen(path, camera, seconds, nearest, farthest)
    return FoundBox(
        box, f"what the camera sees, at depths from {nearest:.3g} to {farthest:.3g} by the parallax of events"
    )
