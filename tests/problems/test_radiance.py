"""Posed images alone: what is compared, who may be trained on, and a scene that is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from efields.backends.reference import Backend
from efields.cli import main
from efields.config import DEFAULT_KINDS, experiment_from_table, kind_of, resolve, suited
from efields.draws import FramePixels
from efields.errors import InputError
from efields.geometry.pose import Poses
from efields.geometry.rays import camera_rays
from efields.problems._batch import Batch, BatchDraws
from efields.problems._losses import WeightedLosses
from efields.problems.radiance import DISPLAY_GAMMA, Radiance, path_through
from efields.recordings.recording import Recording, Views
from efields.train import setup_of
from tests.contracts.samples import LOADERS
from tests.tiny import tiny_recording

SMALL = {"field": {"levels": 2, "log2_size": 8, "width": 8}, "sampling": {"samples": 16, "grid_resolution": 8}}


def posed(color_space: Any = "linear") -> Recording:
    recording = tiny_recording(size=24, frames=60, with_frames=True)
    assert recording.frames is not None
    none = recording.events[:0]
    frames = replace(recording.frames, color_space=color_space, t_us=None)
    return replace(recording, events=none, trajectory=None, frames=frames)


def build(recording: Recording, **problem: Any) -> Radiance:
    chosen = experiment_from_table({**SMALL, "problem": {"kind": "radiance", **problem}}, "test")
    return chosen.problem.build(setup_of(chosen, recording, recording.frames, Backend(), torch.Generator()))


def pixels(batch: Batch) -> FramePixels:
    (drawn,) = batch.values()
    assert isinstance(drawn, FramePixels)
    return drawn


def test_display_images_are_compared_as_display_values() -> None:
    batches = {}
    for space, gain in (("linear", 1.0), ("display", 1 / DISPLAY_GAMMA)):
        problem = build(posed(space)).eval()
        seen: dict[str, Any] = {}

        def keep(supervision: Any, seen: dict[str, Any] = seen) -> torch.Tensor:
            seen["frames"] = supervision.frames
            seen["radiance"] = supervision.rendered.radiance
            return torch.zeros(())

        keep.draws, keep.weight = "frames", 1.0  # type: ignore[attr-defined]
        problem.losses = WeightedLosses({"photometric": keep}, 1.0)
        batch = problem.draw(64, np.random.default_rng(0))
        problem.terms(batch, torch.Generator().manual_seed(0))
        torch.testing.assert_close(seen["frames"].predicted, seen["radiance"] ** gain)
        frames, drawn = problem.looks.frames, pixels(batch)
        flat = frames.image.reshape(len(frames), -1, 1)
        np.testing.assert_array_equal(seen["frames"].observed.numpy(), flat[drawn.view, drawn.pixel])
        batches[space] = drawn
    assert np.array_equal(batches["linear"].pixel, batches["display"].pixel)


def test_each_image_is_seen_by_its_own_camera() -> None:
    recording = posed()
    frames = recording.frames
    assert frames is not None
    wide = replace(frames.camera, fx=0.5 * frames.camera.fx, fy=0.5 * frames.camera.fy)
    tall = replace(frames.camera, width=10, height=16)
    cameras = [*[frames.camera] * 3, *[wide] * 2, *[tall] * (len(frames) - 5)]
    images = [image[: camera.height, : camera.width] for image, camera in zip(frames.images, cameras, strict=True)]
    mixed = Views.joined(images, frames.T_world_camera, cameras, frames.names)
    problem = build(replace(recording, frames=mixed))
    batch = pixels(problem.draw(4000, np.random.default_rng(0)))
    rays = problem.looks.rays(batch, problem.motion)
    observed = problem.looks.supervision(batch, torch.zeros(4000, 1), torch.ones(()), torch.zeros(()), 0).observed
    for i, (camera, image) in enumerate(zip(cameras, images, strict=True)):
        of = np.flatnonzero(batch.view == i)
        pixel = batch.pixel[of]
        assert len(of) > 0 and pixel.max() < camera.pixels
        pose = Poses(problem.looks.rotation[i : i + 1], problem.looks.position[i : i + 1])
        bearings = torch.from_numpy(camera.bearings())
        expected = camera_rays(bearings, torch.from_numpy(pixel), pose)
        torch.testing.assert_close(rays.direction[of], expected.direction)
        np.testing.assert_array_equal(observed[of].numpy(), image.reshape(-1, 1)[pixel])


def test_each_pixel_that_a_loss_compares_leads_to_its_ray() -> None:
    problem = build(posed())
    seen: list[Any] = []

    def keep(supervision: Any) -> torch.Tensor:
        seen.append(supervision)
        return torch.zeros(())

    keep.draws, keep.weight = ("frames", "patches"), 1.0  # type: ignore[attr-defined]
    problem.losses = WeightedLosses({"keep": keep}, 1.0)
    source = problem.draws.source
    draws = {name: resolve("draws", name)() for name in ("frames", "patches")}
    batch = BatchDraws.build(source, draws).draw(300, np.random.default_rng(0))
    problem.terms(batch, torch.Generator())
    (supervision,) = seen
    for part in supervision.compared.values():
        torch.testing.assert_close(part.predicted, supervision.rendered.radiance[part.ray])
    rays = torch.cat([part.ray for part in supervision.compared.values()])
    assert torch.equal(rays, torch.arange(len(supervision.rays)))


def test_pixels_are_drawn_from_every_image() -> None:
    batch = pixels(build(posed()).draw(4000, np.random.default_rng(0)))
    assert len(np.unique(batch.view)) == len(posed().frames)  # type: ignore[arg-type]
    assert batch.pixel.min() >= 0 and batch.pixel.max() < 24 * 24


def test_the_path_goes_through_the_images_in_the_order_of_their_times() -> None:
    frames = posed().frames
    assert frames is not None
    times = np.arange(len(frames))[::-1] * 1000
    path = path_through(replace(frames, t_us=times))
    np.testing.assert_allclose(path.position, frames.T_world_camera[::-1, :3, 3])
    assert path_through(frames).t_us.tolist() == (np.arange(len(frames)) * 1_000_000).tolist()
    alone = path_through(frames.take([3]))
    np.testing.assert_allclose(alone.position, frames.T_world_camera[[3, 3], :3, 3])


def test_a_loss_on_events_is_refused() -> None:
    recording = posed()
    chosen = experiment_from_table(
        {**SMALL, "problem": {"kind": "radiance"}, "losses": {"photometric": {}, "silent": {}}}, "test"
    )
    parts = Backend(), torch.Generator()
    with pytest.raises(InputError, match="the loss silent compares events"):
        chosen.problem.build(setup_of(chosen, recording, recording.frames, *parts))
    with pytest.raises(InputError, match="no posed images"):
        chosen.problem.build(setup_of(chosen, recording, None, *parts))


def test_only_posed_images_without_events_change_the_default_problem() -> None:
    default = experiment_from_table({}, "test")
    assert kind_of(default.problem) == DEFAULT_KINDS["problem"]
    chosen = suited(default, posed())
    assert kind_of(chosen.problem) == "radiance"
    assert tuple(chosen.losses) == ("photometric", "distortion")
    assert chosen.evaluate.protocol == "none"
    assert suited(default, tiny_recording(size=24, frames=60, with_frames=True)) is default
    assert suited(default, replace(posed(), frames=None)) is default
    named = experiment_from_table({"problem": {"kind": "radiance"}}, "test")
    assert suited(named, posed()) is named


def test_losses_that_posed_images_alone_replace_are_named(caplog: pytest.LogCaptureFixture) -> None:
    suited(experiment_from_table({}, "test"), posed())
    assert not caplog.records
    chosen = experiment_from_table({"losses": {"mine": {"kind": "photometric"}, "silent": {}}}, "test")
    assert "mine" not in suited(chosen, posed()).losses
    (record,) = caplog.records
    assert record.getMessage().endswith('photometric and distortion; to use mine, set problem.kind = "radiance"')


def test_posed_images_are_trained_on_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = LOADERS["blender"](tmp_path / "sample")
    run, config = tmp_path / "run", tmp_path / "few.toml"
    assert main(["train", str(folder), "--run", str(run), "--steps", "20", "--threads", "1"]) == 2
    assert (
        "give its box, two opposite corners: --box=" in capsys.readouterr().err
    )  # the sample's cameras look nowhere together
    config.write_text('[problem]\nkind = "radiance"\nbox = [[-1, -1, -1], [1, 1, 1]]\n[evaluate]\nprotocol = "none"\n')
    flags = ["--scene", str(folder), "--run", str(run), "--steps", "20", "--threads", "1"]
    assert main(["train", str(config), *flags]) == 0
    assert "protocol none" in capsys.readouterr().out
    assert (run / "report.html").is_file()
    assert main(["evaluate", str(run)]) == 0
