"""The flow over one window of events as a small network of time and position: an implicit representation."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from efields.backends.flow_lattice import LatticeExtent
from efields.backends.reference import Backend
from efields.motion.window import EventWindow
from efields.ranges import Range

ORDINARY_DEFORMATION = 0.1
"""Derivative of a window's displacement, pixels a pixel, that is not held against a flow."""


@dataclass(frozen=True)
class FlowFieldConfig:
    """A residual network on top of the flow of a rotation."""

    width: Annotated[int, Range(1, 1024)] = 64
    """Units of each hidden layer."""
    layers: Annotated[int, Range(1, 16)] = 4
    """Hidden layers; all but the first are residual."""
    octaves: Annotated[int, Range(0, 16)] = 3
    """Octaves of sines and cosines of position: the finest has a period of 2 / 2^(octaves - 1) of half the image."""
    lattice_px: Annotated[float, Range(1, 10_000)] = 12.0
    """Spacing in pixels of the lattice on which the network is evaluated during fitting; flow is linear in between."""
    lattice_times: Annotated[int, Range(1, 1000)] = 3
    """Times at which that lattice is evaluated, including the first and last events."""


@dataclass(frozen=True)
class FieldFrame:
    """What a field's inputs and outputs are scaled by, so that the network sees numbers of order one."""

    half_s: float
    """Half the window's duration: `t_s` / `half_s` lies in [-1, 1]."""
    centre: tuple[float, float]
    """Middle of the image in normalised coordinates."""
    half: tuple[float, float]
    """Half the extent of the image in normalised coordinates."""
    speed: float
    """Normalised units a second that the network's output is multiplied by."""
    lattice: tuple[int, int, int]
    """Times, rows and columns of the lattice."""

    @classmethod
    def of(cls, window: EventWindow, config: FlowFieldConfig) -> FieldFrame:
        """The frame that holds every event of a window; a residual of 1 moves events by 10 pixels."""
        camera, half_s = window.camera, max(window.duration_s / 2, 1e-6)
        low = np.array([-camera.cx / camera.fx, -camera.cy / camera.fy])
        high = np.array([(camera.width - 1 - camera.cx) / camera.fx, (camera.height - 1 - camera.cy) / camera.fy])
        low, high = np.minimum(low, high), np.maximum(low, high)
        if len(window):
            low = np.minimum(low, window.bearing.amin(dim=0).double().numpy())
            high = np.maximum(high, window.bearing.amax(dim=0).double().numpy())
        centre, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-6)
        cells = np.ceil(2 * half * np.abs([camera.fx, camera.fy]) / config.lattice_px).astype(int)
        columns, rows = np.clip(cells, 2, 256) + 1
        return cls(
            half_s=half_s,
            centre=(float(centre[0]), float(centre[1])),
            half=(float(half[0]), float(half[1])),
            speed=10.0 / (math.sqrt(abs(camera.fx * camera.fy)) * 2 * half_s),
            lattice=(max(config.lattice_times, 1), int(rows), int(columns)),
        )


class FlowField(nn.Module):
    """Flow u(t, x) = B(x) w + residual(t, x) in normalised units a second; the residual starts at zero.

    Source: the implicit flow of E-MoFlow (Li et al., NeurIPS 2025, section 3), with normalised inputs, few annealed
    octaves and the flow of a rotation to start from.
    """

    def __init__(self, config: FlowFieldConfig, frame: FieldFrame, generator: torch.Generator) -> None:
        super().__init__()
        self.config, self.frame = config, frame
        self.sharpness = float(config.octaves)
        """Octaves that are switched on; a fraction switches the last one on in part."""
        self.rotation: Float[Tensor, " 3"]
        self.register_buffer("rotation", torch.zeros(3))
        self.motion: Float[Tensor, " 9"]
        self.register_buffer("motion", torch.zeros(9))
        self.share: Float[Tensor, ""]
        self.register_buffer("share", torch.zeros(()))
        widths = [3 + 4 * config.octaves] + [config.width] * config.layers
        self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(widths))
        self.out = nn.Linear(widths[-1], 2)
        with torch.no_grad():
            for layer in self.hidden:
                assert isinstance(layer, nn.Linear)
                spread = 1.0 / math.sqrt(layer.in_features)
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * spread)
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator) * 0.5)
            self.out.weight.zero_()
            self.out.bias.zero_()

    def at(
        self, t_s: Float[Tensor, " n"], bearing: Float[Tensor, "n 2"], projected: bool = True
    ) -> Float[Tensor, "n 2"]:
        """Flow at times (seconds from the window's middle) and normalised places, normalised units a second.

        Unless not `projected`, it is moved by `share` of its way to the epipolar lines of `motion`. Times beyond the
        window get the flow of its first or last event. Differentiable in places and weights.
        """
        frame = self.frame
        centre, half = bearing.new_tensor(frame.centre), bearing.new_tensor(frame.half)
        place = (bearing - centre) / half
        time = (t_s / frame.half_s).clamp(-1.0, 1.0)
        inputs = [time[:, None], place]
        for octave in range(self.config.octaves):
            share = min(max(self.sharpness - octave, 0.0), 1.0)
            share = 0.5 - 0.5 * math.cos(math.pi * share)
            angle = place * (math.pi * 2.0**octave)
            inputs += [share * angle.sin(), share * angle.cos()]
        features = torch.cat(inputs, dim=1)
        for number, layer in enumerate(self.hidden):
            changed = silu(layer(features))
            features = features + changed if number else changed
        flow = rotational_flow(bearing, self.rotation) + frame.speed * self.out(features)
        if float(self.share) > 0 and projected:
            flow = towards_epipolar_lines(bearing, flow, motion_at_times(self.motion, time), self.share, frame.speed)
        return flow

    def lattice(self, motion: Float[Tensor, " 9"] | None = None) -> FlowLattice:
        """The field on its lattice, far quicker to look up for many events; differentiable in the weights.

        With `motion`, that in place of the field's own, and differentiable in it too.
        """
        times, rows, columns = self.frame.lattice
        (cx, cy), (hx, hy) = self.frame.centre, self.frame.half
        t = torch.linspace(-1, 1, times) * self.frame.half_s if times > 1 else torch.zeros(1)
        x, y = cx + hx * torch.linspace(-1, 1, columns), cy + hy * torch.linspace(-1, 1, rows)
        at_t, at_y, at_x = torch.meshgrid(t, y, x, indexing="ij")
        bearing = torch.stack((at_x.reshape(-1), at_y.reshape(-1)), dim=1)
        flow = self.at(at_t.reshape(-1), bearing, projected=motion is None)
        if motion is not None:
            moving = motion_at_times(motion, at_t.reshape(-1) / self.frame.half_s)
            flow = towards_epipolar_lines(bearing, flow, moving, self.share, self.frame.speed)
        return FlowLattice(flow.T.reshape(2, times, rows, columns), self.frame)


