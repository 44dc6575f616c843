"""What the kernels are given to do: one function for each, that makes its job for a backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from efields.backends.flow_lattice import LatticeExtent
from efields.backends.reference import Backend
from efields.backgrounds import color
from efields.bench.counts import perceptrons
from efields.bench.noise import noise_recording
from efields.config import experiment_from_table
from efields.events.intervals import PixelIndex
from efields.fields.hash_grid import Config, HashGridField
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.render.renderer import Renderer
from efields.samplers import occupancy
from efields.train import setup_of

Job = Callable[[], object]


@dataclass(frozen=True)
class Sizes:
    """How much each kernel does in one call."""

    samples: int = 1 << 16
    """Points that are encoded, go through perceptrons, or are asked for their density."""
    rays: int = 1 << 10
    """Rays of a look; each takes about 40 samples."""
    directions: int = 1 << 21
    """Directions of spherical harmonics: more than fit a cache, as the ceiling is memory's."""
    events: int = 1_000_000
    """Events that are indexed and drawn from."""
    drawn_rays: int = 1 << 13
    """Rays of a batch."""


@dataclass(frozen=True)
class Kernel:
    """One thing to measure."""

    name: str
    """Its name; that of its counts where it has some (counts.py)."""
    unit: str
    """What one call does many of."""
    make: Callable[[Backend, Sizes], tuple[Job, int]]
    """Gives a job and the number of units that one call of it does."""


def default_field() -> HashGridField:
    """The field with its default sizes, as before its first step, in a box from -1 to 1."""
    return Config().build(Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)), 1, torch.Generator().manual_seed(0))


def default_renderer(backend: Backend) -> Renderer:
    """The default field behind an occupancy grid that leaves a ball of it, as a trained one leaves an object."""
    field = default_field()
    sampler = occupancy.Config().build(field.box, torch.Generator())
    background = color.Config().build(field.channels, torch.Generator())
    centre = torch.arange(sampler.grid.resolution) / sampler.grid.resolution * 2 - 1
    distance = torch.stack(torch.meshgrid(centre, centre, centre, indexing="ij")).square().sum(dim=0)
    sampler.grid.occupied.copy_((distance < 0.45**2).reshape(-1))
    return Renderer(field, field.box, sampler, background, backend).train()


def _points(n: int, low: float = 0.0) -> Tensor:
    return torch.rand((n, 3), generator=torch.Generator().manual_seed(1)) * (1 - low) + low


def _through_the_middle(n: int) -> Rays:
    """Rays from all around, each through a point near the middle of the box."""
    generator = torch.Generator().manual_seed(2)
    origin = 4.0 * torch.nn.functional.normalize(torch.randn((n, 3), generator=generator), dim=1)
    aim = (torch.rand((n, 3), generator=generator) - 0.5) * 0.5
    return Rays(origin, torch.nn.functional.normalize(aim - origin, dim=1))


def _without_grad(job: Job) -> Job:
    def run() -> object:
        with torch.no_grad():
            return job()

    return run


def _backward(outputs: list[Tensor], inputs: list[Tensor]) -> Job:
    """The backward pass alone, again and again."""
    grads = [torch.ones_like(out) for out in outputs]
    return lambda: torch.autograd.grad(outputs, inputs, grads, retain_graph=True)


