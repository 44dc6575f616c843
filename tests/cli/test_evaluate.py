"""`efields evaluate` and `efields report`: the numbers, the reasons, and the page, from a run folder."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from efields.backends import backend_names
from efields.cli import main
from efields.evaluate.heldout import NO_REFERENCE
from efields.loaders.robust_enerf import save
from efields.train import Run, reconstruct
from tests.tiny import tiny_recording


@pytest.fixture
def trained(here: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Four steps on the tiny recording, scored under the default protocol."""
    assert main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--json"]) == 0
    capsys.readouterr()
    return Path("runs/small")


def test_evaluate_scores_under_another_protocol_and_renews_the_report(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((trained / "metrics.json").read_text())
    (trained / "report.html").unlink()
    assert main(["evaluate", str(trained), "--threads", "1", "--protocol", "offset"]) == 0
    said = capsys.readouterr().out.splitlines()
    metrics = json.loads((trained / "metrics.json").read_text())
    for key in ("protocol", "psnr", "ssim", "gauge", "steps", "view_scores"):
        assert metrics[key] == before[key]
    assert metrics["protocols"]["robust"] == before["protocols"]["robust"]
    offset = metrics["protocols"]["offset"]
    assert offset["protocol"] == "offset" and offset["gauge"]["a"] == [1.0] and offset["steps"] == 4
    assert f"PSNR        {offset['psnr']:.2f} dB" in said
    assert any(line.startswith("gauge") and "a 1.0000" in line for line in said)
    report = (trained / "report.html").read_text()
    assert said[-1] == "runs/small/report.html" and "“robust”" in report
    assert all(f"<td>{name}</td> <td>{each['psnr']:.2f}</td>" in report for name, each in metrics["protocols"].items())
    assert main(["evaluate", str(trained), "--threads", "1", "--protocol", "none", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == "none"
    assert list(json.loads((trained / "metrics.json").read_text())["protocols"]) == ["robust", "offset", "none"]


def test_scores_of_before_protocols_were_kept_apart_stay(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    del metrics["protocols"]
    old = {**metrics, "protocol": "eventnerf", "psnr": 12.5}
    (trained / "metrics.json").write_text(json.dumps(old))
    assert main(["evaluate", str(trained), "--threads", "1"]) == 0
    now = json.loads((trained / "metrics.json").read_text())
    assert (now["protocol"], now["psnr"]) == ("robust", metrics["psnr"])
    assert now["protocols"]["eventnerf"]["psnr"] == 12.5


def test_evaluate_prints_the_metrics_as_json_and_nothing_else(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(trained), "--threads", "1", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((trained / "metrics.json").read_text())
    assert json.loads(said.out)["protocol"] == "robust" and said.err == ""


def test_a_recording_without_views_is_not_scored_and_says_why(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(dataclasses.replace(tiny_recording(16, 40), heldout=None), "blind")
    words = ["evaluate", str(trained), "--threads", "1", "--scene", "blind"]
    before = (trained / "metrics.json").read_bytes()
    assert main(words) == 2
    assert "replace them with --overwrite" in capsys.readouterr().err
    assert (trained / "metrics.json").read_bytes() == before
    assert main([*words, "--overwrite"]) == 0
    assert f"PSNR        {NO_REFERENCE}" in capsys.readouterr().out.splitlines()
    assert json.loads((trained / "metrics.json").read_text())["psnr"] is None


def test_report_prints_its_path(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(tiny_run.path, tmp_path / "run")
    assert main(["report", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"report": str(run / "report.html")}
    assert "Not scored yet" in (run / "report.html").read_text()


@pytest.mark.parametrize("verb", ["evaluate", "report"])
def test_a_path_without_a_run_is_one_line(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, str(tmp_path / "nothing")]) == 2
    said = capsys.readouterr().err
    assert "no run at that path" in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


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
    assert main(["evaluate", "run", "--scene", "tiny"]) == 2
    assert "16x16" in capsys.readouterr().err


def test_scores_are_told_and_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--scene", "tiny", "--threads", "1"]) == 0
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
    assert (metrics["steps"], metrics["views"]) == (2, 8)
    assert metrics["backend"] in backend_names()
    assert f"{metrics['psnr']:.2f} dB" == rows["PSNR"]


@pytest.mark.parametrize("protocol", ["robust", "eventnerf", "offset", "none"])
def test_json_under_each_protocol_is_what_the_file_says(
    run: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(run), "--scene", "tiny", "--protocol", protocol, "--threads", "1", "--json"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    told = json.loads(said.out)
    assert told["protocol"] == protocol
    assert told == json.loads((run / "metrics.json").read_text())
    assert (told["gauge"]["a"] == [1.0] and told["gauge"]["b"] == [0.0]) == (protocol == "none")


def test_an_unknown_protocol_is_code_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--scene", "tiny", "--protocol", "robst"]) == 2
    assert "robust" in capsys.readouterr().err
    assert not (run / "metrics.json").exists()


def test_a_run_that_names_no_recording_asks_for_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--scene PATH" in error


def test_a_report_before_any_score_says_what_is_missing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out.endswith("run/report.html\n")
    assert "Not scored yet" in (run / "report.html").read_text()
    assert main(["report", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"].endswith("run/report.html")
