from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from efields.errors import InputError
from efields.evaluate import evaluate_run
from efields.report import write_report
from efields.settings import read_toml
from efields.train import Run
from tests.evaluate import sphere

VOID = {"meta", "img", "br", "wbr", "link", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order, ids are unique, addresses are inside the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._note(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if named.get("id"):
            self.ids.append(str(named["id"]))
        self.addresses += [str(named[key]) for key in ("src", "href", "action", "data", "srcset") if named.get(key)]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def images(self, label: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == "img" and label in str(attrs.get("alt"))]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> sphere.SphereRun:
    run = sphere.SphereRun(
        tmp_path_factory.mktemp("runs") / "ball", sphere.SphereRenderer(gain=2.0, noise=0.05)
    ).create()
    evaluate_run(run, sphere.recording(sphere.views(9)))  # type: ignore[arg-type]
    return run


def page_of(run: Any) -> tuple[str, Page]:
    text = write_report(run).read_text(encoding="utf-8")
    return text, Page(text)


def test_page_is_whole_and_needs_nothing_from_outside(scored: sphere.SphereRun) -> None:
    text, page = page_of(scored)
    assert text.startswith("<!doctype html>")
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in page.addresses)
    own = re.sub(r"data:image/png;base64,[\w+/=]+", "", text)
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|url\((?!#)", own)
    assert len(page.ids) == len(set(page.ids))
    assert all(target in page.ids for target in re.findall(r"(?:url\(|href=\")#([\w-]+)", text))


def test_page_says_the_headline_numbers_and_the_protocol(scored: sphere.SphereRun) -> None:
    _, page = page_of(scored)
    metrics = json.loads((scored.path / "metrics.json").read_text())
    for part in (
        f"{metrics['psnr']:.2f} dB",
        f"{metrics['ssim']:.3f}",
        "1 min 30 s",
        "Scored on 9 novel views that training never saw.",
        metrics["protocol_summary"],
        "812 MB",
        "uncalibrated",
        f"{metrics['gauge']['a'][0]:.4f}",
        "the lpips package is not installed",
        "12 events outside the trajectory were dropped.",
    ):
        assert part in page.text, part


def test_page_shows_settings_versions_and_machine(scored: sphere.SphereRun) -> None:
    _, page = page_of(scored)
    for part in ("hash_grid", "event_interval.weight", "torch 2.13.0", "cores", "threads 2", "x86_64, Linux"):
        assert part in page.text, part


def test_page_shows_eight_of_nine_views_with_truth_render_error_and_depth(scored: sphere.SphereRun) -> None:
    _, page = page_of(scored)
    for label in ("reference of view", "render of view", "error of view", "rendered depth of view", "reference depth"):
        assert len(page.images(label)) == 8, label
    for label in ("measured log change", "predicted log change", "residual log change"):
        assert len(page.images(label)) == 3, label


def test_plots_take_the_colours_of_the_page(scored: sphere.SphereRun) -> None:
    text, page = page_of(scored)
    plots = [attrs["aria-label"] for tag, attrs in page.tags if tag == "figure"]
    assert len(plots) == 3
    assert "var(--ink)" in text and "var(--muted)" in text and "#010203" not in text
    assert "prefers-color-scheme: dark" in text


def test_page_is_the_same_when_written_again(scored: sphere.SphereRun) -> None:
    assert page_of(scored)[0] == page_of(scored)[0]


def test_depth_of_the_background_is_left_open(scored: sphere.SphereRun) -> None:
    import base64

    import imageio.v3 as iio

    _, page = page_of(scored)
    source = str(page.images("rendered depth of view")[0]["src"])
    pixels = iio.imread(base64.b64decode(source.split(",", 1)[1]), extension=".png")
    assert pixels[0, 0, 3] == 0 and pixels[16, 16, 3] == 255


def test_names_from_disk_are_escaped(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "a<b").create()
    evaluate_run(run, sphere.recording(sphere.views(2)))  # type: ignore[arg-type]
    metrics = json.loads((run.path / "metrics.json").read_text())
    (run.path / "metrics.json").write_text(json.dumps({**metrics, "scene": "<script>x</script>"}))
    text, page = page_of(run)
    assert "<script" not in text and "<script>x</script>" in page.text and "run a<b" in page.text


def test_no_text_of_a_run_folder_becomes_part_of_the_page(tmp_path: Path) -> None:
    """Every text of every file of the folder ends an attribute and opens an element."""
    run = sphere.SphereRun(tmp_path / "run").create()
    evaluate_run(run, sphere.recording(sphere.views(2)))  # type: ignore[arg-type]
    bad = "\"' onload=x><script>x</script><img src=y>"

    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: poisoned(item) for name, item in value.items()} | {bad: bad}
        if isinstance(value, list):
            return [poisoned(item) for item in value]
        return bad if isinstance(value, str) else value

    metrics = json.loads((run.path / "metrics.json").read_text())
    free = {name: bad for name in ("scene", "views_are", "fitted_on", "depth_reason") if name in metrics}
    (run.path / "metrics.json").write_text(json.dumps({**metrics, **free}))
    training = run.path / "training.json"
    training.write_text(json.dumps(poisoned(json.loads(training.read_text()) if training.is_file() else {})))
    config = read_toml(run.path / "config.toml") if (run.path / "config.toml").is_file() else {}
    (run.path / "config.toml").write_text(tomli_w.dumps({**poisoned(config), "scene": bad}))
    text, page = page_of(run)
    assert "<script" not in text and bad in page.text
    assert not [named for tag, named in page.tags if "onload" in named or named.get("src") == "y"]


def test_new_run_has_a_sentence_for_each_missing_piece(tmp_path: Path) -> None:
    _, page = page_of(sphere.SphereRun(tmp_path / "new").create(lines=0))
    assert page.text.count("Not scored yet") == 3
    assert "No step has been logged yet." in page.text
    assert "when this page was written" in page.text


def test_run_without_reference_views_shows_renders_and_says_so(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "blind").create()
    evaluate_run(run, sphere.recording(None))  # type: ignore[arg-type]
    text, page = page_of(run)
    assert "PSNR not available: no reference frames." in page.text
    assert len(page.images("render at")) == 8 and not page.images("reference of view")
    assert not re.search(r"\b(inf|nan|None)\b", page.text)
    assert "novel views" not in text


def test_run_without_a_checkpoint_says_why_there_is_no_trajectory(tmp_path: Path) -> None:
    class Untrained(sphere.SphereRun):
        def load_model(self, *_: str) -> Any:
            raise InputError("no checkpoint", self.path / "checkpoint.pt")

    _, page = page_of(Untrained(tmp_path / "new").create(lines=0))
    assert "The trajectory cannot be shown" in page.text and "no checkpoint" in page.text


def test_curve_of_one_line_and_without_heldout_scores(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "short").create(lines=1)
    _, page = page_of(run)
    assert "Too few steps" in page.text and "No held-out curve" in page.text


@pytest.mark.parametrize(
    ("name", "content"), [("metrics.json", b"{"), ("heldout.npz", b"PK\x03\x04cut"), ("events.npz", b"")]
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    run = sphere.SphereRun(tmp_path / "run").create()
    (run.path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        write_report(run)  # type: ignore[arg-type]
    assert not (run.path / "report.html").exists()


def test_missing_run_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run"):
        write_report(Run(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == []


def test_grey_models_and_frames_are_shown(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "grey", sphere.SphereRenderer(channels=1)).create()
    run.load_model = lambda *_: type("Model", (), {  # type: ignore[method-assign]
        "renderer": run.renderer, "camera": sphere.camera(32), "trajectory": sphere.trajectory(),
        "sensor": sphere.recording(None).sensor,
    })()  # fmt: skip
    evaluate_run(run, sphere.recording(sphere.views(2, channels=1, times=True), bayer=""))  # type: ignore[arg-type]
    _, page = page_of(run)
    assert "Scored on 2 of the camera's own frames that training never saw." in page.text and "grey" in page.text


def test_large_pictures_are_made_smaller() -> None:
    from efields.report.images import LONGEST_SIDE, shrunk, thinned

    assert shrunk(np.ones((800, 640, 3), np.float16)).shape == (400, 320, 3)
    picture = np.arange(2 * LONGEST_SIDE * 4, dtype=np.float64).reshape(2 * LONGEST_SIDE, 4, 1)
    assert shrunk(picture)[0, 0, 0] == picture[:2, :2].mean()
    assert thinned(picture[..., 0]).shape == (LONGEST_SIDE, 2)
    assert shrunk(np.ones((30, 20, 1))).shape == (30, 20, 1)


def test_page_says_what_training_ran_on_and_what_was_left_to_the_reference(scored: sphere.SphereRun) -> None:
    training = scored.path / "training.json"
    before = training.read_text()
    ran = {
        "backend": "native",
        "instruction_set": "avx2",
        "device_name": "A processor",
        "fell_back": ["mlp: a", "adam: b"],
    }
    training.write_text(json.dumps({**json.loads(before), **ran}))
    try:
        _, page = page_of(scored)
    finally:
        training.write_text(before)
    for row in (
        "backend native",
        "instructions avx2",
        "device A processor",
        "left to the slower reference mlp: a; adam: b",
    ):
        assert row in page.text
