"""`efields doctor` and `efields bench`: what is there, what is missing and how to get it."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from efields import __version__, cli, native
from efields.native import build


@pytest.fixture(autouse=True)
def real_doctor() -> None:
    """Other tests put a stand-in in its place."""
    sys.modules.pop("efields.cli.doctor", None)


def test_each_finding_is_a_line_and_what_is_missing_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = importlib.metadata.version

    def without_mitsuba(name: str) -> str:
        if name in ("mitsuba", "open3d"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_mitsuba)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[:3] == ["ok", "efields", __version__]
    at = next(i for i, line in enumerate(said) if line.startswith("--  mitsuba"))
    assert 'needed for efields demo and simulate; pip install "efields[simulate]"' in said[at + 1]
    assert all(line[:2] in ("ok", "--", "  ") for line in said)
    assert all(len(line) < 200 for line in said)


def test_what_efields_cannot_run_without_is_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = importlib.import_module("efields.cli.doctor")
    monkeypatch.setattr(doctor, "_CHECKS", (lambda: iter([doctor.Finding("torch", False, "not installed")]),))
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["ok"] is False


def test_native_kernels_name_their_instruction_sets_or_the_line_that_makes_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def findings() -> dict[str, dict[str, Any]]:
        native.library.cache_clear()
        assert cli.main(["doctor", "--json"]) == 0
        return {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}

    there = findings()["backend native"]
    if there["ok"]:
        assert f"uses {native.instruction_set()}; this processor runs {', '.join(native.supported())}" in there["found"]
    with monkeypatch.context() as patch:
        patch.setattr(native, "LIBRARY", tmp_path / "nothing.so")
        patch.setattr(build, "compiler", lambda: _raise(build.BuildError(f"none: {build.INSTALL_COMPILER}")))
        told = findings()
    assert not told["backend native"]["ok"]
    assert told["backend native"]["do"].endswith("python -m efields.native")
    assert not told["compiler"]["ok"]
    assert "pip install ziglang" in told["compiler"]["do"]
    native.library.cache_clear()


def test_the_viewer_tells_its_page_its_server_and_its_port(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    doctor = importlib.import_module("efields.cli.doctor")
    monkeypatch.setattr(doctor, "_CHECKS", (doctor._viewer,))

    def findings() -> dict[str, dict[str, Any]]:
        assert cli.main(["doctor", "--json"]) == 0
        return {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "PORT", taken.getsockname()[1])
        told = findings()
    assert not told["viewer port"]["ok"]
    assert "uses the next free one" in told["viewer port"]["do"]
    assert findings()["viewer port"]["ok"]
    assert told["viewer server"]["ok"]
    # Installed without its sources and without its page.
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "efields" / "cli" / "doctor.py"))
    told = findings()
    assert (told["viewer page"]["ok"], told["viewer page"]["found"]) == (False, "not built")
    assert "Node" not in told
    page = tmp_path / "efields" / "_viewer" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html></html>")
    assert findings()["viewer page"]["ok"]


def _raise(error: Exception) -> None:
    raise error


def test_every_gpu_is_told_by_the_word_that_takes_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = importlib.import_module("efields.cli.doctor")
    monkeypatch.setattr(doctor, "_CHECKS", (doctor._torch, doctor._backends))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: ("Big", "Small")[i])
    cli.main(["doctor", "--json"])
    told = {finding["name"]: finding["found"] for finding in json.loads(capsys.readouterr().out)}
    assert told["GPU"].startswith("cuda:0 is Big, cuda:1 is Small; CUDA ")
    assert told["backend reference"] == "available, for cpu and cuda"
