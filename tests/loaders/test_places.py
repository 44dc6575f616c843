"""Files that files name: beside them, from another machine, or outside of the folder, which only the user allows."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from efields.errors import InputError
from efields.loaders import find, kinds, load
from tests.contracts.samples import LOADERS
from tests.contracts.samples.folders import event_columns
from tests.contracts.samples.posed import VIEWS, images_in, nerfstudio
from tests.loaders.ros_bags import array, typestore, write

ALLOW = "--option outside=true"


def renamed(scene: Path, name: str, file: str = "transforms.json", view: int = 1) -> Path:
    """The scene, one of whose images has another name in the file."""
    meta = json.loads((scene / file).read_text())
    meta["frames"][view]["file_path"] = name
    (scene / file).write_text(json.dumps(meta))
    return scene


@pytest.mark.parametrize(
    "name",
    [
        r"C:\Users\someone\scene\images\frame_00002.png",
        "D:/photos/images/frame_00002.png",
        r"\\server\share\images\frame_00002.png",
        "/home/nobody/scene/images/frame_00002.png",
        "/frame_00002.png/../images/frame_00002.png",
        "file:///home/nobody/images/frame_00002.png",
        "file:///C:/Users/some%20one/images/frame_00002.png",
    ],
)
def test_paths_of_another_machine_are_found_beside_the_file_and_said(name: str, tmp_path: Path) -> None:
    recording = load(renamed(nerfstudio(tmp_path / "scene"), name), heldout_every=0)
    assert recording.frames is not None
    assert sorted(recording.frames.names)[1] == "frame_00002.png"
    assert any(note.startswith("1 images have paths of another machine") for note in recording.notes)


@pytest.mark.parametrize(
    ("name", "on_disk"),
    [
        ("images/frame_00002", "images/frame_00002.png"),
        (r"images\frame_00002.png", "images/frame_00002.png"),
        ("./images/../images/frame_00002.png", "images/frame_00002.png"),
        ("images/my view é 2.png", "images/my view é 2.png"),
        ("images/view.2", "images/view.2.png"),
    ],
)
def test_names_as_tools_write_them(name: str, on_disk: str, tmp_path: Path) -> None:
    scene = renamed(nerfstudio(tmp_path / "scene"), name)
    images_in(scene / "images", [Path(on_disk).name])
    recording = load(scene, heldout_every=0)
    assert recording.frames is not None and Path(on_disk).name in recording.frames.names
    assert not any("another machine" in note for note in recording.notes)


def with_outsider(kind: str, folder: Path) -> Path:
    """A recording that names a file beside its folder, and that file."""
    scene = LOADERS[kind](folder / "scene")
    beside = folder / "beside.png"
    images_in(folder, ["beside.png"])
    if kind == "nerfstudio":
        renamed(scene, "../beside.png")
    elif kind == "blender":
        renamed(scene, str(beside), "transforms_train.json")
    elif kind == "colmap":
        model = scene / "sparse" / "0" / "images.bin"
        data = model.read_bytes()
        model.write_bytes(data.replace(b"0001.png\0", b"../../beside.png\0"))
    elif kind == "ecd":
        lines = (scene / "images.txt").read_text().splitlines()
        lines[1] = f"{lines[1].split()[0]} ../beside.png"
        (scene / "images.txt").write_text("\n".join(lines) + "\n")
    elif kind == "llff":
        image = sorted((scene / "images").iterdir())[0]
        images_in(folder, ["beside.png"], size=(16, 12))
        image.unlink()
        image.symlink_to(beside)
    elif kind == "robust_enerf":
        renamed(scene / "views", "../../beside.png", "transforms_test.json", view=0)
    return scene


@pytest.mark.parametrize("kind", ["nerfstudio", "blender", "colmap", "ecd", "llff", "robust_enerf"])
def test_files_outside_of_the_folder_are_refused_unless_allowed(kind: str, tmp_path: Path) -> None:
    scene = with_outsider(kind, tmp_path)
    with pytest.raises(InputError, match="outside") as caught:
        load(scene)
    assert ALLOW in str(caught.value) and "\n" not in str(caught.value)
    assert load(scene, outside=True).path == scene


@pytest.mark.parametrize("kind", kinds())
def test_links_that_lead_outside_are_refused_unless_allowed(kind: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    if not sample.is_dir():
        assert len(load(sample, kind, outside=True).events)  # every kind takes the option
        return
    file = max((path for path in sample.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link that leads outside") as caught:
        load(sample, kind)
    assert ALLOW in str(caught.value)
    assert load(sample, kind, outside=True).path == sample


def test_links_inside_of_the_folder_are_followed(tmp_path: Path) -> None:
    scene = nerfstudio(tmp_path / "scene")
    (scene / "images").rename(scene / "raw")
    (scene / "images").symlink_to("raw")
    (tmp_path / "name").symlink_to(scene)
    frames = load(tmp_path / "name", heldout_every=0).frames
    assert frames is not None and len(frames) == VIEWS


def test_a_bag_whose_metadata_name_a_file_elsewhere(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", "db3", [("/events", *array(typestore(ros1=False), *event_columns()))])
    metadata = bag / "metadata.yaml"
    storage = next(bag.glob("*.db3"))
    storage.rename(tmp_path / storage.name)
    metadata.write_text(metadata.read_text().replace(storage.name, f"../{storage.name}"))
    with pytest.raises(InputError, match="outside") as caught:
        load(bag, "rosbag")
    assert ALLOW in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_pipes_and_devices_are_no_images(tmp_path: Path) -> None:
    scene = renamed(nerfstudio(tmp_path / "scene"), "images/pipe.png")
    os.mkfifo(scene / "images" / "pipe.png")
    with pytest.raises(InputError, match=r"no image 'images/pipe\.png'"):
        load(scene)
    with pytest.raises(InputError, match="no image '/dev/zero'"):
        load(renamed(scene, "/dev/zero"))
    with pytest.raises(InputError, match="is a pipe"):
        find(scene / "images" / "pipe.png")
    os.mkfifo(tmp_path / "transforms.json")
    with pytest.raises(InputError, match="is a pipe"):
        find(tmp_path)


@pytest.mark.parametrize("name", ["", "\0", "a" * 5000, "..", "/", "https://example.org/0.png", "images"])
def test_names_of_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image '"):
        load(renamed(nerfstudio(tmp_path / "scene"), name))
