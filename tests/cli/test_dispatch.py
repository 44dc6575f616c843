"""The `efields` command: help without torch, verbs by file, errors on one line with their exit codes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from efields import __version__, cli
from efields.errors import InputError


@dataclass(frozen=True)
class Args:
    count: int = 1
    """How often."""


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Args], int]], None]:
    """Makes `efields doctor` run the function that is given."""

    def install(run: Callable[[Args], int]) -> None:
        module = types.ModuleType("efields.cli.doctor", "A verb for tests.")
        module.Args, module.run = Args, run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "efields.cli.doctor", module)

    return install


def raising(error: BaseException) -> Callable[[Args], int]:
    def run(_: Args) -> int:
        raise error

    return run


def test_help_is_quick_and_leaves_torch_alone() -> None:
    script = (
        "import sys, time, efields.cli; code = efields.cli.main(['--help']);"
        "assert time.process_time() < 1;"  # 0.1 s of the processor's own time, which other programs do not stretch
        "heavy = {'torch', 'numpy', 'tyro', 'rich', 'matplotlib'} & set(sys.modules);"
        "sys.exit(code or repr(heavy) if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("demo", "simulate", "info", "train", "evaluate", "render", "report", "doctor"):
        assert f"\n  {name} " in done.stdout


def test_python_m_efields_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "efields", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"efields {__version__}\n"


def test_every_verb_says_what_it_does_on_one_line() -> None:
    for name, summary in cli.verbs().items():
        assert 10 < len(summary) < 90, name
        assert summary[0].isupper(), name


@pytest.mark.parametrize("name", cli.verbs())
def test_help_of_every_verb_needs_no_torch(name: str) -> None:
    script = (
        f"import sys, efields.cli; code = efields.cli.main(['{name}', '--help']);"
        "sys.exit('torch was imported' if 'torch' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"efields {name}" in done.stdout


def test_an_unknown_verb_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trian"]) == 2
    assert capsys.readouterr().err == "efields: unknown command 'trian'; did you mean 'train'?\n"


def test_an_unknown_flag_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--jsno"]) == 2
    assert "--json" in capsys.readouterr().err


def test_input_errors_are_one_line_and_code_2(verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(InputError("no events", "a/b.txt", "record some")))
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err == "efields: a/b.txt: no events; record some\n"
    with pytest.raises(InputError):
        cli.main(["doctor", "--debug"])


def test_interruption_is_code_130(verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(KeyboardInterrupt()))
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "efields: stopped\n"


def test_a_full_disk_is_one_line_and_code_2(verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/x/checkpoint.pt")))
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err == (
        "efields: runs/x/checkpoint.pt: no space left; free some space and repeat the command\n"
    )


def test_a_bug_keeps_its_traceback(verb) -> None:
    verb(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])


def test_flags_reach_the_verb_and_its_code_comes_back(verb) -> None:
    verb(lambda args: args.count)
    assert cli.main(["doctor", "--count", "7"]) == 7


def test_json_takes_numpy_paths_and_nan(capsys: pytest.CaptureFixture[str]) -> None:
    cli.print_json({"a": np.float32(0.5), "b": Path("x/y"), "c": float("nan"), "d": Args(3), "e": np.arange(2)})
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": "x/y", "c": None, "d": {"count": 3}, "e": [0, 1]}


def test_doctor_lists_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    sys.modules.pop("efields.cli.doctor", None)
    assert cli.main(["doctor", "--json"]) == 0
    found = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["torch"]["ok"]
    assert found["backend reference"]["ok"]
    assert all(finding["ok"] or finding["do"] or finding["needed_for"] for finding in found.values())
