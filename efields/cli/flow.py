"""Estimate optical flow from events alone, and write dense maps and a video of it.

Works without a calibration too: then in pixels of the recorded image, without egomotion. With one, flow is in
pixels of the undistorted image. Writes flow.npz (the continuous flow), maps as npz, .flo or DSEC's PNG, a video and
report.html.
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
    from efields.events.stream import EventStream
    from efields.motion.joint import JointConfig
    from efields.recordings.recording import Recording
    from efields.report.motion_page import MotionPage, ShownFlow

MOST_MAPS = 2000
_SECONDS_A_WINDOW, _SECONDS_A_MEGAPIXEL = 2.0, 0.8
"""Guesses for the time left, until a phase is under way."""


@dataclass(frozen=True)
class Args:
    """Flags of `efields flow`."""

    recording: tyro.conf.Positional[Path]
    """A recording: its folder or file."""
    rate: Annotated[float, Range(0.001, 10**6)] = 100.0
    """Maps per second; each contains the displacement until the next one, in pixels."""
    format: Literal["npz", "flo", "dsec", "all", "none"] = "npz"
    """File format of the maps."""
    film: bool = True
    """Whether to write a video of the flow."""
    estimate: Annotated[EstimateFlags, tyro.conf.OmitArgPrefixes] = EstimateFlags()
    """Which events are looked at, how flow is estimated, and where results go."""
    threads: Threads = 0
    """CPU threads; 0: all cores."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Estimate, write the folder, and say where it is; exit code 0."""
    set_threads(args.threads)
    from efields.cli._motion import checked_window, opened, output_folder
    from efields.motion.joint import JointConfig

    checked_window(args.estimate.window_events, JointConfig().least_events)
    with output_folder(args.recording, args.estimate, "flow") as (folder, out):
        recording, events = opened(args.recording, args.estimate)
        times = _times(events, args.rate)
        page, found = _written(args, _config(args, recording), folder, recording, events, times)
    motion, seconds, maps = page.motion, seconds_so_far(), 0 if args.format == "none" else len(times) - 1
    if args.json:
        said: dict[str, Any] = {
            "maps": maps,
            "rate_hz": args.rate,
            "windows": len(motion),
            "events": motion.distinct_events,
        }
        said |= {"speed_px_s": asdict(found.speeds), "gain": float(np.median(motion.gain))}
        said |= {"calibration": motion.calibration, "calibrated": recording.camera is not None}
        print_json({**said, "notes": page.notes, "seconds": seconds, "out": out})
        return 0
    speeds, gain = found.speeds, float(np.median(motion.gain))
    print(f"speed  median {speeds.median:.0f} px/s, mean {speeds.mean:.0f} px/s, 99 % below {speeds.fast:.0f} px/s")
    shown_maps = "1 map" if maps == 1 else f"{maps} maps"
    print(f"{shown_maps} at {args.rate:g} Hz; sharpening (FWL) {gain:.2f}")
    for note in page.notes:
        print(f"note  {printable(note)}")
    print(f"{out / 'report.html'}   ({seconds:.1f} s for {events.duration_s:.3g} s of events)")
    return 0


def _config(args: Args, recording: Recording) -> JointConfig:
    """How the flow is estimated, by the flags and the recording."""
    from efields.cli._motion import given
    from efields.motion.joint import JointConfig

    weight = args.estimate.epipolar_weight
    if recording.camera is None:
        if weight:
            raise InputError(f"--epipolar-weight {weight:g} needs a calibration", do="give --camera, or leave it out")
        weight = 0.0
    flags = args.estimate
    options = {"window_events": flags.window_events, "travel_px": flags.window_px}
    options |= {"seconds_per_window": flags.seconds_per_window, "epipolar_weight": weight}
    return replace(JointConfig(), **given(**options)).resolved


def _guesses(args: Args, config: JointConfig, events: EventStream, maps: int) -> dict[str, float]:
    """Seconds that the phases may take, before any of them is under way."""
    from efields.report.flow_film import film_times

    windows = len(events) / (config.step * config.window_events)
    picture = _SECONDS_A_MEGAPIXEL * events.width * events.height * 1e-6
    frames = len(film_times(events, maps)) if args.film else 0
    formats = {"none": 0, "all": 3}.get(args.format, 1)
    return {
        "estimating": _SECONDS_A_WINDOW * max(windows, 1),
        "writing maps": picture * maps * formats,
        "film": picture * frames,
        "report": 2.0,
    }


def _written(
    args: Args, config: JointConfig, folder: Path, recording: Recording, events: EventStream, times: np.ndarray
) -> tuple[MotionPage, ShownFlow]:
    """Estimate, write flow, maps, film and page, and return what the page shows."""
    from efields.backends import choose_backend
    from efields.cli._motion import write_page
    from efields.cli._phases import phases
    from efields.motion.estimate import camera_of, estimated
    from efields.motion.flow_maps import write_maps
    from efields.report.flow_film import common_scale, film_times, shown_flow, write_flow_film

    backend, maps = choose_backend("auto"), len(times) - 1
    with phases("flow", args.json, _guesses(args, config, events, maps)) as shown:
        tell = shown.phase("estimating")
        motion, flow = estimated(recording, events, config, backend, args.estimate.seed, tell, args.recording)
        assert flow is not None
        flow.save(folder / "flow.npz")
        if args.format != "none":
            formats = ("npz", "flo", "dsec") if args.format == "all" else (args.format,)
            write_maps(folder / "maps", flow, times, formats, shown.phase("writing maps"))
        film, frames = None, film_times(events, maps)
        fastest = common_scale(flow, events)
        if args.film:
            film = folder / "flow.mp4"
            write_flow_film(film, flow, frames, fastest, shown.phase("film"))
        shown.phase("report")
        picture = shown_flow(flow, events, camera_of(recording), fastest, film, len(frames))
        page = write_page("flow", args, config, folder, recording, events, (motion, flow), picture, backend)
        return page, picture


def _times(events: EventStream, rate_hz: float) -> np.ndarray:
    """Absolute times of the maps in microseconds, one more than there are intervals between them.

    Events that are shorter than one interval have one map, over all of their time.
    """
    step_us, first, last = 1e6 / rate_hz, int(events.t_us[0]), int(events.t_us[-1])
    count = int((last - first) / step_us)
    if count == 0:
        return np.array([first, last], dtype=np.int64)
    if count > MOST_MAPS:
        do = f"choose a shorter slice (--start, --stop), or use --rate {rate_hz * MOST_MAPS / count:.3g}"
        raise InputError(f"{count:,} maps are more than {MOST_MAPS:,}", do=do)
    return first + np.rint(np.arange(count + 1) * step_us).astype(np.int64)
