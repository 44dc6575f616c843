"""Flags of calibration and poses that a user supplies, with the same names in every command."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from efields.cli._reading import TimeUnit
from efields.errors import InputError
from efields.ranges import Finite

if TYPE_CHECKING:
    from efields.supplied.given import Supplied


@dataclass(frozen=True)
class CameraFlags:
    """A calibration of your own."""

    camera: str | None = None
    """Calibration of the event camera, in place of the recording's own: a Kalibr (FILE:cam1), ROS, OpenCV or DSEC yaml,
    calib.txt, transforms.json, camera_calibration.npz, a camera matrix, or fx,fy,cx,cy[,k1,k2,p1,p2[,k3]]."""
    scale_camera: bool = False
    """Scale a calibration made at another resolution to the sensor's."""


@dataclass(frozen=True)
class SuppliedFlags(CameraFlags):
    """Calibration and poses of your own."""

    poses: str | None = None
    """Trajectory, in place of the recording's own: TUM text, csv with named columns, matrices in rows or blocks,
    transforms.json, camera_poses.npz, a COLMAP model, or BAG:/topic."""
    poses_time_unit: TimeUnit | None = None
    """Unit of the times of the poses, if they and the events do not determine it."""
    poses_quaternion: Literal["xyzw", "wxyz"] | None = None
    """Order of the numbers of a quaternion, if the poses do not state it."""
    poses_spread: bool = False
    """Spread poses without times evenly over the recording."""
    time_offset: Finite | None = None
    """Seconds by which the clock of the poses is ahead of that of the events: t_pose = t_event + offset."""
    body_to_camera: str | None = None
    """Pose of the camera on the body whose poses are given (T_body_camera, camera to body): a Kalibr yaml with
    T_cam_imu, a file with a 4x4 matrix, or --body-to-camera=px,py,pz,qx,qy,qz,qw."""


_OPTIONS = {"poses_time_unit": "time_unit", "poses_quaternion": "quaternion", "poses_spread": "spread"}
_OPTIONS |= {"time_offset": "time_offset_s"}
"""Options in `[supplied]` of the flags that are called otherwise there."""


def supplied_of(flags: CameraFlags, base: Supplied | None = None) -> Supplied:
    """The calibration and poses that a command's flags give; those not given stay as in `base`.

    Raises `InputError` for a value that cannot be.
    """
    from efields.supplied.given import Supplied

    found = {field.name: getattr(flags, field.name) for field in dataclasses.fields(flags)}
    given = {
        _OPTIONS.get(flag, flag): value
        for flag, value in found.items()
        if value is not None and value is not False and value != ""
    }
    try:
        return dataclasses.replace(base or Supplied(), **given)
    except ValueError as error:
        raise InputError(str(error)) from None
