"""The event kernels give the same integers as numpy: index, windows, neighbours, draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from efields.config import resolve
from efields.draws import EventSource, Source
from efields.errors import InputError
from efields.events import kernels
from efields.events.draws import draw_count_windows, draw_silent
from efields.events.intervals import Intervals, PixelIndex
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.problems._batch import BatchDraws
from efields.recordings.recording import Views
from tests.native.settings import isa, threads

__all__ = ["isa", "threads"]


def stream_of(x: Any, y: Any, t: Any, polarity: Any, width: int, height: int) -> EventStream:
    columns = (np.asarray(x, np.uint16), np.asarray(y, np.uint16), np.asarray(t, np.int64), np.asarray(polarity, bool))
    return EventStream(*columns, width, height)


def random_stream(n: int, width: int = 23, height: int = 17, span_us: int = 5000, seed: int = 0) -> EventStream:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, span_us, n)) + 10**15
    return stream_of(rng.integers(0, width, n), rng.integers(0, height, n), t, rng.random(n) < 0.5, width, height)


def off_by_four_bytes(column: np.ndarray) -> np.ndarray:
    """The same numbers at an address that is no multiple of 8."""
    room = np.zeros(column.nbytes + 16, np.uint8)
    start = 4 if room.ctypes.data % 8 == 0 else 0
    copy = room[start : start + column.nbytes].view(column.dtype)
    copy[:] = column
    assert copy.ctypes.data % 8 == 4 or not len(copy)
    return copy


STREAMS: dict[str, Callable[[], EventStream]] = {
    "one event": lambda: stream_of([3], [2], [50], [1], 5, 4),
    "one pixel of a sensor": lambda: stream_of([4] * 300, [2] * 300, np.arange(300) * 7, [1] * 300, 5, 4),
    "a sensor of one pixel": lambda: random_stream(200, 1, 1),
    "one microsecond": lambda: random_stream(500, 4, 4, span_us=1),
    "few pixels": lambda: random_stream(3000),
    "repeated times": lambda: random_stream(3000, span_us=40),
    "more pixels than buckets": lambda: random_stream(5000, 301, 203),
    "many more": lambda: random_stream(2000, 2000, 1500),
    "long enough for two threads": lambda: random_stream(200_000, 90, 70, span_us=100_000),
    "misaligned": lambda: EventStream(*(off_by_four_bytes(c) for c in columns(random_stream(999))), 23, 17),
    "strided": lambda: random_stream(4000)[::3],
    "read only": lambda: read_only(random_stream(1000)),
}


def columns(stream: EventStream) -> tuple[np.ndarray, ...]:
    return stream.x, stream.y, stream.t_us, stream.polarity


def read_only(stream: EventStream) -> EventStream:
    for column in columns(stream):
        column.flags.writeable = False
    return stream


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> EventStream:
    return STREAMS[request.param]()


@pytest.fixture
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Calls something as if no kernels were compiled."""

    def call(what: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(kernels, "present", lambda: False)
            return what()

    return call


def same(ours: Any, theirs: Any) -> None:
    """Equal in type and value, in every field."""
    for name in theirs.__dataclass_fields__:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if isinstance(other, np.ndarray):
            assert mine.dtype == other.dtype and mine.shape == other.shape, name
            np.testing.assert_array_equal(mine, other, err_msg=name)
        else:
            assert mine == other, name


def test_index(stream: EventStream, threads: int, by_numpy: Callable) -> None:
    assert kernels.index_columns(stream) is not None
    same(PixelIndex.build(stream), by_numpy(lambda: PixelIndex.build(stream)))


def test_an_empty_stream_is_refused_as_before(isa: str) -> None:
    with pytest.raises(InputError, match="no events to index"):
        PixelIndex.build(random_stream(5)[:0])


@pytest.mark.parametrize("queries", [0, 1, 70, 20_000])
def test_windows_and_neighbours(stream: EventStream, threads: int, queries: int, by_numpy: Callable) -> None:
    index, rng = PixelIndex.build(stream), np.random.default_rng(5)
    pixel = rng.integers(0, stream.pixels, queries)
    t0 = rng.integers(index.first_us - 20, index.last_us + 20, queries)
    t1 = t0 + rng.integers(-20, max(index.span_us, 50), queries)
    t0[: queries // 8] = stream.t_us[rng.integers(0, len(stream), queries // 8)]  # on the edges of windows
    assert kernels.counts(index, pixel, t0, t1) is not None
    same(index.windows(pixel, t0, t1), by_numpy(lambda: index.windows(pixel, t0, t1)))
    for neighbour in (index.last_event_before, index.next_event_after):
        np.testing.assert_array_equal(neighbour(pixel, t0), by_numpy(lambda ask=neighbour: ask(pixel, t0)))
    off = [off_by_four_bytes(column) for column in (pixel, t0, t1)]
    same(index.windows(off[0], off[1], off[2]), index.windows(pixel, t0, t1))


def test_extreme_times_and_pixels_off_the_sensor(isa: str, by_numpy: Callable) -> None:
    index = PixelIndex.build(random_stream(500))
    pixel = np.array([-5, -1, 0, 7, index.pixels - 1, index.pixels, index.pixels + 9])
    for t in (-(2**63), -(2**62), index.first_us - 1, index.first_us, index.last_us, 2**63 - 1):
        t0, t1 = np.full_like(pixel, t), np.full_like(pixel, 2**63 - 1)
        same(index.windows(pixel, t0, t1), by_numpy(lambda a=t0, b=t1: index.windows(pixel, a, b)))


@pytest.mark.parametrize("at_events", [False, True])
def test_drawn_windows(stream: EventStream, isa: str, at_events: bool, by_numpy: Callable) -> None:
    if len(stream) < 2:
        return
    index = PixelIndex.build(stream)

    def draw(n: int) -> Intervals:
        return draw_count_windows(index, stream, n, np.random.default_rng(3), n_max=400, at_events=at_events)

    for n in (1, 63, 64, 700, 9000):
        same(draw(n), by_numpy(lambda n=n: draw(n)))


@pytest.mark.parametrize("longest_us", [None, 1, 300])
@pytest.mark.parametrize("refractory_us", [0, 2.5])
def test_silence(isa: str, longest_us: int | None, refractory_us: float, by_numpy: Callable) -> None:
    stream = random_stream(3000)
    index = PixelIndex.build(stream)

    def draw() -> Intervals | str:
        try:
            return draw_silent(index, stream, 501, np.random.default_rng(4), refractory_us, longest_us)
        except InputError as error:
            return str(error)

    ours, theirs = draw(), by_numpy(draw)
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        same(ours, theirs)


def test_batches_and_the_state_they_leave(isa: str, by_numpy: Callable) -> None:
    stream = random_stream(20_000, 90, 70, span_us=50_000)
    known = np.random.default_rng(0).random(stream.pixels) < 0.9

    def batches() -> tuple[list, dict]:
        index, rng = PixelIndex.build(stream), np.random.default_rng(8)
        images, poses = np.zeros((5, 70, 90, 1), np.float32), np.tile(np.eye(4), (5, 1, 1))
        frames = Views.stacked(images, poses, Camera(90, 70, 80.0, 80.0, 45.0, 35.0), tuple("abcde"))
        configs = {name: resolve("draws", name)() for name in ("events", "windows", "silent", "frames")}
        draws = BatchDraws.build(Source(EventSource(stream, index, 3, 2000), frames), configs, known)
        return [draws.draw(500, rng) for _ in range(4)], dict(rng.bit_generator.state)

    (ours, our_state), (theirs, their_state) = batches(), by_numpy(batches)
    assert our_state == their_state
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name in other:
            same(mine[name], other[name])
