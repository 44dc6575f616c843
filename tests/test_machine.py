"""The thread count is set in one place, for libraries that are loaded and for those to come."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from efields.errors import InputError
from efields.machine import set_threads, usable_cores


def test_torch_follows_whether_loaded_before_or_after() -> None:
    script = (
        "import sys; from efields.machine import set_threads, usable_cores;"
        "set_threads(1); import torch; a = torch.get_num_threads();"
        "set_threads(2); b = torch.get_num_threads();"
        "set_threads(0); c = torch.get_num_threads();"
        "print(a, b, c == usable_cores())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1 2 True\n"


def test_negative_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    with pytest.raises(InputError, match="-1 threads"):
        set_threads(-1)
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert usable_cores() >= 1
