"""Export a run: one HTML file to fly through, a web folder, a mesh, points, poses, a video."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from efields.atomic import check_place, next_free, refuse_existing
from efields.cli import print_json
from efields.cli._machine import Machine
from efields.errors import InputError
from efields.ranges import Finite, Range

if TYPE_CHECKING:
    from efields.export.camera_path import Stop
    from efields.export.scene import BakedScene
    from efields.recordings.recording import Recording
    from efields.render.model import Model
    from efields.train import Run

VIDEO_PICTURES = 90
"""Frames of a video whose path does not define their number."""


@dataclass(frozen=True)
class Args:
    """Flags of `efields export`; without any, the page RUN/scene.html is written, with a number if it exists."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    html: Path | None = None
    """One self-contained HTML file: opens with a double click, renders on the reader's own GPU."""
    web: Path | None = None
    """A folder for any web server."""
    mesh: Path | None = None
    """Triangles with colours: a .ply or .glb file (needs open3d)."""
    points: Path | None = None
    """Points of the surface with colours: a .ply file."""
    poses: Path | None = None
    """The camera's poses: .txt (TUM) or .json (transforms)."""
    video: Path | None = None
    """An .mp4 along `--path`; `efields render` has more choices."""
    path: str = "auto"
    """Camera path of the video: orbit, spiral, recorded, auto, or a file of poses, as from the viewer's path editor."""
    resolution: Annotated[int, Range(8, 256)] = 192
    """Voxels along the longest edge of the baked field, 8 to 256 (the limit of WebGL 2): more is closer to the field,
    fewer make a smaller file."""
    keyframes: Annotated[int, Range(1, 64)] | None = None
    """Times at which a page holds a scene that moves, evenly over the recording, blended between them; default: 12."""
    time: Finite | None = None
    """Second of the recording at which `--mesh`, `--points` and `--keyframes 1` show a scene that moves; default: its
    middle."""
    events: Annotated[int, Range(0, 10**9)] = 5_000_000
    """Largest number of events in a page, about 4 bytes each; 0 leaves them out."""
    overwrite: bool = False
    """Replace existing files of these names."""
    no_score: bool = False
    """Do not measure what baking costs in PSNR."""
    machine: Annotated[Machine, tyro.conf.OmitArgPrefixes] = Machine()
    """The machine that it computes on."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object for use by scripts, and no progress."""


def run(args: Args) -> int:
    """Bake once, write the requested files, and report the loss by baking."""
    args.machine.set_up()
    from efields.export.document import recording_of
    from efields.export.flights import flight_of
    from efields.export.keyframes import keyframe_times, surface_time
    from efields.export.poses import images_of, write_poses
    from efields.export.scene_page import viewer_page
    from efields.train import Run

    source = Run.open(args.run)
    nothing = not any((args.html, args.web, args.mesh, args.points, args.poses, args.video))
    _check(args)
    if nothing:
        check_place(source.path)
    if nothing or args.html or args.web:
        viewer_page()
    model = args.machine.model_of(source)
    at_s = surface_time(model, args.time)
    times = keyframe_times(model, args.keyframes, args.time) if nothing or args.html or args.web else [at_s]
    flight = flight_of(model, args.path, VIDEO_PICTURES) if args.video else None
    said: dict[str, Any] = {"run": source.path}
    if nothing or args.html or args.web or args.mesh or args.points:
        recording, missing = recording_of(source)
        html = next_free(source.path / "scene.html") if nothing else args.html and nullcontext(args.html)
        said.update(_baked(args, source, model, recording, html, missing, times, at_s))
    if args.poses:
        _tell(args, said, "poses", args.poses, f"{write_poses(model, args.poses, images_of(source))} poses")
    if args.video and flight is not None:
        _video(args, said, model, *flight, args.video)
    if args.json:
        print_json(said)
    return 0


