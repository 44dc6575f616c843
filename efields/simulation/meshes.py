"""Procedural triangle meshes with texture coordinates; seams are duplicated, so that every texel has one position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32

Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps texture coordinates u, v in [0, 1] to points [..., 3]."""


@dataclass(frozen=True)
class Mesh:
    """Triangles in object or world coordinates, counter-clockwise seen from outside."""

    vertices: Float64[np.ndarray, "n 3"]
    """Positions in scene units."""
    normals: Float64[np.ndarray, "n 3"]
    """Unit outward normals; vertices at a hard edge are duplicated, one for each side."""
    uv: Float64[np.ndarray, "n 2"]
    """Texture coordinates in [0, 1]; vertices at a seam are duplicated, so that no triangle spans it."""
    faces: Int32[np.ndarray, "m 3"]
    """Vertex indices of the triangles."""

    def transformed(self, T: Float64[np.ndarray, "4 4"]) -> Mesh:
        """The mesh under an affine map (normals by the inverse transpose); mirrored triangles are reversed."""
        linear = T[:3, :3]
        normals = self.normals @ np.linalg.inv(linear)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        faces = self.faces[:, ::-1] if np.linalg.det(linear) < 0 else self.faces
        return Mesh(self.vertices @ linear.T + T[:3, 3], normals, self.uv, np.ascontiguousarray(faces))

    def volume(self) -> float:
        """Signed volume by the divergence theorem; positive when a closed mesh faces outwards."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def joined(parts: list[Mesh]) -> Mesh:
    """One mesh of several parts; parts keep their own normals, so their common edges stay hard."""
    offset = np.cumsum([0] + [len(p.vertices) for p in parts[:-1]])
    return Mesh(
        np.concatenate([p.vertices for p in parts]),
        np.concatenate([p.normals for p in parts]),
        np.concatenate([p.uv for p in parts]),
        np.concatenate([p.faces + o for p, o in zip(parts, offset, strict=True)]).astype(np.int32),
    )


def grid_mesh(surface: Surface, columns: int, rows: int) -> Mesh:
    """Mesh of a surface over the unit square of texture coordinates; du x dv must point outwards.

    The columns u = 0 and u = 1 (and rows, on a torus) are separate vertices even where they meet in space. Triangles
    without area (at the poles of a sphere) are left out. Normals are averaged over vertices at the same position.
    """
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    uv = np.stack([u, v], -1).reshape(-1, 2)
    vertices = surface(uv[:, 0], uv[:, 1])
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    right, up = 1, columns + 1
    lower = np.stack([corner, corner + right, corner + right + up], -1)
    upper = np.stack([corner, corner + right + up, corner + up], -1)
    faces = np.concatenate([lower, upper])
    area = np.linalg.norm(_face_normals(vertices, faces), axis=-1)
    faces = faces[area > 1e-9 * area.max()]
    return Mesh(vertices, _smooth_normals(vertices, faces), uv, faces.astype(np.int32))


def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normals of the triangles, their length twice the area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def places(vertices: Float64[np.ndarray, "n 3"]) -> np.ndarray:
    """Index of the position of each vertex: vertices duplicated at a seam share it."""
    scale = np.abs(vertices).max() or 1.0
    return np.unique(np.round(vertices / scale, 9) + 0.0, axis=0, return_inverse=True)[1].ravel()


def _smooth_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted vertex normals, summed over vertices at the same position."""
    place = places(vertices)
    total = np.zeros((place.max() + 1, 3))
    for k in range(3):
        np.add.at(total, place[faces[:, k]], _face_normals(vertices, faces))
    length = np.linalg.norm(total, axis=-1, keepdims=True)
    return (total / np.where(length > 0, length, 1))[place]


