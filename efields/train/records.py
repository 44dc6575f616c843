"""The JSON files of a run folder, read defensively: a folder may come from a stranger, or be copied incompletely."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from efields.errors import InputError

MOST_BYTES = 1 << 26
"""A larger file is none of ours."""

Check = Callable[[Any], bool]


def read_scores(run_path: Path) -> dict[str, Any]:
    """metrics.json of a run: scores on held-out views; empty where it was not scored.

    Raises `InputError` for a file that is damaged, names no protocol, or holds something of another kind than scores.
    """
    path = run_path / "metrics.json"
    scores = _table(path, SCORES, "run efields evaluate again")
    for table in (scores, *scores.get("protocols", {}).values()):
        if table is not scores or "psnr" in scores or "protocol" in scores:
            _require(table, NEEDED, path, "run efields evaluate again")
        _check(table, SCORES, path, "run efields evaluate again")
    return scores


def read_training(run_path: Path) -> dict[str, Any]:
    """training.json of a run: what training cost and ran on; empty where it is not there.

    Raises `InputError` for a file that is damaged or holds something of another kind.
    """
    return _table(run_path / "training.json", TRAINING, "delete it: only the time and memory of training are lost")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The logged steps, oldest first; a last line that was cut short is left out.

    Raises `InputError` for lines that are no steps of a training.
    """
    do = "delete it: only the curves are lost"
    lines = _text(path, do).splitlines()
    steps = []
    for number, line in enumerate(lines, start=1):
        try:
            step = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines):
                break
            raise InputError(f"line {number} is not JSON", path, do) from None
        if not isinstance(step, dict):
            raise InputError(f"line {number} is not a step of a training", path, do)
        _require(step, ("step",), path, do, f"line {number}: ")
        _check(step, STEP, path, do, f"line {number}: ")
        steps.append(step)
    return steps


def _table(path: Path, checks: Mapping[str, Check], do: str) -> dict[str, Any]:
    """The JSON object of a file, its known keys checked; empty where there is none."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(_text(path, do))
    except (ValueError, RecursionError) as error:
        raise InputError(f"is damaged, not JSON ({error})", path, do) from None
    if not isinstance(content, dict):
        raise InputError("is damaged: not a JSON object", path, do)
    _check(content, checks, path, do)
    return content


def _text(path: Path, do: str) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"is larger than {MOST_BYTES >> 20} MB, which no file of efields is", path, do)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise InputError("is damaged: not text", path, do) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, do) from None


def _require(table: Mapping[str, Any], names: Iterable[str], path: Path, do: str, at: str = "") -> None:
    for name in names:
        if name not in table:
            raise InputError(f"is damaged: {at}it lacks '{name}'", path, do)


def _check(table: Mapping[str, Any], checks: Mapping[str, Check], path: Path, do: str, at: str = "") -> None:
    for name, check in checks.items():
        if name in table and not check(table[name]):
            shown = json.dumps(table[name])[:40]
            raise InputError(f"is damaged: {at}'{name}' cannot be {shown}", path, do)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -(2**63) < value < 2**63


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _words(value: Any) -> bool:
    return isinstance(value, str)


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _table_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _rows_of(checks: Mapping[str, Check]) -> Check:
    """An object with all of these keys."""
    return lambda value: isinstance(value, dict) and all(name in value and checks[name](value[name]) for name in checks)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or _number(value)


def _gauge(value: Any) -> bool:
    channels = _list_of(_number)
    rows = {
        "a": channels,
        "b": channels,
        "gain": channels,
        "epsilon": _number,
        "encoding": _number,
        "decoding": _number,
    }
    return _rows_of(rows)(value) and 0 < len(value["a"]) == len(value["b"]) == len(value["gain"]) <= 4


SCORES: dict[str, Check] = {
    **dict.fromkeys(("protocol", "protocol_summary", "views_are", "fitted_on", "scene", "backend"), _words),
    **dict.fromkeys(("psnr_reason", "ssim_reason", "lpips_reason", "depth_reason"), _or_none(_words)),
    **dict.fromkeys(("psnr", "ssim", "lpips", "depth_abs_rel", "depth_coverage", "data_range"), _or_none(_number)),
    **dict.fromkeys(("train_seconds", "events", "steps"), _or_none(_number)),
    "views": _count,
    "seed": _count,
    "gauge": _or_none(_gauge),
    "view_scores": _list_of(_rows_of({"name": _words, "psnr": _or_none(_number), "ssim": _or_none(_number)})),
    "environment": _table_of(_plain),
    "event_windows": _list_of(lambda value: isinstance(value, dict)),
    "protocols": _table_of(lambda value: isinstance(value, dict)),
}
"""What each key of metrics.json may be."""
_LATER = ("scene", "backend", "train_seconds", "events", "seed", "environment", "event_windows", "protocols")
NEEDED = tuple(name for name in SCORES if name not in _LATER)
"""What no scores lack."""
TRAINING: dict[str, Check] = {
    **dict.fromkeys(("steps", "events", "threads", "seed"), _count),
    **dict.fromkeys(("train_seconds", "peak_memory_mb", "view_seconds"), _or_none(_number)),
    **dict.fromkeys(("backend", "device", "device_name", "machine"), _words),
    "instruction_set": _or_none(_words),
    **dict.fromkeys(("fell_back", "notes"), _list_of(_words)),
    "versions": _table_of(_words),
}
"""What each key of training.json may be."""
STEP: dict[str, Check] = {
    "step": _count,
    "terms": _table_of(_number),
    **dict.fromkeys(("seconds", "loss", "rays_per_s", "samples_per_s", "learning_rate", "psnr_heldout"), _number),
}
"""What each key of a line of metrics.jsonl may be."""
