"""AEDAT 4: packets by hand in every compression, damage, files that faery writes, real recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders import load
from efields.loaders.aedat4 import Config, matches
from tests.contracts.samples.aedat import XML, aedat4, aedat4_events, aedat4_header, aedat4_packet, microseconds
from tests.fuzz.known import FILES


def columns(path: Path) -> EventColumns:
    return EventColumns.concat(list(Config().open(path).events(Damages(path))))


def compress(compression: int, data: bytes) -> bytes:
    import lz4.frame
    import zstandard

    if compression == 0:
        return data
    if compression < 3:
        return lz4.frame.compress(data, compression_level=9 * (compression - 1))
    return zstandard.ZstdCompressor(level=3 if compression == 3 else 19).compress(data)


def written(path: Path, compression: int) -> tuple[Path, list[int]]:
    """Four packets of ten events; the bytes where packets begin, and the end."""
    whole = microseconds()
    parts = [aedat4_events(*(column[i : i + 10] for column in whole)) for i in range(0, 40, 10)]
    data, places = aedat4_header(compression), []
    for part in parts:
        places.append(len(data))
        data += aedat4_packet(0, compress(compression, part))
    path.write_bytes(data)
    return path, [*places, len(data)]


@pytest.mark.parametrize("compression", range(5))
def test_every_compression(compression: int, tmp_path: Path) -> None:
    path, _ = written(tmp_path / "a.aedat4", compression)
    for found, wrote in zip(columns(path), microseconds(), strict=True):
        np.testing.assert_array_equal(found, wrote)
    file = Config().open(path)
    assert (file.width, file.height, file.format) == (8, 6, "AEDAT 4.0")


@pytest.mark.parametrize("compression", [0, 1, 3])
def test_cut_at_every_byte(compression: int, tmp_path: Path) -> None:
    path, places = written(tmp_path / "a.aedat4", compression)
    data, whole = path.read_bytes(), microseconds()[2].tolist()
    for size in range(0, len(data), 3):
        path.write_bytes(data[:size])
        if size not in places[1:]:
            with pytest.raises(InputError, match="aedat4"):
                Config().load(path)
        if size >= places[1]:
            t_us = Config(salvage=True).load(path).events.t_us.tolist()
            assert t_us == whole[: len(t_us)]
            assert len(t_us) >= 10 * (np.searchsorted(places, size, side="right") - 1)


@pytest.mark.parametrize("compression", [0, 1, 3])
def test_garbage_between_packets_is_stepped_over(compression: int, tmp_path: Path) -> None:
    path, places = written(tmp_path / "a.aedat4", compression)
    data = path.read_bytes()
    path.write_bytes(data[: places[2]] + np.random.default_rng(0).bytes(999) + data[places[2] :])
    with pytest.raises(InputError, match=f"header is broken at byte {places[2]:,}"):
        Config().load(path)
    recording = Config(salvage=True).load(path)
    assert len(recording.events) == 40
    assert "lost 999 bytes" in recording.notes[-1]


def test_a_broken_packet_loses_itself_alone(tmp_path: Path) -> None:
    path, places = written(tmp_path / "a.aedat4", 1)
    data = bytearray(path.read_bytes())
    data[places[1] + 8 : places[1] + 20] = bytes(12)
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be decompressed at byte"):
        Config().load(path)
    assert len(Config(salvage=True).load(path).events) == 30


def test_a_table_that_is_missing_is_a_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(aedat4_header(table=10_000) + aedat4_packet(0, aedat4_events(*microseconds())))
    with pytest.raises(InputError, match="ends before the table"):
        Config().load(path)
    assert len(Config(salvage=True).load(path).events) == 40


def test_the_first_of_several_event_streams_is_read(tmp_path: Path) -> None:
    second = XML[XML.index('<node name="0">') : XML.index("</node></dv>")].replace('name="0"', 'name="3"')
    xml = XML.replace("</node></dv>", second + "</node></dv>")
    path = tmp_path / "a.aedat4"
    packet = aedat4_events(*microseconds())
    path.write_bytes(aedat4_header(xml=xml) + aedat4_packet(3, packet) + aedat4_packet(0, packet))
    recording = Config().load(path)
    assert len(recording.events) == 40
    assert recording.notes == ("The first event stream, 'events' (0), was read, not 'events' (3).",)


@pytest.mark.parametrize(
    "xml", ["<dv>", "<!DOCTYPE dv [<!ENTITY a 'b'>]>" + XML, XML.replace('"0"', '"x"'), XML.replace(">8<", ">-8<")]
)
def test_a_broken_description_is_one_line(xml: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(aedat4_header(xml=xml))
    with pytest.raises(InputError, match="header is broken"):
        Config().load(tmp_path / "a")


def test_a_size_that_is_not_said_is_found(tmp_path: Path) -> None:
    xml = XML.replace("sizeX", "a").replace("sizeY", "b")
    (tmp_path / "a").write_bytes(aedat4_header(xml=xml) + aedat4_packet(0, aedat4_events(*microseconds())))
    recording = Config().load(tmp_path / "a")
    assert (recording.events.width, recording.events.height) == (34, 34)
    assert Config(width=8, height=6).load(tmp_path / "a").events.width == 8


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    for compression in (1, 3):
        path = tmp_path / f"{compression}"
        path.write_bytes(aedat4_header(compression) + aedat4_packet(0, compress(compression, bytes(1 << 28))))
        with pytest.raises(InputError, match="cannot be decompressed"):
            Config().load(path)


def test_what_faery_writes(tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    x, y, t, p = microseconds()
    events: Any = np.zeros(40, dtype=faery.EVENTS_DTYPE)
    events["x"], events["y"], events["t"], events["on"] = x, y, t, p
    path = tmp_path / "a.aedat4"
    faery.events_stream_from_array(events, dimensions=(8, 6)).to_file(path)
    for found, wrote in zip(columns(path), (x, y, t, p), strict=True):
        np.testing.assert_array_equal(found, wrote)


@pytest.mark.parametrize(
    ("name", "count", "duration_s", "positive", "frames", "samples", "edges"),
    [
        ("davis346", 78830, 2.359945, 0.52337, 59, 2363, 236),
        ("davis346_flicker", 117667, 0.129999, 0.61498, 3, 130, 15),
        ("dvxplorer_mini", 111954, 0.589917, 0.49148, 0, 475, 0),
    ],
)
def test_real_recordings(
    name: str, count: int, duration_s: float, positive: float, frames: int, samples: int, edges: int, shared_data: Path
) -> None:
    path = shared_data / "vendor" / f"{name}.aedat4"
    recording = Config().load(path)
    events = recording.events
    assert (len(events), round(events.duration_s, 6)) == (count, duration_s)
    assert float(events.polarity.mean()) == pytest.approx(positive, abs=1e-5)
    assert (0 if recording.unposed_frames is None else len(recording.unposed_frames)) == frames
    assert recording.imu is not None
    assert len(recording.imu.t_us) == samples
    assert float(np.linalg.norm(recording.imu.acceleration.mean(0))) == pytest.approx(9.8, rel=0.1)
    assert (0 if recording.triggers is None else len(recording.triggers)) == edges
    assert Config(triggers="external").load(path).triggers is None
    faery = pytest.importorskip("faery")
    theirs = np.concatenate(list(faery.events_stream_from_file(path)))
    for key, column in (("t", events.t_us), ("x", events.x), ("y", events.y), ("on", events.polarity)):
        np.testing.assert_array_equal(theirs[key], column)


def test_real_frames_and_samples_are_those_of_faery(shared_data: Path) -> None:
    faery = pytest.importorskip("faery")
    path = shared_data / "vendor" / "davis346_flicker.aedat4"
    recording = Config().load(path)
    assert recording.unposed_frames is not None
    assert recording.imu is not None
    packets = [(track.data_type, packet) for track, packet in faery.aedat.Decoder(path)]
    frames = [packet for kind, packet in packets if kind == "frame"]
    np.testing.assert_array_equal(recording.unposed_frames.image[..., 0], [frame.pixels for frame in frames])
    middles = [(frame.exposure_start_t + frame.exposure_end_t) // 2 for frame in frames]
    assert recording.unposed_frames.t_us.tolist() == middles
    imu = np.concatenate([packet for kind, packet in packets if kind == "imus"])
    np.testing.assert_array_equal(recording.imu.t_us, imu["t"])
    np.testing.assert_allclose(recording.imu.acceleration[:, 1], imu["accelerometer_y"] * 9.80665, rtol=1e-6)
    np.testing.assert_allclose(recording.imu.gyro[:, 2], np.deg2rad(imu["gyroscope_z"]), rtol=1e-6)


def test_real_files_of_frames_alone(shared_data: Path) -> None:
    path = shared_data / "vendor" / "test_data_gray16.aedat4"
    with pytest.raises(InputError, match=r"contains no events, only frames \(stream 0\)"):
        Config().load(path)
    file = Config().open(path)
    assert (file.width, file.height) == (2, 2)
    assert list(file.events(Damages(path))) == []
    frames = file.side_streams(Damages(path)).frames
    assert frames is not None
    assert frames.image.ravel().tolist() == [1, 2, 3, 1023]
    assert frames.t_us.tolist() == [1000]
    path = path.with_name("test_data_unknown_then_gray16.aedat4")
    damages = Damages(path)
    frames = Config().open(path).side_streams(damages).frames
    assert damages.notes == ("Left out: frames whose pixels are of an unknown type (1 of them).",)
    assert frames is not None
    assert frames.image.ravel().tolist() == [1, 2, 3, 1023]


def test_matches_by_content(tmp_path: Path) -> None:
    assert matches(aedat4(tmp_path / "a"))
    assert not matches(tmp_path)


def test_an_open_file_takes_no_more_than_its_size(tmp_path: Path) -> None:
    """A small frame on an absurdly large sensor is refused, not surrounded by zeros."""
    from efields.formats.aedat.frame_stack import FrameStack

    stack = FrameStack(1 << 16, 1 << 16)
    assert not stack.add(np.zeros((2, 2, 1), dtype=np.uint8), 0)
    assert stack.frames() is None


def test_a_packet_that_hides_its_events_is_a_damage(tmp_path: Path) -> None:
    known = FILES["aedat4"](tmp_path)
    data = bytearray(known.path.read_bytes())
    place = data.rindex(b"EVTS") + 8
    assert data[place] == 4  # where the table holds its vector; 0: it has none
    data[place] = 0
    known.path.write_bytes(data)
    with pytest.raises(InputError, match="a packet's contents are broken at byte"):
        load(known.path)
