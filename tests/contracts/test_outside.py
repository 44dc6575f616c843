"""Everything that plugs in does so from a package outside efields: train, resume, evaluate, view, export, reopen."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from efields import cli
from efields.config import resolve
from efields.export.scene import baked_scene
from efields.loaders import load
from efields.render.image import render_view
from efields.server.studio import Studio
from efields.train import Run
from efields.train.checkpoint import read_checkpoint
from tests.contracts.outside_run import ONE_THREAD, plugins_allowed, train
from tests.contracts.rules import broken_rules
from tests.server.small import view

KINDS = {
    "fields": "moving_ball", "losses": "agreement", "draws": "pairs", "samplers": "nearer", "backgrounds": "dusk",
    "problems": "spans_alone", "loaders": "dots",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def allowed() -> Iterator[None]:
    with plugins_allowed():
        yield
    for name in [name for name in sys.modules if name.split(".")[0] == "outside"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(train(tmp_path_factory.mktemp("outside")))


@pytest.mark.parametrize("family", KINDS)
def test_its_configs_keep_the_rules(family: str) -> None:
    assert broken_rules(resolve(family, f"outside.{KINDS[family]}")) == []


def test_every_part_of_a_run_came_from_outside(run: Run) -> None:
    experiment = run.experiment
    parts = {
        "fields": experiment.field, "samplers": experiment.sampling, "backgrounds": experiment.background,
        "problems": experiment.problem, "losses": experiment.losses["outside.agreement"],
        "draws": experiment.draws["outside.pairs"],
    }  # fmt: skip
    assert {family: type(part).__module__ for family, part in parts.items()} == {
        family: f"outside.{name}" for family, name in KINDS.items() if family != "loaders"
    }
    content = read_checkpoint(run.checkpoint_path)
    assert (content["kind"], content["content"]["mark"]) == ("outside.spans_alone", "outside")
    assert {"outside.agreement"} == set(run.read_metrics()[-1]["terms"])
    assert "Made by a package outside." in run.training()["notes"]
    assert int(content["problem"]["renderer.sampler.turns"]) == 12
    assert float(content["problem"]["renderer.field.velocity"][0]) != pytest.approx(0.3, abs=1e-6)
    assert float(content["problem"]["motion.rotation"].abs().sum()) > 0, "gradients reached the poses"


def test_it_resumes_as_if_it_had_not_stopped(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "half")
    config = str(run.path / "config.toml")
    assert cli.main(["train", config, "--run", str(tmp_path / "whole"), "--steps", "20", *ONE_THREAD]) == 0
    assert cli.main(["train", config, "--run", str(tmp_path / "half"), "--steps", "20", "--resume", *ONE_THREAD]) == 0
    whole, half = (read_checkpoint(tmp_path / name / "checkpoint.pt")["problem"] for name in ("whole", "half"))
    assert whole.keys() == half.keys() and all(torch.equal(whole[name], half[name]) for name in whole)


def test_without_the_users_word_nothing_outside_runs(run: Run) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EFIELDS_PLUGINS")
        assert cli.main(["evaluate", str(run.path)]) == 2


def test_it_is_evaluated_rendered_and_exported(run: Run, tmp_path: Path) -> None:
    assert cli.main(["evaluate", str(run.path), *ONE_THREAD]) == 0
    scores = json.loads((run.path / "metrics.json").read_text())
    assert scores["event_windows"]
    assert cli.main(["render", str(run.path), "--out", str(tmp_path / "pictures"), "--frames", "2", *ONE_THREAD]) == 0
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2
    scene = baked_scene(run, run.load_model("reference"), None, resolution=16)
    assert scene.document["background"]["kind"] == "map"
    assert cli.main(["export", str(run.path), "--poses", str(tmp_path / "poses.txt")]) == 0


def test_its_field_moves_before_the_viewer(run: Run) -> None:
    model = run.load_model("reference")
    with torch.no_grad():
        model.renderer.field.velocity.copy_(torch.tensor([1.0, 0.0, 0.0]))
        model.renderer.field.center.copy_(torch.tensor([-0.4, 0.0, 0.0]))
    pose = np.eye(4)
    pose[2, 3] = -2.5
    early, late = (render_view(model.renderer, model.camera, pose, t_s=t_s) for t_s in (0.0, 0.8))
    left, right = (float((picture.opacity * np.arange(24)).sum() / picture.opacity.sum()) for picture in (early, late))
    assert left < 9 and right > 14
    studio, got = Studio(model), []
    session = studio.join("a client", got.append)
    session.receive(view(1), 0.0)
    while studio.advance():
        session._outstanding = None
    assert any(isinstance(message, bytes) for message in got)


def test_its_recording_is_read_again(run: Run) -> None:
    scene = Path(run.experiment.scene)
    again = load(scene, "outside.dots")
    assert len(again.events) == run.training()["events"] and (again.events.width, again.events.height) == (24, 24)
