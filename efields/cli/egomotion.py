"""Estimate how the camera moved, from events alone: turn, and direction of translation.

`--model rotation` warps events by a rotation; `--model full` estimates flow, rotation and the direction of translation
together. Writes motion.csv, motion.npz, trajectory.txt (TUM), pictures and report.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from efields.cli import print_json
from efields.cli._loader_options import TimeUnit
from efields.errors import InputError
from efields.ranges import NotNegative, Pixels, Positive, Range, Seed, Threads
from efields.threads import set_threads

if TYPE_CHECKING:
    from efields.events.stream import EventStream
    from efields.geometry.camera import Camera
    from efields.motion.flow import Flow
    from efields.motion.motion import Motion


@dataclass(frozen=True)
class Args:
    """Flags of `efields egomotion`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    model: Literal["rotation", "full"] = "rotation"
    """Whether the camera only turned, or also moved."""
    camera: str = ""
    """Calibration given beside the recording, as for `efields train`."""
    scale_camera: bool = False
    """Scale a calibration of another image size to the sensor's."""
    out: Path | None = None
    """Folder for what comes out; runs/<recording>-egomotion if not given."""
    window_events: Annotated[int, Range(1, 10**8)] | None = None
    """Events in a window, more where the image moves slowly; by default 20000 for a rotation, 30000 for the full
    model."""
    window_px: Annotated[float, Range(0, 10000)] | None = None
    """Pixels that the image should move by over a window, 6 if not given: longer ones tell slow turns and parallax,
    shorter ones follow quick changes; 0 takes --window-events as they are."""
    start: NotNegative | None = None
    """Seconds after the first event from which to look."""
    stop: Positive | None = None
    """Seconds after the first event up to which to look."""
    pivot: Annotated[float, Range(0, 10)] | Literal["auto"] = 0.0
    """With --model rotation: distance of the point that the camera turns about, over that of the scene; 0 for a camera
    that turns about itself, auto: found from the events, which takes a calibration that is right to one percent."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """With --model full: time that a window may take."""
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
    from efields.cli._motion import folder_for, opened

    recording, events = opened(args)
    if recording.camera is None:
        raise InputError(
            "is not calibrated, and egomotion needs the camera's focal length",
            args.recording,
            "give --camera FILE or --camera fx,fy,cx,cy (efields flow works without: 2D flow)",
        )
    motion, flow = estimated(args, events, recording.camera)
    out = folder_for(args.out, args.recording, "egomotion")
    agreed = _write(args, out, recording, events, motion, flow)
    mean = mean_motion(motion)
    if args.json:
        print_json({**mean, "agreement": agreed, "notes": motion.notes, "out": out})
        return 0
    w = ", ".join(f"{v:.4f}" for v in mean["angular_velocity_rad_s"])
    print(f"angular velocity  {w} rad/s about x, y, z (mean over {len(motion)} windows, {mean['events']:,} events)")
    if mean["direction"] is not None:
        print("direction         " + ", ".join(f"{v:.3f}" for v in mean["direction"]) + " (unit vector, camera axes)")
    for name, scores in agreed.items():
        print(f"against {name}: " + ", ".join(f"{key} {value:.2f}" for key, value in scores.items()))
    for note in motion.notes:
        print(f"note  {note}")
    print(f"{out / 'report.html'}   ({motion.seconds:.1f} s for {events.duration_s:.2f} s of events)")
    return 0


def estimated(args: Args, events: EventStream, camera: Camera) -> tuple[Motion, Flow | None]:
    """The motion, and the flow where the model has one."""
    from dataclasses import replace

    from efields.backends import choose_backend
    from efields.cli._motion import given
    from efields.cli._progress import progress
    from efields.motion.joint import JointConfig, estimate_motion_and_flow
    from efields.motion.rotation import estimate_rotation
    from efields.motion.window_rotation import RotationConfig

    backend = choose_backend("auto")
    windows = {"window_events": args.window_events, "travel_px": args.window_px}
    with progress(f"motion ({args.model})", args.json) as report:
        if args.model == "rotation":
            pivot = None if args.pivot == "auto" else args.pivot
            config = replace(RotationConfig(), pivot=pivot, **given(**windows))
            return estimate_rotation(events, camera, config, backend, lambda done, total: report(done, total)), None
        own = {"seconds_per_window": args.seconds_per_window, "epipolar_weight": args.epipolar_weight}
        joint = replace(JointConfig(), **given(**windows, **own))
        return estimate_motion_and_flow(
            events, camera, joint, backend, args.seed, lambda done, total: report(done, total)
        )


def mean_motion(motion: Motion) -> dict[str, Any]:
    """The motion in a few numbers: means over windows by their events, and every window."""
    weight = motion.events / max(int(motion.events.sum()), 1)
    known = np.asarray(np.isfinite(motion.direction).all(axis=1))
    direction = None
    if known.any():
        summed = weight[known] @ motion.direction[known]
        length = float(np.linalg.norm(summed))
        direction = (summed / length).tolist() if length > 1e-6 else None
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
    return {
        "model": motion.model,
        "angular_velocity_rad_s": (weight @ motion.angular_velocity).tolist(),
        "direction": direction,
        "t_us": round(float(weight @ motion.t_us.astype(np.float64))),
        "events": int(motion.events.sum()),
        "seconds": motion.seconds,
        "gain": float(np.median(motion.gain)),
        "windows": rows,
    }


def _write(
    args: Args, out: Path, recording: Any, events: EventStream, motion: Motion, flow: Flow | None
) -> dict[str, dict[str, float]]:
    from efields.cli._motion import agreement, dense, given, references_of, sharpened
    from efields.motion.files import write_motion_csv, write_motion_npz, write_tum
    from efields.motion.orientation import integrated
    from efields.motion.smoothing import smoothed
    from efields.report.motion_page import MotionPage, write_motion_page
    from efields.report.motion_pictures import fastest_speed, sharpness_pair

    out.mkdir(parents=True, exist_ok=True)
    write_motion_csv(out / "motion.csv", motion)
    write_motion_npz(out / "motion.npz", motion)
    write_tum(out / "trajectory.txt", *integrated(smoothed(motion)))
    if flow is not None:
        flow.save(out / "flow.npz")
    references = references_of(recording, args.recording)
    agreed = agreement(motion, references)
    camera = recording.calibrated
    before, after = sharpness_pair(*sharpened(events, camera, motion, flow))
    shown = None if flow is None else dense(flow, int(motion.t_us[len(motion) // 2]), camera.width, camera.height)
    write_motion_page(
        out / "report.html",
        MotionPage(
            name=recording.name or args.recording.name,
            motion=motion,
            before=before,
            after=after,
            flow=shown,
            fastest=1.0 if shown is None else fastest_speed([shown]),
            references=references,
            agreement=agreed,
            settings=given(
                model=args.model,
                window_events=args.window_events,
                window_px=args.window_px,
                seed=args.seed,
                start=args.start,
                stop=args.stop,
            ),
            notes=recording.notes + motion.notes,
        ),
    )
    return agreed
