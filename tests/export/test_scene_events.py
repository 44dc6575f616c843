"""Events of a scene: chunks and back, gaps, caps, undistortion, and the rate."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.export import events as packing
from efields.export.cameras import pinhole, undistorted_pixels
from efields.export.events import pack_events, rate_document, unpack_events
from efields.geometry.camera import Camera

CAMERA = Camera(12, 9, 10.0, 10.0, 5.5, 4.0)


def stream(t_us: np.ndarray, camera: Camera = CAMERA, seed: int = 0) -> EventStream:
    rng = np.random.default_rng(seed)
    n = len(t_us)
    x, y = rng.integers(0, camera.width, n), rng.integers(0, camera.height, n)
    return EventStream.from_arrays(x, y, np.sort(t_us), rng.random(n) < 0.5, camera.width, camera.height)


def unpacked(packed: packing.PackedEvents) -> tuple[np.ndarray, ...]:
    columns = {name: np.frombuffer(zlib.decompress(blob), "<u2").reshape(3, -1) for name, blob in packed.blobs.items()}
    return unpack_events(packed.document.chunks, lambda chunk: columns[chunk.blob])


@settings(max_examples=30, deadline=None)
@given(gaps=st.lists(st.integers(0, 200_000), min_size=1, max_size=60), origin=st.integers(-(10**15), 10**15))
def test_events_come_back(gaps: list[int], origin: int) -> None:
    events = stream(origin + np.cumsum(gaps))
    packed = pack_events(events, CAMERA, Sensor(0.2, 0.2), origin)
    x, y, t_us, polarity = unpacked(packed)
    np.testing.assert_array_equal(x, events.x)
    np.testing.assert_array_equal(y, events.y)
    np.testing.assert_array_equal(t_us, events.t_us - origin)
    np.testing.assert_array_equal(polarity, events.polarity)
    assert len(packed.document.chunks) == 1 + int((np.diff(events.t_us) > 0xFFFF).sum())


def test_long_streams_make_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CHUNK", 100)
    monkeypatch.setattr(packing, "_PIECE", 64)
    events = stream(np.arange(250) * 3)
    packed = pack_events(events, CAMERA, Sensor(0.2, 0.2), 0)
    assert [chunk.count for chunk in packed.document.chunks] == [100, 100, 50]
    np.testing.assert_array_equal(unpacked(packed)[2], events.t_us)
    assert packed.document.note == ""


def test_a_cap_keeps_the_first_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_PIECE", 64)
    events = stream(np.arange(1000) * 1000)
    packed = pack_events(events, CAMERA, Sensor(0.2, 0.2), 0, most=300)
    assert (packed.document.count, packed.document.shown) == (1000, 300)
    assert (
        packed.document.note == "These are the first 300 of 1,000 events, up to 0.299 s; the rate counts all of them."
    )
    np.testing.assert_array_equal(unpacked(packed)[2], events.t_us[:300])


def test_events_are_undistorted_to_the_pinhole() -> None:
    lens = Camera(64, 48, 40.0, 40.0, 31.5, 23.5, "plumb_bob", (-0.35, 0.1, 0.0, 0.0))
    place = undistorted_pixels(lens)
    flat = pinhole(lens)
    inside = place[:, 0] >= 0
    shown = lens.project(np.concatenate([(place - (flat.cx, flat.cy)) / (flat.fx, flat.fy), np.ones((64 * 48, 1))], 1))
    v, u = np.divmod(np.arange(64 * 48), 64)
    assert (
        np.abs(shown - np.stack([u, v], 1))[inside].max() < 1.0
    )  # half a pixel of the pinhole is up to one of the lens
    assert 0.3 < inside.mean() < 1  # the corners of a barrel fall outside of the pinhole
    events = stream(np.arange(500), lens)
    packed = pack_events(events, lens, Sensor(0.2, 0.2), 0)
    assert packed.document.shown == int(inside[events.pixel].sum())
    assert "fall outside the undistorted image" in packed.document.note


def test_mirrored_cameras_become_upright_pinholes() -> None:
    mirrored = Camera(12, 9, -10.0, 10.0, 5.0, 4.0)
    assert (pinhole(mirrored).fx, pinhole(mirrored).cx) == (10.0, 6.0)
    place = undistorted_pixels(mirrored).reshape(9, 12, 2)
    np.testing.assert_array_equal(place[0, :, 0], np.arange(11, -1, -1))


def test_the_rate_counts_all_events() -> None:
    events = stream(np.concatenate([np.arange(100), 50_000 + np.arange(900) * 10]))
    rate = rate_document(events, 0, bins=7)
    assert rate is not None and sum(rate.counts) == 1000 and len(rate.counts) == 7
    assert rate.counts[0] == 100 and rate.t0_s == 0
    assert rate.bin_s * 7 == pytest.approx((int(events.t_us[-1]) + 1) * 1e-6)
    assert rate_document(stream(np.zeros(5, np.int64)), 0) is None
