"""Bakes a field at its times: once where it stands still, else at keyframes between which pictures are blended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from efields.errors import InputError
from efields.events.scratch import Scratch
from efields.export.bake import OnShare, Voxels, encode, grid_shape, sample_voxels
from efields.export.cameras import even_times, poses_at
from efields.export.volume import Volume
from efields.render.model import Model

KEYFRAMES = 12
"""Default number of times at which a field that moves is baked."""
MOST_CODE_BYTES = 1 << 30
"""Codes of all keyframes together: they are in memory at once."""
IN_MEMORY_BYTES = 1 << 28
"""Densities and radiances of all keyframes before they are coded; more of them go to files."""
_EYES = 8

Times = Sequence[float | None]


def surface_time(model: Model, given: float | None = None) -> float | None:
    """The second at which a field that moves is written as a surface; the middle of its recording if not given.

    None for a field that stands still. Raises `InputError` for a time outside of the recording, or that has no meaning.
    """
    if model.moves_s is None:
        if given is not None:
            raise InputError(f"--time {given:g}, and this scene stands still", do="leave --time out")
        return None
    first, last = model.moves_s
    if given is not None and not first <= given <= last:
        raise InputError(f"--time {given:g} is outside of the recording", do=f"give {first:.3f} to {last:.3f} seconds")
    return 0.5 * (first + last) if given is None else given


def keyframe_times(model: Model, count: int | None = None, alone: float | None = None) -> list[float | None]:
    """The times at which a field is baked: `count` or 12, evenly over its recording; a single one is `alone`.

    `[None]` for a field that stands still; raises `InputError` where that is given more than one.
    """
    if model.moves_s is None:
        if count is not None and count > 1:
            raise InputError(f"--keyframes {count}, and this scene stands still", do="leave --keyframes out")
        return [None]
    first, last = model.moves_s
    if count == 1 or first == last:
        return [surface_time(model, alone)]
    return np.linspace(first, last, count or KEYFRAMES).tolist()


def baked_volume(model: Model, resolution: int, times: Times, on_share: OnShare | None = None) -> tuple[Volume, bool]:
    """The codes of a field at each of `times`, and whether its radiance is the same from every direction.

    Raises `InputError` where the codes of all times would not fit in memory.
    """
    renderer = model.renderer
    voxels_each = math.prod(grid_shape(renderer.sampler.reach(), resolution))
    code_bytes = len(times) * voxels_each * (2 if renderer.channels == 1 else 4)
    if code_bytes > MOST_CODE_BYTES:
        size = f"{len(times)} keyframes of {resolution} voxels would take {code_bytes / 2**30:.1f} GiB of memory"
        raise InputError(size, do=f"lower --keyframes or --resolution: {MOST_CODE_BYTES / 2**30:g} GiB is the most")
    scratch = None
    if len(times) > 1 and len(times) * voxels_each * 4 * (1 + renderer.channels) > IN_MEMORY_BYTES:
        scratch = Scratch()
    eyes = poses_at(model.near_trajectory, even_times(model.trajectory, _EYES))[:, :3, 3]
    moments = []
    for number, t_s in enumerate(times):
        share = None if on_share is None else _part_of(on_share, number, len(times))
        voxels = sample_voxels(renderer, eyes, resolution, t_s=t_s, on_share=share)
        moments.append((t_s, voxels if scratch is None else _filed(voxels, scratch)))
    return encode(moments), all(voxels.diffuse for _, voxels in moments)


def time_note(times: Times) -> tuple[str, ...]:
    """What a page says of the times of a scene that moves."""
    known = [t_s for t_s in times if t_s is not None]
    if not known:
        return ()
    if len(known) == 1:
        return (f"The scene moves; it is shown as it was at {known[0]:.3f} s.",)
    span = f"{known[0]:.3f} to {known[-1]:.3f} s"
    return (f"The scene moves: it was baked at {len(known)} times from {span}, and is blended between them.",)


def _part_of(on_share: OnShare, number: int, count: int) -> OnShare:
    """Reports the layers of one of `count` bakes as part of those of all."""
    return lambda done, of: on_share(number * of + done, count * of)


def _filed(voxels: Voxels, scratch: Scratch) -> Voxels:
    """The same in files, so that memory holds one keyframe at a time."""
    mapped = []
    for values in (voxels.alpha, voxels.radiance):
        column = scratch.column(values.dtype)
        column.append(values.ravel())
        mapped.append(column.array().reshape(values.shape))
    return replace(voxels, alpha=mapped[0], radiance=mapped[1])
