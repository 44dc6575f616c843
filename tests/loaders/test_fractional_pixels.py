"""Events between pixels, as of rectified recordings: kept for motion and rays, the nearest pixel elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.events.columns import EventColumns, PlacedColumns
from efields.events.stream import EventStream, mean_on_pixel
from efields.geometry.camera import Camera
from efields.loaders import load, open_events
from efields.motion.window import window_of

N = 2000
RNG = np.random.default_rng(0)
RAW = RNG.integers(12, 100, N), RNG.integers(12, 80, N)
T = np.sort(RNG.integers(0, 100_000, N)) + 7
P = RNG.integers(0, 2, N)
LENS = Camera(128, 96, 90.0, 91.0, 63.0, 47.0, distortion_model="plumb_bob", distortion=(-0.3, 0.1, 0.001, -0.001))
PINHOLE = dataclasses.replace(LENS, distortion_model="none", distortion=())
RECTIFIED = (LENS.bearings()[RAW[1] * 128 + RAW[0], :2] * (90.0, 91.0) + (63.0, 47.0)).astype(np.float32)


def write(folder: Path, kind: str, xy: np.ndarray = RECTIFIED) -> Path:
    path = folder / f"a.{kind}"
    if kind == "npz":
        np.savez(path, x=xy[:, 0], y=xy[:, 1], t=T, p=P)
    elif kind == "npy":
        np.save(path, np.stack([T * 1e-6, xy[:, 0], xy[:, 1], P], 1))
    elif kind == "txt":
        rows = zip(T.tolist(), xy.tolist(), P.tolist(), strict=True)
        path.write_text("".join(f"{t * 1e-6:.6f} {x:.6f} {y:.6f} {p}\n" for t, (x, y), p in rows))
    elif kind == "table.h5":
        with h5py.File(path, "w") as file:
            file["events"] = np.stack([xy[:, 0], xy[:, 1], T * 1e-6, P * 2 - 1], 1)
    elif kind == "columns.h5":
        with h5py.File(path, "w") as file:
            for name, column in {"x": xy[:, 0], "y": xy[:, 1], "t": T, "p": P}.items():
                file[f"events/{name}"] = column
    else:
        path.mkdir()
        for number, part in enumerate(np.array_split(np.arange(N), 3)):
            np.savez(path / f"{number:06d}.npz", x=xy[part, 0], y=xy[part, 1], t=T[part], p=P[part])
    return path


@pytest.mark.parametrize("kind", ["npz", "npy", "txt", "table.h5", "columns.h5", "folder"])
def test_places_are_kept_and_the_nearest_pixel_stands_in(kind: str, tmp_path: Path) -> None:
    recording = load(write(tmp_path, kind), width=128, height=96)
    events = recording.events
    assert events.on_pixel is not None
    np.testing.assert_array_equal(events.x, np.rint(RECTIFIED[:, 0]))
    places = np.stack([events.x, events.y], axis=1) + events.on_pixel
    np.testing.assert_allclose(places, RECTIFIED, atol=2e-5)
    assert any("Pixels are fractional, as in rectified events" in note for note in recording.notes)
    some = events[100:200]
    assert some.on_pixel is not None
    np.testing.assert_array_equal(some.on_pixel, events.on_pixel[100:200])


def test_motion_sees_rectified_events_where_the_lens_puts_raw_ones(tmp_path: Path) -> None:
    rectified = window_of(load(write(tmp_path, "npz"), width=128, height=96).events, PINHOLE)
    raw = window_of(EventStream.from_arrays(*RAW, T, P, 128, 96), LENS)
    torch.testing.assert_close(rectified.bearing, raw.bearing, rtol=0, atol=1e-6)
    x, y = np.rint(RECTIFIED).T
    rounded = window_of(EventStream.from_arrays(x, y, T, P, 128, 96), PINHOLE)
    assert (rounded.bearing - raw.bearing).abs().max() > 0.004  # a third of a pixel and more


def test_rays_run_through_the_mean_of_a_pixels_events() -> None:
    on_pixel = np.array([[0.2, -0.1], [0.4, 0.1], [-0.5, 0.5]], np.float32)
    stream = EventStream.from_arrays(
        np.array([1, 1, 0]), np.array([0, 0, 1]), np.arange(3), np.ones(3, bool), 2, 2, on_pixel=on_pixel
    )
    np.testing.assert_allclose(mean_on_pixel(stream), [[0, 0], [0.3, 0], [-0.5, 0.5], [0, 0]], atol=1e-7)
    assert not mean_on_pixel(dataclasses.replace(stream, on_pixel=None)).any()


def test_places_follow_their_events_through_sorting_and_chunks(tmp_path: Path) -> None:
    order = np.arange(N)
    order[[10, 11]] = [11, 10]
    path = tmp_path / "a.npz"
    np.savez(path, x=RECTIFIED[order, 0], y=RECTIFIED[order, 1], t=(T + np.arange(N))[order], p=P[order])
    events = load(path, width=128, height=96).events
    assert events.on_pixel is not None
    np.testing.assert_allclose(events.x + events.on_pixel[:, 0], RECTIFIED[:, 0], atol=2e-5)
    columns = EventColumns.of(*RAW, T, P == 1)
    placed = PlacedColumns.at(columns, np.zeros((N, 2), np.float32))
    joined = EventColumns.concat([placed, placed.take(slice(0, 5))])
    assert isinstance(joined, PlacedColumns) and len(joined.on_pixel) == N + 5
    assert not isinstance(EventColumns.concat([placed, columns]), PlacedColumns)


def test_one_between_pixels_is_damage_and_one_outside_too(tmp_path: Path) -> None:
    whole = np.stack(RAW, axis=1).astype(np.float64)
    whole[3, 0] = 4.5
    with pytest.raises(InputError, match=r"not a whole number .* in row 3"):
        load(write(tmp_path, "npz", whole))
    beyond = RECTIFIED.copy()
    beyond[5, 0] = -3.2
    beyond[6, 0] = -0.4  # on pixel 0
    path = write(tmp_path, "npz", beyond)
    with pytest.raises(InputError, match="in row 5"):
        load(path)
    events = load(path, salvage=True).events
    assert len(events) == N - 1
    assert events.on_pixel is not None
    assert (events.x[5], round(float(events.on_pixel[5, 0]), 6)) == (0, -0.4)
    assert open_events(path, salvage=True).size_assumed
