"""Times of frames in a text file next to them: `timestamps.txt` of vid2e and upsampled videos, `images.txt` of ECD.

A line holds a time, an index and a time, or a time and the name of a file, in either order; lines that begin with #,
and a first line of names, are left out. The unit is inferred from the frame rate that it would imply, and reported.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError

NAMES = ("timestamps.txt", "timestamps.csv", "timestamp.txt", "times.txt", "image_timestamps.txt", "images.txt")
"""Names of such files."""
SUBFOLDERS = ("imgs", "images", "frames", "image", "rgb")
"""Folders of frames next to such a file."""

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_FPS = 1.0, 20_000.0
"""Plausible frame rates of a camera, or of a video whose frames were interpolated."""
_LONGEST = 64 << 20


def times_file(folder: Path) -> Path | None:
    """The file of times in a folder of images, or next to a folder of a usual name; None if there is none."""
    real = folder.resolve()
    places = (folder, real.parent) if real.name in SUBFOLDERS else (folder,)
    return next((place / name for place in places for name in NAMES if (place / name).is_file()), None)


def frame_times(path: Path, files: list[Path], unit: str | None) -> tuple[Float64[np.ndarray, " n"], str]:
    """Time of each of these files in seconds, read from a file of times, and the unit in the file.

    Raises `InputError` for lines that are not times, another number of them, times that do not rise, and a unit that is
    not given and could be two.
    """
    rows, said = _rows(path)
    if len(rows) != len(files):
        do = "give one time for each frame, or remove the file and give --fps"
        raise InputError(f"holds {len(rows)} times for {len(files)} frames", path, do)
    times = np.array(_column(rows, files, path), dtype=np.float64)
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        bad = int(np.argmin(np.isfinite(times) & (np.diff(times, prepend=-np.inf) > 0)))
        raise InputError(f"its times do not increase: frame {bad} has {times[bad]:.9g}", path, "sort or correct them")
    found = unit or said or _unit(times, path)
    return times * _SECONDS[found], found


def _rows(path: Path) -> tuple[list[list[str]], str]:
    """The words of each line, and the unit that a comment or a header line states."""
    try:
        if path.stat().st_size > _LONGEST:
            raise InputError("is too long for the times of frames", path, "remove it and give --fps")
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    rows, said = [], ""
    for line in lines:
        words = [word for word in re.split(r"[\s,;]+", line.strip()) if word]
        if line.lstrip().startswith(("#", "%", "//")) or (not rows and words and not any(map(_is_number, words))):
            unit = re.search(r"[\[(_ ](ns|us|ms|s)(?:[\])\s,;]|$)", line)
            said = unit[1] if unit else said
        elif words:
            rows.append(words)
    return rows, said


def _column(rows: list[list[str]], files: list[Path], path: Path) -> list[float]:
    """The times, in the order of the files."""
    names = {file.name: i for i, file in enumerate(files)}
    count = len(rows[0]) if rows else 1
    layout = "every line must hold a time, an index and a time, or a time and the name of a frame"
    if count > 2 or any(len(row) != count for row in rows):
        raise InputError(f"has lines of {', '.join(sorted({str(len(row)) for row in rows}))} values", path, layout)
    columns = list(zip(*rows, strict=True))
    for at, column in enumerate(columns):
        found = [names.get(word.replace("\\", "/").rpartition("/")[2]) for word in column]
        if count == 2 and None not in found:
            if len(set(found)) != len(files):
                raise InputError("names a frame twice", path, "give one time for each frame")
            by_name = dict(zip(found, columns[1 - at], strict=True))
            columns = [tuple(by_name[i] for i in range(len(files)))]
            break
    wrong = next((word for column in columns for word in column if not _is_number(word)), None)
    if wrong is not None:
        raise InputError(f"holds '{wrong[:40]}', which is not a time", path, layout)
    numbers = [[float(word) for word in column] for column in columns]
    if len(numbers) == 2:
        indices = [at for at, column in enumerate(numbers) if _is_index(column)]
        if not indices:
            raise InputError("holds two numbers per line, neither of them an index", path, layout)
        return numbers[1 - indices[0]]
    return numbers[0]


def _is_index(column: list[float]) -> bool:
    return column[0] in (0.0, 1.0) and all(b - a == 1.0 for a, b in itertools.pairwise(column))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word


def _unit(times: Float64[np.ndarray, " n"], path: Path) -> str:
    if len(times) < 2:
        return "s"
    rates = {unit: 1.0 / (float(np.median(np.diff(times))) * seconds) for unit, seconds in _SECONDS.items()}
    likely = [unit for unit, fps in rates.items() if _FPS[0] <= fps <= _FPS[1]]
    since_1970 = [unit for unit in likely if 1e9 <= times[-1] * _SECONDS[unit] < 3e9]
    if len(found := since_1970 or likely) == 1:
        return found[0]
    readings = " or ".join(f"{unit} ({rates[unit]:,.4g} frames a second)" for unit in found or _SECONDS)
    flags = " or ".join(f"--time-unit {unit}" for unit in found or _SECONDS)
    raise InputError(f"its times could be in {readings}", path, f"choose with {flags}")
