"""YAML files whose top is a mapping, and what lies in nested mappings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError
from efields.text import read_text

_LONGEST_YAML = 1 << 20


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file whose top is a mapping. Raises `InputError` for a file that is missing, damaged or another thing."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > _LONGEST_YAML:
            raise InputError("is too long for a calibration", path, "give the calibration")
        content = YAML(typ="safe", pure=True).load(read_text(path))
    except FileNotFoundError:
        raise InputError("no such file", path, "copy the complete recording again") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, YAMLError) as error:
        raise InputError(f"is not readable as YAML ({str(error)[:160]})", path, "copy it again") from None
    if not isinstance(content, dict):
        raise InputError("is not a mapping of names to values", path, "copy it again")
    return content


def entry(node: Any, names: tuple[str, ...], path: Path) -> Any:
    """What a nested mapping holds under these names. Raises `InputError` when it is not there."""
    for i, name in enumerate(names):
        if not isinstance(node, dict) or name not in node:
            raise InputError(f"lacks '{'/'.join(names[: i + 1])}'", path, "copy it again completely")
        node = node[name]
    return node


def numbers(node: Any, names: tuple[str, ...], shape: tuple[int, ...], path: Path) -> Float64[np.ndarray, "..."]:
    """An entry that is finite numbers of a shape (-1: any length). Raises `InputError` when it is not."""
    value = entry(node, names, path)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros((0, 0, 0))
    fits = array.ndim == len(shape) and all(w in (-1, h) for w, h in zip(shape, array.shape, strict=True))
    if not fits or not np.isfinite(array).all():
        raise InputError(f"'{'/'.join(names)}' is not {' x '.join(map(str, shape))} finite numbers", path)
    return array
