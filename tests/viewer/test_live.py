"""The page beside `efields view`: the newest view is shown, a lost server is told and found again, no WebGL needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from efields.train import Run
from tests.viewer.scenes import FOV_Y, orbit_pose, pose_of
from tests.viewer.serving import Server
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser

TONE = {"mode": "fixed", "offset": [0.0], "scale": [1.0], "gamma": 2.2}
NOT_BLANK = """() => {
  const { canvas } = window.efields.renderer;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add(data[i]);
  return seen.size > 10;
}"""


@pytest.fixture(scope="module")
def server(trained_run: Run, built_page: object) -> Iterator[Server]:
    with Server(trained_run.path) as running:
        yield running


def views_sent(visit: Visit) -> list[int]:
    return [message["id"] for message in visit.sent if message["type"] == "view"]


def newest_is_shown(visit: Visit) -> bool:
    """Whether the picture on the canvas is a full one of the last view that was asked for."""
    shown = visit.ask("() => window.efields.renderer.shown")
    return shown["id"] == views_sent(visit)[-1] and shown["state"] == "full"


def settle(visit: Visit) -> None:
    """Until the still camera's full picture is on the canvas."""
    for _ in range(100):
        visit.page.wait_for_timeout(100)
        if newest_is_shown(visit):
            return
    raise AssertionError(f"never full: {visit.status()}, shown {visit.ask('() => window.efields.renderer.shown')}")


def test_after_a_scripted_flight_the_latest_view_is_shown_in_full(server: Server, visit: Callable[..., Visit]) -> None:
    page = visit(server.address, 760, 560).ready()
    settle(page)
    start = len(views_sent(page))
    poses = [{"pose": pose_of(orbit_pose(0.01 * i, 0.3, 2.6)), "fovY": FOV_Y, "tone": TONE} for i in range(25)]
    fly = """async (poses) => {
      const shown = [];
      for (const pose of poses) {
        window.efields.setView(pose);
        await new Promise((resolve) => setTimeout(resolve, 20));
        shown.push(window.efields.renderer.shown.id);
      }
      return shown;
    }"""
    shown = page.ask(fly, poses)
    assert shown == sorted(shown)  # never back to an older view
    settle(page)
    assert len(views_sent(page)) >= start + len(poses)
    assert page.status()["state"] == "full"
    acknowledged = [message["id"] for message in page.sent if message["type"] == "ack"]
    assert acknowledged == sorted(acknowledged)
    # The same view, asked for by a page that was never anywhere else, is the same picture to the last bit.
    other = visit(server.address, 760, 560).ready()
    other.ask("(view) => window.efields.setView(view)", poses[-1])
    settle(other)
    assert other.pixels() == page.pixels()
    assert page.errors == []


def test_a_lost_server_is_told_and_found_again(
    trained_run: Run, built_page: object, visit: Callable[..., Visit]
) -> None:
    with Server(trained_run.path) as server:
        page = visit(server.address, 760, 560).ready()
        settle(page)
        before = page.pixels()
        assert not page.part("banner").is_visible()
        server.stop()
        page.wait_for("() => !document.querySelector('[data-test=banner]').hidden")
        assert "does not answer" in page.part("banner").inner_text()
        assert page.status()["state"] == "lost"
        assert page.pixels() == before  # the last picture stays to be looked at
        page.page.keyboard.press("2")  # the page still works, and asks again for what is wanted by then
        server.start()
        page.wait_for("() => document.querySelector('[data-test=banner]').hidden", timeout_s=30)
        settle(page)
        assert page.view()["mode"] == "depth"
        assert page.pixels() != before
        refused = [error for error in page.errors if "WebSocket" not in error]
        assert refused == []


def test_without_webgl_the_server_draws(server: Server, visit_without_webgl: Callable[..., Visit]) -> None:
    page = visit_without_webgl(server.address, 760, 560).ready()
    assert page.ask("() => document.createElement('canvas').getContext('webgl2')") is None
    settle(page)
    assert page.ask(NOT_BLANK)
    page.page.keyboard.press("2")
    settle(page)
    assert page.ask(NOT_BLANK)
    assert page.errors == []


def test_events_prediction_and_residual_stand_beside_the_picture(server: Server, visit: Callable[..., Visit]) -> None:
    page = visit(server.address, 1000, 700).ready()
    if not page.part("panes").is_visible():
        page.page.keyboard.press("g")
    assert page.part("panes").is_visible()
    sent = page.wait_for  # the prediction is the server's
    sent("() => { const p = window.efields.panes(); return JSON.stringify(p).length > 2; }")
    for _ in range(50):
        if any(message["type"] == "change" for message in page.sent):
            break
        page.page.wait_for_timeout(100)
    assert any(message["type"] == "change" for message in page.sent)
    assert page.errors == []


def test_only_this_server_is_asked(server: Server, visit: Callable[..., Visit]) -> None:
    page = visit(server.address).ready()
    settle(page)
    where = server.address.removeprefix("http://")
    assert page.fetched[0] == server.address
    assert all(
        url.split("://", 1)[1].startswith(where) for url in page.fetched if not url.startswith(("data:", "blob:"))
    )
