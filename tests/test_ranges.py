"""Ranges of numbers: what is in them, what they say, and where they are checked."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from efields.errors import LONGEST, InputError
from efields.ranges import Finite, OutOfRange, Range, check_ranges
from efields.settings import fill, read_toml


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "words"),
    [
        (Range(), (0, -1e300, 1e300), (math.nan, math.inf, -math.inf), "a finite number"),
        (Range(1), (1, 10**30), (0, 0.999, -1, math.inf, math.nan), "1 or more"),
        (Range(1, 9, infinite=True), (1, 9, math.inf), (0, 10, -math.inf, math.nan), "a number from 1 to 9, or inf"),
        (Range(above=0), (1e-300, 5), (0, -0.0, -1, math.inf, math.nan), "a number above 0"),
        (Range(above=0, infinite=True), (1e-300, math.inf), (0, -math.inf), "a number above 0, or inf"),
        (Range(above=0, most=0.9), (0.1, 0.9), (0, 0.91, math.nan), "a number above 0, up to 0.9"),
        (Range(above=0, below=1), (0.5,), (0, 1, math.nan), "a number above 0, below 1"),
        (Range(0, below=1), (0, 0.5), (-1, 1, math.nan), "0 or more, below 1"),
        (Range(0, 1), (0, 1, 0.5), (-0.1, 1.1, math.nan), "a number from 0 to 1"),
        (Range(most=5), (5, -1e9), (6, -math.inf, math.nan), "5 or less"),
        (Range(below=5), (4,), (5, math.nan), "a number below 5"),
        (Range(0, 2**63 - 1), (2**63 - 1,), (2**63, -1), "a number from 0 to 9223372036854775807"),
    ],
    ids=lambda value: value.words if isinstance(value, Range) else "",
)
def test_what_a_range_holds_and_says(
    allowed: Range, inside: tuple[float, ...], outside: tuple[float, ...], words: str
) -> None:
    assert [number in allowed for number in inside] == [True] * len(inside)
    assert [number in allowed for number in outside] == [False] * len(outside)
    assert allowed.words == words


@dataclass(frozen=True)
class Inner:
    """A table of the table."""

    shares: Annotated[tuple[float, ...], Range(0, 1)] = (0.5,)
    """Each number is in the range."""
    pair: tuple[Annotated[int, Range(1)], Finite] = (1, 0.0)
    """Each number has its own."""

    __post_init__ = check_ranges


@dataclass(frozen=True)
class Outer:
    """Every way in which an option can hold a number."""

    count: Annotated[int, Range(1)] = 1
    """Plain."""
    rate: Annotated[float, Range(above=0)] | None = None
    """Optional."""
    pivot: Annotated[float, Range(0)] | Literal["auto"] = 0.0
    """Or a word."""
    corner: tuple[tuple[Finite, Finite], ...] | None = None
    """Nested."""
    inner: Inner = Inner()
    """A table."""
    free: float = 0.0
    """Without a range, nothing is asked."""
    flag: bool = False
    """No number."""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count = 0", "count = 0; give 1 or more"),
        ("rate = 0", "rate = 0; give a number above 0"),
        ("rate = -inf", "rate = -inf; give a number above 0"),
        ("pivot = nan", "pivot = nan; give 0 or more"),
        ("corner = [[0, 1], [2, inf]]", "corner[1][1] = inf; give a number from -1e+12 to 1e+12"),
        ("[inner]\nshares = [0.5, 1.5]", "inner.shares[1] = 1.5; give a number from 0 to 1"),
        ("[inner]\npair = [0, 1]", "inner.pair[0] = 0; give 1 or more"),
        ("[inner]\npair = [1, nan]", "inner.pair[1] = nan; give a number from -1e+12 to 1e+12"),
    ],
)
def test_a_number_of_a_file_is_named_as_it_stands_there(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InputError) as error:
        fill(Outer, read_toml(tmp_path / "a.toml"), "a.toml")
    assert str(error.value) == f"a.toml: {said}"


def test_numbers_in_their_ranges_pass_and_words_are_no_numbers() -> None:
    table = {"count": 3, "rate": 2, "pivot": "auto", "corner": [[0, 1]], "inner": {"shares": [], "pair": [1, 2]}}
    assert fill(Outer, {**table, "free": math.nan}, "a").pivot == "auto"
    check_ranges(Outer(count=10**30, pivot=2.5))


def test_a_class_checks_itself_and_names_what_lies_inside() -> None:
    with pytest.raises(OutOfRange, match=r"^shares\[0\] = 2; give a number from 0 to 1$"):
        Inner(shares=(2.0,))
    with pytest.raises(OutOfRange, match=r"^count = 0; "):
        check_ranges(dataclasses.replace(Outer(), count=0))


def test_a_long_message_keeps_its_start_and_end_and_one_line() -> None:
    said = str(InputError("x\x1b[31m" * 50_000, "a\r\nfile\x00", "do this"))
    assert len(said) <= LONGEST
    assert said.startswith("a file : x [31mx") and said.endswith("; do this")
    assert said.isprintable()
