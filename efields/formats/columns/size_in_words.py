"""The size of the sensor from comments of a file, in the words of cameras, simulators and drivers.

Known: Metavision's `%geometry:1280,720`, `format EVT3;height=720;width=1280`, `# width 640` and `# height 480` on one
line or two, `sizeX`, `resolution: 346x260`, `346 x 260`, and `(height, width) = (260, 346)`.
"""

from __future__ import annotations

import re

from efields.formats.aedat.header import SENSORS

_NUMBER = r"(\d{1,6})(?![\w.]|\s*[.:]\d)"
_BETWEEN = r"\s*(?:[x\xd7*,;]|\s)\s*"
_OPEN = r"\W{0,6}"
_ROWS_FIRST = re.compile(rf"(?:height\W{{1,4}}width|sensor_resolution|shape){_OPEN}(\d{{1,6}}){_BETWEEN}{_NUMBER}")
_PAIR = re.compile(
    r"(?:geometry|resolution|(?:sensor|image|frame|array)?[ _-]?(?:size|dimensions?)|sensor|width\W{1,4}height)"
    rf"(?:\s*\([^)\d]*\))?{_OPEN}(\d{{1,6}}){_BETWEEN}{_NUMBER}"
)
_BARE = re.compile(rf"(?<![\w.])(\d{{2,6}})\s*[x\xd7]\s*{_NUMBER}")
_SIDES = tuple(
    re.compile(rf"(?<![a-z])(?:{names}){_OPEN}{_NUMBER}") for names in ("width|size[_ ]?x|w", "height|size[_ ]?y|h")
)


_CAMERA = re.compile(r"(?:davis|dvs|tmpdiff)\d{3,4}(?!\d)")
_CAMERAS = SENSORS | {"dvs346": (346, 260), "dvs640": (640, 480), "dvs1024": (1024, 768)}
"""Cameras whose names say their size, with those that v2e takes."""


class SizeInWords:
    """Gathers the size from lines, one after the other; the first that says it counts, before the name of a camera."""

    def __init__(self) -> None:
        self._pair = self._camera = (0, 0)
        self._sides = [0, 0]

    def add(self, line: bytes) -> bool:
        """Look at one line; whether it says anything of the size."""
        text = line.decode("utf-8", "replace").lower()
        found = _pair_in(text)
        sides = [int(match[1]) if (match := side.search(text)) else 0 for side in _SIDES]
        self._pair = self._pair if all(self._pair) else found
        if (named := _CAMERA.search(text)) and not all(self._camera):
            self._camera = _CAMERAS.get(named[0], (0, 0))
        self._sides = [old or new for old, new in zip(self._sides, sides, strict=True)]
        return all(found) or any(sides)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows; 0, 0 where no line says both."""
        width, height = self._sides
        return (width, height) if width and height else self._pair if all(self._pair) else self._camera


def _pair_in(text: str) -> tuple[int, int]:
    if match := _ROWS_FIRST.search(text):
        return int(match[2]), int(match[1])
    match = _PAIR.search(text) or _BARE.search(text)
    return (int(match[1]), int(match[2])) if match else (0, 0)
