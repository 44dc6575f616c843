"""What `--scene` can name: a recording, or a scene that is simulated into `recordings/<name>` first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efields.atomic import write_text
from efields.cli._progress import Report, progress
from efields.errors import InputError
from efields.shipped import find

if TYPE_CHECKING:
    from efields.recording import Recording
    from efields.simulation.scene import Scene

RECORDINGS = Path("recordings")
STAMP = "simulation.json"


def recording_for(path: str | Path, options: Mapping[str, Any] | None = None, *, quiet: bool = False) -> Recording:
    """The recording at `path`, or the one that the scene there makes; a simulated one is kept and used again.

    `path` may also be the bare name of a scene that comes with efields; `options` are the loader's.
    Raises `InputError` for anything else.
    """
    from efields.loaders import load

    place = find(path, "scenes")
    source = scene_file(place)
    return load(place if source is None else simulated_folder(source, quiet=quiet), **(options or {}))


def scene_file(path: Path) -> Path | None:
    """The scene.toml at `path` or in its folder; None where there is none, as in a recording."""
    if path.is_dir():
        path = path / "scene.toml"
    return path if path.name.endswith(".toml") and path.name != "recording.toml" and path.is_file() else None


def simulated_folder(source: Path, out: Path | None = None, *, quiet: bool = False) -> Path:
    """The folder of the recording that the scene at `source` makes, simulated unless the same scene is there already.

    It is `out`, or `recordings/<name>`. Raises `InputError` when something else than a simulation is there.
    """
    from efields.simulation.scene import load_scene

    scene = load_scene(source)
    folder = out or RECORDINGS / scene.name
    key = scene_key(scene)
    if _key_of(folder) == key:
        return folder
    # A simulated recording has labels, which no camera gives: only such a folder is replaced without asking.
    if folder.exists() and not (folder / "labels.npz").is_file():
        raise InputError("is there already and was not simulated", folder, "move it away, or name another with --out")
    _simulate(source, folder, quiet)
    write_text(folder / STAMP, json.dumps({"scene": str(source), "key": key}, indent=2) + "\n")
    return folder


def scene_key(scene: Scene) -> str:
    """A hash of everything that the recording depends on: the frames, the sensor, and the simulator's own code."""
    from efields import simulation
    from efields.settings import to_table
    from efields.simulation.cache import frames_key

    digest = hashlib.sha256(frames_key(scene).encode())
    digest.update(json.dumps(to_table(scene), sort_keys=True).encode())
    for module in sorted(Path(str(simulation.__file__)).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:16]


def _key_of(folder: Path) -> str | None:
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8"))["key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _simulate(source: Path, folder: Path, quiet: bool) -> None:
    from contextlib import ExitStack

    from efields.loaders.robust_enerf import save
    from efields.simulation.motion_truth import MOTION_TRUTH_FILE, save_truth
    from efields.simulation.scene import load_scene
    from efields.simulation.simulate import simulate_scene

    with ExitStack() as bars:
        shown: dict[str, Report] = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                bars.close()  # one bar at a time
                shown[stage] = bars.enter_context(progress(stage, quiet))
            shown[stage](done, total)

        simulated = simulate_scene(source, on_progress=on_progress)
    # Events see log(I + log_eps): the loader adds it to the reference images, which hold plain I.
    log_eps = load_scene(source).sensor.log_eps
    save(simulated.recording, folder, labels=simulated.labels, renderer={"log_eps": log_eps})
    if simulated.truth is not None:
        save_truth(simulated.truth, folder / MOTION_TRUTH_FILE)
