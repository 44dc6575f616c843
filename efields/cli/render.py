"""Render a run along an orbit, a spiral or a file of poses, to PNG files or an MP4."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tyro

from efields.cli import print_json
from efields.errors import InputError
from efields.threads import set_threads

if TYPE_CHECKING:
    from efields.evaluate import Gauge
    from efields.train.run import Model


@dataclass(frozen=True)
class Args:
    """Flags of `efields render`."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    path: str = "auto"
    """`orbit`, `spiral`, `recorded` (along the recording), `auto` (an orbit or a spiral, as the camera moved), or a
    file of poses: TUM text `t x y z qx qy qz qw`, or JSON."""
    out: Path | None = None
    """An .mp4 file, or a folder for PNG files; <run>/renders/<path>.mp4 if not given."""
    frames: int = 90
    """Number of pictures; a file of poses has its own."""
    fps: float = 30.0
    """Pictures per second of the video."""
    scale: float = 1.0
    """Size of the pictures relative to the event camera's."""
    show: Literal["radiance", "depth"] = "radiance"
    """What the pictures show."""
    tone: Literal["auto", "gauge"] = "auto"
    """How radiance becomes brightness: exposed so that the brightest hundredth is white, or by the gauge that the
    evaluation fitted to the true views (metrics.json)."""
    threads: int = 0
    """Processor threads; 0 takes all cores."""
    json: bool = False
    """Print one JSON object for a machine to read, and no progress."""


def run(args: Args) -> int:
    """Render all poses, then encode them with one tone for the whole flight."""
    set_threads(args.threads)
    if args.frames < 1 or args.scale <= 0 or args.fps <= 0:
        raise InputError("--frames, --scale and --fps take numbers above zero")
    from efields.train import Run

    source = Run.open(args.run)
    gauge = read_gauge(source.path) if args.tone == "gauge" and args.show == "radiance" else None
    model = source.load_model()
    poses = _poses(args, model)
    out = args.out or source.path / "renders" / f"{Path(args.path).stem}{'-depth' * (args.show == 'depth')}.mp4"
    pictures = _render(model, poses, args)
    shown = depth_pictures(pictures) if args.show == "depth" else radiance_pictures(pictures, gauge)
    with _writer(out, args.fps) as write:
        for picture in shown:
            write(picture)
    brightness = "depth" if args.show == "depth" else ("gauge" if gauge else "uncalibrated")
    if args.json:
        print_json({"out": out, "frames": len(poses), "width": shown.shape[2], "height": shown.shape[1]})
    else:
        print(f"{out}  ({len(poses)} pictures of {shown.shape[2]}x{shown.shape[1]}, brightness: {brightness})")
    return 0


def _poses(args: Args, model: Model) -> np.ndarray:
    from efields.cli._camera_path import orbit_or_spiral, poses_from_file, trajectory_poses

    if args.path == "recorded":
        return trajectory_poses(model.trajectory, args.frames)
    if args.path in ("auto", "orbit", "spiral"):
        return orbit_or_spiral(model.trajectory, args.path, args.frames, _depth_ahead(model))
    return poses_from_file(Path(args.path))


def _depth_ahead(model: Model) -> float | None:
    """Median depth that the middle pose of the trajectory sees; None where it sees nothing."""
    from efields.cli._camera_path import trajectory_poses
    from efields.render.image import render_view

    small = model.camera.scaled(min(1.0, 48 / model.camera.width))
    depth = render_view(model.renderer, small, trajectory_poses(model.trajectory, 3)[1]).depth
    return float(np.median(depth[np.isfinite(depth)])) if np.isfinite(depth).any() else None


def _render(model: Model, poses: np.ndarray, args: Args) -> np.ndarray:
    """Radiance [n, h, w, c] or depth [n, h, w] of every pose."""
    from efields.cli._progress import progress
    from efields.render.image import render_view

    camera = model.camera if args.scale == 1 else model.camera.scaled(args.scale)
    pictures = []
    with progress("rendering", args.json) as report:
        for done, pose in enumerate(poses, start=1):
            view = render_view(model.renderer, camera, pose)
            pictures.append(view.depth if args.show == "depth" else view.radiance)
            report(done, len(poses))
    return np.stack(pictures)


def read_gauge(run_path: Path) -> Gauge:
    """The gauge that the evaluation of a run wrote.

    Raises `InputError` when there is none.
    """
    from efields.evaluate import Gauge

    try:
        table: dict[str, Any] | None = json.loads((run_path / "metrics.json").read_text(encoding="utf-8")).get("gauge")
    except FileNotFoundError:
        table = None
    except ValueError as error:
        raise InputError(f"is not JSON ({error})", run_path / "metrics.json", "efields evaluate again") from None
    if table is None:
        raise InputError("no gauge was fitted in this run", run_path, "efields evaluate it, or use --tone auto")
    arrays = {key: np.asarray(value, dtype=np.float64) for key, value in table.items() if isinstance(value, list)}
    numbers = {key: float(value) for key, value in table.items() if isinstance(value, (int, float))}
    known = Gauge.__dataclass_fields__
    return Gauge(**{key: value for key, value in {**arrays, **numbers}.items() if key in known})  # type: ignore[arg-type]


def radiance_pictures(radiance: np.ndarray, gauge: Gauge | None = None) -> np.ndarray:
    """Linear radiance [n, h, w, c] as display values uint8 [n, h, w, 3], with one exposure per channel for all of it.

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
    share = np.clip((far - np.where(hit, depth, far)) / max(far - near, 1e-9), 0, 1)
    colours = np.round(colormaps["viridis"](share)[..., :3] * 255).astype(np.uint8)
    colours[~hit] = 0
    return colours


@contextmanager
def _writer(out: Path, fps: float) -> Iterator[Any]:
    """Gives a function that takes pictures one by one; the video or the folder of PNG files appears when all are in."""
    import imageio.v3 as iio
    import imageio_ffmpeg

    from efields.atomic import replacing

    if out.suffix.lower() != ".mp4":
        if out.suffix:
            raise InputError(f"'{out.suffix}' cannot be written", out, "name an .mp4 file, or a folder for PNG files")
        with replacing(out) as folder:
            folder.mkdir()
            names = iter(range(10**9))
            yield lambda picture: iio.imwrite(folder / f"{next(names):05d}.png", picture)
        return
    with replacing(out) as temporary:
        encoder: Any = None

        def write(picture: np.ndarray) -> None:
            nonlocal encoder
            even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
            if encoder is None:
                size = (even.shape[1], even.shape[0])
                encoder = imageio_ffmpeg.write_frames(
                    str(temporary),
                    size,
                    fps=fps,  # pyright: ignore[reportArgumentType]  # any number will do
                    codec="libx264",
                    quality=8,
                    macro_block_size=2,
                    output_params=["-f", "mp4", "-movflags", "+faststart"],
                )
                encoder.send(None)
            encoder.send(np.ascontiguousarray(even))

        try:
            yield write
        finally:
            if encoder is not None:
                encoder.close()
