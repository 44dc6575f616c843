"""Run folders from strangers and after accidents: every part missing, of another kind, shape or size is one line."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from efields.cli import main
from efields.errors import InputError
from efields.evaluate import evaluate_run
from efields.export.tone import aligned_tone
from efields.export.video import read_gauge
from efields.loaders import load
from efields.loaders.robust_enerf import save
from efields.report import run_page, sections
from efields.report.contents import read_contents
from efields.train import Run, reconstruct
from efields.train.checkpoint import read_checkpoint
from efields.train.records import MOST_BYTES, read_scores
from tests.train.small import experiment, recording

PLAIN = [None, "x", math.nan, [], {}, [[1]], 10**30]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    save(recording(), folder / "recording")
    run = reconstruct(experiment(steps=2, log_every=1), load(folder / "recording"), folder / "good")
    evaluate_run(run, recording())
    evaluate_run(run, recording(), "offset")
    return run


@pytest.fixture
def run(scored: Run, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(scored.path, tmp_path / "run")))


def spoilt(value: Any, others: Callable[[Any], list[Any]]) -> Iterator[tuple[str, Any]]:
    """The structure with one part taken away or replaced, for each of its parts, and what was done."""

    def parts(at: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        if isinstance(at, dict | list):
            for key in list(at) if isinstance(at, dict) else range(min(len(at), 1)):
                yield (*path, key), at[key]
                yield from parts(at[key], (*path, key))

    for path, part in parts(value, ()):
        for other in others(part):
            yield f"{path} = {other!r:.40}", changed(value, path, other)
        yield f"no {path}", changed(value, path)


NOTHING = object()


def changed(value: Any, path: tuple[Any, ...], other: Any = NOTHING) -> Any:
    """A copy of the structure with `other` at `path`, or nothing there."""
    key, *inside = path
    top = copy.copy(value)
    if inside:
        top[key] = changed(value[key], tuple(inside), other)
    elif other is NOTHING:
        del top[key]
    else:
        top[key] = other
    return top


def in_one_line(what: str, action: Callable[[], object]) -> bool:
    """Whether an action refuses what was done to the folder; anything but a line of ours fails the test."""
    try:
        action()
    except InputError as error:
        return error.where is not None and "\n" not in str(error)
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    return False


@pytest.mark.parametrize("name", ["metrics.json", "training.json", "metrics.jsonl"])
def test_every_part_of_the_json_files(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections.plots, "loss_plot", lambda curve: "")
    monkeypatch.setattr(sections.plots, "psnr_plot", lambda curve, psnr: "")
    path, contents = run.path / name, read_contents(run)

    def shown() -> None:
        """All that reports, viewers and films take from the JSON files."""
        metrics, training, curve = read_scores(run.path), run.training(), run.read_metrics()
        told = dataclasses.replace(contents, metrics=metrics, training=training, curve=curve)
        for part in (sections.headline, sections.training, run_page.limits):
            part(told)
        aligned_tone(metrics, run.path, 1)
        read_gauge(run.path)

    rows = [json.loads(line) for line in path.read_text().splitlines()] if name.endswith("l") else None
    refused = 0
    for what, content in spoilt(rows if rows is not None else json.loads(path.read_text()), lambda _: PLAIN):
        path.write_text("".join(json.dumps(row) + "\n" for row in content) if rows else json.dumps(content))
        refused += in_one_line(f"{name}: {what}", shown)
    assert refused > 30
    for content in (b"", b"\0\xff" * 50, b"[1, 2]", b"[" * 100_000, b'{"psnr": NaN}', b"null", b"{}"):
        path.write_bytes(content)
        in_one_line(f"{name}: {content[:20]!r}", shown)
    with path.open("wb") as huge:
        huge.truncate(MOST_BYTES + 1)
    assert in_one_line("huge", shown)


def test_every_part_of_a_checkpoint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_checkpoint(run.checkpoint_path)

    def others(value: Any) -> list[Any]:
        if not isinstance(value, torch.Tensor):
            return PLAIN[:4]
        huge = torch.zeros(1, dtype=value.dtype).expand(1 << 40)
        return [None, 3, huge, value.reshape(-1)[:0], torch.full((7, 3), math.nan)]

    refused = 0
    for what, content in spoilt(whole, others):
        monkeypatch.setattr(torch, "load", lambda *_args, content=content, **_options: content)
        refused += in_one_line(what, run.load_model)
        if "'loop'" in what:
            refused += in_one_line(f"resume: {what}", lambda: resumed(run))
    assert refused > 200


def resumed(run: Run) -> None:
    reconstruct(experiment(steps=3), recording(), run.path, resume=True)


@pytest.mark.parametrize("name", ["config.toml", "checkpoint.pt", "training.json", "metrics.jsonl"])
def test_every_command_says_in_a_line_what_is_damaged(run: Run, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (run.path / name).write_bytes(b"\0\xff{[" * 20)
    verbs = ["evaluate", "report", "train"] if name != "training.json" else ["evaluate", "report"]
    if name in ("config.toml", "checkpoint.pt"):
        verbs += ["view", "render", "export"]
    for verb in verbs:
        words = {"train": ["--resume", "--steps", "3"], "export": ["--poses", str(run.path / "poses.txt")]}
        assert main([verb, str(run.path), *words.get(verb, [])]) == 2, verb
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and name in said[0], (verb, said)
