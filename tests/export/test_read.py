"""Scenes read again: what was written comes back, and what is broken or newer is one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.export.background import one_colour
from efields.export.baked_renderer import BakedRenderer
from efields.export.document import recording_of
from efields.export.read import read_scene
from efields.export.scene import BakedScene, baked_scene
from efields.export.scene_page import write_html, write_web
from efields.train import Run
from tests.viewer.scenes import camera_of, orbit_pose

FROZEN = Path(__file__).with_name("fixtures") / "scene_v1"


@pytest.fixture(scope="module")
def scene(run: Run) -> BakedScene:
    return baked_scene(run, run.load_model(), recording_of(run)[0], resolution=16)


def test_pages_and_folders_come_back(scene: BakedScene, page: Path, tmp_path: Path, run: Run) -> None:
    write_html(scene, tmp_path / "scene.html")
    write_web(scene, tmp_path / "web")
    for path in (tmp_path / "scene.html", tmp_path / "web"):
        stored = read_scene(path)
        assert stored.document == json.loads(json.dumps(scene.document))
        volume = stored.volume()
        assert volume is not None
        np.testing.assert_array_equal(volume.keyframes[0].codes, scene.volume.keyframes[0].codes)
        a, b = (
            BakedRenderer(v, one_colour(np.array([1.0]))).view(camera_of(16, 16), orbit_pose(0.2, 0.4))
            for v in (volume, scene.volume)
        )
        np.testing.assert_array_equal(a.radiance, b.radiance)
        recording = recording_of(run)[0]
        assert recording is not None
        x, y, t_us, polarity = stored.events()
        np.testing.assert_array_equal(x, recording.events.x)
        np.testing.assert_array_equal(y, recording.events.y)
        np.testing.assert_array_equal(t_us + scene.document["origin_us"], recording.events.t_us)
        np.testing.assert_array_equal(polarity, recording.events.polarity)


def test_the_frozen_scene_of_version_1_opens() -> None:
    stored = read_scene(FROZEN)
    volume = stored.volume()
    assert volume is not None and max(volume.shape) == 8
    assert len(stored.events()[0]) == stored.document["events"]["shown"] > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": [2, 0]}, "this scene has format version 2.0; this efields reads 1.x; open it with"),
        ({"schema_version": "1.0"}, "it has no version"),
        ({"format": "other"}, "is not a scene of efields"),
    ],
)
def test_other_formats_and_versions_are_refused(tmp_path: Path, change: dict, said: str) -> None:
    folder = shutil.copytree(FROZEN, tmp_path / "scene")
    document = json.loads((folder / "scene.json").read_text())
    (folder / "scene.json").write_text(json.dumps({**document, **change}))
    with pytest.raises(InputError, match=said):
        read_scene(folder)


def test_a_newer_minor_version_is_read(tmp_path: Path) -> None:
    folder = shutil.copytree(FROZEN, tmp_path / "scene")
    document = json.loads((folder / "scene.json").read_text())
    (folder / "scene.json").write_text(json.dumps({**document, "schema_version": [1, 9], "new_part": 1}))
    assert read_scene(folder).volume() is not None


def test_broken_scenes_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as a scene"):
        read_scene(tmp_path / "nothing.html")
    (tmp_path / "plain.html").write_text("<html></html>")
    with pytest.raises(InputError, match="contains no scene"):
        read_scene(tmp_path / "plain.html")
    folder = shutil.copytree(FROZEN, tmp_path / "scene")
    blob = (folder / "volume-0.bin").read_bytes()
    for content, said in ((blob[: len(blob) // 2], "damaged or truncated"), (None, "is not there")):
        if content is None:
            (folder / "volume-0.bin").unlink()
        else:
            (folder / "volume-0.bin").write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_scene(folder).volume()
    (folder / "volume-0.bin").write_bytes((folder / "occupancy.bin").read_bytes())
    with pytest.raises(InputError, match="bytes, not"):
        read_scene(folder).volume()
    (folder / "scene.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read_scene(folder)


def test_a_page_with_a_damaged_blob_is_told(scene: BakedScene, page: Path, tmp_path: Path) -> None:
    out = tmp_path / "scene.html"
    write_html(scene, out)
    text = out.read_text()
    mark = 'data-blob="volume-0.bin">'
    at = text.index(mark) + len(mark)
    out.write_text(text[:at] + "A" + text[at:])
    with pytest.raises(InputError, match="damaged or truncated"):
        read_scene(out).volume()
