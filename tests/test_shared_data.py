"""The folder of real recordings: used where it is, a named skip where it is not, a failure where it is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_folder_says_what_it_holds(shared_data: Path) -> None:
    assert "ecd_slider_depth" in (shared_data / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("required", "code", "says"), [("", 0, "1 skipped"), ("data", 1, "EFIELDS_REQUIRE has"), ("dta", 4, "not ['dta']")]
)
def test_absent_it_is_a_named_skip_or_a_failure(required: str, code: int, says: str, tmp_path: Path) -> None:
    environment = {**os.environ, "EFIELDS_DATA": str(tmp_path / "nowhere"), "EFIELDS_REQUIRE": required}
    test = f"{__file__}::{test_the_folder_says_what_it_holds.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert code == 4 or "nowhere (set EFIELDS_DATA)" in done.stdout
