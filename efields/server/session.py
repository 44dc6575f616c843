"""One client: what it requested, what it was sent, and which image is rendered for it next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from efields.server.looking import Layers
from efields.server.pace import Paces
from efields.server.protocol import Ack, Change, Training, View
from efields.server.showing import needs_normals

STILL_AFTER_S = 0.5
"""A camera that is reported as moving but sends nothing for this long counts as still."""
PREVIEW_FIRST_S = 0.15
"""Seconds: a full image that takes longer is preceded by a preview."""
BETWEEN_S = 0.4
"""A full picture that takes longer comes second, after a draft of its size, where that takes less than half."""
LEARNING_ROWS = 48
"""Rows of a picture of a field that is being trained, at least: in the beginning nothing is empty, and all is slow."""
LEARNING_S = 0.25
"""Seconds of a still picture of a field that is being trained."""


@dataclass(frozen=True)
class Situation:
    """What a choice depends on beside the client."""

    now_s: float
    """A monotonic clock."""
    step: int
    """Optimiser steps of the field as it is."""
    learning: bool
    """Whether training goes on: pictures are out of date soon and must be cheap."""


@dataclass(frozen=True)
class Job:
    """One thing to make for a client."""

    session: Session
    """The client."""
    request: View | Change
    """What it asked for."""
    width: int
    """Pixels to render."""
    height: int
    """Pixels to render."""
    draft: bool
    """Whether it may be rendered coarsely."""
    quality: int
    """Of the JPEG."""
    step: int
    """Optimiser steps of the field when it was begun."""
    lasting: bool = False
    """Whether it is finished although something newer is wanted: else a slow machine would show nothing at all."""

    @property
    def rank(self) -> Literal[0, 1, 2]:
        """How good it is: 0 a small preview, 1 a draft of full size, 2 the full picture."""
        whole = (self.width, self.height) == (self.request.width, self.request.height)
        return 0 if not whole else 1 if self.draft else 2

    @property
    def state(self) -> Literal["preview", "full"]:
        """What the page shows of it."""
        return "full" if self.rank == 2 else "preview"

    @property
    def key(self) -> tuple[object, ...]:
        """What its layers depend on: brightness, mode and wipe are applied to them afterwards."""
        view = self.request
        assert isinstance(view, View)
        pose = (view.position, view.quaternion, view.fov_y, view.crop, view.t_s)
        return (*pose, self.width, self.height, self.draft, self.step)

    @property
    def normals(self) -> bool:
        """Whether it shows normals."""
        return isinstance(self.request, View) and needs_normals(self.request.mode, self.request.wipe)

    @property
    def overtaken(self) -> bool:
        """Whether it is not worth going on with: its client has left, or wants something else instead."""
        return self.session.closed or self.session.prefers_another(self)


class Session:
    """A mailbox with one slot for views and one for changes; the newest wins. Safe to use from several threads."""

    def __init__(self, name: str, send: Callable[[str | bytes], None], moves: bool = False) -> None:
        """`send` takes a message from any thread and does not wait; `moves` tells a field that depends on time."""
        self.name, self.send, self._moves = name, send, moves
        self.closed = False
        self.rubbish = 0
        self.kept: tuple[tuple[object, ...], Layers] | None = None
        self._lock = threading.Lock()
        self._view: View | None = None
        self._view_at = 0.0
        self._change: Change | None = None
        self._after_change = True  # the first thing that a page needs is an image
        self._outstanding: int | None = None
        self._sent: tuple[int, int, int] | None = None  # view id, rank, step

    def receive(self, message: View | Change | Training | Ack, now_s: float) -> None:
        """Take a message of the client."""
        with self._lock:
            if isinstance(message, View):  # a field that stands still looks the same at all times
                self._view, self._view_at = message if self._moves else replace(message, t_s=None), now_s
            elif isinstance(message, Change):
                self._change = message
            elif isinstance(message, Ack) and message.id == self._outstanding:
                self._outstanding = None

    def next_job(self, paces: Paces, situation: Situation) -> Job | None:
        """What to make now, if anything."""
        with self._lock:
            if self.closed:
                return None
            picture = None
            if self._view is not None and self._outstanding is None:
                picture = self._picture(self._view, paces, situation)
            # In turn, as neither may starve the other; but a full picture, which takes long, comes last.
            if self._change is None or (picture is not None and picture.rank < 2 and self._after_change):
                self._after_change = False
                return picture
            change, self._change, self._after_change = self._change, None, True
            draft = situation.learning
            return Job(self, change, change.width, change.height, draft, 0, situation.step, lasting=True)

    def _picture(self, view: View, paces: Paces, situation: Situation) -> Job | None:
        sent = self._sent if self._sent is not None and self._sent[0] == view.id else None
        rank = -1 if sent is None else sent[1]
        if view.moving and situation.now_s - self._view_at < STILL_AFTER_S:
            return None if sent is not None else self._preview(view, paces, situation, lasting=True)
        if situation.learning:
            if sent is not None and sent[2] == situation.step:
                return None
            width, height = paces.draft.size(view.width, view.height, LEARNING_S, LEARNING_ROWS)
            return Job(self, view, width, height, True, 75, situation.step)
        if sent is not None and rank == 2 and sent[2] == situation.step:
            return None
        full = Job(self, view, view.width, view.height, False, 75, situation.step)
        if rank == 2 or self.layers_for(full) is not None:  # only the field, or brightness or mode have changed
            return full
        full_s, draft_s = (pace.expected_s(view.width * view.height) for pace in (paces.full, paces.draft))
        if rank < 0 and (full_s is None or full_s > PREVIEW_FIRST_S):
            return self._preview(view, paces, situation)
        if rank < 1 and draft_s is not None and full_s is not None and full_s > max(BETWEEN_S, 2 * draft_s):
            return replace(full, draft=True)
        return full

    def _preview(self, view: View, paces: Paces, situation: Situation, *, lasting: bool = False) -> Job:
        width, height = paces.draft.size(view.width, view.height)
        return Job(self, view, width, height, True, 40, situation.step, lasting)

    def layers_for(self, job: Job) -> Layers | None:
        """The layers of the last picture, where this one shows the same."""
        if self.kept is None or self.kept[0] != job.key:
            return None
        layers = self.kept[1]
        return None if job.normals and layers.normal is None else layers

    def prefers_another(self, job: Job) -> bool:
        """Whether a newer request is there, and this one can be left for it."""
        if job.lasting:
            return False
        with self._lock:
            return self._view is not job.request or (job.rank == 2 and self._change is not None)

    def sent_frame(self, job: Job) -> None:
        """A frame is on its way: no other one until the client has shown it."""
        with self._lock:
            self._outstanding = job.request.id
            self._sent = (job.request.id, job.rank, job.step)

    def give_up(self, job: Job) -> None:
        """A job failed: it is not tried again until something else is wanted."""
        if isinstance(job.request, View):
            with self._lock:
                self._outstanding = None
                self._sent = (job.request.id, 2, job.step)
