"""Report what a recording contains, what looks broken, and what it lacks for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from efields.cli import print_json
from efields.cli._reading import Reading, loader_options
from efields.cli._scene_page import holds_scene, scene_info, scene_lines
from efields.cli._supplied import SuppliedFlags, supplied_of
from efields.errors import InputError, printable

if TYPE_CHECKING:
    from efields.geometry.camera import Camera
    from efields.recordings.facts import Facts
    from efields.recordings.recording import Views


@dataclass(frozen=True)
class Args:
    """Flags of `efields info`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file; or a page or folder that `efields export` wrote."""
    preview: Path | None = None
    """Also draw the events: a video (.mp4) or an image (.png)."""
    overwrite: bool = False
    """Replace an existing file at --preview."""
    reading: Annotated[Reading, tyro.conf.OmitArgPrefixes] = Reading()
    """How to read a recording whose files leave something open."""
    supplied: Annotated[SuppliedFlags, tyro.conf.OmitArgPrefixes] = SuppliedFlags()
    """Calibration and poses of your own: their rate, coverage and clock are checked."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts."""


@dataclass(frozen=True)
class Info:
    """What `efields info --json` prints."""

    format: str
    """The official name of the format, or the kind of its loader."""
    kind: str
    """Kind of the loader."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    events: int
    """Number of events."""
    t_start_us: int | None
    """Absolute time of the first event, microseconds."""
    t_end_us: int | None
    """Absolute time of the last event, microseconds."""
    positive_share: float
    """Fraction of ON events."""
    duration_s: float
    """Seconds from the first event to the last."""
    rate_mean: float
    """Mean events per second."""
    rate_curve: tuple[float, ...]
    """Events per second in 60 equal spans of the recording."""
    hot_pixels: int
    """Hot pixels (far more events than their neighbours)."""
    backwards: int
    """Events earlier than the previous one in the file."""
    gaps: int
    """Times when the whole sensor was silent for suspiciously long."""
    frames: int
    """The camera's own frames, with poses or without."""
    heldout_views: int
    """Held-out views."""
    imu_samples: int
    """IMU samples."""
    triggers: int
    """Edges at an external trigger input."""
    poses: int
    """Poses of the trajectory, or one per posed image if there are no events."""
    events_with_poses: int
    """Events within the time of the poses, which are those that a reconstruction uses."""
    image_sizes: tuple[tuple[int, int], ...]
    """Width and height of the posed images, each size once, if the recording contains them and no events."""
    cameras: int
    """Cameras of these images that differ by 0.01 pixel or more."""
    has_calibration: bool
    """Whether the camera's intrinsics are known."""
    calibration_assumed: bool
    """Whether they are only assumed."""
    warnings: tuple[str, ...]
    """What the loader did, what looks broken and what is missing, one sentence each."""


def run(args: Args) -> int:
    """Print the facts of a recording, or of the scene in an exported page; exit code 0."""
    if args.reading.kind is None and holds_scene(args.recording):
        return _tell_scene(args)
    from efields.loaders import find
    from efields.supplied.facts import facts_of

    if args.preview is not None:
        from efields.report.preview import check_preview

        check_preview(args.preview, args.overwrite)
    supplied = supplied_of(args.supplied)
    kind = args.reading.kind or find(args.recording)
    options = loader_options(kind, args.reading)
    facts = facts_of(args.recording, kind, options, supplied)
    info = describe(facts)
    if args.json:
        print_json(info)
    else:
        print("\n".join(map(printable, [args.recording.resolve().name, *lines(facts, info)])))
    if args.preview is not None:
        _draw(args, kind, options, facts)
    return 0


def _tell_scene(args: Args) -> int:
    if args.preview is not None:
        raise InputError("--preview draws a recording, and this is an exported page", args.recording, "leave it out")
    info = scene_info(args.recording)
    if args.json:
        print_json(info)
    else:
        print("\n".join(map(printable, [args.recording.resolve().name, *scene_lines(info)])))
    return 0


def describe(facts: Facts) -> Info:
    """The facts as numbers and sentences."""
    survey, side, photographs = facts.survey, facts.side, facts.photographs
    return Info(
        format=facts.format,
        kind=facts.kind,
        width=survey.width,
        height=survey.height,
        events=survey.events,
        t_start_us=survey.first_us if survey.events else None,
        t_end_us=survey.last_us if survey.events else None,
        positive_share=survey.positive_share,
        duration_s=survey.duration_s,
        rate_mean=survey.rate_hz,
        rate_curve=tuple(survey.rate_curve()[1].round(1).tolist()),
        hot_pixels=facts.hot_pixels,
        backwards=facts.order.backwards,
        gaps=len(facts.order.gaps),
        frames=facts.frames,
        heldout_views=facts.heldout_views,
        imu_samples=0 if side.imu is None else len(side.imu.t_us),
        triggers=0 if side.triggers is None else len(side.triggers),
        poses=facts.poses,
        events_with_poses=facts.covered,
        image_sizes=tuple(sorted({(int(w), int(h)) for views in photographs for h, w in views.sizes})),
        cameras=_distinct_cameras(photographs),
        has_calibration=facts.camera is not None,
        calibration_assumed=facts.lens_assumed,
        warnings=facts.warnings,
    )


