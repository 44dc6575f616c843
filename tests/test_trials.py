"""Every input of the shared folder `trials`: small files that rebuild what users reported, and what is said of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from efields.cli import main

OPENED = {
    "evt2_first_no_high.raw": ("events      3,000,", "before the first time and row words", "(40 of them)"),
    "davis346_reset.aedat": ("The clock was reset", "in row 1,501", "on_reset"),
    "metavision_file_to_csv.csv": ("1280 x 720 pixels", "events      3,000,"),
    "sparse_us_600s.csv --time-unit us": ("events      3,000,", "599.6"),
    "v2e_events.h5": ("events      12,000,", "128 x 128 is assumed"),
    "timelens_seq": ("events      12,000,", "4 files in the order of their numbers"),
    "ev128.npy": ("events      12,000,", "128 x 128 is assumed"),
    "posed/ok": ("images      16", "around the point that all cameras look at"),
    "posed/utm": ("images      16", "It is far from zero: internally, positions are relative to"),
    "posed/bom": ("images      16",),
    "posed/windows_abs": ("images      16", "paths of another machine"),
    "posed/exif_rot": ("images      16", "rotated by their EXIF orientation"),
    "posed/per_frame_differ": ("images      16", "cameras"),
    "attack/evt3_zeroed.raw --salvage": ("a word is of no type that the format has", "65,568 bytes"),
    "attack/jump.aedat --salvage": ("a block of zeros where events should be; lost 512 bytes",),
    "davis346_row306.aedat --salvage": ("lost 2 events",),
    "ev128.npy --camera cal/K3x3.txt": ("focal length 110.5 x 110.1 px",),
    "ev128.npy --camera cal/calib4.txt": ("focal length 110.5 x 110.1 px",),
    "ev128.npy --camera cal/colmap_cameras.txt": ("focal length 110.5 x 110.5 px",),
    "ev128.npy --camera cal/dv_calibration.json": ("focal length 110.5 x 110.1 px",),
    "ev128.npy --camera cal/ros2_echo.yaml": ("focal length 110.5 x 110.1 px",),
    "ev128.npy --camera cal/calib4.txt --poses poses/kitti.txt --poses-spread": ("60 poses",),
    "ev128.npy --camera cal/calib4.txt --poses poses/mcd_inW.csv": ("60 poses",),
    "ev128.npy --camera cal/calib4.txt --poses poses/tum_ns.txt --time-offset 0.98": ("60 poses", "nanoseconds"),
}
"""Options of `efields info` to what it prints."""
REFUSED = {
    "evt4.raw": "is Prophesee's format EVT4",
    "html_named_raw.raw": "is a web page",
    "lfs_pointer.raw": "is a Git LFS pointer",
    "empty.txt": "is empty",
    "davis346_row306.aedat": "y 306 in the file",
    "sparse_us_600s.csv": "--time-unit us or --time-unit ns",
    "float32_epoch.npz": "a 32-bit float holds steps of 128 s",
    "frames/with_ts": "efields simulate --frames",
    "frames/vid2e_seq": "is a folder of images, without events; simulate events from it with efields simulate --frames",
    "attack/evt3_zeroed.raw": "a block of zeros where events should be",
    "attack/jump.aedat": "a block of zeros where events should be",
    "attack/huge.txt": "those few are probably damage",
    "ev128.npy --camera cal/K3x3_skew.txt": "has a skew of 4.26",
    "ev128.npy --camera cal/calib4.txt --poses poses/kitti.txt": "have no times",
    "ev128.npy --camera cal/calib4.txt --poses poses/kitti_cover.txt": "mirrored",
}
"""Options of `efields info` to its one line."""


def told(words: str, trials: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of `efields info`, the paths taken from the folder of trials."""
    full = [str(trials / word) if (trials / word).exists() else word for word in words.split()]
    code = main(["info", *full])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def trials(shared_data: Path) -> Path:
    if not (shared_data / "trials").is_dir():
        pytest.skip("the shared folder has no trials")
    return shared_data / "trials"


@pytest.mark.data
@pytest.mark.parametrize("words", OPENED)
def test_what_opens_says_what_a_user_should_know(words: str, trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(words, trials, capsys)
    assert code == 0, err
    for part in OPENED[words]:
        assert part in out


@pytest.mark.data
@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_open_is_one_line(words: str, trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(words, trials, capsys)
    assert code == 2 and out == ""
    assert REFUSED[words] in err.splitlines()[-1]
    assert len(err.splitlines()) <= 3 and "Traceback" not in err
