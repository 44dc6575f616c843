"""Blocks that a disk or a download never wrote, in every camera's file: an error that names the byte, or salvaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.formats.blank import blank_records, runs_of
from efields.formats.evt.evt2 import Evt2Decoder, Evt21Decoder
from efields.formats.evt.evt3 import Evt3Decoder
from efields.loaders import find, load
from tests.contracts.samples import prophesee
from tests.fuzz.known import FILES
from tests.fuzz.silent import columns_of, difference

NAMES = [name for name in FILES if not name.startswith(("bag2", "aedat4_lz4"))]


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("fill", [b"\0", b"\xff"], ids=["zeros", "ones"])
@pytest.mark.parametrize("name", NAMES)
def test_a_block_is_a_damage(name: str, fill: bytes, first: int, tmp_path: Path) -> None:
    if name == "event_stream" and fill == b"\xff":
        pytest.skip("bytes of 0xFF are time that passes in an Event Stream")
    known = FILES[name](tmp_path)
    kind = find(known.path)
    data = bytearray(known.path.read_bytes())
    begin = len(data) // 16 * 8 + first
    data[begin : begin + 1024] = fill * 1024
    known.path.write_bytes(data)
    with pytest.raises(InputError, match=known.path.name):
        load(known.path, kind, **known.options)
    recording = load(known.path, kind, salvage=True, **known.options)
    assert any("Salvaged:" in note for note in recording.notes)
    lost, altered, added = difference(known.events, columns_of(recording))
    assert 0 < lost < known.events.count // 2
    if name == "event_stream":  # times count from event to event
        assert any("all times behind are early" in note for note in recording.notes)
        return
    assert altered + added <= 3  # at the edges of the block, half of a record may look whole


@pytest.mark.parametrize(
    ("decoder", "words", "is_block"),
    [
        (Evt3Decoder, [0, 0], False),
        (Evt3Decoder, [0, 0, 0], True),
        (Evt3Decoder, [5, 5, 5], True),  # a row without events, again and again
        (Evt3Decoder, [5, 6, 7, 8], True),  # rows without events
        (Evt3Decoder, [5, 6, 7], False),
        (Evt3Decoder, [0x4FFF] * 100, False),  # a row in which every pixel fires
        (Evt3Decoder, [0x8001, 0x6002] * 9 + [0x8001] * 50, False),
        (Evt3Decoder, [0x2003] * 8, True),
        (Evt3Decoder, [0xFFFF] * 3, True),
        (Evt2Decoder, [0, 0], False),
        (Evt2Decoder, [0, 0, 0], True),
        (Evt2Decoder, [0x10001802] * 7, False),
        (Evt2Decoder, [0x10001802] * 8, True),
        (Evt2Decoder, [0x80000003] * 50, False),
        (Evt2Decoder, [0xFFFFFFFF] * 3, True),
        (Evt21Decoder, [0, 0, 0], True),
        (Evt21Decoder, [1 << 60 | 1] * 3, False),
    ],
)
def test_words_that_no_camera_repeats(decoder: type, words: list[int], is_block: bool) -> None:
    other = 0x8 << (8 * decoder.WORD.itemsize - 4) | 7
    found = decoder.blocks(np.array([other, *words, other], decoder.WORD))
    assert (found is not None) == is_block
    if found is not None:
        np.testing.assert_array_equal(np.flatnonzero(found), 1 + np.arange(len(words)))


def test_runs_and_records() -> None:
    np.testing.assert_array_equal(runs_of(np.array([1, 1, 0, 1, 1, 1], bool), 3), [0, 0, 0, 1, 1, 1])
    data = np.array([0, 1, 0, 0, 0, 0, 9, 9, 255, 255, 255, 255, 0, 0], np.uint8)
    np.testing.assert_array_equal(blank_records(data, 2), [0, 1, 1, 0, 1, 1, 0])


@pytest.mark.parametrize(
    ("words", "write"),
    [
        (prophesee.evt2_words, prophesee.write_evt2),
        (prophesee.evt21_words, prophesee.write_evt21),
        (prophesee.evt3_words, prophesee.write_evt3),
    ],
)
def test_a_live_stream_begins_before_its_first_time(words, write, tmp_path: Path) -> None:
    rows = prophesee.rows()
    all_words = list(words(rows))
    each = len(all_words) // len(rows)
    begun = [word for k in range(5) for word in all_words[each * k + each - 1 : each * k + each]]  # without times
    recording = load(write(tmp_path / "r.raw", [*begun, *all_words]))
    assert recording.events.t_us.tolist() == sorted(t for t, _, _, _ in rows)
    left_out = "Left out: events before the first time and row words, where a live stream began (5 of them)."
    assert left_out in recording.notes
    with pytest.raises(InputError, match=r"has [0-9]+ events, but no time word \(TIME_HIGH\) before any"):
        load(write(tmp_path / "none.raw", begun))


def test_behind_lost_words_events_wait_for_a_time(tmp_path: Path) -> None:
    known = FILES["evt2_packed"](tmp_path)
    data = known.path.read_bytes()
    begin = data.index(b"% end\n") + 6
    words = np.frombuffer(data[begin:], "<u4").copy()
    words[500:700] = 0
    known.path.write_bytes(data[:begin] + words.tobytes())
    recording = load(known.path, salvage=True)
    assert difference(known.events, columns_of(recording))[1:] == (0, 0)  # none at a time that was not its own
