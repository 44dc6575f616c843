"""What cannot be worked with, through the command itself: one clear line, exit code 2, nothing half-written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from efields import cli
from efields.train import Run
from tests.contracts.samples.folders import ecd

Damage = Callable[[Path], object]


def change(name: str, **columns: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """Rewrites arrays of one .npz file of a native recording."""

    def apply(recording: Path) -> None:
        with np.load(recording / name) as archive:
            arrays = {key: archive[key] for key in archive.files}
        np.savez(recording / name, **{key: columns.get(key, np.asarray)(value) for key, value in arrays.items()})

    return apply


def put(index: tuple[int, ...] | int, value: float, kind: type | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Sets one element, after a change of type where one is given."""

    def apply(array: np.ndarray) -> np.ndarray:
        changed = array.astype(kind or array.dtype)
        changed[index] = value
        return changed

    return apply


def none(array: np.ndarray) -> np.ndarray:
    return array[:0]


def swapped(array: np.ndarray) -> np.ndarray:
    """Three neighbouring pairs in the wrong order."""
    changed = array.copy()
    distinct = np.flatnonzero(np.diff(changed))
    for first in (distinct[0], distinct[len(distinct) // 2], distinct[-1]):
        changed[[first, first + 1]] = changed[[first + 1, first]]
    return changed


def test_the_recording_these_tests_break_is_good(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "tiny"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda r: shutil.rmtree(r), "tiny: no such file", id="missing folder"),
        pytest.param(lambda r: (r / "raw_events.npz").unlink(), "tiny: ", id="missing file"),
        pytest.param(
            lambda r: (r / "views/transforms_test.json").write_text("{"), "transforms_test.json: ", id="broken json"
        ),
        pytest.param(
            change("raw_events.npz", position=none, timestamp=none, polarity=none), "no events", id="empty recording"
        ),
        pytest.param(
            change("raw_events.npz", position=put((3, 0), 16)),
            "lie outside the 16 x 16 sensor",
            id="events outside the sensor",
        ),
        pytest.param(
            change("raw_events.npz", polarity=lambda p: np.arange(len(p)) % 3 - 1),
            "polarity has the values -1, 0, 1",
            id="polarity of three values",
        ),
        pytest.param(
            change("camera_poses.npz", T_wc_position=put((5, 1), np.nan)), "camera_poses.npz: ", id="NaN position"
        ),
        pytest.param(
            change("camera_poses.npz", T_wc_orientation=put((5, 3), np.nan)), "camera_poses.npz: ", id="NaN orientation"
        ),
        pytest.param(
            change("camera_poses.npz", T_wc_timestamp=lambda t: t + 10**12),
            "cover none of the events",
            id="poses that cover no event",
        ),
        pytest.param(
            change("camera_poses.npz", T_wc_orientation=lambda q: 1.1 * q), "unit", id="quaternions not of unit length"
        ),
        pytest.param(
            change("camera_calibration.npz", intrinsics=put((0, 0), 0.0)), "focal length", id="zero focal length"
        ),
        pytest.param(
            change("camera_calibration.npz", neg_contrast_threshold=lambda _: np.array(0.0)),
            "c_neg = 0; give",
            id="zero C",
        ),
        pytest.param(
            lambda r: (r / "raw_events.npz").write_bytes((r / "raw_events.npz").read_bytes()[:900]),
            "raw_events.npz: ",
            id="events cut short",
        ),
    ],
)
def test_a_broken_recording_starts_no_run(
    here: Path, damage: Damage, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(here / "tiny")
    for words in (["train", "small.toml", "--scene", "tiny", "--threads", "1"], ["info", "tiny"]):
        assert cli.main(words) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.count("\n") == 1, told.err
        assert told.err.startswith("efields: ")
        assert said in told.err
    assert not (here / "runs").exists()
    assert not list(here.rglob("*.part"))


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("events.txt", "1.5 3 4 x", "is '1.5 3 4 x'"),
        ("calib.txt", "0 11 3.5 2.5 0 0 0 0 0", "focal length"),
        ("groundtruth.txt", "1.0 0 0 nan 0 0 0 1", "groundtruth.txt: "),
        ("groundtruth.txt", "1.0 0 0 0 0 0 0 2", "unit"),
    ],
)
def test_a_broken_text_recording_is_one_line(
    here: Path, file: str, line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ecd(here / "text")
    lines = (folder / file).read_text().splitlines()
    lines[min(2, len(lines) - 1)] = line
    (folder / file).write_text("\n".join(lines) + "\n")
    assert cli.main(["info", "text"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(
            change("raw_events.npz", timestamp=swapped), "3 of {n} events go backwards in time; sorted", id="backwards"
        ),
        pytest.param(
            change(
                "camera_poses.npz",
                T_wc_position=lambda a: a[:-10],
                T_wc_orientation=lambda a: a[:-10],
                T_wc_timestamp=lambda a: a[:-10],
            ),
            "lie outside the time of the poses and are not used",
            id="uncovered events",
        ),
    ],
)
def test_what_can_be_mended_is_counted_in_a_warning(
    here: Path, damage: Damage, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load("tiny/raw_events.npz") as archive:
        count = len(archive["timestamp"])
    damage(here / "tiny")
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--steps", "1", "--json"]) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said.format(n=count) in error
    assert (here / "runs/small/report.html").is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[trian]\nsteps = 3\n", "did you mean 'train'?"),
        ("[train]\nstep = 3\n", "did you mean 'steps'?"),
        ("[train]\nstep = 3\n", "wrong.toml: train: "),
        ("[losses.event_intervall]\n", "did you mean 'event_interval'?"),
        ('[field]\nkind = "hash_gird"\n', "did you mean 'hash_grid'?"),
        ("[losses.event_intervall]\n", "wrong.toml: "),
        ('[field]\nkind = "hash_gird"\n', "wrong.toml: "),
        ('[train]\nsteps = "many"\n', "steps"),
        ("[train\n", "wrong.toml: "),
    ],
)
def test_a_wrong_config_is_one_line(here: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.toml").write_text(text)
    assert cli.main(["train", "wrong.toml", "--scene", "tiny", "--threads", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not (here / "runs").exists()


@pytest.mark.parametrize("keep", [0, 100, -1000])
@pytest.mark.parametrize("verb", ["render", "evaluate", "train"])
def test_a_checkpoint_cut_short_is_one_line(
    tiny_run: Run, here: Path, keep: int, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run.path, here / "cut")
    checkpoint = here / "cut/checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (here / "cut").iterdir())
    words = ["train", "cut/config.toml", "--resume"] if verb == "train" else [verb, "cut"]
    scene = [] if verb == "render" else ["--scene", "tiny"]
    assert cli.main([*words, *scene, "--threads", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert "checkpoint.pt: the checkpoint is damaged or cut short" in error
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (here / "cut").iterdir()) == before


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_full_disk_is_one_line_and_leaves_no_half_file(
    here: Path, nth: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The n-th file that the run writes meets a disk with no room for its second half."""
    written, write = [], Path.write_bytes

    def on_a_small_disk(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) < nth:
            return write(path, data)
        write(path, bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", on_a_small_disk)
        assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert "No space left on device" in said.err
    assert len(written) == nth
    assert not list(here.rglob("*.part"))


def test_a_folder_that_may_not_be_written_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").write_text("a file where the folder of runs should go")
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", "--json"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
