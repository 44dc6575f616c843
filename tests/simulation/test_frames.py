"""Frames from folders, videos and stacks; from their values to what a pixel sees."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from efields.errors import InputError
from efields.simulation.event_camera import EventCamera, simulate_frames
from efields.simulation.frames import linear_light, log_frame, natural_key, open_frames


def write_images(folder: Path, values: list[int], names: list[str] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for i, value in enumerate(values):
        iio.imwrite(folder / (names[i] if names else f"{i}.png"), np.full((6, 8), value, np.uint8))
    return folder


def write_stack(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_a_folder_is_read_in_natural_order_at_its_rate(tmp_path: Path) -> None:
    folder = write_images(
        tmp_path / "a", [30, 20, 10, 40], ["frame_10.png", "frame_9.png", "frame_2.png", "frame_11.PNG"]
    )
    (folder / "notes.txt").write_text("not an image")
    frames = open_frames(folder, fps=50, encoding="linear")
    pairs = list(frames.pairs)
    assert frames.count == 4
    assert not frames.is_log
    assert [t for t, _ in pairs] == pytest.approx([0, 0.02, 0.04, 0.06])
    assert [frame[0, 0] * 255 for _, frame in pairs] == pytest.approx([10, 20, 30, 40], rel=1e-6)


def test_natural_order_copes_with_names_that_begin_with_digits_or_letters() -> None:
    names = ["b1.png", "10.png", "2.png", "b01a.png", "a.png"]
    assert sorted(names, key=natural_key) == ["2.png", "10.png", "a.png", "b01a.png", "b1.png"]


def test_a_stack_gives_its_own_times_and_logarithms(tmp_path: Path) -> None:
    stack = np.linspace(-2, 0, 24).reshape(2, 3, 4).astype(np.float32)
    frames = open_frames(write_stack(tmp_path / "s.npz", log_intensity=stack, t_s=np.array([1.5, 1.75])))
    assert frames.is_log
    assert frames.count == 2
    pairs = list(frames.pairs)
    assert [t for t, _ in pairs] == [1.5, 1.75]
    assert np.array_equal(np.stack([frame for _, frame in pairs]), stack)
    events, _ = simulate_frames(
        open_frames(
            write_stack(tmp_path / "r.npz", log_intensity=np.array([[[0.0]], [[1.1]]]), t_s=np.array([0, 1.1]))
        ),
        EventCamera(),
    )
    assert events.t_us.tolist() == [250_000, 500_000, 750_000, 1_000_000]


@pytest.mark.parametrize(("fps", "step_s"), [(None, 0.04), (1000.0, 0.001)])
def test_a_video_is_streamed_at_its_own_rate_or_the_one_given(tmp_path: Path, fps: float | None, step_s: float) -> None:
    path = tmp_path / "clip.mp4"
    levels = np.linspace(40, 220, 12).astype(np.uint8)
    iio.imwrite(path, np.broadcast_to(levels[:, None, None, None], (12, 32, 48, 3)), fps=25, codec="libx264")
    frames = open_frames(path, fps, encoding="linear")
    assert frames.count == 12
    pairs = list(frames.pairs)
    assert [t for t, _ in pairs] == pytest.approx([k * step_s for k in range(12)])
    assert pairs[0][1].shape == (32, 48, 3)
    assert [frame.mean() * 255 for _, frame in pairs] == pytest.approx(levels, abs=4)


def test_display_values_are_decoded_to_linear_light() -> None:
    codes = np.array([[0, 10, 128, 188, 255]], np.uint8)
    assert linear_light(codes, "srgb")[0] == pytest.approx([0, 0.003035, 0.215861, 0.502886, 1], abs=1e-5)
    assert linear_light(codes, "linear")[0] == pytest.approx(codes[0] / 255, abs=1e-6)
    assert linear_light(codes.astype(np.uint16) * 257, "srgb")[0] == pytest.approx(
        linear_light(codes, "srgb")[0], abs=1e-5
    )
    light = np.array([[0.0, 0.5, 7.0]], np.float32)
    assert np.array_equal(linear_light(light, "srgb"), light)
    assert linear_light(np.array([[True, False]]), "srgb").tolist() == [[1, 0]]


def test_transparency_lies_over_white() -> None:
    pixel = np.array([[[255, 0, 0, 255], [0, 0, 0, 51]]], np.uint8)
    assert linear_light(pixel, "linear")[0] == pytest.approx(np.array([[1, 0, 0], [0.8, 0.8, 0.8]]), abs=1e-6)
    assert linear_light(np.array([[[128, 0]]], np.uint8), "srgb").tolist() == [[1]]


def test_the_logarithm_is_of_intensity_plus_epsilon() -> None:
    camera = EventCamera(log_eps=0.01)
    assert log_frame(np.array([[0.0, 0.99]]), camera, is_log=False)[0] == pytest.approx([np.log(0.01), 0])
    assert log_frame(np.array([[0, 255]], np.uint8), camera, is_log=False)[0] == pytest.approx(np.log([0.01, 1.01]))
    assert log_frame(np.array([[-3.0]]), camera, is_log=True).tolist() == [[-3.0]]
    assert log_frame(np.zeros((2, 3, 1)), camera, is_log=True).shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "fps", "message"),
    [
        (lambda p: p / "none", 10, "no such file"),
        (lambda p: p, 10, "no images"),
        (lambda p: write_images(p / "a", [1, 2]), None, "--fps"),
        (lambda p: write_images(p / "a", [1, 2]), 0.0, "0.0 frames per second"),
        (lambda p: write_images(p / "a", [1, 2]), float("nan"), "nan frames per second"),
        (lambda p: write_stack(p / "a.npz", log_intensity=np.zeros((2, 1, 1)), t_s=np.arange(2.0)), 5, "its own times"),
        (lambda p: write_stack(p / "a.npz", frames=np.zeros((2, 1, 1))), None, "no array 'log_intensity'"),
        (lambda p: write_stack(p / "a.npz", log_intensity=np.zeros((2, 1)), t_s=np.arange(2.0)), None, "[n, h, w]"),
        (
            lambda p: write_stack(p / "a.npz", log_intensity=np.zeros((2, 1, 1), int), t_s=np.arange(2)),
            None,
            "[n, h, w]",
        ),
        (
            lambda p: write_stack(p / "a.npz", log_intensity=np.zeros((2, 1, 1)), t_s=np.arange(3.0)),
            None,
            "one time for",
        ),
        (lambda p: written(p / "a.npz", b"PK\x03\x04 cut short"), None, "cannot be read as .npz"),
        (lambda p: written(p / "a.mp4", b"no video"), None, "cannot be read as a video"),
        (lambda p: written(p / "a.txt", b"text"), None, "unknown kind of file .txt"),
    ],
)
def test_bad_sources_are_told_in_one_line(tmp_path: Path, make, fps: float | None, message: str) -> None:
    with pytest.raises(InputError) as error:
        open_frames(make(tmp_path), fps)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_images_are_told_in_one_line(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "a", [1, 2])
    written(folder / "2.png", b"\x89PNG cut short")
    with pytest.raises(InputError, match=r"2\.png: cannot be read as an image"):
        list(open_frames(folder, 10).pairs)
    iio.imwrite(folder / "2.png", np.zeros((6, 9), np.uint8))
    with pytest.raises(InputError, match="frame 2 is 9x6, the first is 8x6"):
        simulate_frames(open_frames(folder, 10), EventCamera())


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
