"""What `efields egomotion` and `efields flow` share: recording, folder, settings, events unwarped and warped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from efields.errors import InputError

if TYPE_CHECKING:
    from efields.events.stream import EventStream
    from efields.geometry.camera import Camera
    from efields.motion.flow import Flow
    from efields.motion.motion import Calibration, Motion
    from efields.recordings.recording import Recording

_PARTS = {"fit": "fit of a window", "flow": "network of the flow", "rotation": "rotation to start from"}
_ABOVE = ("window_events", "longest_s", "travel_px", "slowest_s", "step", "drop_hot_pixels", "pivot", "pivot_windows")
_WRITTEN = ("motion.csv", "flow.npz", "motion.npz", "trajectory.txt", "flow.mp4", "maps", "report.html")


class Flags(Protocol):
    """The flags of both commands that say which events to look at, and where to write."""

    @property
    def recording(self) -> Path: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def camera(self) -> str: ...
    @property
    def start(self) -> float | None: ...
    @property
    def stop(self) -> float | None: ...
    @property
    def salvage(self) -> bool: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...
    @property
    def time_unit(self) -> str | None: ...
    @property
    def option(self) -> tuple[str, ...]: ...
    @property
    def out(self) -> Path | None: ...
    @property
    def overwrite(self) -> bool: ...


def opened(flags: Flags) -> tuple[Recording, EventStream]:
    """The recording with the camera that was given, and the events to look at, whether or not they have poses.

    Raises `InputError` for anything that `efields info` would refuse, and a slice without events or duration.
    """
    from efields.cli._loader_options import loader_options
    from efields.cli._supplied import supplied_of
    from efields.loaders import find, load
    from efields.poses.cover import COVERED
    from efields.supplied.supply import supply

    if flags.start is not None and flags.stop is not None and flags.stop <= flags.start:
        raise InputError(f"--stop {flags.stop:g} is not after --start {flags.start:g}", do="give a later --stop")
    kind = flags.kind or find(flags.recording)
    options = loader_options(
        kind, flags.option, salvage=flags.salvage, width=flags.width, height=flags.height, time_unit=flags.time_unit
    )
    recording = supply(load(flags.recording, kind, **options), supplied_of(flags))
    # Motion takes all events.
    recording = replace(recording, notes=tuple(note for note in recording.notes if not note.endswith(COVERED)))
    events = recording.events
    if len(events) == 0:
        raise InputError("holds no events", flags.recording, "choose a recording that has some")
    origin = int(events.t_us[0])
    first = origin if flags.start is None else origin + round(flags.start * 1e6)
    last = int(events.t_us[-1]) + 1 if flags.stop is None else origin + round(flags.stop * 1e6)
    if first > int(events.t_us[-1]):
        what = f"lasts {events.duration_s:.3f} s, and --start {flags.start:g} lies beyond its end"
        raise InputError(what, flags.recording, "give an earlier --start")
    chosen = events.between(first, last)
    if len(chosen) == 0:
        raise InputError("holds no events between --start and --stop", flags.recording, "choose a longer slice")
    if len(chosen) > 1 and chosen.duration_s <= 0:
        what = f"its {len(chosen):,} events are all at one time, which shows no motion"
        raise InputError(what, flags.recording, "check the times, or choose a longer slice")
    return recording, chosen


def calibration_of(recording: Recording) -> Calibration:
    """Where the focal length comes from, as files and pages say it."""
    if recording.camera is None:
        return "none"
    return "assumed" if recording.lens_assumed else "given"


@contextmanager
def at_recording(path: Path) -> Iterator[None]:
    """Errors of an estimate, which knows no files, name the recording."""
    try:
        yield
    except InputError as error:
        raise error if error.where else InputError(error.what, path, error.do) from None


@contextmanager
def output_folder(flags: Flags, what: str) -> Iterator[tuple[Path, Path]]:
    """A folder to write to, and its name: it gets that when the block ends, and is gone if the block fails.

    The name is `--out`, or the next free of `runs/<recording>-<what>`. Raises `InputError` when something is there that
    may not be replaced, or the folder cannot be written.
    """
    from efields import atomic

    with _named(flags, what) as out, atomic.replacing(out) as folder:
        folder.mkdir()
        try:
            yield folder, out
        except KeyboardInterrupt:
            print(f"efields: nothing was written to {out}", file=sys.stderr)
            raise
        except InputError as error:  # in the words of the folder that the user knows
            raise InputError(error.what, str(error.where or "").replace(str(folder), str(out)), error.do) from None


@contextmanager
def _named(flags: Flags, what: str) -> Iterator[Path]:
    from efields.atomic import next_free, refuse_existing

    if flags.out is None:
        with next_free(Path("runs") / f"{flags.recording.resolve().stem}-{what}", folder=True) as free:
            yield free
        return
    refuse_existing(flags.out, flags.overwrite, _WRITTEN)
    if flags.out.exists() and not flags.out.is_dir():
        raise InputError("is no folder", flags.out, "name a folder for what comes out")
    if flags.out.is_dir() and (others := sorted({path.name for path in flags.out.iterdir()} - {*_WRITTEN})):
        raise InputError(f"holds other files too, such as {others[0]}", flags.out, "name another folder")
    yield flags.out


def sharpened(events: EventStream, camera: Camera, motion: Motion, flow: Flow | None) -> tuple[np.ndarray, np.ndarray]:
    """Images of the events of the middle window as they are and warped to its middle, `[h, w]` counts."""
    import torch

    from efields.backends import choose_backend
    from efields.motion.contrast import MARGIN, image_of_warped_events
    from efields.motion.window import window_of
    from efields.motion.window_rotation import rotated

    middle = len(motion) // 2
    count = int(motion.events[middle])
    centre = int(np.searchsorted(events.t_us, motion.t_us[middle]))
    first = max(min(centre - count // 2, len(events) - count), 0)
    window = window_of(events[first : first + count], camera)
    backend = choose_backend("auto")
    if flow is None:
        w = torch.from_numpy(motion.at(np.array([window.middle_us]))[0]).float()
        warped = rotated(window.bearing, window.t_s, w)
    else:
        warped = _carried(window, flow)
    inner = slice(MARGIN, -MARGIN)
    images = (image_of_warped_events(places, window.camera, backend) for places in (window.bearing, warped))
    before, after = (image[inner, inner].numpy() for image in images)
    return before, after


def _carried(window: Any, flow: Flow) -> Any:
    """Places of a window's events, each moved by its flow to the window's middle, a group of like times together."""
    import torch

    focal, centre = np.array([window.camera.fx, window.camera.fy]), np.array([window.camera.cx, window.camera.cy])
    pixel = window.bearing.numpy() * focal + centre
    t_us = window.middle_us + np.rint(window.t_s.numpy().astype(np.float64) * 1e6).astype(np.int64)
    moved = pixel.copy()
    for part in np.array_split(np.argsort(t_us, kind="stable"), 32):
        if len(part):
            moved[part] += flow.displacement(int(t_us[part].mean()), window.middle_us, pixel[part])
    return torch.from_numpy(((moved - centre) / focal).astype(np.float32))


def checked_window(window_events: int | None, least_events: int) -> None:
    """Raise `InputError` for windows that hold fewer events than an estimate takes."""
    if window_events is not None and window_events < least_events:
        what = f"--window-events {window_events}: windows with fewer than {least_events:,} events are not estimated"
        raise InputError(what, do=f"give {least_events} or more")


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: the others stay as a config has them, and off the page."""
    return {name: value for name, value in options.items() if value not in (None, "", ())}


def settings_of(flags: Any, config: Any, camera: Camera, calibration: str) -> dict[str, dict[str, Any]]:
    """All settings of a run by title, for its page: the command's flags, the camera, and how the estimate is made."""
    from efields.settings import to_table

    shown = {field.name: getattr(flags, field.name) for field in fields(flags)}
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
    for name in _ABOVE:  # the rotation that a window of the full model starts from takes these from above
        parts.get(_PARTS["rotation"], {}).pop(name, None)
    return tables | parts
