"""Messages: what the page knows of them, what is taken, and that nothing a client sends raises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.server import protocol
from efields.server.protocol import Ack, Change, FrameHeader, Training, View, packed, text_of, unpacked
from efields.server.reading import Wrong, read_message
from efields.server.typescript import typescript
from tests.server.small import view

ROOT = Path(__file__).resolve().parents[2]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_the_page_knows_the_messages_of_this_server() -> None:
    known = (ROOT / "viewer" / "src" / "protocol.gen.ts").read_text(encoding="utf-8")
    assert known == typescript(), "run: python -m efields.server.typescript > viewer/src/protocol.gen.ts"


@pytest.mark.parametrize(
    "message",
    [
        view(3, crop=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), wipe=protocol.Wipe("depth", 0.5), t_s=0.25),
        Change(4, 0.0, 0.5, 16, 4096),
        Training("pause"),
        Ack(0),
    ],
)
def test_what_is_sent_is_read(message: Any) -> None:
    assert read_message(text_of(message)) == message


def test_binary_messages_come_apart_again() -> None:
    header = FrameHeader(1, 2, 16, 17, "full", 16, 17, 1.5, (-0.5, 1.0))
    assert unpacked(packed(header, b"jpeg")) == (json.loads(text_of(header)), b"jpeg")


def altered(path: str, value: Any) -> str:
    table = json.loads(text_of(view()))
    *folders, last = path.split(".")
    inner = table
    for name in folders:
        inner = inner[name]
    inner[last] = value
    return json.dumps(table)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("width", 15, "view.width is 15; it must be 16 to 4096"),
        ("height", 4097, "view.height"),
        ("width", 20.5, "not a whole number"),
        ("id", -1, "id"),
        ("id", True, "not a number"),
        ("position", [0, 0], "view.position is not a list of 3"),
        ("position", [0, 0, float("nan")], "view.position[2]"),
        ("position", [0, 0, float("inf")], "view.position[2]"),
        ("position", [0, 10**400, 0], "view.position[1]"),
        ("quaternion", [0, 0, 0, 1.01], "length 1.01"),
        ("fov_y", 3.2, "view.fov_y"),
        ("mode", "samples", "'samples'; known are colour"),
        ("moving", 1, "not true or false"),
        ("tone", None, "view.tone is not an object"),
        ("tone.offset", [], "1 or 3 numbers"),
        ("tone.offset", [0] * 5000, "not a list"),
        ("tone.gamma", 0, "view.tone.gamma"),
        ("crop", [[0, 0, 0], [1, 1, 0]], "empty box"),
        ("wipe", {"mode": "depth", "at": 1.1}, "view.wipe.at"),
        ("wipe", {"mode": "depth"}, "view.wipe has no 'at'"),
        ("more", 1, "unknown key 'more'"),
        ("type", "views", "unknown type 'views'; known are view, change"),
        ("type", ["view"], "unknown type"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(path: str, value: Any, said: str) -> None:
    found = read_message(altered(path, value))
    assert isinstance(found, Wrong) and said in found.text
    assert "\n" not in found.text and len(found.text) < 200


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "{",
        "null",
        "3",
        '"view"',
        "[" * 60_000,
        '{"type": "ack", "id": ' + "9" * 6000 + "}",
        "x" * 70_000,
        b"\x00\xff",
    ],
)
def test_rubbish_is_told_in_one_line(rubbish: str | bytes) -> None:
    assert isinstance(read_message(rubbish), Wrong)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | JSON.map(json.dumps))
def test_nothing_raises(text: str) -> None:
    assert isinstance(read_message(text), (Wrong, View, Change, Training, Ack))


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(json.loads(text_of(view())))), JSON)
def test_no_value_of_any_key_raises(key: str, value: Any) -> None:
    found = read_message(altered(key, value))
    assert isinstance(found, (Wrong, View))
    if isinstance(found, Wrong):
        assert found.text.isprintable()
