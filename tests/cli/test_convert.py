"""`efields convert`: exact round trips through every writer, filters, and nothing half-written."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import efields
from efields import cli, writers
from efields.conversion.changes import Changes
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.formats.own_folder.events import write_events
from efields.geometry.camera import Camera
from efields.loaders import load, open_events
from efields.loaders.robust_enerf import save
from efields.recordings.recording import Views
from tests.contracts.samples.folders import ecd, robust_enerf


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A folder of 3000 events on 40 x 30 pixels, in efields' own layout."""
    rng = np.random.default_rng(1)
    t_us = np.sort(rng.integers(0, 400_000, 3000)) + 5_000_000
    events = EventColumns.of(rng.integers(0, 40, 3000), rng.integers(0, 30, 3000), t_us, rng.random(3000) < 0.5)
    (tmp_path / "source").mkdir()
    write_events(iter([events]), tmp_path / "source" / "events.h5", 40, 30)
    return tmp_path / "source"


def events_of(path: Path) -> EventColumns:
    file = open_events(path)
    return EventColumns.concat(list(file.events(Damages(file.path))))


def converted(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict:
    assert cli.main(["convert", *map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_same_in_python(recording: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    changes = Changes(crop="0,0,20,30", hot_rate_hz=1e6)
    done = efields.convert(recording, tmp_path / "out.npz", changes=changes, on_progress=lambda *s: stages.append(s[0]))
    assert (done.to, done.width, done.height, done.events_read) == ("npz", 20, 30, 3000)
    assert (
        done.events_written
        == events_of(recording).take(events_of(recording).x < 20).count
        == 3000 - sum(done.dropped.values())
    )
    assert list(dict.fromkeys(stages)) == ["counting events", "events"]
    with pytest.raises(efields.InputError, match="exists already"):
        efields.convert(recording, tmp_path / "out.npz")


@pytest.mark.parametrize(
    ("words", "first_us"),
    [
        (["--from-zero"], 0),
        (["--shift", "-1.5"], None),
        (["--from-zero", "--shift", "0.25"], 250_000),
        (["--start", "0.1", "--from-zero"], 0),
    ],
)
def test_times_are_shifted_last(
    words: list[str], first_us: int | None, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    converted(capsys, recording, tmp_path / "out.npz", *words)
    before, after = events_of(recording).t_us, events_of(tmp_path / "out.npz").t_us
    if "--start" in words:
        before = before[before >= before[0] + 100_000]
    by_us = -1_500_000 if first_us is None else first_us - before[0]
    np.testing.assert_array_equal(after, before + by_us)


def test_poses_and_frames_are_shifted_with_the_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = ecd(tmp_path / "source")
    converted(capsys, source, tmp_path / "out", "--from-zero")
    before, after = load(source), load(tmp_path / "out")
    by_us = -before.events.t_us[0]
    assert before.trajectory is not None
    assert after.trajectory is not None
    np.testing.assert_array_equal(after.events.t_us, before.events.t_us + by_us)
    np.testing.assert_array_equal(after.trajectory.t_us, before.trajectory.t_us + by_us)
    np.testing.assert_array_equal(after.frames.t_us, before.frames.t_us + by_us)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", writers.kinds())
def test_round_trips_are_exact(kind: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / f"out{writers.writer(kind).SUFFIX}"
    said = converted(capsys, recording, out, "--to", kind)
    assert (said["events_read"], said["events_written"], said["to"]) == (3000, 3000, kind)
    assert said["bytes"] > 0
    before, after = events_of(recording), events_of(out)
    for name, one, other in zip(("x", "y", "t_us", "polarity"), before, after, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    back = tmp_path / "back"
    converted(capsys, out, back, *([] if writers.writer(kind).STORES_SIZE else ["--width", "64", "--height", "48"]))
    for one, other in zip(before, events_of(back), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_ending_says_the_format(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert converted(capsys, recording, tmp_path / "a.raw")["to"] == "evt3"
    assert converted(capsys, recording, tmp_path / "a.aedat4")["to"] == "aedat4"
    assert converted(capsys, recording, tmp_path / "a")["to"] == "recording"
    assert cli.main(["convert", str(recording), str(tmp_path / "a.xyz")]) == 2
    assert "'.xyz' is not a known format" in capsys.readouterr().err


def test_filters_in_their_order(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--crop",
        "10,5,20,16",
        "--start",
        "0.1",
        "--stop",
        "0.3",
        "--downsample",
        "2",
        "--rotate",
        "90",
        "--thin",
        "3",
    )
    said = converted(capsys, recording, tmp_path / "out", *words)
    x, y, t, _ = events_of(recording)
    first = int(t[0])
    chosen = (t >= first + 100_000) & (t < first + 300_000)
    chosen &= (x >= 10) & (x < 30) & (y >= 5) & (y < 21)
    kept = np.flatnonzero(chosen)[::3]
    after = events_of(tmp_path / "out")
    assert (said["width"], said["height"]) == (8, 10)
    np.testing.assert_array_equal(after.t_us, t[kept])
    np.testing.assert_array_equal(after.x, 7 - (y[kept] - 5) // 2)
    np.testing.assert_array_equal(after.y, (x[kept] - 10) // 2)
    assert said["events_written"] == len(kept)
    assert sum(said["dropped"].values()) >= 2500 - len(kept)


def test_noise_filters_say_what_they_dropped(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = converted(
        capsys, recording, tmp_path / "a", "--background-us", "3000", "--refractory-us", "5000", "--hot-pixels"
    )
    assert 0 < said["events_written"] < 3000
    assert said["events_written"] + sum(said["dropped"].values()) == 3000
    assert cli.main(["convert", str(recording), str(tmp_path / "b"), "--background-us", "0"]) == 2
    assert "no events are left" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_poses_and_views_go_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = ecd(tmp_path / "ecd")
    before = load(source)
    converted(capsys, source, tmp_path / "out")
    after = load(tmp_path / "out")
    assert before.trajectory is not None and after.trajectory is not None
    np.testing.assert_allclose(after.trajectory.position, before.trajectory.position, atol=1e-12)
    np.testing.assert_array_equal(after.events.t_us, before.events.t_us)
    assert after.camera == before.camera
    assert before.frames is not None and after.frames is not None
    np.testing.assert_allclose(after.frames.image, before.frames.image, rtol=1e-6)
    said = converted(capsys, source, tmp_path / "out.txt")
    assert any("6 poses" in note for note in said["notes"])


def test_a_turned_camera_sees_the_same_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = load(robust_enerf(tmp_path / "published"))
    save(
        dataclasses.replace(source, camera=dataclasses.replace(source.calibrated, bayer=""), heldout=None),
        tmp_path / "grey",
    )

    def rays(path: Path) -> np.ndarray:
        """Where in the world the first events lie, from their camera."""
        recording = load(path)
        assert recording.trajectory is not None
        seconds = torch.from_numpy((recording.events.t_us[:10] - recording.trajectory.origin_us) * 1e-6)
        rotation = recording.trajectory.at(seconds).matrix()[:, :3, :3].numpy()
        return np.einsum("nij,nj->ni", rotation, recording.calibrated.bearings()[recording.events.pixel[:10]])

    for degrees in ("90", "180", "270"):
        converted(capsys, tmp_path / "grey", tmp_path / degrees, "--rotate", degrees)
        np.testing.assert_allclose(rays(tmp_path / degrees), rays(tmp_path / "grey"), atol=1e-6)


def test_bad_places_are_refused(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.txt"
    converted(capsys, recording, out)
    for words, said in (
        ((recording, out), "--overwrite"),
        ((recording, recording), "is the recording itself"),
        ((tmp_path / "nothing", tmp_path / "x"), "no such file"),
        ((recording, tmp_path / "y", "--crop", "1,2,3"), "four whole numbers"),
        ((recording, tmp_path / "y", "--crop", "30,20,30,30"), "does not lie on the sensor"),
        ((recording, tmp_path / "y", "--option", "salvage"), "name=value"),
        ((recording, tmp_path / "y", "--to", "evt9"), "no writer 'evt9'"),
        ((recording, tmp_path / "y", "--start", "3", "--stop", "1"), "no time between"),
    ):
        assert cli.main(["convert", *map(str, words)]) == 2, said
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    assert not (tmp_path / "y").exists()
    assert converted(capsys, recording, out, "--overwrite")["events_written"] == 3000


def test_times_that_go_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.txt"
    path.write_text(
        "".join(f"{t:.6f} {k % 8} {k % 6} {k % 2}\n" for k, t in enumerate([0.1, 0.3, 0.2, *np.arange(0.4, 1.4, 0.1)]))
    )
    said = converted(capsys, path, tmp_path / "out", "--width", "8", "--height", "6")
    assert any("went backwards" in note for note in said["notes"])
    assert events_of(tmp_path / "out").t_us.tolist() == [100_000 * k for k in range(1, 14)]


def test_a_size_that_is_only_assumed_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{k / 10:.6f} {k % 8} {k % 6} {k % 2}\n" for k in range(20)))
    for kind in writers.kinds():
        out = tmp_path / f"{kind}{writers.writer(kind).SUFFIX}"
        stores = writers.writer(kind).STORES_SIZE
        assert cli.main(["convert", str(path), str(out), "--to", kind]) == (2 if stores else 0)
        assert out.exists() is not stores
        if stores:
            said = capsys.readouterr().err
            assert f"34 x 34 is only assumed, but '{kind}' stores it; confirm it with --width 34 --height 34" in said
            converted(capsys, path, out, "--to", kind, "--crop", "0,0,8,6")


def test_text_whose_first_events_are_at_time_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times that look like polarities, but for their decimal point."""
    k = np.arange(5000)
    events = EventColumns.of(k % 320, k % 2, np.zeros(5000), k % 3 == 0)
    (tmp_path / "source").mkdir()
    write_events(iter([events]), tmp_path / "source" / "events.h5", 320, 240)
    converted(capsys, tmp_path / "source", tmp_path / "out.txt")
    for one, other in zip(events, events_of(tmp_path / "out.txt"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_of_another_camera_stay_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = load(ecd(tmp_path / "ecd"))
    assert source.frames is not None
    other = Camera(4, 3, 5.0, 5.0, 1.5, 1.0)
    one = source.frames
    frames = Views.stacked(
        one.image[:, :3, :4], one.T_world_camera, other, one.names, one.t_us, color_space=one.color_space
    )
    save(dataclasses.replace(source, frames=frames), tmp_path / "two")
    converted(capsys, tmp_path / "two", tmp_path / "out", "--crop", "2,1,5,4", "--rotate", "90")
    after = load(tmp_path / "out")
    assert after.frames is not None
    np.testing.assert_array_equal(after.frames.image, frames.image)
    np.testing.assert_allclose(after.frames.T_world_camera, frames.T_world_camera, atol=1e-12)
    assert (after.calibrated.width, after.calibrated.height) == (4, 5)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("name", ["out", "out.raw"])
def test_a_conversion_that_is_ended_leaves_nothing(name: str, recording: Path, tmp_path: Path) -> None:
    script = f"""
import os, signal, sys
from efields import cli
from efields.recordings.event_file import EventFile
def events(self, damages, before=EventFile.events):
    yield from before(self, damages)
    os.kill(os.getpid(), signal.SIGTERM)
EventFile.events = events
sys.exit(cli.main(["convert", {str(recording)!r}, {str(tmp_path / name)!r}]))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
