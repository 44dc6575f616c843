"""The camera's motion as a module: given poses, or given poses with corrections that are learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn

from efields.errors import InputError
from efields.geometry.pose import Poses, corrected, rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.parameters import ParameterGroup
from efields.ranges import Positive, Range, check_ranges

MOST_KNOTS = 1_000_000
"""Regular knots of the corrections at most."""


@dataclass(frozen=True)
class Config:
    """Whether and how the given poses are corrected while the field is trained."""

    learn: bool = False
    """Whether corrections of the poses are learned with the field."""
    knot_every_s: Annotated[float, Range(above=0, most=1e6)] = 0.1
    """Seconds between two knots of the corrections along a recording; posed images have one knot each."""
    rotation_factor: Positive = 0.05
    """Learning rate of rotations, in radians, over `train.learning_rate`."""
    translation_factor: Positive = 0.05
    """Learning rate of translations, in diagonals of the field's box, over `train.learning_rate`."""

    __post_init__ = check_ranges

    def build(
        self, trajectory: Trajectory, scale: float = 1.0, knots_s: Float64[np.ndarray, " k"] | None = None
    ) -> CameraMotion:
        """The motion along a trajectory; `scale` is the unit of translations, `knots_s` replaces the regular knots.

        Raises `InputError` for more than `MOST_KNOTS` regular knots.
        """
        if not self.learn:
            return CameraMotion(trajectory)
        if knots_s is None:
            begin, end = trajectory.seconds_span
            spans = (end - begin) / self.knot_every_s
            if spans > MOST_KNOTS:
                what = f"camera_motion.knot_every_s = {self.knot_every_s:g} makes more than {MOST_KNOTS} knots"
                raise InputError(what, do="give a larger one")
            knots_s = np.linspace(begin, end, max(2, round(spans) + 1))
        return CameraMotion(trajectory, knots_s, scale, self.rotation_factor, self.translation_factor)


class CameraMotion(nn.Module):
    """Poses at any time, differentiable in what is learned of them.

    With knots, the camera is at `T(t) = T_given(t) C(t)`, where the correction C rotates by `exp(w(t))` and translates
    by `scale * v(t)` in camera axes, both linear between the knots (residuals of the given poses, as in BARF,
    Lin et al., ICCV 2021, along a path in time).
    """

    knots_s: Tensor

    def __init__(
        self,
        trajectory: Trajectory,
        knots_s: Float64[np.ndarray, " k"] | None = None,
        scale: float = 1.0,
        rotation_factor: float = 1.0,
        translation_factor: float = 1.0,
    ) -> None:
        super().__init__()
        self.given, self.scale = trajectory, scale
        self.factors = {"rotation": rotation_factor, "translation": translation_factor}
        self.learned = knots_s is not None
        if knots_s is not None:
            self.register_buffer("knots_s", torch.as_tensor(np.unique(knots_s), dtype=torch.float64), persistent=False)
            self.rotation = nn.Parameter(torch.zeros(len(self.knots_s), 3))
            self.translation = nn.Parameter(torch.zeros(len(self.knots_s), 3))

    def at(self, t_s: Float64[Tensor, " n"]) -> Poses:
        """Poses at times in seconds since the trajectory's `origin_us`; see `Trajectory.at`."""
        given, correction = self.given.at(t_s), self.correction(t_s)
        return given if correction is None else corrected(given, correction)

    def correction(self, t_s: Float64[Tensor, " n"]) -> Float64[Tensor, "n 6"] | None:
        """The corrections C as `efields.geometry.pose.corrected` takes them; None where poses are taken as given."""
        if not self.learned:
            return None
        knots = self.knots_s
        t_s = torch.minimum(torch.maximum(t_s, knots[0]), knots[-1])
        right = torch.searchsorted(knots, t_s.detach(), right=True).clamp_(1, max(len(knots) - 1, 1))
        right = right.clamp(max=len(knots) - 1)
        left = (right - 1).clamp(min=0)
        share = ((t_s - knots[left]) / (knots[right] - knots[left]).clamp(min=1e-12))[:, None]
        values = torch.cat((self.rotation.double(), self.scale * self.translation.double()), dim=1)
        return values[left] * (1 - share) + values[right] * share

    def carried(self, given: Poses, t_s: Float64[Tensor, " n"]) -> Poses:
        """Given poses of something fixed to the camera, such as a second camera, moved as the camera is at `t_s`."""
        correction = self.correction(t_s)
        if correction is None:
            return given
        camera = self.given.at(t_s)
        inverse = camera.rotation.transpose(-1, -2)
        offset = (inverse @ (given.position - camera.position)[..., None]).squeeze(-1)
        moved = corrected(camera, correction)
        position = moved.position + (moved.rotation @ offset[..., None]).squeeze(-1)
        return Poses(moved.rotation @ inverse @ given.rotation, position)

    @torch.no_grad()
    def current(self) -> Trajectory:
        """The motion as it is now, for checkpoints and viewers: the given trajectory, or poses on the corrected curve.

        The corrected curve is sampled at the given poses and at the knots, and along splines four times as finely.
        """
        if not self.learned:
            return self.given
        given = self.given
        knots_us = np.rint(self.knots_s.cpu().numpy() * 1e6).astype(np.int64) + given.origin_us
        t_us = given.t_us
        if given.kind == "cubic":
            fine = np.arange(4 * (len(t_us) - 1) + 1) / 4
            t_us = np.rint(np.interp(fine, np.arange(len(t_us)), t_us)).astype(np.int64)
        t_us = np.union1d(t_us, knots_us[(knots_us > given.start_us) & (knots_us < given.end_us)])
        poses = self.at(torch.from_numpy((t_us - given.origin_us) * 1e-6).to(self.knots_s.device))
        orientation = rotation_to_quaternion(poses.rotation).cpu().numpy()
        return Trajectory(t_us, poses.position.cpu().numpy(), orientation, "linear", given.origin_us)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Rotations and translations of the knots; nothing where the poses are taken as given."""
        if not self.learned:
            return []
        return [
            ParameterGroup(f"camera {name}", [getattr(self, name)], factor) for name, factor in self.factors.items()
        ]
