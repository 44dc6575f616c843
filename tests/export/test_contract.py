"""The scene contract: the page knows it as it is here, and a document that breaks it is one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from efields.errors import InputError
from efields.export.contract import PARTS, SceneDocument
from efields.export.read import read_scene
from efields.export.typescript import typescript
from efields.wire.reading import fields_of
from efields.wire.typescript import docs_of

ROOT = Path(__file__).resolve().parents[2]
FROZEN = Path(__file__).with_name("fixtures") / "scene_v1"


def test_the_page_knows_the_scene_of_this_efields() -> None:
    known = (ROOT / "viewer" / "src" / "scene" / "document.gen.ts").read_text(encoding="utf-8")
    assert known == typescript(), "run: python -m efields.export.typescript > viewer/src/scene/document.gen.ts"


def test_every_field_says_what_it_is() -> None:
    for kind in PARTS:
        assert docs_of(kind).keys() == fields_of(kind).keys(), kind.__name__


def test_an_old_document_has_what_came_later() -> None:
    scene = read_scene(FROZEN).scene
    assert isinstance(scene, SceneDocument) and scene.schema_version == (1, 0)
    assert scene.world.origin == (0, 0, 0)
    assert scene.events is not None and not scene.events.assumed


def changed(folder: Path, path: str, value: Any) -> Path:
    """The frozen scene with one place of its document changed; None takes the place away."""
    copy = shutil.copytree(FROZEN, folder / "scene")
    document = json.loads((copy / "scene.json").read_text())
    *names, last = path.split(".")
    place = document
    for name in names:
        place = place[int(name) if name.isdigit() else name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    (copy / "scene.json").write_text(json.dumps(document))
    return copy


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("world.radius", 0, "world.radius is 0.0; it must be a number above 0"),
        ("world.aabb", [[0, 0, 0], [0, 1, 1]], "world.aabb is an empty box"),
        ("world.up", [0, 0, 2], "world.up has length 2, not 1"),
        ("background", [0.1, 0.2, 0.3], "background has 3 channels, and the volume is mono"),
        ("background", [-0.1], r"background\[0\] is -0.1; it must be 0 or more"),
        ("background", {"kind": "painted"}, "background.kind is 'painted'; known are map"),
        ("volume.shape", [4, 3], "volume.shape is not a list of 3"),
        ("volume.shape", [8, 8.5, 5], r"volume.shape\[1\] is not a whole number"),
        ("volume.keyframes", [], "volume.keyframes has 0 entries; it takes 1 or more"),
        ("volume.keyframes.0.blob", "../x.bin", "is not a plain file name"),
        ("volume.occupancy.shape", [2, 1, 1], "volume.occupancy.shape is"),
        ("cameras.event.fx", "7", "cameras.event.fx is not a number"),
        ("cameras.views.1.kind", "test", r"cameras.views\[1\].kind is 'test'; known are training"),
        ("trajectory.position", [[0, 0, 0]], "lists of different lengths"),
        ("events.shown", 4, "events.shown is 4"),
        ("events.chunks.0.count", -3, r"events.chunks\[0\].count is -3; it must be 1 to 262144"),
        ("tone", None, "the document has no 'tone'"),
        ("notes", [3], r"notes\[0\] is not a text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, path: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as told:
        read_scene(changed(tmp_path, path, value))
    assert "\n" not in str(told.value) and "the scene is broken" in str(told.value)
