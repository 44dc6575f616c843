"""What `efields info` reports about an exported page: its scene, every blob of which is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MARK = b'id="efields-scene"'


@dataclass(frozen=True)
class SceneInfo:
    """What `efields info --json` prints of an exported page or folder."""

    name: str
    """Name of the scene."""
    version: tuple[int, int]
    """Version of the scene format."""
    generator: str
    """Program that wrote it."""
    voxels: tuple[int, int, int] | None
    """Voxels along x, y, z; null without a volume."""
    channels: int
    """Channels of radiance."""
    keyframes: int
    """Number of times at which the volume is stored; 1 for a static field."""
    moves: bool
    """Whether the field moves with time."""
    background: str
    """`color`, or the kind of the background."""
    time_range_s: tuple[float, float]
    """From the first event or pose to the last, seconds since the recording's origin."""
    events: int
    """Events in the page."""
    events_recorded: int
    """Events of its recording."""
    views: int
    """Views to choose from."""
    poses: int
    """Poses of the trajectory."""
    notes: tuple[str, ...]
    """Notes shown on the page."""


def holds_scene(path: Path) -> bool:
    """Whether this is a page or folder that `efields export` wrote; nothing of it is checked."""
    try:
        if path.suffix.lower() in (".html", ".htm"):
            return path.is_file() and MARK in path.read_bytes()
        with (path / "scene.json").open("rb") as file:
            return b'"efields-scene"' in file.read(4096)
    except OSError:
        return False


def scene_info(path: Path) -> SceneInfo:
    """Facts of the scene. Raises `InputError` for one that is broken or of another version."""
    from efields.export.read import read_scene

    stored = read_scene(path)
    scene, volume, background = stored.scene, stored.volume(), stored.background()
    return SceneInfo(
        name=scene.name,
        version=scene.schema_version,
        generator=scene.generator,
        voxels=None if volume is None else volume.shape,
        channels=background.radiance.shape[-1],
        keyframes=0 if volume is None else len(volume.keyframes),
        moves=scene.moves_s is not None or (volume is not None and len(volume.keyframes) > 1),
        background="color" if isinstance(scene.background, tuple) else scene.background.kind,
        time_range_s=scene.time_range_s,
        events=len(stored.events()[0]),
        events_recorded=0 if scene.events is None else scene.events.count,
        views=len(scene.cameras.views),
        poses=len(scene.trajectory.t_s),
        notes=scene.notes,
    )


def scene_lines(info: SceneInfo) -> list[str]:
    """The facts for a person to read, one line each."""
    still = f"{info.keyframes} keyframe{'s' * (info.keyframes > 1)} of a moving field" if info.moves else "static field"
    grid = "none" if info.voxels is None else f"{' x '.join(map(str, info.voxels))} voxels, {still}"
    start, end = info.time_range_s
    rows = {
        "scene": f"{info.name}, by {info.generator}, scene format {info.version[0]}.{info.version[1]}",
        "volume": grid,
        "channels": str(info.channels),
        "background": "one color" if info.background == "color" else "by direction",
        "time": f"{start:.6f} to {end:.6f} s",
        "events": f"{info.events:,} of {info.events_recorded:,}" if info.events_recorded else "none",
        "views": str(info.views),
        "poses": str(info.poses),
    }
    return [*(f"{name:<12}{value}" for name, value in rows.items()), *(f"{'note':<12}{note}" for note in info.notes)]
