"""Flow and motion of one window of events: contrast of warped events and the epipolar constraint, alternating."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from efields.backends.adam import Adam
from efields.backends.reference import Backend
from efields.motion.degeneracy import front_most
from efields.motion.epipolar import (
    FlowMotion,
    FlowSamples,
    change_of_rotation,
    find_motion,
    motion_at,
    refined_motion,
)
from efields.motion.flow_field import FieldFrame, FlowField, FlowFieldConfig, geometric_residual, motion_at_times
from efields.motion.warped_image import WarpedImages
from efields.motion.window import EventWindow
from efields.ranges import EveryNth, NotNegative, Positive, Range, Share

_MIDDLE = 0.3
"""Part of a window, around its middle, whose flow tells its motion: over all of it the motion changes."""


@dataclass(frozen=True)
class WindowFitConfig:
    """How one window is fitted."""

    iterations: Annotated[int, Range(1, 10**6)] = 200
    """Steps of Adam for a window without a predecessor."""
    warm_iterations: Annotated[int, Range(1, 10**6)] = 90
    """Steps for a window that starts from the network of its predecessor."""
    rate: Positive = 8e-3
    """Learning rate at first; it falls to a twentieth along half a cosine."""
    events: EveryNth = 30_000
    """Events used per step; of a window with more, each step draws others."""
    warp_steps: Annotated[int, Range(1, 100)] = 2
    """Midpoint steps along each event's trajectory to the reference time."""
    blur_px: Annotated[tuple[float, float, float], Range(0, 100)] = (3.0, 2.0, 1.0)
    """Blur of the images of warped events in the first quarter, the second, and after."""
    epipolar_weight: Annotated[float, Range(0, 10**6)] = 0.05
    """Weight of the epipolar term relative to contrast; 0 fits the flow by contrast alone (ablation)."""
    epipolar_from: Share = 0.55
    """Fraction of the iterations before the epipolar term begins; it reaches its weight 15 % later."""
    smoothness: NotNegative = 0.03
    """Weight of the mean squared second difference of the flow."""
    stiffness: NotNegative = 10.0
    """Weight of the mean squared deformation, which keeps events along edges from collapsing into dots."""
    samples: EveryNth = 2000
    """Number of positions (of random events at random times) at which the epipolar term is evaluated."""
    motion_rate: NotNegative = 0.5
    """Learning rate of the motion (1 pixel over the window; 0.1 radians) relative to that of the network."""
    patience: EveryNth = 20
    """Iterations without gain after which a window ends early."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """Longest computing time for a window in seconds; where it binds, the result depends on the machine."""


@dataclass(frozen=True)
class WindowFit:
    """Result of one window."""

    field: FlowField
    """The flow."""
    motion: FlowMotion
    """Motion of the whole window; its covariance is that of the flow before the epipolar constraint shaped it."""
    samples: FlowSamples
    """Flow at random events and times of the window."""
    samples_s: Float64[np.ndarray, " n"]
    """Times of the samples from the window's middle, seconds."""
    free_samples: FlowSamples
    """Flow of the same kind from before the epipolar term began: what contrast alone says."""
    loss: float
    """G0/G (Shiba et al. 2022) averaged over three reference times at the last blur: below 1 is sharper."""
    rotation_loss: float
    """The same for the rotation that the fit started from."""
    gain: float
    """Variance of the image of warped events over that of the unwarped ones."""
    iterations: int
    """Steps taken."""


