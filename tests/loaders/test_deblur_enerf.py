"""What Deblur e-NeRF adds to the layout of Robust e-NeRF, and the raw form of both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from efields.errors import InputError
from efields.loaders import find, load
from tests.loaders.arrays import change


def test_the_bandwidth_of_pixels_is_named_in_a_note(sample: Path) -> None:
    assert not any("bandwidth" in note for note in load(sample).notes)
    change(sample / "camera_calibration.npz", black_level=0.1, sf_cutoff_freq=500.0)
    notes = load(sample).notes
    assert "The pixel bandwidth in the calibration was not used (black_level, sf_cutoff_freq)." in notes


def test_exposure_and_gain_are_named_in_a_note(sample: Path) -> None:
    file = sample / "views" / "transforms_test.json"
    before = load(sample)
    meta = json.loads(file.read_text())
    for frame in meta["frames"]:
        frame |= {"exposure_time": 33_000_000, "gain": 1.5}
    file.write_text(json.dumps(meta))
    after = load(sample)
    assert "Images are as stored: exposure_time and gain of the views were not used." in after.notes
    assert before.heldout is not None
    assert after.heldout is not None
    assert (after.heldout.image == before.heldout.image).all()


def test_the_raw_form_says_which_converter_reads_it(tmp_path: Path) -> None:
    (tmp_path / "esim.bag").write_bytes(b"#ROSBAG V2.0\n" + bytes(64))
    (tmp_path / "esim.conf").write_text("--contrast_threshold_pos=0.25\n")
    assert find(tmp_path) == "robust_enerf"
    with pytest.raises(InputError, match=r"not preprocessed; run .*preprocess_esim\.py"):
        load(tmp_path)
