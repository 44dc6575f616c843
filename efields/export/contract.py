"""The scene document: what a viewer must know of a scene beside its blobs. Scene format, version 1.

The one source of it: the writer fills these dataclasses, the reader and the viewer check what they read by them
(`viewer/src/scene/document.gen.ts` is generated from this file). Old documents of version 1 stay readable: what is new
may be absent. Blobs are zlib streams of little-endian numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from efields.export.codes import DensityCode, RadianceCode
from efields.ranges import Range
from efields.wire.marks import BlobName, Corners, Entries, InOrder, UnitLength

FORMAT = "efields-scene"
SCHEMA_VERSION = (1, 2)
"""Major and minor version; readers take every minor version of their major one."""
CHUNK = 1 << 18
"""Events of a chunk at most."""
MOST_SIDE = 1 << 15
"""Columns and rows of a sensor: an event's column has 15 bits."""

AboveZero = Annotated[float, Range(above=0)]
Count = Annotated[int, Range(0)]
Side = Annotated[int, Range(1, MOST_SIDE)]
Voxels = Annotated[int, Range(1, 2048)]
Triple = tuple[float, float, float]
Quaternion = Annotated[tuple[float, float, float, float], UnitLength()]
Blob = Annotated[str, BlobName()]
Offset = float | tuple[float, ...]
"""One number for all channels, or one for each."""


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion; pixel centres are at whole numbers."""

    width: Side
    """Columns."""
    height: Side
    """Rows."""
    fx: AboveZero
    """Focal length along columns, pixels."""
    fy: AboveZero
    """Focal length along rows, pixels."""
    cx: float
    """Column of the principal point."""
    cy: float
    """Row of the principal point."""


@dataclass(frozen=True)
class SceneView:
    """A pose that can be gone to."""

    name: str
    """What the list of views calls it."""
    kind: Literal["training", "heldout", "recorded"]
    """A frame that was trained on, one that was held out, or a pose of the trajectory."""
    t_s: float | None
    """Seconds since the recording's origin; null for a view without a time."""
    position: Triple
    """Camera centre."""
    quaternion: Quaternion
    """Camera to world, OpenCV axes; x, y, z, w."""
    camera: Pinhole | None = None
    """Its own camera, where it is not `cameras.event`."""


@dataclass(frozen=True)
class CamerasDocument:
    """The cameras of a scene."""

    event: Pinhole
    """The event camera, undistorted."""
    views: tuple[SceneView, ...]
    """Views to choose from."""


@dataclass(frozen=True)
class WorldDocument:
    """Where things are: all positions of a scene count from `origin`, as single precision resolves no survey grid."""

    aabb: Annotated[tuple[Triple, Triple], Corners()]
    """The box of the volume, low corner and high."""
    up: Annotated[Triple, UnitLength()]
    """Unit direction away from the ground."""
    center: Triple
    """Middle of what is to be framed."""
    radius: AboveZero
    """Radius of what is to be framed."""
    origin: Triple = (0.0, 0.0, 0.0)
    """The point of the user's world from which positions count."""


@dataclass(frozen=True)
class KeyframeDocument:
    """The volume at one time."""

    t_s: float | None
    """Seconds since the recording's origin; null for a field that stands still."""
    blob: Blob
    """Codes of every voxel, x fastest: density and radiance, or red, green, blue and density; a byte each."""


@dataclass(frozen=True)
class OccupancyDocument:
    """Where density can be met at some time."""

    block: Annotated[int, Range(1, 256)]
    """Voxels along an edge of a block."""
    shape: tuple[Voxels, Voxels, Voxels]
    """Blocks along x, y, z."""
    blob: Blob
    """A byte for each block, x fastest: 0 where it and its neighbouring voxels are empty at all times."""


@dataclass(frozen=True)
class VolumeDocument:
    """A field as 8-bit codes on a grid that fills `world.aabb`."""

    shape: tuple[Voxels, Voxels, Voxels]
    """Voxels along x, y, z."""
    channels: Literal["mono", "rgb"]
    """One channel of radiance or three."""
    density: DensityCode
    """What codes of density mean."""
    radiance: RadianceCode
    """What codes of radiance mean."""
    voxels: Literal["centres"]
    """Values stand at the centres of voxels; between them they are interpolated, beyond them held."""
    keyframes: Annotated[tuple[KeyframeDocument, ...], Entries(1)]
    """In order of time; between two of them codes are blended linearly."""
    occupancy: OccupancyDocument
    """Empty space."""
    step: AboveZero
    """Length of the spans of the march along a ray, world units."""


@dataclass(frozen=True)
class BackgroundMap:
    """Radiance behind the field by direction: a small picture of all directions around."""

    kind: Literal["map"]
    """A map."""
    width: Annotated[int, Range(4, 4096)]
    """Columns; column u holds the azimuth atan2(y, x) = 2 pi ((u + 1/2) / width) - pi; left and right ends meet."""
    height: Annotated[int, Range(2, 2048)]
    """Rows; row v holds the angle pi (v + 1/2) / height from +z of the world."""
    channels: Annotated[int, Range(1, 3)]
    """One or three."""
    blob: Blob
    """Linear radiance in float32, [height, width, channels]; between pixel centres it is interpolated linearly."""


