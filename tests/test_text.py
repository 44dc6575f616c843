"""Texts as editors and other systems write them: byte order marks, line ends of Windows, UTF-16."""

from __future__ import annotations

from pathlib import Path

import pytest

from efields.errors import InputError
from efields.loaders import find, load
from efields.settings import read_toml
from efields.text import decoded
from tests.contracts.samples import LOADERS

TEXTS = (".json", ".txt", ".csv", ".yaml", ".toml", ".dat")
KINDS = ("blender", "nerfstudio", "ecd", "eds", "tum_vie", "enerf", "e2nerf", "eventnerf", "dsec", "inceventgs")


def texts(sample: Path) -> list[Path]:
    """The text files of a recording, but events, whose reader takes bytes."""
    found = (file for file in sorted(sample.rglob("*")) if file.is_file() and file.suffix in TEXTS)
    return [file for file in found if file.name != "events.txt"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(kind: str, tmp_path: Path) -> None:
    plain, marked = (LOADERS[kind](tmp_path / name) for name in ("plain", "marked"))
    assert texts(marked)
    for file in texts(marked):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert find(marked) == kind
    one, other = load(plain), load(marked)
    assert (len(other.events), other.camera) == (len(one.events), one.camera)
    assert (other.events.t_us == one.events.t_us).all()
    for mine, theirs in ((one.frames, other.frames), (one.heldout, other.heldout)):
        assert (mine is None) == (theirs is None)
        assert mine is None or theirs is None or (mine.T_world_camera == theirs.T_world_camera).all()
    assert (one.trajectory is None) == (other.trajectory is None)
    assert one.trajectory is None or len(one.trajectory) == len(other.trajectory)  # type: ignore[arg-type]


def test_the_text_model_of_colmap(tmp_path: Path) -> None:
    scene = LOADERS["colmap"](tmp_path / "scene")
    model = scene / "sparse" / "0"
    for file in model.glob("*.bin"):
        file.unlink()
    lines = [f"{i + 1} 1 0 0 0 {0.1 * i} 0 0 1 {i:04d}.png\n\n" for i in range(5)]
    for mark in ("utf-8-sig", "utf-16"):
        (model / "cameras.txt").write_text("1 PINHOLE 8 6 9 9 4 3\n", encoding=mark, newline="\r\n")
        (model / "images.txt").write_text("".join(lines), encoding=mark, newline="\r\n")
        assert find(scene) == "colmap"
        if mark == "utf-8-sig":
            assert load(scene).calibrated.fx == 9
        else:
            with pytest.raises(InputError, match="is text in UTF-16; save it as UTF-8"):
                load(scene)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", ["nerfstudio", "blender"])
def test_utf_16_is_named(kind: str, encoding: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    for file in texts(sample):
        file.write_text(file.read_text(), encoding=encoding)
    assert find(sample) == kind
    with pytest.raises(InputError, match="is text in UTF-16; save it as UTF-8"):
        load(sample)


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbfsteps = 5\r\n[a]\r\nb = 1\r\n")
    assert read_toml(file) == {"steps": 5, "a": {"b": 1}}
    file.write_text("steps = 5", encoding="utf-16")
    with pytest.raises(InputError, match="is text in UTF-16"):
        read_toml(file)


def test_other_encodings_are_refused_and_zeros_are_no_utf_16() -> None:
    with pytest.raises(InputError, match=r"is not UTF-8 text \(byte 2\)"):
        decoded(b"ab\xe9", Path("a.txt"))
    assert decoded(b"\0\0\0\0", Path("a.txt")) == "\0" * 4
    assert decoded("\ufeffé 1\r\n".encode(), Path("a.txt")) == "é 1\r\n"
