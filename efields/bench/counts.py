"""The work of one sample of a hash-grid field, from the field's sizes: the counts behind every ceiling.

Counted is what has to be done, not what an implementation does: padding, addresses, activations and hidden layers that
are computed twice are left to the fraction that it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from efields.fields.hash_grid import GEOMETRY_FEATURES, Config

FLOAT = 4
"""Bytes of a number."""
ADAM_NUMBERS = 7
"""Numbers that Adam moves for each parameter: parameter, gradient and two moments in, all but the gradient out."""
EVENT_BYTES = (2 + 2 + 8 + 1) + 4 * 8
"""Bytes of an event in the stream (x, y, t, sign), and in the index (t, order, key, count)."""


@dataclass(frozen=True)
class Work:
    """Operations of one sample (or parameter, or event)."""

    multiply_adds: float = 0.0
    """Multiplications with an addition, in products of matrices."""
    gathers: float = 0.0
    """Rows that are read from random places of one level of the table."""
    scatters: float = 0.0
    """Rows that are added to at random places of one level."""
    bytes: float = 0.0
    """Bytes that come from memory or go there in order."""
    table_bytes: float = 0.0
    """Bytes that come from the table, its gradient or its moments, or go there, in order."""

    def __add__(self, other: Work) -> Work:
        return Work(
            self.multiply_adds + other.multiply_adds,
            self.gathers + other.gathers,
            self.scatters + other.scatters,
            self.bytes + other.bytes,
            self.table_bytes + other.table_bytes,
        )


RAY_BYTES = (8 + 8 + 3 * 8) + 6 * 4
"""Bytes of a pixel, a time and a bearing that become a ray."""
SPLAT_BYTES = 3 * 4
"""Bytes of the position and weight of an event; the image stays in the cache."""
WARP_BYTES = (1 + 2 + 1 + 2) * 4
"""Bytes of an event's time, place, other time and place there; the lattice stays in the cache."""


def perceptrons(field: Config, channels: int) -> tuple[list[int], list[int]]:
    """Widths of the layers, input first, of the density and of the radiance perceptron."""
    density = [field.levels * field.features, field.width, 1 + GEOMETRY_FEATURES]
    hidden = [field.width] * field.radiance_layers
    return density, [GEOMETRY_FEATURES + field.view_degree**2, *hidden, channels]


def multiply_adds(widths: list[int]) -> int:
    """Multiply-adds of one sample through a perceptron."""
    return sum(inside * outside for inside, outside in pairwise(widths))


def counts(field: Config, channels: int, samples_per_step: int) -> dict[str, Work]:
    """The work of one sample in each kernel, of one parameter for `adam`, and of one event for `event index`."""
    density, radiance = perceptrons(field, channels)
    encoded, corners = FLOAT * density[0], 8 * field.levels
    products = multiply_adds(density) + multiply_adds(radiance)
    rows = FLOAT * (density[0] + density[-1] + radiance[0] + radiance[-1])
    adam = Work(table_bytes=ADAM_NUMBERS * FLOAT)
    parameters = field.layout().rows * field.features + products
    look = Work(products, gathers=corners)
    # Every product of the forward pass has two of the same size behind it: for its input and for its weights.
    look_both = look + Work(2 * products, scatters=corners)
    return {
        "hash encode": Work(gathers=corners, bytes=3 * FLOAT + encoded),
        "hash encode backward": Work(scatters=corners, bytes=3 * FLOAT + encoded),
        "mlp": Work(products, bytes=rows),
        "mlp backward": Work(2 * products, bytes=2 * rows),
        "spherical harmonics": Work(bytes=FLOAT * (3 + field.view_degree**2)),
        "look": look,
        "look and backward": look_both,
        "density": Work(multiply_adds(density), gathers=corners, bytes=4 * FLOAT),
        "adam": adam,
        "event index": Work(bytes=EVENT_BYTES),
        "interval rays": Work(bytes=RAY_BYTES),
        "splat": Work(bytes=SPLAT_BYTES),
        "warp": Work(bytes=WARP_BYTES),
        "warp backward": Work(bytes=WARP_BYTES),
        "train_step": look_both + Work(table_bytes=adam.table_bytes * parameters / samples_per_step),
    }
