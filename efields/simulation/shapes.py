"""Shapes and materials of a scene, by `kind`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float64

from efields.ranges import Positive, Range, Seed, Share
from efields.simulation import meshes
from efields.simulation.meshes import Mesh
from efields.simulation.vectors import Colour, Factors, Vector


@dataclass(frozen=True)
class Shape:
    """A shape in its own coordinates, then scaled, rotated and moved into the world (z is up)."""

    material: str
    """Name of its material."""
    position: Vector = (0.0, 0.0, 0.0)
    """Position of its origin, in scene units."""
    rotation_deg: Vector = (0.0, 0.0, 0.0)
    """Rotation about x, then y, then z of the world, in degrees."""
    scale: Factors = (1.0, 1.0, 1.0)
    """Factors along its own x, y, z."""
    velocity: Vector = (0.0, 0.0, 0.0)
    """Its velocity in the world, in scene units per second; `position` is that at the start."""

    def mesh(self) -> Mesh:
        """Its triangles, in its own coordinates."""
        raise NotImplementedError

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:
        """Where solid textures are evaluated for each texel: by default the flat square of the texture."""
        return np.concatenate([uv, np.zeros_like(uv[..., :1])], -1)

    def world_mesh(self) -> Mesh:
        """Its triangles in the world."""
        x, y, z = np.radians(self.rotation_deg)
        about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
        T = np.eye(4)
        T[:3, :3] = about_z @ about_y @ about_x @ np.diag(self.scale)
        T[:3, 3] = self.position
        return self.mesh().transformed(T)


@dataclass(frozen=True)
class Sphere(Shape):
    """A sphere."""

    radius: Positive = 1.0
    """Radius in scene units."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.blob(self.radius, 0.0, 1.0, 0)

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return meshes.blob_surface(self.radius, 0.0, 1.0, 0)(uv[..., 0], uv[..., 1])


@dataclass(frozen=True)
class Blob(Shape):
    """A sphere with smooth random lobes."""

    radius: Positive = 1.0
    """Mean radius in scene units."""
    displacement: Annotated[float, Range(0, 10)] = 0.1
    """Standard deviation of the radius, as a fraction of it."""
    frequency: Annotated[float, Range(0, 1e4)] = 3.0
    """Spatial frequency of the lobes, in radians per radius."""
    seed: Seed = 0
    """Seed of the lobes."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.blob(self.radius, self.displacement, self.frequency, self.seed)

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        surface = meshes.blob_surface(self.radius, self.displacement, self.frequency, self.seed)
        return surface(uv[..., 0], uv[..., 1])


@dataclass(frozen=True)
class Torus(Shape):
    """A ring about its z axis."""

    radius: Positive = 1.0
    """Radius of the ring's middle line."""
    tube: Positive = 0.2
    """Radius of the tube."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.torus(self.radius, self.tube)

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return meshes.torus_surface(self.radius, self.tube)(uv[..., 0], uv[..., 1])


@dataclass(frozen=True)
class Cylinder(Shape):
    """A closed cylinder about its z axis, centred."""

    radius: Positive = 0.5
    """Radius."""
    height: Positive = 1.0
    """Height."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.cylinder(self.radius, self.height)

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return meshes.cylinder_surface(self.radius, self.height)(uv[..., 0], uv[..., 1])


@dataclass(frozen=True)
class Bar(Shape):
    """A round bar from one point to another."""

    start: Vector = (0.0, 0.0, 0.0)
    """One end."""
    end: Vector = (0.0, 0.0, 1.0)
    """The other end."""
    radius: Positive = 0.05
    """Radius."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.bar(self.start, self.end, self.radius)

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        length = float(np.linalg.norm(np.subtract(self.end, self.start)))
        return meshes.cylinder_surface(self.radius, length)(uv[..., 0], uv[..., 1])


@dataclass(frozen=True)
class BoxShape(Shape):
    """A closed box, centred; each side carries the whole texture."""

    size: Factors = (1.0, 1.0, 1.0)
    """Extent along x, y, z."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.box(*self.size)


@dataclass(frozen=True)
class Plane(Shape):
    """A rectangle facing up."""

    size: Annotated[tuple[float, float], Range(above=0, most=1e9)] = (1.0, 1.0)
    """Extent along x and y."""

    def mesh(self) -> Mesh:  # noqa: D102
        return meshes.plane(*self.size)

    def points(self, uv: Float64[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return np.concatenate([(uv - 0.5) * np.asarray(self.size), np.zeros_like(uv[..., :1])], -1)


SHAPES: dict[str, type[Shape]] = {
    "sphere": Sphere,
    "blob": Blob,
    "torus": Torus,
    "cylinder": Cylinder,
    "bar": Bar,
    "box": BoxShape,
    "plane": Plane,
}


@dataclass(frozen=True)
class Material:
    """How a surface reflects light; a texture, if named, replaces the colour."""

    color: Colour = (0.5, 0.5, 0.5)
    """Linear reflectance."""
    texture: str = ""
    """Name of a texture; empty for one colour."""
    uv_scale: Annotated[tuple[float, float], Range(-1e6, 1e6)] = (1.0, 1.0)
    """How often an image texture repeats across the surface."""


@dataclass(frozen=True)
class Diffuse(Material):
    """Lambertian, the same from both sides."""


@dataclass(frozen=True)
class Plastic(Material):
    """A diffuse base under a rough clear coat."""

    roughness: Share = 0.2
    """Beckmann roughness of the coat."""


@dataclass(frozen=True)
class Principled(Material):
    """Disney's principled material."""

    roughness: Share = 0.4
    """Roughness, 0 to 1."""
    metallic: Share = 0.0
    """0 for a dielectric, 1 for a metal."""


MATERIALS: dict[str, type[Material]] = {"diffuse": Diffuse, "plastic": Plastic, "principled": Principled}
