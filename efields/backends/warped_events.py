"""Images of warped events: bilinear splats in plain torch, which define what faster ones must equal."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def splat_events(
    x: Float[Tensor, " n"], y: Float[Tensor, " n"], weight: Float[Tensor, " n"], height: int, width: int
) -> Float[Tensor, "height width"]:
    """Image to whose four pixels around (x, y) each event adds its weight, bilinearly; differentiable in all three.

    Positions are in pixels, whose centres are at integers. Pixels off the image are dropped, as if the image were cut
    from a larger one, and so are events that are not finite. Source: Gallego et al., CVPR 2018, eq. 3, with the
    bilinear kernel in place of the delta function.
    """
    keep = torch.nonzero((x >= -1) & (x < width) & (y >= -1) & (y < height))[:, 0]
    x, y, weight = x[keep], y[keep], weight[keep]
    column, row = x.detach().floor(), y.detach().floor()
    right, down = x - column, y - row
    # A margin of one pixel takes what is dropped.
    at = (row.long() + 1) * (width + 2) + column.long() + 1
    image = weight.new_zeros((height + 2) * (width + 2))
    for share, offset in (
        ((1 - right) * (1 - down), 0),
        (right * (1 - down), 1),
        ((1 - right) * down, width + 2),
        (right * down, width + 3),
    ):
        image = image.index_add(0, at + offset, weight * share)
    return image.unflatten(0, (height + 2, width + 2))[1:-1, 1:-1]
