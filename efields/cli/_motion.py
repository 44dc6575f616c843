"""What `efields egomotion` and `efields flow` share: flags, recording, folder, settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from efields.cli import seconds_so_far
from efields.cli._reading import Reading, loader_options
from efields.cli._supplied import CameraFlags, supplied_of
from efields.errors import InputError
from efields.ranges import NotNegative, Positive, Range, Seed
from efields.signals import saying

if TYPE_CHECKING:
    from efields.backends.reference import Backend
    from efields.events.stream import EventStream
    from efields.geometry.camera import Camera
    from efields.motion.flow import Flow
    from efields.motion.joint import JointConfig
    from efields.motion.motion import Motion
    from efields.motion.window_rotation import RotationConfig
    from efields.recordings.recording import Recording
    from efields.report.motion_page import MotionPage, ShownFlow

_PARTS = {"fit": "fit of a window", "flow": "network of the flow", "rotation": "rotation to start from"}
_ABOVE = ("window_events", "longest_s", "travel_px", "slowest_s", "step", "drop_hot_pixels", "pivot", "pivot_windows")
_WRITTEN = ("motion.csv", "flow.npz", "motion.npz", "trajectory.txt", "flow.mp4", "maps", "report.html")


@dataclass(frozen=True)
class EstimateFlags:
    """Which events are used, how motion is estimated from them, and where results go."""

    calibration: Annotated[CameraFlags, tyro.conf.OmitArgPrefixes] = CameraFlags()
    """A calibration of your own."""
    out: Path | None = None
    """Folder for the results; by default the next free of runs/<recording>-<command>, -2, -3, ..."""
    overwrite: bool = False
    """Replace the results of an earlier run in --out."""
    window_events: Annotated[int, Range(1, 10**8)] | None = None
    """Events per window, more where the image moves slowly; by default 20000 for a rotation, 30000 for the full model
    and for flow."""
    window_px: Annotated[float, Range(0, 10000)] | None = None
    """Pixels that the image should move by over a window; by default 6. Larger values resolve slow rotation and
    parallax, smaller ones follow quick changes; 0: exactly --window-events."""
    start: NotNegative | None = None
    """Seconds after the first event at which to start."""
    stop: Positive | None = None
    """Seconds after the first event at which to stop."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """For flow and the full model: longest computing time per window; the result then depends on the machine's
    speed."""
    epipolar_weight: Annotated[float, Range(0, 10**6)] | None = None
    """For flow and the full model, with a calibration: weight of the epipolar constraint; 0 disables it."""
    seed: Seed = 0
    """Seed of every random draw."""
    reading: Annotated[Reading, tyro.conf.OmitArgPrefixes] = Reading()
    """How to read a recording whose files leave something open."""


def opened(path: Path, flags: EstimateFlags) -> tuple[Recording, EventStream]:
    """The recording with the camera that was given, and the events to look at, whether or not they have poses.

    Raises `InputError` for anything that `efields info` would refuse, and a slice without events or duration.
    """
    from efields.loaders import find, load
    from efields.poses.cover import COVERED
    from efields.supplied.supply import supply

    if flags.start is not None and flags.stop is not None and flags.stop <= flags.start:
        raise InputError(f"--stop {flags.stop:g} is not after --start {flags.start:g}", do="give a later --stop")
    kind = flags.reading.kind or find(path)
    options = loader_options(kind, flags.reading)
    recording = supply(load(path, kind, **options), supplied_of(flags.calibration))
    # Motion takes all events.
    recording = replace(recording, notes=tuple(note for note in recording.notes if not note.endswith(COVERED)))
    events = recording.events
    if len(events) == 0:
        raise InputError("has no events", path, "choose a recording with events")
    origin = int(events.t_us[0])
    first = origin if flags.start is None else origin + round(flags.start * 1e6)
    last = int(events.t_us[-1]) + 1 if flags.stop is None else origin + round(flags.stop * 1e6)
    if first > int(events.t_us[-1]):
        what = f"lasts {events.duration_s:.3f} s, and --start {flags.start:g} is beyond its end"
        raise InputError(what, path, "give an earlier --start")
    chosen = events.between(first, last)
    if len(chosen) == 0:
        raise InputError("has no events between --start and --stop", path, "choose a longer slice")
    if len(chosen) > 1 and chosen.duration_s <= 0:
        what = f"its {len(chosen):,} events are all at the same time, which shows no motion"
        raise InputError(what, path, "check the times, or choose a longer slice")
    return recording, chosen


@contextmanager
def output_folder(recording: Path, flags: EstimateFlags, what: str) -> Iterator[tuple[Path, Path]]:
    """A folder to write to, and its name: it gets that when the block ends, and is gone if the block fails.

    The name is `--out`, or the next free of `runs/<recording>-<what>`. Raises `InputError` when something is there that
    may not be replaced, or the folder cannot be written.
    """
    from efields import atomic

    with _named(recording, flags, what) as out, atomic.replacing(out) as folder:
        folder.mkdir()
        try:
            with saying(f"stopped; nothing was written to {out}"):
                yield folder, out
        except InputError as error:  # in the words of the folder that the user knows
            raise InputError(error.what, str(error.where or "").replace(str(folder), str(out)), error.do) from None


@contextmanager
def _named(recording: Path, flags: EstimateFlags, what: str) -> Iterator[Path]:
    from efields.atomic import next_free, refuse_existing

    if flags.out is None:
        with next_free(Path("runs") / f"{recording.resolve().stem}-{what}", folder=True) as free:
            yield free
        return
    refuse_existing(flags.out, flags.overwrite, _WRITTEN)
    if flags.out.exists() and not flags.out.is_dir():
        raise InputError("is not a folder", flags.out, "give a folder for the results")
    if flags.out.is_dir() and (others := sorted({path.name for path in flags.out.iterdir()} - {*_WRITTEN})):
        raise InputError(f"contains other files too, such as {others[0]}", flags.out, "give another folder")
    yield flags.out


def write_page(
    command: str,
    args: Any,
    config: RotationConfig | JointConfig,
    folder: Path,
    recording: Recording,
    events: EventStream,
    found: tuple[Motion, Flow | None],
    shown: ShownFlow | None,
    backend: Backend,
) -> MotionPage:
    """Write report.html on what was found into the folder, and return what it shows."""
    from efields.motion.estimate import camera_of
    from efields.report.motion_contents import motion_page
    from efields.report.motion_page import write_motion_page

    settings = settings_of(args, config, camera_of(recording), found[0].calibration)
    page = motion_page(
        command, recording, args.recording, events, found, shown,
        seconds=seconds_so_far(), settings=settings, backend=backend,
    )  # fmt: skip
    write_motion_page(folder / "report.html", page)
    return page


def checked_window(window_events: int | None, least_events: int) -> None:
    """Raise `InputError` for windows with fewer events than an estimate needs."""
    if window_events is not None and window_events < least_events:
        what = f"--window-events {window_events}: windows with fewer than {least_events:,} events are not estimated"
        raise InputError(what, do=f"give {least_events} or more")


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: the others keep the config's values and are not on the page."""
    return {name: value for name, value in options.items() if value not in (None, "", ())}


