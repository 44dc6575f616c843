"""What a user supplies with a recording, as given by flags and `[supplied]`; nothing is read yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from efields.poses.clock import Unit
from efields.ranges import Finite, NotNegative, check_ranges
from efields.supplied._sources import absolute

Order = Literal["", "xyzw", "wxyz"]
"""Order of the numbers of a quaternion; empty: as the format has it."""


@dataclass(frozen=True)
class Supplied:
    """What a user supplies with a recording; anything left empty is taken from the recording itself."""

    camera: str = ""
    """Calibration of the event camera: a file (`FILE:cam1` for one of several cameras in it), or fx,fy,cx,cy[,k1,k2,p1,
    p2[,k3]]."""
    scale_camera: bool = False
    """Whether a calibration made at another resolution is scaled to the sensor's; otherwise it is an error."""
    poses: str = ""
    """Trajectory of the camera, or of a body that carries it: a file, a folder, or `BAG:/topic`."""
    time_offset_s: Finite = 0.0
    """Seconds by which the clock of the poses is ahead of that of the events: t_pose = t_event + time_offset_s."""
    time_unit: Unit = ""
    """Unit of times in a text or json of poses: s, ms, us or ns; empty: as stated, else what fits the events."""
    quaternion: Order = ""
    """Order of quaternions in a text of poses: xyzw or wxyz; empty: as its columns are named, else TUM's xyzw."""
    spread: bool = False
    """Whether poses without times are spread evenly from the first event to the last; otherwise it is an error."""
    body_to_camera: str = ""
    """Pose of the camera on the body whose poses are given, T_body_camera (camera to body): px,py,pz,qx,qy,qz,qw, a
    file with a 4x4 matrix, or a Kalibr camchain with T_cam_imu. Empty: the poses are the camera's."""
    axes: Literal["", "opencv", "opengl"] = ""
    """Axes of the camera in the poses (with body_to_camera: in T_body_camera); empty: those of the format."""
    direction: Literal["camera_to_world", "world_to_camera"] = "camera_to_world"
    """Direction of the poses of a text, npz or bag; that of COLMAP and json files is known."""
    trajectory: Literal["linear", "cubic"] = "linear"
    """How poses are interpolated."""
    extrapolate_s: NotNegative = 0.0
    """Seconds by which the poses may be extrapolated at constant velocity at either end, to reach events beyond."""

    __post_init__ = check_ranges

    def absolute(self) -> Supplied:
        """The same with absolute paths."""
        return replace(
            self,
            camera=absolute(self.camera),
            poses=absolute(self.poses),
            body_to_camera=absolute(self.body_to_camera),
        )

    @property
    def moves_poses(self) -> bool:
        """Whether it changes the trajectory at all."""
        return bool(self.poses or self.body_to_camera or self.time_offset_s)
