"""Views of a scene document, each with its own camera where it has one."""

from __future__ import annotations

import numpy as np

from efields.export.cameras import scene_views
from efields.geometry.camera import Camera
from efields.wire.writing import table_of


def test_a_view_of_another_camera_says_so() -> None:
    poses = np.tile(np.eye(4), (2, 1, 1))
    wide = Camera(30, 40, 20.0, 21.0, 15.0, 20.0, "plumb_bob", (0.1, 0.0, 0.0, 0.0))
    first, second = table_of(scene_views("training", ("a", "b"), poses, None, [None, wide]))
    assert "camera" not in first
    assert second["camera"] == {"width": 30, "height": 40, "fx": 20.0, "fy": 21.0, "cx": 15.0, "cy": 20.0}
