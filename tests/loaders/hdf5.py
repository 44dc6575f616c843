"""What tests of events in HDF5 share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import load
from tests.contracts.samples.folders import event_columns


def raises(path: Path, says: str, kind: str | None = None, **options: Any) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(path, kind, **options)
    assert "\n" not in str(caught.value)


def check_events(recording: Any, shift_us: int = 0) -> None:
    x, y, t_ns, polarity = event_columns()
    np.testing.assert_array_equal(recording.events.t_us, t_ns // 1000 + shift_us)
    np.testing.assert_array_equal(recording.events.x, x)
    np.testing.assert_array_equal(recording.events.y, y)
    np.testing.assert_array_equal(recording.events.polarity, polarity)
