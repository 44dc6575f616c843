"""The run folder: self-contained, written whole or not at all, clear about what is wrong with it."""

from __future__ import annotations

import dataclasses
import errno
import html
import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from efields.config import load_experiment, save_experiment
from efields.errors import InputError
from efields.evaluate import evaluate_run
from efields.loaders import load
from efields.loaders.robust_enerf import save
from efields.losses import photometric
from efields.render.image import render_view
from efields.report import write_report
from efields.supplied.facts import facts_of
from efields.supplied.given import Supplied
from efields.train import Run, reconstruct, views_for
from efields.train.checkpoint import read_checkpoint, save_checkpoint
from tests.tiny import tiny_recording
from tests.train.small import experiment, recording


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return reconstruct(experiment(), recording(), tmp_path_factory.mktemp("runs") / "good")


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    """A copy that a test may spoil."""
    shutil.copytree(trained.path, tmp_path / "runs" / "good")
    return Run(tmp_path / "runs" / "good")


# ---- self-contained


def test_a_run_needs_its_recording_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    save(recording(), folder)
    run = reconstruct(experiment(), load(folder), tmp_path / "run")
    assert run.experiment.scene == str(folder.resolve())
    shutil.rmtree(folder)
    moved = tmp_path / "elsewhere"
    run.path.rename(moved)
    model = Run.open(moved).load_model()
    heldout = recording().heldout
    assert heldout is not None
    view = render_view(model.renderer, model.camera, heldout.T_world_camera[0])
    assert np.isfinite(view.radiance).all() and view.radiance.shape == (24, 24, 1)


def test_a_loaded_model_is_the_trained_one(trained: Run) -> None:
    model, truth = trained.load_model(), recording()
    assert model.camera == truth.camera
    assert truth.trajectory is not None and truth.box is not None
    np.testing.assert_array_equal(model.trajectory.t_us, truth.trajectory.t_us)
    np.testing.assert_allclose(model.trajectory.position, truth.trajectory.position, atol=0)
    assert model.trajectory.origin_us == truth.trajectory.origin_us
    assert (model.renderer.box, model.step) == (truth.box, 12)
    learned = read_checkpoint(trained.checkpoint_path)["problem"]
    assert torch.equal(model.renderer.state_dict()["field.table"], learned["renderer.field.table"])
    # The ratio was learned, the OFF threshold fixed.
    assert model.sensor.c_neg == truth.sensor.c_neg
    assert model.sensor.c_pos != truth.sensor.c_pos
    assert not model.renderer.training


def test_coloured_frames_beside_a_grey_event_camera_train_save_and_open(tmp_path: Path) -> None:
    grey = tiny_recording(size=24, frames=60, with_frames=True)
    assert grey.frames is not None
    colour = np.repeat(grey.frames.pixels, 3, axis=1) * np.float32([1.0, 0.5, 0.25])
    save(dataclasses.replace(grey, frames=dataclasses.replace(grey.frames, pixels=colour)), tmp_path / "r")
    chosen = experiment(steps=2)
    chosen = dataclasses.replace(
        chosen,
        problem=dataclasses.replace(chosen.problem, frames=True),
        losses={**chosen.losses, "photometric": photometric.Config()},
    )
    run = reconstruct(chosen, load(tmp_path / "r"), tmp_path / "run")
    model = run.load_model()
    assert (model.renderer.field.channels, model.camera.channels, model.camera.bayer) == (3, 1, "")
    assert render_view(model.renderer, model.camera, grey.frames.T_world_camera[0]).radiance.shape == (24, 24, 3)
    evaluate_run(run, load(tmp_path / "r"))
    assert write_report(run).is_file()


def test_config_toml_repeats_the_run(trained: Run, tmp_path: Path) -> None:
    again = reconstruct(load_experiment(trained.path), recording(), tmp_path / "again")
    first, second = (read_checkpoint(r.checkpoint_path)["problem"] for r in (trained, again))
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_the_config_is_read_once_until_it_is_saved_anew(trained: Run, tmp_path: Path) -> None:
    first = dataclasses.replace(trained.experiment, seed=1)
    save_experiment(first, tmp_path / "config.toml")
    run = Run.open(tmp_path)
    assert run.experiment is run.experiment
    save_experiment(dataclasses.replace(first, seed=2), run.config_path)  # as many bytes, perhaps at the same time
    assert (run.experiment.seed, Run(tmp_path).experiment.seed) == (2, 2)


