"""A scene as a page: one file with everything, or a folder to be served. Both are the viewer's built page with data."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from efields.atomic import replacing, write_text
from efields.errors import InputError
from efields.export.keyframes import keyframe_times
from efields.export.scene import BakedScene, baked_scene
from efields.train import Run

PAGE = Path(__file__).resolve().parents[1] / "_viewer" / "index.html"
"""The viewer, built from viewer/ when efields is installed."""
REPORT_RESOLUTION = 64
"""Voxels along the longest edge of the scene in a report: about 1 MB."""
REPORT_KEYFRAMES = 4
"""Times at which a field that moves is baked for a report."""


def viewer_page() -> str:
    """The built page. Raises `InputError` when it is not there."""
    try:
        page = PAGE.read_text(encoding="utf-8")
    except OSError:
        do = (
            "build it in a checkout: python viewer/build.py, or install efields where Node 20 or a network is available"
        )
        raise InputError("the viewer's page is not built", do=do) from None
    if page.count("</body>") != 1:
        raise InputError("the viewer's page is damaged", PAGE, "build it again: python viewer/build.py")
    return page


def scene_html(scene: BakedScene) -> str:
    """One page that holds the viewer, the document and all blobs, and fetches nothing."""
    # In a script element only "<" could end it early.
    document = json.dumps(scene.document, allow_nan=False).replace("<", "\\u003c")
    parts = [f'<script type="application/json" id="efields-scene">{document}</script>']
    for name, blob in scene.blobs.items():
        parts.append(f'<script type="text/plain" data-blob="{name}">{base64.b64encode(blob).decode("ascii")}</script>')
    return viewer_page().replace("</body>", "\n".join(parts) + "\n</body>")


def write_html(scene: BakedScene, out: Path) -> int:
    """Write the page completely or not at all; returns its number of bytes."""
    page = scene_html(scene)
    write_text(out, page)
    return len(page.encode("utf-8"))


def write_web(scene: BakedScene, out: Path) -> int:
    """Write the folder: index.html, scene.json and the blobs; returns their bytes."""
    files = {"index.html": viewer_page().encode("utf-8")}
    files["scene.json"] = json.dumps(scene.document, allow_nan=False).encode("utf-8")
    files.update(scene.blobs)
    with replacing(out) as folder:
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return sum(map(len, files.values()))


def page_for_report(run: Run, backend: str = "auto", device: str = "cpu") -> str | None:
    """A small page of a run, without its events; None if the viewer is not built or the run has no checkpoint."""
    if not PAGE.is_file() or not run.checkpoint_path.is_file():
        return None
    model = run.load_model(backend, device)
    times = keyframe_times(model, None if model.moves_s is None else REPORT_KEYFRAMES)
    scene = baked_scene(run, model, None, resolution=REPORT_RESOLUTION, times=times, most_events=0)
    return scene_html(scene)