def fit_window(
    window: EventWindow,
    angular_velocity: Float[Tensor, " 3"],
    config: WindowFitConfig,
    field_config: FlowFieldConfig,
    backend: Backend,
    generator: torch.Generator,
    before: FlowField | None = None,
    direction: Float64[np.ndarray, " 3"] | None = None,
) -> WindowFit:
    """Flow and motion of a window, started at a rotation (rad/s), or at the network of the window before.

    Source: E-MoFlow (Li et al., NeurIPS 2025), with contrast relative to the unwarped image at random reference times
    (Shiba et al., ECCV 2022), and the motion in closed form in place of gradient steps.
    """
    frame = FieldFrame.of(window, field_config)
    images = WarpedImages(window, backend, config.events, generator)
    field = FlowField(field_config, frame, generator)
    field.rotation.copy_(angular_velocity)
    rotation_loss = _loss_of(field, images, config)
    warm = before is not None and _warm_start(field, before, images, config, rotation_loss)
    fit = _Fit(window, field, images, config, generator, direction if warm else None)
    done = fit.run(warm)
    samples, samples_s = fit.sample()
    if fit.motion is None or fit.free is None:
        motion = fit.motion_of(fit.sample(_MIDDLE)[0])
    else:
        moving = fit.moving().detach()
        field.motion.copy_(moving)
        motion = motion_at(fit.free, moving[:3].double().numpy(), moving[3:6].double().numpy())
    return WindowFit(
        field=field,
        motion=motion,
        samples=samples,
        samples_s=samples_s,
        free_samples=fit.free or samples,
        loss=_loss_of(field, images, config),
        rotation_loss=rotation_loss,
        gain=images.gain(lambda t, x, to: field.lattice().warped(t, x, to, config.warp_steps, backend)),
        iterations=done,
    )


class _Fit:
    """The state of a window's optimisation."""

    def __init__(
        self,
        window: EventWindow,
        field: FlowField,
        images: WarpedImages,
        config: WindowFitConfig,
        generator: torch.Generator,
        direction: Float64[np.ndarray, " 3"] | None,
    ) -> None:
        self.window, self.field, self.images, self.config = window, field, images, config
        self.generator = generator
        # A pixel over the window.
        self.scale = field.frame.speed / 10.0
        self.direction = direction
        self.motion: FlowMotion | None = None
        self.turn = torch.zeros(5, requires_grad=True)
        """Change of the motion by gradients: angular velocity in pixels over the window, direction in 0.1 radians."""
        self.change = torch.zeros(3)
        """Change of the angular velocity from the middle of the window to its end."""
        self.free: FlowSamples | None = None

    def run(self, warm: bool) -> int:
        """Take the steps; gives their number."""
        config, field = self.config, self.field
        total, offset = (config.warm_iterations, 0.3) if warm else (config.iterations, 0.0)
        optimiser = Adam(
            [
                {"params": list(field.parameters()), "lr": config.rate},
                {"params": [self.turn], "lr": config.rate * config.motion_rate},
            ],
            self.images.backend,
            eps=1e-8,
        )
        rates = [group["lr"] for group in optimiser.param_groups]
        began, best, best_at, smoothed = time.monotonic(), math.inf, 0, math.nan
        for number in range(total):
            spent = number / total
            if config.seconds_per_window:
                spent = max(spent, (time.monotonic() - began) / config.seconds_per_window)
            if spent >= 1.0:
                return number
            progress = offset + (1.0 - offset) * spent
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * progress)))
            contrast, loss = self._losses(number, progress)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            smoothed = contrast if math.isnan(smoothed) else 0.9 * smoothed + 0.1 * contrast
            if progress < 0.85 or smoothed < best - 1e-4:
                best, best_at = smoothed, number
            elif number - best_at >= config.patience:
                return number + 1
        return total

    def _losses(self, number: int, progress: float) -> tuple[float, Tensor]:
        """Value of the contrast term, and the sum of all terms, at one step."""
        config, field = self.config, self.field
        octaves = field.config.octaves
        field.sharpness = float(min(octaves, 1.0 + octaves * progress / 0.5))
        blur = config.blur_px[min(int(4 * progress), 2)]
        ramp = min(max((progress - config.epipolar_from) / 0.15, 0.0), 1.0) if config.epipolar_weight > 0 else 0.0
        if ramp > 0 and self.motion is None:
            # From flow that contrast alone has shaped: flow that is tied to a motion would only confirm it.
            self.free, _ = self.sample(_MIDDLE)
            self.motion = self.motion_of(self.free)
            samples, samples_s = self.sample()
            self.change = torch.from_numpy(
                change_of_rotation(samples, samples_s / field.frame.half_s, self.motion)
            ).float()
        motion = self.moving() if ramp > 0 else None
        field.share.fill_(min(max((progress - config.epipolar_from - 0.15) / 0.15, 0.0), 1.0) if ramp > 0 else 0.0)
        lattice = field.lattice(motion)
        # Early and late reference times in turn: events that gather at one of them cannot gather at the other.
        half = torch.rand((), generator=self.generator).item()
        reference = (half if number % 2 else half - 1.0) * field.frame.half_s
        contrast = self.images.relative_sharpness(
            lambda t, x, to: lattice.warped(t, x, to, config.warp_steps, self.images.backend), reference, blur
        )
        loss = contrast + config.smoothness * lattice.roughness() + config.stiffness * lattice.deformation()
        if motion is not None:
            loss = loss + config.epipolar_weight * ramp * self._epipolar(motion)
        return float(contrast.detach()), loss

    def moving(self) -> Float[Tensor, " 9"]:
        """The motion as it is now, differentiable in `turn`: angular velocity, unit direction, change of the former."""
        assert self.motion is not None
        angular, direction, axes = (
            torch.from_numpy(v).float()
            for v in (self.motion.angular_velocity, self.motion.direction, self.motion.tangent)
        )
        angular = angular + self.scale * self.turn[:3]
        direction = direction + 0.1 * self.turn[3:] @ axes
        return torch.cat((angular, direction / direction.norm(), self.change))

    def motion_of(self, samples: FlowSamples) -> FlowMotion:
        """The motion: near the one before where there is one, else anywhere on the half sphere."""
        if self.direction is not None:
            return refined_motion(samples, self.direction)
        return front_most(samples, find_motion(samples))

    def sample(self, part: float = 1.0) -> tuple[FlowSamples, Float64[np.ndarray, " n"]]:
        """Flow, as it is without the epipolar lines, where random events were, at random times of the middle part."""
        t_s, bearing = self._places()
        t_s = part * t_s
        with torch.no_grad():
            flow = self.field.at(t_s, bearing, projected=False)
        return (
            FlowSamples(bearing.double().numpy(), flow.double().numpy(), self.scale),
            t_s.double().numpy(),
        )

    def _places(self) -> tuple[Tensor, Tensor]:
        count = self.config.samples
        chosen = torch.randint(len(self.window), (count,), generator=self.generator)
        t_s = (2 * torch.rand(count, generator=self.generator) - 1) * self.field.frame.half_s
        return t_s, self.window.bearing[chosen]

    def _epipolar(self, motion: Tensor) -> Tensor:
        """Robust mean of the distances from the epipolar lines of the current motion, in pixels over the window."""
        t_s, bearing = self._places()
        moving = motion_at_times(motion, t_s / self.field.frame.half_s)
        residual, _ = geometric_residual(bearing, self.field.at(t_s, bearing, projected=False), moving)
        return torch.log1p((residual / self.scale).square()).mean()


