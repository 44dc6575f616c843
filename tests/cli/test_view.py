"""`efields view` and `efields train --view` as a user calls them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import torch

from efields import cli
from efields.server.client import connected
from efields.train import Run
from efields.train.checkpoint import read_checkpoint


def started(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "efields", "view", *words, "--threads", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_run_is_served_until_ctrl_c(tiny_run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = started(str(tiny_run.path), "--port", str(port), "--no-open")
        try:
            assert server.stdout is not None
            lines = [server.stdout.readline().strip() for _ in range(4)]
            assert lines[0].startswith(f"port {port} is taken: using ")
            url = lines[1].removeprefix("viewer:").strip()
            assert url.startswith("http://127.0.0.1:") and f":{port}/" not in url
            assert "ssh -L" in lines[2] and lines[3] == "Ctrl-C closes it."
            with urllib.request.urlopen(f"{url}scene.json") as scene:
                document = json.load(scene)
            assert (document["format"], document["volume"]) == ("efields-scene", None)
            with connected(url) as client:
                assert client.next()[0]["document"] == document
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=20)
        finally:
            server.kill()
    assert server.returncode == 0
    assert said.splitlines()[-1] == "efields: the viewer is closed" and "Traceback" not in said


def test_json_tells_where(tiny_run: Run) -> None:
    server = started(str(tiny_run.path), "--port", "0", "--json")
    try:
        assert server.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = server.stdout.readline()
            assert line, server.communicate()
            text += line
        told = json.loads(text)
        assert told["url"] == f"http://127.0.0.1:{told['port']}/"
        server.send_signal(signal.SIGTERM)
        assert server.communicate(timeout=20) == ("", "")
    finally:
        server.kill()
    assert server.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "no run at that path; runs there: tiny"),
        (["tiny", "--host", "0.0.0.0", "--token", "none"], "would let anybody connect"),
        (["tiny", "--token", "short"], "easily guessed"),
        (["tiny", "--port", "70000"], "--port 70000"),
        (["tiny", "--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["tiny", "--backend", "nothing"], "nothing"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], said: str, tiny_run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_run.path.parent)
    assert cli.main(["view", *words]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if "recording" not in line]
    assert len(told) == 1 and said in told[0]


def test_a_checkpoint_of_a_newer_version_is_refused(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run.path, tmp_path / "newer")
    content = torch.load(tmp_path / "newer" / "checkpoint.pt", weights_only=True)
    torch.save({**content, "version": 99}, tmp_path / "newer" / "checkpoint.pt")
    assert cli.main(["view", str(tmp_path / "newer")]) == 2
    told = capsys.readouterr().err.strip()
    assert "checkpoint of version 99" in told and len(told.splitlines()) == 1


def test_without_the_web_server_the_line_that_installs_it(
    here: Path, tiny_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["view", str(tiny_run.path)]) == 2
    assert 'pip install "efields[viewer]"' in capsys.readouterr().err
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--view"]) == 2
    assert 'pip install "efields[viewer]"' in capsys.readouterr().err
    assert not (here / "runs").exists()


def test_train_with_view_ends_like_train_and_leaves_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "small.toml", "--scene", "tiny", "--threads", "1"]
    assert cli.main([*words, "--run", "plain"]) == 0
    assert cli.main([*words, "--run", "watched", "--view", "--port", "0"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "watched/report.html"
    assert "efields: viewer:  http://127.0.0.1:" in said.err
    plain, watched = (read_checkpoint(here / name / "checkpoint.pt") for name in ("plain", "watched"))
    assert all(torch.equal(value, watched["problem"][key]) for key, value in plain["problem"].items())
    told = json.loads((here / "watched" / "training.json").read_text())
    assert told["view_seconds"] >= 0 and told["view_share_allowed"] == 0.1
    assert "view_seconds" not in json.loads((here / "plain" / "training.json").read_text())


@pytest.mark.usefixtures("here")
def test_wrong_flags_of_train_view(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--view-share", "0"], ["--view-share", "1"], ["--view", "--port", "70000"]):
        assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", *words]) == 2
        assert words[-2] in capsys.readouterr().err


def test_bench_view_measures_both(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("efields.cli._bench_viewing.SIZE", 32)
    monkeypatch.setattr("efields.cli._bench_viewing.SECONDS", 0.05)
    words = ["bench", "view", "--run", str(tiny_run.path), "--backends", "reference", "--threads", "1"]
    assert cli.main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["field"] for row in rows] == ["tiny", "ready pictures"]
    assert all(row["frames"] >= 2 and 0 < row["p50_ms"] <= row["p95_ms"] for row in rows)
    assert rows[1]["rows"] == 32


@pytest.mark.usefixtures("here")
def test_bench_view_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "view", "--backends", "reference"]) == 2
    assert "no run to show" in capsys.readouterr().err
