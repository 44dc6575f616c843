"""A run on another device is that of the processor, bit for bit: trained, resumed, opened, scored, baked, viewed.

No GPU is needed: `tests.elsewhere` has a device that computes on the processor and mixes with nothing of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from efields import devices
from efields.backends import reference
from efields.config import Experiment, experiment_from_table
from efields.evaluate import evaluate_run, heldout_psnr
from efields.export.bake import sample_voxels
from efields.geometry.boxes import Box
from efields.recordings.recording import Recording
from efields.render.renderer import Renderer
from efields.server.looking import Looking, pinhole
from efields.train import Run, reconstruct
from efields.train.checkpoint import read_checkpoint, save_checkpoint
from tests.elsewhere import ELSEWHERE, Elsewhere, Mixed, elsewhere
from tests.server.small import POSE
from tests.tiny import tiny_recording

THERE = ELSEWHERE.type
TABLE: dict[str, Any] = {
    "backend": "reference",
    "field": {"levels": 2, "log2_size": 6, "width": 8, "finest_resolution": 32},
    "sampling": {"samples": 12, "grid_resolution": 4, "update_every": 1, "warmup_steps": 1},
    "train": {"steps": 2, "samples_per_step": 512, "log_every": 1, "heldout_every": 2, "heldout_count": 1},
    "seed": 5,
}
PROBLEMS: dict[str, dict[str, Any]] = {
    "events": {"problem": {"learn_refractory": True}},
    "events and frames": {"problem": {"frames": True}, "camera_motion": {"learn": True}},
    "frames": {
        "problem": {"kind": "radiance"}, "camera_motion": {"learn": True}, "background": {"kind": "harmonics"},
        "evaluate": {"protocol": "none"},
    },
    "stratified": {"sampling": {"kind": "stratified", "samples": 6}, "background": {"kind": "none"}},
}  # fmt: skip


@pytest.fixture
def second_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in is a device as others are."""
    kinds = (*devices.KINDS, THERE)
    monkeypatch.setattr(devices, "KINDS", kinds)
    monkeypatch.setattr(reference.Backend, "devices", kinds)
    with elsewhere():
        yield


def recording() -> Recording:
    return tiny_recording(size=12, frames=24, bayer="RGGB", with_frames=True)


def experiment(problem: str, device: str, **train: Any) -> Experiment:
    found = experiment_from_table({**TABLE, **PROBLEMS[problem], "device": device}, "test")
    return dataclasses.replace(found, train=dataclasses.replace(found.train, **train))


