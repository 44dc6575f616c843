"""Every number of every table that TOML can fill has a range, and what is outside is one line that names it."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from efields.config import Experiment, kinds, resolve
from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.motion.flow_field import FlowFieldConfig
from efields.motion.joint import JointConfig
from efields.motion.networks.network import Config as NetworkConfig
from efields.motion.networks.training import TrainingConfig
from efields.motion.window_fit import WindowFitConfig
from efields.motion.window_rotation import RotationConfig
from efields.ranges import check_ranges
from efields.settings import fill
from efields.simulation.lights import LIGHTS
from efields.simulation.patterns import TEXTURES
from efields.simulation.scene import Scene
from efields.simulation.shapes import MATERIALS, SHAPES
from tests.numbers_of import numbers_without_range, takes_numbers

TRIED = (math.nan, math.inf, -math.inf, 0, -1, 1e30, 10**30, 10**400)


def settings_of(cls: type[Any], seen: set[type[Any]]) -> Iterator[type[Any]]:
    """The class, and the dataclasses that stand in it."""
    if cls in seen:
        return
    seen.add(cls)
    yield cls
    for hint in typing.get_type_hints(cls, include_extras=True).values():
        for inner in dataclasses_in(hint):
            yield from settings_of(inner, seen)


def dataclasses_in(hint: Any) -> Iterator[type[Any]]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for part in typing.get_args(hint):
        yield from dataclasses_in(part)


def every_settings() -> list[type[Any]]:
    families = ("problems", "fields", "losses", "loaders")
    roots: list[type[Any]] = [resolve(family, kind) for family in families for kind in kinds(family)]
    roots += [Experiment, Scene, Camera, FlowFieldConfig, JointConfig, WindowFitConfig, RotationConfig]
    roots += [NetworkConfig, TrainingConfig]
    roots += [cls for family in (LIGHTS, TEXTURES, SHAPES, MATERIALS) for cls in family.values()]
    seen: set[type[Any]] = set()
    return [found for root in roots for found in settings_of(root, seen)]


ALL = every_settings()


def name_of(cls: type[Any]) -> str:
    return f"{cls.__module__.removeprefix('efields.')}.{cls.__name__}"


def with_number(hint: Any, number: Any) -> Any:
    """A value of the type in which a number stands first."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return with_number(parts[0], number)
    if origin is tuple:
        rest = () if Ellipsis in parts else parts[1:]
        return [with_number(parts[0], number), *(with_number(part, 1) for part in rest)]
    if parts and origin is not typing.Literal:
        return next(with_number(part, number) for part in parts if takes_numbers(part))
    return number


def required(cls: type[Any], hints: dict[str, Any]) -> dict[str, Any]:
    needed = (f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING)
    words: dict[Any, Any] = {str: "a", Any: {}}
    found = {}
    for name in needed:
        hint = hints[name]
        found[name] = with_number(hint, 1) if takes_numbers(hint) else words.get(hint)
    return {"lo": [0, 0, 0], "hi": [1, 1, 1]} if set(found) == {"lo", "hi"} else found


@pytest.mark.parametrize("cls", ALL, ids=name_of)
def test_every_number_has_a_range(cls: type[Any]) -> None:
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [field.name for field in dataclasses.fields(cls)]
    assert [name for name in names if numbers_without_range(hints[name])] == []


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls is not Scene], ids=name_of)
def test_a_number_is_taken_in_its_range_or_named_in_one_line(cls: type[Any]) -> None:
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if not takes_numbers(hints[field.name]):
            continue
        for number in TRIED:
            table = {**required(cls, hints), field.name: with_number(hints[field.name], number)}
            try:
                taken = fill(cls, table, "a.toml")
            except InputError as error:
                said = str(error)
            else:
                check_ranges(taken)
                said = ""
            if said:
                assert said.startswith("a.toml") and "\n" not in said and len(said) < 300, said
                assert field.name in said, f"{field.name} = {number}: {said}"
            else:
                allowed = number in (0, -1) or (number == math.inf and field.default == math.inf)
                assert allowed, f"{field.name} takes {number}"
