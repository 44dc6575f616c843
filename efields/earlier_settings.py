"""Settings that stood elsewhere in configs of version 0.1, which run folders keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from efields.errors import InputError
from efields.settings import did_you_mean

_SHARES = ("events", "windows", "silent", "frames")


def settings_moved(table: Mapping[str, Any], where: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The table without what moved, and the tables of draws that it moved to.

    `problem.shares.NAME` became `draws.NAME.share`, and `problem.windows_at_events` became `draws.windows.at_events`.
    Raises `InputError` for a share of a draw that there was not.
    """
    problem = table.get("problem")
    if not isinstance(problem, Mapping):
        return dict(table), {}
    rest, draws = dict(problem), {}
    shares = rest.pop("shares", {})
    if not isinstance(shares, Mapping):
        raise InputError("is a table, not a value", f"{where}: problem.shares", "write it as [draws.NAME]")
    for name, share in shares.items():
        if name not in _SHARES:
            raise InputError(f"unknown key '{name}'", f"{where}: problem.shares", did_you_mean(name, _SHARES))
        draws[name] = {"share": share}
    if "windows_at_events" in rest:
        draws.setdefault("windows", {})["at_events"] = rest.pop("windows_at_events")
    return {**table, "problem": rest}, draws
