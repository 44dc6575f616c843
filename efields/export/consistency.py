"""What the numbers of a scene document say of one another; viewer/src/scene/validate.ts checks the same."""

from __future__ import annotations

from efields.export.contract import (
    AlignedTone,
    BackgroundMap,
    EventsDocument,
    SceneDocument,
    ToneDocument,
    VolumeDocument,
)
from efields.wire.reading import Refused


def check_consistent(scene: SceneDocument) -> None:
    """Raise `Refused` for a document whose parts do not fit one another."""
    background = scene.background
    channels = background.channels if isinstance(background, BackgroundMap) else len(background)
    if channels not in (1, 3):
        raise Refused(f"background has {channels} channels, not 1 or 3")
    if scene.volume is not None:
        _check_volume(scene.volume, channels)
    poses = scene.trajectory
    if not len(poses.t_s) == len(poses.position) == len(poses.quaternion):
        raise Refused("trajectory has lists of different lengths")
    _check_tone(scene.tone, channels, "tone")
    if scene.tone.aligned is not None:
        _check_tone(scene.tone.aligned, channels, "tone.aligned")
    if scene.events is not None:
        _check_events(scene.events)


def _check_volume(volume: VolumeDocument, channels: int) -> None:
    if channels != (1 if volume.channels == "mono" else 3):
        raise Refused(f"background has {channels} channels, and the volume is {volume.channels}")
    if not len(volume.radiance.low) == len(volume.radiance.high) == channels:
        raise Refused(f"volume.radiance is not of {channels} channels")
    times = [frame.t_s for frame in volume.keyframes]
    known = [t_s for t_s in times if t_s is not None]
    if len(times) > 1 and (len(known) < len(times) or known != sorted(known)):
        raise Refused("volume.keyframes are not in order of time")
    expected = tuple(-(-n // volume.occupancy.block) for n in volume.shape)
    if volume.occupancy.shape != expected:
        raise Refused(f"volume.occupancy.shape is {volume.occupancy.shape}, not {expected}")


def _check_tone(tone: ToneDocument | AlignedTone, channels: int, where: str) -> None:
    for key in ("offset", "scale"):
        numbers = getattr(tone, key)
        if isinstance(numbers, tuple) and len(numbers) != channels:
            raise Refused(f"{where}.{key} has {len(numbers)} numbers for {channels} channels")


def _check_events(events: EventsDocument) -> None:
    starts = [chunk.t0_s for chunk in events.chunks]
    if starts != sorted(starts) or any(chunk.t1_s < chunk.t0_s for chunk in events.chunks):
        raise Refused("events.chunks are not in order of time")
    if sum(chunk.count for chunk in events.chunks) != events.shown or events.count < events.shown:
        raise Refused(f"events.shown is {events.shown}, which is not the number of events of its chunks")
