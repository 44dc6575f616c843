"""Dataclasses as plain JSON values: the inverse of `efields.wire.reading`."""

from __future__ import annotations

import dataclasses
from typing import Any


def table_of(value: Any) -> Any:
    """Objects, lists and plain values; a field that may be absent, and is None, is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: table_of(item) for field, item in fields if item is not None or field.default is not None}
    if isinstance(value, tuple | list):
        return [table_of(item) for item in value]
    return value