def _check(args: Args) -> None:
    """Refuse what cannot be written, or exists already, before any work."""
    from efields.export.mesh import check_mesh, check_points
    from efields.export.poses import check_poses
    from efields.export.video import check_film

    page = args.html or args.web or not any((args.mesh, args.points, args.poses, args.video))
    if args.time is not None and not (args.mesh or args.points or args.keyframes == 1):
        raise InputError("--time has no meaning here", do="give it with --mesh, --points or --keyframes 1")
    if args.keyframes is not None and not page:
        raise InputError("--keyframes has no meaning without a page", do="give --html or --web too")
    for named, check in (
        (args.html, refuse_existing),
        (args.web, lambda path, overwrite: refuse_existing(path, overwrite, ("scene.json",))),
        (args.mesh, check_mesh),
        (args.points, check_points),
        (args.poses, check_poses),
        (args.video, check_film),
    ):
        if named is not None:
            check(named, args.overwrite)


def _baked(
    args: Args,
    source: Run,
    model: Model,
    recording: Recording | None,
    html: AbstractContextManager[Path] | None,
    missing: str,
    times: list[float | None],
    at_s: float | None,
) -> dict[str, Any]:
    """Everything that starts from the baked field: pages at `times`, surfaces at `at_s`."""
    from efields.cli._progress import progress
    from efields.export.scene import baked_scene, baking_loss
    from efields.export.scene_page import write_html, write_web

    events = args.events if html or args.web else 0
    with progress("baking", args.json) as report:
        scene = baked_scene(
            source, model, recording, resolution=args.resolution, times=times, most_events=events, on_share=report
        )
    said: dict[str, Any] = {"grid": list(scene.volume.shape)}
    if missing and events:
        said["note"] = missing
        _line(args, missing)
    if html:
        with html as path:
            size = write_html(scene, path)
        _tell(args, said, "html", path, f"{size / 1e6:.1f} MB, opens with a double click")
    if args.web:
        _tell(args, said, "web", args.web, f"{write_web(scene, args.web) / 1e6:.1f} MB, for a web server")
    if args.mesh or args.points:
        _surfaces(args, said, model, scene, at_s)
    if not args.no_score and (html or args.web):
        loss = baking_loss(source, model, scene, recording)
        said["baking"] = loss
        _line(args, f"  {loss.sentence()}")
        _line(args, f"  {_limits(scene)}")
    return said


def _surfaces(args: Args, said: dict[str, Any], model: Model, scene: BakedScene, at_s: float | None) -> None:
    """Mesh and points, of a scene that moves at one time."""
    from efields.export.keyframes import baked_volume
    from efields.export.mesh import write_mesh, write_points

    volume, tone, origin = scene.volume, scene.scene.tone, model.renderer.origin
    if [frame.t_s for frame in volume.keyframes] != [at_s]:
        volume, _ = baked_volume(model, args.resolution, [at_s])
    when = "" if at_s is None else f", as it was at {at_s:.3f} s"
    if args.mesh:
        _tell(args, said, "mesh", args.mesh, f"{write_mesh(volume, tone, args.mesh, origin):,} triangles{when}")
    if args.points:
        _tell(args, said, "points", args.points, f"{write_points(volume, tone, args.points, origin):,} points{when}")


def _video(args: Args, said: dict[str, Any], model: Model, stops: list[Stop], fps: float, out: Path) -> None:
    from efields.cli._progress import progress
    from efields.export.video import write_video

    with progress("rendering", args.json) as report:
        _, width, height = write_video(model, stops, fps, nullcontext(out), on_picture=report)
    _tell(args, said, "video", out, f"{len(stops)} frames of {width}x{height}, brightness: uncalibrated")


def _limits(scene: BakedScene) -> str:
    grid = " x ".join(str(n) for n in scene.volume.shape)
    if (count := len(scene.volume.keyframes)) > 1:
        grid = f"{count} times {grid}"
    matt = "" if scene.diffuse else "; radiance that depends on direction was averaged"
    return f"The page contains {grid} voxels of a bounded box, which look the same from every direction{matt}."


def _tell(args: Args, said: dict[str, Any], name: str, path: Path, what: str) -> None:
    said[name] = path
    _line(args, f"{path}  ({what})")


def _line(args: Args, text: str) -> None:
    if not args.json:
        print(text)
