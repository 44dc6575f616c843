"""`efields train` on a recording as it came, with the camera and the poses given beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from efields import cli
from efields.cli.train import Args, _experiment
from efields.config import experiment_from_table, load_experiment
from efields.errors import InputError


@pytest.fixture
def files(here: Path) -> Path:
    """`tiny/` without poses and views, its poses in `poses.txt` and its calibration in `camera.txt`, 0.1 s ahead."""
    with np.load("tiny/camera_poses.npz") as poses:
        columns = [poses[name] for name in ("T_wc_timestamp", "T_wc_position", "T_wc_orientation")]
    with np.load("tiny/camera_calibration.npz") as calibration:
        K = calibration["intrinsics"]
    Path("tiny/camera_poses.npz").unlink()
    rows = zip(columns[0], np.column_stack(columns[1:]), strict=True)
    lines = [f"{t * 1e-9 + 0.1:.6f} {' '.join(f'{v:.17g}' for v in row)}\n" for t, row in rows]
    Path("poses.txt").write_text("".join(lines))
    Path("camera.txt").write_text(f"{K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}\n")
    return here


GIVEN = ("--camera", "camera.txt", "--poses", "poses.txt", "--time-offset", "0.1")


def losses(run: str) -> list[float]:
    return [json.loads(line)["loss"] for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def test_poses_and_camera_of_files_train_as_those_of_the_recording(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", *GIVEN]) == 0
    said = capsys.readouterr().err
    assert "Times of the poses are assumed to be seconds" in said
    assert said.count("A time offset of 0.1 s") == 1
    supplied = load_experiment("runs/small").supplied
    assert (supplied.camera, supplied.poses) == (
        str(files.resolve() / "camera.txt"),
        str(files.resolve() / "poses.txt"),
    )
    assert supplied.time_offset_s == 0.1
    notes = json.loads(Path("runs/small/training.json").read_text())["notes"]
    assert "Quaternions are read in the order xyzw, TUM's." in notes
    assert cli.main(["evaluate", "runs/small", "--json"]) == 0  # a run is scored with what it was given
    assert json.loads(capsys.readouterr().out)["views"] == 8
    run = str((files / "runs" / "small").resolve())
    os.chdir(tmp_path_factory.mktemp("elsewhere"))  # from anywhere, without a flag
    assert cli.main(["train", run, "--run", "again", "--threads", "1"]) == 0
    assert losses("again") == losses(run)


def test_a_recording_in_place_of_a_config_takes_the_default_one(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = load_experiment("small.toml")
    import efields.config

    def quick(table: dict[str, object], where: str) -> object:
        import dataclasses

        full = experiment_from_table(table, where)
        return dataclasses.replace(full, field=small.field, sampling=small.sampling, train=small.train)

    monkeypatch.setattr(efields.config, "experiment_from_table", quick)
    assert cli.main(["train", "tiny", "--threads", "1", *GIVEN]) == 0
    assert load_experiment("runs/tiny").scene == str((files / "tiny").resolve())
    assert cli.main(["train", "tiny", "--scene", "tiny", *GIVEN]) == 2
    assert "--scene gives another" in capsys.readouterr().err.splitlines()[-1]


def test_which_words_are_recordings(files: Path) -> None:
    Path("file.raw").write_bytes(b"% evt 3.0\n")
    path, experiment = _experiment(Args(Path("file.raw")))
    assert (path, experiment.scene) == (Path("file.raw"), "file.raw")
    assert experiment == experiment_from_table({"scene": "file.raw"}, "test")
    Path("bricks").mkdir()  # what a simulated recording may be called; the name alone is the config's
    assert _experiment(Args(Path("bricks")))[0].name == "bricks.toml"
    assert _experiment(Args(Path("small.toml")))[1].scene == ""
    with pytest.raises(InputError, match="no such file or folder"):
        _experiment(Args(Path("nothing_there")))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "tiny: the recording has no camera poses; training needs them: give --poses"),
        (["--poses", "none.txt"], "none.txt: no such file or folder; give the path of poses"),
        (["--poses", "poses.txt"], "line 1: its position or quaternion is not finite"),
        (["--camera", "1,2,3"], "1,2,3: 3 numbers are not a camera; give fx,fy,cx,cy"),
        (["--time-offset", "0.1"], "--time-offset needs poses that are given; give them with --poses"),
        (["--time-offset", "inf"], "--time-offset inf; give a number from -1e+12 to 1e+12"),
        (["--body-to-camera", "0,0,0,0,0,0,1"], "--body-to-camera needs poses"),
        (["--poses", "poses.txt", "--body-to-camera=-1,2"], "-1,2: 2 numbers are not a rigid motion"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line_that_names_the_flag(
    files: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "line 1" in says:
        Path("poses.txt").write_text("0 0 0 0 0 0 0 nan\n")
    assert cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", *words]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert not list(Path().rglob("checkpoint.pt"))
