"""Times of frames in a file beside them: layouts, units, and what does not fit in one line."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from efields import cli
from efields.errors import InputError
from efields.simulation.frames import open_frames

TIMES = [0.0, 0.01, 0.025, 0.03]


def folder(tmp_path: Path, text: str, name: str = "timestamps.txt", sub: str = "") -> Path:
    path = tmp_path / "frames"
    (path / sub).mkdir(parents=True)
    for i in range(4):
        iio.imwrite(path / sub / f"{i}.png", np.full((4, 5), 60 * i + 20, np.uint8))
    (path / name).write_text(text)
    return path


def lines(form: str, scale: float = 1.0) -> str:
    return "".join(form.format(i=i, j=i + 1, t=t * scale, w=round(t * scale)) + "\n" for i, t in enumerate(TIMES))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (lines("{t:.6f}"), "s"),
        (lines("{t:.6f}", 1e3), "ms"),
        (lines("{w}", 1e6), "us"),
        (lines("{w}", 1e9), "ns"),
        (lines("{i} {t}"), "s"),
        (lines("{j},{w}", 1e6), "us"),
        (lines("{t} images/{i}.png"), "s"),
        ("# index time\n" + lines("{t} {i}"), "s"),
        ("name,timestamp [ns]\n" + "".join(lines("{i}.png,{w}", 1e9).splitlines(keepends=True)[::-1]), "ns"),
    ],
)
def test_layouts_and_units(text: str, unit: str, tmp_path: Path) -> None:
    frames = open_frames(folder(tmp_path, text))
    np.testing.assert_allclose([t for t, _ in frames.pairs], TIMES, atol=1e-9)
    assert frames.times_said == f"The times of the frames are those of timestamps.txt, in {unit}."


@pytest.mark.parametrize("sub", ["imgs", "images", "frames"])
def test_frames_may_lie_in_a_folder_beside_the_times(sub: str, tmp_path: Path) -> None:
    path = folder(tmp_path, lines("{t}"), sub=sub)
    for named in (path, path / sub):
        assert [t for t, _ in open_frames(named).pairs] == TIMES


def test_times_since_1970_are_read_by_their_size(tmp_path: Path) -> None:
    text = "".join(f"{1_700_000_000_000_000_000 + round(t * 1e9)}\n" for t in TIMES)
    found = np.array([t for t, _ in open_frames(folder(tmp_path, text)).pairs])
    np.testing.assert_allclose(found - found[0], TIMES, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lines("{t}")[:-5], "holds 3 times for 4 frames; give one time for each frame"),
        ("0\n1\n0.5\n2\n", "its times do not increase: frame 2 has 0.5"),
        ("0\n1\nnan\n2\n", "its times do not increase: frame 2 has nan"),
        ("0\n1\nx\n2\n", "holds 'x', which is not a time; every line must hold a time, an index and a time"),
        ("0\n1 2\n3\n2\n", "has lines of 1, 2 values"),
        ("0.5 0.1\n0.6 0.2\n0.7 0.3\n0.8 0.4\n", "holds two numbers per line, neither of them an index"),
        ("0\n0.5\n1\n1.5\n", r"could be in s \(2 frames a second\) or ms \(2,000 frames a second\).* --time-unit ms"),
    ],
)
def test_what_does_not_fit_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says) as caught:
        open_frames(folder(tmp_path, text))
    assert "timestamps.txt: " in str(caught.value) and "\n" not in str(caught.value)


def test_a_unit_that_is_given_counts(tmp_path: Path) -> None:
    path = folder(tmp_path, "0\n0.5\n1\n1.5\n")
    assert [t for t, _ in open_frames(path, time_unit="ms").pairs] == [0.0, 0.0005, 0.001, 0.0015]


def test_a_rate_beside_times_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path, lines("{t}"))
    assert cli.main(["simulate", "--frames", str(path), "--fps", "10", "--out", str(tmp_path / "out")]) == 2
    assert "gives the times of the frames, and so does --fps 10; leave --fps out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert cli.main(["simulate", "--frames", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert '"duration_s": 0.0' in capsys.readouterr().out
