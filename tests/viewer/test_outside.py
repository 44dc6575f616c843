"""A run of kinds that all lie outside efields, before the page: live, and exported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from efields import cli
from tests.contracts.outside_run import HERE, ONE_THREAD, plugins_allowed, train
from tests.viewer.scenes import orbit_pose, view_of
from tests.viewer.serving import Server
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def outside_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with plugins_allowed(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH")))))
        with pytest.MonkeyPatch.context() as without_page:  # a report would bake the scene, which the test does itself
            without_page.setattr("efields.export.scene_page.PAGE", Path("no-such-page"))
            run = train(tmp_path_factory.mktemp("outside"))
        yield run


def test_it_is_seen_live_and_from_a_file(
    outside_run: Path, built_page: object, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    page = tmp_path / "scene.html"
    assert (
        cli.main(
            ["export", str(outside_run), "--html", str(page), "--resolution", "16", "--keyframes", "2", *ONE_THREAD]
        )
        == 0
    )
    baked = visit(page.as_uri(), 480, 360).ready()
    picture = baked.raw(view_of(orbit_pose(0.2, 0.0, 2.5), 48, 48, channels=1))[..., 0]
    assert picture[0].mean() > picture[-1].mean() + 0.02, "its background is brighter above than below"
    with Server(outside_run) as server:
        live = visit(server.address, 480, 360).ready()
        live.wait_for("() => window.efields.renderer.shown && window.efields.renderer.shown.id > 0")
    assert baked.errors == [] and live.errors == []
