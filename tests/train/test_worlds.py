"""One scene in other worlds: on a survey grid far from zero, and in other units. What is learned is the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from efields.config import Experiment, experiment_from_table
from efields.errors import InputError
from efields.evaluate.heldout import heldout_psnr
from efields.export.cameras import pinhole, poses_at
from efields.export.document import scene_parts
from efields.export.poses import write_poses
from efields.export.scene import baked_scene
from efields.geometry.boxes import Box
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views
from efields.render.image import render_view
from efields.samplers import occupancy
from efields.server.looking import Looking
from efields.server.studio import Studio
from efields.train import Run, reconstruct, setup_of
from tests.tiny import tiny_recording

GRID = np.array([500_000.0, 5_400_000.0, 120.0])
"""Eastings, northings and height of a survey grid, as in UTM."""
WORLDS = {"far": (GRID, 1.0), "small": (np.zeros(3), 1e-3), "large": (np.zeros(3), 1e5), "both": (GRID, 0.02)}
STEPS = 60
TABLE: dict[str, Any] = {
    "field": {"levels": 4, "features": 2, "log2_size": 11, "finest_resolution": 32, "width": 16, "view_degree": 0},
    "sampling": {"samples": 48, "grid_resolution": 16, "update_every": 4, "warmup_steps": 32},
    "train": {"steps": STEPS, "samples_per_step": 4000, "heldout_every": 0},
}


def recording(kind: str) -> Recording:
    whole = tiny_recording(size=24, frames=60, with_frames=True)
    return whole if kind == "event_radiance" else dataclasses.replace(whole, events=whole.events[:0], trajectory=None)


def moved(recording: Recording, shift: np.ndarray, scale: float) -> Recording:
    """The recording in a world that is `scale` times as large, its zero at `shift`."""

    def views(these: Views | None) -> Views | None:
        if these is None:
            return None
        poses = these.T_world_camera.copy()
        poses[:, :3, 3] = scale * poses[:, :3, 3] + shift
        distance = None if these.distance is None else np.float32(scale) * these.distance
        return dataclasses.replace(these, T_world_camera=poses, distance=distance)

    path, box = recording.trajectory, recording.box
    assert box is not None
    lo, hi = (tuple(scale * np.array(corner) + shift) for corner in (box.lo, box.hi))
    return dataclasses.replace(
        recording,
        trajectory=path and dataclasses.replace(path, position=scale * path.position + shift),
        frames=views(recording.frames),
        heldout=views(recording.heldout),
        box=Box(lo, hi),  # type: ignore[arg-type]
    )


def experiment(kind: str, backend: str = "auto") -> Experiment:
    return experiment_from_table({**TABLE, "backend": backend, "problem": {"kind": kind}}, "test")


def trained(folder: Path, kind: str, world: str = "") -> Run:
    shift, scale = WORLDS.get(world, (np.zeros(3), 1.0))
    return reconstruct(experiment(kind), moved(recording(kind), shift, scale), folder / f"{kind} {world}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def at_zero(folder: Path) -> dict[str, Run]:
    return {kind: trained(folder, kind) for kind in ("event_radiance", "radiance")}


def losses(run: Run) -> np.ndarray:
    return np.array([line["loss"] for line in run.read_metrics()])


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", ["event_radiance", "radiance"])
def test_a_scene_is_learned_the_same_in_every_world(
    kind: str, world: str, folder: Path, at_zero: dict[str, Run]
) -> None:
    here, there = at_zero[kind], trained(folder, kind, world)
    np.testing.assert_allclose(losses(there)[0], losses(here)[0], rtol=1e-3)  # what follows drifts apart by rounding
    shift, scale = WORLDS[world]
    (one, place), (other, far) = ((run.load_model(), recording(kind)) for run in (here, there))
    samplers = one.renderer.sampler, other.renderer.sampler
    ours, theirs = (sampler.grid.occupied for sampler in samplers if isinstance(sampler, occupancy.OccupancySampler))
    assert (ours == theirs).float().mean() > 0.95
    far = moved(far, shift, scale)
    assert place.heldout is not None and far.heldout is not None
    psnr = heldout_psnr(one.renderer, place.heldout, count=4), heldout_psnr(other.renderer, far.heldout, count=4)
    assert abs(psnr[0] - psnr[1]) < 0.6, psnr


def test_the_same_rays_and_the_same_pictures_far_from_zero(at_zero: dict[str, Run]) -> None:
    kind = "event_radiance"
    here = recording(kind)
    there = moved(here, GRID, 1.0)
    pictures = []
    for backend in ("reference", "auto"):
        for place in (here, there):
            made = experiment(kind, backend)
            chosen = at_zero[kind].load_model(backend).renderer.backend
            generator = torch.Generator().manual_seed(1)
            problem = made.problem.build(setup_of(made, place, None, chosen, generator))
            assert place.heldout is not None
            seen = render_view(problem.renderer, place.heldout.camera, place.heldout.T_world_camera[0])
            terms = problem.terms(problem.draw(500, np.random.default_rng(0)), torch.Generator().manual_seed(2))
            loss = sum(float(term.detach()) for term in terms.losses.values())
            pictures.append((seen.radiance, seen.depth, loss))
    for picture in pictures[1:]:
        for one, other in zip(pictures[0], picture, strict=True):
            np.testing.assert_allclose(other, one, rtol=2e-4, atol=2e-5)


def test_what_is_exported_is_in_the_world(folder: Path) -> None:
    path = folder / "event_radiance far"
    run = Run(path) if path.is_dir() else trained(folder, "event_radiance", "far")
    model = run.load_model()
    truth = moved(recording("event_radiance"), GRID, 1.0)
    assert isinstance(truth.trajectory, Trajectory)
    write_poses(model, folder / "p.txt")
    np.testing.assert_array_equal(np.loadtxt(folder / "p.txt")[:, 1:4], truth.trajectory.position)
    write_poses(model, folder / "p.json")
    frames = json.loads((folder / "p.json").read_text(encoding="utf-8"))["frames"]
    np.testing.assert_allclose([f["transform_matrix"][1][3] for f in frames], truth.trajectory.position[:, 1], rtol=0)
    assert model.renderer.world_box == truth.box
    world = scene_parts(run, model, truth).document["world"]
    assert world["origin"] == GRID.tolist()
    assert np.abs(world["center"]).max() < 1 and np.abs(world["aabb"]).max() < 1
    assert max(np.abs(baked_scene(run, model, None, resolution=8).document["world"]["aabb"][0])) < 1


def test_checkpoints_without_an_origin_count_from_zero(folder: Path, at_zero: dict[str, Run]) -> None:
    old = Run(folder / "old")
    old.path.mkdir()
    run = at_zero["event_radiance"]
    content = torch.load(run.checkpoint_path, weights_only=True)
    del content["content"]["origin"]
    torch.save(content, old.checkpoint_path)
    old.config_path.write_bytes(run.config_path.read_bytes())
    assert old.load_model().renderer.origin == (0.0, 0.0, 0.0)
    assert old.load_model().renderer.box == recording("event_radiance").box


def test_a_live_view_of_a_far_scene_is_the_picture_from_that_place(folder: Path) -> None:
    path = folder / "event_radiance far"
    model = (Run(path) if path.is_dir() else trained(folder, "event_radiance", "far")).load_model()
    flat = pinhole(model.camera)
    far, near = (poses_at(path, np.array([0.3]))[0] for path in (model.trajectory, model.near_trajectory))
    assert np.abs(near[:3, 3]).max() < 4
    looking = Looking(model.renderer, flat, near)
    looking.advance(flat.pixels)
    seen = render_view(model.renderer, flat, far)
    np.testing.assert_allclose(looking.layers().radiance, seen.radiance, atol=1e-5)
    np.testing.assert_array_equal(Studio(model)._pose_at(0.3), near)


def test_a_resumed_run_keeps_the_box_that_was_found(folder: Path) -> None:
    made = experiment("event_radiance")
    place = dataclasses.replace(moved(recording("event_radiance"), GRID, 1.0), box=None)
    first = dataclasses.replace(made, train=dataclasses.replace(made.train, steps=3))
    run = reconstruct(first, place, folder / "resumed")
    found = run.load_model().renderer.world_box
    assert any("all cameras look at" in note for note in run.training()["notes"])
    elsewhere = dataclasses.replace(place, box=Box((0, 0, 0), (1, 1, 1)))
    more = dataclasses.replace(made, train=dataclasses.replace(made.train, steps=5))
    assert reconstruct(more, elsewhere, run.path, resume=True).load_model().renderer.world_box.equals(found)
    other = dataclasses.replace(more, problem=dataclasses.replace(more.problem, box=((0, 0, 0), (1, 1, 1))))
    with pytest.raises(InputError, match="fills another box"):
        reconstruct(other, place, run.path, resume=True)
