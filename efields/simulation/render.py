"""A scene rendered by Mitsuba 3: linear intensity along the camera path, and held-out views with depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from efields.errors import InputError
from efields.events.sensor import LUMINANCE
from efields.geometry.camera import Camera
from efields.simulation.lights import Constant, Light, Point, Sky, Sun
from efields.simulation.mitsuba_probe import load_mitsuba
from efields.simulation.scene import Scene
from efields.simulation.shapes import Material, Plastic, Principled, Shape

NEAR = 1e-3
"""Near plane in scene units: rays of Mitsuba start there."""


def mitsuba_pose(T_world_camera: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """Camera-to-world pose for Mitsuba, whose camera has x left, y up, z forward; the one place that converts."""
    return T_world_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])


class SceneRenderer:
    """One loaded scene; every frame is rendered by a new sensor in it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.camera: Camera = scene.camera()
        self.mi: Any = load_mitsuba()
        self._scene = self._load_xml() if scene.mitsuba_xml is not None else self.mi.load_dict(self._tables())
        self._movers = tuple(k for k, shape in enumerate(scene.shapes) if any(shape.velocity))
        self._at_start = {k: scene.shapes[k].world_mesh().vertices for k in self._movers}

    @property
    def mover_velocity(self) -> Float64[np.ndarray, "m 3"]:
        """Velocity of each moving shape in the world, scene units/s."""
        return np.array([self.scene.shapes[k].velocity for k in self._movers], dtype=np.float64).reshape(-1, 3)

    def advance(self, t_s: float) -> None:
        """Move the moving shapes to their positions at a time in seconds from the start."""
        if not self._movers:
            return
        parameters = self.mi.traverse(self._scene)
        for k in self._movers:
            moved = self._at_start[k] + t_s * np.asarray(self.scene.shapes[k].velocity)
            parameters[f"shape{k}.vertex_positions"] = moved.astype(np.float32).ravel()
        parameters.update()

    def intensity(
        self, T_world_camera: Float64[np.ndarray, "4 4"], samples: int, seed: int
    ) -> Float32[np.ndarray, "h w c"]:
        """Linear radiance in every pixel: luminance, or red, green, blue where the sensor has a colour filter.

        The scene's exposure is not applied.
        """
        image = self.mi.render(self._scene, sensor=self._sensor(T_world_camera), spp=samples, seed=seed)
        # In an LLVM variant nothing has been rendered until the values are read.
        pixels = np.array(image, dtype=np.float64)
        colour, alpha = pixels[..., :3], pixels[..., 3:4]
        if self.scene.image.background is not None:
            colour = colour + (1 - alpha) * np.asarray(self.scene.image.background)
        colour = np.maximum(colour, 0)
        return (colour if self.camera.channels == 3 else (colour @ np.array(LUMINANCE))[..., None]).astype(np.float32)

    def depth(self, T_world_camera: Float64[np.ndarray, "4 4"]) -> Float32[np.ndarray, "h w"]:
        """Distance along the unit ray through each pixel's centre; inf where it meets nothing."""
        bearings = np.asarray(self.camera.bearings(), dtype=np.float64)
        return self._seen(T_world_camera, bearings)[0].reshape(self.camera.height, self.camera.width)

    def mover(self, T_world_camera: Float64[np.ndarray, "4 4"]) -> UInt8[np.ndarray, "h w"]:
        """Which moving shape each pixel's centre shows, counted from 1 in the order of `mover_velocity`; else 0."""
        shape = (self.camera.height, self.camera.width)
        if not self._movers:
            return np.zeros(shape, dtype=np.uint8)
        return self._seen(T_world_camera, np.asarray(self.camera.bearings(), dtype=np.float64))[1].reshape(shape)

    def visible_points(
        self, T_world_camera: Float64[np.ndarray, "4 4"], across: int
    ) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
        """World points that a coarse grid of pixels sees, about `across` a row, and their velocities in the world."""
        camera = self.camera
        rows, columns = np.meshgrid(
            np.linspace(0, camera.height - 1, across).round().astype(int),
            np.linspace(0, camera.width - 1, across).round().astype(int),
            indexing="ij",
        )
        bearings = np.asarray(camera.bearings(), dtype=np.float64)[(rows * camera.width + columns).ravel()]
        distance, mover = self._seen(T_world_camera, bearings)
        distance, hit = distance.astype(np.float64), np.isfinite(distance)
        unit = bearings[hit] / np.linalg.norm(bearings[hit], axis=-1, keepdims=True)
        velocity = np.concatenate([np.zeros((1, 3)), self.mover_velocity])[mover[hit]]
        return (unit * distance[hit, None]) @ T_world_camera[:3, :3].T + T_world_camera[:3, 3], velocity

    def _seen(
        self, T_world_camera: np.ndarray, bearings: np.ndarray
    ) -> tuple[Float32[np.ndarray, " n"], UInt8[np.ndarray, " n"]]:
        """Distance along each ray to what it meets first, and which moving shape that is, counted from 1."""
        mi = self.mi
        direction = bearings @ T_world_camera[:3, :3].T
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        origin = mi.Point3f(*(float(x) for x in T_world_camera[:3, 3]))
        if mi.variant().startswith("scalar"):
            rays = (mi.Ray3f(origin, mi.Vector3f(*(float(x) for x in d))) for d in direction)
            number = {f"shape{k}": i for i, k in enumerate(self._movers, start=1)}
            met = [self._scene.ray_intersect_preliminary(ray) for ray in rays]
            which = [number.get(m.shape.id(), 0) if self._movers and np.isfinite(m.t) else 0 for m in met]
            return np.array([m.t for m in met], dtype=np.float32), np.array(which, dtype=np.uint8)
        along = mi.Vector3f(*(mi.Float(column) for column in direction.T.astype(np.float32)))
        met = self._scene.ray_intersect_preliminary(mi.Ray3f(origin, along))
        mover = np.zeros(len(bearings), dtype=np.uint8)
        shapes = {shape.id(): shape for shape in self._scene.shapes()} if self._movers else {}
        for i, k in enumerate(self._movers, start=1):
            mover[np.array(met.shape == mi.ShapePtr(shapes[f"shape{k}"]))] = i
        return np.array(met.t, dtype=np.float32), mover

    def _sensor(self, T_world_camera: np.ndarray) -> Any:
        camera = self.camera
        film = {"type": "hdrfilm", "width": camera.width, "height": camera.height, "pixel_format": "rgba"}
        return self.mi.load_dict(
            {
                "type": "perspective",
                "fov": float(self.scene.image.fov_deg),
                "fov_axis": "x",
                "near_clip": NEAR,
                "far_clip": 1e4,
                "to_world": self.mi.ScalarTransform4f(mitsuba_pose(T_world_camera)),
                "film": {**film, "component_format": "float32", "rfilter": {"type": "box"}},
                "sampler": {"type": "multijitter"},
            }
        )

    def _load_xml(self) -> Any:
        path = self.scene.mitsuba_xml
        try:
            return self.mi.load_file(str(path))
        except Exception as error:  # Mitsuba's parser raises bare RuntimeErrors.
            raise InputError(f"Mitsuba cannot read it ({error})", path, "check it with the program mitsuba") from None

    def _tables(self) -> dict[str, Any]:
        """The scene as Mitsuba's nested tables."""
        scene, settings = self.scene, self.scene.render
        hidden = scene.image.background is not None
        integrator: dict[str, Any] = {"type": settings.integrator, "hide_emitters": hidden}
        if settings.integrator == "path":
            integrator["max_depth"] = settings.max_depth
        tables: dict[str, Any] = {"type": "scene", "integrator": integrator}
        tables |= {f"light{i}": self._light(light) for i, light in enumerate(scene.lights)}
        tables |= {f"shape{i}": self._shape(shape, f"shape{i}") for i, shape in enumerate(scene.shapes)}
        return tables

    def _shape(self, shape: Shape, name: str) -> Any:
        mi, mesh = self.mi, shape.world_mesh()
        properties = mi.Properties()
        properties["bsdf"] = mi.load_dict(self._material(self.scene.materials[shape.material], shape))
        sizes = {"vertex_count": len(mesh.vertices), "face_count": len(mesh.faces)}
        holder = mi.Mesh(name, **sizes, props=properties, has_vertex_normals=True, has_vertex_texcoords=True)
        parameters = mi.traverse(holder)
        parameters["vertex_positions"] = mesh.vertices.astype(np.float32).ravel()
        parameters["vertex_normals"] = mesh.normals.astype(np.float32).ravel()
        parameters["vertex_texcoords"] = mesh.uv.astype(np.float32).ravel()
        parameters["faces"] = mesh.faces.astype(np.uint32).ravel()
        parameters.update()
        return holder

    def _material(self, material: Material, shape: Shape) -> dict[str, Any]:
        colour = self._reflectance(material, shape)
        if isinstance(material, Plastic):
            table = {"type": "roughplastic", "diffuse_reflectance": colour, "alpha": material.roughness}
        elif isinstance(material, Principled):
            rough = {"roughness": material.roughness, "metallic": material.metallic}
            table = {"type": "principled", "base_color": colour, **rough}
        else:
            table = {"type": "diffuse", "reflectance": colour}
        return {"type": "twosided", "bsdf": table}

    def _reflectance(self, material: Material, shape: Shape) -> dict[str, Any]:
        if not material.texture:
            return {"type": "rgb", "value": list(material.color)}
        image = np.clip(self.scene.textures[material.texture].image(shape), 0.0, 0.95)
        bitmap = self.mi.Bitmap(np.ascontiguousarray(image, dtype=np.float32))
        to_uv = self.mi.ScalarTransform4f().scale([*material.uv_scale, 1.0])
        return {"type": "bitmap", "bitmap": bitmap, "raw": True, "to_uv": to_uv}

    def _light(self, light: Light) -> dict[str, Any]:
        def rgb(strength: float) -> dict[str, Any]:
            return {"type": "rgb", "value": [strength * c for c in light.color]}

        if isinstance(light, Sun):
            return {"type": "directional", "direction": list(light.direction), "irradiance": rgb(light.irradiance)}
        if isinstance(light, Point):
            return {"type": "point", "position": list(light.position), "intensity": rgb(light.intensity)}
        if isinstance(light, Sky):
            return self._sky(light)
        assert isinstance(light, Constant)
        return {"type": "constant", "radiance": rgb(light.radiance)}

    def _sky(self, light: Sky) -> dict[str, Any]:
        """An environment map of the gradient; Mitsuba's maps have y up, ours z."""
        height = np.sin(np.pi * (0.5 - (np.arange(64) + 0.5) / 64))
        radiance = np.where(
            height > 0,
            light.horizon + (light.zenith - light.horizon) * height,
            light.horizon + (light.ground - light.horizon) * -height,
        )
        rows = np.repeat(radiance[:, None, None] * np.asarray(light.color), 128, axis=1)
        bitmap = self.mi.Bitmap(np.ascontiguousarray(rows, dtype=np.float32))
        to_world = self.mi.ScalarTransform4f().rotate([1, 0, 0], 90)
        return {"type": "envmap", "bitmap": bitmap, "to_world": to_world}
