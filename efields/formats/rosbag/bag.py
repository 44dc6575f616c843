"""What the two kinds of ROS bags have in common: topics, and messages as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from efields.formats.damages import Damages


class Topic(NamedTuple):
    """One topic of a bag."""

    name: str
    """Such as /dvs/events."""
    kind: str
    """Type of its messages, such as dvs_msgs/EventArray."""

    @property
    def plain_kind(self) -> str:
        """The type as ROS 1 writes it."""
        return self.kind.replace("/msg/", "/")


class Message(NamedTuple):
    """One message, as it was sent."""

    topic: Topic
    """Where it was sent."""
    data: np.ndarray
    """Its bytes."""
    byte: int | None
    """Where in the file it is, where that is known (of a compressed chunk: in it, uncompressed)."""


class Bag(Protocol):
    """An opened bag."""

    format: str
    """Its kind in words."""
    ros1: bool
    """Whether messages are packed as ROS 1 does (else as CDR)."""
    path: Path
    """The file or folder."""
    topics: tuple[Topic, ...]
    """What it holds."""

    def messages(self, topics: frozenset[str], damages: Damages) -> Iterator[Message]:
        """Messages of these topics, in order."""
        ...
