"""What a type alone does not say of a value, in Python and, by the same name, in viewer/src/scene/check.ts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Protocol


class Mark(Protocol):
    """One check of a value that has its type."""

    def problem(self, value: Any) -> str:
        """What is wrong, to follow the value's place, such as `is an empty box`; empty when nothing is."""
        ...


@dataclass(frozen=True)
class Entries:
    """A list of so many entries."""

    least: int = 0
    """Fewest."""
    most: int | None = None
    """Most; None for no end."""

    def problem(self, value: Any) -> str:
        """Too few or too many."""
        if self.least <= len(value) and (self.most is None or len(value) <= self.most):
            return ""
        most = "or more" if self.most is None else f"to {self.most}"
        return f"has {len(value)} entries; it takes {self.least} {most}"


@dataclass(frozen=True)
class Channels:
    """One number, or one for each of three channels."""

    def problem(self, value: Any) -> str:
        """Another count."""
        return "" if len(value) in (1, 3) else "takes 1 or 3 numbers"


@dataclass(frozen=True)
class InOrder:
    """Numbers of which none is below the one before it."""

    def problem(self, value: Any) -> str:
        """Where it goes back."""
        at = next((i for i in range(1, len(value)) if value[i] < value[i - 1]), None)
        return "" if at is None else f"goes back at entry {at}"


@dataclass(frozen=True)
class UnitLength:
    """A vector or quaternion of length 1."""

    within: float = 1e-2
    """Difference that is let pass."""

    def problem(self, value: Any) -> str:
        """Another length."""
        length = math.hypot(*value)
        return "" if abs(length - 1) <= self.within else f"has length {length:.4g}, not 1"


@dataclass(frozen=True)
class Corners:
    """A low corner and a high one, with something between them along each axis."""

    def problem(self, value: Any) -> str:
        """Nothing between them."""
        return "is an empty box" if any(low >= high for low, high in zip(*value, strict=True)) else ""


@dataclass(frozen=True)
class BlobName:
    """A plain file name that ends in .bin: no path leads out of a folder by it."""

    PATTERN = r"^[\w-][\w.-]*\.bin$"

    def problem(self, value: Any) -> str:
        """Another name."""
        return "" if re.fullmatch(self.PATTERN, value, re.ASCII) else "is not a plain file name that ends in .bin"
