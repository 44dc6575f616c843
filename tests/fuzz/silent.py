"""What readers lose without a word: `python -m tests.fuzz.silent NAME --count 20000 --seconds 600`.

Each file of `tests/fuzz/known` is damaged once at a time and read again. Whatever the reader then neither refuses nor
names in a note of the recording is compared with the events that the file was made of, and the table says for each kind
of damage how many events were lost, altered or added in silence, and what was altered in them.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.loaders import find, load, loader
from efields.recordings.recording import Recording
from tests.fuzz.known import FILES, Known
from tests.fuzz.mutate import DAMAGES
from tests.fuzz.run import guarded, watched

CAUSES = ("place", "time", "cut at the end", "missing", "added")


@dataclasses.dataclass
class Silence:
    """What became of the files of one kind of damage."""

    files: int = 0
    refused: int = 0
    """Files that were an error of one line."""
    equal: int = 0
    """Files that gave the true events."""
    noted: int = 0
    """Files that gave others, and a note."""
    understated: int = 0
    """Of those, files of which more events are gone than the note says, where it counts events alone."""
    silent: int = 0
    """Files that gave others without a word."""
    lost: int = 0
    """Events that are not there, without a word."""
    altered: int = 0
    """Events with another time, place or polarity, without a word."""
    added: int = 0
    """Events that never were, without a word."""
    causes: Counter[str] = dataclasses.field(default_factory=Counter)
    """Silent files by what is wrong in them."""

    def __add__(self, other: Silence) -> Silence:
        counts = {
            each.name: getattr(self, each.name) + getattr(other, each.name) for each in dataclasses.fields(Silence)
        }
        return Silence(**counts)


def fuzz(name: str, count: int, seconds: float, seed: int, folder: Path) -> dict[str, Silence]:
    """Damage a file `count` times, for at most so many seconds; the kinds of damage in turn, salvaging every other."""
    known = FILES[name](folder)
    data, kind = known.path.read_bytes(), find(known.path)
    usual = set(load(known.path, kind, **known.options).notes)
    salvages = hasattr(loader(kind).Config, "salvage")
    rng, until = np.random.default_rng(seed), time.monotonic() + seconds
    table = {damage.__name__: Silence() for damage in DAMAGES}
    for number in range(count):
        if time.monotonic() > until:
            break
        damage = DAMAGES[number % len(DAMAGES)]
        known.path.write_bytes(damage(data, rng))
        options = {"salvage": True} if salvages and number // len(DAMAGES) % 2 else {}
        _one(known, kind, options, usual, table[damage.__name__])
    return table


def _one(known: Known, kind: str, options: dict[str, Any], usual: set[str], told: Silence) -> None:
    told.files += 1
    try:
        with watched():
            recording = load(known.path, kind, **{**known.options, **options})
    except InputError:
        told.refused += 1
        return
    lost, altered, added = difference(known.events, columns_of(recording))
    if not (lost or altered or added):
        told.equal += 1
    elif set(recording.notes) - usual:
        told.noted += 1
        told.understated += _understated(lost, recording.notes)
    else:
        told.silent += 1
        told.lost, told.altered, told.added = told.lost + lost, told.altered + altered, told.added + added
        told.causes[cause(known.events, columns_of(recording))] += 1


def _understated(lost: int, notes: tuple[str, ...]) -> bool:
    """Whether more events are lost than the note on salvage says; bytes hold an unknown number of them."""
    said = next((note for note in notes if note.startswith("Salvaged:")), "")
    count = re.search(r"lost ([\d,]+) events\.$", said)
    return count is not None and lost > int(count[1].replace(",", ""))


def columns_of(recording: Recording) -> EventColumns:
    """The events of a recording, as columns."""
    events = recording.events
    return EventColumns(events.x, events.y, events.t_us, events.polarity)


def difference(truth: EventColumns, read: EventColumns) -> tuple[int, int, int]:
    """Events lost, altered and added; one that is missing and one that never was are one altered."""
    keys = np.concatenate([_keys(truth), _keys(read)])
    sign = np.repeat([1, -1], [truth.count, read.count])
    _, which = np.unique(keys, return_inverse=True)
    left = np.bincount(which, weights=sign)
    missing, extra = int(left[left > 0].sum()), -int(left[left < 0].sum())
    altered = min(missing, extra)
    return missing - altered, altered, extra - altered


def cause(truth: EventColumns, read: EventColumns) -> str:
    """What is wrong with events that differ from the truth: one of `CAUSES`."""
    if read.count == truth.count:
        return "place" if np.array_equal(truth.t_us, read.t_us) else "time"
    if read.count > truth.count:
        return "added"
    begin = truth.take(slice(read.count))
    return "cut at the end" if not any(difference(begin, read)) else "missing"


def _keys(events: EventColumns) -> np.ndarray:
    """One number an event; that two differing ones share one is as good as impossible."""
    place = events.x.astype(np.uint64) << np.uint64(17) | events.y.astype(np.uint64) << np.uint64(1)
    place |= events.polarity.astype(np.uint64)
    return events.t_us.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ place * np.uint64(0xC2B2AE3D27D4EB4F)


def lines(name: str, table: dict[str, Silence]) -> list[str]:
    """The table of one file, a row a kind of damage."""
    heads = ("files", "refused", "equal", "noted", "understated", "silent", "lost", "altered", "added")
    rows = [f"{name:<16}" + "".join(f"{head:>12}" for head in heads)]
    for damage, told in [*table.items(), ("all", sum(table.values(), Silence()))]:
        why = ", ".join(f"{count} {what}" for what, count in told.causes.most_common())
        rows.append(f"{damage:<16}" + "".join(f"{getattr(told, head):12}" for head in heads) + f"  {why}".rstrip())
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[], help=f"of: {', '.join(FILES)}")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    guarded()
    for name in args.names or FILES:
        with tempfile.TemporaryDirectory() as folder:
            table = fuzz(name, args.count, args.seconds, args.seed, Path(folder))
        print("\n".join(lines(name, table)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
