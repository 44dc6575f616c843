"""The software and the machine that numbers were measured with."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import torch

import efields
from efields.machine import usable_cores


def environment() -> dict[str, str | int]:
    """Versions, processor, cores and threads of this process."""
    facts: dict[str, str | int] = {
        "efields": efields.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(0)
    return facts


def _processor() -> str:
    """Name of the processor, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
