"""Names of pose columns: time, position and quaternion as any tool calls them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from efields.errors import InputError
from efields.poses.clock import Unit, unit_named

_TIME = re.compile(
    r"(?:.*_)?(?:t|ts|time|times|timestamp|timestamps|stamp)(?:_([a-z]+))?|(?:t|time|timestamp)(ns|us|ms)"
)
_AXIS = re.compile(r"(.*?)_?([wxyz])")
_POSITION = ("", "p", "t", "pos", "position", "trans", "translation", "loc", "location", "tr", "tvec", "xyz")
_QUATERNION = ("q", "quat", "quaternion", "orientation", "ori", "rot", "rotation")
_ANGLES = ("roll", "pitch", "yaw", "rx", "ry", "rz")
_UNIT = re.compile(r"\s*[\[({]\s*([^\])}]*?)\s*[\])}]")
FORM = "name the columns in the first line, such as 't px py pz qx qy qz qw'"

Axes = dict[tuple[str, str], int]
"""Columns of (p or q, axis)."""


@dataclass(frozen=True)
class Columns:
    """Positions of a pose's numbers in a row."""

    time: tuple[int, ...]
    """The time; seconds and nanoseconds where it is split into two; none where there is no time."""
    position: tuple[int, ...]
    """Position x, y, z."""
    quaternion: tuple[int, ...]
    """Quaternion x, y, z, w."""
    unit: Unit = ""
    """Unit of the time, where its name says so."""


def named_columns(header: str, count: int, order: str, path: Path, *, comment: bool) -> Columns | None:
    """The columns of a line of names over rows of `count` values; None for a comment that is not a line of names.

    Raises `InputError` for names that lack some of a pose, name one twice, or leave the order of a quaternion open.
    """
    names, units = _split(header)
    if comment and len(names) > count:  # words such as `format:` before the names
        names, units = names[-count:], units[-count:]
    if len(names) > count or (len(names) < count and (not comment or len(names) < 8)):  # a comment may name the first
        if not comment and len(names) > 1:
            raise InputError(f"names {len(names)} columns over rows of {count}", path, FORM)
        return None
    axes = _axes(names, path)
    numbered = [i for i, name in enumerate(names) if re.fullmatch(r"(?:q|quat|quaternion)_?[0-4]", name)]
    if len(numbered) == 4:
        if not order:
            what = f"names its quaternion {', '.join(names[i] for i in numbered)}, which leaves the order open"
            raise InputError(what, path, "give it with --poses-quaternion xyzw or wxyz (supplied.quaternion)")
        axes |= {("q", letter): i for letter, i in zip(order, numbered, strict=True)}
    lacking = [
        role + axis for role, wanted in (("p", "xyz"), ("q", "xyzw")) for axis in wanted if (role, axis) not in axes
    ]
    if lacking:
        angles = [name for name in names if name in _ANGLES]
        if angles and "qw" in lacking:
            what = f"gives orientations as angles ({', '.join(angles)}), in an order that is not stated"
            raise InputError(what, path, "give quaternions or matrices")
        if comment and len(lacking) > 3:
            return None
        raise InputError(f"its column names ({', '.join(names)[:80]}) lack {', '.join(lacking)}", path, FORM)
    time, unit = _time(names, units, path)
    position, quaternion = (
        tuple(axes[role, axis] for axis in wanted) for role, wanted in (("p", "xyz"), ("q", "xyzw"))
    )
    if order and "".join("xyzw"[quaternion.index(i)] for i in sorted(quaternion)) != order:
        what = f"names its quaternion {', '.join(names[i] for i in sorted(quaternion))}, which is not {order}"
        raise InputError(what, path, "leave out --poses-quaternion (supplied.quaternion), or correct the names")
    return Columns(time, position, quaternion, unit)


def _split(header: str) -> tuple[list[str], list[str]]:
    """Names in small letters, digits and `_`, and what stands in brackets after each."""
    plain = _UNIT.sub(
        lambda found: "{" + found[1].replace(" ", "").replace(",", "") + "}", header.strip().lstrip("#%/ ")
    )
    words = [word.strip() for word in (re.split(r"[,;\t]", plain) if re.search(r"[,;\t]", plain) else plain.split())]
    while words and not words[-1]:
        words.pop()
    units = [match[1] if (match := re.search(r"{(.*)}", word)) else "" for word in words]
    names = [re.sub(r"[^a-z0-9]+", "_", re.sub(r"{.*}", "", word).lower()).strip("_") for word in words]
    return names, units


def _axes(names: list[str], path: Path) -> Axes:
    """Columns of positions and quaternions. Raises `InputError` where two columns have one meaning."""
    found: Axes = {}
    for i, name in enumerate(names):
        match = _AXIS.fullmatch(name)
        if match is None:
            continue
        parts = match[1].split("_")
        if match[2] != "w" and (parts[-1] in _POSITION or (parts[0] == "p" and len(parts) > 1)):
            role = "p"
        elif parts[-1] in _QUATERNION or match[1] == "r" or (parts[0] == "q" and len(parts) > 1):
            role = "q"
        else:
            continue
        if (role, match[2]) in found:
            both = f"{names[found[role, match[2]]]}, {name}"
            raise InputError(
                f"has two columns for the same number of the pose ({both})", path, "keep only the right one"
            )
        found[role, match[2]] = i
    return found


def _time(names: list[str], units: list[str], path: Path) -> tuple[tuple[int, ...], Unit]:
    """Columns of the time and its unit; none where no column is called so."""
    whole = [i for i, name in enumerate(names) if unit_named(name.rsplit("_", 1)[-1]) == "s" and len(name) > 2]
    parts = [i for i, name in enumerate(names) if unit_named(name.rsplit("_", 1)[-1]) == "ns" and "time" not in name]
    if len(whole) == 1 and len(parts) == 1:
        return (whole[0], parts[0]), "s"
    found = [(i, match) for i, name in enumerate(names) if (match := _timed(name))]
    stamps = [each for each in found if names[each[0]].endswith("header_stamp")]  # of a message; %time is when it came
    found = stamps or found
    if len(found) > 1:
        raise InputError(f"names two times ({', '.join(names[i] for i, _ in found)})", path, "keep only the right one")
    if not found:
        return (), ""
    i, match = found[0]
    named = unit_named(units[i]) or unit_named(match[1] or match[2] or "")
    return (i,), "ns" if not named and (stamps or names[i] == "field_header_stamp") else named


def _timed(name: str) -> re.Match[str] | None:
    match = _TIME.fullmatch(name)
    return match if match and (not match[1] or unit_named(match[1])) else None
