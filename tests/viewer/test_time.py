"""A field that moves, on its exported page and beside a server: the time bar leads to where the ball is."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from efields.export.baked_renderer import BakedRenderer
from efields.export.document import background_of, scene_parts
from efields.export.keyframes import keyframe_times
from efields.export.scene import baked_scene
from efields.export.scene_page import scene_html
from efields.render.image import render_view
from efields.server.app import Offer
from efields.server.studio import Studio
from efields.train import Run
from tests import moving
from tests.server import small
from tests.viewer.scenes import camera_of, view_of
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser


SIZE = 48


def until(page: Visit, holds: Callable[[], bool]) -> None:
    """Wait until something holds: a picture comes when it is made."""
    for _ in range(200):
        page.page.wait_for_timeout(100)
        if holds():
            return
    raise AssertionError(f"never came true: {page.view()}, {page.status()}, the ball is at {dark_column(page):.2f}")


def dark_column(page: Visit) -> float:
    """Where the dark ball is across the picture, 0 to 1."""
    picture = Image.open(io.BytesIO(base64.b64decode(page.pixels().split(",")[1]))).convert("L")
    grey = np.asarray(picture).astype(float)
    return moving.middle_column(np.clip(grey.max() - 40 - grey, 0, None))


def times_sent(page: Visit) -> list[Any]:
    return [message["t_s"] for message in page.sent if message["type"] == "view"]


def test_the_exported_page_shows_the_ball_at_two_times(
    trained_run: Run, built_page: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    model = moving.model()
    scene = baked_scene(trained_run, model, None, resolution=24, times=keyframe_times(model, 3))
    out = tmp_path / "scene.html"
    out.write_text(scene_html(scene), encoding="utf-8")
    page = visit(out.as_uri(), 320, 440).ready()
    for key, t_s in (("End", 1.0), ("Home", 0.0)):
        page.part("time").press(key)
        until(page, lambda right=t_s > 0.5: dark_column(page) > 0.55 if right else dark_column(page) < 0.45)
        assert page.view()["tS"] == t_s
        codes = BakedRenderer(scene.volume, background_of(model), t_s)
        live = render_view(model.renderer, camera_of(SIZE, SIZE), moving.POSE, t_s)
        seen = page.raw(view_of(moving.POSE, SIZE, SIZE, channels=1, tS=t_s))
        assert np.abs(seen[..., 3] - codes.view(camera_of(SIZE, SIZE), moving.POSE).opacity).max() < 2e-3
        assert np.abs(seen[..., 3] - live.opacity).mean() < 0.02
    assert page.errors == []


def newest(page: Visit) -> bool:
    shown = page.ask("() => window.efields.renderer.shown")
    sent = [message["id"] for message in page.sent if message["type"] == "view"]
    return shown is not None and shown["state"] == "full" and shown["id"] == sent[-1]


def test_the_live_page_asks_for_the_time(trained_run: Run, built_page: Path, visit: Callable[..., Visit]) -> None:
    model = moving.model()
    parts = scene_parts(trained_run, model, None)
    with small.served(Studio(model), Offer(parts.document, parts.blobs)) as url:
        page = visit(url, 320, 440).ready()
        places = []
        for key, t_s in (("End", 1.0), ("Home", 0.0)):
            page.part("time").press(key)
            until(page, lambda t_s=t_s: page.view()["tS"] == t_s and newest(page))
            assert times_sent(page)[-1] == t_s
            places.append(dark_column(page))
        assert places[1] < 0.48 < 0.52 < places[0]
        assert page.errors == []


def test_the_live_page_of_a_field_that_stands_still_asks_for_no_time(
    trained_run: Run, built_page: Path, visit: Callable[..., Visit]
) -> None:
    model = small.model()
    parts = scene_parts(trained_run, model, None)
    assert "moves_s" not in parts.document
    with small.served(Studio(model), Offer(parts.document, parts.blobs)) as url:
        page = visit(url, 320, 440).ready()
        before = len(times_sent(page))
        page.part("time").press("End")
        page.page.wait_for_timeout(300)
        assert set(times_sent(page)) == {None} and len(times_sent(page)) >= before
        assert page.ask("() => window.efields.state().tS") == 1.0
