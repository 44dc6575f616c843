"""Say what a recording holds, and what it lacks for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from efields.cli import print_json

if TYPE_CHECKING:
    from efields.geometry.camera import Camera
    from efields.recording import Recording


@dataclass(frozen=True)
class Args:
    """Flags of `efields info`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    kind: str | None = None
    """Loader to read it with, where its files do not say."""
    json: bool = False
    """Print one JSON object for a machine to read."""


@dataclass(frozen=True)
class Info:
    """What `efields info --json` prints."""

    format: str
    """Kind of the loader."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    events: int
    """Number of events."""
    t_start_us: int
    """Absolute time of the first event, microseconds."""
    t_end_us: int
    """Absolute time of the last event, microseconds."""
    positive_share: float
    """Share of ON events."""
    duration_s: float
    """Seconds from the first event to the last."""
    rate_mean: float
    """Mean events a second."""
    hot_pixels: int
    """Pixels that fire far more than their neighbours."""
    frames: int
    """The camera's own frames with poses."""
    heldout_views: int
    """Views that no training may see."""
    imu_samples: int
    """Samples of an inertial sensor."""
    triggers: int
    """External triggers; none of the present formats records any."""
    poses: int
    """Poses of the trajectory."""
    has_calibration: bool
    """Whether the camera's intrinsics are known."""
    warnings: tuple[str, ...]
    """What the loader did and what is missing, a sentence each."""


def run(args: Args) -> int:
    """Print the facts of a recording; exit code 0."""
    from efields.loaders import find, load

    kind = args.kind or find(args.recording)
    recording = load(args.recording, kind)
    info = describe(recording, kind)
    if args.json:
        print_json(info)
    else:
        print("\n".join(lines(recording, info)))
    return 0


def describe(recording: Recording, kind: str) -> Info:
    """The facts of a recording that was read by the loader `kind`."""
    from efields.events.statistics import hot_pixels, positive_share

    events = recording.events
    return Info(
        format=kind,
        width=events.width,
        height=events.height,
        events=len(events),
        t_start_us=int(events.t_us[0]),
        t_end_us=int(events.t_us[-1]),
        positive_share=positive_share(events),
        duration_s=events.duration_s,
        rate_mean=events.rate_hz,
        hot_pixels=len(hot_pixels(events)),
        frames=0 if recording.frames is None else len(recording.frames),
        heldout_views=0 if recording.heldout is None else len(recording.heldout),
        imu_samples=0 if recording.imu is None else len(recording.imu.t_us),
        triggers=0,
        poses=0 if recording.trajectory is None else len(recording.trajectory),
        has_calibration=recording.camera is not None,
        warnings=recording.notes + missing(recording),
    )


def missing(recording: Recording) -> tuple[str, ...]:
    """What training or scoring would need and the recording does not hold, a sentence each."""
    found = []
    if recording.trajectory is None:
        found.append("Poses are missing: training a radiance field needs them.")
    if recording.frames is None and recording.heldout is None:
        found.append("There are neither held-out views nor frames: a result cannot be scored.")
    return tuple(found)


def lines(recording: Recording, info: Info) -> list[str]:
    """The facts for a person to read, a line each."""
    camera, sensor = recording.camera, recording.sensor
    colour = f"Bayer {camera.bayer}" if camera and camera.bayer else "grey"
    facts = [
        ("format", info.format),
        ("sensor", f"{info.width} x {info.height} pixels, {colour}"),
        ("camera", _camera(camera)),
        ("thresholds", f"{sensor.c_pos:g} ON, {sensor.c_neg:g} OFF, refractory period {sensor.refractory_us:g} us"),
        ("events", f"{info.events:,}, {100 * info.positive_share:.1f} % ON"),
        ("time", f"{info.duration_s:.3f} s from {info.t_start_us * 1e-6:.6f} to {info.t_end_us * 1e-6:.6f} s"),
        ("rate", f"{info.rate_mean:,.0f} events/s"),
        ("hot pixels", f"{info.hot_pixels}"),
        ("poses", _poses(recording)),
        ("frames", f"{info.frames}"),
        ("held out", f"{info.heldout_views} views"),
        ("IMU", f"{info.imu_samples} samples"),
    ]
    shown = [f"{name:<12}{value}" for name, value in facts]
    return [f"{recording.name}", *shown, *(f"{'note':<12}{sentence}" for sentence in info.warnings)]


def _camera(camera: Camera | None) -> str:
    if camera is None:
        return "not calibrated"
    lens = f"{camera.distortion_model} distortion" if camera.distortion else "no distortion"
    return f"focal length {camera.fx:.1f} x {camera.fy:.1f} px, {lens}"


def _poses(recording: Recording) -> str:
    trajectory = recording.trajectory
    if trajectory is None:
        return "none"
    seconds = (trajectory.end_us - trajectory.start_us) * 1e-6
    return f"{len(trajectory)}, {(len(trajectory) - 1) / seconds:.0f} a second, {trajectory.kind}"
