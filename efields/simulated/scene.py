"""The recording of a scene: simulated once into its folder, and again when the scene or the simulator has changed."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

from efields import simulation
from efields.atomic import check_place, refuse_existing, write_text
from efields.errors import InputError
from efields.loaders.robust_enerf import save
from efields.settings import to_table
from efields.simulation.cache import frames_key
from efields.simulation.motion_truth import MOTION_TRUTH_FILE, save_truth
from efields.simulation.rendered import OnProgress
from efields.simulation.scene import Scene, load_scene
from efields.simulation.simulate import simulate_scene

RECORDINGS = Path("recordings")
STAMP = "simulation.json"
SIMULATED = "labels.npz"
"""A simulated recording has labels of its events, which no camera gives."""


def scene_file(path: Path) -> Path | None:
    """The scene.toml at `path` or in its folder; None where there is none, as in a recording."""
    if path.is_dir():
        path = path / "scene.toml"
    return path if path.name.endswith(".toml") and path.name != "recording.toml" and path.is_file() else None


def recording_folder(
    source: Path, out: Path | None = None, *, on_progress: OnProgress | None = None, overwrite: bool = False
) -> Path:
    """The folder of the recording that the scene at `source` makes, simulated unless the same scene is there already.

    It is `out`, which must be free unless it may be overwritten; or `recordings/<name>`, with a number where another
    scene's recording is, and simulated again there when the scene has changed. Raises `InputError` when a recording
    that was not simulated is there.
    """
    scene = load_scene(source)
    key = scene_key(scene)
    folder = out or _folder_of(scene.name, source)
    stamp = _stamp(folder)
    if stamp.get("key") == key:
        return folder
    if out is not None:
        refuse_existing(folder, overwrite, (SIMULATED,))
    elif folder.exists() and not (folder / SIMULATED).is_file():
        raise InputError("exists already and was not simulated", folder, "move it away, or give another with --out")
    check_place(folder)
    _simulate(source, folder, {"scene": str(source.resolve()), "key": key}, on_progress)
    return folder


def _folder_of(name: str, source: Path) -> Path:
    """`recordings/<name>`, or with a number where that is the recording of another scene of the same name."""
    for number in itertools.count(1):
        folder = RECORDINGS / (name if number == 1 else f"{name}-{number}")
        made_of = _stamp(folder).get("scene")
        if made_of is None or not Path(str(made_of)).is_file() or Path(str(made_of)).resolve() == source.resolve():
            return folder
    raise AssertionError


def scene_key(scene: Scene) -> str:
    """A hash of everything that the recording depends on: the frames, the sensor, and the simulator's own code."""
    digest = hashlib.sha256(frames_key(scene).encode())
    digest.update(json.dumps(to_table(scene), sort_keys=True).encode())
    for module in sorted(Path(str(simulation.__file__)).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:16]


def _stamp(folder: Path) -> dict[str, Any]:
    """What says of a simulated recording which scene it shows; nothing for any other folder."""
    try:
        content = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _simulate(source: Path, folder: Path, stamp: dict[str, str], on_progress: OnProgress | None) -> None:
    """Simulate the scene into the folder; its stamp, which comes last, says that all is there."""
    simulated = simulate_scene(source, on_progress=on_progress)
    # Events see log(I + log_eps): the loader adds it to the reference images, which hold plain I.
    log_eps = load_scene(source).sensor.log_eps
    save(simulated.recording, folder, labels=simulated.labels, renderer={"log_eps": log_eps})
    if simulated.truth is not None:
        save_truth(simulated.truth, folder / MOTION_TRUTH_FILE)
    write_text(folder / STAMP, json.dumps(stamp, indent=2) + "\n")
