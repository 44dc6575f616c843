"""Rendered frames kept on disk under a hash of everything that they depend on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path

from efields.settings import to_table
from efields.simulation import (
    camera_path,
    free_path,
    lights,
    meshes,
    motion_truth,
    patterns,
    render,
    scene,
    shapes,
    textures,
)
from efields.simulation.scene import Scene

_CODE = (camera_path, free_path, lights, meshes, motion_truth, patterns, render, scene, shapes, textures)
"""Modules whose source determines what a frame looks like."""

_NOT_RENDERED = ("name", "description", "sensor", "expected_events", "mitsuba_xml", "box")
"""Parts of a scene that do not affect its frames."""


def cache_folder() -> Path:
    """`$EFIELDS_CACHE`, else the platform's cache folder for efields."""
    given = os.environ.get("EFIELDS_CACHE", "")
    if given:
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "efields"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "efields" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", home / ".cache")) / "efields"


def frames_key(scene: Scene) -> str:
    """A short hash of the scene's content (its sensor's thresholds left out), of the code and of the renderer."""
    table = {key: value for key, value in to_table(scene).items() if key not in _NOT_RENDERED}
    table["image"] = {key: value for key, value in table["image"].items() if key != "exposure"}
    table["channels"] = scene.camera().channels
    # The kinds of shapes, lights and materials are their classes, which the table does not name.
    listed = (scene.shapes, scene.lights, tuple(scene.materials.values()), tuple(scene.textures.values()))
    table["kinds"] = [[type(item).__name__ for item in items] for items in listed]
    digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode())
    digest.update(_mitsuba_version().encode())
    for module in _CODE:
        digest.update(Path(str(module.__file__)).read_bytes())
    for path in _scene_files(scene):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _mitsuba_version() -> str:
    try:
        return importlib.metadata.version("mitsuba")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _scene_files(scene: Scene) -> list[Path]:
    """Files of a user's own Mitsuba scene: the XML and everything in its folder, such as meshes and textures."""
    if scene.mitsuba_xml is None:
        return []
    beside = [p for p in scene.mitsuba_xml.parent.rglob("*") if p.is_file() and p.name != "scene.toml"]
    return sorted(beside)


def frames_folder(scene: Scene) -> Path:
    """Where the frames of this scene are, or will be, kept; scenes that differ only in their sensor share them."""
    return cache_folder() / "frames" / frames_key(scene)
