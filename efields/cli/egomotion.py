"""Estimate angular velocity and translation direction of the camera from events alone.

`--model rotation` (the default) explains all motion by rotation; `--model full` estimates rotation, translation
direction and optical flow together. The camera must be calibrated. Writes motion.csv, motion.npz, trajectory.txt
(orientations, TUM format) and report.html, with the full model flow.npz too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from efields.cli import print_json, seconds_so_far
from efields.cli._motion import EstimateFlags
from efields.errors import InputError, printable
from efields.machine import set_threads
from efields.ranges import Range, Threads

if TYPE_CHECKING:
    from efields.evaluate.motion_agreement import Agreement
    from efields.events.stream import EventStream
    from efields.motion.joint import JointConfig
    from efields.motion.motion import Motion
    from efields.motion.window_rotation import RotationConfig
    from efields.recordings.recording import Recording
    from efields.report.motion_page import MotionPage


@dataclass(frozen=True)
class Args:
    """Flags of `efields egomotion`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    model: Literal["rotation", "full"] = "rotation"
    """`rotation`: the camera only rotates, or the scene is far away. `full`: it translates too."""
    pivot: Annotated[float, Range(0, 10)] | Literal["auto"] = 0.0
    """With --model rotation: distance from the camera back to the point that it rotates about, such as a wrist,
    relative to the distance of the scene. 0: it rotates about itself; auto: estimated from the events, which needs a
    calibration that is right to one percent."""
    estimate: Annotated[EstimateFlags, tyro.conf.OmitArgPrefixes] = EstimateFlags()
    """Which events are looked at, how motion is estimated, and where results go."""
    threads: Threads = 0
    """CPU threads; 0: all cores."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Estimate, write the folder, and print the mean motion; exit code 0."""
    set_threads(args.threads)
    from efields.cli._motion import opened, output_folder

    _refuse_ignored(args)
    config = _config(args)
    with output_folder(args.recording, args.estimate, "egomotion") as (folder, out):
        recording, events = opened(args.recording, args.estimate)
        if recording.camera is None:
            raise InputError(
                "is not calibrated, and egomotion needs the camera's focal length",
                args.recording,
                "give --camera FILE or --camera fx,fy,cx,cy (efields flow works without, for 2D flow)",
            )
        page = _written(args, config, folder, recording, events)
    seconds = seconds_so_far()
    if args.json:
        agreement = {one.reference: asdict(one) for one in page.agreement}
        found = {**summary(page.motion), "calibration": page.calibration, "agreement": agreement}
        print_json({**found, "notes": page.notes, "seconds": seconds, "out": out})
        return 0
    _print(page.motion, page.agreement)
    for note in page.notes:
        print(f"note  {printable(note)}")
    print(f"{out / 'report.html'}   ({seconds:.1f} s for {events.duration_s:.3g} s of events)")
    return 0


def _written(
    args: Args, config: RotationConfig | JointConfig, folder: Path, recording: Recording, events: EventStream
) -> MotionPage:
    """Estimate, write everything to the folder, and return what the page shows."""
    from efields.backends import choose_backend
    from efields.cli._motion import write_page
    from efields.cli._phases import phases
    from efields.motion.estimate import camera_of, estimated
    from efields.motion.files import write_motion
    from efields.report.flow_film import common_scale, shown_flow

    backend, seed = choose_backend("auto"), args.estimate.seed
    share = 0.1 if args.model == "rotation" else 2.0
    guesses = {"estimating": share * max(len(events) / config.window_events, 1), "writing": 1.0}
    with phases(f"egomotion ({args.model})", args.json, guesses) as shown:
        found = estimated(recording, events, config, backend, seed, shown.phase("estimating"), args.recording)
        shown.phase("writing")
        motion, flow = found
        write_motion(folder, motion)
        picture = None
        if flow is not None:
            flow.save(folder / "flow.npz")
            picture = shown_flow(flow, events, camera_of(recording), common_scale(flow, events))
        return write_page("egomotion", args, config, folder, recording, events, found, picture, backend)


def _refuse_ignored(args: Args) -> None:
    """Raise `InputError` for options of the other model."""
    other = {"--pivot": args.pivot or None} if args.model == "full" else {
        "--seconds-per-window": args.estimate.seconds_per_window, "--epipolar-weight": args.estimate.epipolar_weight,
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

    flags = args.estimate
    windows = given(window_events=flags.window_events, travel_px=flags.window_px)
    if args.model == "rotation":
        config = replace(RotationConfig(), pivot=None if args.pivot == "auto" else args.pivot, **windows)
    else:
        own = given(seconds_per_window=flags.seconds_per_window, epipolar_weight=flags.epipolar_weight)
        config = replace(JointConfig(), **windows, **own).resolved
    checked_window(flags.window_events, config.least_events)
    return config


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
    """The mean motion, and its agreement with other references, in a few lines."""
    from efields.motion.motion import UNKNOWN

    windows = "1 window" if len(motion) == 1 else f"{len(motion)} windows"
    assumed = "; the focal length is assumed" if motion.calibration == "assumed" else ""
    w = ", ".join(f"{v:.4f}" for v in motion.mean()) + " rad/s about x, y, z"
    if set(motion.status) <= set(UNKNOWN):
        print(f"angular velocity  not found in {windows} of {motion.distinct_events:,} events; the files contain 0")
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
