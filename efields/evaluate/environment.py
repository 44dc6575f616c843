"""The software versions and the machine that a measurement was made with."""

from __future__ import annotations

import platform

import numpy as np
import torch

import efields
from efields.machine import processor_name, usable_cores


def environment() -> dict[str, str | int]:
    """Versions, processor, cores and threads of this process."""
    facts: dict[str, str | int] = {
        "efields": efields.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(0)
    return facts
