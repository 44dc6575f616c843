"""A field that moves is baked at its times, and shown at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.cli import main
from efields.cli._machine import Machine
from efields.cli._scene_page import scene_info, scene_lines
from efields.errors import InputError
from efields.export import keyframes
from efields.export.baked_renderer import BakedRenderer
from efields.export.camera_path import Stop
from efields.export.document import _heldout_of_run, background_of
from efields.export.flights import flight_of
from efields.export.keyframes import baked_volume, keyframe_times, surface_time
from efields.export.scene import baked_scene, baking_loss
from efields.export.scene_page import write_html
from efields.export.video import field_times, render_flight
from efields.export.volume import Volume
from efields.render.image import render_view
from efields.render.model import Model
from efields.train import Run
from tests import moving
from tests.server import small
from tests.viewer.scenes import camera_of


@pytest.fixture(scope="module")
def model() -> Model:
    return moving.model()


@pytest.fixture(scope="module")
def volume(model: Model) -> Volume:
    return baked_volume(model, 24, keyframe_times(model, 9))[0]


def test_a_field_is_baked_evenly_over_its_recording(model: Model) -> None:
    np.testing.assert_allclose(keyframe_times(model, 5), [0, 0.25, 0.5, 0.75, 1.0])
    assert len(keyframe_times(model)) == keyframes.KEYFRAMES
    assert keyframe_times(model, 1) == [0.5] and keyframe_times(model, 1, 0.8) == [0.8]
    still = small.model()
    assert keyframe_times(still) == keyframe_times(still, 1) == [None] and surface_time(still) is None


def test_what_has_no_meaning_is_one_line(model: Model) -> None:
    for wrong in (
        lambda: keyframe_times(small.model(), 3),
        lambda: surface_time(small.model(), 0.5),
        lambda: surface_time(model, 1.5),
    ):
        with pytest.raises(InputError):
            wrong()
    with pytest.raises(InputError, match=r"64 keyframes of 256 voxels would take [\d.]+ GiB of memory"):
        baked_volume(model, 256, keyframe_times(model, 64))


@pytest.mark.parametrize("t_s", [0.0, 0.3, 1.0])
def test_the_baked_ball_is_where_the_ball_is(model: Model, volume: Volume, t_s: float) -> None:
    seen = BakedRenderer(volume, background_of(model), t_s).view(camera_of(40, 32), moving.POSE)
    live = render_view(model.renderer, camera_of(40, 32), moving.POSE, t_s)
    assert np.abs(seen.opacity - live.opacity).mean() < 0.02
    _, opacity = moving.exact(camera_of(40, 32), moving.POSE, t_s, 1.0)
    assert moving.middle_column(seen.opacity) == pytest.approx(moving.middle_column(opacity), abs=0.02)


def test_large_bakes_go_through_files_and_are_the_same(
    model: Model, volume: Volume, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path))
    monkeypatch.setattr(keyframes, "IN_MEMORY_BYTES", 0)
    filed, _ = baked_volume(model, 24, keyframe_times(model, 9))
    for one, other in zip(filed.keyframes, volume.keyframes, strict=True):
        np.testing.assert_array_equal(one.codes, other.codes)


def test_a_page_says_that_it_moves_and_loses_little_at_any_time(
    run: Run, model: Model, page: Path, tmp_path: Path
) -> None:
    scene = baked_scene(run, model, None, resolution=32, times=keyframe_times(model, 9))
    document = scene.document
    assert document["moves_s"] == [0.0, 1.0]
    assert [frame["t_s"] for frame in document["volume"]["keyframes"]] == pytest.approx(np.linspace(0, 1, 9))
    assert document["notes"] == [
        "The scene moves: it was baked at 9 times from 0.000 to 1.000 s, and is blended between them."
    ]
    write_html(scene, tmp_path / "scene.html")
    info = scene_info(tmp_path / "scene.html")
    assert (info.moves, info.keyframes) == (True, 9) and "9 keyframes of a moving field" in scene_lines(info)[1]
    at_times = baking_loss(run, model, scene, None).baked
    frozen = baked_scene(run, model, None, resolution=32, times=[0.5])
    assert at_times > baking_loss(run, model, frozen, None).baked + 6  # the eight views are at eight times


def test_a_mesh_is_of_one_time(run: Run, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(Machine, "model_of", lambda *_: moving.model())
    for flags, said, y in (([], "0.500", 0.0), (["--time", "1"], "1.000", 0.4)):
        out = tmp_path / f"{said}.ply"
        assert main(["export", str(run.path), "--resolution", "24", "--points", str(out), *flags]) == 0
        assert f"points, as it was at {said} s" in capsys.readouterr().out
        body = out.read_bytes().split(b"end_header\n")[1]
        points = np.frombuffer(body, [("at", "<f8", 3), ("colour", "u1", 3)])["at"]
        np.testing.assert_allclose(points.mean(axis=0), [0, y, 0], atol=0.04)


def test_flags_of_time_that_nothing_uses_are_refused(run: Run, tmp_path: Path, page: Path, capsys) -> None:
    for flags, said in (
        (["--time", "0.5"], "--mesh, --points or --keyframes 1"),
        (["--keyframes", "3"], "this scene stands still"),
        (["--keyframes", "3", "--points", str(tmp_path / "p.ply")], "--html or --web"),
        (["--keyframes", "65"], "give a number from 1 to 64"),
    ):
        assert main(["export", str(run.path), *flags]) == 2
        assert said in capsys.readouterr().err.strip().splitlines()[-1]


def test_videos_show_the_field_at_the_times_of_the_path(model: Model) -> None:
    stops, _ = flight_of(model, "recorded", 3)
    assert [stop.time_s for stop in stops] == pytest.approx([0.0, 0.5, 1.0])
    still: list[Any] = [Stop(moving.POSE)] * 3
    assert field_times(model, still) == pytest.approx([0.0, 0.5, 1.0])  # nobody says: through the whole recording
    assert field_times(small.model(), still) == [None] * 3
    dark = [moving.middle_column(1 - picture[..., 0]) for picture in render_flight(model, still)]
    assert dark[0] < 0.4 < dark[1] < 0.6 < dark[2]


def test_views_that_the_run_kept_have_their_times(model: Model, tmp_path: Path) -> None:
    kept = {"truth": np.zeros((1, 2, 2, 1)), "names": ["a"], "T_world_camera": moving.POSE[None], "t_us": [5_500_000]}
    np.savez(tmp_path / "heldout.npz", **kept)
    (view,) = _heldout_of_run(Run(tmp_path), model)
    assert view.t_s == pytest.approx(0.5)
