"""A few hundred damaged files for every reader; `python -m tests.fuzz.run` tries many more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from efields.loaders import kinds
from tests.fuzz.mutate import DAMAGES, mutated

GROUPS = 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("group", range(GROUPS))
def test_damaged_files_are_refused_in_one_line(group: int) -> None:
    names = kinds()[group::GROUPS]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", *names, "--count", "300", "--seconds", "5", "--seed", "1"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count(" 0 failures") == len(names)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damages_do_damage(damage) -> None:
    rng = np.random.default_rng(0)
    data = bytes(range(256)) + b"% geometry 640x480\n" * 20
    changed = [damage(data, rng) for _ in range(20)]
    assert sum(other != data for other in changed) >= 10
    assert damage(b"", rng) is not None


def test_the_same_seed_gives_the_same_files() -> None:
    first, second = (mutated(bytes(1000), np.random.default_rng(5)) for _ in range(2))
    assert first == second
