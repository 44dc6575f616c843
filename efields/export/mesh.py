"""Surfaces of a baked volume for other programs: coloured triangles as PLY or GLB through open3d, points as PLY."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from efields.atomic import refuse_existing, replacing, write_bytes
from efields.errors import InputError
from efields.export.contract import ToneDocument
from efields.export.volume import Volume
from efields.geometry.boxes import Triple
from efields.geometry.origin import ZERO

SURFACE_SHARE = 0.5
"""Opacity of one voxel at which the surface is drawn, relative to that of the densest one."""
LEAST_ALPHA = 0.1
"""Opacity of the densest voxel below which there is no surface."""
MESHES, POINTS = (".ply", ".glb"), (".ply",)
PLY_COLUMNS = (("double", ("x", "y", "z")), ("uchar", ("red", "green", "blue")))


def write_mesh(volume: Volume, tone: ToneDocument, out: Path, origin: Triple = ZERO) -> int:
    """Marching cubes (Lorensen and Cline, SIGGRAPH 1987) at `SURFACE_SHARE`; returns the number of triangles.

    The volume counts from `origin`, the file's coordinates are those of the world: as they are in PLY, whose numbers
    are double; in GLB, whose vertices are single, by the translation of its node.
    Raises `InputError` for another ending, without open3d, and where nothing is opaque.
    """
    open3d = _open3d()
    vertices, faces, colours = _surface(volume, tone, out)
    binary = out.suffix.lower() == ".glb"
    vertices = vertices if binary else vertices + origin
    mesh = open3d.geometry.TriangleMesh(open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(faces))
    mesh.vertex_colors = open3d.utility.Vector3dVector(colours)
    mesh.compute_vertex_normals()
    with replacing(out, out.suffix.lower()) as temporary:  # open3d goes by the ending
        if not open3d.io.write_triangle_mesh(str(temporary), mesh):
            raise InputError("cannot be written", out, "choose another folder or ending")
        if binary and any(origin):
            temporary.write_bytes(placed_glb(temporary.read_bytes(), origin))
    return len(faces)


def write_points(volume: Volume, tone: ToneDocument, out: Path, origin: Triple = ZERO) -> int:
    """The vertices of the surface in the world with their colours, as binary PLY; returns their number.

    Raises `InputError` where nothing is opaque.
    """
    vertices, _, colours = _surface(volume, tone, out)
    points = np.zeros(len(vertices), dtype=[("x", "<f8", 3), ("red", "u1", 3)])
    points["x"], points["red"] = vertices + origin, np.rint(255 * colours)
    columns = [f"property {kind} {name}" for kind, names in PLY_COLUMNS for name in names]
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}", *columns, "end_header", ""]
    write_bytes(out, "\n".join(head).encode() + points.tobytes())
    return len(vertices)


def check_mesh(out: Path, overwrite: bool) -> None:
    """Raise `InputError` for a mesh that cannot be written, before anything is baked."""
    _check_ending(out, MESHES)
    _open3d()
    refuse_existing(out, overwrite)


def check_points(out: Path, overwrite: bool) -> None:
    """Raise `InputError` for points that cannot be written, before anything is baked."""
    _check_ending(out, POINTS)
    refuse_existing(out, overwrite)


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


def _check_ending(out: Path, endings: tuple[str, ...]) -> None:
    if out.suffix.lower() not in endings:
        raise InputError(f"'{out.suffix}' cannot be written", out, f"name a file that ends in {' or '.join(endings)}")


def _open3d() -> Any:
    try:
        import open3d
    except (ImportError, OSError):
        do = 'pip install "efields[mesh]"'
        raise InputError("open3d, which writes meshes, is not installed", do=do) from None
    return open3d


def _surface(volume: Volume, tone: ToneDocument, out: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [n, 3], triangles [m, 3] and display colours [n, 3] of the surface."""
    from scipy.ndimage import map_coordinates
    from skimage.measure import marching_cubes

    codes = volume.keyframes[0].codes.astype(np.float64) / 255
    mono = codes.shape[-1] == 2
    density, radiance = (codes[..., 0], codes[..., 1:]) if mono else (codes[..., 3], codes[..., :3])
    # An empty border closes surfaces at the walls of the box.
    alpha = np.pad(1 - np.exp(-volume.density.decode(density) * volume.density.reference_length), 1)
    if alpha.max() < LEAST_ALPHA:
        raise InputError("the field has no opaque surface to write", out, "train longer, or export --html")
    vertices, faces, _, _ = marching_cubes(alpha, SURFACE_SHARE * alpha.max())
    at = (vertices - 1).T  # z, y, x in voxels
    channels = [map_coordinates(radiance[..., c], at, order=1, mode="nearest") for c in range(radiance.shape[-1])]
    log = volume.radiance.low + np.stack(channels, axis=1) * (np.array(volume.radiance.high) - volume.radiance.low)
    shown = np.clip(np.exp(np.asarray(tone.offset) + np.asarray(tone.scale) * log), 0, 1) ** (1 / tone.gamma)
    lo, size = np.array(volume.box.lo), np.array(volume.box.size)
    voxels = np.array(alpha.shape)[::-1] - 2
    world = lo + (at.T[:, ::-1] + 0.5) / voxels * size
    return world, faces[:, ::-1], np.repeat(shown, 3, axis=1) if mono else shown
