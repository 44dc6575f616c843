"""Pictures of motion: flow on a colour wheel or as arrows, events before and after they are warped, videos of both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from efields.export.films import mp4

INK = (0x1B, 0x1E, 0x26)


def flow_colours(flow: Float[np.ndarray, "h w 2"], fastest: float) -> UInt8[np.ndarray, "h w 3"]:
    """Flow as colour: hue is the direction, saturation the speed from 0 (white) to `fastest`, NaN grey.

    Right is red, down yellow-green, left cyan, up violet, as on `wheel` (after Baker et al., IJCV 2011).
    Raises `ValueError` for a fastest speed that is not above 0.
    """
    from matplotlib.colors import hsv_to_rgb

    if not fastest > 0:
        raise ValueError(f"the fastest speed of a picture must be above 0, not {fastest:g}")
    known = np.isfinite(flow).all(axis=-1)
    x, y = (np.where(known, flow[..., k], 0.0) for k in (0, 1))
    hue = np.arctan2(y, x) / (2 * np.pi) % 1.0
    speed = np.clip(np.hypot(x, y) / fastest, 0.0, 1.0)
    colour = hsv_to_rgb(np.stack([hue, speed, np.ones_like(hue)], axis=-1))
    colour[~known] = 0.42
    return np.rint(255 * colour).astype(np.uint8)


def wheel(side: int = 96) -> UInt8[np.ndarray, "side side 4"]:
    """The legend of `flow_colours`: speeds up to the fastest in every direction, transparent outside the disc."""
    y, x = np.mgrid[:side, :side] * (2.0 / (side - 1)) - 1.0
    colours = flow_colours(np.stack([x, y], axis=-1), 1.0)
    inside = np.hypot(x, y) <= 1.0
    return np.dstack([colours, np.where(inside, 255, 0).astype(np.uint8)])


def fastest_speed(flows: Iterable[Float[np.ndarray, "h w 2"]]) -> float:
    """The speed at the end of a common scale: the 99th percentile of all flows, at least 1e-6."""
    speeds = [np.hypot(flow[..., 0], flow[..., 1])[np.isfinite(flow).all(axis=-1)].reshape(-1) for flow in flows]
    every = np.concatenate(speeds) if speeds else np.zeros(0)
    return max(float(np.percentile(every, 99)), 1e-6) if every.size else 1e-6


def arrows(
    background: UInt8[np.ndarray, "h w 3"],
    flow: Float[np.ndarray, "h w 2"],
    fastest: float,
    every: int = 20,
    longest: int = 960,
) -> UInt8[np.ndarray, "h2 w2 3"]:
    """The picture with an arrow each `every` pixels, of at most about that length.

    It is up to 3 whole times as large, while no side gets longer than `longest`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = flow.shape[:2]
    scale = max(1, min(3, longest // max(height, width)))
    figure = Figure(figsize=(width * scale / 100, height * scale / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(background, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="nearest")
    y, x = np.mgrid[every // 2 : height : every, every // 2 : width : every]
    at = flow[y, x]
    known = np.isfinite(at).all(axis=-1) & (np.hypot(at[..., 0], at[..., 1]) > 0.02 * fastest)
    axes.quiver(
        x[known], y[known], at[known][:, 0], at[known][:, 1],
        angles="xy", scale_units="xy", scale=fastest / every, width=0.0028, color=[c / 255 for c in INK],
        headwidth=3.6, headlength=4.2,
    )  # fmt: skip
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.axis("off")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def sharpness_pair(
    before: Float[np.ndarray, "h w"], after: Float[np.ndarray, "h w"]
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]:
    """Images of events as they came and warped, ink on white, on one scale, up to the sharper one's 99.7 %."""
    top = max(float(np.percentile(image, 99.7)) for image in (before, after)) or 1.0
    ink = np.array(INK, dtype=np.float64)

    def drawn(image: np.ndarray) -> np.ndarray:
        share = np.clip(np.nan_to_num(image) / top, 0.0, 1.0)[..., None] ** 0.7
        return np.rint(255 + share * (ink - 255)).astype(np.uint8)

    return drawn(before), drawn(after)


def write_film(path: Path, pictures: Iterable[UInt8[np.ndarray, "h w 3"]], fps: float) -> int:
    """Write pictures of one size as an MP4 and return their number; odd sides lose a pixel, as the codec wants.

    Raises `InputError` when there is no picture, or the video cannot be written.
    """
    count = 0
    with mp4(path, fps) as write:
        for count, picture in enumerate(pictures, start=1):  # noqa: B007
            write(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
    return count
