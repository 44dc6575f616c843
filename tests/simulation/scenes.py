"""Small scenes for tests, written as the files that a user would write."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SPHERE = """
name = "sphere"

[image]
width = {width}
height = {height}
fov_deg = 40.0
background = [0.9, 0.9, 0.9]

[render]
samples = 16
samples_heldout = 16
frames = {frames}
frames_recorded = 3

[path]
kind = "orbit"
duration_s = 0.5
revolutions = 0.25
radius = 4.0
elevation_deg = [20.0, 20.0]

[heldout]
count = 3
separation_deg = 4.0
elevation_deg = [5.0, 35.0]

[sensor]
log_eps = 1e-6

[box]
lo = [-1.1, -1.1, -1.1]
hi = [1.1, 1.1, 1.1]

[[shapes]]
kind = "sphere"
material = "squares"
radius = {radius}
position = {position}

[materials.squares]
kind = "diffuse"
texture = "squares"

[textures.squares]
kind = "checker"
resolution = 32
tiles = [8, 4]
palette = [[0.2, 0.2, 0.2], [0.7, 0.5, 0.3]]

[[lights]]
kind = "constant"
radiance = 1.0
"""


def write_sphere(
    folder: Path,
    extra: str = "",
    *,
    width: int = 24,
    height: int = 20,
    frames: int = 41,
    radius: float = 1.0,
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Path:
    """A scene.toml of one checkered sphere in `folder`; `extra` is laid over it, with this scene as the base."""
    folder.mkdir(parents=True, exist_ok=True)
    text = SPHERE.format(width=width, height=height, frames=frames, radius=radius, position=list(position))
    if not extra:
        (folder / "scene.toml").write_text(text, encoding="utf-8")
        return folder / "scene.toml"
    (folder / "base.toml").write_text(text, encoding="utf-8")
    (folder / "scene.toml").write_text('base = "base.toml"\n' + extra, encoding="utf-8")
    return folder / "scene.toml"


def need_mitsuba() -> None:
    """Skip, and say why, where Mitsuba is not installed."""
    # It must not be imported here: efields chooses its LLVM before that.
    if importlib.util.find_spec("mitsuba") is None:
        pytest.skip("Mitsuba is not installed (pip install 'efields[simulate]')")
