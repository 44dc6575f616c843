"""Previews: what they show is where the events are."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from efields import cli
from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.events.side_streams import Frames
from efields.events.survey import Survey
from efields.report.preview import write_preview


def bar() -> tuple[EventColumns, Survey]:
    """A bar that moves to the right, ON in front, in half a second."""
    k = np.arange(6000)
    events = EventColumns.of(k // 100, k % 40, k * 83, k % 2 == 0)
    survey = Survey(60, 40)
    survey.add(events)
    return events, survey


def test_a_film_follows_the_events(tmp_path: Path) -> None:
    events, survey = bar()
    said = write_preview(tmp_path / "a.mp4", in_chunks(events, 500), survey)
    film = iio.imread(tmp_path / "a.mp4").astype(float)
    assert len(film) == 90 and "times slower" in said
    coloured = 255 - film[:, : film.shape[1] - 30].min(axis=-1)
    columns = np.arange(film.shape[2])
    middle = [(coloured[k].sum(axis=0) * columns).sum() / coloured[k].sum() / film.shape[2] for k in (10, 45, 85)]
    assert middle == pytest.approx([10 / 90, 45 / 90, 85 / 90], abs=0.04)


def test_a_picture_of_six_moments(tmp_path: Path) -> None:
    events, survey = bar()
    write_preview(tmp_path / "a.png", in_chunks(events, 500), survey)
    picture = iio.imread(tmp_path / "a.png")[..., :3].astype(int)
    amber = (abs(picture - (0xFF, 0xB0, 0x00)).max(axis=-1) < 40).sum()
    assert picture.shape[1] > 1000
    assert amber > 100


def test_frames_stand_beside_and_behind_the_events(tmp_path: Path) -> None:
    events, survey = bar()
    image = np.zeros((2, 20, 30, 1), np.uint16)  # of another size than the sensor
    image[1] = 1000
    frames = Frames(image, np.array([100, 250_000], dtype=np.int64), 1000.0)
    write_preview(tmp_path / "a.mp4", in_chunks(events, 500), survey, frames)
    film = iio.imread(tmp_path / "a.mp4").astype(float)
    right = film[:, : film.shape[1] - 30, film.shape[2] * 3 // 5 :].mean(axis=(1, 2, 3))
    assert right[20] < 20 and right[-1] > 235
    write_preview(tmp_path / "a.png", in_chunks(events, 500), survey, frames)
    grey = (iio.imread(tmp_path / "a.png")[..., :3] == 155).all(axis=-1).mean()
    assert 0.1 < grey < 0.5


def test_bad_previews_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events, survey = bar()
    with pytest.raises(InputError, match=r"a preview cannot be written as '\.gif'"):
        write_preview(tmp_path / "a.gif", in_chunks(events), survey)
    with pytest.raises(InputError, match="no events to draw"):
        write_preview(tmp_path / "a.png", iter(()), Survey(4, 4))
    assert list(tmp_path.iterdir()) == []
    np.savetxt(
        tmp_path / "e.txt",
        np.column_stack([events.t_us * 1e-6, events.x, events.y, events.polarity]),
        fmt="%.6f %d %d %d",
    )
    assert cli.main(["info", str(tmp_path / "e.txt"), "--preview", str(tmp_path / "e.png")]) == 0
    assert "6 moments" in capsys.readouterr().out
    assert (tmp_path / "e.png").exists()
