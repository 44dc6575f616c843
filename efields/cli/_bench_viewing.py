"""`efields bench view`: a moving camera in the live viewer, compared with pre-rendered images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from efields.cli._progress import progress
from efields.errors import InputError

SIZE = 512
"""Pixels along each side of the views."""
SECONDS = 10.0
"""Seconds of each flight."""


def measure(run: Path | None, backend: str, quiet: bool) -> dict[str, Any]:
    """Both rows; raises `InputError` where there is no run."""
    from efields.server.round_trip import measure_viewing

    run = run or Path("runs/demo")
    if not (run / "checkpoint.pt").is_file():
        raise InputError("there is no run to show", run, "run efields demo, or give one with --run")
    with progress("viewing", quiet) as report:
        rows = measure_viewing(run, backend, SIZE, SECONDS, report)
    return {"bench": "view", "rows": rows}


def table(found: dict[str, Any]) -> Iterator[str]:
    """The rows as lines to read."""
    yield "\nA moving camera in the live viewer, its client in another process on this machine"
    yield f"{'field':<18}{'backend':<11}{'asked':>7}{'came':>7}{'frames/s':>10}{'p50 ms':>9}{'p95 ms':>9}{'kB':>7}"
    for row in found["rows"]:
        yield (
            f"{row.field:<18}{row.backend:<11}{f'{row.size}p':>7}{f'{row.rows}p':>7}{row.frames_s:10.1f}"
            f"{row.p50_ms:9.1f}{row.p95_ms:9.1f}{row.kilobytes:7.1f}"
        )
    yield "asked, came: rows of the image. ms: from requesting a view to receiving its image."
    yield "ready pictures: the ceiling, full images through the same server that need no rendering."
