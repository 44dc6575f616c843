"""What tests of kernels run over: every instruction set of this processor, one thread and two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from efields import native
from efields.native.build import BuildError


def _sets() -> list:
    try:
        return native.supported()
    except BuildError as error:
        return [pytest.param("", marks=pytest.mark.skip(reason=str(error)))]


@pytest.fixture(params=_sets())
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An instruction set, in use for the test."""
    monkeypatch.setenv("EFIELDS_ISA", request.param)
    return request.param


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest, isa: str) -> Iterator[int]:
    """A number of threads, in use for the test."""
    before = native.library().ef_threads()
    native.set_threads(request.param)
    yield request.param
    native.set_threads(before)