@dataclass(frozen=True)
class AlignedTone:
    """Brightness as the evaluation fitted it to reference views."""

    offset: Offset
    """Added to the scaled log radiance."""
    scale: Offset
    """What log radiance is multiplied by."""
    source: str
    """A sentence: where the numbers come from."""


@dataclass(frozen=True)
class ToneDocument:
    """How radiance becomes brightness: clip(exp(offset + scale * log radiance), 0, 1) ** (1 / gamma)."""

    mode: Literal["auto", "fixed", "aligned"]
    """What the page starts with."""
    offset: Offset
    """Added to the scaled log radiance."""
    scale: Offset
    """What log radiance is multiplied by."""
    gamma: AboveZero
    """Exponent of the screen."""
    source: str
    """A sentence: where the numbers come from."""
    aligned: AlignedTone | None
    """The brightness of the references, where they were compared with."""


@dataclass(frozen=True)
class TrajectoryDocument:
    """The event camera's path, straight between its poses; as many entries in each list."""

    t_s: Annotated[tuple[float, ...], InOrder()]
    """Seconds since the recording's origin."""
    position: tuple[Triple, ...]
    """Camera centres."""
    quaternion: tuple[Quaternion, ...]
    """Camera to world, OpenCV axes; x, y, z, w."""


@dataclass(frozen=True)
class EventChunk:
    """Events without a gap of more than 65535 microseconds."""

    blob: Blob
    """Three columns of uint16: x with the polarity as its top bit, y, microseconds since the event before."""
    count: Annotated[int, Range(1, CHUNK)]
    """Events."""
    t0_s: float
    """Time of the first, seconds since the recording's origin."""
    t1_s: float
    """Time of the last."""


@dataclass(frozen=True)
class EventsDocument:
    """Events in the undistorted pinhole of the event camera."""

    width: Side
    """Columns of the sensor."""
    height: Side
    """Rows of the sensor."""
    c_pos: AboveZero
    """Contrast threshold of ON events."""
    c_neg: AboveZero
    """Contrast threshold of OFF events."""
    count: Count
    """Events of the recording."""
    shown: Count
    """Events of the chunks."""
    chunks: tuple[EventChunk, ...]
    """In order of time."""
    note: str
    """What is not there, in plain sentences; empty when all is."""
    assumed: bool = False
    """Whether nobody gave the thresholds."""


@dataclass(frozen=True)
class RateDocument:
    """Events of the recording in even spans of time."""

    t0_s: float
    """Start of the first span."""
    bin_s: AboveZero
    """Length of a span."""
    counts: tuple[Annotated[float, Range(0)], ...]
    """Events in each."""


@dataclass(frozen=True)
class SceneDocument:
    """scene.json, format version 1."""

    format: Literal["efields-scene"]
    """What this is."""
    schema_version: tuple[int, int]
    """Major and minor version of the format."""
    name: str
    """What the scene is called."""
    generator: str
    """What wrote it."""
    origin_us: int
    """Sensor time of second 0, microseconds."""
    time_range_s: Annotated[tuple[float, float], InOrder()]
    """From the first event or pose to the last, seconds since the recording's origin."""
    world: WorldDocument
    """Where things are."""
    volume: VolumeDocument | None
    """The baked field; null where a server renders it."""
    background: Annotated[tuple[Annotated[float, Range(0)], ...], Entries(1, 3)] | BackgroundMap
    """Linear radiance behind the field: one colour, as a list of its channels, or an object whose `kind` says what."""
    tone: ToneDocument
    """How it is shown."""
    cameras: CamerasDocument
    """Cameras and views."""
    trajectory: TrajectoryDocument
    """The event camera's path."""
    events: EventsDocument | None
    """The events; null where there are none."""
    rate: RateDocument | None
    """Their rate over time."""
    metrics: dict[str, Any]
    """Scores of the run, by name."""
    provenance: dict[str, Any]
    """Where the scene comes from, by name."""
    notes: tuple[str, ...]
    """What a viewer should be told, one sentence each."""
    moves_s: Annotated[tuple[float, float], InOrder()] | None = None
    """First and last second in which a field that moves is known; absent for one that stands still."""


PARTS: tuple[type, ...] = (
    Pinhole, SceneView, CamerasDocument, WorldDocument, DensityCode, RadianceCode, KeyframeDocument, OccupancyDocument,
    VolumeDocument, BackgroundMap, AlignedTone, ToneDocument, TrajectoryDocument, EventChunk, EventsDocument,
    RateDocument, SceneDocument,
)  # fmt: skip
"""Every part, each after those that it is made of."""
