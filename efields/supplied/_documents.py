"""Names with values from files of any syntax: JSON, YAML, OpenCV's YAML, JSON and XML, and assignments in text."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from efields.errors import InputError
from efields.formats.text.tables import read_short_text
from efields.settings import read_toml
from efields.supplied._sources import first_character

_LARGEST_YAML, _LARGEST_JSON = 4 << 20, 256 << 20
"""Bytes: far above any calibration, and quick to parse."""
_OPENCV_TAG = re.compile(r"!!opencv-[a-z-]+")
_OPENCV_HEAD = re.compile(r"\A\ufeff?\s*%YAML[: ].*\n(?:---\s*\n)?")
_ASSIGNMENT = re.compile(
    r"^[ \t]*([A-Za-z_][\w.]*(?: [A-Za-z]\w*)*)[ \t]*(?:[=:,]|[ \t])[ \t]*(\[[^\]]*\]|[^;\n\[]+);?[ \t]*$", re.M
)
_COMMENT = re.compile(r"(?:#|%|//).*")


def read_document(path: Path) -> dict[str, Any]:
    """The names and values in a JSON, YAML or XML file, or of lines `name = value`; OpenCV's dialects included.

    Several documents in one file, as `ros2 topic echo` writes them, must be the same but for their header.
    Raises `InputError` when it is none of these, or holds no names.
    """
    if path.suffix.lower() == ".toml":
        return read_toml(path)
    kind = {"{": "JSON", "<": "XML"}.get(first_character(path), "YAML")
    text = read_short_text(path, _LARGEST_JSON if kind == "JSON" else _LARGEST_YAML).removeprefix("\ufeff")
    try:
        read = {"JSON": json.loads, "XML": _read_xml, "YAML": _read_yaml}[kind]
        found = read(text)
    except InputError as error:
        raise InputError(error.what, path, error.do) from None
    except Exception as error:  # parsers of damaged files raise whatever they meet first
        found = _otherwise(kind, text)
        if not found:
            said = " ".join(str(error).split())[:120] or type(error).__name__
            raise InputError(f"is not readable as {kind} ({said})", path, "copy or write it again") from None
    if isinstance(found, list) and found and all(isinstance(item, dict) for item in found):
        found = {"cameras": found}
    if not isinstance(found, dict):
        found = _assignments(text) if kind == "YAML" else None
    if not found:
        raise InputError("contains no names with values", path, "check that it is the right file")
    return found


def _otherwise(kind: str, text: str) -> Any:
    """What a text holds that its first character promised to be of another kind; None for nothing."""
    if kind == "JSON" and len(text) < 1 << 16:  # a mapping of YAML on one line
        with suppress(Exception):
            return _read_yaml(text)
    return _assignments(text) if kind == "YAML" else None


def _read_yaml(text: str) -> Any:
    from ruamel.yaml import YAML

    # OpenCV writes a directive and a tag that YAML does not know.
    plain = _OPENCV_TAG.sub("", _OPENCV_HEAD.sub("", text))
    documents = [found for found in YAML(typ="safe", pure=True).load_all(plain) if found is not None]
    if len(documents) < 2:
        return documents[0] if documents else None
    bare = [{k: v for k, v in d.items() if k != "header"} if isinstance(d, dict) else d for d in documents]
    if any(document != bare[0] for document in bare):
        raise InputError(f"holds {len(documents)} documents that differ", do="keep only the right one")
    return documents[0]


def _read_xml(text: str) -> Any:
    """OpenCV's FileStorage: an element with others in it is a mapping, `_` is an item of a list."""
    from xml.etree import ElementTree

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError("is XML that defines entities", do="give OpenCV's FileStorage, which defines none")
    return _of_element(ElementTree.fromstring(text), 0)


def _of_element(element: Any, depth: int) -> Any:
    if depth > 16:
        raise InputError("is XML of too many levels", do="check that it is the right file")
    if not len(element):
        return (element.text or "").strip().strip('"')
    if all(child.tag == "_" for child in element):
        return [_of_element(child, depth + 1) for child in element]
    return {child.tag: _of_element(child, depth + 1) for child in element}


def _assignments(text: str) -> dict[str, Any] | None:
    """Lines `name = value`, `name: value` or `name value`, or names over values: MATLAB's and hand-written files."""
    plain = "\n".join(_COMMENT.sub("", line) for line in text.splitlines())
    lines = [re.split(r"[,;\s]+", line.strip()) for line in plain.splitlines() if line.strip()]
    if len(lines) == 2 and len(lines[0]) == len(lines[1]) and numbers_in(lines[0]) is None and numbers_in(lines[1]):
        return dict(zip(*lines, strict=True))  # a line of names over one of numbers
    found = {name.strip(): value.strip() for name, value in _ASSIGNMENT.findall(plain)}
    return found or None


def floats(value: Any, name: str, path: Path) -> list[float]:
    """A list of finite numbers, lists in it laid end to end, numbers in text, or the `data` of a matrix; none for None.

    Raises `InputError` for anything else.
    """
    numbers = numbers_in(value)
    if numbers is None:
        raise InputError(f"'{name}' is not a list of finite numbers", path, "correct it")
    return numbers


def numbers_in(value: Any) -> list[float] | None:
    """As `floats`, but None for what is no list of finite numbers."""
    if isinstance(value, dict):
        value = value.get("data")
    if value is None:
        return []
    if isinstance(value, str):
        value = re.split(r"[,;\s]+", re.sub(r"[\[\](){}]", " ", value).strip())
    rows = value if isinstance(value, list | tuple) else [value]
    flat = [item for row in rows for item in (row if isinstance(row, list | tuple) else [row])]
    flat = [item for text in flat for item in (text.replace(",", " ").split() if isinstance(text, str) else [text])]
    try:
        numbers = [float(item) for item in flat if not isinstance(item, bool)]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == len(flat) and all(map(math.isfinite, numbers)) else None
