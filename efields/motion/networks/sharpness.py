"""The self-supervised loss: events carried along the flow of many bins must form sharp images at several times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import avg_pool2d

from efields.backends.reference import Backend
from efields.motion.contrast import MARGIN, multi_reference_sharpness


@dataclass(frozen=True)
class BinnedEvents:
    """Events of several sequences over the same number of bins, sorted by bin."""

    place: Float[Tensor, "n 2"]
    """Pixel (x, y) of each event."""
    time: Float[Tensor, " n"]
    """Time of each event in bins from the first bin's start."""
    on: Bool[Tensor, " n"]
    """True where the intensity rose."""
    sequence: Int64[Tensor, " n"]
    """Which sequence each event belongs to."""
    first: tuple[int, ...]
    """Index of the first event of every bin, and the number of events at the end."""


def carried(events: BinnedEvents, flow: Float[Tensor, "k b 2 h2 w2"]) -> list[Float[Tensor, "n 2"]]:
    """Places of all events at the bins' k + 1 boundaries, carried bin by bin along the flow (pixels a bin).

    Iterative warping after Paredes-Valles et al., ICCV 2023 ("Taming contrast maximization"), section 3.2.
    """
    bins = len(flow)
    forward, backward = [events.place], [events.place]
    place = events.place
    for number in range(bins):
        end = events.first[number + 1]
        step = (number + 1 - events.time[:end]).clamp(max=1.0)
        moved = place[:end] + step[:, None] * _flow_at(flow[number], events.sequence[:end], place[:end])
        place = torch.cat([moved, place[end:]])
        forward.append(place)
    place = events.place
    for number in reversed(range(bins)):
        start = events.first[number]
        step = (events.time[start:] - number).clamp(max=1.0)
        moved = place[start:] - step[:, None] * _flow_at(flow[number], events.sequence[start:], place[start:])
        place = torch.cat([place[:start], moved])
        backward.append(place)
    backward.reverse()
    return [
        torch.cat([ahead[: events.first[k]], behind[events.first[k] :]])
        for k, (ahead, behind) in enumerate(zip(forward, backward, strict=True))
    ]


def sequence_sharpness(
    events: BinnedEvents,
    flow: Float[Tensor, "k b 2 h2 w2"],
    size: tuple[int, int],
    backend: Backend,
    blurs: int = 2,
) -> Float[Tensor, ""]:
    """Mean over sequences of log((r + 0.3) / 1.3), r = G0 / G at the first, middle and last boundary: below 0 is sharp.

    ON and OFF events make images of their own. `size` is (height, width); `blurs` times images are blurred by a 3 x 3
    box, so that edges some pixels apart still draw each other near. The ratio itself punishes a wrong flow by more than
    it rewards a right one, which holds a network at zero flow; its logarithm does
    so less, and the 0.3 bounds what events that run together can gain.
    """
    bins, sequences = flow.shape[:2]
    at = carried(events, flow)
    places = [events.place, at[0], at[bins // 2], at[bins]]
    images = _images(events, places, sequences, size, backend)
    for _ in range(blurs):
        images = avg_pool2d(images, 3, stride=1, padding=1)
    count = torch.bincount(events.sequence, minlength=sequences)
    enough = [number for number in range(sequences) if count[number] >= 100]
    if not enough:
        return flow.sum() * 0.0
    ratios = [multi_reference_sharpness(list(images[1:, n]), images[0, n]) for n in enough]
    return (torch.stack(ratios) + 0.3).log().mean() - math.log(1.3)


def roughness(flow: Float[Tensor, "k b 2 h2 w2"]) -> Float[Tensor, ""]:
    """Mean of sqrt(d^2 + 0.1^2) - 0.1 over differences d of flow between neighbours in space and time, pixels a bin.

    Events may sharpen any image by running together. Where flow converges by a tenth of a pixel a pixel and more, this
    costs; a camera's motion converges less in a bin of 10 ms.
    """
    parts = [flow.diff(dim=dimension) for dimension in (3, 4, 0) if flow.shape[dimension] > 1]
    return torch.stack([((part.square() + 0.01).sqrt() - 0.1).mean() for part in parts]).sum()


def _images(
    events: BinnedEvents, places: list[Tensor], sequences: int, size: tuple[int, int], backend: Backend
) -> Float[Tensor, "r b rows columns"]:
    """Images of the events at each list of places; a sequence's OFF image stands below its ON image."""
    height, width = size[0] + 2 * MARGIN, size[1] + 2 * MARGIN
    band = 2 * events.sequence + (~events.on).long()
    xs, ys, weights = [], [], []
    for number, place in enumerate(places):
        x, y = place[:, 0] + MARGIN, place[:, 1] + MARGIN
        # Images are stacked: an event beyond its own image's margin must not appear in the next one.
        inside = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
        xs.append(x)
        ys.append(y.clamp(0, height - 1) + (band + number * 2 * sequences) * height)
        weights.append(inside.to(x.dtype))
    total = len(places) * 2 * sequences * height
    image = backend.splat_events(torch.cat(xs), torch.cat(ys), torch.cat(weights), total, width)
    return image.reshape(len(places), sequences, 2 * height, width)


def _flow_at(
    flow: Float[Tensor, "b 2 h2 w2"], sequence: Int64[Tensor, " n"], place: Float[Tensor, "n 2"]
) -> Float[Tensor, "n 2"]:
    """Flow at pixels, bilinear from maps of half the resolution; the edge's value holds beyond it."""
    rows, columns = flow.shape[2:]
    table = flow.permute(0, 2, 3, 1).reshape(-1, 2)
    x = ((place[:, 0] - 0.5) / 2).clamp(0, columns - 1)
    y = ((place[:, 1] - 0.5) / 2).clamp(0, rows - 1)
    column, row = x.detach().long().clamp(max=columns - 2), y.detach().long().clamp(max=rows - 2)
    right, down = (x - column)[:, None], (y - row)[:, None]
    corner = (sequence * rows + row) * columns + column
    above = table[corner] * (1 - right) + table[corner + 1] * right
    below = table[corner + columns] * (1 - right) + table[corner + columns + 1] * right
    return above * (1 - down) + below * down