def assert_equal(one: Any, other: Any) -> None:
    """Two contents of checkpoints, all but the time that was spent and where."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one.keys() - {"seconds", "device"}:
            assert_equal(one[key], other[key])
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def trained(problem: str, device: str, folder: Path, resume: bool = False, **train: Any) -> Run:
    """A run on a device, with held-out scores on the way."""
    views = recording().heldout
    assert views is not None
    return reconstruct(
        experiment(problem, device, **train),
        recording(),
        folder,
        resume=resume,
        heldout=lambda renderer: heldout_psnr(renderer, views, "none", 1),
    )


@pytest.mark.usefixtures("second_device")
@pytest.mark.parametrize("problem", PROBLEMS)
def test_training_there_leaves_the_checkpoint_that_training_here_leaves(problem: str, tmp_path: Path) -> None:
    here, there = (trained(problem, device, tmp_path / device) for device in ("cpu", THERE))
    assert_equal(read_checkpoint(there.checkpoint_path), read_checkpoint(here.checkpoint_path))
    assert (there.training()["device"], there.training()["backend"]) == (THERE, "reference")
    for run in (here, there):  # each opens on either
        for device, kind in (("cpu", torch.Tensor), (THERE, Elsewhere)):
            assert {type(p.data) for p in run.load_model("auto", device).renderer.parameters()} == {kind}


@pytest.mark.usefixtures("second_device")
def test_a_run_goes_on_where_it_was_not_begun(tmp_path: Path) -> None:
    left = []
    for first, second in (("cpu", "cpu"), ("cpu", THERE), (THERE, "cpu")):
        folder = tmp_path / f"{first}-{second}"
        trained("events", first, folder, steps=1)
        left.append(read_checkpoint(trained("events", second, folder, resume=True, steps=2).checkpoint_path))
    assert_equal(left[1], left[0])
    assert_equal(left[2], left[0])


@pytest.mark.usefixtures("second_device")
def test_scores_bakes_and_the_viewers_pictures_are_those_of_the_processor(tmp_path: Path) -> None:
    run = trained("events", "cpu", tmp_path / "run", steps=1)
    views: list[dict[str, np.ndarray]] = []
    for device in ("cpu", THERE):
        scored = evaluate_run(run, recording(), backend="reference", device=device)
        model = run.load_model("reference", device)
        voxels = sample_voxels(model.renderer, POSE[None, :3, 3], 4)
        layers = looked(model.renderer)
        views.append({
            "render": np.stack(scored.render),
            "depth": np.stack(scored.depth),
            "alpha": voxels.alpha,
            "baked": voxels.radiance,
            **{f"layer {k}": layer for k, layer in enumerate(layers)},
        })  # fmt: skip
    for name, values in views[0].items():
        assert np.array_equal(values, views[1][name]), name


def looked(renderer: Renderer) -> list[np.ndarray]:
    """What the viewer shows: cropped or not, a draft or not, with normals."""
    layers: list[np.ndarray] = []
    for crop in (None, Box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))):
        for draft in (False, True):
            looking = Looking(renderer, pinhole(0.7, 5, 4), POSE, crop=crop, normals=True, draft=draft)
            while not looking.done:
                looking.advance(16)
            seen = looking.layers()
            assert seen.normal is not None
            layers += [seen.radiance, seen.opacity, seen.depth, seen.normal]
    return layers


def test_a_checkpoint_of_a_gpu_opens_on_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = read_checkpoint(trained("events", "cpu", tmp_path / "run", steps=1).checkpoint_path)
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:3")
        save_checkpoint(tmp_path / "of_a_gpu.pt", content)
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(tmp_path / "of_a_gpu.pt", weights_only=True)
    assert_equal(read_checkpoint(tmp_path / "of_a_gpu.pt"), content)


def test_the_stand_in_mixes_with_the_processor_as_little_as_a_gpu() -> None:
    with elsewhere():
        there, here = torch.ones(3, device=ELSEWHERE), torch.ones(3)
        assert there.device == ELSEWHERE and torch.equal((there + 1).cpu(), here + 1)
        assert float((there * torch.tensor(2.0)).sum()) == 6.0  # single numbers mix
        for mixed in (
            lambda: there + here,
            lambda: torch.cat((there, here)),
            lambda: here[there.long()],
            lambda: torch.where(there > 0, there, here),
            lambda: here.add_(there),
        ):
            with pytest.raises(Mixed):
                mixed()
        with pytest.raises(RuntimeError):
            there.numpy()
        weight = torch.full((3,), 2.0, device=ELSEWHERE, requires_grad=True)
        (weight * weight).sum().backward()
        assert weight.grad is not None
        assert weight.grad.cpu().tolist() == [4.0, 4.0, 4.0]


@pytest.mark.gpu
def test_training_on_a_gpu_agrees_with_that_of_the_processor(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU is here")
    here, there = (trained("events", device, tmp_path / device) for device in ("cpu", "cuda"))
    assert there.training()["device_name"] == torch.cuda.get_device_name(0)
    seen = [looked(run.load_model("auto", device).renderer)[0] for run in (here, there) for device in ("cpu", "cuda")]
    for other in seen[1:]:
        assert np.allclose(other, seen[0], atol=1e-2)
