"""A page that shows a field while it learns: the web server around a training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from efields.export.document import scene_parts
from efields.recordings.recording import Recording
from efields.render.model import Model
from efields.server.app import Offer
from efields.server.studio import Studio
from efields.server.viewing import TrainingView, serving
from efields.signals import as_flag
from efields.train import Progress, Run


class TrainingPage:
    """Training in sight of a page; the web server runs from `begin` until `close`."""

    def __init__(self, recording: Recording, port: int, share: float, say: Callable[[str], None]) -> None:
        """`share` is viewing over viewing and training; `say` tells the user a line."""
        self._recording, self._port, self._share, self._say = recording, port, share, say
        self._stack = contextlib.ExitStack()
        self._studio: Studio | None = None
        self._view: TrainingView | None = None
        self.url: str | None = None

    @property
    def clients(self) -> int:
        """Pages that look on."""
        return 0 if self._studio is None else self._studio.clients

    def begin(self, run: Run, model: Model) -> None:
        """Serve the field that is about to be trained, and say where."""
        # What the untrained field looks like says nothing of the brightness to come.
        parts = scene_parts(run, model, self._recording, quality="draft").with_tone("auto")
        self._studio = studio = Studio(model)
        self._view = view = TrainingView(studio, self._share)
        offer = Offer(parts.document, parts.blobs, True, view.history, view.on_training)
        address = self._stack.enter_context(serving(studio, offer, "127.0.0.1", self._port, None))
        self.url = address.url
        for line in address.lines():
            self._say(line)
        view.start()

    def after_step(self, step: int, stopped: Callable[[], bool]) -> None:
        """Between two steps."""
        if self._view is not None:
            self._view.after_step(step, stopped)

    def on_progress(self, progress: Progress) -> None:
        """A line of the log."""
        if self._view is not None:
            self._view.on_progress(progress)

    def facts(self) -> dict[str, Any]:
        """Its entry in training.json."""
        return {} if self._view is None else self._view.facts()

    def keep(self) -> None:
        """Go on serving the trained field until Ctrl-C."""
        if self._studio is None or self._view is None:
            return
        self._view.end()
        self._say("the viewer stays open; Ctrl-C ends it")
        with as_flag() as stopped:
            self._studio.run(stopped.is_set)

    def close(self) -> None:
        """Say good-bye and stop serving."""
        if self._studio is not None:
            self._studio.say("The training has ended. Open the run again with: efields view RUN")
        self._stack.close()


@contextlib.contextmanager
def training_page(recording: Recording, port: int, share: float, say: Callable[[str], None]) -> Iterator[TrainingPage]:
    """A page for the training in the block; `say` tells the user where it is."""
    page = TrainingPage(recording, port, share, say)
    try:
        yield page
    finally:
        page.close()
