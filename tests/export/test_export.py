"""Exports of a small run: what is written can be read again, and what cannot be written is one line."""

from __future__ import annotations

import base64
import json
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from efields.cli import main
from efields.export.poses import write_poses
from efields.export.scene_page import page_for_report
from efields.geometry.camera import Camera
from efields.recordings.recording import Views
from efields.train import Run

FROZEN = Path(__file__).with_name("fixtures") / "scene_v1"


def unpacked(document: dict, blob: bytes, name: str) -> bytes:
    assert name in json.dumps(document)
    return zlib.decompress(blob)


def export(run: Run, *flags: str) -> int:
    return main(["export", str(run.path), "--resolution", "16", "--threads", "1", *flags])


def test_one_file_holds_the_document_and_all_blobs(run: Run, page: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "scene.html"
    assert export(run, "--html", str(out)) == 0
    assert re.search(r"live [\d.]+ dB, baked [\d.]+ dB, a drop of -?[\d.]+ dB, on 8 held-out", capsys.readouterr().out)
    html = out.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="efields-scene">(.*?)</script>', html)
    assert found is not None
    document = json.loads(found[1])
    assert document["format"] == "efields-scene" and document["schema_version"] == [1, 2]
    blobs = dict(re.findall(r'data-blob="([\w.-]+)">([\w+/=]+)</script>', html))
    x, y, z = document["volume"]["shape"]
    assert max(x, y, z) == 16
    volume = zlib.decompress(base64.b64decode(blobs["volume-0.bin"]))
    assert len(volume) == x * y * z * 2
    assert document["events"]["shown"] == sum(chunk["count"] for chunk in document["events"]["chunks"]) > 1000
    for chunk in document["events"]["chunks"]:
        assert len(zlib.decompress(base64.b64decode(blobs[chunk["blob"]]))) == 6 * chunk["count"]
    assert html.endswith("</body></html>")


def test_a_folder_holds_the_same(run: Run, page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    assert export(run, "--web", str(folder), "--events", "100", "--no-score") == 0
    document = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    assert document["events"]["shown"] == 100 and "100" in document["events"]["note"]
    named = {document["volume"]["keyframes"][0]["blob"], document["volume"]["occupancy"]["blob"]}
    named |= {chunk["blob"] for chunk in document["events"]["chunks"]}
    assert {path.name for path in folder.iterdir()} == {"index.html", "scene.json", *named}
    assert export(run, "--web", str(folder), "--no-score") == 2
    assert export(run, "--web", str(folder), "--no-score", "--overwrite") == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    assert export(run, "--web", str(tmp_path / "mine"), "--no-score", "--overwrite") == 2
    assert (tmp_path / "mine" / "thesis.txt").is_file()


def test_what_cannot_be_exported_is_one_line(run: Run, page: Path, tmp_path: Path, capsys) -> None:
    for flags, said in (
        (["--resolution", "1000"], "--resolution 1000; give a number from 8 to 256"),
        (["--events", "-1"], "--events -1; give a number from 0"),
        (["--mesh", str(tmp_path / "a.obj")], ""),
        (["--poses", str(tmp_path / "a.csv")], "ends in .txt"),
    ):
        assert main(["export", str(run.path), "--threads", "1", *flags]) == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert said in error[-1]
    page.unlink()
    assert export(run, "--html", str(tmp_path / "a.html")) == 2
    assert "python viewer/build.py" in capsys.readouterr().err
    assert not (tmp_path / "a.html").exists()
    assert page_for_report(run) is None


def test_meshes_and_points_open_again(run: Run, page: Path, tmp_path: Path) -> None:
    pytest.importorskip("open3d", reason='pip install "efields[mesh]" brings open3d')
    trimesh = pytest.importorskip("trimesh", reason='pip install "efields[mesh]" brings trimesh')
    for name in ("a.ply", "a.glb"):
        assert export(run, "--mesh", str(tmp_path / name)) == 0
        mesh = trimesh.load(tmp_path / name, force="mesh")  # independent of what wrote it
        corners = np.asarray(mesh.vertices)
        lo, hi = (np.array(corner) for corner in (run.load_model().renderer.box.lo, run.load_model().renderer.box.hi))
        assert len(corners) > 30 and (corners >= lo - 0.2).all() and (corners <= hi + 0.2).all()
        assert mesh.visual.kind == "vertex"


def test_points_are_a_binary_ply_that_needs_no_library(run: Run, tmp_path: Path) -> None:
    assert export(run, "--points", str(tmp_path / "p.ply")) == 0
    head, body = (tmp_path / "p.ply").read_bytes().split(b"end_header\n")
    assert head.startswith(b"ply\nformat binary_little_endian 1.0\nelement vertex ")
    points = np.frombuffer(body, [("at", "<f8", 3), ("colour", "u1", 3)])
    assert len(points) == int(head.split()[6]) > 30
    renderer = run.load_model().renderer
    lo, hi = (np.array(corner) + renderer.origin for corner in (renderer.box.lo, renderer.box.hi))
    assert (points["at"] >= lo - 0.2).all() and (points["at"] <= hi + 0.2).all()
    assert np.ptp(points["at"], axis=0).min() > 0.1 and np.ptp(points["colour"]) > 2


def test_what_cannot_be_written_is_told_before_the_work(
    run: Run, page: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("efields.export.scene.baked_scene", None)
    monkeypatch.setitem(sys.modules, "open3d", None)
    for name in ("there.html", "there.ply", "there.txt", "there.mp4"):
        (tmp_path / name).write_text("mine")
    for flag, name, said in (
        ("--mesh", "new.ply", 'open3d, which writes meshes, is not installed; pip install "efields[mesh]"'),
        ("--points", "new.xyz", "ends in .ply"),
        ("--poses", "new.csv", "ends in .txt"),
        ("--video", "new.avi", "give an .mp4 file"),
        ("--html", "there.html", "exists already; replace it with --overwrite, or give another name"),
        ("--points", "there.ply", "--overwrite"),
        ("--poses", "there.txt", "--overwrite"),
        ("--video", "there.mp4", "--overwrite"),
        ("--web", "there.html", "--overwrite"),
        ("--html", "there.txt/deep/page.html", "is a file"),
    ):
        assert export(run, flag, str(tmp_path / name)) == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert len(error) == 1 and said in error[0]
    assert {path.read_text() for path in tmp_path.glob("there.*")} == {"mine"}


def test_a_page_without_a_name_gets_one_that_is_free(run: Run, page: Path, capsys) -> None:
    for name in ("scene.html", "scene-2.html"):
        assert export(run, "--no-score", "--events", "0", "--json") == 0
        assert json.loads(capsys.readouterr().out)["html"] == str(run.path / name)


def test_poses_come_back_by_our_own_readers(run: Run, tmp_path: Path) -> None:
    model = run.load_model()
    count = write_poses(model, tmp_path / "p.txt")
    rows = np.loadtxt(tmp_path / "p.txt")
    assert rows.shape == (count, 8)
    np.testing.assert_allclose(rows[:, 1:4], model.trajectory.position, atol=1e-6)
    np.testing.assert_allclose(np.abs((rows[:, 4:] * model.trajectory.orientation).sum(1)), 1, atol=1e-6)
    write_poses(model, tmp_path / "p.json")
    table = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    pose = np.array(table["frames"][0]["transform_matrix"])
    np.testing.assert_allclose(pose[:3, 3], model.trajectory.position[0], atol=1e-6)
    assert table["cx"] == model.camera.cx + 0.5


def test_poses_of_images_have_their_names_and_cameras(run: Run, tmp_path: Path) -> None:
    model = run.load_model()
    n = len(model.trajectory)
    wide = Camera(3, 4, 2.0, 2.5, 1.0, 1.5)
    cameras = [wide if i == 1 else model.camera for i in range(n)]
    blank = [np.zeros((camera.height, camera.width, 1), np.float32) for camera in cameras]
    images = Views.joined(blank, np.tile(np.eye(4), (n, 1, 1)), cameras, tuple(f"{i}.png" for i in range(n)))
    write_poses(model, tmp_path / "p.json", images)
    frames = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["frames"]
    assert [frame["file_path"] for frame in frames[:2]] == ["0.png", "1.png"]
    assert [frames[1][key] for key in ("w", "h", "fl_x", "fl_y", "cx", "cy")] == [3, 4, 2.0, 2.5, 1.5, 2.0]
    assert frames[0]["w"] == model.camera.width


def test_the_frozen_scene_of_format_1_is_as_it_was() -> None:
    document = json.loads((FROZEN / "scene.json").read_text(encoding="utf-8"))
    assert document["schema_version"] == [1, 0]
    x, y, z = document["volume"]["shape"]
    codes = zlib.decompress((FROZEN / document["volume"]["keyframes"][0]["blob"]).read_bytes())
    assert len(codes) == 2 * x * y * z
    chunk = document["events"]["chunks"][0]
    columns = np.frombuffer(zlib.decompress((FROZEN / chunk["blob"]).read_bytes()), "<u2").reshape(3, chunk["count"])
    assert (columns[0] & 0x7FFF).max() < document["events"]["width"]
    assert columns[1].max() < document["events"]["height"]
