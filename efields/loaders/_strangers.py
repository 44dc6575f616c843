"""Identifies files and folders that are not recordings by their first bytes or files, and says what to do with them."""

from __future__ import annotations

import html
import itertools
import json
import os
import re
import stat
from pathlib import Path

from efields.errors import InputError
from efields.formats.evt.header import read_header
from efields.formats.opening import first_bytes

_UNPACK = "unpack it, and give the path of its content"
_SIMULATE = "simulate events from it with efields simulate --frames"
_EXPORT = "export it as .csv or .npz with columns t, x, y, p"
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive", "download it again"),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"%PDF-", "a PDF document", "download the recording, not its paper"),
    (0, b"\x89PNG\r\n\x1a\n", "an image (PNG)", _SIMULATE),
    (0, b"\xff\xd8\xff", "an image (JPEG)", _SIMULATE),
    (0, b"GIF8", "an image (GIF)", _SIMULATE),
    (0, b"BM", "an image (BMP)", _SIMULATE),
    (0, b"II*\0", "an image (TIFF)", _SIMULATE),
    (0, b"MM\0*", "an image (TIFF)", _SIMULATE),
    (0, b"\x76\x2f\x31\x01", "an image (OpenEXR)", _SIMULATE),
    (8, b"WEBP", "an image (WebP)", _SIMULATE),
    (8, b"AVI ", "a video (AVI)", _SIMULATE),
    (8, b"WAVE", "a sound (WAV)", "give the recording of the event camera"),
    (4, b"ftyp", "a video (MP4 or similar)", _SIMULATE),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)", _SIMULATE),
    (0, b"PAR1", "a Parquet table", _EXPORT),
    (0, b"ARROW1", "an Arrow table", _EXPORT),
    (0, b"\x7fELF", "a program", "name the recording"),
    (0, b"MZ", "a program", "name the recording"),
    (0, b"#!AER-DAT1.0", "AEDAT 1.0, which is not read", "convert it to AEDAT 2.0 with jAER"),
    (0, b"%YAML", "a YAML file", "give a calibration with --camera, and the recording as the path"),
)
"""Byte, what stands there, what the file is, what to do."""
_TEXT = (b"%PDF-", b"#!AER-DAT1.0", b"%YAML", b"PAR1", b"ARROW1")
"""Of these, those that text may follow."""
_IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".exr", ".webp"}
_LOOKED_AT, _LOOKED_INTO = 1000, 100
"""Entries of a folder that are looked at, and files that are looked into."""


