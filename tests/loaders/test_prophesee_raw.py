"""Prophesee RAW: words known by hand, traps of time and geometry, damage, and real files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.kernels import present
from efields.formats.damages import Damages
from efields.formats.evt.decoder import EvtDecoder
from efields.formats.evt.evt2 import Evt2Decoder, Evt21Decoder
from efields.formats.evt.evt3 import Evt3Decoder
from efields.formats.evt.header import read_header
from efields.loaders import load, open_events
from tests.contracts.samples import prophesee as sample

DECODERS = (Evt2Decoder, Evt21Decoder, Evt3Decoder)
KIND = "prophesee_raw"


def decoded(kind: type[EvtDecoder], words: list[int], kernels: bool = True) -> list[tuple[int, int, int, int]]:
    columns = kind(kernels).decode(np.array(words, kind.WORD))
    return [(int(t), int(x), int(y), int(p)) for x, y, t, p in zip(*columns, strict=True)]


def columns_of(path: Path, salvage: bool = False) -> EventColumns:
    file = open_events(path, KIND)
    return EventColumns.concat(list(file.events(Damages(path, salvage))))


@pytest.mark.parametrize("kernels", [False, True])
def test_evt3_words(kernels: bool) -> None:
    words = [
        0x8001, 0x6002,  # time 1 << 12 | 2
        0x0805,  # row 5; bit 11 names the other camera and is no part of it
        0x2803,  # ON at x 3
        0x300A, 0x4801, 0x5081,  # OFF vectors: 10 and 21, then from 22 on: 22 and 29
        0x7FFF, 0xE014, 0xFABC,  # other messages
        0x6003, 0x2001,
        0x8001, 0x2002,  # the same upper time again: the lower stays
        0x8002, 0x2003,  # another one: the lower is 0
    ]  # fmt: skip
    t = 4098
    assert decoded(Evt3Decoder, words, kernels) == [
        (t, 3, 5, 1), (t, 10, 5, 0), (t, 21, 5, 0), (t, 22, 5, 0), (t, 29, 5, 0),
        (t + 1, 1, 5, 0), (t + 1, 2, 5, 0), (8192, 3, 5, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("kernels", [False, True])
def test_evt2_words(kernels: bool) -> None:
    words = [0x80000003, 0x10001802 | 9 << 22, 0xE0000014, 0xF1234567, 63 << 22 | 2047 << 11 | 2047]
    assert decoded(Evt2Decoder, words, kernels) == [(3 * 64 + 9, 3, 2, 1), (3 * 64 + 63, 2047, 2047, 0)]


def test_evt21_words() -> None:
    vector = 1 << 60 | 5 << 54 | 64 << 43 | 7 << 32 | 0x80000005
    words = [8 << 60 | 2 << 32 | 0xDEAD, vector, 14 << 60, 15 << 60]
    assert decoded(Evt21Decoder, words) == [(133, 64, 7, 1), (133, 66, 7, 1), (133, 95, 7, 1)]


@pytest.mark.parametrize("kernels", [False, True])
@pytest.mark.parametrize(
    ("kind", "upper", "event", "bits"),
    [
        (Evt3Decoder, lambda v: [0x8000 | v, 0x0000], [0x2001], 24),
        (Evt2Decoder, lambda v: [0x80000000 | v], [0x00000800], 34),
        (Evt21Decoder, lambda v: [8 << 60 | v << 32], [1], 34),
    ],
)
def test_time_wraps(
    kind: type[EvtDecoder], upper: Callable[[int], list[int]], event: list[int], bits: int, kernels: bool
) -> None:
    low = 12 if kind is Evt3Decoder else 6
    last = (1 << (bits - low)) - 1
    words = [word for value in (last, 0, 5, 3, last, 0) for word in (*upper(value), *event)]
    wrap = 1 << bits
    step = 1 << low
    got = [t for t, _, _, _ in decoded(kind, words, kernels)]
    # 5 to 3 goes backwards; 3 to the last is a step forward.
    assert got == [last * step, wrap, wrap + 5 * step, wrap + 3 * step, wrap + last * step, 2 * wrap]


@pytest.mark.parametrize("kernels", [False, True])
@pytest.mark.parametrize("kind", DECODERS)
def test_triggers_and_what_has_no_time(kind: type[EvtDecoder], kernels: bool) -> None:
    words = {
        Evt3Decoder: [0x0001, 0x2001, 0xA101, 0x8000, 0x6007, 0xA101, 0xA000, 0x9000],
        Evt2Decoder: [1 << 28, 0xA0000001, 0x80000000, 0xA0000101 | 7 << 22, 0xA0000000 | 7 << 22, 0x90000000],
        Evt21Decoder: [0x10, 10 << 60, 8 << 60, 10 << 60 | 7 << 54 | 0x101 << 32, 10 << 60 | 7 << 54, 9 << 60],
    }[kind]
    decoder = kind(kernels)
    columns = decoder.decode(np.array(words, kind.WORD))
    assert columns.count == 0
    assert (decoder.unplaced, decoder.unknown, decoder.first_unknown) == (2, 1, len(words) - 1)
    assert decoder.triggers.t_us.tolist() == [7, 7]
    assert decoder.triggers.rising.tolist() == [True, False]


@pytest.mark.skipif(not present(), reason="no compiled kernels")
@pytest.mark.parametrize("kind", [Evt2Decoder, Evt3Decoder])
@given(data=st.binary(max_size=600), cut=st.integers(0, 300))
@settings(max_examples=150, deadline=None)
def test_kernels_equal_numpy_in_any_pieces(kind: type[EvtDecoder], data: bytes, cut: int) -> None:
    words = np.frombuffer(data[: len(data) // 4 * 4], kind.WORD)
    found = []
    for kernels, pieces in ((False, [words]), (True, [words[:cut], words[cut:]]), (False, [words[:cut], words[cut:]])):
        decoder = kind(kernels)
        columns = EventColumns.concat([decoder.decode(piece) for piece in pieces])
        triggers = decoder.triggers
        found.append((*columns, triggers.t_us, triggers.rising, decoder.unknown, decoder.unplaced))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("write", [sample.write_evt2, sample.write_evt3, sample.write_evt21])
def test_each_version_is_read(write: Callable[..., Path], tmp_path: Path) -> None:
    words = {sample.write_evt2: sample.evt2_words, sample.write_evt3: sample.evt3_words}.get(write, sample.evt21_words)
    recording = load(write(tmp_path / "a.raw", words(sample.rows())))
    events = recording.events
    assert (events.width, events.height, recording.notes) == (8, 6, ())
    got = zip(events.t_us, events.x, events.y, events.polarity, strict=True)
    assert [tuple(map(int, event)) for event in got] == sample.rows()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("said", ["", "legacy", "little"])
def test_evt21_order_of_halves(legacy: bool, said: str, tmp_path: Path) -> None:
    if (said, legacy) in (("legacy", False), ("little", True)):
        return
    header = sample.RAW_HEADER.replace(";width=8", f";width=8;endianness={said}") if said else sample.RAW_HEADER
    path = sample.write_evt21(tmp_path / "a.raw", sample.evt21_words(sample.rows()), header, legacy=legacy)
    assert columns_of(path).x.tolist() == [x for _, x, _, _ in sample.rows()]


def test_geometry_from_header_options_or_the_camera_of_that_time(tmp_path: Path) -> None:
    words = list(sample.evt2_words(sample.rows()))
    old = "% Date 2020-09-25 07:48:31\n% evt 2.0\n"
    file = open_events(sample.write_evt2(tmp_path / "a.raw", words, old))
    assert (file.width, file.height) == (640, 480)
    assert "640 x 480 is assumed" in file.notes[0]
    file = open_events(tmp_path / "a.raw", width=10, height=7)
    assert (file.width, file.height, file.notes) == (10, 7, ())
    only_format = "% format EVT3;height=6;width=8\n"
    file = open_events(sample.write_evt3(tmp_path / "b.raw", sample.evt3_words(sample.rows()), only_format))
    assert (file.format, file.width, file.height) == ("Prophesee EVT 3.0", 8, 6)
    with pytest.raises(InputError, match="sensor of 0 x 7"):
        open_events(sample.write_evt2(tmp_path / "c.raw", words, "% evt 2.0\n% geometry 0x7\n"))


def test_t0_of_faerys_header_is_added(tmp_path: Path) -> None:
    header = sample.RAW_HEADER.replace("% end", "% t0 123456789012\n% end")
    path = sample.write_evt2(tmp_path / "a.raw", sample.evt2_words(sample.rows()), header)
    assert columns_of(path).t_us[0] == sample.rows()[0][0] + 123456789012


def test_a_header_ends_where_text_ends() -> None:
    assert read_header(b"% evt 3.0\n% \xff\x80\n").end == 10
    assert read_header(b"% evt 3.0\n%\x80").end == 10
    assert read_header(b"% evt 3.0\n% end\n% evt 2.0\n").values["evt"] == "3.0"
    assert read_header(b"").end == 0


@pytest.mark.parametrize("version", ["2", "21", "3"])
def test_cut_at_every_byte(version: str, tmp_path: Path) -> None:
    write, words = {
        "2": (sample.write_evt2, sample.evt2_words),
        "21": (sample.write_evt21, sample.evt21_words),
        "3": (sample.write_evt3, sample.evt3_words),
    }[version]
    path = write(tmp_path / "a.raw", list(words(sample.rows()[:12])))
    data = path.read_bytes()
    whole = columns_of(path)
    start = data.index(b"% end\n") + 6
    size = {"2": 4, "21": 8, "3": 2}[version]
    for length in range(start + 1, len(data)):
        path.write_bytes(data[:length])
        if (length - start) % size:
            with pytest.raises(InputError, match="truncated at byte"):
                columns_of(path)
        salvaged = columns_of(path, salvage=True)
        assert salvaged.count <= whole.count
        for a, b in zip(salvaged, whole, strict=True):
            np.testing.assert_array_equal(a, b[: len(a)])


def long_words() -> Iterator[int]:
    """A thousand events, as a camera writes them: each value of the upper time appears."""
    rng = np.random.default_rng(3)
    t = np.cumsum(rng.integers(0, 40, 3000))
    yield from sample.evt3_words(
        [(int(s), int(rng.integers(6)), int(rng.integers(6)), int(rng.integers(2))) for s in t]
    )


@pytest.mark.parametrize("damage", ["garbage", "missing byte"])
def test_salvage_goes_on_behind_broken_words_with_the_right_time(damage: str, tmp_path: Path) -> None:
    path = sample.write_evt3(tmp_path / "a.raw", list(long_words()))
    whole, data = columns_of(path), bytearray(path.read_bytes())
    middle = len(data) // 2
    if damage == "garbage":
        data[middle : middle + 500] = np.random.default_rng(1).bytes(500)
    else:
        del data[middle]
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="no type that the format has at byte") as caught:
        columns_of(path)
    assert "--salvage" in str(caught.value)
    damages = Damages(path, salvage=True)
    salvaged = EventColumns.concat(list(open_events(path).events(damages)))
    rows = {tuple(map(int, event)) for event in zip(*whole, strict=True)}
    assert {tuple(map(int, event)) for event in zip(*salvaged, strict=True)} <= rows
    assert whole.count - 250 < salvaged.count < whole.count
    assert 0 < damages.lost_bytes < 1200
    assert "Salvaged" in damages.notes[0]


def test_events_outside_of_the_sensor(tmp_path: Path) -> None:
    path = sample.write_evt3(tmp_path / "a.raw", sample.evt3_words([*sample.rows(), (2_000_000, 8, 0, 1)]))
    with pytest.raises(InputError, match="outside the 8 x 6 sensor"):
        load(path)


def test_millions_of_events_in_one_microsecond(tmp_path: Path) -> None:
    words = np.concatenate([[0x8000, 0x6001, 0x0002, 0x3800], np.tile([0x3800, 0x4FFF], 200_000)]).astype("<u2")
    path = tmp_path / "a.raw"
    path.write_bytes(b"% evt 3.0\n% geometry 16x4\n% end\n" + words.tobytes())
    columns = columns_of(path)
    assert columns.count == 2_400_000
    assert (columns.t_us == 1).all()


def test_one_line_for_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "head.raw").write_text("% evt 3.0\n% end\n")
    (tmp_path / "other.raw").write_text("% evt 4.0\n% end\n")
    for name, says in (
        ("folder", "is a folder"),
        ("head.raw", "contains no events"),
        ("other.raw", "names none of EVT"),
    ):
        with pytest.raises(InputError, match=says):
            load(tmp_path / name, KIND)


REAL = [  # of the README beside the files; share of ON as faery reads them
    ("evt3.raw", 1_218_618, 10.768, (1280, 720), 0.4540, 11_200_224),
    ("evt3_sample.raw", 219_596, 0.009, (1280, 720), 0.5261, 11_718_656),
    ("evt2.raw", 521_252, 0.096, (640, 480), 0.3566, 913_716_224),
    ("evt2_sample.raw", 539_481, 0.050, (640, 480), 0.6819, 1_317_888),
]


@pytest.mark.parametrize("salvage", [False, True])
@pytest.mark.parametrize(("name", "count", "seconds", "size", "on", "start"), REAL, ids=lambda value: str(value))
def test_real_files(
    shared_data: Path,
    name: str,
    count: int,
    seconds: float,
    size: tuple[int, int],
    on: float,
    start: int,
    salvage: bool,
) -> None:
    recording = load(shared_data / "vendor" / name, salvage=salvage)
    events = recording.events
    assert len(events) == count
    assert (events.width, events.height) == size
    assert round((events.t_us[-1] - events.t_us[0]) * 1e-6, 3) == seconds
    assert events.t_us[0] == start
    assert round(float(events.polarity.mean()), 4) == on
    assert not any("Salvaged" in note for note in recording.notes)


@pytest.mark.parametrize("name", ["evt3.raw", "evt2_sample.raw"])
def test_real_files_equal_faery(shared_data: Path, name: str) -> None:
    faery = pytest.importorskip("faery")
    theirs = np.concatenate(list(faery.events_stream_from_file(shared_data / "vendor" / name)))
    ours = columns_of(shared_data / "vendor" / name)
    for column, field in zip(ours, ("x", "y", "t", "on"), strict=True):
        np.testing.assert_array_equal(column, theirs[field])