def settings_of(flags: Any, config: Any, camera: Camera, calibration: str) -> dict[str, dict[str, Any]]:
    """All settings of a run by title, for its page: the command's flags, the camera, and how the estimate is made."""
    from efields.settings import to_table

    shown = dict(_flat(flags))
    for name in ("json", "out", "overwrite", "camera"):
        shown.pop(name)
    if shown.get("model") == "full":
        shown.pop("pivot")
    lens: dict[str, Any] = {"calibration": calibration, "width": camera.width, "height": camera.height}
    if calibration == "none":
        lens["focal length, assumed"] = camera.fx
    else:
        lens |= {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
        lens |= {"distortion_model": camera.distortion_model, "distortion": camera.distortion}
    tables = {
        "command": {name.replace("_", "-"): value for name, value in given(**shown).items()},
        "camera": given(**lens),
        "estimate": (whole := to_table(config)),
    }
    parts = {title: whole.pop(part) for part, title in _PARTS.items() if part in whole}
    for name in _ABOVE:  # the rotation that a window of the full model starts from uses these from above
        parts.get(_PARTS["rotation"], {}).pop(name, None)
    return tables | parts


def _flat(flags: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each flag, also of those that commands share."""
    for field in fields(flags):
        value = getattr(flags, field.name)
        if is_dataclass(value):
            yield from _flat(value)
        else:
            yield field.name, value
