"""A run whose field, loss, draw, sampler, background, problem, loader and writer all lie outside efields."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from efields import cli
from efields.loaders.robust_enerf import save
from efields.plugins import VARIABLE
from tests.tiny import tiny_recording

ONE_THREAD = ("--threads", "1")
HERE = Path(__file__).resolve().parent
CONFIG = """
scene = "{scene}"
backend = "reference"
problem = {{ kind = "outside.spans_alone" }}
field = {{ kind = "outside.moving_ball", speed = 0.3 }}
sampling = {{ kind = "outside.nearer", samples = 16 }}
background = {{ kind = "outside.dusk" }}
loader = {{ kind = "outside.dots" }}
losses = {{ "outside.agreement" = {{ weight = 0.5 }} }}
draws = {{ events = {{ share = 0.5 }}, "outside.pairs" = {{ share = 0.5 }} }}
supplied = {{ camera = "{camera}", poses = "{poses}" }}
camera_motion = {{ learn = true, knot_every_s = 0.25 }}
[train]
steps = 12
samples_per_step = 1024
log_every = 4
heldout_every = 0
warmup_steps = 0
final_factor = 1.0
"""


@contextmanager
def plugins_allowed() -> Iterator[None]:
    """The package `outside` can be imported, and the user has said that it may run; commands use one thread."""
    environment, threads = dict(os.environ), torch.get_num_threads()
    os.environ[VARIABLE] = "1"
    sys.path.insert(0, str(HERE))
    try:
        yield
    finally:
        sys.path.remove(str(HERE))
        os.environ.clear()
        os.environ.update(environment)
        torch.set_num_threads(threads)


def convert(folder: Path) -> Path:
    """The tiny recording as a file of the writer outside, and its poses as text beside it."""
    recording = tiny_recording(size=24, frames=60)
    save(recording, folder / "recording")
    path = recording.trajectory
    assert path is not None
    rows = np.column_stack((path.t_us * 1e-6, path.position, path.orientation))
    np.savetxt(folder / "poses.txt", rows, fmt="%.9f")
    out = folder / "tiny.dots"
    assert cli.main(["convert", str(folder / "recording"), str(out), "--to", "outside.dots_writer"]) == 0
    return out


def write_config(folder: Path, scene: Path) -> Path:
    """A config that names everything outside."""
    config = folder / "outside.toml"
    text = CONFIG.format(scene=scene, camera="36,36,11.5,11.5", poses=folder / "poses.txt")
    config.write_text(text, encoding="utf-8")
    return config


def train(folder: Path) -> Path:
    """A trained run in the folder; call it inside of `plugins_allowed`."""
    config = write_config(folder, convert(folder))
    assert cli.main(["train", str(config), "--run", str(folder / "run"), *ONE_THREAD]) == 0
    return folder / "run"
