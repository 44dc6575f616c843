"""TOML fills settings strictly, and errors name the right key."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from efields.errors import InputError
from efields.settings import did_you_mean, fill, read_toml, to_table


@dataclass(frozen=True)
class Inner:
    size: int = 1
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size is below 0")


@dataclass(frozen=True)
class Outer:
    needed: str
    kind: Literal["red", "blue"] = "red"
    flag: bool = False
    path: Path = Path(".")
    maybe: float | None = None
    pair: tuple[float, float] = (0.0, 1.0)
    many: tuple[int, ...] = ()
    names: list[str] = field(default_factory=list)
    box: tuple[tuple[float, float], tuple[float, float]] | None = None
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    table: dict[str, float] = field(default_factory=dict)
    constant: ClassVar[int] = 3


WHOLE: dict[str, Any] = {
    "needed": "x",
    "kind": "blue",
    "flag": True,
    "path": "a/b",
    "maybe": 2,
    "pair": [1, 2.5],
    "many": [1, 2, 3],
    "names": ["a"],
    "box": [[0, 1], [2, 3]],
    "inner": {"size": 4},
    "inners": [{"size": 1}, {"share": 1}],
    "table": {"a": 1},
}


def test_everything_is_converted_to_what_is_annotated() -> None:
    found = fill(Outer, WHOLE, "file")
    assert (found.kind, found.flag, found.path, found.pair, found.many) == (
        "blue",
        True,
        Path("a/b"),
        (1.0, 2.5),
        (1, 2, 3),
    )
    assert (found.maybe, type(found.maybe)) == (2.0, float)
    assert (found.names, found.box, found.table) == (["a"], ((0.0, 1.0), (2.0, 3.0)), {"a": 1.0})
    assert found.inner == Inner(4)
    assert found.inners == (Inner(1), Inner(share=1.0))


def test_defaults_stay_and_the_round_trip_is_equal() -> None:
    assert fill(Outer, {"needed": "y"}, "file") == Outer("y")
    for table in ({"needed": "y"}, WHOLE):
        once = fill(Outer, table, "file")
        assert fill(Outer, to_table(once), "file") == once
    assert "maybe" not in to_table(Outer("y"))
    assert to_table(Outer("y"))["path"] == "."


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"neded": 1}, r"^file: unknown key 'neded'; did you mean 'needed'\?$"),
        ({"constant": 4}, "unknown key 'constant'"),
        ({"inner": {"sise": 1}}, r"^file\.inner: unknown key 'sise'; did you mean 'size'\?$"),
        ({"inners": [{}, {"sise": 1}]}, r"^file\.inners\[1\]: unknown key 'sise'"),
        ({"kind": "blu"}, r"^file\.kind: 'blu' is not allowed; did you mean 'blue'\?$"),
        ({"kind": 3}, "'3' is not allowed"),
        ({"flag": 1}, "takes true or false, not 1"),
        ({"flag": "yes"}, "takes true or false, not 'yes'"),
        ({"maybe": "2"}, "takes a number, not '2'"),
        ({"maybe": True}, "takes a number, not True"),
        ({"pair": [1]}, "takes 2 numbers, not 1"),
        ({"pair": 1}, "takes a list, not 1"),
        ({"many": [1, 2.5]}, r"^file\.many\[1\]: takes a whole number, not 2\.5$"),
        ({"many": [True]}, "takes a whole number, not True"),
        ({"names": [1]}, "takes a text, not 1"),
        ({"box": [[0, 1]]}, "takes 2 numbers, not 1"),
        ({"box": [[0, "1"], [2, 3]]}, r"file\.box\[0\]\[1\]: takes a number"),
        ({"inner": 3}, r"is a table, not a value; write it as \[inner\]"),
        ({"inner": {"size": -1}}, r"^file\.inner: size is below 0$"),
        ({"table": 4}, "is a table, not a value"),
        ({"needed": 1}, "takes a text, not 1"),
        ({"needed": "a\0b"}, r"^file\.needed: contains control characters; write it again$"),
        ({"names": ["\x1b]0;a\x07"]}, r"^file\.names\[0\]: contains control characters"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_place(change: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        fill(Outer, {"needed": "x", **change}, "file")


def test_a_missing_key() -> None:
    with pytest.raises(InputError, match=r"missing key 'needed'; add a line 'needed = \.\.\.'"):
        fill(Outer, {}, "file")


def test_settings_are_what_toml_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('needed = "z"\npair = [3, 4]\n[inner]\nsize = 2\n')
    assert fill(Outer, read_toml(path), str(path)) == Outer("z", pair=(3.0, 4.0), inner=Inner(2))


def test_files_that_are_no_toml(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_toml(tmp_path)
    for content, line in (
        (b"a = \n", r"not valid TOML \(.*line 1"),
        (b"a = 1\na = 2\n", "not valid"),
        (b"\xff\xfe", "UTF-16"),
        (b"a = " + b"1" * 5000, "contains an absurd number or nesting"),
        (b"a = " + b"[" * 20_000, "contains an absurd number or nesting"),
    ):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(InputError, match=line):
            read_toml(tmp_path / "bad.toml")


def test_did_you_mean() -> None:
    assert did_you_mean("sed", ["seed", "steps"]) == "did you mean 'seed'?"
    assert did_you_mean("qqqq", ["seed", "other"]) == "known: other, seed"
    assert did_you_mean("x", []) == "known: none"


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        fill(Outer, WHOLE, "file").needed = "b"  # type: ignore[misc]
