"""Meshes are closed, face outwards, and their texture coordinates know one place for every texel."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from efields.simulation import meshes
from efields.simulation.meshes import Mesh, grid_mesh

CLOSED = {
    "sphere": (meshes.blob(1.0, 0.0, 1.0, 0), 4 / 3 * np.pi),
    "blob": (meshes.blob(1.0, 0.1, 3.4, 3), None),
    "torus": (meshes.torus(1.0, 0.25), 2 * np.pi**2 * 0.25**2),
    "cylinder": (meshes.cylinder(0.5, 2.0), np.pi * 0.25 * 2),
    "box": (meshes.box(1.0, 2.0, 3.0), 6.0),
    "bar": (meshes.bar((0.1, 0.2, 0.3), (1.0, -0.5, 0.9), 0.1), np.pi * 0.01 * np.sqrt(0.81 + 0.49 + 0.36)),
}


def face_normals(mesh: Mesh) -> np.ndarray:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


@pytest.mark.parametrize("name", CLOSED)
def test_every_edge_has_two_triangles_that_agree_which_side_is_out(name: str) -> None:
    mesh, _ = CLOSED[name]
    corner = meshes.places(mesh.vertices)[mesh.faces]
    edges = Counter((int(f[k]), int(f[(k + 1) % 3])) for f in corner for k in range(3))
    assert set(edges.values()) == {1}
    assert all((b, a) in edges for a, b in edges)


@pytest.mark.parametrize("name", CLOSED)
def test_normals_are_unit_and_point_out(name: str) -> None:
    mesh, volume = CLOSED[name]
    assert mesh.volume() > 0
    if volume is not None:
        assert mesh.volume() == pytest.approx(volume, rel=0.02)
    used = np.unique(mesh.faces)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals[used], axis=-1), 1, atol=1e-9)
    facing = face_normals(mesh)
    for k in range(3):
        assert ((facing * mesh.normals[mesh.faces[:, k]]).sum(-1) > 0).all()


@pytest.mark.parametrize(
    ("surface", "seams"),
    [
        (meshes.blob_surface(1.0, 0.1, 3.4, 3), "u"),
        (meshes.torus_surface(1.0, 0.3), "uv"),
        (meshes.cylinder_surface(0.5, 1.0), "u"),
    ],
)
def test_the_seam_is_duplicated_and_closes_exactly(surface: meshes.Surface, seams: str) -> None:
    columns, rows = 24, 12
    mesh = grid_mesh(surface, columns, rows)
    np.testing.assert_array_equal(surface(mesh.uv[:, 0], mesh.uv[:, 1]), mesh.vertices)
    extent = np.ptp(mesh.uv[mesh.faces], axis=1)
    assert (extent <= np.array([1 / columns, 1 / rows]) + 1e-12).all(), "a triangle spans the seam"
    for axis in ("uv".index(s) for s in seams):
        other = 1 - axis
        first, last = (mesh.uv[:, axis] == end for end in (0, 1))
        order_first, order_last = (np.argsort(mesh.uv[side, other]) for side in (first, last))
        assert first.sum() > 1
        np.testing.assert_array_equal(mesh.vertices[first][order_first], mesh.vertices[last][order_last])
        np.testing.assert_array_equal(mesh.normals[first][order_first], mesh.normals[last][order_last])


def test_a_sphere_has_its_own_direction_as_normal() -> None:
    mesh, _ = CLOSED["sphere"]
    used = np.unique(mesh.faces)
    np.testing.assert_allclose(mesh.normals[used], mesh.vertices[used], atol=0.01)


def test_a_plane_faces_up() -> None:
    mesh = meshes.plane(2.0, 3.0)
    np.testing.assert_allclose(mesh.normals, np.tile([0.0, 0, 1], (4, 1)), atol=1e-12)
    assert (face_normals(mesh)[:, 2] > 0).all()
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [2, 3, 0])


def test_transforms_keep_normals_square_to_the_surface_and_mirrors_keep_the_outside_out() -> None:
    T = np.eye(4)
    T[:3, :3] = np.diag([1.0, -2.0, 0.5]) @ np.array([[1, 0.3, 0], [0, 1, 0], [0, 0, 1]])
    T[:3, 3] = [1, 2, 3]
    box = meshes.box(1.0, 1.0, 1.0).transformed(T)
    assert box.volume() == pytest.approx(1.0)
    facing = face_normals(box)
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    np.testing.assert_allclose((facing * box.normals[box.faces[:, 0]]).sum(-1), 1, atol=1e-9)


def test_a_bar_ends_where_it_is_told() -> None:
    start, end = np.array([0.1, 0.2, 0.3]), np.array([1.0, -0.5, 0.9])
    mesh, _ = CLOSED["bar"]
    along = (mesh.vertices - start) @ (end - start) / ((end - start) ** 2).sum()
    np.testing.assert_allclose([along.min(), along.max()], [0, 1], atol=1e-9)
    off = np.linalg.norm(mesh.vertices - start - along[:, None] * (end - start), axis=-1)
    assert off.max() == pytest.approx(0.1)
