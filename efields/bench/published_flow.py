"""The published method for flow and motion of one window, in plain torch: the speed baseline of `efields.motion`.

A baseline and no product: E-MoFlow (Li et al., NeurIPS 2025) with the settings of its released MVSEC configuration, as
equations and numbers are stated in paper and code, written again: a coordinate network of 8 layers of 256 units on raw
pixels and seconds, one Euler step for each event, 1000 steps of Adam from nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn.functional import conv2d, huber_loss

from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.ranges import NotNegative, Positive, Range, Share, Steps


@dataclass(frozen=True)
class PublishedConfig:
    """Settings as published (MVSEC)."""

    iterations: Steps = 1000
    """Steps of Adam."""
    width: Annotated[int, Range(1, 4096)] = 256
    """Units of each hidden layer."""
    layers: Annotated[int, Range(1, 64)] = 8
    """Hidden layers."""
    skip: Annotated[int, Range(0, 64)] = 4
    """Hidden layer after which the inputs are fed in again, counted from 0."""
    rate: Positive = 1e-4
    """Learning rate of the network at first."""
    last_rate: Positive = 6.3e-5
    """Learning rate of the network at last; it falls exponentially."""
    motion_rate: Positive = 1e-3
    """Learning rate of the motion's control points."""
    motion_start: Share = 0.2
    """Value that every control point starts from."""
    epipolar_weight: NotNegative = 2.5
    """Weight of the epipolar term."""
    epipolar_from: Annotated[int, Range(0, 10**9)] = 200
    """Step from which the epipolar term counts."""
    huber: Positive = 0.1
    """Where the epipolar term turns from square to linear."""
    samples: Annotated[int, Range(1, 10**9)] = 10_000
    """Pixels at which the epipolar term is evaluated."""
    references: Annotated[int, Range(1, 10**6)] = 100
    """Reference times over the window; each is taken equally often, in random order."""
    euler_steps: Annotated[int, Range(1, 1000)] = 9
    """Steps by which a displacement is followed."""


