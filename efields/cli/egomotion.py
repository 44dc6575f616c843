"""Estimate angular velocity and translation direction of the camera from events alone.

`--model rotation` (the default) takes all motion for rotation; `--model full` estimates rotation, translation direction
and optical flow together. The camera must be calibrated. Writes motion.csv, motion.npz, trajectory.txt (orientations,
TUM format) and report.html, with the full model flow.npz too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from efields.cli import print_json, seconds_so_far
from efields.cli._loader_options import TimeUnit
from efields.errors import InputError, printable
from efields.machine import set_threads
from efields.ranges import NotNegative, Pixels, Positive, Range, Seed, Threads

if TYPE_CHECKING:
    from efields.cli._phases import Phases
    from efields.evaluate.motion_agreement import Agreement
    from efields.events.stream import EventStream
    from efields.motion.flow import Flow
    from efields.motion.joint import JointConfig
    from efields.motion.motion import Motion
    from efields.motion.window_rotation import RotationConfig
    from efields.recordings.recording import Recording


@dataclass(frozen=True)
class Args:
    """Flags of `efields egomotion`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    model: Literal["rotation", "full"] = "rotation"
    """`rotation`: the camera only rotates, or the scene is far. `full`: it translates too."""
    camera: str = ""
    """Calibration of the camera: a file, or fx,fy,cx,cy[,k1,k2,p1,p2[,k3]], as for `efields train`."""
    scale_camera: bool = False
    """Scale a calibration of another image size to the sensor's."""
    out: Path | None = None
    """Folder for the results; by default the next free of runs/<recording>-egomotion, -2, -3, ..."""
    overwrite: bool = False
    """Replace the results of an earlier run that are in --out."""
    window_events: Annotated[int, Range(1, 10**8)] | None = None
    """Events in a window, more where the image moves slowly; by default 20000 for a rotation, 30000 for the full
    model."""
    window_px: Annotated[float, Range(0, 10000)] | None = None
    """Pixels that the image should move by over a window; by default 6. More helps with slow motion and little
    parallax, less follows quick changes; 0 takes --window-events as they are."""
    start: NotNegative | None = None
    """Seconds after the first event at which to start."""
    stop: Positive | None = None
    """Seconds after the first event at which to stop."""
    pivot: Annotated[float, Range(0, 10)] | Literal["auto"] = 0.0
    """With --model rotation: distance from the camera back to the point that it rotates about, such as a wrist, over
    the distance of the scene. 0: it rotates about itself; auto: found from the events, which takes a calibration that
    is right to one percent."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """With --model full: most seconds that a window may take; the result then depends on the machine's speed."""
    epipolar_weight: Annotated[float, Range(0, 10**6)] | None = None
    """With --model full: weight of the epipolar constraint; 0 leaves it out."""
    seed: Seed = 0
    """Seed of every random draw."""
    threads: Threads = 0
    """Processor threads; 0 takes all cores."""
    kind: str | None = None
    """Loader to read with, where the files do not say."""
    salvage: bool = False
    """Read what is whole of a damaged file."""
    width: Pixels | None = None
    """Columns of the sensor, where the file does not say."""
    height: Pixels | None = None
    """Rows of the sensor, where the file does not say."""
    time_unit: TimeUnit | None = None
    """Unit of the events' times, where the file does not say."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """An option of the loader, `name=value`; may be repeated."""
    plugins: bool = False
    """Let code outside efields run, which a `kind` with a dot or `mitsuba_xml` names; only for what you trust."""
    json: bool = False
    """Print one JSON object for a machine to read, and no progress."""


def run(args: Args) -> int:
    """Estimate, write the folder, and print the mean motion; exit code 0."""
    set_threads(args.threads)
    from efields.cli._motion import opened, output_folder
    from efields.cli._phases import phases

    _refuse_ignored(args)
    config = _config(args)
    with output_folder(args, "egomotion") as (folder, out):
        recording, events = opened(args)
        if recording.camera is None:
            raise InputError(
                "is not calibrated, and egomotion needs the camera's focal length",
                args.recording,
                "give --camera FILE or --camera fx,fy,cx,cy (efields flow works without: 2D flow)",
            )
        share = 0.1 if args.model == "rotation" else 2.0
        guesses = {"estimating": share * max(len(events) / config.window_events, 1), "writing": 1.0}
        with phases(f"egomotion ({args.model})", args.json, guesses) as shown:
            motion, flow = _estimated(args, config, recording, events, shown)
            shown.phase("writing")
            agreed = _write(args, config, folder, recording, events, motion, flow)
    seconds = seconds_so_far()
    if args.json:
        agreement = {one.reference: asdict(one) for one in agreed}
        found = {**summary(motion), "calibration": motion.calibration, "agreement": agreement}
        print_json({**found, "notes": _notes(recording, motion), "seconds": seconds, "out": out})
        return 0
    _print(motion, agreed)
    for note in _notes(recording, motion):
        print(f"note  {printable(note)}")
    print(f"{out / 'report.html'}   ({seconds:.1f} s for {events.duration_s:.3g} s of events)")
    return 0


def _refuse_ignored(args: Args) -> None:
    """Raise `InputError` for options of the other model."""
    other = {"--pivot": args.pivot or None} if args.model == "full" else {
        "--seconds-per-window": args.seconds_per_window, "--epipolar-weight": args.epipolar_weight,
    }  # fmt: skip
    needed = "rotation" if args.model == "full" else "full"
    for name, value in other.items():
        if value is not None:
            raise InputError(f"{name} is an option of --model {needed}", do=f"leave it out, or add --model {needed}")


def _config(args: Args) -> RotationConfig | JointConfig:
    """How the motion is estimated, by the flags."""
    from efields.cli._motion import checked_window, given
    from efields.motion.joint import JointConfig
    from efields.motion.window_rotation import RotationConfig

    windows = given(window_events=args.window_events, travel_px=args.window_px)
    if args.model == "rotation":
        config = replace(RotationConfig(), pivot=None if args.pivot == "auto" else args.pivot, **windows)
    else:
        own = given(seconds_per_window=args.seconds_per_window, epipolar_weight=args.epipolar_weight)
        config = replace(JointConfig(), **windows, **own).resolved
    checked_window(args.window_events, config.least_events)
    return config


def _estimated(
    args: Args, config: RotationConfig | JointConfig, recording: Recording, events: EventStream, shown: Phases
) -> tuple[Motion, Flow | None]:
    """The motion, and the flow where the model has one."""
    from efields.backends import choose_backend
    from efields.cli._motion import at_recording, calibration_of
    from efields.motion.joint import JointConfig, estimate_motion_and_flow
    from efields.motion.rotation import estimate_rotation

    backend, tell = choose_backend("auto"), shown.phase("estimating")
    with at_recording(args.recording):
        if isinstance(config, JointConfig):
            motion, flow = estimate_motion_and_flow(events, recording.calibrated, config, backend, args.seed, tell)
        else:
            motion, flow = estimate_rotation(events, recording.calibrated, config, backend, tell), None
    calibration = calibration_of(recording)
    return replace(motion, calibration=calibration), flow and replace(flow, calibration=calibration)


def summary(motion: Motion) -> dict[str, Any]:
    """The motion in a few numbers: means over time, and every window."""
    known = np.asarray(np.isfinite(motion.direction).all(axis=1))
    rows = [
        {
            "t_us": int(motion.t_us[k]),
            "angular_velocity_rad_s": motion.angular_velocity[k].tolist(),
            "direction": motion.direction[k].tolist() if known[k] else None,
            "events": int(motion.events[k]),
            "gain": float(motion.gain[k]),
            "status": motion.status[k],
        }
        for k in range(len(motion))
    ]
    direction = motion.mean_direction()
    return {
        "model": motion.model,
        "angular_velocity_rad_s": motion.mean().tolist(),
        "direction": None if direction is None else direction.tolist(),
        "t_us": (int(motion.t_us[0]) + int(motion.t_us[-1])) // 2,
        "events": motion.distinct_events,
        "gain": float(np.median(motion.gain)),
        "windows": rows,
    }


def _print(motion: Motion, agreed: tuple[Agreement, ...]) -> None:
    """The mean motion, and how it agrees with what else is known, in a few lines."""
    from efields.motion.motion import UNKNOWN

    windows = "1 window" if len(motion) == 1 else f"{len(motion)} windows"
    assumed = "; the focal length is assumed" if motion.calibration == "assumed" else ""
    w = ", ".join(f"{v:.4f}" for v in motion.mean()) + " rad/s about x, y, z"
    if set(motion.status) <= set(UNKNOWN):
        print(f"angular velocity  not found in {windows} of {motion.distinct_events:,} events; the files hold 0 for it")
    else:
        print(f"angular velocity  {w} (mean of {windows}, {motion.distinct_events:,} events{assumed})")
    direction = motion.mean_direction()
    if direction is not None:
        known = int(np.isfinite(motion.direction).all(axis=1).sum())
        v = ", ".join(f"{value:.3f}" for value in direction)
        print(f"translation       {v} (unit vector along x, y, z; mean of {known} of {windows})")
    elif motion.model == "full":
        print("translation       no window gives a direction")
    for one in agreed:
        known = one.correlation is not None and one.slope is not None
        course = f"; about its main axis: correlation {one.correlation:.2f}, slope {one.slope:.2f}" if known else ""
        print(
            f"against {one.reference}: RMS error {one.rms_deg_s:.2f} deg/s, mean {one.mean_deg_s:.2f} "
            f"(no rotation: {one.zero_rotation_rms_deg_s:.2f}, {one.zero_rotation_mean_deg_s:.2f}), "
            f"{one.windows} of {windows}{course}"
        )


def _notes(recording: Recording, motion: Motion) -> tuple[str, ...]:
    """What a user should know, a sentence each."""
    return recording.notes + motion.notes + motion.ambiguities


def _write(
    args: Args,
    config: RotationConfig | JointConfig,
    folder: Path,
    recording: Recording,
    events: EventStream,
    motion: Motion,
    flow: Flow | None,
) -> tuple[Agreement, ...]:
    """Write everything to the folder, and return how the motion agrees with what else is known."""
    from efields.cli._flow_output import common_scale, shown_flow
    from efields.cli._motion import settings_of, sharpened
    from efields.evaluate.motion_agreement import agreement, references_of
    from efields.motion.files import write_motion_csv, write_motion_npz, write_tum
    from efields.motion.orientation import integrated
    from efields.motion.smoothing import smoothed
    from efields.report.motion_page import MotionPage, write_motion_page
    from efields.report.motion_pictures import sharpness_pair

    write_motion_csv(folder / "motion.csv", motion)
    write_motion_npz(folder / "motion.npz", motion)
    write_tum(folder / "trajectory.txt", *integrated(smoothed(motion)), calibration=motion.calibration)
    if flow is not None:
        flow.save(folder / "flow.npz")
    references = references_of(recording, args.recording)
    agreed, camera = agreement(motion, references), recording.calibrated
    before, after = sharpness_pair(*sharpened(events, camera, motion, flow))
    span_us = (int(events.t_us[0]), int(events.t_us[-1]))
    found = None if flow is None else shown_flow(flow, events, camera, common_scale(flow, span_us))
    page = MotionPage(
        command="egomotion",
        name=recording.name or args.recording.name,
        motion=motion,
        span_us=span_us,
        seconds=seconds_so_far(),
        before=before,
        after=after,
        flow=found,
        references=references,
        agreement=agreed,
        settings=settings_of(args, config, camera, motion.calibration),
        notes=_notes(recording, motion),
    )
    write_motion_page(folder / "report.html", page)
    return agreed
