"""The facts of a recording together with what a user supplies, read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from efields.loaders import find, load, loader, open_events
from efields.recordings.facts import Facts, facts_of_file, facts_of_recording
from efields.supplied.given import Supplied


def facts_of(path: Path, kind: str | None, options: dict[str, Any], supplied: Supplied) -> Facts:
    """Read a recording once, in constant memory where it is a file of events and nothing is supplied.

    `options` are those of its loader. Raises `InputError` as loading does.
    """
    kind = kind or find(path)
    if path.is_file() and hasattr(loader(kind).Config, "open") and supplied == Supplied():
        return facts_of_file(open_events(path, kind, **options), kind, bool(options.get("salvage")))
    from efields.supplied.checks import describe  # what only whole recordings need

    recording, checks = describe(load(path, kind, **options), supplied)
    return facts_of_recording(recording, kind, checks)
