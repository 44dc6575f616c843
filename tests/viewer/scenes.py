"""Pages of scenes that are made here: the document around a volume, and the views that the page's hooks take."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from efields.export.volume import Volume
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.wire.writing import table_of

FOV_Y = math.radians(42)
PLAIN_TONE = {"mode": "fixed", "offset": 0.0, "scale": 1.0, "gamma": 2.2}
"""Radiance as it is, with a screen's gamma."""


def camera_of(width: int, height: int, fov_y: float = FOV_Y) -> Camera:
    """The pinhole that a page uses for a view."""
    focal = height / 2 / math.tan(fov_y / 2)
    return Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def orbit_pose(turn: float, height: float, distance: float = 2.9, target: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    """`T_world_camera` of a camera that looks at a point from a distance; z is up."""
    angle = 2 * math.pi * turn
    way = np.array([math.cos(angle) * math.cos(height), math.sin(angle) * math.cos(height), math.sin(height)])
    return look_at(np.array(target) + distance * way, np.array(target, dtype=float))


def pose_of(T_world_camera: np.ndarray) -> dict[str, list[float]]:
    """Position and quaternion, as pages have them."""
    return {
        "position": T_world_camera[:3, 3].tolist(),
        "quaternion": Rotation.from_matrix(T_world_camera[:3, :3]).as_quat().tolist(),
    }


def view_of(T_world_camera: np.ndarray, width: int, height: int, **other: Any) -> dict[str, Any]:
    """A view for the page's hooks; `other` replaces what stands here."""
    channels = other.pop("channels", 3)
    tone = {**PLAIN_TONE, "offset": [0.0] * channels, "scale": [1.0] * channels}
    plain = {"fovY": FOV_Y, "tS": None, "mode": "colour", "wipe": None, "crop": None, "tone": tone}
    return {"pose": pose_of(T_world_camera), "width": width, "height": height, **plain, **other}


def document_of(volume: Volume, background: Any, poses: list[np.ndarray]) -> dict[str, Any]:
    """scene.json of a volume that these cameras look at, one every tenth of a second."""
    lo, hi = np.array(volume.box.lo), np.array(volume.box.hi)
    placed = [pose_of(pose) for pose in poses]
    times = [round(0.1 * i, 6) for i in range(len(poses))]
    views = [
        {"name": f"view {i}", "kind": "recorded", "t_s": t, **at}
        for i, (t, at) in enumerate(zip(times, placed, strict=True))
    ]
    camera = camera_of(160, 120)
    return {
        "format": "efields-scene", "schema_version": [1, 0], "name": "made for a test", "generator": "efields tests",
        "origin_us": 0, "time_range_s": [0.0, times[-1]],
        "world": {
            "aabb": [lo.tolist(), hi.tolist()], "up": [0.0, 0.0, 1.0], "center": ((lo + hi) / 2).tolist(),
            "radius": 0.5 * float(np.linalg.norm(hi - lo)),
        },
        "volume": table_of(volume.document()), "background": table_of(background),
        "tone": {**PLAIN_TONE, "source": "radiance as it is", "aligned": None},
        "cameras": {
            "event": {
                "width": camera.width, "height": camera.height, "fx": camera.fx, "fy": camera.fy,
                "cx": camera.cx, "cy": camera.cy,
            },
            "views": views,
        },
        "trajectory": {
            "t_s": times, "position": [at["position"] for at in placed],
            "quaternion": [at["quaternion"] for at in placed],
        },
        "events": None, "rate": None, "metrics": {}, "provenance": {}, "notes": [],
    }  # fmt: skip


def write_page(page: Path, document: dict[str, Any], blobs: dict[str, bytes], out: Path) -> str:
    """One html file with the scene inside; its address."""
    text = json.dumps(document).replace("<", "\\u003c")
    parts = [f'<script type="application/json" id="efields-scene">{text}</script>']
    for name, data in blobs.items():
        code = base64.b64encode(data).decode()
        parts.append(f'<script type="text/plain" data-blob="{name}">{code}</script>')
    html = page.read_text(encoding="utf-8").replace("</body>", "\n".join([*parts, "</body>"]))
    out.write_text(html, encoding="utf-8")
    return out.as_uri()


def psnr(seen: np.ndarray, true: np.ndarray) -> float:
    """Peak signal to noise of values whose peak is 1, dB."""
    return -10 * math.log10(max(float(np.mean((seen - true) ** 2)), 1e-12))


def shown(radiance: np.ndarray) -> np.ndarray:
    """Brightness on screen of linear radiance, under the plain tone."""
    return np.clip(radiance, 0.0, 1.0) ** (1 / PLAIN_TONE["gamma"])
