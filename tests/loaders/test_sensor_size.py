"""The size of the sensor: read from comments, assumed from events and said so, and never larger than a sensor is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from efields.errors import InputError
from efields.formats.columns.size_in_words import SizeInWords
from efields.loaders import load, open_events


def rows(count: int = 20) -> str:
    return "".join(f"{k / 100:.6f} {k % 30} {k % 20} {k % 2}\n" for k in range(count))


@pytest.mark.parametrize(
    "head",
    [
        "%geometry:346,260\n",
        "# 346x260\n",
        "# resolution: 346 x 260\n",
        "# width 346\n# height 260\n",
        "#width=346\n#height=260\n",
        "# sizeX=346 sizeY=260\n",
        "# camera;height=260;width=346\n",
        "// sensor size (w x h): 346, 260 px\n",
        "# (height, width) = (260, 346)\n",
        "# created 2024-01-02 10:11:12\n# v2e -i clip.avi --output_width=346 --output_height=260\n# t x y p\n",
        "width: 346, height: 260\n",
        "# AEChip: eu.seebetter.ini.chips.davis.DAVIS346B\n",
        "# v2e -i clip.avi --dvs346\n",
        "346 260\n",
    ],
)
def test_comments_say_the_size(head: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(head + rows())
    file = open_events(tmp_path / "a.txt")
    assert (file.width, file.height, file.size_assumed) == (346, 260, False)
    assert len(load(tmp_path / "a.txt").events) == 20


@pytest.mark.parametrize("line", ["made 2024-01-02", "dt 0.1x0.2", "Resolution: 1 us", "size: 123456 bytes", "dvs35"])
def test_other_comments_say_none(line: str) -> None:
    words = SizeInWords()
    assert not words.add(line.encode())
    assert words.size == (0, 0)


def test_a_size_from_events_is_said_to_be_assumed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(rows())
    file = open_events(tmp_path / "a.txt")
    assert (file.width, file.height, file.size_assumed) == (34, 34, True)
    assert "34 x 34 is assumed from the largest coordinates, 19 and 19" in file.notes[-1]
    assert not open_events(tmp_path / "a.txt", width=40, height=30).size_assumed


def write(folder: Path, kind: str, x: list[int], y: list[int]) -> Path:
    """A file of events at these places, 0.1 s from each other."""
    t, p = np.arange(len(x)) * 100_000 + 1, np.arange(len(x)) % 2
    path = folder / f"a.{kind}"
    if kind == "csv":
        path.write_text("x,y,t_us,p\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in zip(x, y, t, p, strict=True)))
    elif kind == "npz":
        np.savez(path, x=x, y=y, t_us=t, p=p)
    else:
        with h5py.File(path, "w") as file:
            file["t_offset"] = 0  # times are microseconds
            for name, column in {"x": x, "y": y, "t": t, "p": p}.items():
                file[f"events/{name}"] = np.asarray(column)
    return path


@pytest.mark.parametrize("kind", ["csv", "npz", "h5"])
def test_a_far_pixel_is_told_as_damage_before_memory_is_taken(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind, [10, 65535, 12], [10, 65535, 11])
    with pytest.raises(InputError, match=r"would need a sensor of 65536 x 65536 .* a few are within 13 x 12: .*damage"):
        load(path)
    assert len(load(path, width=64, height=48, salvage=True).events) == 2
    with pytest.raises(InputError, match=r"sensor of 65536 x 65536 pixels, whose tables would take 275 GB"):
        load(path, width=65536, height=65536)
    path = write(tmp_path, kind, list(range(6000)), list(range(6000)))  # none of them is alone
    with pytest.raises(InputError, match=r"x 5999, y 5999, which would need a sensor of 6000 x 6000 pixels; give"):
        load(path)
    assert load(path, width=5500, height=6000, salvage=True).events.width == 5500
    path = write(tmp_path, kind, [3, 1200, 5], [3, 5, 4])  # a sensor that there is, but hardly this one
    assert "those few may be damage" in open_events(path).notes[-1]


def test_a_header_with_an_absurd_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("%geometry:65000,65000\n" + rows())
    with pytest.raises(InputError, match="sensor of 65000 x 65000 pixels"):
        load(tmp_path / "a.txt")
    assert load(tmp_path / "a.txt", width=64, height=48).events.width == 64
