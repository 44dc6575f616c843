"""The compiled kernels as efields finds them: instruction sets, stale or absent libraries, what is said then."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from efields import backends, cli, native
from efields.backends import choose_backend
from efields.errors import InputError
from efields.loaders.robust_enerf import save
from efields.native import __main__ as command
from efields.native.build import BuildError
from tests.tiny import tiny_recording

CONFIG = """\
[field]
levels = 2
log2_size = 8
[sampling]
samples = 8
grid_resolution = 8
[train]
steps = 1
samples_per_step = 256
heldout_every = 0
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a tiny recording in `tiny/` and a config `small.toml`."""
    monkeypatch.chdir(tmp_path)
    save(tiny_recording(16, 40), tmp_path / "tiny")
    (tmp_path / "small.toml").write_text(CONFIG)
    return tmp_path


def test_the_best_set_is_used_unless_another_is_asked_for(
    compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EFIELDS_ISA", raising=False)
    able = native.supported()
    assert native.instruction_set() == able[-1]
    monkeypatch.setenv("EFIELDS_BF16", "0")
    assert native.instruction_set() == [name for name in able if "bf16" not in name][-1]
    for name in able:
        monkeypatch.setenv("EFIELDS_ISA", name)
        assert native.instruction_set() == name


def test_an_unknown_set_is_one_line_with_the_known_ones(compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_ISA", "avx3")
    with pytest.raises(InputError) as caught:
        native.instruction_set()
    assert str(caught.value) == f"EFIELDS_ISA=avx3 cannot run here; known: {', '.join(native.supported())}"
    with pytest.raises(InputError, match="avx3 cannot run here; known"):
        choose_backend("native")


def test_kernels_that_do_not_fit_their_sources_are_not_used(
    compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "source_key", lambda: "0" * 16)
    with pytest.raises(BuildError, match=r"older than their sources: python -m efields\.native$"):
        native.library()


def test_a_file_that_is_no_library_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "broken.so")
    native.LIBRARY.write_text("not a library")
    with pytest.raises(BuildError, match="do not load"):
        native.library()


@pytest.mark.usefixtures("absent")
def test_absent_kernels_asked_for_by_name_are_an_error_with_the_line_that_makes_them(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"'native' cannot run here; .*python -m efields\.native$"):
        choose_backend("native")
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--backend", "native"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith("python -m efields.native")
    assert not Path("runs").exists()


@pytest.mark.usefixtures("absent", "no_compiler")
def test_without_a_compiler_the_line_begins_with_one() -> None:
    with pytest.raises(BuildError, match=r"pip install ziglang, then python -m efields\.native$"):
        native.library()


@pytest.mark.usefixtures("absent")
def test_auto_takes_the_reference_and_says_so_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--json"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("efields: backend 'reference', many times slower than 'native'")
    assert said[0].endswith("python -m efields.native")


def test_auto_says_nothing_when_it_takes_the_fastest(compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(backends.said.log, "warning", said.append)
    assert choose_backend("auto").name == "native"
    assert said == []


def test_the_command_compiles_only_what_is_stale(compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[bool] = []
    monkeypatch.setattr(command, "build", lambda: built.append(True))
    assert command.main(["--if-stale"]) == 0
    assert built == []
    native.library.cache_clear()
    monkeypatch.setattr(native, "source_key", lambda: "0" * 16)
    assert command.main(["--if-stale"]) == 0
    assert built == [True]
    monkeypatch.setenv("EFIELDS_NATIVE", "0")
    assert command.main(["--if-stale"]) == 0
    assert built == [True]
    assert command.main([]) == 0
    assert built == [True, True]


@pytest.mark.usefixtures("no_compiler")
def test_the_command_without_a_compiler_or_with_other_words_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 1
    assert command.main(["--fast"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "pip install ziglang" in said[0]
    assert "--if-stale" in said[1]
