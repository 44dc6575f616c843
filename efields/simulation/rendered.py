"""All frames and held-out views of a scene: rendered once, then read from the cache."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float16, Float32, Float64

from efields.atomic import replacing
from efields.errors import InputError
from efields.simulation.cache import frames_folder
from efields.simulation.free_path import FreePath
from efields.simulation.motion_truth import MOTION_TRUTH_FILE, MotionTruth, load_truth, render_truth, save_truth
from efields.simulation.render import SceneRenderer
from efields.simulation.scene import Scene

log = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]
"""Called with the stage ("frames", "held-out views", "events"), how much of it is done, and the whole."""

_FRAMES, _VIEWS, _FACTS = "frames.npy", "heldout.npz", "facts.json"


@dataclass(frozen=True)
class RenderedScene:
    """The images that Mitsuba rendered of a scene, before exposure."""

    frames: Float16[np.ndarray, "f h w c"]
    """Linear intensity along the camera path; memory-mapped."""
    t_s: Float64[np.ndarray, " f"]
    """Time of each frame in seconds."""
    heldout: Float32[np.ndarray, "n h w c"]
    """Linear intensity of the held-out views."""
    depth: Float32[np.ndarray, "n h w"]
    """Distance along the unit ray of the held-out views; inf where nothing is hit."""
    truth: MotionTruth | None = None
    """Depth maps along a free path; None for other paths."""


def frame_times(scene: Scene, renderer: SceneRenderer) -> Float64[np.ndarray, " f"]:
    """Times of frames, chosen so that no visible point moves more than `max_motion_px` between two frames.

    Where points move fast the frames are dense. A given number of frames is spread evenly instead.
    """
    duration = scene.path.duration_s
    if scene.render.frames:
        return np.linspace(0, duration, max(scene.render.frames, 2))
    at, speed = motion_px_per_s(scene, renderer)
    # Half the mean is a floor, so that no stretch of a nearly static view is left without frames.
    speed = np.maximum(speed, 0.5 * speed.mean())
    moved = np.concatenate([[0], np.cumsum(np.diff(at) * np.maximum(speed[1:], speed[:-1]))])
    count = max(int(np.ceil(moved[-1] / scene.render.max_motion_px)), 1) + 1
    return np.interp(np.linspace(0, moved[-1], count), moved, at)


def motion_px_per_s(
    scene: Scene, renderer: SceneRenderer, instants: int = 65
) -> tuple[Float64[np.ndarray, " i"], Float64[np.ndarray, " i"]]:
    """Instants along the path, and the greatest image speed of any point that a grid of pixels sees there."""
    duration = scene.path.duration_s
    at, step = np.linspace(0, duration, instants), duration * 1e-4
    start = np.clip(at - step / 2, 0, duration - step)
    speed = np.zeros(instants)
    for k, (here, later) in enumerate(zip(scene.path.poses(start), scene.path.poses(start + step), strict=True)):
        renderer.advance(float(start[k]))
        points, velocity = renderer.visible_points(here, across=24)
        before, after = _project(renderer, here, points), _project(renderer, later, points + step * velocity)
        speed[k] = np.linalg.norm(after - before, axis=-1).max(initial=0.0) / step
    if not speed.any():
        raise InputError(
            "nothing moves in the image along the camera path", scene.name, "point the camera at the scene"
        )
    return at, speed


def _project(renderer: SceneRenderer, T_world_camera: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pixels of world points."""
    return renderer.camera.project((points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3])


def rendered_scene(scene: Scene, on_progress: OnProgress | None = None) -> RenderedScene:
    """The frames and views of `scene`, from the cache if it was rendered before."""
    folder = frames_folder(scene)
    if (folder / _FACTS).is_file():
        try:
            return _read(folder)
        except (OSError, ValueError, KeyError, InputError) as error:
            log.warning("the frames in %s are damaged (%s) and are rendered again", folder, error)
    renderer = SceneRenderer(scene)
    with replacing(folder) as temporary:
        temporary.mkdir()
        t_s = frame_times(scene, renderer)
        _render_frames(scene, renderer, t_s, temporary / _FRAMES, on_progress)
        image, depth = _render_views(scene, renderer, on_progress)
        np.savez(temporary / _VIEWS, image=image, depth=depth, t_s=t_s)
        if isinstance(scene.path, FreePath):
            save_truth(render_truth(renderer, scene.path), temporary / MOTION_TRUTH_FILE)
        facts = {"scene": scene.name, "frames": len(t_s), "variant": renderer.mi.variant()}
        (temporary / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return _read(folder)


def _render_frames(
    scene: Scene, renderer: SceneRenderer, t_s: np.ndarray, path: Path, on_progress: OnProgress | None
) -> None:
    """Render every frame straight into an .npy file, one frame in memory at a time."""
    camera, settings = renderer.camera, scene.render
    shape = (len(t_s), camera.height, camera.width, camera.channels)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)), "fortran_order": False, "shape": shape}
    # Plain writes rather than a memory map: a full disk is then an error and not a crash.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for done, (at, pose) in enumerate(zip(t_s, scene.path.poses(t_s), strict=True), start=1):
            renderer.advance(float(at))
            frame = renderer.intensity(pose, settings.samples, settings.seed)
            file.write(np.minimum(frame, 65000).astype(np.float16).tobytes())
            if on_progress is not None:
                on_progress("frames", done, len(t_s))


def _render_views(
    scene: Scene, renderer: SceneRenderer, on_progress: OnProgress | None
) -> tuple[Float32[np.ndarray, "n h w c"], Float32[np.ndarray, "n h w"]]:
    """Held-out images, each with its own seed, and their depth."""
    camera, settings, poses = renderer.camera, scene.render, scene.heldout.poses(scene.path)
    image = np.empty((len(poses), camera.height, camera.width, camera.channels), dtype=np.float32)
    depth = np.empty(image.shape[:3], dtype=np.float32)
    for k, pose in enumerate(poses):
        image[k] = renderer.intensity(pose, settings.samples_heldout, settings.seed + 1 + k)
        depth[k] = renderer.depth(pose)
        if on_progress is not None:
            on_progress("held-out views", k + 1, len(poses))
    return image, depth


def _read(folder: Path) -> RenderedScene:
    frames = np.load(folder / _FRAMES, mmap_mode="r")
    truth = load_truth(folder) if (folder / MOTION_TRUTH_FILE).is_file() else None
    with np.load(folder / _VIEWS) as views:
        return RenderedScene(frames, views["t_s"], views["image"], views["depth"], truth)
