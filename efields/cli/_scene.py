"""What `--scene` can name: a recording, or a scene that is simulated into `recordings/<name>` first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efields.cli._progress import stages
from efields.cli._shipped import find_shipped

if TYPE_CHECKING:
    from efields.recordings.recording import Recording


def recording_for(path: str | Path, options: Mapping[str, Any] | None = None, *, quiet: bool = False) -> Recording:
    """The recording at `path`, or the one that the scene there makes; a simulated one is kept and used again.

    `path` may also be the bare name of a scene that comes with efields; `options` are the loader's.
    Raises `InputError` for anything else.
    """
    from efields.loaders import configured, load
    from efields.simulated.scene import scene_file

    place, given = find_shipped(path, "scenes"), dict(options or {})
    source = scene_file(place)
    if source is not None:  # wrong options are told before anything is simulated
        configured(given.get("kind", "robust_enerf"), **{name: given[name] for name in given if name != "kind"})
        place = simulated_folder(source, quiet=quiet)
    return load(place, **given)


def simulated_folder(source: Path, out: Path | None = None, *, quiet: bool = False, overwrite: bool = False) -> Path:
    """The folder of the recording that a scene makes, as `recording_folder` gives it; simulating is in sight."""
    from efields.simulated.scene import recording_folder

    with stages(quiet) as on_progress:
        return recording_folder(source, out, on_progress=on_progress, overwrite=overwrite)
