"""AEDAT 2.0: addresses of each chip by hand, counters that wrap, IMU and frames, damage, real recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders.aedat2 import Config, matches
from tests.contracts.samples.aedat import aedat2, aedat2_file

DAVIS = "eu.seebetter.ini.chips.davis.DAVIS240C"


def davis(x: int, y: int, polarity: int) -> int:
    return y << 22 | x << 12 | polarity << 11


def imu_records(t: int, numbers: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(0x80000C00 | code << 28 | (number & 0xFFFF) << 12, t) for code, number in enumerate(numbers)]


def columns(path: Path, width: int = 0, height: int = 0) -> list[list[int]]:
    file = Config(width=width, height=height).open(path)
    return [column.astype(int).tolist() for column in EventColumns.concat(list(file.events(Damages(path))))]


def test_a_dvs128_has_on_as_0_and_is_mirrored(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a", [(3 << 8 | 5 << 1 | 0, 10), (127 << 8 | 127 << 1 | 1, 11)])
    assert columns(path) == [[122, 0], [124, 0], [10, 11], [1, 0]]
    recording = Config().load(path)
    assert (recording.events.width, recording.events.height) == (128, 128)
    assert "assumed to be those of a DVS128" in recording.notes[0]


def test_a_dvs128_marks_edges_with_bit_15(tmp_path: Path) -> None:
    recording = Config().load(
        aedat2_file(tmp_path / "a", [(0, 10), (0x8000, 11)], "ch.unizh.ini.jaer.chip.retina.DVS128")
    )
    assert len(recording.events) == 1
    assert recording.triggers is not None
    assert recording.triggers.t_us.tolist() == [11]
    assert recording.notes == ()


def test_a_davis_has_on_as_1_and_is_mirrored(tmp_path: Path) -> None:
    records = [(davis(0, 0, 1), 7), (davis(239, 179, 0), 8), (davis(2, 1, 1), 9), (1 << 10 | 2, 9), (1 << 10 | 3, 10)]
    path = aedat2_file(tmp_path / "a", records, DAVIS)
    assert columns(path) == [[239, 0, 237], [179, 0, 178], [7, 8, 9], [1, 0, 1]]
    triggers = Config().load(path).triggers
    assert triggers is not None
    assert (triggers.t_us.tolist(), triggers.rising.tolist()) == ([9, 10], [False, True])


def test_a_place_outside_of_the_sensor_is_told_as_the_file_has_it(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a", [(davis(0, 0, 1), 7), (davis(4, 306, 1), 8)], DAVIS)
    with pytest.raises(InputError, match=r"outside the 240 x 180 sensor \(x 4, y 306 in the file\) in row 1"):
        Config().load(path)


@pytest.mark.parametrize(
    ("chip", "size"),
    [("eu.seebetter.ini.chips.davis.Davis346blue", (346, 260)), ("eu.seebetter.ini.chips.davis.Davis640", (640, 480))],
)
def test_the_chip_says_the_size(chip: str, size: tuple[int, int], tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a", [(davis(0, 0, 1), 7)], chip)
    assert columns(path)[:2] == [[size[0] - 1], [size[1] - 1]]


def test_without_a_chip_the_addresses_say_it(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a", [(davis(300, 100, 1), 7)])
    assert columns(path)[:2] == [[45], [159]]
    assert columns(path, width=640, height=480)[:2] == [[339], [379]]
    assert Config().open(path).notes == (
        "The file does not name its camera: addresses are assumed to be those of a DAVIS of 346 x 260 pixels.",
    )


def test_an_unknown_chip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"chip 'ch\.unizh\.CochleaAMS1c'"):
        Config().load(aedat2_file(tmp_path / "a", [(1, 1)], "ch.unizh.CochleaAMS1c"))


def test_counters_wrap_and_go_backwards(tmp_path: Path) -> None:
    times = [0xFFFFFFF0, 0xFFFFFFFF, 5, 3, 0x7FFFFFFF, 0xF0000000, 1]
    path = aedat2_file(tmp_path / "a", [(0, t) for t in times])
    whole = 1 << 32
    assert columns(path)[2] == [
        0xFFFFFFF0,
        0xFFFFFFFF,
        whole + 5,
        whole + 3,
        whole + 0x7FFFFFFF,
        whole + 0xF0000000,
        2 * whole + 1,
    ]


def test_the_header_ends_where_data_begin_with_its_mark(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a", [(0x23000000 | 5 << 12, 0x0A), (davis(1, 1, 1), 11)], DAVIS)
    assert columns(path)[2] == [10, 11]
    path = aedat2_file(tmp_path / "b", [(0x23414141, 0x0A), (davis(1, 1, 1), 11)], DAVIS, "#End Of ASCII Header\r\n")
    assert columns(path)[2] == [10, 11]


@pytest.mark.parametrize(
    ("more", "gyro", "accel", "noted"),
    [
        ("", 65.5, 8192, True),
        (
            '#<entry key="ImuGyroScale" value="GyroFullScaleDegPerSec1000"/>\r\n'
            '#<entry key="ImuAccelScale" value="ImuAccelScaleG8"/>\r\n',
            32.8,
            4096,
            False,
        ),
        (
            '#<entry key="C.imu3_GYRO_CONFIG" value="24"/>\r\n#<entry key="C.imu4_ACCEL_CONFIG" value="0"/>\r\n',
            16.4,
            16384,
            False,
        ),
    ],
)
def test_the_imu_is_scaled_by_the_header(more: str, gyro: float, accel: float, noted: bool, tmp_path: Path) -> None:
    records = [(davis(1, 1, 1), 5), *imu_records(6, (1, -2, 3, 99, 4, 5, -6)), *imu_records(7, (0,) * 7)]
    recording = Config().load(aedat2_file(tmp_path / "a", records, DAVIS, more))
    assert recording.imu is not None
    assert recording.imu.t_us.tolist() == [6, 7]
    np.testing.assert_allclose(recording.imu.acceleration[0], np.array([1, -2, 3]) / accel * 9.80665)
    np.testing.assert_allclose(recording.imu.gyro[0], np.deg2rad(np.array([4, 5, -6]) / gyro))
    assert any("are assumed" in note for note in recording.notes) is noted


def test_an_imu_sample_without_a_part_is_a_damage(tmp_path: Path) -> None:
    samples = [imu_records(t, (t,) * 7) for t in range(5)]
    records = [(davis(1, 1, 1), 5), *samples[0], *samples[1][:3], *samples[2], *samples[3], *samples[4][:2]]
    path = aedat2_file(tmp_path / "a", records, DAVIS)
    assert "ends in the middle of an IMU sample" in Config().open(path).notes[1]
    with pytest.raises(InputError, match="IMU sample is incomplete"):
        Config().load(path)
    imu = Config(salvage=True).load(path).imu
    assert imu is not None
    assert imu.t_us.tolist() == [0, 2, 3]


def scan(read: int, t: int, values: np.ndarray) -> list[tuple[int, int]]:
    """All pixels read column by column, each one microsecond after the other."""
    places = [(x, y) for x in range(127, -1, -1) for y in range(127, -1, -1)]
    return [
        (1 << 31 | y << 22 | x << 12 | read << 10 | int(values[127 - y, x]), t + i) for i, (x, y) in enumerate(places)
    ]


def test_frames_are_reset_minus_signal(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    reset, signal = rng.integers(500, 1024, (2, 128, 128)), rng.integers(0, 800, (2, 128, 128))
    records = [(davis(1, 1, 1), 5), *scan(1, 10, signal[0])[-400:]]
    for i in range(2):
        records += scan(0, 100_000 * (i + 1), reset[i]) + scan(1, 100_000 * (i + 1) + 50_000, signal[i])
    records += scan(0, 400_000, reset[0])[:300]
    path = aedat2_file(tmp_path / "a", records, "eu.seebetter.ini.chips.davis.Davis128")
    frames = Config().load(path).unposed_frames
    assert frames is not None
    np.testing.assert_array_equal(frames.image[..., 0], np.maximum(reset - signal, 0))
    ends = np.array([100_000, 200_000]) + 128 * 128 - 1
    np.testing.assert_array_equal(frames.t_us, (ends + np.array([150_000, 250_000])) // 2)
    assert frames.white == 1023
    aedat2_file(path, records[:1000] + records[1001:], "eu.seebetter.ini.chips.davis.Davis128")
    with pytest.raises(InputError, match="a frame lacks pixels"):
        Config().load(path)
    stray = [*records[:1], (1 << 31 | 5 << 22 | 9 << 12, 6)]
    with pytest.raises(InputError, match="a frame lacks pixels"):
        Config().load(aedat2_file(path, stray, "eu.seebetter.ini.chips.davis.Davis128"))


def test_cut_at_every_byte(tmp_path: Path) -> None:
    path = aedat2(tmp_path / "whole")
    data, whole = path.read_bytes(), columns(path)
    begin = data.index(b"DAVIS240C") + 11
    for size in range(len(data)):
        path.write_bytes(data[:size])
        if size < begin or (size - begin) % 8 or size == begin:
            with pytest.raises(InputError, match="recorded"):
                Config().load(path)
        if size >= begin + 8:
            events = Config(salvage=True).load(path).events
            count = (size - begin) // 8
            assert events.t_us.tolist() == whole[2][:count]


def test_foreign_bits_are_counted(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a", [(1, 1), (1 << 20, 2), (1, 3)], "x.DVS128")
    with pytest.raises(InputError, match="an address has bits that a DVS128 does not have at byte"):
        Config().load(path)
    assert "lost 1 events" in Config(salvage=True).load(path).notes[-1]


def test_matches_by_content(tmp_path: Path) -> None:
    assert matches(aedat2(tmp_path / "a"))
    assert not matches(tmp_path)


@pytest.mark.parametrize(
    ("name", "count", "first", "last", "positive", "size"),
    [
        ("vendor/dvs128_moving_dark_box", 489834, 946459683, 986269729, 0.50410, (128, 128)),
        ("vendor/calibration_1", 182988, 153751326, 154314228, 0.69670, (128, 128)),
        ("vendor/checkerboard_2", 30350, 210107982, 210232796, 0.69918, (128, 128)),
        ("davis240c_imu/IMU_translBoxes", 162771, 294976755, 297049406, 0.50958, (240, 180)),
        ("davis240c_imu/synthesized/RotatingBar", 45000, 100000, 90000000, 1, (240, 180)),
        ("davis240c_imu/synthesized/TranslatingSquare", 16000, 50000, 5000000, 0.5, (240, 180)),
    ],
)
def test_real_recordings(
    name: str, count: int, first: int, last: int, positive: float, size: tuple[int, int], shared_data: Path
) -> None:
    events = Config().load(shared_data / f"{name}.aedat").events
    assert (len(events), int(events.t_us[0]), int(events.t_us[-1])) == (count, first, last)
    assert float(events.polarity.mean()) == pytest.approx(positive, abs=1e-5)
    assert (events.width, events.height) == size


def test_a_real_imu_at_rest_measures_gravity(shared_data: Path) -> None:
    recording = Config().load(shared_data / "davis240c_imu/IMU_translBoxes.aedat")
    assert recording.imu is not None
    assert len(recording.imu.t_us) == 4833  # and six numbers of one more, in which the file ends
    assert "ends in the middle of an IMU sample" in recording.notes[0]
    assert float(np.linalg.norm(recording.imu.acceleration.mean(0))) == pytest.approx(9.9, abs=0.1)
    assert float(np.rad2deg(np.abs(recording.imu.gyro)).max()) < 7


def test_mirrored_events_lie_on_the_ground_truth(shared_data: Path) -> None:
    """Flow of the simulated square, in jAER's axes (y up): x as we have it, y from the bottom."""
    from scipy.io import loadmat

    truth = loadmat(shared_data / "davis240c_imu/synthesized/gtTranslatingSquare.mat")
    moves = (truth["vxGT"] != 0) | (truth["vyGT"] != 0)
    events = Config().load(shared_data / "davis240c_imu/synthesized/TranslatingSquare.aedat").events
    during = events.between(*(int(t) for t in truth["ts"][0]))
    assert moves[179 - during.y.astype(int), during.x].all()
    assert not moves[179 - during.y.astype(int), 239 - during.x.astype(int)].all()


def test_a_dark_box_has_a_leading_edge_that_is_off(shared_data: Path) -> None:
    events = Config().load(shared_data / "vendor/dvs128_moving_dark_box.aedat").events
    window = (events.t_us - events.t_us[0]) // 50_000
    counts = np.bincount(window)
    centre = np.bincount(window, events.x) / np.maximum(counts, 1)
    off, on = (
        np.bincount(window, events.x * (events.polarity == p))
        / np.maximum(np.bincount(window, events.polarity == p), 1)
        for p in (False, True)
    )
    busy = counts > 200
    assert np.corrcoef(np.gradient(centre)[busy], (off - on)[busy])[0, 1] > 0.4
