"""What is found once in a process is found anew in each of these tests."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from efields import backends, native
from efields.events import kernels
from efields.native import build

# Taken here: a test may put another function in the place of one of them, and undo it only after `found_anew` ends.
FOUND_ONCE = (native.library, build.compiler, backends.said.say_once, kernels.present)


@pytest.fixture(autouse=True)
def found_anew() -> Iterator[None]:
    def forget() -> None:
        for cached in FOUND_ONCE:
            cached.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def compiled() -> ctypes.CDLL:
    """The compiled kernels of this checkout."""
    try:
        return native.library()
    except build.BuildError as missing:
        pytest.skip(str(missing))
    finally:
        native.library.cache_clear()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A checkout whose kernels are not compiled."""
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "nothing.so")


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a C++ compiler."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(build, "_compilers", lambda: iter(()))
