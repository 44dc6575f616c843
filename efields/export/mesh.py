"""Surfaces of a baked volume for other programs: triangles with colours, and points, as PLY or GLB through open3d."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from efields.atomic import replacing
from efields.errors import InputError
from efields.export.volume import Volume
from efields.geometry.boxes import Triple
from efields.geometry.origin import ZERO

SURFACE_SHARE = 0.5
"""Opacity of one voxel at which the surface is drawn, over that of the densest one."""
LEAST_ALPHA = 0.1
"""Opacity of the densest voxel below which there is no surface."""
MESHES, POINTS = (".ply", ".glb"), (".ply",)


def write_mesh(volume: Volume, tone: dict[str, Any], out: Path, origin: Triple = ZERO) -> int:
    """Marching cubes (Lorensen and Cline, SIGGRAPH 1987) at `SURFACE_SHARE`; returns the number of triangles.

    The volume counts from `origin`, the file's coordinates are those of the world: as they are in PLY, whose numbers
    are double; in GLB, whose vertices are single, by the translation of its node.
    Raises `InputError` for another ending, without open3d, and where nothing is opaque.
    """
    open3d = _open3d(out, MESHES)
    vertices, faces, colours = _surface(volume, tone, out)
    binary = out.suffix.lower() == ".glb"
    vertices = vertices if binary else vertices + origin
    mesh = open3d.geometry.TriangleMesh(open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(faces))
    mesh.vertex_colors = open3d.utility.Vector3dVector(colours)
    mesh.compute_vertex_normals()
    with replacing(out) as temporary:
        named = temporary.with_name(temporary.name + out.suffix.lower())  # open3d goes by the ending
        if not open3d.io.write_triangle_mesh(str(named), mesh):
            raise InputError("cannot be written", out, "choose another folder or ending")
        if binary and any(origin):
            named.write_bytes(placed_glb(named.read_bytes(), origin))
        named.replace(temporary)
    return len(faces)


def write_points(volume: Volume, tone: dict[str, Any], out: Path, origin: Triple = ZERO) -> int:
    """The vertices of the surface in the world with their colours; returns their number. Raises as `write_mesh`."""
    open3d = _open3d(out, POINTS)
    vertices, _, colours = _surface(volume, tone, out)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(vertices + origin))
    cloud.colors = open3d.utility.Vector3dVector(colours)
    with replacing(out) as temporary:
        named = temporary.with_name(temporary.name + out.suffix.lower())
        if not open3d.io.write_point_cloud(str(named), cloud):
            raise InputError("cannot be written", out, "choose another folder")
        named.replace(temporary)
    return len(vertices)


def placed_glb(data: bytes, origin: Triple) -> bytes:
    """A GLB file whose scene is moved by `origin`: the roots' translations, which are text and keep every digit.

    Source: glTF 2.0 specification, 3.5.3 and 4.4 (a header of 12 bytes, then a chunk of JSON).
    """
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    for scene in document["scenes"]:
        document["nodes"].append({"name": "origin", "translation": list(origin), "children": scene["nodes"]})
        scene["nodes"] = [len(document["nodes"]) - 1]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return (
        data[:8]
        + struct.pack("<I", 20 + len(text) + len(rest))
        + struct.pack("<I", len(text))
        + data[16:20]
        + text
        + rest
    )


def _open3d(out: Path, endings: tuple[str, ...]) -> Any:
    if out.suffix.lower() not in endings:
        raise InputError(f"'{out.suffix}' cannot be written", out, f"name a file that ends in {' or '.join(endings)}")
    try:
        import open3d
    except (ImportError, OSError):
        do = 'pip install "efields[mesh]"'
        raise InputError("open3d is not installed, which writes meshes and points", do=do) from None
    return open3d


def _surface(volume: Volume, tone: dict[str, Any], out: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [n, 3], triangles [m, 3] and display colours [n, 3] of the surface."""
    from scipy.ndimage import map_coordinates
    from skimage.measure import marching_cubes

    codes = volume.keyframes[0].codes.astype(np.float64) / 255
    mono = codes.shape[-1] == 2
    density, radiance = (codes[..., 0], codes[..., 1:]) if mono else (codes[..., 3], codes[..., :3])
    # A rim of nothing closes surfaces at the walls of the box.
    alpha = np.pad(1 - np.exp(-volume.density.decode(density) * volume.density.reference_length), 1)
    if alpha.max() < LEAST_ALPHA:
        raise InputError("the field has no opaque surface to write", out, "train longer, or export --html")
    vertices, faces, _, _ = marching_cubes(alpha, SURFACE_SHARE * alpha.max())
    at = (vertices - 1).T  # z, y, x in voxels
    channels = [map_coordinates(radiance[..., c], at, order=1, mode="nearest") for c in range(radiance.shape[-1])]
    log = volume.radiance.low + np.stack(channels, axis=1) * (np.array(volume.radiance.high) - volume.radiance.low)
    shown = np.clip(np.exp(np.asarray(tone["offset"]) + np.asarray(tone["scale"]) * log), 0, 1) ** (1 / tone["gamma"])
    lo, size = np.array(volume.box.lo), np.array(volume.box.size)
    voxels = np.array(alpha.shape)[::-1] - 2
    world = lo + (at.T[:, ::-1] + 0.5) / voxels * size
    return world, faces[:, ::-1], np.repeat(shown, 3, axis=1) if mono else shown
