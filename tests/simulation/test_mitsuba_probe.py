"""Which Mitsuba works is asked in a subprocess, and the answer says what to install."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from efields.errors import InputError
from efields.simulation import mitsuba_probe
from efields.simulation.mitsuba_probe import FAST, SLOW, Variant, find_variant


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    find_variant.cache_clear()
    yield
    find_variant.cache_clear()


def pretend(
    monkeypatch: pytest.MonkeyPatch, *, works: set[tuple[str, str]], packaged: str = ""
) -> list[tuple[str, str]]:
    """Let Mitsuba be installed and render in these variants with these LLVM libraries; gives what was tried."""
    tried: list[tuple[str, str]] = []

    def renders(variant: str, libllvm: str) -> bool:
        tried.append((variant, libllvm))
        return (variant, libllvm) in works

    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(mitsuba_probe, "_renders", renders)
    monkeypatch.setattr(mitsuba_probe, "packaged_llvm", lambda: packaged)
    return tried


def test_without_mitsuba_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'not installed; pip install "efields\[simulate\]"'):
        find_variant()


def test_the_packaged_llvm_comes_before_that_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = pretend(monkeypatch, works={(FAST, "/env/libLLVM.so"), (FAST, "")}, packaged="/env/libLLVM.so")
    assert find_variant().libllvm == "/env/libLLVM.so"
    assert tried == [(FAST, "/env/libLLVM.so")]


def test_an_llvm_that_the_user_names_is_the_only_one_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = pretend(monkeypatch, works={(FAST, "/own/libLLVM.so")}, packaged="/env/libLLVM.so")
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/own/libLLVM.so")
    assert find_variant().name == FAST
    assert tried == [(FAST, "/own/libLLVM.so")]


def test_an_llvm_that_aborts_leads_to_the_slow_variant_and_to_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = pretend(monkeypatch, works={(SLOW, "")}, packaged="/env/libLLVM.so")
    variant = find_variant()
    assert variant.name == SLOW
    assert "karellen-llvm-core" in variant.advice
    assert tried == [(FAST, "/env/libLLVM.so"), (FAST, ""), (SLOW, "")]


def test_a_mitsuba_that_renders_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, works=set())
    with pytest.raises(InputError, match="none of its variants can render"):
        find_variant()


def test_a_subprocess_that_dies_does_not_render(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_probe, "_PROGRAM", "import os; os.abort()")
    assert not mitsuba_probe._renders(FAST, "")
    monkeypatch.setattr(mitsuba_probe, "_PROGRAM", "import os; print('rendered' + os.environ['DRJIT_LIBLLVM_PATH'])")
    assert mitsuba_probe._renders(FAST, "/env/libLLVM.so")


def test_a_mitsuba_that_is_there_already_keeps_the_llvm_that_it_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    fast = Variant(FAST, "/env/libLLVM.so")
    monkeypatch.delitem(sys.modules, "drjit", raising=False)
    assert mitsuba_probe._within_process(fast) == fast
    monkeypatch.setitem(sys.modules, "drjit", ModuleType("drjit"))
    late = mitsuba_probe._within_process(fast)
    assert late.name == SLOW
    assert "set DRJIT_LIBLLVM_PATH=/env/libLLVM.so" in late.advice
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/env/libLLVM.so")
    assert mitsuba_probe._within_process(fast) == fast
