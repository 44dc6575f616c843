"""Checkpoints of version 1, in the form of version 2."""

from __future__ import annotations

from typing import Any

_MOVED = {"renderer.background_raw": "renderer.background.raw", "renderer.grid.": "renderer.sampler.grid."}
_OF_EVENTS = "frame_gain"
"""A number of the problem `event_radiance` alone."""


def from_version_1(content: dict[str, Any]) -> dict[str, Any]:
    """The content as `save_checkpoint` writes it now; version 1 knew one background and neither device nor kind.

    Raises `KeyError` or `TypeError` for parts that are missing or of another kind.
    """
    numbers = content["problem"]
    if not isinstance(numbers, dict):
        raise TypeError("'problem' is not a table")
    channels = len(numbers["renderer.background_raw"])
    scene = {**content["scene"], "channels": channels}
    if _OF_EVENTS not in numbers:  # posed images alone, which had the sensor of no events
        scene.pop("sensor", None)
        numbers = {name: value for name, value in numbers.items() if not str(name).startswith("sensor.")}
    return {
        "version": 2,
        "kind": "",
        "device": "cpu",
        "content": scene,
        "problem": {_renamed(name): value for name, value in numbers.items()},
        "loop": content["loop"],
    }


def _renamed(name: Any) -> Any:
    if isinstance(name, str):
        for before, now in _MOVED.items():
            if name.startswith(before):
                return now + name[len(before) :]
    return name