@dataclass(frozen=True)
class FlowLattice:
    """Values of a field on a regular lattice, linear in between."""

    values: Float[Tensor, "2 times rows columns"]
    """Flow, normalised units a second."""
    frame: FieldFrame
    """Where the lattice stands."""

    @property
    def extent(self) -> LatticeExtent:
        """Its first and last times and places."""
        return LatticeExtent(self.frame.half_s, self.frame.centre, self.frame.half)

    def warped(
        self,
        t_s: Float[Tensor, " n"],
        bearing: Float[Tensor, "n 2"],
        to_s: Float[Tensor, " n"],
        steps: int,
        backend: Backend,
    ) -> Float[Tensor, "n 2"]:
        """Places at times `to_s` of what is at `bearing` at `t_s`: midpoint steps along the flow."""
        return backend.warp_events(self.values, self.extent, t_s, bearing, to_s, steps)

    def roughness(self) -> Float[Tensor, ""]:
        """Mean squared second difference of the flow over rows and columns, in units of the frame's speed."""
        flow = self.values / self.frame.speed
        total = flow.new_zeros(())
        for axis in (2, 3):
            if flow.shape[axis] > 2:
                total = total + flow.diff(n=2, dim=axis).square().mean()
        return total

    def deformation(self) -> Float[Tensor, ""]:
        """Mean squared deformation over the window: derivatives of the displacement beyond ordinary ones.

        A window's displacement changes by a few per cent of a distance along that distance. Warps that squeeze events
        along an edge into a dot, which contrast alone rewards, change by much more (Shiba et al., "Event collapse in
        contrast maximization frameworks", Sensors 2022).
        """
        frame = self.frame
        _, rows, columns = frame.lattice
        total = self.values.new_zeros(())
        for axis, spacing in ((2, 2 * frame.half[1] / (rows - 1)), (3, 2 * frame.half[0] / (columns - 1))):
            change = self.values.diff(dim=axis) * (2 * frame.half_s / spacing)
            total = total + torch.relu(change.abs() - ORDINARY_DEFORMATION).square().mean()
        return total


def rotational_flow(bearing: Float[Tensor, "n 2"], angular_velocity: Float[Tensor, " 3"]) -> Float[Tensor, "n 2"]:
    """Flow B(x) w of static points under a rotation of the camera, normalised units a second."""
    x, y = bearing[:, 0], bearing[:, 1]
    wx, wy, wz = angular_velocity.unbind(-1)
    return torch.stack((x * y * wx - (1 + x * x) * wy + y * wz, (1 + y * y) * wx - x * y * wy - x * wz), dim=1)


def motion_at_times(motion: Float[Tensor, " 9"], time: Float[Tensor, " n"]) -> Float[Tensor, "n 6"]:
    """Angular velocity and direction at times from -1 to 1 over the window.

    `motion` has those of its middle, and how much the angular velocity changes from there to its end.
    """
    return torch.cat((motion[:3] + time[:, None] * motion[6:], motion[3:6].expand(len(time), 3)), dim=1)


def geometric_residual(
    bearing: Float[Tensor, "n 2"], flow: Float[Tensor, "n 2"], motion: Float[Tensor, "*n 6"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 2"]]:
    """`epipolar.epipolar_residual`, differentiable, and the unit normals of the epipolar lines.

    `motion` holds the angular velocity and the direction of translation, of all places or of each.
    """
    x, y = bearing.unbind(1)
    wx, wy, wz, vx, vy, vz = motion.unbind(-1)
    nx, ny, nz = vy - vz * y, vz * x - vx, vx * y - vy * x
    bx, by, bz = wy - wz * y, wz * x - wx, wx * y - wy * x
    length = torch.sqrt(nx * nx + ny * ny + 1e-8)
    residual = (flow[:, 0] * nx + flow[:, 1] * ny + bx * nx + by * ny + bz * nz) / length
    return residual, torch.stack((nx / length, ny / length), dim=1)


def towards_epipolar_lines(
    bearing: Float[Tensor, "n 2"],
    flow: Float[Tensor, "n 2"],
    motion: Float[Tensor, "*n 6"],
    share: Float[Tensor, ""] | float,
    speed: float,
) -> Float[Tensor, "n 2"]:
    """Flow moved by a share of its way to the epipolar lines of a motion, which ties it to a static scene.

    Flow that is far from them (a fifth of `speed` and more) keeps its difference: what moves by itself.
    """
    residual, normal = geometric_residual(bearing, flow, motion)
    far = residual / (0.2 * speed)
    return flow - (share * residual / (1 + far * far))[:, None] * normal
