"""A sequence in the layout of Robust e-NeRF, to be read or spoiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.samples.folders import robust_enerf


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return robust_enerf(tmp_path / "sequence")
