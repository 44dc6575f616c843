"""What is no recording is named as what it is, with what to do; what never ends is refused at once."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import find, load, open_events
from tests.contracts.samples import prophesee
from tests.contracts.samples.folders import ecd


def archive(kind: str) -> bytes:
    held = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(held, "w") as file:
            file.writestr("notes.txt", "1 2 3")
    else:
        with tarfile.open(fileobj=held, mode="w") as file:
            file.addfile(tarfile.TarInfo("notes.txt"))
    return held.getvalue()


WEB = b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus\n scan warning</title></head></html>"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n"
EVT4 = b"% format EVT4;height=48;width=64\n% geometry 64x48\n% end\n" + bytes(range(256))
FILES = [
    ("events.raw", WEB, r"is a web page \('Google Drive - Virus scan warning'\), not the file; open the link"),
    ("events.csv", b"<html><body>404</body></html>", "is a web page, not the file"),
    ("events.h5", LFS, "is a Git LFS pointer: the file itself of 12,345,678 bytes was not fetched; run git lfs pull"),
    ("events.raw", b"/annex/objects/MD5E-s1--1.raw\n", "is a git-annex pointer"),
    ("events.txt", b"", "is empty; copy or record it again"),
    ("events.raw", b"", "is empty"),
    ("events.txt", b"\n \n", "holds blank lines only"),
    ("events.raw", EVT4, "is Prophesee's format EVT4; EVT 2.0, 2.1 and 3.0 are read; convert it with"),
    ("events.raw", b"% evt 5.1\n% end\n\x00\x01", r"is Prophesee's format EVT5.1"),
    ("events.zip", archive("zip"), "is a zip archive; unpack it"),
    ("events.raw", archive("tar"), "is a tar archive; unpack it"),
    ("events.raw.gz", gzip.compress(b"1 2 3 4"), "is a gzip archive; unpack it"),
    ("events.bz2", bz2.compress(b"1 2 3 4"), "is a bzip2 archive; unpack it"),
    ("events.xz", lzma.compress(b"1 2 3 4"), "is an xz archive; unpack it"),
    ("events.7z", b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive; unpack it"),
    ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3", "is a PDF document"),
    ("events.raw", json.dumps({"message": "Not Found"}).encode(), r"is an error in JSON \('Not Found'\)"),
    ("events.raw", b'{"error": {"code": 403, "message": "quota"}}', r"is an error in JSON \('quota'\)"),
    ("transforms.json", b'{"frames": []}', "is JSON of camera poses, without events"),
    ("a.png", b"\x89PNG\r\n\x1a\n\0", r"is an image \(PNG\); simulate events from it with efields simulate --frames"),
    ("a.jpg", b"\xff\xd8\xff\xe0", r"is an image \(JPEG\)"),
    ("clip.mp4", b"\0\0\0\x18ftypisom", "is a video .*efields simulate --frames"),
    ("clip.mkv", b"\x1a\x45\xdf\xa3\x01", "is a video"),
    ("load.py", b"import numpy as np\nprint(1)\n", "is a Python script"),
    ("run.toml", b'scene = "here"\n', "is a config, not a recording; train with it: efields train run.toml"),
    ("notes.txt", b"hello, this is\nnot a table\n", r"text, but not a table of events \(it begins 'hello, this is'\)"),
]


@pytest.mark.parametrize(
    ("name", "content", "says"), FILES, ids=[f"{number} {name}" for number, (name, *_) in enumerate(FILES)]
)
def test_a_file_that_is_no_recording_is_named(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    for refuse in (find, load, open_events):
        with pytest.raises(InputError, match=says) as error:
            refuse(tmp_path / name)
        assert "\n" not in str(error.value)
        assert str(error.value).startswith(str(tmp_path / name))


def test_a_file_of_a_folder_that_was_not_fetched_is_named(tmp_path: Path) -> None:
    ecd(tmp_path / "a")
    for name, content in (("groundtruth.txt", LFS), ("calib.txt", WEB)):
        (tmp_path / "a" / name).write_bytes(content)
        what = "is a Git LFS pointer" if content == LFS else "is a web page"
        with pytest.raises(InputError, match=rf"{name}: {what}"):
            load(tmp_path / "a")
    (tmp_path / "a" / "events.txt").write_bytes(LFS)
    with pytest.raises(InputError, match=r"its file calib.txt is a web page"):
        load(tmp_path / "a")
    with pytest.raises(InputError, match=r"events.txt: is a Git LFS pointer.*git lfs pull"):
        load(tmp_path / "a" / "events.txt", "text")


def test_folders_are_named_too(tmp_path: Path) -> None:
    def says(words: str, *names: str) -> None:
        folder = tmp_path / names[0] if names else tmp_path / "empty"
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"x")
        with pytest.raises(InputError, match=words):
            find(folder)

    says("is an empty folder")
    says("is a run of efields, not a recording; look at it with efields view", "config.toml", "checkpoint.pt")
    says("is a scene, not a recording; simulate it first", "scene.toml")
    says("is a folder of images, without events; .*--frames", "0.png", "1.png", "times.txt")
    prophesee.prophesee_raw(tmp_path / "several")
    with pytest.raises(InputError, match=r"is a folder that contains events.raw; give one: .*several/events.raw"):
        find(tmp_path / "several")


@pytest.mark.parametrize("kind", [None, "text", "ecd", "npz"])
def test_what_never_ends_is_refused_at_once(kind: str | None, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.txt")
    np.savetxt(tmp_path / "calib.txt", np.ones((1, 9)))
    for path in (tmp_path / "events.txt", tmp_path):
        for read in (load, open_events):
            with pytest.raises(InputError, match=r"events.txt: is a pipe \(FIFO\), not a file; write its output"):
                read(path, kind)
    with pytest.raises(InputError, match="is a device, not a file"):
        load("/dev/zero", kind)