def _encode(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    field, points = default_field(), _points(sizes.samples)
    return _without_grad(lambda: backend.hash_encode(points, field.table, field.layout)), sizes.samples


def _encode_backward(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    field = default_field()
    encoded = backend.hash_encode(_points(sizes.samples), field.table, field.layout)
    return _backward([encoded], [field.table]), sizes.samples


def _inputs(sizes: Sizes) -> list[Tensor]:
    """Inputs of both perceptrons."""
    generator = torch.Generator().manual_seed(3)
    return [torch.randn((sizes.samples, w[0]), generator=generator) for w in perceptrons(Config(), 1)]


def _mlp(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    field, inputs = default_field(), _inputs(sizes)
    weights = [list(field.density_weights), list(field.radiance_weights)]
    return _without_grad(lambda: [backend.mlp(x, w) for x, w in zip(inputs, weights, strict=True)]), sizes.samples


def _mlp_backward(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    field, inputs = default_field(), [x.requires_grad_() for x in _inputs(sizes)]
    weights = [list(field.density_weights), list(field.radiance_weights)]
    outputs = [backend.mlp(x, w) for x, w in zip(inputs, weights, strict=True)]
    return _backward(outputs, [*inputs, *weights[0], *weights[1]]), sizes.samples


def _harmonics(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    directions = torch.nn.functional.normalize(_points(sizes.directions, -1.0), dim=1)
    return lambda: backend.spherical_harmonics(directions, Config().view_degree), sizes.directions


def _look(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    renderer, rays = default_renderer(backend), _through_the_middle(sizes.rays)
    job = _without_grad(lambda: renderer(rays))
    with torch.no_grad():
        return job, renderer(rays).samples


def _look_backward(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    renderer, rays = default_renderer(backend), _through_the_middle(sizes.rays)

    def job() -> int:
        renderer.zero_grad(set_to_none=True)
        seen = renderer(rays)
        seen.radiance.sum().backward()
        return seen.samples

    return job, job()


def _density(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    field, points = default_field(), _points(sizes.samples, -1.0)
    return _without_grad(lambda: field.density(Points(points), backend)), sizes.samples


def _adam(backend: Backend, _: Sizes) -> tuple[Job, int]:
    parameter = default_field().table.detach()
    grad, mean, square = torch.full_like(parameter, 1e-3), torch.zeros_like(parameter), torch.zeros_like(parameter)

    def job() -> None:
        backend.adam(
            parameter, grad, mean, square, step=1, rate=1e-3, betas=(0.9, 0.99), eps=1e-15, sparse=True
        )  # fmt: skip

    return job, parameter.numel()


def _index(_: Backend, sizes: Sizes) -> tuple[Job, int]:
    stream = noise_recording(sizes.events).events
    return lambda: PixelIndex.build(stream), sizes.events


def _draw(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    experiment = experiment_from_table({}, "efields bench")
    recording, generator = noise_recording(sizes.events), torch.Generator().manual_seed(0)
    problem = experiment.problem.build(setup_of(experiment, recording, None, backend, generator))
    rng = np.random.default_rng(0)
    return lambda: problem.draw(sizes.drawn_rays, rng), sizes.drawn_rays


def _interval_rays(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    recording, generator = noise_recording(sizes.events), torch.Generator().manual_seed(4)
    camera, path, n = recording.calibrated, recording.trajectory, sizes.samples
    assert path is not None
    bearings = torch.from_numpy(np.array(camera.bearings()))
    pixel = torch.randint(0, camera.width * camera.height, (n,), generator=generator)
    t_s = torch.rand(n, generator=generator, dtype=torch.float64) * 1e-6 * (path.end_us - path.origin_us)
    return _without_grad(lambda: backend.camera_rays_at(path, bearings, pixel, t_s)), n


def _splat(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    camera, place = noise_recording(2).calibrated, _points(sizes.events)
    x, y = (place[:, 0] * (camera.width - 1)).contiguous(), (place[:, 1] * (camera.height - 1)).contiguous()
    weight = torch.ones(sizes.events)
    return _without_grad(lambda: backend.splat_events(x, y, weight, camera.height, camera.width)), sizes.events


def _warped(backend: Backend, events: int) -> tuple[Tensor, Callable[[], Tensor]]:
    """A lattice of flow as a small camera's window has it, and what warps events along it in two midpoint steps."""
    extent, place = LatticeExtent(0.05, (0.0, 0.0), (0.7, 0.55)), _points(events, -1.0)
    values = torch.randn((2, 3, 23, 30), generator=torch.Generator().manual_seed(5)).requires_grad_()
    bearing, times = place[:, :2] * torch.tensor(extent.half), place[:, 2] * extent.half_s
    return values, lambda: backend.warp_events(values, extent, times, bearing, torch.zeros_like(times), 2)


def _warp(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    return _without_grad(_warped(backend, sizes.events)[1]), sizes.events


def _warp_backward(backend: Backend, sizes: Sizes) -> tuple[Job, int]:
    values, warp = _warped(backend, sizes.events)
    return _backward([warp()], [values]), sizes.events


KERNELS = (
    Kernel("hash encode", "samples", _encode),
    Kernel("hash encode backward", "samples", _encode_backward),
    Kernel("mlp", "samples", _mlp),
    Kernel("mlp backward", "samples", _mlp_backward),
    Kernel("spherical harmonics", "samples", _harmonics),
    Kernel("look", "samples", _look),
    Kernel("look and backward", "samples", _look_backward),
    Kernel("density", "samples", _density),
    Kernel("adam", "parameters", _adam),
    Kernel("event index", "events", _index),
    Kernel("batch draw", "rays", _draw),
    Kernel("interval rays", "rays", _interval_rays),
    Kernel("splat", "events", _splat),
    Kernel("warp", "events", _warp),
    Kernel("warp backward", "events", _warp_backward),
)
"""What `efields bench kernels` measures. To add one: a function as above, a line here, and its work in counts.py."""
