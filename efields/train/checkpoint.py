"""One file that holds a field, all that is needed to look at it, and all that is needed to go on training."""

from __future__ import annotations

import contextlib
import io
import json
import math
import operator
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from efields.atomic import write_bytes
from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.geometry.boxes import Box, Triple
from efields.geometry.camera import Camera
from efields.geometry.origin import ZERO
from efields.geometry.trajectory import Trajectory
from efields.settings import fill, to_table
from efields.train.loop import LoopState

VERSION = 1
UNFIT = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError)
"""What code raises that is given content of another kind or shape."""


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    # Through memory: torch's own writer turns a full disk into a RuntimeError that says nothing of disks.
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **content}, buffer)
    write_bytes(path, buffer.getbuffer())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; only tensors and plain values are read, never code.

    Raises `InputError` when it is missing, cut short, of another version, or lacks a part.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError("no checkpoint", path, "train first: efields train CONFIG") from None
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"the checkpoint is damaged or cut short ({first[:100]})", path, "delete it and train again"
        ) from None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        found = content.get("version") if isinstance(content, dict) else None
        raise InputError(f"checkpoint of version {found}, not {VERSION}", path, "use the efields that wrote it")
    with damages(path):
        _check(content)
    return content


@contextlib.contextmanager
def damages(path: Path) -> Iterator[None]:
    """Turn what a checkpoint makes of code, whose parts are missing or of another kind or shape, into `InputError`."""
    try:
        yield
    except InputError as error:
        if error.where is not None:
            raise
        what = error.what
    except UNFIT as error:
        what = in_short(error)
    else:
        return
    raise InputError(f"the checkpoint is damaged ({what})", path, "delete it and train again")


def in_short(error: Exception) -> str:
    """The last line of what an error says, where libraries put what matters."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(error).splitlines()[-1].strip()[:100] if str(error) else type(error).__name__


def _check(content: dict[str, Any]) -> None:
    """Raise for parts that are not there, and for tensors that claim to be larger than what is stored of them."""
    for name in ("problem", "loop", "scene"):
        if not isinstance(content[name], dict):
            raise TypeError(f"'{name}' is not a table")
    for name, value in content["problem"].items():
        if not (isinstance(name, str) and isinstance(value, torch.Tensor)):
            raise TypeError(f"'{name}' is not a tensor")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"'{name}' holds values that are not finite numbers")
    _check_sizes(content)
    step, rays, loop = content["loop"]["step"], content["loop"]["rays"], content["loop"]
    if not all(type(count) is int and 0 <= count < 1 << 48 for count in (step, rays)) or rays == 0:
        raise ValueError(f"step {step!r}, {rays!r} rays")
    numbers = [loop["seconds"], *(loop["since"][name] for name in ("rays", "samples", "seconds"))]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise ValueError("times and counts are not numbers")


def _check_sizes(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _check_sizes(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_sizes(item)
    elif isinstance(value, torch.Tensor) and not _is_stored(value):
        raise ValueError(f"a tensor of shape {tuple(value.shape)} is not stored")


def _is_stored(value: torch.Tensor) -> bool:
    """Whether all numbers of a tensor lie in the file, none of them for many."""
    return value.layout is torch.strided and value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def loop_content(state: LoopState) -> dict[str, Any]:
    """The loop's state as plain values and tensors."""
    return {
        "optimizer": state.optimizer.state_dict(),
        # The bit generator's state holds integers of 128 bits, which only text keeps.
        "rng": json.dumps(state.rng.bit_generator.state),
        "generator": state.generator.get_state(),
        "rays": state.rays,
        "step": state.step,
        "seconds": state.seconds,
        "since": dict(state.since),
    }


def restore_loop(state: LoopState, content: dict[str, Any]) -> None:
    """Bring a fresh state to where `loop_content` was taken."""
    state.optimizer.load_state_dict(content["optimizer"])
    state.rng.bit_generator.state = json.loads(content["rng"])
    state.generator.set_state(content["generator"])
    state.rays, state.step, state.seconds = content["rays"], content["step"], content["seconds"]
    state.since = dict(content["since"])


def scene_content(box: Box, origin: Triple, camera: Camera, trajectory: Trajectory, sensor: Sensor) -> dict[str, Any]:
    """What a viewer needs beside the field, which counts from `origin`, as plain values and tensors."""
    return {
        "box": [list(box.lo), list(box.hi)],
        "origin": list(origin),
        "camera": to_table(camera),
        "sensor": to_table(sensor),
        "trajectory": {
            "t_us": torch.from_numpy(np.array(trajectory.t_us)),
            "position": torch.from_numpy(np.array(trajectory.position)),
            "orientation": torch.from_numpy(np.array(trajectory.orientation)),
            "kind": trajectory.kind,
            "origin_us": trajectory.origin_us,
        },
    }


def scene_from(checkpoint: dict[str, Any], checkpoint_path: Path) -> tuple[Box, Triple, Camera, Trajectory, Sensor]:
    """The inverse of `scene_content`, of what `read_checkpoint` gave; without an origin, it counts from zero.

    Raises `InputError` for parts that are missing or of another kind.
    """
    with damages(checkpoint_path):
        return _scene(checkpoint["scene"], str(checkpoint_path))


def _scene(content: dict[str, Any], where: str) -> tuple[Box, Triple, Camera, Trajectory, Sensor]:
    path = content["trajectory"]
    trajectory = Trajectory.from_arrays(
        path["t_us"].numpy(),
        path["position"].numpy(),
        path["orientation"].numpy(),
        kind=path["kind"],
        origin_us=operator.index(path["origin_us"]),
        where=where,
    )
    lo, hi = content["box"]
    camera = fill(Camera, content["camera"], where)
    x, y, z = (float(number) for number in content.get("origin", ZERO))
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError("the origin is not finite numbers")
    return Box(tuple(lo), tuple(hi)), (x, y, z), camera, trajectory, fill(Sensor, content["sensor"], where)
