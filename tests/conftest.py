"""Shared by all tests: threads, skips that may not be skipped, where the real recordings are."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests import shapes

# Before any test imports efields.
shapes.install("efields")

# Two test processes on two cores: one thread each, set before anything imports torch.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import torch  # noqa: E402

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

REQUIRABLE = {"gpu", "browser", "data"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt requirement, which would otherwise require nothing."""
    unknown = _required() - REQUIRABLE
    if unknown:
        raise pytest.UsageError(f"EFIELDS_REQUIRE knows {sorted(REQUIRABLE)}, not {sorted(unknown)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where EFIELDS_REQUIRE names what the test needs."""
    report = yield
    needs = {mark.name for mark in item.iter_markers()} | ({"data"} & _data_fixtures(item))
    missing = needs & _required()
    if report.skipped and missing and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"EFIELDS_REQUIRE has {sorted(missing)}, but: {reason}"
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings: $EFIELDS_DATA, else ../shared/data beside the checkout."""
    named = os.environ.get("EFIELDS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real recordings are not at {folder} (set EFIELDS_DATA)")
    return folder


def _required() -> set[str]:
    return set(filter(None, os.environ.get("EFIELDS_REQUIRE", "").replace(" ", "").split(",")))


def _data_fixtures(item: pytest.Item) -> set[str]:
    return {"data"} if "shared_data" in getattr(item, "fixturenames", ()) else set()


@pytest.fixture(autouse=True)
def same_threads_afterwards() -> Iterator[None]:
    """Commands set the number of threads of their process, which here is every later test's: they would all be slow."""
    environment, count = {name: os.environ.get(name) for name in THREAD_VARIABLES}, torch.get_num_threads()
    yield
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    for name, value in environment.items():
        if value is not None:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def no_viewer_in_reports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without the viewer, which bakes the field for each; tests of exports and of the viewer have it."""
    if not {"export", "viewer"} & set(request.path.parts):
        monkeypatch.setattr("efields.export.scene_page.PAGE", Path("no-such-page"))
