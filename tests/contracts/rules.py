"""What every kind promises about its file and its Config, whichever folder it is in."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from typing import Any, get_type_hints

from efields.settings import fill, to_table
from tests.numbers_of import numbers_without_range


def broken_rules(config: type[Any]) -> list[str]:
    """Rules that a `Config` class does not keep, a line each; none for one that may be shipped."""
    wrong = []
    if not dataclasses.is_dataclass(config) or not config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return ["Config is not a frozen dataclass"]
    if not inspect.getdoc(sys.modules[config.__module__]):
        wrong.append("the file has no docstring")
    for cls in settings_classes(config):
        wrong += [f"{cls.__name__}.{name} has no docstring" for name in undocumented(cls)]
        hints = get_type_hints(cls, include_extras=True)
        names = [field.name for field in dataclasses.fields(cls)]
        wrong += [f"{cls.__name__}.{name} has no Range" for name in names if numbers_without_range(hints[name])]
        if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            wrong.append(f"{cls.__name__} is not frozen")
    try:
        default = config()
    except TypeError as error:
        return [*wrong, f"has no default for a setting ({error})"]
    if fill(config, to_table(default), "table") != default:
        wrong.append("does not come back from TOML")
    return wrong


def settings_classes(config: type[Any]) -> list[type[Any]]:
    """The Config and the dataclasses of its file that serve it."""
    module = sys.modules[config.__module__]
    source = ast.parse(inspect.getsource(module))
    names = {node.id for node in ast.walk(_class(source, "Config")) if isinstance(node, ast.Name)}
    nested = [getattr(module, name) for name in sorted(names) if dataclasses.is_dataclass(getattr(module, name, None))]
    return [config, *(cls for cls in nested if cls.__module__ == config.__module__ and cls is not config)]


def undocumented(cls: type[Any]) -> list[str]:
    """Settings of a dataclass without a docstring on the line below."""
    body = _class(ast.parse(inspect.getsource(sys.modules[cls.__module__])), cls.__name__).body
    missing = []
    for node, below in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or "ClassVar" in ast.unparse(node.annotation):
            continue
        documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if not documented and isinstance(node.target, ast.Name):
            missing.append(node.target.id)
    return missing


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