def sphere_direction(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unit vector of longitude 2 pi u and latitude pi (v - 1/2), z up."""
    longitude, latitude = 2 * np.pi * u, np.pi * (v - 0.5)
    across = np.cos(latitude)
    # The seam must close to the last bit, or the mesh would have a slit.
    longitude = np.where(u >= 1, 0.0, longitude)
    across = np.where((v <= 0) | (v >= 1), 0.0, across)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], -1)


def blob(radius: float, displacement: float, frequency: float, seed: int, columns: int = 192, rows: int = 96) -> Mesh:
    """A sphere whose radius varies by about `displacement` (a share of the radius), smoothly, with random lobes."""
    return grid_mesh(blob_surface(radius, displacement, frequency, seed), columns, rows)


def blob_surface(radius: float, displacement: float, frequency: float, seed: int) -> Surface:
    """The surface of `blob`: r = radius (1 + displacement * mean of 12 plane waves over the unit sphere)."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(12, 3))
    waves *= frequency * rng.uniform(0.6, 1.4, (12, 1)) / np.linalg.norm(waves, axis=-1, keepdims=True)
    phase = rng.uniform(0, 2 * np.pi, 12)

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        direction = sphere_direction(u, v)
        # Twelve waves of random phase have a standard deviation of sqrt(6): this makes it one.
        lobes = np.sin(direction @ waves.T + phase).sum(-1) / np.sqrt(6.0)
        return direction * (radius * (1 + displacement * lobes))[..., None]

    return surface


def torus_surface(radius: float, tube: float) -> Surface:
    """A ring about the z axis: u runs along it, v around the tube."""

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        along, around = 2 * np.pi * np.where(u >= 1, 0.0, u), 2 * np.pi * np.where(v >= 1, 0.0, v)
        across = radius + tube * np.cos(around)
        return np.stack([across * np.cos(along), across * np.sin(along), tube * np.sin(around)], -1)

    return surface


def torus(radius: float, tube: float, columns: int = 96, rows: int = 32) -> Mesh:
    """A ring of `radius` whose tube has radius `tube`, about the z axis."""
    return grid_mesh(torus_surface(radius, tube), columns, rows)


def cylinder_surface(radius: float, height: float) -> Surface:
    """The side of a cylinder about the z axis, centred: u around, v upwards."""

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        around = 2 * np.pi * np.where(u >= 1, 0.0, u)
        return np.stack([radius * np.cos(around), radius * np.sin(around), height * (v - 0.5)], -1)

    return surface


def cylinder(radius: float, height: float, columns: int = 64) -> Mesh:
    """A closed cylinder about the z axis, centred at the origin, with hard rims."""
    side = grid_mesh(cylinder_surface(radius, height), columns, 1)
    return joined([side, _cap(radius, height / 2, columns, up=True), _cap(radius, -height / 2, columns, up=False)])


def _cap(radius: float, z: float, columns: int, *, up: bool) -> Mesh:
    """A disc at height z; texture coordinates are its own square."""
    u = np.arange(columns) / columns
    rim = np.stack([np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)], -1)
    disc = np.concatenate([np.zeros((1, 2)), rim])
    vertices = np.concatenate([disc * radius, np.full((columns + 1, 1), z)], -1)
    index = 1 + np.arange(columns)
    following = 1 + (np.arange(columns) + 1) % columns
    centre = np.zeros_like(index)
    faces = np.stack([centre, index, following] if up else [centre, following, index], -1).astype(np.int32)
    normals = np.tile([0.0, 0.0, 1.0 if up else -1.0], (columns + 1, 1))
    return Mesh(vertices, normals, 0.5 + 0.5 * disc, faces)


def plane(width: float, depth: float) -> Mesh:
    """A rectangle in the plane z = 0 that faces up."""
    return grid_mesh(lambda u, v: np.stack([width * (u - 0.5), depth * (v - 0.5), 0 * u], -1), 1, 1)


def box(width: float, depth: float, height: float) -> Mesh:
    """A closed box along x, y, z, centred at the origin; each side carries the whole texture, upright."""
    half = np.array([width, depth, height]) / 2
    up, x, y = np.eye(3)[2], np.eye(3)[0], np.eye(3)[1]
    sides = [(x, y, up), (-x, -y, up), (y, -x, up), (-y, x, up), (up, x, y), (-up, -x, y)]

    def side(normal: np.ndarray, right: np.ndarray, top: np.ndarray) -> Mesh:
        def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            across, along = (2 * u - 1)[..., None] * right, (2 * v - 1)[..., None] * top
            return (normal + across + along) * half

        return grid_mesh(surface, 1, 1)

    return joined([side(*axes) for axes in sides])


def rotation_between(start: np.ndarray, end: np.ndarray) -> Float64[np.ndarray, "3 3"]:
    """A rotation that takes the z axis to the direction from `start` to `end`."""
    axis = (end - start) / np.linalg.norm(end - start)
    helper = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0])
    x = np.cross(helper, axis)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(axis, x), axis], -1)


def bar(start: tuple[float, ...], end: tuple[float, ...], radius: float, columns: int = 32) -> Mesh:
    """A round bar from one point to another, closed at both ends."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation_between(a, b), (a + b) / 2
    return cylinder(radius, float(np.linalg.norm(b - a)), columns).transformed(T)
