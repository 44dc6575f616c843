"""Units of time: found where one is plausible, asked for where two are; times that lost their precision are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from efields.errors import InputError
from efields.formats.columns.time_precision import Unwrapped
from efields.loaders import load

N = 3000
RNG = np.random.default_rng(0)
X, Y, P = RNG.integers(0, 60, N), RNG.integers(0, 48, N), RNG.integers(0, 2, N)
DENSE = np.sort(RNG.integers(0, 400_000, N))
"""Microseconds, 7500 a second, none of them alike in their last three digits."""


def write(folder: Path, kind: str, t: np.ndarray) -> Path:
    path = folder / f"a.{kind}"
    if kind == "csv":
        words = [f"{v:.6f}" if t.dtype.kind == "f" else str(v) for v in t.tolist()]
        rows = zip(words, X, Y, P, strict=True)
        path.write_text("t,x,y,p\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    elif kind == "npz":
        np.savez(path, t=t, x=X, y=Y, p=P)
    elif kind == "npy":
        np.save(path, np.rec.fromarrays([t, X, Y, P], names="t,x,y,p"))
    else:
        with h5py.File(path, "w") as file:
            for name, column in {"x": X, "y": Y, "t": t, "p": P}.items():
                file[f"events/{name}"] = column
    return path


KINDS = pytest.mark.parametrize("kind", ["csv", "npz", "npy", "h5"])


@KINDS
@pytest.mark.parametrize(
    ("t", "one", "other"),
    [
        (
            DENSE * 1500,
            r"microseconds \(3,000 events in 599\.\d s, 5 a second\)",
            r"nanoseconds \(.* s, 5,00\d a second\)",
        ),
        (DENSE * 3000, r"microseconds \(3,000 events in 1,200 s, 2\.5 a second\)", "nanoseconds"),
    ],
    ids=["sparse", "whole thousands"],
)
def test_two_readings_are_asked_about(kind: str, t: np.ndarray, one: str, other: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind, t)
    with pytest.raises(
        InputError, match=f"times could be in {one} or {other}.*; choose with --time-unit us or --time-"
    ):
        load(path)
    assert load(path, time_unit="us").events.t_us.tolist() == t.tolist()
    assert load(path, time_unit="ns").events.t_us.tolist() == ((t + 500) // 1000).tolist()


@KINDS
@pytest.mark.parametrize(
    ("t", "unit", "us"),
    [
        (DENSE, "microseconds", 1.0),
        (DENSE * 20 + 7, "microseconds", 1.0),
        (DENSE * 1000 + 10**18, "nanoseconds", 1e-3),
        (DENSE + 1_700_000_000_000_000, "microseconds", 1.0),
        (DENSE * 1e-6, "seconds", 1e6),
        (DENSE * 1500e-6, "seconds", 1e6),
    ],
    ids=["us", "slow us", "ns since 1970", "us since 1970", "s", "sparse s"],
)
def test_one_reading_is_taken_and_said(kind: str, t: np.ndarray, unit: str, us: float, tmp_path: Path) -> None:
    recording = load(write(tmp_path, kind, t))
    expected = np.rint(t.astype(np.longdouble) * us).astype(np.int64)
    assert np.abs(recording.events.t_us - expected).max() <= 1
    assert any(f"Times are assumed to be in {unit}, from their values" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("comment", "us"),
    [("# timestamps in microseconds", 1.0), ("% time unit: ns", 1e-3), ("# t [us] or so", 1.0), ("// time (ms)", 1e3)],
)
def test_a_comment_says_the_unit(comment: str, us: float, tmp_path: Path) -> None:
    path = write(tmp_path, "csv", DENSE * 1500)
    path.write_text(f"{comment}\n{path.read_text()}")
    assert load(path).events.t_us.tolist() == np.floor(DENSE * 1500 * us + 0.5).astype(np.int64).tolist()


def test_milliseconds_with_three_decimals_are_asked_about_or_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"could be in seconds .* or milliseconds .*--time-unit s or --time-unit ms"):
        load(write(tmp_path, "npz", np.round(DENSE * 1e-3, 3)))
    found = load(write(tmp_path, "npz", np.round(DENSE * 1e-3, 3) * 1000), time_unit="us")
    assert found.events.t_us.tolist() == DENSE.tolist()
    assert (
        load(write(tmp_path, "npz", np.round(DENSE, 3) / 1000), time_unit="ms").events.t_us.tolist() == DENSE.tolist()
    )


@pytest.mark.parametrize("kind", ["npz", "npy", "h5"])
def test_times_that_a_float_could_not_hold_are_refused(kind: str, tmp_path: Path) -> None:
    epoch = DENSE * 1e-6 + 1.7e9
    for t, says in (
        (epoch.astype(np.float32), "the same time: a 32-bit float holds steps of 128 s at 1.7e"),
        (epoch.astype(np.float32).astype(np.float64), "the same time: a 32-bit float holds steps of 128 s at 1.7e"),
        ((epoch * 1e9).astype(np.float32), "a 32-bit float holds steps of 1.37439e"),
        ((DENSE * 1e-6 + 1e6).astype(np.float32), "only 7 times: a 32-bit float holds steps of 0.0625 at 1e"),
        (np.full(N, -(2**31), np.int32), "the same time, -2147483648"),
        (np.full(N, 1.7e9), "the same time"),
    ):
        with pytest.raises(InputError, match=says.replace("+", ".")):
            load(write(tmp_path, kind, t))
    kept = load(write(tmp_path, kind, epoch)).events.t_us
    assert np.abs(kept - DENSE - 1_700_000_000_000_000).max() <= 1
    kept = load(write(tmp_path, kind, (DENSE + 1.7e15) * 1e3)).events.t_us  # float64 nanoseconds hold steps of 256
    assert np.abs(kept - DENSE - 1_700_000_000_000_000).max() <= 1


def test_text_with_too_few_digits_is_refused(tmp_path: Path) -> None:
    rows = zip(X, Y, P, strict=True)
    (tmp_path / "a.csv").write_text("t,x,y,p\n" + "".join(f"1.7e+09,{a},{b},{c}\n" for a, b, c in rows))
    with pytest.raises(
        InputError, match=r"have the same time, 1700000000.*save the times again with all their digits|128 s"
    ):
        load(tmp_path / "a.csv")


def test_coarse_times_are_told(tmp_path: Path) -> None:
    def notes(t: np.ndarray) -> str:
        return " ".join(load(write(tmp_path, "npz", t), time_unit="s").notes)

    assert "steps of 7.81 ms, with" in notes((DENSE * 1e-6 + 1e5).astype(np.float32))
    assert "as 32-bit floats resolve no finer ones there" in notes((DENSE * 1e-6 + 1e5).astype(np.float32))
    assert "steps of 50 ms, with 375 events each." in notes((DENSE // 50_000) * 0.05)
    assert "steps" not in notes(DENSE * 1e-6)
    assert "steps" not in notes((DENSE * 1e-6).astype(np.float32))


@pytest.mark.parametrize("kind", ["npz", "npy", "h5", "csv"])
def test_times_that_overflowed_32_bits_go_on(kind: str, tmp_path: Path) -> None:
    t = DENSE + 2**31 - 200_000
    for dtype in (np.int32, np.int64):
        path = write(tmp_path, kind, t.astype(np.int32).astype(dtype))
        assert load(path).events.t_us.tolist() == t.tolist()


def test_counters_are_followed_from_block_to_block() -> None:
    t = np.arange(0, 3 << 31, 1 << 20)
    counter = Unwrapped()
    parts = [counter.where_they_turn(part) for part in np.array_split(t.astype(np.uint32), 97)]
    assert np.concatenate(parts).tolist() == t.tolist()


def test_a_format_that_says_its_unit_takes_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    from efields import cli

    path = write(tmp_path, "csv", DENSE * 1500)
    assert cli.main(["info", str(path)]) == 2
    assert "--time-unit us or --time-unit ns" in capsys.readouterr().err
    assert cli.main(["info", str(path), "--time-unit", "us"]) == 0
    assert "599." in capsys.readouterr().out
    (tmp_path / "a.raw").write_bytes(b"% evt 3.0\n% end\n")
    assert cli.main(["info", str(tmp_path / "a.raw"), "--time-unit", "us"]) == 2
    assert "the format of 'prophesee_raw' defines its unit" in capsys.readouterr().err
