"""Calibrations that ROS bags hold: by the rules of `--camera`, left out and said where they cannot be held."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from efields.loaders import _ros_side as ros_side

CASES = [
    ("equidistant", 0.0, "equidistant"),  # a lens whose numbers are 0 is no pinhole all the same
    ("plumb_bob", 0.0, "none"),
    ("omni", 0.0, "left out: distortion model 'omni' is unknown"),
    ("", 5.0, "left out: the camera matrix has a skew of 5"),
]


@pytest.mark.parametrize(("model", "skew", "wanted"), CASES)
def test_a_camera_info(model: str, skew: float, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    K = [10, skew, 3.5, 0, 11, 2.5, 0, 0, 1]
    info = SimpleNamespace(width=8, height=6, K=K, D=[0.0] * 4, distortion_model=model)
    monkeypatch.setattr(ros_side, "_messages", lambda *_: [(0, info)])
    camera, notes = ros_side.read_camera(SimpleNamespace(path="a.bag"), "/info", 8, 6)  # type: ignore[arg-type]
    assert camera.distortion_model == wanted if camera is not None else wanted in notes[0]
