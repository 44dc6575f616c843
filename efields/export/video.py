"""Videos of a field: images along a camera path, with one brightness for all, as PNG files or an MP4."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from efields.atomic import refuse_existing, replacing
from efields.errors import InputError
from efields.evaluate import Gauge
from efields.export.camera_path import Stop
from efields.export.films import mp4
from efields.geometry.camera import Camera
from efields.render.image import render_view
from efields.render.model import Model
from efields.train.records import read_scores

Shown = Literal["radiance", "depth"]
OnPicture = Callable[[int, int], None]


def write_video(
    model: Model,
    stops: Sequence[Stop],
    fps: float,
    out: AbstractContextManager[Path],
    *,
    show: Shown = "radiance",
    scale: float = 1.0,
    gauge: Gauge | None = None,
    on_picture: OnPicture | None = None,
) -> tuple[Path, int, int]:
    """Render a flight to an .mp4 file or a folder of PNG files; returns its path, width and height of the pictures.

    `out` gives the path when all is rendered: `nullcontext(path)`, or `next_free`. Raises `InputError` for another
    ending.
    """
    pictures = render_flight(model, stops, show, scale, on_picture)
    shown = depth_pictures(pictures) if show == "depth" else radiance_pictures(pictures, gauge)
    with out as path:
        with film(path, fps) as write:
            for picture in shown:
                write(picture)
        return path, shown.shape[2], shown.shape[1]


def render_flight(
    model: Model,
    stops: Sequence[Stop],
    show: Shown = "radiance",
    scale: float = 1.0,
    on_picture: OnPicture | None = None,
) -> np.ndarray:
    """Radiance [n, h, w, c] or depth [n, h, w] at every stop, in the event camera's size times `scale`."""
    pictures = []
    times = field_times(model, stops)
    for done, (stop, t_s) in enumerate(zip(stops, times, strict=True), start=1):
        camera = lens(model.camera, stop.fov_y, scale, stop.size)
        view = render_view(model.renderer, camera, stop.T_world_camera, t_s)
        pictures.append(view.depth if show == "depth" else view.radiance)
        if on_picture is not None:
            on_picture(done, len(stops))
    return np.stack(pictures)


def field_times(model: Model, stops: Sequence[Stop]) -> list[float | None]:
    """The time at which each stop looks at the field, in seconds since the recording's start.

    Where no stop has a time, those of a field that moves go evenly through its recording.
    """
    given = [stop.time_s for stop in stops]
    if model.moves_s is None or any(t_s is not None for t_s in given):
        return given
    return np.linspace(*model.moves_s, len(stops)).tolist()


def lens(camera: Camera, fov_y: float | None, scale: float, size: tuple[int, int] | None = None) -> Camera:
    """A pinhole with this vertical angle of view (radians), of `size` or that of `camera`, times `scale`.

    Without an angle, `camera`'s own lens.
    """
    sized = camera if scale == 1 else camera.scaled(scale)
    if fov_y is None:
        return sized
    width, height = (sized.width, sized.height) if size is None else (max(1, round(n * scale)) for n in size)
    focal = 0.5 * height / math.tan(0.5 * fov_y)
    return Camera(width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))


def check_film(out: Path, overwrite: bool) -> None:
    """Raise `InputError` for a name that is neither an .mp4 file nor a folder, or that is taken."""
    refuse_existing(out, overwrite, ("00000.png",))
    if out.suffix and out.suffix.lower() != ".mp4":
        raise InputError(f"'{out.suffix}' cannot be written", out, "give an .mp4 file, or a folder for PNG files")


def read_gauge(run_path: Path) -> Gauge:
    """The gauge that the evaluation of a run wrote.

    Raises `InputError` when there is none, or metrics.json is damaged.
    """
    table: dict[str, Any] | None = read_scores(run_path).get("gauge")
    if table is None:
        raise InputError("no gauge was fitted for this run", run_path, "run efields evaluate on it, or use --tone auto")
    arrays = {key: np.asarray(value, dtype=np.float64) for key, value in table.items() if isinstance(value, list)}
    numbers = {key: float(value) for key, value in table.items() if isinstance(value, (int, float))}
    known = Gauge.__dataclass_fields__
    return Gauge(**{key: value for key, value in {**arrays, **numbers}.items() if key in known})  # type: ignore[arg-type]


def radiance_pictures(radiance: np.ndarray, gauge: Gauge | None = None) -> np.ndarray:
    """Linear radiance [n, h, w, c] as display values uint8 [n, h, w, 3], with one exposure per channel for all images.

    Events leave the brightness of each channel free, so without a gauge the 99th percentile of each becomes white.
    """
    linear = (
        gauge.apply(radiance) if gauge else radiance / np.maximum(np.quantile(radiance, 0.99, axis=(0, 1, 2)), 1e-9)
    )
    shown = np.clip(linear, 0, 1)
    if gauge is None or gauge.encoding == gauge.decoding == 1:  # else it is display-encoded already
        shown = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 1e-9) ** (1 / 2.4) - 0.055)
    grey = np.round(shown * 255).astype(np.uint8)
    return np.repeat(grey, 3, axis=-1) if grey.shape[-1] == 1 else grey


def depth_pictures(depth: np.ndarray) -> np.ndarray:
    """Depth [n, h, w] as colours uint8 [n, h, w, 3]: near is bright, nothing is black."""
    from matplotlib import colormaps

    hit = np.isfinite(depth)
    near, far = np.quantile(depth[hit], [0.01, 0.99]) if hit.any() else (0.0, 1.0)
    share = np.clip((far - np.where(hit, depth, far)) / max(far - near, 1e-30), 0, 1)
    colours = np.round(colormaps["viridis"](share)[..., :3] * 255).astype(np.uint8)
    colours[~hit] = 0
    return colours


@contextmanager
def film(out: Path, fps: float) -> Iterator[Callable[[UInt8[np.ndarray, "h w 3"]], None]]:
    """Gives a function that takes pictures one by one; the video or the folder of PNG files appears when all are in."""
    if out.suffix.lower() == ".mp4":
        with mp4(out, fps) as write:
            yield write
        return
    import imageio.v3 as iio

    with replacing(out) as folder:
        folder.mkdir()
        names = iter(range(10**9))
        yield lambda picture: iio.imwrite(folder / f"{next(names):05d}.png", picture)