class PublishedFlow(nn.Module):
    """A coordinate network: (seconds, x, y) to pixels a second; and the motion as one segment of a cubic B-spline."""

    def __init__(self, config: PublishedConfig, start_us: int, duration_s: float) -> None:
        super().__init__()
        self.config, self.start_us, self.duration_s = config, start_us, duration_s
        sizes = [3] + [config.width + 3 * (number == config.skip) for number in range(config.layers)]
        self.hidden = nn.ModuleList(nn.Linear(size, config.width) for size in sizes[:-1])
        self.out = nn.Linear(config.width, 2)
        self.knots = nn.Parameter(torch.full((4, 6), config.motion_start))

    def forward(self, t_s: Float[Tensor, " n"], place: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        """Flow in pixels a second at seconds from the window's start and pixels."""
        inputs = torch.cat((t_s[:, None], place), dim=1)
        features = inputs
        for number, layer in enumerate(self.hidden):
            changed = torch.relu(layer(features))
            features = changed + features if features.shape == changed.shape else changed
            if number == self.config.skip:
                features = torch.cat((inputs, features), dim=1)
        return self.out(features)

    def motion(self, t_s: float) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
        """Angular velocity (rad/s) and unit direction of translation."""
        t = min(max(t_s / self.duration_s, 0.0), 1.0)
        basis = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
        value = self.knots.new_tensor(basis) / 6 @ self.knots
        return value[:3], value[3:] / value[3:].norm()

    def displacement(self, t0_us: int, t1_us: int, pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """How far what is at `pixel` at `t0_us` moves until `t1_us`, in pixels, by Euler steps."""
        place = torch.from_numpy(pixel.astype(np.float32))
        start, step = place, (t1_us - t0_us) * 1e-6 / self.config.euler_steps
        with torch.no_grad():
            for number in range(self.config.euler_steps):
                t_s = torch.full((len(place),), (t0_us - self.start_us) * 1e-6 + number * step)
                place = place + step * self(t_s, place)
        return (place - start).double().numpy()


def fit_published(
    events: EventStream,
    camera: Camera,
    config: PublishedConfig,
    seed: int = 0,
    on_step: Callable[[int, PublishedFlow], None] = lambda step, flow: None,
) -> PublishedFlow:
    """Fit one window: contrast (variance and Sobel gradient) of warped events, and the epipolar constraint."""
    generator = torch.Generator().manual_seed(seed)
    start_us, end_us = int(events.t_us[0]), int(events.t_us[-1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = PublishedFlow(config, start_us, (end_us - start_us) * 1e-6)
    place = torch.from_numpy(np.stack((events.x, events.y), axis=1).astype(np.float32))
    t_s = torch.from_numpy(((np.asarray(events.t_us) - start_us) * 1e-6).astype(np.float32))
    references = torch.linspace(0.0, flow.duration_s, config.references).repeat(
        -(-config.iterations // config.references)
    )
    references = references[torch.randperm(len(references), generator=generator)]
    network = torch.optim.Adam([*flow.hidden.parameters(), *flow.out.parameters()], lr=config.rate)
    motion = torch.optim.Adam([flow.knots], lr=config.motion_rate)
    fall = (config.last_rate / config.rate) ** (1 / config.iterations)
    for step in range(config.iterations):
        at = float(references[step])
        warped = place + (at - t_s)[:, None] * flow(t_s, place)
        loss = -_contrast(warped, camera)
        if step >= config.epipolar_from:
            loss = loss + config.epipolar_weight * _epipolar(flow, at, warped.detach(), camera, generator)
        for optimiser in (network, motion):
            optimiser.zero_grad()
        loss.backward()
        for optimiser in (network, motion):
            optimiser.step()
        network.param_groups[0]["lr"] *= fall
        on_step(step + 1, flow)
    return flow


def _contrast(place: Float[Tensor, "n 2"], camera: Camera) -> Float[Tensor, ""]:
    """Variance plus mean absolute Sobel gradient of the image of warped events, blurred by a 3 x 3 Gaussian."""
    low = place.detach().floor()
    image = place.new_zeros(camera.height * camera.width)
    for right in (0, 1):
        for down in (0, 1):
            corner = low + place.new_tensor([right, down])
            weight = (1 - (place - corner).abs()).prod(dim=1)
            x, y = corner.long().unbind(1)
            inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
            image = image.index_add(0, (y * camera.width + x)[inside], weight[inside])
    bell = torch.exp(-0.5 * torch.tensor([-1.0, 0.0, 1.0]).square())
    kernel = torch.outer(bell, bell) / bell.sum() ** 2
    blurred = conv2d(image.reshape(1, 1, camera.height, camera.width), kernel[None, None], padding=1)
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    gradient = conv2d(blurred, torch.stack((sobel, sobel.T))[:, None], padding=1)
    return blurred.var() + gradient.abs().sum(dim=1).mean()


def _epipolar(
    flow: PublishedFlow, at_s: float, warped: Float[Tensor, "n 2"], camera: Camera, generator: torch.Generator
) -> Float[Tensor, ""]:
    """Huber mean of u . (v x x^) + (w x x^) . (v x x^) at pixels that warped events hit."""
    hit = warped.round().long()
    inside = (hit >= 0).all(dim=1) & (hit[:, 0] < camera.width) & (hit[:, 1] < camera.height)
    pixels = torch.unique(hit[inside], dim=0).float()
    pixels = pixels[torch.randint(len(pixels), (flow.config.samples,), generator=generator)]
    focal, centre = (torch.tensor(pair) for pair in ((camera.fx, camera.fy), (camera.cx, camera.cy)))
    ray = torch.cat(((pixels - centre) / focal, torch.ones(len(pixels), 1)), dim=1)
    speed = flow(torch.full((len(pixels),), at_s), pixels) / focal
    angular, direction = (value.expand_as(ray) for value in flow.motion(at_s))
    normal = torch.linalg.cross(direction, ray)
    residual = (speed * normal[:, :2]).sum(dim=1) + (torch.linalg.cross(angular, ray) * normal).sum(dim=1)
    return huber_loss(residual, torch.zeros_like(residual), delta=flow.config.huber)