def refuse_special(path: Path) -> None:
    """Raise `InputError` for what is neither a file nor a folder, as it may never end, and for a folder with it."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        with os.scandir(path) as entries:
            for entry in itertools.islice(entries, _LOOKED_AT):
                if not (entry.is_file() or entry.is_dir() or not os.path.exists(entry.path)):
                    _refuse_mode(Path(entry.path), entry.stat().st_mode)
    elif not stat.S_ISREG(mode):
        _refuse_mode(path, mode)


def _refuse_mode(path: Path, mode: int) -> None:
    kinds = ((stat.S_ISFIFO, "a pipe (FIFO)"), (stat.S_ISSOCK, "a socket"))
    what = next((name for is_one, name in kinds if is_one(mode)), "a device")
    raise InputError(f"is {what}, not a file", path, "write its output to a file, and give that")


def stranger(path: Path) -> tuple[str, str] | None:
    """What a path is that no loader knows, and what to do; None where nobody can tell."""
    if path.is_dir():
        return _folder(path)
    start = first_bytes(path, 1 << 16)
    if not start:
        return "is empty", "copy or record it again"
    if start.startswith(b"PK\x03\x04") and b"data.pkl" in start[:4096]:
        return "is a PyTorch checkpoint", "open its run with efields view or evaluate, or give a recording here"
    if (known := of_other_kind(start)) is not None:
        return known
    return _prophesee(start) or _text(path, start)


def of_other_kind(start: bytes) -> tuple[str, str] | None:
    """What the first bytes of a file say that it is, archive, picture or document, and what to do; None for others."""
    for at, magic, what, do in _MAGIC:
        if start[at : at + len(magic)] == magic and (magic in _TEXT or not _is_text(start[:64])):
            return f"is {what}", do
    return None


def _prophesee(start: bytes) -> tuple[str, str] | None:
    values = read_header(start).values
    named = values.get("format", "").split(";")[0] or (f"EVT{values['evt']}" if "evt" in values else "")
    if not named:
        return None
    do = "convert it with Prophesee's Metavision SDK: metavision_file_to_hdf5, or to RAW of EVT 3.0"
    return f"is Prophesee's format {named[:40]}; EVT 2.0, 2.1 and 3.0 are read", do


def _is_text(start: bytes) -> bool:
    return not re.search(rb"[\x00-\x08\x0e-\x1f\x7f-\xff]", start)


def _text(path: Path, start: bytes) -> tuple[str, str] | None:
    try:
        text = start[: 1 << 14].decode("utf-8-sig", "replace").lstrip()
    except UnicodeDecodeError:
        return None
    if (other := _not_fetched(text)) is not None:
        return other
    low = text[:2048].lower()
    if low.startswith(("<?xml", "<svg")):
        return "is an XML document" + _message(text), "download the recording again, or give its path"
    if low[:1] in ("{", "[") and (told := _json(start)) is not None:
        return told
    if b"\0" in start or not _is_text(start[:256].replace(b"\xef\xbb\xbf", b"")):
        return None
    return _plain(path, text)


def _not_fetched(text: str) -> tuple[str, str] | None:
    """What stands in place of a file that was not fetched, and what to do; None where it is no such thing."""
    low = text[:2048].lower()
    if low.startswith("version https://git-lfs"):
        size = re.search(r"size (\d{1,18})", low)
        of = f" of {int(size[1]):,} bytes" if size else ""
        return f"is a Git LFS pointer: the file itself{of} was not fetched", "run git lfs pull in its repository"
    if "/annex/objects/" in low[:512]:
        return "is a git-annex pointer: the file itself was not fetched", "run git annex get on it"
    if low.startswith(("<!doctype html", "<html")) or "<html" in low:
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
        called = f" ('{' '.join(html.unescape(title[1]).split())[:60]}')" if title else ""
        return f"is a web page{called}, not the file", "open the link in a browser, and download the file itself"
    return None


def in_place_of(path: Path) -> tuple[str, str] | None:
    """What a file holds in place of what it should, as it was not fetched, and what to do; None where it is another."""
    return _not_fetched(first_bytes(path, 1 << 12).decode("utf-8", "replace").lstrip("\ufeff \r\n\t"))


def _message(text: str) -> str:
    found = re.search(r"<message>(.*?)</message>", text, re.DOTALL | re.IGNORECASE)
    return f" that says '{' '.join(found[1].split())[:80]}'" if found else ""


def _json(start: bytes) -> tuple[str, str] | None:
    try:
        content = json.loads(start.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        if start.lstrip()[:2] in (b'{"', b"[{", b"[[") or start.lstrip()[1:].lstrip()[:1] == b'"':  # longer than read
            return "is JSON, not events", "give the recording, or the folder that contains this file"
        return None
    if isinstance(content, dict):
        if "cells" in content and "nbformat" in content:
            return "is a Jupyter notebook", "give the recording that it reads"
        for key in ("message", "error", "detail", "errors"):
            if key in content and "frames" not in content:
                said = content[key].get("message", content[key]) if isinstance(content[key], dict) else content[key]
                return f"is an error in JSON ('{str(said)[:80]}'), not the file", "download the file again"
        if "frames" in content or "camera_path" in content:
            return (
                "is JSON of camera poses, without events",
                "give the folder of the recording, or use this file with --poses",
            )
    return "is JSON, not events", "give the recording, or the folder that contains this file"


def _plain(path: Path, text: str) -> tuple[str, str]:
    python = re.search(r"^(import \w|from [\w.]+ import |def \w+\(|#!.*python)", text, re.MULTILINE)
    if path.suffix == ".py" or python:
        return "is a Python script", "run it, and give the recording that it writes"
    if path.suffix == ".toml":
        return "is a config, not a recording", f"train with it: efields train {path.name}"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if not first:
        return "holds blank lines only", "copy or record it again"
    return f"is text, but not a table of events (it begins '{first[:60]}')", "give lines of numbers: t x y p"


def _folder(path: Path) -> tuple[str, str] | None:
    names = sorted(entry.name for entry in itertools.islice(os.scandir(path), _LOOKED_AT))
    if not names:
        return "is an empty folder", "copy the recording again"
    for name in names[:_LOOKED_INTO]:
        if (path / name).is_file() and (other := in_place_of(path / name)) is not None:
            return f"is not a recording that efields knows: its file {name} {other[0]}", other[1]
    if "config.toml" in names and {"checkpoint.pt", "metrics.json", "training.json", "metrics.jsonl"} & set(names):
        do = f"look at it with efields view {path.name}, or open it with evaluate, render, export or report"
        return "is a run of efields, not a recording", do
    if runs := [name for name in names if (path / name / "config.toml").is_file()]:
        return "is a folder of runs, not a recording", f"runs there: {', '.join(runs[:20])}"
    if "scene.toml" in names:
        return "is a scene, not a recording", f"simulate it first: efields simulate {path.name}"
    folders = [path / name for name in names if (path / name).is_dir()]
    inside = os.listdir(folders[0])[:_LOOKED_AT] if len(folders) == 1 else []  # as in vid2e, with times next to them
    kinds = {Path(name).suffix.lower() for name in (*names, *inside)} - {".txt", ".csv", ".json", ""}
    if kinds and kinds <= _IMAGES:
        return "is a folder of images, without events", f"{_SIMULATE} {path.name}"
    return None
