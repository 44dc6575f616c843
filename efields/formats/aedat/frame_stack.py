"""Frames of a camera gathered one by one, regions placed where they lie on the sensor."""

from __future__ import annotations

import numpy as np

from efields.events.side_streams import Frames

_MOST_AROUND = 64
"""A region is at least this part of the sensor: a file of many tiny ones would fill the memory with zeros."""


class FrameStack:
    """Frames of one kind: the first decides on type and channels."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (height, width)
        self._images: list[np.ndarray] = []
        self._t_us: list[int] = []

    def add(self, image: np.ndarray, t_us: int, left: int = 0, top: int = 0) -> bool:
        """Take an image (h, w, c), smaller ones surrounded by zeros; False, and nothing done, where it does not fit."""
        rows, columns, channels = image.shape
        height, width = self._size
        if self._images and (self._images[0].dtype, self._images[0].shape[2]) != (image.dtype, channels):
            return False
        if min(left, top) < 0 or left + columns > width or top + rows > height:
            return False
        if height * width > _MOST_AROUND * rows * columns:
            return False
        if (rows, columns) != self._size:
            whole = np.zeros((height, width, channels), dtype=image.dtype)
            whole[top : top + rows, left : left + columns] = image
            image = whole
        self._images.append(image)
        self._t_us.append(t_us)
        return True

    def frames(self, white: float | None = None) -> Frames | None:
        """All of them in order of time, or None where there is none; `white` is the type's largest value by default."""
        if not self._images:
            return None
        t_us = np.array(self._t_us, dtype=np.int64)
        order = np.argsort(t_us, kind="stable")
        images = np.stack([self._images[i] for i in order])
        return Frames(images, t_us[order], float(np.iinfo(images.dtype).max) if white is None else white)


def middle(begin_us: int, end_us: int, otherwise_us: int) -> int:
    """The middle of an exposure; `otherwise` where its ends are not given (0 or less) or are not in order."""
    return begin_us + (end_us - begin_us) // 2 if 0 < begin_us <= end_us else otherwise_us
