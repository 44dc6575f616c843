"""One file with a field, everything needed to render it, and everything needed to continue training."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from efields.atomic import write_bytes
from efields.errors import InputError
from efields.train.checkpoint_1 import from_version_1
from efields.train.loop import LoopState

VERSION = 2
UNFIT = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError)
"""What code raises that is given content of another kind or shape."""


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint completely or not at all."""
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
    found = content.get("version") if isinstance(content, dict) else None
    if type(found) is not int or found not in (1, VERSION):
        raise InputError(
            f"checkpoint of version {found}, not {VERSION}", path, "use the version of efields that wrote it"
        )
    with damages(path):
        content = from_version_1(content) if found == 1 else content
        _check(content)
    return content


def check_kind(content: dict[str, Any], kind: str, path: Path, do: str) -> None:
    """Raise `InputError` for a checkpoint of another kind of problem; version 1 kept none."""
    if content["kind"] not in ("", kind):
        raise InputError(f"the checkpoint is of the problem {content['kind']!r}, not {kind!r}", path, do)


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
    for name in ("problem", "loop", "content"):
        if not isinstance(content[name], dict):
            raise TypeError(f"'{name}' is not a table")
    for name in ("kind", "device"):
        if not isinstance(content[name], str):
            raise TypeError(f"'{name}' is not a name")
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
        **state.random.content(),
        "rays": state.rays,
        "step": state.step,
        "seconds": state.seconds,
        "since": dict(state.since),
    }


def restore_loop(state: LoopState, content: dict[str, Any]) -> None:
    """Bring a fresh state to where `loop_content` was taken."""
    state.optimizer.load_state_dict(content["optimizer"])
    state.random.restore(content)
    state.rays, state.step, state.seconds = content["rays"], content["step"], content["seconds"]
    state.since = dict(content["since"])
