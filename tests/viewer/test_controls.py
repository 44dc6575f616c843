"""The interface by keys, by address and by touch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.viewer import analytic
from tests.viewer.scenes import document_of, orbit_pose, write_page
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser

POSES = [orbit_pose(0.02 + 0.05 * i, 0.2 + 0.04 * i) for i in range(7)]
FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const named = at.getAttribute("aria-label") || at.title || at.labels?.[0]?.textContent || at.textContent || "";
  const box = at.getBoundingClientRect();
  const outline = getComputedStyle(at);
  const label = at.closest("label");
  // The ring of a slider is on its thumb, which scripts cannot see.
  return {
    test: at.getAttribute("data-test"), tag: at.tagName, name: named.trim(), seen: box.width > 0 && box.height > 0,
    ring: at.type === "range" || outline.outlineStyle !== "none" || outline.boxShadow !== "none"
      || (label !== null && (getComputedStyle(label).outlineStyle !== "none" || at.nextElementSibling !== null)),
  };
}"""
REACHABLE = """() => [...document.querySelectorAll("button, input, select, summary, [tabindex='0'], a[href]")]
  .filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true }) && !e.closest("dialog:not([open])"))
  .filter((e) => e.type !== "radio" || e.checked)
  .map((e) => e.getAttribute("data-test") ?? e.getAttribute("aria-label") ?? e.textContent.trim())"""


