"""Renders for all clients in turn, chunk by chunk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from efields.geometry.boxes import Box
from efields.geometry.pose import quaternion_to_rotation
from efields.render.model import Model
from efields.server.looking import Layers, Looking, pinhole, resized
from efields.server.pace import Pace, Paces
from efields.server.protocol import CHANGE_SCALE, Change, ChangeHeader, Error, FrameHeader, Log, View, packed, text_of
from efields.server.session import Job, Session, Situation
from efields.server.showing import jpeg, log_luminance, picture_of, with_auto_tone

_log = logging.getLogger(__name__)

MOST_KEPT_PIXELS = 1 << 21
"""Pixels of a picture whose layers are kept for a change of brightness or mode."""
POLL_S = 0.1
"""Seconds after which a worker without work looks again: a moving camera becomes still by itself."""


@dataclass
class Work:
    """A job that is being done."""

    job: Job
    """What for."""
    lookings: list[Looking]
    """Pictures to render: one, or the two of a change."""
    began_s: float
    """When."""
    spent_s: float = 0.0
    """Seconds of rendering."""


class Studio:
    """Renders what its sessions want; `advance` is called by one thread only, everything else by any."""

    def __init__(self, model: Model, clock: Callable[[], float] = time.perf_counter) -> None:
        self.model = model
        self.step = model.step
        self.learning = False
        self.paces = Paces(Pace(), Pace())
        self._clock = clock
        self._sessions: list[Session] = []
        self._lock = threading.Lock()
        self._rung = threading.Event()
        self._work: Work | None = None

    # ---- clients

    def join(
        self, name: str, send: Callable[[str | bytes], None], greeting: Callable[[], Iterable[str]] = tuple
    ) -> Session:
        """A client joined: it gets the greeting, then every later message; nothing is broadcast while it joins."""
        session = Session(name, send, self.model.renderer.field.moves)
        with self._lock:
            for message in greeting():
                session.send(message)
            self._sessions.append(session)
        return session

    def leave(self, session: Session) -> None:
        """A client went."""
        session.closed = True
        with self._lock:
            if session in self._sessions:
                self._sessions.remove(session)
        self.wake()

    @property
    def clients(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def wake(self) -> None:
        """Wake the worker: there may be work."""
        self._rung.set()

    def tell(self, message: str, record: Callable[[], None] | None = None) -> None:
        """Send a text message to every client; `record` adds it to what later clients are greeted with."""
        with self._lock:  # a client that joins now gets the message once: either so, or in its greeting
            if record is not None:
                record()
            for session in self._sessions:
                session.send(message)

    def say(self, text: str) -> None:
        """Send a line to read to every client."""
        self.tell(text_of(Log(text)))

    # ---- the worker

    def run(self, stopped: Callable[[], bool]) -> None:
        """Work until `stopped`."""
        while not stopped():
            self.advance_or_wait()

    def advance_or_wait(self) -> None:
        """Render one chunk, or sleep until something may have changed."""
        self._rung.clear()  # before the look: what comes after it is not missed
        if not self.advance():
            self._rung.wait(POLL_S)

    def expected_s(self) -> float | None:
        """Seconds of the job in hand or the next one; None when there is nothing to do, 0 while nothing is known."""
        if not self._has_work():
            return None
        assert self._work is not None
        rays = sum(looking.rays - looking.rays_done for looking in self._work.lookings)
        return self._pace(self._work.job).expected_s(rays) or 0.0

    def chunk_s(self) -> float:
        """Seconds of one chunk of the job in hand, as far as known."""
        if self._work is None:
            return 0.0
        pace = self._pace(self._work.job)
        return pace.expected_s(pace.chunk()) or 0.0

    def advance(self) -> bool:
        """Render one chunk and send what is complete; False when there was nothing to do."""
        if not self._has_work():
            return False
        assert self._work is not None
        work = self._work
        # Both pictures of a change side by side: a field that learns would change between one and the other.
        looking = min((part for part in work.lookings if not part.done), key=lambda part: part.rays_done, default=None)
        try:
            if looking is not None:
                pace, began = self._pace(work.job), self._clock()
                rays = looking.advance(pace.chunk())
                spent = self._clock() - began
                work.spent_s += spent
                pace.note(rays, spent)
            if all(part.done for part in work.lookings):
                self._work = None
                self._finish(work)
        except Exception as error:
            self._work = None
            self._failed(work.job, error)
        return True

    def _has_work(self) -> bool:
        """Whether there is a job in hand, after a look at whether it is still wanted, or at the next in turn."""
        if self._work is not None and self._work.job.overtaken:
            self._work = None
        if self._work is None:
            job = self._next_job()
            if job is not None:
                self._work = self._begin(job)
        return self._work is not None

    def _next_job(self) -> Job | None:
        """The job of the first session in turn that wants one; it goes to the end of the row."""
        with self._lock:
            sessions = list(self._sessions)
        situation = Situation(self._clock(), self.step, self.learning)
        for session in sessions:
            job = session.next_job(self.paces, situation)
            if job is not None:
                with self._lock:
                    if session in self._sessions:
                        self._sessions.remove(session)
                        self._sessions.append(session)
                return job
        return None

    def _pace(self, job: Job) -> Pace:
        return self.paces.draft if job.draft else self.paces.full

    def _begin(self, job: Job) -> Work:
        request = job.request
        if isinstance(request, Change):
            camera = resized(self.model.camera, job.width, job.height)
            lookings = [
                Looking(self.model.renderer, camera, self._pose_at(t_s), draft=job.draft, t_s=t_s)
                for t_s in (request.t0_s, request.t1_s)
            ]
        elif job.session.layers_for(job) is not None:
            lookings = []
        else:
            crop = None if request.crop is None else Box(*request.crop)
            camera = pinhole(request.fov_y, job.width, job.height)
            looking = Looking(
                self.model.renderer, camera, _pose(request), crop=crop, normals=job.normals, draft=job.draft,
                t_s=request.t_s,
            )  # fmt: skip
            lookings = [looking]
        return Work(job, lookings, self._clock())

    def _finish(self, work: Work) -> None:
        """Send what was rendered."""
        job, request = work.job, work.job.request
        if isinstance(request, Change):
            first, second = (log_luminance(looking.layers().radiance) for looking in work.lookings)
            steps = np.clip(np.round((second - first) / CHANGE_SCALE), -32767, 32767).astype("<i2")
            job.session.send(packed(ChangeHeader(request.id, job.width, job.height, CHANGE_SCALE), steps.tobytes()))
            return
        layers = work.lookings[0].layers() if work.lookings else self.layers_of(job)
        if job.width * job.height <= MOST_KEPT_PIXELS and not job.draft:
            job.session.kept = (job.key, layers)
        toned, auto = with_auto_tone(request, layers)
        data = self.encode(job, toned, layers)
        header = FrameHeader(
            request.id, job.step, job.width, job.height, job.state, request.width, request.height,
            round(1e3 * work.spent_s, 2), auto,
        )  # fmt: skip
        job.session.sent_frame(job)  # before it is sent: the answer may be here at once
        job.session.send(packed(header, data))

    def layers_of(self, job: Job) -> Layers:
        """The layers of a picture that needs no rendering."""
        layers = job.session.layers_for(job)
        assert layers is not None
        return layers

    def encode(self, job: Job, view: View, layers: Layers) -> bytes:
        """The JPEG of a picture."""
        picture = picture_of(layers, view.mode, view.wipe, view.tone, view.position, self.model.renderer.box)
        return jpeg(picture, job.quality)

    def _pose_at(self, t_s: float) -> np.ndarray:
        return self.model.near_trajectory.matrices(np.array([t_s]))[0]

    def _failed(self, job: Job, error: Exception) -> None:
        """A picture that could not be made must not take the server along."""
        line = " ".join(str(error).split())[:200] or type(error).__name__
        _log.warning("an image for %s could not be rendered (%s)", job.session.name, line)
        _log.debug("in full:", exc_info=error)
        job.session.send(text_of(Error(f"This image could not be rendered ({line}).")))
        job.session.give_up(job)


def _pose(view: View) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = quaternion_to_rotation(torch.tensor(view.quaternion, dtype=torch.float64)).numpy()
    pose[:3, 3] = view.position
    return pose
