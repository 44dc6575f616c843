"""`efields evaluate` and `efields report`: scores anew, protocols, what is missing said in a sentence."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from efields import cli
from efields.train import Run, reconstruct
from tests.tiny import tiny_recording


@pytest.fixture
def run(tiny_run: Run, here: Path) -> Path:
    """A run of two steps on a recording with held-out views, not scored yet, that does not know its recording."""
    experiment = dataclasses.replace(tiny_run.experiment, scene="")
    reconstruct(experiment, tiny_recording(16, 40), here / "run")
    return here / "run"


def test_a_recording_of_another_camera_is_refused(
    tiny_run: Run, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run.path, here / "run")
    assert cli.main(["evaluate", "run", "--scene", "tiny"]) == 2
    assert "16x16" in capsys.readouterr().err


def test_scores_are_told_and_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(run), "--scene", "tiny", "--threads", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    rows = {line[:12].strip(): line[12:] for line in said[:-1]}
    assert rows["protocol"].startswith("robust: ")
    assert rows["views"].startswith("8 ")
    assert rows["PSNR"].endswith(" dB")
    assert rows["gauge"].endswith("(scale, offset per channel)")
    assert said[-1].endswith("run/report.html")
    metrics = json.loads((run / "metrics.json").read_text())
    wanted = {"protocol", "views", "psnr", "ssim", "lpips", "lpips_reason", "depth_abs_rel", "gauge"}
    wanted |= {"train_seconds", "events", "steps", "backend", "seed"}
    assert wanted <= set(metrics)
    assert (metrics["steps"], metrics["backend"], metrics["views"]) == (2, "reference", 8)
    assert f"{metrics['psnr']:.2f} dB" == rows["PSNR"]


@pytest.mark.parametrize("protocol", ["robust", "eventnerf", "offset", "none"])
def test_json_under_each_protocol_is_what_the_file_says(
    run: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(run), "--scene", "tiny", "--protocol", protocol, "--threads", "1", "--json"]
    assert cli.main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    told = json.loads(said.out)
    assert told["protocol"] == protocol
    assert told == json.loads((run / "metrics.json").read_text())
    assert (told["gauge"]["a"] == [1.0] and told["gauge"]["b"] == [0.0]) == (protocol == "none")


def test_an_unknown_protocol_is_code_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(run), "--scene", "tiny", "--protocol", "robst"]) == 2
    assert "robust" in capsys.readouterr().err
    assert not (run / "metrics.json").exists()


def test_a_run_that_names_no_recording_asks_for_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(run)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--scene PATH" in error


@pytest.mark.parametrize("verb", ["evaluate", "report"])
def test_no_run_is_one_line(run: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "rum"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "run" in error
    assert not Path("rum").exists()


def test_a_report_before_any_score_says_what_is_missing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(run)]) == 0
    assert capsys.readouterr().out.endswith("run/report.html\n")
    assert "Not scored yet" in (run / "report.html").read_text()
    assert cli.main(["report", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"].endswith("run/report.html")