@pytest.fixture(scope="module")
def address(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small scene in one file."""
    volume = analytic.volume(32)
    document = document_of(volume, analytic.BACKGROUND, POSES)
    return write_page(built_page, document, volume.blobs(), tmp_path_factory.mktemp("controls") / "scene.html")


def pose(page: Visit) -> np.ndarray:
    at = page.view()["pose"]
    return np.array([*at["position"], *at["quaternion"]])


def state(page: Visit) -> dict[str, Any]:
    return page.ask("() => JSON.parse(JSON.stringify(window.efields.state()))")


def test_tab_reaches_every_control_and_each_has_a_name(address: str, visit: Callable[..., Visit]) -> None:
    page = visit(address, 1000, 640).ready()
    page.ask("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.page.wait_for_timeout(100)
    wanted = page.ask(REACHABLE)
    seen: list[dict[str, Any]] = []
    for _ in range(len(wanted) + 60):
        page.page.keyboard.press("Tab")
        at = page.ask(FOCUS)
        if at is None and seen:
            break
        if at is not None:
            seen.append(at)
    names = [at["test"] or at["name"] for at in seen]
    missing = sorted(set(wanted) - set(names))
    assert missing == []
    assert [at for at in seen if not at["name"]] == []
    assert [at for at in seen if not at["ring"]] == []
    assert len(wanted) > 25
    assert page.errors == []


def test_keys_do_what_the_help_says(address: str, visit: Callable[..., Visit]) -> None:
    page = visit(address, 1000, 640).ready()
    press = page.page.keyboard.press
    for key, mode in (("2", "depth"), ("3", "opacity"), ("4", "normal"), ("5", "samples"), ("1", "colour")):
        press(key)
        assert page.view()["mode"] == mode
    press("x")
    assert page.view()["wipe"]["at"] == 0.5
    press("x")
    assert page.view()["wipe"] is None
    press("b")
    assert page.view()["crop"] == [[-1, -1, -1], [1, 1, 1]]
    press("b")
    assert page.view()["crop"] is None
    press("}")
    page.page.wait_for_timeout(400)
    assert np.allclose(pose(page)[:3], POSES[-1][:3, 3], atol=1e-5)
    press("]")
    page.page.wait_for_timeout(400)
    assert np.allclose(pose(page)[:3], POSES[0][:3, 3], atol=1e-5)
    press("[")
    page.page.wait_for_timeout(400)
    assert np.allclose(pose(page)[:3], POSES[-1][:3, 3], atol=1e-5)
    time = state(page)["tS"]
    press(",")
    assert state(page)["tS"] < time
    press("Space")
    assert state(page)["playing"]
    press("Space")
    assert not state(page)["playing"]
    darker = page.view()["tone"]["offset"][0]
    press("=")
    assert page.view()["tone"]["offset"][0] > darker
    for key, part in (("c", "cameras"), ("t", "trajectory"), ("g", "panes"), ("n", "side"), ("h", "bare")):
        before = state(page)[part]
        press(key)
        assert state(page)[part] is not before, part
        press(key)
        assert state(page)[part] is before, part
    press("?")
    assert page.part("help-dialog").is_visible()
    assert page.part("help-dialog").get_by_text("fly forward").is_visible()
    press("Escape")
    assert not page.part("help-dialog").is_visible()
    assert page.errors == []


def test_flying_by_keys_moves_and_fields_that_are_typed_in_do_not(address: str, visit: Callable[..., Visit]) -> None:
    page = visit(address, 1000, 640).ready()
    keyboard = page.page.keyboard
    start = pose(page)
    keyboard.down("w")
    page.wait_for("(x) => Math.abs(window.efields.view().pose.position[0] - x) > 0.05", argument=start[0])
    keyboard.up("w")
    forward = pose(page)
    moved = forward[:3] - start[:3]
    towards = -start[:3] / np.linalg.norm(start[:3])
    assert moved @ towards / np.linalg.norm(moved) > 0.9
    keyboard.press("Shift+F")
    page.page.wait_for_timeout(400)
    assert np.allclose(pose(page), start, atol=1e-6)
    page.part("tone-offset").click()
    keyboard.type("w2")
    page.page.wait_for_timeout(150)
    assert np.allclose(pose(page), start, atol=1e-6)
    assert page.view()["mode"] == "colour"


def test_the_address_carries_the_view_to_another_page(address: str, visit: Callable[..., Visit]) -> None:
    page = visit(address, 760, 560).ready()
    page.ask("""() => window.efields.setView({
      mode: "normal", wipe: { mode: "depth", at: 0.25 }, crop: [[-0.5, -0.4, -0.3], [0.6, 0.7, 0.8]], tS: 0.25,
      tone: { mode: "fixed", offset: [0.1, 0.2, 0.3], scale: [1.5, 1.25, 1], gamma: 2 },
      pose: { position: [2, 1.5, 1], quaternion: [-0.7, 0.3, -0.2, 0.6164414] }, fovY: 0.8,
    })""")  # fmt: skip
    page.wait_for("() => location.hash.includes('mode=normal') && location.hash.includes('t=0.25')")
    there = visit(page.page.url, 760, 560).ready()
    for key, value in page.view().items():
        if key == "pose":
            assert np.allclose(pose(there), pose(page), atol=1e-5)
        elif key == "tone":
            assert there.view()[key] == value
        elif key == "fovY":
            assert there.view()[key] == pytest.approx(value, rel=1e-5)
        else:
            assert there.view()[key] == value, key
    assert state(there)["tS"] == state(page)["tS"] == 0.25
    # Rubbish in an address is left out.
    odd = visit(f"{address}#pos=1,2&rot=x&mode=nonsense&fov=900&crop=1,1,1..0,0,0&t=&%E0%A4%A", 760, 560).ready()
    assert odd.view()["mode"] == "colour"
    assert odd.view()["crop"] is None
    assert odd.errors == []


def test_fingers_turn_and_pinch(address: str, visit: Callable[..., Visit]) -> None:
    page = visit(address, 390, 760, touch=True).ready()
    page.wait_full()
    box = page.part("stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    start = pose(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    session = page.page.context.new_cdp_session(page.page)
    touch("touchStart", (x, y))
    for i in range(1, 9):
        touch("touchMove", (x + 8 * i, y))
    touch("touchEnd")
    turned = pose(page)
    assert np.linalg.norm(turned[:3] - start[:3]) > 0.1
    assert np.linalg.norm(turned[:3]) == pytest.approx(np.linalg.norm(start[:3]), rel=0.02)  # about the middle
    touch("touchStart", (x - 20, y), (x + 20, y))
    for i in range(1, 9):
        touch("touchMove", (x - 20 - 6 * i, y), (x + 20 + 6 * i, y))
    touch("touchEnd")
    nearer = pose(page)
    assert np.linalg.norm(nearer[:3]) < 0.8 * np.linalg.norm(turned[:3])
    page.wait_full()
    assert page.ask("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert page.errors == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800), (844, 390)])
def test_nothing_sticks_out_and_the_picture_keeps_its_place(
    address: str, visit: Callable[..., Visit], width: int, height: int
) -> None:
    page = visit(address, width, height, touch=width < 900).ready()
    box = page.part("stage").bounding_box()
    assert box["width"] * box["height"] > 0.25 * width * height
    assert page.ask("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.page.keyboard.press("h")
    bare = page.part("stage").bounding_box()
    assert bare["width"] * bare["height"] > 0.95 * width * height
