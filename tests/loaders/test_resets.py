"""Recordings whose clock was reset, of several readers: the order of the file stays, and one part can be had alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields import cli
from efields.errors import InputError
from efields.loaders import load
from tests.contracts.samples import aedat, prophesee

T_US = np.concatenate([3_000_000 + np.arange(60) * 100, 20 + np.arange(40) * 100])
X, Y = np.arange(100) % 90, np.arange(100) % 70


def aedat2(folder: Path) -> Path:
    records = [((259 - y) << 22 | (345 - x) << 12, t) for x, y, t in zip(X, Y, T_US, strict=True)]
    return aedat.aedat2_file(folder / "r.aedat", records, "eu.seebetter.ini.chips.davis.Davis346blue")


def text(folder: Path) -> Path:
    rows = zip(T_US * 1e-6, X, Y, strict=True)
    (folder / "r.csv").write_text("t,x,y,p\n" + "".join(f"{t:.6f},{x},{y},0\n" for t, x, y in rows))
    return folder / "r.csv"


def arrays(folder: Path) -> Path:
    np.savez(folder / "r.npz", x=X, y=Y, t=T_US, p=0 * X)
    return folder / "r.npz"


def dat(folder: Path) -> Path:
    rows = zip(T_US.tolist(), X.tolist(), Y.tolist(), [0] * 100, strict=True)
    return prophesee.write_dat(folder / "r.dat", list(rows), sized=False)


READERS = pytest.mark.parametrize("write", [aedat2, text, arrays, dat])


@READERS
def test_the_order_of_the_file_stays_and_the_jump_is_named(write, tmp_path: Path) -> None:
    recording = load(write(tmp_path))
    np.testing.assert_array_equal(recording.events.x, X)
    np.testing.assert_array_equal(recording.events.t_us, 3_000_000 + np.arange(100) * 100)
    jump = "The clock was reset (from 3.005900 s to 0.000020 s in row 60)"
    assert any(note.startswith(jump) for note in recording.notes)


@READERS
@pytest.mark.parametrize(("on_reset", "rows"), [("first", slice(60)), ("last", slice(60, 100)), ("longest", slice(60))])
def test_one_part_is_kept_at_its_own_times(write, on_reset: str, rows: slice, tmp_path: Path) -> None:
    recording = load(write(tmp_path), on_reset=on_reset)  # type: ignore[arg-type]
    np.testing.assert_array_equal(recording.events.x, X[rows])
    np.testing.assert_array_equal(recording.events.t_us, T_US[rows])


@READERS
def test_convert_does_the_same(write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, size = str(write(tmp_path)), ("--width", "346", "--height", "260")
    for on_reset, t_us in (("follow", 3_000_000 + np.arange(100) * 100), ("last", T_US[60:])):
        out = tmp_path / f"{on_reset}.npz"
        assert cli.main(["convert", source, str(out), "--on-reset", on_reset, *size]) == 0
        np.testing.assert_array_equal(load(out).events.t_us, t_us)
    assert cli.main(["info", source]) == 0
    assert capsys.readouterr().out.count("The clock was reset") == 2


def test_an_unknown_way_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"on_reset is 'lastt'; did you mean 'last'"):
        load(text(tmp_path), on_reset="lastt")  # type: ignore[arg-type]
