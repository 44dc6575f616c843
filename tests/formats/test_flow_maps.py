"""Ground-truth flow: DSEC's 16-bit PNG (channel order, filters, damage) and MVSEC's npz."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from efields.errors import InputError
from efields.formats.flow_png import read_flow_png, read_png16, write_flow_png, write_png16
from efields.formats.mvsec_flow import read_mvsec_flow, read_mvsec_flow_times


def part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def by_hand(image: np.ndarray, filters: list[int]) -> bytes:
    """A PNG of 16-bit RGB with these filters on its lines, by the definitions, a byte at a time."""
    height, width = image.shape[:2]
    rows = [bytearray(6 * width)] + [bytearray(image[r].astype(">u2").tobytes()) for r in range(height)]
    data = bytearray()
    for r in range(height):
        above, row = rows[r], rows[r + 1]
        data.append(filters[r])
        for i in range(6 * width):
            a, b, c = (row[i - 6] if i >= 6 else 0), above[i], (above[i - 6] if i >= 6 else 0)
            pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
            paeth = a if pa <= pb and pa <= pc else b if pb <= pc else c
            data.append((row[i] - (0, a, b, (a + b) // 2, paeth)[filters[r]]) % 256)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    packed = zlib.compress(bytes(data))
    cut = len(packed) // 2
    body = part(b"IDAT", packed[:cut]) + part(b"IDAT", packed[cut:])
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"pHYs", bytes(9)) + body + part(b"IEND", b"")


def test_channels_are_x_y_valid(tmp_path: Path) -> None:
    image = np.zeros((1, 2, 3), dtype=np.uint16)
    image[0, 0] = 32768 + 128 * 3, 32768 - 64, 1  # 3 px to the right, half a pixel up
    image[0, 1] = 40000, 40000, 0
    (tmp_path / "flow.png").write_bytes(by_hand(image, [0]))
    flow, valid = read_flow_png(tmp_path / "flow.png")
    assert flow.dtype == np.float32
    assert flow.tolist() == [[[3.0, -0.5], [0.0, 0.0]]]
    assert valid.tolist() == [[True, False]]


def test_what_imageio_would_have_given(tmp_path: Path) -> None:
    """The reason for a decoder of our own; when this fails, imageio may do."""
    image = np.random.default_rng(0).integers(0, 1 << 16, (4, 5, 3), dtype=np.uint16)
    (tmp_path / "flow.png").write_bytes(by_hand(image, [0] * 4))
    cut = iio.imread(tmp_path / "flow.png")
    assert cut.dtype == np.uint8
    np.testing.assert_array_equal(cut, image >> 8)
    np.testing.assert_array_equal(read_png16(tmp_path / "flow.png"), image)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint16, (5, 4, 3)), st.lists(st.integers(0, 4), min_size=5, max_size=5))
def test_every_filter(tmp_path_factory: pytest.TempPathFactory, image: np.ndarray, filters: list[int]) -> None:
    file = tmp_path_factory.getbasetemp() / "filters.png"
    file.write_bytes(by_hand(image, filters))
    np.testing.assert_array_equal(read_png16(file), image)


def test_round_trip_and_another_reader(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    flow = (rng.integers(-2000, 2000, (30, 41, 2)) / 128).astype(np.float32)
    valid = rng.random((30, 41)) > 0.3
    write_flow_png(tmp_path / "flow.png", flow, valid)
    read, known = read_flow_png(tmp_path / "flow.png")
    np.testing.assert_array_equal(known, valid)
    np.testing.assert_array_equal(read, np.where(valid[..., None], flow, 0))
    high = iio.imread(tmp_path / "flow.png")  # Pillow's own decoder: the high bytes
    np.testing.assert_array_equal(high[..., 0][valid], (np.rint(flow[..., 0] * 128) + 32768)[valid].astype(int) >> 8)


def test_what_a_flow_png_cannot_hold(tmp_path: Path) -> None:
    flow = np.zeros((2, 2, 2), dtype=np.float32)
    for bad in (256.0, -256.1, np.nan, np.inf):
        flow[0, 0, 0] = bad
        with pytest.raises(InputError, match="flow of 1 pixels"):
            write_flow_png(tmp_path / "flow.png", flow)
        assert not (tmp_path / "flow.png").exists()
        write_flow_png(tmp_path / "ok.png", flow, np.array([[False, True], [True, True]]))
    with pytest.raises(InputError, match="shape"):
        write_flow_png(tmp_path / "flow.png", flow, np.ones((2, 3), dtype=bool))


def test_a_damaged_png_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "flow.png"
    write_png16(file, np.random.default_rng(0).integers(0, 1 << 16, (6, 7, 3), dtype=np.uint16))
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"flow\.png"):
            read_png16(file)
    for at in range(8, len(whole)):  # checksums see every flipped byte
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        with pytest.raises(InputError, match=r"flow\.png"):
            read_png16(file)
    huge = struct.pack(">IIBBBBB", 60000, 60000, 16, 2, 0, 0, 0)
    file.write_bytes(whole[:8] + part(b"IHDR", huge) + whole[33:])
    with pytest.raises(InputError, match="too short for 60000"):
        read_png16(file)
    iio.imwrite(file, np.zeros((3, 3, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="8 bits"):
        read_png16(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_png16(tmp_path)


def mvsec_flow(file: Path, **changed: np.ndarray) -> Path:
    x, y = np.zeros((3, 4, 5)), np.zeros((3, 4, 5))
    x[0, 1, 2], y[0, 1, 2], x[1, 0, 0], x[1, 3, 3] = 1.5, -2.0, 0.25, np.nan
    fields = {"timestamps": 1_500_000_000.0 + np.array([0.0, 0.05, 0.1]), "x_flow_dist": x, "y_flow_dist": y}
    np.savez_compressed(file, **(fields | changed))
    return file


def test_mvsec_flow_is_a_displacement_over_the_interval(tmp_path: Path) -> None:
    file = mvsec_flow(tmp_path / "indoor_flying1_gt_flow_dist.npz")
    assert read_mvsec_flow_times(file).tolist() == [1_500_000_000_000_000 + t for t in (0, 50_000, 100_000)]
    first, second = read_mvsec_flow(file)
    assert (first.start_us, first.stop_us) == (1_500_000_000_000_000, 1_500_000_000_050_000)
    assert first.flow[1, 2].tolist() == [1.5, -2.0]
    assert first.valid.sum() == 1
    assert np.argwhere(second.valid).tolist() == [[0, 0]]  # one zero component is known, NaN is not
    assert np.isfinite(second.flow).all()
    (only,) = read_mvsec_flow(file, 1, 2)
    np.testing.assert_array_equal(only.flow, second.flow)


def test_mvsec_flow_damaged(tmp_path: Path) -> None:
    file = mvsec_flow(tmp_path / "flow.npz")
    whole = file.read_bytes()
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"flow\.npz"):
            list(read_mvsec_flow(file))
    for bad in (np.zeros((2, 4, 5)), np.zeros((3, 4)), np.zeros((3, 4, 5), dtype=int)):
        with pytest.raises(InputError, match="x_flow_dist"):
            list(read_mvsec_flow(mvsec_flow(file, x_flow_dist=bad)))
    with pytest.raises(InputError, match="float32"):
        list(read_mvsec_flow(mvsec_flow(file, timestamps=np.zeros(3, dtype=np.float32))))
    with pytest.raises(InputError, match="no such file"):
        list(read_mvsec_flow(tmp_path / "none.npz"))
