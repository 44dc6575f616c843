"""The training loop and the run folder that it writes."""

from efields.train.loop import Interrupted, Progress
from efields.train.reconstruct import check_machine, reconstruct, setup_of, views_for
from efields.train.run import Run

__all__ = ["Interrupted", "Progress", "Run", "check_machine", "reconstruct", "setup_of", "views_for"]
