"""Estimate optical flow at any time and pixel from events, and write dense maps of it.

Works without a calibration too: then on raw pixels, and no egomotion is claimed. Writes flow.npz (the continuous flow),
maps as npz, .flo or DSEC's PNG, a film, arrows and report.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    from efields.recording import Recording

MOST_MAPS = 2000


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
    """Calibration given beside the recording, as for `efields train`."""
    scale_camera: bool = False
    """Scale a calibration of another image size to the sensor's."""
    out: Path | None = None
    """Folder for what comes out; runs/<recording>-flow if not given."""
    window_events: Annotated[int, Range(1, 10**8)] | None = None
    """Events in a window, more where the image moves slowly; 30000 if not given."""
    window_px: Annotated[float, Range(0, 10000)] | None = None
    """Pixels that the image should move by over a window, 6 if not given; 0 takes --window-events as they are."""
    start: NotNegative | None = None
    """Seconds after the first event from which to look."""
    stop: Positive | None = None
    """Seconds after the first event up to which to look."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """Time that a window may take."""
    epipolar_weight: Annotated[float, Range(0, 10**6)] | None = None
    """Weight of the epipolar constraint; 0 leaves it out, as for a recording without calibration."""
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
    from efields.cli._motion import folder_for, opened

    recording, events = opened(args)
    times = _times(events, args.rate)
    motion, flow = _estimated(args, recording, events)
    out = folder_for(args.out, args.recording, "flow")
    out.mkdir(parents=True, exist_ok=True)
    flow.save(out / "flow.npz")
    count = _write_maps(args, out, flow, times)
    notes = recording.notes + motion.notes
    if recording.camera is None:
        notes += ("The camera is not calibrated: this is 2D flow on raw pixels, and no egomotion is claimed.",)
    fastest = _write_page(args, out, recording, events, motion, flow, times, notes)
    gain = float(np.median(motion.gain))
    said = {"maps": count, "rate_hz": args.rate, "windows": len(motion), "seconds": motion.seconds, "gain": gain}
    if args.json:
        print_json({**said, "calibrated": recording.camera is not None, "notes": notes, "out": out})
        return 0
    print(f"{count} maps at {args.rate:g} Hz; sharpening (FWL) {gain:.2f}; fastest {fastest:.0f} px/s")
    for note in notes:
        print(f"note  {note}")
    print(f"{out / 'report.html'}   ({motion.seconds:.1f} s for {events.duration_s:.2f} s of events)")
    return 0


def _estimated(args: Args, recording: Recording, events: EventStream) -> tuple[Motion, Flow]:
    from efields.backends import choose_backend
    from efields.cli._motion import given
    from efields.cli._progress import progress
    from efields.motion.joint import JointConfig, estimate_motion_and_flow

    options = {
        "window_events": args.window_events,
        "travel_px": args.window_px,
        "seconds_per_window": args.seconds_per_window,
        "epipolar_weight": 0.0 if recording.camera is None else args.epipolar_weight,
    }
    config = replace(JointConfig(), **given(**options))
    with progress("flow", args.json) as report:
        return estimate_motion_and_flow(
            events,
            recording.camera or _nominal(events),
            config,
            choose_backend("auto"),
            args.seed,
            lambda done, total: report(done, total),
        )


def _nominal(events: EventStream) -> Camera:
    """A focal length of the width is about that of a usual lens; flow on pixels hardly depends on it."""
    from efields.geometry.camera import Camera

    width, height = events.width, events.height
    return Camera(width, height, width, width, width / 2 - 0.5, height / 2 - 0.5)


def _write_page(
    args: Args,
    out: Path,
    recording: Recording,
    events: EventStream,
    motion: Motion,
    flow: Flow,
    times: np.ndarray,
    notes: tuple[str, ...],
) -> float:
    """Write the film and the page, and return the speed at the rim of the colour wheel, px/s."""
    from efields.cli._motion import agreement, dense, film, given, references_of, sharpened
    from efields.report.motion_page import MotionPage, write_motion_page
    from efields.report.motion_pictures import fastest_speed, sharpness_pair

    camera = recording.camera or _nominal(events)
    moments = np.linspace(times[0], times[-1], min(len(times), 120)).astype(np.int64)
    middle = dense(flow, int(moments[len(moments) // 2]), camera.width, camera.height)
    fastest = fastest_speed([middle])
    if args.film:
        film(lambda: (dense(flow, int(t), camera.width, camera.height) for t in moments), out / "flow.mp4", 24, fastest)
    before, after = sharpness_pair(*sharpened(events, camera, motion, flow))
    references = () if recording.camera is None else references_of(recording, args.recording)
    page = MotionPage(
        name=recording.name or args.recording.name,
        motion=None if recording.camera is None else motion,
        before=before,
        after=after,
        flow=middle,
        fastest=fastest,
        references=references,
        agreement=agreement(motion, references),
        settings=given(rate=args.rate, seed=args.seed, start=args.start, stop=args.stop),
        notes=notes,
    )
    write_motion_page(out / "report.html", page)
    return fastest


def _times(events: EventStream, rate_hz: float) -> np.ndarray:
    """Absolute times of the maps in microseconds, one more than there are intervals between them."""
    step_us = 1e6 / rate_hz
    count = max(int((int(events.t_us[-1]) - int(events.t_us[0])) / step_us), 1)
    if count > MOST_MAPS:
        do = f"look at a shorter slice (--start, --stop), or take --rate {rate_hz * MOST_MAPS / count:.3g}"
        raise InputError(f"{count:,} maps are more than {MOST_MAPS:,}", do=do)
    return int(events.t_us[0]) + np.rint(np.arange(count + 1) * step_us).astype(np.int64)


def _write_maps(args: Args, out: Path, flow: Flow, times: np.ndarray) -> int:
    """Write the displacement of every pixel over each interval, and return how many maps there are."""
    from efields import atomic
    from efields.loaders._reading.flow_png import write_flow_png
    from efields.motion.files import write_flo

    formats = ("npz", "flo", "dsec") if args.format == "all" else () if args.format == "none" else (args.format,)
    if not formats:
        return 0
    with atomic.replacing(out / "maps") as folder:
        folder.mkdir(parents=True)
        maps = []
        for number, displacement in enumerate(_displacements(flow, times)):
            name = f"{number:06d}"
            if "flo" in formats:
                write_flo(folder / f"{name}.flo", displacement)
            if "dsec" in formats:
                fits = np.abs(displacement).max(axis=-1) < 255
                write_flow_png(folder / f"{name}.png", displacement, fits)
            if "npz" in formats:
                maps.append(displacement.astype(np.float16 if len(times) > 200 else np.float32))
        if maps:
            np.savez_compressed(folder / "flow.npz", flow=np.stack(maps), start_us=times[:-1], stop_us=times[1:])
        rows = "".join(f"{start}, {stop}\n" for start, stop in pairwise(times.tolist()))
        (folder / "timestamps.txt").write_text("# from_timestamp_us, to_timestamp_us\n" + rows, encoding="utf-8")
    return len(times) - 1


def _displacements(flow: Flow, times: np.ndarray) -> Iterator[np.ndarray]:
    width, height = flow.camera.width, flow.camera.height
    y, x = np.mgrid[:height, :width]
    pixel = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    for start, stop in pairwise(times.tolist()):
        yield flow.displacement(start, stop, pixel).reshape(height, width, 2).astype(np.float32)
