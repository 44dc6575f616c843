"""Estimate optical flow from events alone, and write dense maps and a film of it.

Works without a calibration too: then in pixels of the recorded image, and no egomotion is given. With one, flow is in
pixels of the undistorted image. Writes flow.npz (the continuous flow), maps as npz, .flo or DSEC's PNG, a film and
report.html.
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
    from efields.events.stream import EventStream
    from efields.geometry.camera import Camera
    from efields.motion.flow import Flow
    from efields.motion.joint import JointConfig
    from efields.motion.motion import Motion
    from efields.recordings.recording import Recording
    from efields.report.motion_page import ShownFlow

MOST_MAPS = 2000
_SECONDS_A_WINDOW, _SECONDS_A_MEGAPIXEL = 2.0, 0.8
"""Guesses for the time left, until a phase is under way."""


@dataclass(frozen=True)
class Args:
    """Flags of `efields flow`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    rate: Annotated[float, Range(0.001, 10**6)] = 100.0
    """Maps a second; each holds the displacement until the next one, in pixels."""
    format: Literal["npz", "flo", "dsec", "all", "none"] = "npz"
    """How maps are written."""
    camera: str = ""
    """Calibration of the camera: a file, or fx,fy,cx,cy[,k1,k2,p1,p2[,k3]], as for `efields train`."""
    scale_camera: bool = False
    """Scale a calibration of another image size to the sensor's."""
    out: Path | None = None
    """Folder for the results; by default the next free of runs/<recording>-flow, -2, -3, ..."""
    overwrite: bool = False
    """Replace the results of an earlier run that are in --out."""
    window_events: Annotated[int, Range(1, 10**8)] | None = None
    """Events in a window, more where the image moves slowly; by default 30000."""
    window_px: Annotated[float, Range(0, 10000)] | None = None
    """Pixels that the image should move by over a window; by default 6. 0 takes --window-events as they are."""
    start: NotNegative | None = None
    """Seconds after the first event at which to start."""
    stop: Positive | None = None
    """Seconds after the first event at which to stop."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """Most seconds that a window may take; the result then depends on the machine's speed."""
    epipolar_weight: Annotated[float, Range(0, 10**6)] | None = None
    """With a calibration: weight of the epipolar constraint; 0 leaves it out."""
    film: bool = True
    """Whether to make a film of the flow."""
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
    """Estimate, write the folder, and say where it is; exit code 0."""
    set_threads(args.threads)
    from efields.cli._motion import checked_window, opened, output_folder
    from efields.cli._phases import phases
    from efields.motion.joint import JointConfig

    checked_window(args.window_events, JointConfig().least_events)
    with output_folder(args, "flow") as (folder, out):
        recording, events = opened(args)
        times = _times(events, args.rate)
        config = _config(args, recording)
        with phases("flow", args.json, _guesses(args, config, events, len(times) - 1)) as shown:
            motion, flow = _estimated(args, config, recording, events, shown)
            flow.save(folder / "flow.npz")
            found = _write(args, config, folder, recording, events, motion, flow, times, shown)
    seconds, maps = seconds_so_far(), 0 if args.format == "none" else len(times) - 1
    if args.json:
        said: dict[str, Any] = {
            "maps": maps,
            "rate_hz": args.rate,
            "windows": len(motion),
            "events": motion.distinct_events,
        }
        said |= {"speed_px_s": asdict(found.speeds), "gain": float(np.median(motion.gain))}
        said |= {"calibration": motion.calibration, "calibrated": recording.camera is not None}
        print_json({**said, "notes": _notes(recording, motion), "seconds": seconds, "out": out})
        return 0
    speeds, gain = found.speeds, float(np.median(motion.gain))
    print(f"speed  median {speeds.median:.0f} px/s, mean {speeds.mean:.0f} px/s, 99 % below {speeds.fast:.0f} px/s")
    shown_maps = "1 map" if maps == 1 else f"{maps} maps"
    print(f"{shown_maps} at {args.rate:g} Hz; sharpening (FWL) {gain:.2f}")
    for note in _notes(recording, motion):
        print(f"note  {printable(note)}")
    print(f"{out / 'report.html'}   ({seconds:.1f} s for {events.duration_s:.3g} s of events)")
    return 0


def _config(args: Args, recording: Recording) -> JointConfig:
    """How the flow is estimated, by the flags and the recording."""
    from efields.cli._motion import given
    from efields.motion.joint import JointConfig

    weight = args.epipolar_weight
    if recording.camera is None:
        if weight:
            raise InputError(f"--epipolar-weight {weight:g} needs a calibration", do="give --camera, or leave it out")
        weight = 0.0
    options = {"window_events": args.window_events, "travel_px": args.window_px}
    options |= {"seconds_per_window": args.seconds_per_window, "epipolar_weight": weight}
    return replace(JointConfig(), **given(**options)).resolved


