"""Shapes and number types of efields' jaxtyping annotations, checked by beartype while tests run.

`install` puts a hook before efields is imported. It decorates every function and class with `checked`, which returns
what has no shape in its annotations as it is; the sizes that one call names (`n` of `"n 3"`) must agree among its
arguments and its result. Only annotations with shapes are looked at: the others are pyright's.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, get_args

from beartype import BeartypeConf
from beartype.door import is_bearable
from jaxtyping import AbstractArray, AbstractDtype, jaxtyped

Annotations = dict[str, tuple[Any, dict[str, Any]]]
"""By the name of a parameter or field: its annotation, and the names of the module that it was written in."""
_DECORATOR = "__checked__"
_CONF = BeartypeConf(is_pep484_tower=True)  # an int is a float, as it is to pyright


ALL_OF_THE_FIRST, ONE_OF = 200, 16
"""Of each function, so many calls are checked one by one, and then one of so many: inner loops call some of them a
million times, and checking all of these makes the suite a third longer."""


_every_call = False


@contextlib.contextmanager
def every_call() -> Iterator[None]:
    """Check every call inside."""
    global _every_call
    before, _every_call = _every_call, True
    try:
        yield
    finally:
        _every_call = before


class WrongShape(AssertionError):
    """A value whose shape or number type is not what the annotation says."""


def install(package: str) -> None:
    """Check shapes in every module of the package, none of which may be imported yet."""
    loaded = [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
    if loaded:
        raise RuntimeError(f"{loaded} were imported before shapes could be checked in them")
    sys.meta_path.insert(0, _Finder(package))


def checked(what: Any) -> Any:
    """The same function or dataclass, which raises `WrongShape`; as it is where its annotations hold no shape."""
    if inspect.isfunction(what):
        shapes = _shapes(what.__annotations__, what.__globals__)
        return _checked_function(what, shapes) if shapes else what
    if inspect.isclass(what) and dataclasses.is_dataclass(what) and "__init__" in vars(what):
        shapes = {}
        for base in reversed(what.__mro__):
            shapes |= _shapes(vars(base).get("__annotations__", {}), vars(sys.modules[base.__module__]))
        if shapes:
            what.__init__ = _checked_init(what.__init__, shapes)  # type: ignore[misc]
    return what


def _checked_function(function: Callable[..., Any], shapes: Annotations) -> Callable[..., Any]:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    hints, calls = _Hints(shapes), itertools.count()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if _passed_over(next(calls)):
            return function(*args, **kwargs)
        with jaxtyped("context"):
            wrong = hints.wrong(function, {**dict(zip(positional, args, strict=False)), **kwargs})
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                if wrong is None or isinstance(error, _refusals()):
                    raise
                raise wrong from error
            wrong = wrong or hints.wrong(function, {"return": result})
            if wrong is not None:
                raise wrong
        return result

    return call


def _checked_init(init: Callable[..., None], shapes: Annotations) -> Callable[..., None]:
    """Checks what an instance holds in the end, so that its own `__post_init__` converts and complains first."""
    hints, calls = _Hints(shapes), itertools.count()

    @functools.wraps(init)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        init(self, *args, **kwargs)
        if (
            not _passed_over(next(calls)) and type(self).__init__ is call
        ):  # else a class derived from this one checks all fields
            with jaxtyped("context"):
                wrong = hints.wrong(type(self), {name: getattr(self, name) for name in shapes})
            if wrong is not None:
                raise wrong

    return call


def _passed_over(number: int) -> bool:
    """Whether call `number` of a function, counted from 0, is left unchecked."""
    return number >= ALL_OF_THE_FIRST and number % ONE_OF != 0 and not _every_call


def _refusals() -> tuple[type[Exception], ...]:
    """What a function raises that refuses a wrong argument by itself."""
    from efields.errors import InputError  # not before the hook is there

    return InputError, TypeError


class _Hints:
    """The hints behind annotations, read at the first call: they may name what comes later in the file."""

    def __init__(self, shapes: Annotations) -> None:
        self.shapes = shapes

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        hints = {
            name: eval(annotation, names) if isinstance(annotation, str) else annotation
            for name, (annotation, names) in self.shapes.items()
        }
        derived = re.compile(r"\w[-+*/]\w")  # "n+1" can be checked once "n" is known
        return dict(sorted(hints.items(), key=lambda item: derived.search(str(item[1])) is not None))

    def wrong(self, owner: Any, values: dict[str, Any]) -> WrongShape | None:
        """The first of the values that is not what its annotation says."""
        for name, hint in self.hints.items():
            if name in values and not is_bearable(values[name], hint, conf=_CONF):
                what, of = "result" if name == "return" else name, f"{owner.__module__}.{owner.__qualname__}"
                return WrongShape(f"{of}: {what} is {_described(values[name])}, not {self.shapes[name][0]}")
        return None


def _shapes(annotations: Mapping[str, Any], names: dict[str, Any]) -> Annotations:
    """The annotations that hold a shape, with the names that they are made of."""
    return {name: (annotation, names) for name, annotation in annotations.items() if _has_shape(annotation, names)}


def _has_shape(annotation: Any, names: Mapping[str, Any]) -> bool:
    if isinstance(annotation, str):
        found = (names.get(word) for word in re.findall(r"[A-Za-z_]\w*", annotation))
        return any(_has_shape(value, names) for value in found if not isinstance(value, str))
    if inspect.isclass(annotation) and issubclass(annotation, (AbstractArray, AbstractDtype)):
        return True
    if isinstance(annotation, list):  # the parameters of a Callable
        return any(_has_shape(part, names) for part in annotation)
    return any(_has_shape(part, names) for part in get_args(annotation))


def _described(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} of {value.dtype} {tuple(value.shape)}"
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) <= 8:
        return f"{type(value).__name__} of ({', '.join(map(_described, value))})"
    return type(value).__name__


class _Finder(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.package and not fullname.startswith(f"{self.package}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Compiles a module with decorators in it; nothing is cached, as all of efields compiles in half a second."""

    def get_code(self, fullname: str) -> CodeType:
        return compile(decorated(ast.parse(self.get_data(self.path)), __name__), self.path, "exec", dont_inherit=True)


def decorated(tree: ast.Module, module: str) -> ast.Module:
    """The tree with `checked` of the module around each function (innermost) and each class (outermost)."""
    for node in list(ast.walk(tree)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.decorator_list.append(ast.copy_location(ast.Name(_DECORATOR, ast.Load()), node))
        elif isinstance(node, ast.ClassDef):
            node.decorator_list.insert(0, ast.copy_location(ast.Name(_DECORATOR, ast.Load()), node))
    imports = ast.ImportFrom(module, [ast.alias("checked", _DECORATOR)], 0)
    tree.body.insert(_first_statement(tree), imports)
    return ast.fix_missing_locations(tree)


def _first_statement(tree: ast.Module) -> int:
    """The place behind the docstring and `from __future__`."""
    future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    return len(future) + (ast.get_docstring(tree, clean=False) is not None)
