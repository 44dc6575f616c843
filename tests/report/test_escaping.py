"""Names and notes of a recording stay text on the pages that are made of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from efields.evaluate.motion_agreement import Agreement
from efields.export.scene_page import scene_html
from tests.report.test_motion_page import motion, written
from tests.report.test_report import Page

BAD = "\"' onload=x></script><script>x</script><img src=y>"


def test_the_page_of_a_motion(tmp_path: Path) -> None:
    agreed = Agreement(BAD, 3, 1.0, 1.0, 2.0, 2.0, None, None)
    more = {"name": BAD, "agreement": (agreed,), "settings": {BAD: {BAD: BAD}}, "notes": (BAD,)}
    text = written(tmp_path, "egomotion", motion("full", "ok", "ok", "still"), **more)
    read = Page(text)
    assert "<script" not in text and read.text.count(BAD) >= 4
    assert not [named for _, named in read.tags if "onload" in named or named.get("src") == "y"]


def test_the_page_of_a_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><html><body></body></html>")
    monkeypatch.setattr("efields.export.scene_page.PAGE", tmp_path / "index.html")
    document = {"name": BAD, "notes": [BAD], BAD: "<!--<script"}
    text = scene_html(cast(Any, SimpleNamespace(document=document, blobs={})))
    inside = re.fullmatch(r'.*<script type="application/json" id="efields-scene">([^<]*)</script>.*', text, re.DOTALL)
    assert inside is not None and json.loads(inside[1]) == document
    assert text.count("<script") == 1