def _warm_start(
    field: FlowField, before: FlowField, images: WarpedImages, config: WindowFitConfig, rotation_loss: float
) -> bool:
    """Take over the network of the window before, if that sharpens more than the rotation alone does."""
    cold, rotation = {k: v.clone() for k, v in field.state_dict().items()}, field.rotation.clone()
    field.load_state_dict(before.state_dict())
    # Residuals belong to the rotation that they were found with, and scale with the duration of the window.
    ratio = before.frame.speed / field.frame.speed
    with torch.no_grad():
        field.out.weight.mul_(ratio)
        field.out.bias.mul_(ratio)
    field.sharpness = before.sharpness
    if _loss_of(field, images, config) < rotation_loss:
        return True
    field.load_state_dict(cold)
    field.rotation.copy_(rotation)
    return False


def _loss_of(field: FlowField, images: WarpedImages, config: WindowFitConfig) -> float:
    """G0/G at the last blur, averaged over the first, middle and last time."""
    with torch.no_grad():
        lattice = field.lattice()
        values = [
            images.relative_sharpness(
                lambda t, x, to: lattice.warped(t, x, to, config.warp_steps, images.backend),
                share * field.frame.half_s,
                config.blur_px[-1],
                redraw=False,
            )
            for share in (-1.0, 0.0, 1.0)
        ]
    return float(torch.stack(values).mean())
