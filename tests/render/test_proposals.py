"""A sampler that learns where density is: its proposals reach an interlevel loss with their gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.fields.analytic import Ball, Config
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.geometry.samples import stratified
from efields.parameters import ParameterGroup
from efields.render.composite import composited, used_points
from efields.samplers import DensityOf, Proposal, Quality, Sampled
from efields.samplers.stratified import Config as Stratified
from efields.samplers.stratified import StratifiedSampler
from tests.looks import renderer_over

BOX = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Proposing:
    """Settings of the sampler."""

    def build(self, box: Box, generator: torch.Generator) -> ProposingSampler:
        """The sampler, of a weight that is drawn."""
        return ProposingSampler(box, generator)


class ProposingSampler(StratifiedSampler):
    """Even spans, and a first look whose density falls with the distance from the middle at a rate that is learned."""

    def __init__(self, box: Box, generator: torch.Generator) -> None:
        super().__init__(Stratified(samples=8), box)
        self.rate = nn.Parameter(torch.rand((1, 3), generator=generator))

    def forward(
        self,
        rays: Rays,
        jitter: Tensor | None,
        density: DensityOf,
        backend: Backend,
        *,
        quality: Quality,
        crop: Box | None = None,
    ) -> Sampled:
        """Spans and the proposal before them."""
        first = stratified(rays, self.box, 4, jitter)
        thick = torch.exp(-backend.mlp(used_points(rays, first).position.abs(), [self.rate])[:, 0])
        _, weights = composited(first, thick, thick[:, None], backend)
        placed = super().forward(rays, jitter, density, backend, quality=quality, crop=crop)
        return Sampled(placed.samples, (Proposal(first, weights),))

    def parameter_groups(self) -> list[ParameterGroup]:
        """The rate."""
        return [ParameterGroup("proposal", [self.rate], 0.1)]


def test_weights_of_proposals_carry_gradients_to_what_the_sampler_learns() -> None:
    field = Config((Ball((0.0, 0.0, 0.0), 0.5, 4.0, (0.3,)),)).build(BOX, 1, torch.Generator())
    camera = renderer_over(field, BOX, Proposing())
    assert "proposal" in [group.name for group in camera.parameter_groups()]
    assert "sampler.rate" in camera.state_dict()
    rays = Rays(torch.tensor([[0.0, 0.1, -3.0], [0.2, 0.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]]).expand(2, 3))
    seen = camera(rays, with_spans=True)
    seen.radiance.sum().backward()
    assert isinstance(camera.sampler, ProposingSampler) and camera.sampler.rate.grad is None
    seen = camera(rays, with_spans=True)
    assert seen.spans is not None
    (proposal,) = seen.spans.proposals
    # As an interlevel loss does, the field's weights are taken as given.
    excess = (seen.opacity.detach() - proposal.weights.sum(dim=1)).square().sum()
    excess.backward()
    grad = camera.sampler.rate.grad
    assert grad is not None and bool((grad != 0).all())
    with torch.no_grad():
        camera.sampler.rate.sub_(1e-2 * grad)
        again = camera(rays, with_spans=True).spans
    assert again is not None
    left = (seen.opacity.detach() - again.proposals[0].weights.sum(dim=1)).square().sum()
    assert float(left) < float(excess.detach())
