"""Images as float32 intensity: quantisation cells, alpha over white, exact float maps, damaged files."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from efields.errors import InputError
from efields.formats.images import read_float_map, read_image, to_channels, write_float_image


@pytest.mark.parametrize("shape", [(5, 7, 1), (5, 7, 3), (5, 7)])
def test_float_images_come_back_exactly(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = np.random.default_rng(0).exponential(size=shape).astype(np.float32)
    write_float_image(tmp_path / "new" / "a.tif", image)
    found = read_image(tmp_path / "new" / "a.tif")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, image if len(shape) == 3 else image[..., None])


def test_maps_keep_inf_and_nan(tmp_path: Path) -> None:
    depth = np.array([[1.5, np.inf], [np.nan, 0.0]], dtype=np.float32)
    write_float_image(tmp_path / "d.tif", depth)
    np.testing.assert_array_equal(read_float_map(tmp_path / "d.tif"), depth)
    with pytest.raises(InputError, match="negative or not finite"):
        read_image(tmp_path / "d.tif")
    write_float_image(tmp_path / "rgb.tif", np.zeros((2, 2, 3), dtype=np.float32))
    with pytest.raises(InputError, match="not a single map of floats"):
        read_float_map(tmp_path / "rgb.tif")


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 256), (np.uint16, 65536)])
def test_whole_numbers_are_the_middle_of_their_cell(dtype: type, levels: int, tmp_path: Path) -> None:
    values = np.array([[0, 1], [levels // 2, levels - 1]], dtype=dtype)
    iio.imwrite(tmp_path / "a.png", values)
    np.testing.assert_allclose(read_image(tmp_path / "a.png")[..., 0], (values + 0.5) / levels, rtol=1e-6)
    assert read_image(tmp_path / "a.png").min() > 0  # its logarithm exists


def test_grey_with_alpha_goes_over_white(tmp_path: Path) -> None:
    values = np.zeros((1, 3, 2), dtype=np.uint8)
    values[0, :, 0], values[0, :, 1] = 100, (0, 255, 51)
    iio.imwrite(tmp_path / "a.png", values)
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png")[0, :, 0], (np.array([255, 100, 224]) + 0.5) / 256, rtol=1e-6
    )


def test_a_bit_depth_that_does_not_fit(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[1023, 4]], dtype=np.uint16))
    np.testing.assert_allclose(read_image(tmp_path / "a.tif", 10)[0, :, 0], np.array([1023.5, 4.5]) / 1024, rtol=1e-6)
    with pytest.raises(InputError, match="does not contain 9-bit values"):
        read_image(tmp_path / "a.tif", 9)


def test_channels() -> None:
    grey = np.random.default_rng(1).random((2, 3, 4, 1), dtype=np.float32)
    colour = to_channels(grey, 3)
    assert colour.shape == (2, 3, 4, 3)
    np.testing.assert_allclose(to_channels(colour, 1), grey, rtol=1e-6)  # the weights sum to one
    assert to_channels(colour, 3) is colour
    assert to_channels(np.array([[[[0, 1, 0]]]], dtype=np.float32), 1).item() == pytest.approx(0.587)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_damaged_files_are_one_line(name: str, tmp_path: Path) -> None:
    iio.imwrite(tmp_path / name, np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    whole = (tmp_path / name).read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"not an image"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=f"{name}: cannot be read as an image") as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "none.png")


def test_signed_numbers_and_stacks_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), dtype=np.int16))
    with pytest.raises(InputError, match="values of type int16"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((6, 4, 4, 3), dtype=np.uint8), photometric="rgb")
    with pytest.raises(InputError, match="not one image"):
        read_image(tmp_path / "b.tif")
