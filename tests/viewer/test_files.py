"""What `efields export` writes, opened as its readers open it: from disk, over http, and where it cannot be shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from efields import cli
from efields.train import Run
from tests.viewer.serving import files_over_http
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser

START = "() => document.querySelector('#start p')?.textContent !== 'Loading the scene'"
COLOURS = """() => {
  const { canvas } = window.efields.renderer;
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const drawing = copy.getContext("2d");
  drawing.drawImage(canvas, 0, 0);
  const data = drawing.getImageData(0, 0, copy.width, copy.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add(data[i]);
  return seen.size;
}"""


@pytest.fixture(scope="module")
def exported(trained_run: Run, built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scene.html` and the folder `web`."""
    out = tmp_path_factory.mktemp("exported")
    asked = ["--html", str(out / "scene.html"), "--web", str(out / "web"), "--resolution", "64"]
    assert cli.main(["export", str(trained_run.path), *asked]) == 0
    return out


def sentence(page: Visit) -> str:
    """What the page says instead of starting."""
    page.wait_for(START)
    return page.page.inner_text("#start")


def test_one_file_opens_from_disk_and_asks_nobody(exported: Path, visit: Callable[..., Visit]) -> None:
    file = exported / "scene.html"
    page = visit(file.as_uri(), 760, 560).ready()
    page.wait_full()
    assert page.ask(COLOURS) > 10
    for key in "12345gcbtx":  # whatever it shows, it has
        page.page.keyboard.press(key)
        page.page.wait_for_timeout(50)
    page.wait_full()
    page.page.wait_for_timeout(300)
    assert page.errors == []
    assert [url for url in page.fetched if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert file.stat().st_size < 5_000_000
    assert page.text().count("uncalibrated brightness") <= 1


def test_a_folder_over_http_shows_the_same_picture(exported: Path, visit: Callable[..., Visit]) -> None:
    one = visit((exported / "scene.html").as_uri(), 760, 560).ready()
    one.wait_full()
    with files_over_http(exported / "web") as address:
        page = visit(address, 760, 560).ready()
        page.wait_full()
        assert page.pixels() == one.pixels()
        assert page.errors == []
        assert all(url.startswith(address) for url in page.fetched if not url.startswith(("data:", "blob:")))


def test_a_folder_from_disk_says_how_to_serve_it(exported: Path, visit: Callable[..., Visit]) -> None:
    page = visit((exported / "web" / "index.html").as_uri())
    said = sentence(page)
    assert "python -m http.server" in said
    assert "efields export RUN --html" in said
    assert [url for url in page.fetched if not url.startswith("data:")] == [(exported / "web" / "index.html").as_uri()]


def test_without_webgl_one_sentence_says_what_to_do(exported: Path, visit_without_webgl: Callable[..., Visit]) -> None:
    page = visit_without_webgl((exported / "scene.html").as_uri())
    said = sentence(page)
    assert "WebGL 2" in said
    assert "efields view" in said
    assert page.ask("() => document.querySelectorAll('canvas').length") == 0
    assert [error for error in page.errors if "webgl" not in error.lower()] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d | {"schema_version": [2, 0]}, "This scene has format version 2.0; this viewer reads 1.x."),
        (lambda d: d | {"volume": d["volume"] | {"shape": [7, 64, 64]}}, "The scene file is broken"),
        (lambda d: d | {"trajectory": {}}, "The scene file is broken"),
    ],
)
def test_a_scene_that_cannot_be_read_is_one_sentence(
    exported: Path, tmp_path: Path, visit: Callable[..., Visit], change: Callable[[dict], dict], said: str
) -> None:
    html = (exported / "scene.html").read_text(encoding="utf-8")
    before, _, rest = html.partition('id="efields-scene">')
    text, _, after = rest.partition("</script>")
    changed = json.dumps(change(json.loads(text))).replace("<", "\\u003c")
    (tmp_path / "broken.html").write_text(f'{before}id="efields-scene">{changed}</script>{after}', encoding="utf-8")
    page = visit((tmp_path / "broken.html").as_uri())
    told = sentence(page)
    assert said in told
    assert len(told.strip().splitlines()) <= 2
    assert page.errors == []
