"""Scores of a reconstruction under named protocols."""

from efields.evaluate.heldout import Evaluation, evaluate_views, heldout_psnr
from efields.evaluate.protocols import PROTOCOLS, Gauge, Protocol, fit_gauge
from efields.evaluate.run_scores import evaluate_run

__all__ = [
    "PROTOCOLS",
    "Evaluation",
    "Gauge",
    "Protocol",
    "evaluate_run",
    "evaluate_views",
    "fit_gauge",
    "heldout_psnr",
]
