"""What every draw promises, checked for each file of efields/draws."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest

from efields.config import kinds, resolve
from efields.draws import EventSource, FramePixels, Source
from efields.errors import InputError
from efields.events.intervals import Intervals, PixelIndex
from efields.geometry.camera import Camera
from efields.recordings.recording import Views
from tests.contracts.rules import broken_rules
from tests.tiny import tiny_recording

SIZES = ((20, 16), (30, 12), (9, 40))
"""Widths and heights of the frames, which are of several cameras."""
per_kind = pytest.mark.parametrize("kind", kinds("draws"))
of_events = [kind for kind in kinds("draws") if not resolve("draws", kind).of_frames]
of_frames = [kind for kind in kinds("draws") if resolve("draws", kind).of_frames]


@cache
def source() -> Source:
    stream = tiny_recording(size=24, frames=60).events
    cameras = [Camera(w, h, 20.0, 20.0, w / 2, h / 2) for w, h in SIZES]
    images = [np.full((h, w, 1), 0.5, np.float32) for w, h in SIZES]
    frames = Views.joined(images, np.tile(np.eye(4), (3, 1, 1)), cameras, ("a", "b", "c"))
    return Source(EventSource(stream, PixelIndex.build(stream), 1000.0, 400), frames)


def build(kind: str) -> Any:
    return resolve("draws", kind)().build(source())


def drawn(kind: str, count: int, seed: int = 0) -> Any:
    return build(kind)(count, np.random.default_rng(seed))


def columns(of: Any) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in dataclasses.fields(of)}


def same(one: Any, other: Any) -> bool:
    first, second = columns(one), columns(other)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@per_kind
def test_config(kind: str) -> None:
    config = resolve("draws", kind)
    assert broken_rules(config) == []
    assert config().share > 0 and isinstance(config.of_frames, bool)
    with pytest.raises(InputError, match="share = 0; give a number above 0"):
        config(share=0.0)


@per_kind
@pytest.mark.parametrize("count", [1, 7, 500])
def test_it_gives_about_as_many_as_are_asked_for(kind: str, count: int) -> None:
    found = drawn(kind, count)
    assert isinstance(found, FramePixels if resolve("draws", kind).of_frames else Intervals)
    whole = found.patch**2 if isinstance(found, FramePixels) else 1
    assert len(found.pixel) == max(count // whole, 1) * whole


@per_kind
def test_count_and_generator_alone_decide(kind: str) -> None:
    draw = build(kind)
    first = draw(300, np.random.default_rng(5))
    draw(40, np.random.default_rng(6))
    assert same(first, draw(300, np.random.default_rng(5))) and same(first, drawn(kind, 300, seed=5))
    assert not same(first, draw(300, np.random.default_rng(6)))
    rng = np.random.default_rng(5)
    assert same(first, draw(300, rng)) and not same(first, draw(300, rng))


@per_kind
def test_an_interval_takes_two_rays_and_a_pixel_one(kind: str) -> None:
    assert build(kind).rays_each == (1 if resolve("draws", kind).of_frames else 2)


@per_kind
def test_without_what_it_draws_from_it_is_refused(kind: str) -> None:
    config = resolve("draws", kind)
    lacking = dataclasses.replace(source(), **{"frames" if config.of_frames else "events": None})
    with pytest.raises(InputError, match=f"the draw {kind} is of ") as error:
        config().build(lacking)
    assert "\n" not in str(error.value)
    other = dataclasses.replace(source(), **{"events" if config.of_frames else "frames": None})
    assert len(config().build(other)(64, np.random.default_rng(0)).pixel) == 64


@pytest.mark.parametrize("kind", of_events)
def test_intervals_lie_in_the_recording_and_count_its_events(kind: str) -> None:
    events = source().events
    assert events is not None
    found: Intervals = drawn(kind, 400)
    stream, index = events.stream, events.index
    assert (found.t_end_us > found.t_start_us).all()
    assert found.t_start_us.min() >= stream.t_us[0] and found.t_end_us.max() <= stream.t_us[-1]
    assert found.pixel.min() >= 0 and found.pixel.max() < stream.pixels
    counted = index.windows(found.pixel, found.t_start_us, found.t_end_us)
    np.testing.assert_array_equal(counted.n_pos, found.n_pos)
    np.testing.assert_array_equal(counted.n_neg, found.n_neg)
    before = index.last_event_before(found.pixel, found.t_start_us + 1)
    assert (before[found.starts_at_event] == found.t_start_us[found.starts_at_event]).all()


@pytest.mark.parametrize("kind", of_frames)
def test_pixels_lie_in_their_frames(kind: str) -> None:
    found: FramePixels = drawn(kind, 4000)
    pixels = np.array([w * h for w, h in SIZES])
    assert set(found.view.tolist()) == {0, 1, 2}
    assert found.pixel.dtype == found.view.dtype == np.int64
    assert (found.pixel >= 0).all() and (found.pixel < pixels[found.view]).all()


@pytest.mark.parametrize("side", [2, 5, 9])
def test_patches_are_whole_and_inside_of_their_frame(side: int) -> None:
    found = resolve("draws", "patches")(side=side).build(source())(60 * side**2, np.random.default_rng(0))
    assert found.patch == side and len(found.pixel) == 60 * side**2
    view, pixel = (column.reshape(60, side, side) for column in (found.view, found.pixel))
    assert (view == view[:, :1, :1]).all()
    width, height = (np.array(sizes)[view] for sizes in zip(*SIZES, strict=True))
    x, y = pixel % width, pixel // width
    step = np.arange(side)
    np.testing.assert_array_equal(x, np.broadcast_to(x[:, :1, :1] + step, x.shape))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1] + step[:, None], y.shape))
    assert (x < width).all() and (y < height).all()
    # Up to the last row and column where a patch fits.
    for k, (w, h) in enumerate(SIZES):
        many = resolve("draws", "patches")(side=side).build(source())(3000 * side**2, np.random.default_rng(1))
        corner = many.pixel[:: side**2][many.view[:: side**2] == k]
        assert (corner % w).max() == w - side and (corner // w).max() == h - side
        assert corner.min() == 0


def test_patches_larger_than_a_frame_are_refused() -> None:
    with pytest.raises(InputError, match=r"a frame of 9 pixels along one side cannot contain a patch of 10.*side"):
        resolve("draws", "patches")(side=10).build(source())
