"""Shapes and number types that annotations promise are checked in every test: a wrong one raises `WrongShape`."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch
from jaxtyping import Float64

from efields.events.intervals import Intervals
from efields.geometry.pose import so3_exp
from tests.shapes import ALL_OF_THE_FIRST, ONE_OF, WrongShape, checked, decorated, every_call, install
from tests.test_architecture import FILES

SOURCE = '''"""A module as the hook sees it."""
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from jaxtyping import Float64, Int64

Vectors = Float64[np.ndarray, "n 3"]

def paired(a: Vectors, b: Float64[np.ndarray, " n"] | None = None, *, label: int = 0) -> Vectors:
    return a

def first_only(a: Vectors) -> Float64[np.ndarray, " n"]:
    return a[:1, 0]

def refuses(a: Vectors) -> None:
    if a.ndim != 2:
        raise TypeError("rows of three numbers")

def outer():
    def inner(later: tuple[Vectors, Later]) -> None: ...
    return inner

class Later:
    @staticmethod
    def of(a: Vectors): return Later()
    @property
    def size(self) -> Int64[np.ndarray, " 2"]: return np.zeros(3, dtype=np.int64)

@dataclass(frozen=True)
class Table:
    ends: Int64[np.ndarray, " n+1"]
    rows: Int64[np.ndarray, " n"]

def counts(a: int) -> list[int]:
    return [a]
'''


@pytest.fixture(autouse=True)
def all_calls(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever other tests of this process have called before."""
    with contextlib.nullcontext() if "first_calls" in request.node.name else every_call():
        yield


@pytest.fixture(scope="module")
def module() -> ModuleType:
    made = ModuleType("a_module")
    sys.modules[made.__name__] = made
    exec(compile(decorated(ast.parse(SOURCE), "tests.shapes"), "a_module.py", "exec"), vars(made))
    return made


def test_a_function_of_efields_called_with_a_wrong_shape_raises() -> None:
    assert so3_exp(torch.zeros(2, 3)).shape == (2, 3, 3)
    with pytest.raises(WrongShape, match=r"so3_exp: \w+ is Tensor of torch.float32 \(2, 4\), not Float"):
        so3_exp(torch.zeros(2, 4))


def test_a_dataclass_of_efields_built_with_a_wrong_shape_raises() -> None:
    whole, flag = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=bool)
    kept = Intervals(whole, whole, whole, whole.astype(np.int32), whole.astype(np.int32), flag)
    with pytest.raises(WrongShape, match=r"Intervals: t_end_us is ndarray of int64 \(2,\)"):
        dataclasses.replace(kept, t_end_us=whole[:2])
    with pytest.raises(WrongShape, match="Intervals: n_pos is ndarray of float64"):
        dataclasses.replace(kept, n_pos=np.zeros(3))


def test_sizes_of_one_call_agree_among_arguments_and_result(module: ModuleType) -> None:
    three = np.zeros((5, 3))
    assert module.paired(three, np.zeros(5), label=1) is three
    assert module.paired(three) is three
    for wrong in (np.zeros(4), np.zeros((5, 1)), np.zeros(5, dtype=np.float32), [0.0]):
        with pytest.raises(WrongShape, match=r"a_module\.paired: b is "):
            module.paired(three, b=wrong)
    assert module.first_only(three[:1]).shape == (1,)
    with pytest.raises(WrongShape, match=r"a_module.first_only: result is ndarray of float64 \(1,\)"):
        module.first_only(three)


def test_inner_functions_methods_and_names_that_come_later_are_checked(module: ModuleType) -> None:
    module.outer()((np.zeros((1, 3)), module.Later.of(np.zeros((2, 3)))))
    with pytest.raises(WrongShape, match=r"inner: later is tuple of \(ndarray of float64 \(1, 2\), Later\)"):
        module.outer()((np.zeros((1, 2)), module.Later()))
    with pytest.raises(WrongShape, match=r"Later\.of: a is "):
        module.Later.of(np.zeros((2, 4)))
    with pytest.raises(WrongShape, match=r"Later\.size: result is "):
        assert module.Later().size


def test_sizes_that_follow_from_others_are_checked_after_them(module: ModuleType) -> None:
    module.Table(np.arange(4), np.arange(3))
    with pytest.raises(WrongShape, match="Table: ends is "):
        module.Table(np.arange(3), np.arange(3))


def test_what_refuses_a_wrong_shape_itself_does_so(module: ModuleType) -> None:
    with pytest.raises(TypeError, match="rows of three"):
        module.refuses(np.zeros(3))
    with pytest.raises(WrongShape, match="refuses: a is "):
        module.refuses(np.zeros((3, 2)))


def test_what_has_no_shape_is_left_as_it_is(module: ModuleType) -> None:
    assert not hasattr(module.counts, "__wrapped__")
    assert module.counts("any") == ["any"]


def test_the_check_comes_before_efields_is_imported() -> None:
    with pytest.raises(RuntimeError, match="imported before"):
        install("efields")


def test_names_of_shapes_are_imported_when_tests_run() -> None:
    """Under `TYPE_CHECKING` they would not be there, and the annotation would be taken for one without a shape."""
    indented = re.compile(r"^[ \t]+(from|import) jaxtyping", re.MULTILINE)
    assert [path for path in FILES if indented.search(path.read_text(encoding="utf-8"))] == []


def test_all_of_the_first_calls_are_checked_and_then_some() -> None:
    def taken(a: Float64[np.ndarray, " 3"]) -> None: ...

    told, taken = 0, checked(taken)
    for _ in range(ALL_OF_THE_FIRST + 10 * ONE_OF):
        try:
            taken(np.zeros(4))
        except WrongShape:
            told += 1
    with every_call(), pytest.raises(WrongShape):
        taken(np.zeros(4))
    assert told >= ALL_OF_THE_FIRST + 10 - 1