def test_a_new_training_in_the_folder_forgets_the_old_one(run: Run) -> None:
    run.metrics_path.write_text("{}")
    reconstruct(experiment(steps=2), recording(), run.path)
    assert not run.metrics_path.exists()
    assert [line["step"] for line in run.read_metrics()] == [2]


# ---- what is wrong


def test_a_run_that_is_not_there_names_the_runs_beside_it(run: Run) -> None:
    with pytest.raises(InputError, match=r"no run at that path; runs there: good"):
        Run.open(run.path.parent / "goood")
    with pytest.raises(InputError, match="create one with: efields train"):
        Run.open(run.path.parent / "deep" / "nothing")


def test_a_checkpoint_cut_short_anywhere(run: Run) -> None:
    whole = run.checkpoint_path.read_bytes()
    for size in [0, 1, 100, len(whole) // 3, len(whole) // 2, len(whole) - 200, len(whole) - 1]:
        run.checkpoint_path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="damaged or cut short") as error:
            run.load_model()
        assert "\n" not in str(error.value) and "checkpoint.pt" in str(error.value)
        with pytest.raises(InputError, match="damaged or cut short"):
            reconstruct(experiment(), recording(), run.path, resume=True)


def test_damage_in_the_middle_is_an_input_error_or_is_not_noticed(run: Run) -> None:
    whole = run.checkpoint_path.read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for place in rng.integers(0, len(whole) - 64, 60):
        spoilt = bytearray(whole)
        spoilt[place : place + 48] = rng.bytes(48)
        run.checkpoint_path.write_bytes(bytes(spoilt))
        try:
            run.load_model()
        except InputError:
            told += 1
    assert told > 0


def test_other_content_and_versions(run: Run) -> None:
    for content in ([1, 2], {"version": 99}, {"a": torch.zeros(3)}, {"version": torch.ones(2)}):
        torch.save(content, run.checkpoint_path)
        with pytest.raises(InputError, match="checkpoint of version"):
            run.load_model()
    run.checkpoint_path.unlink()
    with pytest.raises(InputError, match=r"no checkpoint.*efields train"):
        run.load_model()


