"""From event-camera recordings to radiance fields."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from efields.backends import choose_backend
    from efields.config import Experiment, load_experiment
    from efields.conversion.convert import convert
    from efields.errors import InputError
    from efields.evaluate import evaluate_run
    from efields.loaders import load
    from efields.motion.joint import JointConfig, estimate_motion_and_flow
    from efields.motion.rotation import estimate_rotation
    from efields.motion.window_rotation import RotationConfig
    from efields.render.image import render_view
    from efields.report import write_report
    from efields.supplied.supply import Supplied, supply
    from efields.train import Run, reconstruct

__version__ = "0.1.0"

__all__ = [
    "Experiment",
    "InputError",
    "JointConfig",
    "RotationConfig",
    "Run",
    "Supplied",
    "__version__",
    "choose_backend",
    "convert",
    "estimate_motion_and_flow",
    "estimate_rotation",
    "evaluate_run",
    "load",
    "load_experiment",
    "reconstruct",
    "render_view",
    "supply",
    "write_report",
]

# Where each public name lives. They are imported when first used, so that `import efields` costs nothing.
_HOMES = {
    "Experiment": "efields.config",
    "InputError": "efields.errors",
    "JointConfig": "efields.motion.joint",
    "RotationConfig": "efields.motion.window_rotation",
    "Run": "efields.train",
    "Supplied": "efields.supplied.supply",
    "choose_backend": "efields.backends",
    "convert": "efields.conversion.convert",
    "estimate_motion_and_flow": "efields.motion.joint",
    "estimate_rotation": "efields.motion.rotation",
    "evaluate_run": "efields.evaluate",
    "load": "efields.loaders",
    "load_experiment": "efields.config",
    "reconstruct": "efields.train",
    "render_view": "efields.render.image",
    "supply": "efields.supplied.supply",
    "write_report": "efields.report",
}


def __getattr__(name: str) -> Any:
    """The public name, imported now (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'efields' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
