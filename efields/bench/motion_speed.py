"""Speed of motion and flow of one window: against the published method in plain torch, and for growing windows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from efields.backends import choose_backend
from efields.bench.kernels import OnProgress
from efields.bench.motion_errors import score_of_flow
from efields.bench.motion_scenes import MotionScene
from efields.bench.published_flow import PublishedConfig, fit_published
from efields.errors import InputError
from efields.evaluate.flow_scores import FlowScore
from efields.motion.joint import JointConfig, estimate_motion_and_flow

WINDOW_EVENTS = 30_000
"""Events of the window that both ways are given."""
SIZES = (30_000, 100_000, 300_000)
"""Events of windows over which the growth of the time is told."""


@dataclass(frozen=True)
class SpeedRow:
    """One window."""

    scene: str
    """Scene that it is of."""
    way: str
    """`efields`, or `published` for the plain torch version."""
    events: int
    """Events in the window."""
    milliseconds: float
    """Duration of the window."""
    steps: int | None
    """Steps of the optimiser; None for efields, which stops by itself."""
    seconds: float
    """Time by the clock."""
    processor_seconds: float
    """Time of all threads together, which other work on the machine changes less."""
    epe_px: float | None
    """Mean end-point error over 20 ms at pixels with events."""
    zero_epe_px: float | None
    """The same of zero flow."""
    ratio: float | None
    """How many times the processor time of efields this took, in the same run; None where there is nothing beside."""


def measure_published(
    scene: MotionScene, steps: int | None, seed: int = 0, on_progress: OnProgress = lambda done, total, note: None
) -> list[SpeedRow]:
    """One window of 30,000 events by efields, whole, and by the plain torch version, in this order.

    Fewer than the published steps make its time too short: the ratio is then a lower bound.
    """
    published = PublishedConfig()
    published = replace(published, iterations=steps or published.iterations)
    ours = _ours(scene, WINDOW_EVENTS, seed)
    events = scene.middle_events(WINDOW_EVENTS)
    spent = _Clock()
    flow = fit_published(
        events, scene.camera, published, seed, lambda step, _: on_progress(step, published.iterations, "plain torch")
    )
    seconds, processor = spent.read()
    found, zero = score_of_flow(flow, scene.truth, events, scene.camera)
    theirs = replace(
        ours, way="published", steps=published.iterations, seconds=seconds, processor_seconds=processor,
        epe_px=_epe(found), zero_epe_px=_epe(zero), ratio=processor / ours.processor_seconds,
    )  # fmt: skip
    return [ours, theirs]


def measure_window_sizes(scene: MotionScene, sizes: Sequence[int] = SIZES, seed: int = 0) -> list[SpeedRow]:
    """Single windows of more and more events by efields. Raises `InputError` for a scene with fewer events."""
    if len(scene.events) < max(sizes):
        raise InputError(f"{scene.name} has {len(scene.events)} events", do=f"give a scene with {max(sizes)} or more")
    return [_ours(scene, size, seed) for size in sizes]


def _ours(scene: MotionScene, count: int, seed: int) -> SpeedRow:
    events = scene.middle_events(count)
    config = replace(JointConfig(), window_events=count, longest_s=10.0, travel_px=0.0, step=1.0, drop_hot_pixels=False)
    spent = _Clock()
    _, flow = estimate_motion_and_flow(events, scene.camera, config, choose_backend("auto"), seed)
    seconds, processor = spent.read()
    found, zero = score_of_flow(flow, scene.truth, events, scene.camera)
    return SpeedRow(
        scene=scene.name,
        way="efields",
        events=len(events),
        milliseconds=(int(events.t_us[-1]) - int(events.t_us[0])) * 1e-3,
        steps=None,
        seconds=seconds,
        processor_seconds=processor,
        epe_px=_epe(found),
        zero_epe_px=_epe(zero),
        ratio=None,
    )


class _Clock:
    """Time by the clock and of the processor since it was made."""

    def __init__(self) -> None:
        self._began, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._began, time.process_time() - self._processor


def _epe(score: FlowScore | None) -> float | None:
    return None if score is None else score.epe
