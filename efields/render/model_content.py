"""What a checkpoint keeps of a model beside its numbers, and the model that is made of it again."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.geometry.boxes import Box, Triple
from efields.geometry.camera import Camera
from efields.geometry.origin import ZERO
from efields.geometry.trajectory import Trajectory
from efields.render.model import Model
from efields.render.renderer import LookConfig, Renderer
from efields.settings import fill, to_table

_WHERE = "its scene"


def model_content(model: Model) -> dict[str, Any]:
    """What a viewer needs beside the field, as plain values and tensors."""
    box, trajectory = model.renderer.world_box, model.trajectory
    content = {
        "channels": model.renderer.channels,
        "box": [list(box.lo), list(box.hi)],
        "origin": list(model.renderer.origin),
        "camera": to_table(model.camera),
        "trajectory": {
            "t_us": torch.from_numpy(np.array(trajectory.t_us)),
            "position": torch.from_numpy(np.array(trajectory.position)),
            "orientation": torch.from_numpy(np.array(trajectory.orientation)),
            "kind": trajectory.kind,
            "origin_us": trajectory.origin_us,
        },
    }
    return content if model.sensor is None else {**content, "sensor": to_table(model.sensor)}


def model_from(content: Mapping[str, Any], look: LookConfig, backend: Backend, step: int) -> Model:
    """The inverse of `model_content`; without an origin, it counts from zero.

    Raises `InputError`, `KeyError`, `TypeError` or `ValueError` for parts that are missing or of another kind.
    """
    channels = operator.index(content["channels"])
    if channels not in (1, 3):
        raise ValueError(f"{channels} colour channels")
    trajectory = _trajectory(content["trajectory"])
    box, origin = _box(content), _origin(content)
    camera = fill(Camera, content["camera"], _WHERE)
    sensor = fill(Sensor, content["sensor"], _WHERE) if "sensor" in content else None
    renderer = Renderer.over(
        box,
        look,
        channels,
        backend,
        torch.Generator(),
        origin=origin,
        span_s=trajectory.seconds_span,
        origin_us=trajectory.origin_us,
    )
    return Model(renderer, camera, trajectory, sensor, step)


def box_to_go_on_in(given: tuple[Triple, Triple] | None, content: Mapping[str, Any]) -> tuple[Triple, Triple]:
    """The box that a saved field fills; raises `InputError` where another one is given."""
    box = _box(content)
    if given is not None and not Box.between(*given).equals(box):
        what = f"its field fills another box, from {box.lo} to {box.hi}"
        raise InputError(what, do="leave --box out, or train from scratch without --resume")
    return box.lo, box.hi


def _box(content: Mapping[str, Any]) -> Box:
    lo, hi = content["box"]
    return Box(tuple(lo), tuple(hi))


def _origin(content: Mapping[str, Any]) -> Triple:
    x, y, z = (float(number) for number in content.get("origin", ZERO))
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError("the origin is not finite numbers")
    return x, y, z


def _trajectory(path: Mapping[str, Any]) -> Trajectory:
    return Trajectory.from_arrays(
        path["t_us"].numpy(),
        path["position"].numpy(),
        path["orientation"].numpy(),
        kind=path["kind"],
        origin_us=operator.index(path["origin_us"]),
        where=_WHERE,
    )