def _guesses(args: Args, config: JointConfig, events: EventStream, maps: int) -> dict[str, float]:
    """Seconds that the phases may take, before any of them is under way."""
    from efields.cli._flow_output import film_times

    windows = len(events) / (config.step * config.window_events)
    picture = _SECONDS_A_MEGAPIXEL * events.width * events.height * 1e-6
    frames = len(film_times((0, 1), maps)) if args.film else 0
    formats = {"none": 0, "all": 3}.get(args.format, 1)
    return {
        "estimating": _SECONDS_A_WINDOW * max(windows, 1),
        "writing maps": picture * maps * formats,
        "film": picture * frames,
        "report": 2.0,
    }


def _estimated(
    args: Args, config: JointConfig, recording: Recording, events: EventStream, shown: Phases
) -> tuple[Motion, Flow]:
    from efields.backends import choose_backend
    from efields.cli._motion import at_recording, calibration_of
    from efields.motion.joint import estimate_motion_and_flow

    camera, calibration = recording.camera or _nominal(events), calibration_of(recording)
    with at_recording(args.recording):
        motion, flow = estimate_motion_and_flow(
            events, camera, config, choose_backend("auto"), args.seed, shown.phase("estimating")
        )
    return replace(motion, calibration=calibration), replace(flow, calibration=calibration)


def _nominal(events: EventStream) -> Camera:
    """A focal length of the width is about that of a usual lens; flow on pixels hardly depends on it."""
    from efields.geometry.camera import Camera

    width, height = events.width, events.height
    return Camera(width, height, width, width, width / 2 - 0.5, height / 2 - 0.5)


def _notes(recording: Recording, motion: Motion) -> tuple[str, ...]:
    """What a user should know, a sentence each."""
    notes = recording.notes + motion.notes
    if recording.camera is None:
        return (
            *notes,
            "The camera is not calibrated: flow is in pixels of the recorded image, and no egomotion is given. Inside "
            "the estimate a focal length of the image's width is assumed, on which the flow hardly depends.",
        )
    return notes + motion.ambiguities


def _write(
    args: Args,
    config: JointConfig,
    folder: Path,
    recording: Recording,
    events: EventStream,
    motion: Motion,
    flow: Flow,
    times: np.ndarray,
    shown: Phases,
) -> ShownFlow:
    """Write the maps, the film and the page, and return what it shows of the flow."""
    from efields.cli._flow_output import common_scale, film_times, shown_flow, write_flow_film, write_maps
    from efields.cli._motion import settings_of, sharpened
    from efields.evaluate.motion_agreement import agreement, references_of
    from efields.report.motion_page import MotionPage, write_motion_page
    from efields.report.motion_pictures import sharpness_pair

    if args.format != "none":
        formats = ("npz", "flo", "dsec") if args.format == "all" else (args.format,)
        write_maps(folder / "maps", flow, times, formats, shown.phase("writing maps"))
    camera, span_us = recording.camera or _nominal(events), (int(events.t_us[0]), int(events.t_us[-1]))
    film, frames = None, film_times(span_us, len(times) - 1)
    fastest = common_scale(flow, span_us)
    if args.film:
        film = folder / "flow.mp4"
        write_flow_film(film, flow, frames, fastest, shown.phase("film"))
    shown.phase("report")
    found = shown_flow(flow, events, camera, fastest, film, len(frames))
    before, after = sharpness_pair(*sharpened(events, camera, motion, flow))
    references = () if recording.camera is None else references_of(recording, args.recording)
    page = MotionPage(
        command="flow",
        name=recording.name or args.recording.name,
        motion=motion,
        span_us=span_us,
        seconds=seconds_so_far(),
        before=before,
        after=after,
        flow=found,
        references=references,
        agreement=agreement(motion, references),
        settings=settings_of(args, config, camera, motion.calibration),
        notes=_notes(recording, motion),
    )
    write_motion_page(folder / "report.html", page)
    return found


def _times(events: EventStream, rate_hz: float) -> np.ndarray:
    """Absolute times of the maps in microseconds, one more than there are intervals between them.

    Events that are shorter than one interval have one map, over all of their time.
    """
    step_us, first, last = 1e6 / rate_hz, int(events.t_us[0]), int(events.t_us[-1])
    count = int((last - first) / step_us)
    if count == 0:
        return np.array([first, last], dtype=np.int64)
    if count > MOST_MAPS:
        do = f"look at a shorter slice (--start, --stop), or take --rate {rate_hz * MOST_MAPS / count:.3g}"
        raise InputError(f"{count:,} maps are more than {MOST_MAPS:,}", do=do)
    return first + np.rint(np.arange(count + 1) * step_us).astype(np.int64)
