"""The one training loop and the run folder that it fills."""

from efields.train.loop import Interrupted, Progress
from efields.train.reconstruct import check_machine, reconstruct, views_for
from efields.train.run import Model, Run

__all__ = ["Interrupted", "Model", "Progress", "Run", "check_machine", "reconstruct", "views_for"]
