"""A headless Chromium for the pages of the viewer, or a skip that says how to get one."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from efields.config import experiment_from_table
from efields.loaders.robust_enerf import save
from efields.train import Run, reconstruct
from tests.tiny import tiny_recording
from tests.viewer.checkout import build_module
from tests.viewer.visit import Visit

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
Open = Callable[..., Visit]
FIELD: dict[str, Any] = {
    "field": {
        "levels": 6,
        "log2_size": 13,
        "finest_resolution": 64,
        "width": 32,
        "view_degree": 0,
        "initial_ball": 0.8,
    },
    "problem": {"window_motion_px": 3000.0},
    "sampling": {"samples": 64, "grid_resolution": 32, "update_every": 8, "warmup_steps": 64},
    "train": {"steps": 200, "samples_per_step": 12000, "heldout_every": 0},
}


# One Chromium for the tests of a folder, not of a session: while it runs, no other test can run an event loop.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Any]:
    """Playwright without any browser of its own."""
    module = pytest.importorskip("playwright.sync_api", reason='pip install "efields[dev]" brings playwright')
    with module.sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def launch(playwright: Any) -> Callable[..., Any]:
    """Starts the system's Chromium, with an empty profile and these flags more."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("NO CHROMIUM, the viewer's pages are not tested: sudo apt-get install chromium")
    return lambda *flags: playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])


@pytest.fixture(scope="package")
def chromium(launch: Callable[..., Any]) -> Iterator[Any]:
    """A Chromium that draws WebGL on the processor."""
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def chromium_without_webgl(launch: Callable[..., Any]) -> Iterator[Any]:
    """A Chromium of a machine that has no WebGL."""
    browser = launch("--disable-3d-apis")
    yield browser
    browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Opens an address in a window of its own: `visit(address, width=800, height=600, touch=False)`."""
    yield from visits(chromium)


@pytest.fixture
def visit_without_webgl(chromium_without_webgl: Any) -> Iterator[Open]:
    """The same without WebGL."""
    yield from visits(chromium_without_webgl)


@pytest.fixture(scope="session")
def page_builder() -> ModuleType:
    """viewer/build.py."""
    return build_module()


@pytest.fixture(scope="session")
def built_page(page_builder: ModuleType) -> Path:
    """The viewer's page as its sources have it now."""
    if page_builder.is_stale():
        try:
            page_builder.build()
        except page_builder.NoNode as error:
            pytest.skip(f"the viewer's page is stale or absent: {error}")
    return page_builder.PAGE


def visits(browser: Any) -> Iterator[Open]:
    contexts = []

    def open_window(address: str, width: int = 800, height: int = 600, touch: bool = False) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch, reduced_motion="reduce"
        )
        contexts.append(context)
        return Visit(context, address)

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small field, trained for some seconds on events that suit it, and its recording. Do not write to it."""
    folder = tmp_path_factory.mktemp("trained")
    recording = tiny_recording(size=48, frames=160)
    save(recording, folder / "recording")
    experiment = dataclasses.replace(experiment_from_table(FIELD, "test"), scene=str(folder / "recording"))
    return reconstruct(experiment, recording, folder / "runs" / "balls")
