"""A served scene: the renderer, the web server around it, and the training that runs at the same time."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from efields.server.access import access_for
from efields.server.app import Offer, build_app
from efields.server.listening import Address, listening
from efields.server.protocol import Metrics, text_of
from efields.server.studio import Studio
from efields.train.loop import Progress

MOST_CREDIT_S = 0.5
"""Seconds that viewing may save up: a page that is opened late does not hold training for long."""
KEPT_BACK = 0.95
"""Part of the share that is spent: a chunk may take longer than the ones before, and the share is kept nevertheless."""
LEAST_CREDIT_S = 0.02
"""Seconds of a chunk whose time is not known yet."""
MOST_HISTORY = 600
"""Points of the plots that a page gets when it is opened."""


@contextlib.contextmanager
def serving(studio: Studio, offer: Offer, host: str, port: int, token: str | None) -> Iterator[Address]:
    """Serve while the block runs; raises `InputError` if no port is free, or for a public server without a token."""
    access = access_for(host, token)
    with listening(build_app(studio, offer, access), host, port, access) as address:
        yield address


class TrainingView:
    """Shows a field between the optimiser steps that train it, for at most a share of the time.

    Everything is rendered by the thread that trains, so that nothing looks at the field while a step changes it.
    """

    def __init__(self, studio: Studio, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """`share` is viewing over viewing and training, 0 to below 1."""
        self._studio, self._share, self._clock = studio, share, clock
        self._pause = threading.Event()
        self._mark = clock()
        self._credit_s = 0.0
        self._last: Progress | None = None
        self._history: list[Metrics] = []
        self.train_seconds = 0.0
        self.view_seconds = 0.0
        self.pause_seconds = 0.0
        studio.learning = True

    # ---- called by the web server's thread

    def on_training(self, action: str) -> None:
        """Hold training after the step in hand, or let it go on."""
        if action == "pause":
            self._pause.set()
        else:
            self._pause.clear()

    def history(self) -> list[str]:
        """Messages for a page that is opened now."""
        return [text_of(metrics) for metrics in list(self._history)]

    # ---- called by the thread that trains

    def start(self) -> None:
        """Training begins now."""
        self._mark = self._clock()

    @property
    def overhead_share(self) -> float:
        """Viewing over viewing and training."""
        whole = self.view_seconds + self.train_seconds
        return self.view_seconds / whole if whole > 0 else 0.0

    def on_progress(self, progress: Progress) -> None:
        """A line of the log: the pages plot it."""
        self._last = progress
        metrics = self._metrics(progress)
        self._studio.tell(text_of(metrics), record=lambda: self._record(metrics))

    def _record(self, metrics: Metrics) -> None:
        self._history.append(metrics)
        if len(self._history) > MOST_HISTORY:  # every second point goes, scores on held-out views stay
            kept = [m for k, m in enumerate(self._history) if k % 2 or m.psnr_heldout is not None]
            self._history = kept[-MOST_HISTORY:]

    def after_step(self, step: int, stopped: Callable[[], bool]) -> None:
        """Between two steps: render while there is credit; while paused, until training may go on."""
        trained = self._clock() - self._mark
        self.train_seconds += trained
        share = KEPT_BACK * self._share
        self._credit_s = min(self._credit_s + trained * share / (1 - share), MOST_CREDIT_S)
        self._studio.step = step
        if self._pause.is_set():
            self._hold(stopped)
        began = self._clock()
        self._spend()
        self._mark = self._clock()
        self.view_seconds += self._mark - began

    def end(self) -> None:
        """Training is over: from now on pictures are made in full."""
        self._pause.clear()
        self._studio.learning = False
        self._studio.wake()

    def facts(self) -> dict[str, Any]:
        """Its entry in training.json."""
        return {
            "view_seconds": round(self.view_seconds, 3),
            "view_share": round(self.overhead_share, 4),
            "view_share_allowed": self._share,
            "pause_seconds": round(self.pause_seconds, 3),
        }

    def _spend(self) -> None:
        """Render for as long as there is credit; a picture is begun when it can be paid for, or nearly."""
        needed = self._studio.expected_s()
        if needed is None or self._credit_s < min(needed, 0.9 * MOST_CREDIT_S):
            return
        while self._credit_s > max(1.2 * self._studio.chunk_s(), LEAST_CREDIT_S):
            began = self._clock()
            busy = self._studio.advance()
            self._credit_s -= self._clock() - began
            if not busy:
                return

    def _hold(self, stopped: Callable[[], bool]) -> None:
        """Pause."""
        began = self._clock()
        self._studio.learning = False
        self._tell_pause()
        while self._pause.is_set() and not stopped():
            self._studio.advance_or_wait()
        self.pause_seconds += self._clock() - began
        self._studio.learning = True
        self._tell_pause()

    def _tell_pause(self) -> None:
        if self._last is not None:
            self._studio.tell(text_of(self._metrics(self._last)))

    def _metrics(self, progress: Progress) -> Metrics:
        score = progress.psnr_heldout
        finite = {name: value for name, value in progress.terms.items() if math.isfinite(value)}
        return Metrics(
            progress.step, progress.steps, progress.loss, finite,
            score if score is not None and math.isfinite(score) else None,
            progress.seconds, self._pause.is_set(), round(self.overhead_share, 4),
        )  # fmt: skip
