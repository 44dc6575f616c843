"""`efields info`: the facts of a recording for people and for machines."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from efields import cli
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.loaders import load
from efields.loaders.robust_enerf import save
from efields.recordings.recording import Recording
from tests.contracts.samples import LOADERS
from tests.contracts.samples.folders import ecd, robust_enerf
from tests.contracts.samples.posed import images_in, nerfstudio

KEYS = {
    "format", "width", "height", "events", "t_start_us", "t_end_us", "positive_share", "duration_s", "rate_mean",
    "hot_pixels", "frames", "heldout_views", "kind", "rate_curve", "backwards", "events_with_poses", "gaps",
    "image_sizes", "cameras", "imu_samples", "triggers", "poses", "has_calibration", "calibration_assumed", "warnings",
}  # fmt: skip


FROZEN_SCENE = Path(__file__).parents[1] / "export" / "fixtures" / "scene_v1"


def facts(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert cli.main(["info", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_holds_what_the_files_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys, str(ecd(tmp_path / "r")))
    rows = np.loadtxt(tmp_path / "r" / "events.txt")
    assert found.keys() == KEYS
    assert (found["format"], found["width"], found["height"], found["events"]) == ("ecd", 8, 6, 40)
    assert found["t_start_us"] == round(rows[0, 0] * 1e6)
    assert found["t_end_us"] == round(rows[-1, 0] * 1e6)
    assert found["positive_share"] == pytest.approx(rows[:, 3].mean())
    assert found["duration_s"] == pytest.approx(rows[-1, 0] - rows[0, 0])
    assert found["rate_mean"] == pytest.approx(40 / (rows[-1, 0] - rows[0, 0]))
    assert (found["frames"], found["poses"], found["imu_samples"], found["triggers"]) == (2, 6, 0, 0)
    assert (found["has_calibration"], found["calibration_assumed"]) == (True, False)
    assert any("1 of 3 frames" in warning for warning in found["warnings"])
    assert not any("missing" in warning for warning in found["warnings"])


def test_native_recordings_and_a_hot_pixel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert facts(capsys, str(robust_enerf(tmp_path / "published")))["heldout_views"] == 3
    rng = np.random.default_rng(0)
    pixel = rng.permutation(np.append(rng.integers(0, 20 * 16, 3000), np.full(600, 47)))
    stream = EventStream.from_arrays(pixel % 20, pixel // 20, np.arange(3600) * 500, pixel % 2 == 0, 20, 16)
    save(Recording(stream, Camera(20, 16, 30.0, 30.0, 9.5, 7.5), Sensor(0.3, 0.2)), tmp_path / "own")
    found = facts(capsys, str(tmp_path / "own"))
    assert found["hot_pixels"] == 1
    assert found["poses"] == 0
    assert [
        word for word in ("Poses are missing", "cannot be scored") if any(word in w for w in found["warnings"])
    ] == [
        "Poses are missing",
        "cannot be scored",
    ]


@pytest.mark.parametrize("kind", sorted(LOADERS))
def test_text_for_people(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = LOADERS[kind](tmp_path / "cellar")
    assert cli.main(["info", str(sample)]) == 0
    lines = capsys.readouterr().out.splitlines()
    recording = load(sample)
    assert lines[0] == sample.name
    assert any(line.startswith("format") and kind in line for line in lines)
    many = f"{len(recording.events):,}," if len(recording.events) else None
    assert any(line.startswith("events") and (many or "") in line for line in lines) == (many is not None)
    images = sum(len(views) for views in (recording.frames, recording.heldout) if views is not None)
    poses = "none" if many else f"{images}, one per image"
    poses = poses if recording.trajectory is None else f"{len(recording.trajectory)}, "
    assert any(line.startswith("poses") and poses in line for line in lines)
    if recording.camera is None:
        assert any("--camera" in line for line in lines)


def test_what_is_broken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = [0.1, 0.3, 0.2, 0.9, 0.901, *np.arange(1.0, 2.0, 0.001)]
    path = tmp_path / "odd.txt"
    path.write_text("".join(f"{t:.6f} {k % 8} {k % 6} {k % 2}\n" for k, t in enumerate(times)))
    found = facts(capsys, str(path))
    assert (found["backwards"], found["gaps"], found["events"]) == (1, 3, 1005)
    assert sum(found["rate_curve"]) * found["duration_s"] / 60 == pytest.approx(1005, rel=1e-3)
    assert any("go backwards" in warning and "100.000 ms" in warning for warning in found["warnings"])
    assert any("3 gaps" in warning and "600 ms" in warning for warning in found["warnings"])
    for flag in ("--camera", "--poses", "--time-offset"):
        assert any(flag in warning for warning in found["warnings"])
    odd = [warning for warning in found["warnings"] if "backwards" in warning or "no event" in warning]
    assert set(odd) <= set(load(path).notes)  # and from there into a run's training.json


def test_a_cut_file_is_salvaged_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = LOADERS["aedat2"](tmp_path / "sample")
    whole = facts(capsys, str(path))["events"]
    path.write_bytes(path.read_bytes()[:-3])
    assert cli.main(["info", str(path)]) == 2
    refusal = capsys.readouterr().err
    assert "--salvage" in refusal and "byte" in refusal and refusal.count("\n") == 1
    found = facts(capsys, str(path), "--salvage")
    assert found["events"] == whole - 1
    assert any("5 bytes" in warning for warning in found["warnings"])


def test_bad_input_is_one_line_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(tmp_path / "none")]) == 2
    assert (
        capsys.readouterr().err
        == f"efields: {tmp_path / 'none'}: no such file or folder; check the path of the recording\n"
    )
    folder = robust_enerf(tmp_path / "r")
    assert cli.main(["info", str(folder), "--kind", "ecdd"]) == 2
    assert "did you mean 'ecd'" in capsys.readouterr().err
    (folder / "raw_events.npz").write_bytes((folder / "raw_events.npz").read_bytes()[:100])
    assert cli.main(["info", str(folder), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "raw_events.npz: is damaged or truncated" in captured.err
    assert captured.err.count("\n") == 1


def test_photographs_are_told_as_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = nerfstudio(tmp_path / "scene")
    meta = json.loads((scene / "transforms.json").read_text())
    meta["frames"][2] |= {"fl_x": 12.0, "w": 5, "h": 7, "cx": 2.5, "cy": 3.5}
    images_in(scene / "images", ["frame_00003.png"], size=(5, 7))
    (scene / "transforms.json").write_text(json.dumps(meta))
    assert cli.main(["info", str(scene)]) == 0
    said = capsys.readouterr().out
    assert "images      5, colour, 5 x 7, 8 x 6 pixels" in said
    assert "cameras     2: focal lengths 9.0 to 12.0 px" in said
    assert "poses       5, one per image" in said
    assert "to train on 4 images" in said and "held out    1 images" in said
    for word in ("threshold", "events/s", "hot pixels", "Bayer", "none", "IMU", "missing"):
        assert word not in said
    found = facts(capsys, str(scene))
    assert (found["poses"], found["frames"], found["heldout_views"], found["cameras"]) == (5, 4, 1, 2)
    assert found["image_sizes"] == [[5, 7], [8, 6]]


def test_thresholds_that_nobody_gave_are_called_assumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(ecd(tmp_path / "ecd"))]) == 0
    assert "0.25 ON, 0.25 OFF (assumed), refractory" in capsys.readouterr().out
    raw = LOADERS["prophesee_raw"](tmp_path / "raw")
    assert cli.main(["info", str(raw), "--camera", "9,9,4,3"]) == 0
    assert "0.25 ON, 0.25 OFF (assumed), refractory" in capsys.readouterr().out
    assert cli.main(["info", str(robust_enerf(tmp_path / "known"))]) == 0
    assert "(assumed)" not in capsys.readouterr().out


def test_info_is_frozen() -> None:
    from efields.cli.info import Args, Info

    assert all(dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen for kind in (Args, Info))


def test_what_a_file_says_does_not_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = LOADERS["ecd"](tmp_path / "a\x1b[31mred")
    monkeypatch.setattr("efields.cli.info._camera", lambda *_: "\x1b]0;title\x07\u202e")
    assert cli.main(["info", str(recording)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("a [31mred\n") and " ]0;title  \n" in said
    assert all(line.isprintable() for line in said.splitlines())


def test_an_exported_page_is_opened_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys, str(FROZEN_SCENE))
    assert (found["version"], found["voxels"], found["keyframes"]) == ([1, 0], [8, 8, 5], 1)
    assert (found["channels"], found["background"]) == (1, "color")
    assert found["events"] == json.loads((FROZEN_SCENE / "scene.json").read_text())["events"]["shown"]
    codes = {path.name: base64.b64encode(path.read_bytes()).decode() for path in FROZEN_SCENE.glob("*.bin")}
    blobs = {name: f'<script type="text/plain" data-blob="{name}">{code}</script>' for name, code in codes.items()}
    document = json.dumps(json.loads((FROZEN_SCENE / "scene.json").read_text()))
    page = tmp_path / "page.html"
    page.write_text(f'<script type="application/json" id="efields-scene">{document}</script>' + "".join(blobs.values()))
    assert facts(capsys, str(page)) == found
    assert cli.main(["info", str(page)]) == 0
    assert "8 x 8 x 5 voxels, static field" in capsys.readouterr().out
    page.write_text(page.read_text().replace(blobs["volume-0.bin"], ""))
    assert cli.main(["info", str(page)]) == 2
    assert "the scene is broken: volume-0.bin is not there" in capsys.readouterr().err
    assert cli.main(["info", str(FROZEN_SCENE), "--preview", str(tmp_path / "a.png")]) == 2
    assert "--preview draws a recording" in capsys.readouterr().err
