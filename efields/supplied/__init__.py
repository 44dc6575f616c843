"""What a user gives beside a recording: the camera, the poses, how they hang together, and what that leads to."""

from efields.supplied.checks import describe
from efields.supplied.supply import Supplied, supply

__all__ = ["Supplied", "describe", "supply"]
