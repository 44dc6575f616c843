"""Surfaces of a baked volume for other programs: triangles with colours, and points, as PLY or GLB through open3d."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from efields.atomic import replacing
from efields.errors import InputError
from efields.export.volume import Volume

SURFACE_SHARE = 0.5
"""Opacity of one voxel at which the surface is drawn, over that of the densest one."""
LEAST_ALPHA = 0.1
"""Opacity of the densest voxel below which there is no surface."""
MESHES, POINTS = (".ply", ".glb"), (".ply",)


def write_mesh(volume: Volume, tone: dict[str, Any], out: Path) -> int:
    """Marching cubes (Lorensen and Cline, SIGGRAPH 1987) at `SURFACE_SHARE`; returns the number of triangles.

    Raises `InputError` for another ending, without open3d, and where nothing is opaque.
    """
    open3d = _open3d(out, MESHES)
    vertices, faces, colours = _surface(volume, tone, out)
    mesh = open3d.geometry.TriangleMesh(open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(faces))
    mesh.vertex_colors = open3d.utility.Vector3dVector(colours)
    mesh.compute_vertex_normals()
    with replacing(out) as temporary:
        named = temporary.with_name(temporary.name + out.suffix.lower())  # open3d goes by the ending
        if not open3d.io.write_triangle_mesh(str(named), mesh):
            raise InputError("cannot be written", out, "choose another folder or ending")
        named.replace(temporary)
    return len(faces)


def write_points(volume: Volume, tone: dict[str, Any], out: Path) -> int:
    """The vertices of the surface with their colours; returns their number. Raises as `write_mesh`."""
    open3d = _open3d(out, POINTS)
    vertices, _, colours = _surface(volume, tone, out)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(vertices))
    cloud.colors = open3d.utility.Vector3dVector(colours)
    with replacing(out) as temporary:
        named = temporary.with_name(temporary.name + out.suffix.lower())
        if not open3d.io.write_point_cloud(str(named), cloud):
            raise InputError("cannot be written", out, "choose another folder")
        named.replace(temporary)
    return len(vertices)


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
    """Vertices [n, 3] in the world, triangles [m, 3] and display colours [n, 3] of the surface."""
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
