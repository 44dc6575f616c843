"""Runs that version 0.1 left behind: they open, show what they showed, and train on."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.render.image import render_view
from efields.train import Run, reconstruct
from efields.train.checkpoint import read_checkpoint
from tests.tiny import tiny_recording

RUNS = Path(__file__).parent / "version_1"
"""Eight steps on `tiny_recording`, written by version 0.1; `resumed` is what its eight further steps showed."""
per_kind = pytest.mark.parametrize("kind", ["event_radiance", "radiance"])


@pytest.fixture
def run(kind: str, tmp_path: Path) -> Run:
    """A copy that a test may spoil."""
    shutil.copytree(RUNS / kind, tmp_path / kind)
    return Run.open(tmp_path / kind)


def expected(kind: str) -> dict[str, np.ndarray]:
    with np.load(RUNS / kind / "expected.npz") as stored:
        return dict(stored)


@per_kind
def test_it_shows_what_it_showed(kind: str, run: Run) -> None:
    truth, model = expected(kind), run.load_model("reference")
    assert torch.load(run.checkpoint_path, weights_only=True)["version"] == 1
    assert (model.step, model.sensor is None) == (8, kind == "radiance")
    seen = render_view(model.renderer, model.camera, truth["T_world_camera"])
    np.testing.assert_allclose(seen.radiance, truth["radiance"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(seen.opacity, truth["opacity"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(seen.depth, truth["depth"], rtol=1e-5, atol=1e-5)
    assert truth["radiance"].std() > 1e-3


@per_kind
def test_training_goes_on_and_is_kept_as_version_2(kind: str, run: Run) -> None:
    earlier = run.experiment
    longer = dataclasses.replace(earlier, train=dataclasses.replace(earlier.train, steps=16))
    reconstruct(longer, tiny_recording(size=24, frames=60, with_frames=True), run.path, resume=True)
    truth, model = expected(kind), run.load_model("reference")
    assert model.step == 16
    seen = render_view(model.renderer, model.camera, truth["T_world_camera"])
    np.testing.assert_allclose(seen.radiance, truth["resumed"], rtol=1e-4, atol=1e-4)
    assert np.abs(truth["resumed"] - truth["radiance"]).max() > 1e-3
    content = torch.load(run.checkpoint_path, weights_only=True)
    assert (content["version"], content["kind"], content["device"]) == (2, kind, "cpu")
    assert content["content"]["channels"] == 1
    assert "renderer.background.raw" in content["problem"]
    assert [line["step"] for line in run.read_metrics()] == [4, 8, 12, 16]


@per_kind
def test_it_is_read_in_the_form_of_version_2(kind: str, run: Run) -> None:
    content = read_checkpoint(run.checkpoint_path)
    assert (content["version"], content["kind"], content["device"]) == (2, "", "cpu")
    assert content["content"]["channels"] == 1
    assert not any("background_raw" in name or name.startswith("renderer.grid") for name in content["problem"])
    assert ("renderer.sampler.grid.occupied" in content["problem"]) == (kind == "event_radiance")


def lacking(*path: str) -> Callable[[dict[str, Any]], None]:
    def spoil(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return spoil


def holding(value: Any, *path: str) -> Callable[[dict[str, Any]], None]:
    def spoil(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = copy.copy(value)

    return spoil


@pytest.mark.parametrize("kind", ["event_radiance"])
@pytest.mark.parametrize(
    "spoil",
    [
        *(lacking(name) for name in ("problem", "scene", "loop")),
        lacking("problem", "renderer.background_raw"),
        lacking("problem", "renderer.field.table"),
        lacking("problem", "renderer.grid.occupied"),
        *(lacking("scene", name) for name in ("box", "camera", "trajectory")),
        lacking("loop", "step"),
        *(holding(value, name) for name in ("problem", "scene", "loop") for value in (None, 3, "x", [1])),
        *(holding(value, "problem", "renderer.background_raw") for value in (None, 3, torch.zeros(()), torch.ones(2))),
        holding(torch.zeros(2), "problem", "renderer.grid.occupied"),
        holding([1], "scene", "trajectory"),
        holding("x", "loop", "step"),
    ],
)
def test_a_damaged_one_is_told_in_one_line(kind: str, run: Run, spoil: Callable[[dict[str, Any]], None]) -> None:
    content = torch.load(run.checkpoint_path, weights_only=True)
    spoil(content)
    torch.save(content, run.checkpoint_path)
    with pytest.raises(InputError, match="checkpoint") as error:
        run.load_model("reference")
    assert error.value.where is not None and "\n" not in str(error.value)