class Evil:
    """Would run when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("evil",))


def test_a_checkpoint_never_runs_code(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"version": 1, "problem": Evil()}, run.checkpoint_path)
    with pytest.raises(InputError):
        run.load_model()
    assert not (tmp_path / "evil").exists()


def test_another_field_than_the_checkpoint_has(run: Run) -> None:
    wider = dataclasses.replace(run.experiment, field=dataclasses.replace(run.experiment.field, width=24))
    save_experiment(wider, run.config_path)
    with pytest.raises(InputError, match=r"does not fit config\.toml"):
        run.load_model()
    with pytest.raises(InputError, match="does not fit the experiment"):
        reconstruct(wider, recording(), run.path, resume=True)
    assert run.load_model is not None and (run.path / "metrics.jsonl").is_file()


def test_another_problem_than_the_checkpoint_is_of(run: Run) -> None:
    content = read_checkpoint(run.checkpoint_path)
    save_checkpoint(run.checkpoint_path, {**content, "kind": "radiance"})
    other = "of the problem 'radiance', not 'event_radiance'"
    with pytest.raises(InputError, match=rf"{other}; restore the config\.toml"):
        run.load_model()
    with pytest.raises(InputError, match=f"{other}; resume with"):
        reconstruct(experiment(steps=13), recording(), run.path, resume=True)


# ---- a full disk


def no_space(*_args: object, **_kwargs: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["rename", "write"])
def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_half_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = run.checkpoint_path.read_bytes()
    if where == "rename":
        monkeypatch.setattr(os, "replace", no_space)
    else:
        half = Path.write_bytes

        def write(self: Path, data: bytes) -> int:
            half(self, bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\).*free some space"):
        save_checkpoint(run.checkpoint_path, {"problem": {"x": torch.zeros(1000)}})
    monkeypatch.undo()
    assert run.checkpoint_path.read_bytes() == before
    assert sorted(p.name for p in run.path.iterdir()) == [
        "checkpoint.pt",
        "config.toml",
        "metrics.jsonl",
        "training.json",
    ]


def test_a_file_that_may_not_grow_is_an_input_error(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(InputError, match="cannot be written"):
            save_checkpoint(tmp_path / "checkpoint.pt", {"x": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_grow_is_an_input_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", lambda *_args, **_kwargs: Full())
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be written \(No space left on device\)"):
        run.append_metrics({"step": 1})


def test_a_run_in_a_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        reconstruct(experiment(), recording(), tmp_path / "file" / "run")


def test_devices_and_backends_that_are_not_there(tmp_path: Path) -> None:
    for wrong, line in (({"device": "tpu"}, "unknown device"), ({"backend": "natve"}, "unknown backend")):
        with pytest.raises(InputError, match=line):
            reconstruct(dataclasses.replace(experiment(), **wrong), recording(), tmp_path / "run")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="'cuda' is not available"):
            reconstruct(dataclasses.replace(experiment(), device="cuda"), recording(), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


# ---- which views are held out


def test_views_are_never_both_trained_on_and_held_out() -> None:
    both = tiny_recording(size=24, frames=80, with_frames=True)
    alone = dataclasses.replace(both, heldout=None)
    events = experiment()
    fused = dataclasses.replace(events, problem=dataclasses.replace(events.problem, frames=True))
    assert both.frames is not None and both.heldout is not None
    assert views_for(events, both) == (None, both.heldout)
    assert views_for(fused, both) == (both.frames, both.heldout)
    assert views_for(events, alone) == (None, both.frames)
    assert views_for(events, dataclasses.replace(alone, frames=None)) == (None, None)
    train, held = views_for(fused, alone)
    assert train is not None and held is not None
    assert set(train.names) | set(held.names) == set(both.frames.names)
    assert not set(train.names) & set(held.names)
    assert held.names == tuple(both.frames.names[i] for i in range(4, len(both.frames), 8))


def test_frames_train_a_field(tmp_path: Path) -> None:
    both = tiny_recording(size=24, frames=80, with_frames=True)
    fused = experiment(steps=4)
    losses = {**fused.losses, "photometric": photometric.Config()}
    fused = dataclasses.replace(fused, problem=dataclasses.replace(fused.problem, frames=True), losses=losses)
    run = reconstruct(fused, both, tmp_path / "run")
    assert "photometric" in run.read_metrics()[-1]["terms"]


def test_what_info_warns_of_is_in_the_run_and_its_report(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    save(recording(), folder)
    with np.load(folder / "raw_events.npz") as stored:
        arrays = dict(stored)
    hot = np.linspace(arrays["timestamp"][0], arrays["timestamp"][-1], 3000).astype(np.int64)
    late = arrays["timestamp"][:1]  # the first event once more, at the end of the file
    columns = {"timestamp": (hot, late), "position": (np.full((3001, 2), 7),), "polarity": (np.ones(3001, bool),)}
    order = np.argsort(np.concatenate([arrays["timestamp"], hot]), kind="stable")
    for name, more in columns.items():
        whole = np.concatenate([arrays[name], *more])
        arrays[name] = np.concatenate([whole[:-1][order], whole[-1:]]).astype(arrays[name].dtype)
    np.savez(folder / "raw_events.npz", **arrays)
    told = facts_of(folder, None, {}, Supplied()).warnings
    run = reconstruct(experiment(steps=1), load(folder), tmp_path / "run")
    report = write_report(run).read_text(encoding="utf-8")
    for said in ("events go backwards in time", "One pixel fires far more than neighbouring pixels"):
        (note,) = (note for note in told if said in note)
        assert note in run.training()["notes"]
        assert html.escape(note) in report