def _distinct_cameras(photographs: tuple[Views, ...]) -> int:
    if not photographs:
        return 0
    from efields.geometry.many_cameras import distinct

    return len(distinct([camera for views in photographs for camera in views.cameras])[0])


def lines(facts: Facts, info: Info) -> list[str]:
    """The facts for a person to read, one line each."""
    camera = facts.camera
    colour = f"Bayer {camera.bayer}" if camera and camera.bayer else "grey"
    shown = [
        ("format", info.format if info.format == info.kind else f"{info.format} (loader {info.kind})"),
        ("sensor", f"{info.width} x {info.height} pixels, {colour}"),
        ("camera", _camera(camera, facts.lens_assumed)),
        ("thresholds", _thresholds(facts)),
        ("events", f"{info.events:,}, {100 * info.positive_share:.1f} % ON" if info.events else "none"),
        ("time", _time(info)),
        ("rate", f"{info.rate_mean:,.0f} events/s   {_bars(info.rate_curve)}"),
        ("hot pixels", f"{info.hot_pixels}"),
        ("poses", _poses(facts)),
        ("frames", f"{info.frames}"),
        ("held out", f"{info.heldout_views} views"),
        ("IMU", f"{info.imu_samples} samples"),
        ("triggers", f"{info.triggers}"),
    ]
    if facts.photographs:
        shown = [shown[0], *_of_photographs(facts.photographs, info)]
    rows = [f"{name:<12}{value}" for name, value in shown if value]
    return [*rows, *(f"{'note':<12}{sentence}" for sentence in info.warnings)]


def _of_photographs(photographs: tuple[Views, ...], info: Info) -> list[tuple[str, str]]:
    """What is known of images alone: nothing of events."""
    sizes, cameras = info.image_sizes, info.cameras
    said = ", ".join(f"{width} x {height}" for width, height in sizes[:4]) + (" and more" if len(sizes) > 4 else "")
    channels = "colour" if photographs[0].channels == 3 else "grey"
    focal = sorted(camera.fx for views in photographs for camera in views.cameras)
    one = _camera(photographs[0].camera, False)
    return [
        ("images", f"{info.poses}, {channels}, {said} pixels"),
        ("cameras", f"1: {one}" if cameras == 1 else f"{cameras}: focal lengths {focal[0]:.1f} to {focal[-1]:.1f} px"),
        ("poses", f"{info.poses}, one per image"),
        ("to train on", f"{info.frames} images"),
        ("held out", f"{info.heldout_views} images"),
    ]


def _time(info: Info) -> str:
    if info.t_start_us is None or info.t_end_us is None:
        return ""
    return f"{info.duration_s:.3f} s from {info.t_start_us * 1e-6:.6f} to {info.t_end_us * 1e-6:.6f} s"


def _bars(rates: tuple[float, ...]) -> str:
    """The rate over time as a row of blocks, the highest the peak; as every other line of a report, plain text."""
    top = max(rates, default=0.0)
    pairs = [max(rates[i : i + 2]) for i in range(0, len(rates), 2)]
    return "".join(" ▁▂▃▄▅▆▇█"[round(8 * rate / top)] for rate in pairs) if top > 0 else ""


def _thresholds(facts: Facts) -> str:
    if facts.recording is None:
        return ""
    sensor = facts.recording.sensor
    assumed = " (assumed)" if facts.recording.thresholds_assumed else ""
    return f"{sensor.c_pos:g} ON, {sensor.c_neg:g} OFF{assumed}, refractory period {sensor.refractory_us:g} us"


def _camera(camera: Camera | None, assumed: bool) -> str:
    if camera is None:
        return "not calibrated"
    lens = f"{camera.distortion_model} distortion" if camera.distortion else "no distortion"
    return f"focal length {camera.fx:.1f} x {camera.fy:.1f} px, {lens}" + (" (assumed)" if assumed else "")


def _poses(facts: Facts) -> str:
    trajectory = None if facts.recording is None else facts.recording.trajectory
    if trajectory is None:
        return "none"
    seconds = (trajectory.end_us - trajectory.start_us) * 1e-6
    rate = f"{len(trajectory)}, {(len(trajectory) - 1) / seconds:.0f} per second, {trajectory.kind}"
    return f"{rate}; they cover {facts.covered:,} of {facts.survey.events:,} events"


def _draw(args: Args, kind: str, options: dict[str, Any], facts: Facts) -> None:
    """Draw the preview from a second pass over the events."""
    from efields.formats.damages import Damages
    from efields.loaders import as_event_file, open_events
    from efields.report.preview import write_preview

    assert args.preview is not None
    if facts.recording is not None:
        file = as_event_file(facts.recording, kind, args.recording)
    else:
        file = open_events(args.recording, kind, **options)
    events = file.events(Damages(file.path, args.reading.salvage))
    said = write_preview(args.preview, events, facts.survey, facts.side.frames)
    if not args.json:
        print(f"{'preview':<12}{said}")
