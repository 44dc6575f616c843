"""Report what this machine supports and what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from efields import __version__
from efields.machine import processor_name, usable_cores

PORT = 7007
VIEWING = "efields view and efields export --html"
INSTALL_AGAIN = "install efields again, with its page"


@dataclass(frozen=True)
class Args:
    """Flags of `efields doctor`."""

    json: bool = False
    """Print one JSON list for use by scripts."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    name: str
    """What was checked."""
    ok: bool
    """Whether it is there and works."""
    found: str
    """Version, device, or why it does not work."""
    needed_for: str = ""
    """What is not possible without it; empty if efields itself cannot run without it."""
    do: str = ""
    """How to get it."""


def run(args: Args) -> int:
    """Print every finding; exit code 1 when something is missing that efields cannot run without."""
    from efields.cli import print_json

    findings = [finding for check in _CHECKS for finding in check()]
    if args.json:
        print_json(findings)
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            print(f"{'ok' if finding.ok else '--'}  {finding.name:<{width}}  {finding.found}")
            if not finding.ok:
                purpose = f"needed for {finding.needed_for}" if finding.needed_for else "needed"
                print(f"    {'':<{width}}  {'; '.join(filter(None, (purpose, finding.do)))}")
    return 1 if any(not finding.ok and not finding.needed_for for finding in findings) else 0


def _system() -> Iterator[Finding]:
    yield Finding("efields", True, f"{__version__} in {Path(__file__).resolve().parents[1]}")
    yield Finding("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("cores", True, f"{usable_cores()} usable, {processor_name()}")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding("disk", free >= 1, f"{free:.0f} GB free here", "recordings and runs", "free some space")


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except ImportError as error:
        yield Finding("torch", False, str(error), do="pip install torch")
        return
    yield Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        there = [f"cuda:{i} is {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
        yield Finding("GPU", True, f"{', '.join(there)}; CUDA {torch.version.cuda}")
    else:
        built = f"this torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "this torch has no CUDA"
        yield Finding("GPU", False, f"none ({built})", "training on a GPU; everything runs on the CPU too")


def _backends() -> Iterator[Finding]:
    if _version("torch") is None:
        return
    from efields.backends import backend_names, choose_backend
    from efields.errors import InputError

    for name in backend_names():
        try:
            backend = choose_backend(name)
            sets = _instruction_sets() if name == "native" else ""
            yield Finding(f"backend {name}", True, f"available, for {' and '.join(backend.devices)}{sets}")
        except InputError as error:
            purpose = "training at full speed" if name == "native" else f"--backend {name}"
            yield Finding(f"backend {name}", False, error.what, purpose, error.do or "")


def _instruction_sets() -> str:
    from efields import native

    return f", uses {native.instruction_set()}; this processor runs {', '.join(native.supported())}"


def _compiler() -> Iterator[Finding]:
    from efields.native.build import INSTALL_COMPILER, BuildError, compiler_version

    try:
        yield Finding("compiler", True, compiler_version())
    except BuildError as error:
        yield Finding("compiler", False, str(error).split(":")[0], "compiling backend native", INSTALL_COMPILER)


def _mitsuba() -> Iterator[Finding]:
    version = _version("mitsuba")
    if version is None:
        yield Finding("mitsuba", False, "not installed", "efields demo and simulate", _extra("simulate"))
        return
    from efields.errors import InputError
    from efields.simulation.mitsuba_probe import find_variant

    try:
        variant = find_variant()
    except InputError as error:
        yield Finding("mitsuba", False, error.what, "efields demo and simulate", error.do or "")
        return
    yield Finding("mitsuba", True, f"{version}, variant {variant.name}")
    if variant.advice:
        yield Finding(
            "LLVM for mitsuba", False, "none that is suitable", "simulation at twice the speed", variant.advice
        )


def _tools() -> Iterator[Finding]:
    try:
        import imageio_ffmpeg

        yield Finding("ffmpeg", True, f"{imageio_ffmpeg.get_ffmpeg_version()} (imageio-ffmpeg)")
    except (ImportError, RuntimeError, OSError) as error:
        yield Finding("ffmpeg", False, str(error), "video in and out", "pip install imageio-ffmpeg")
    # Looking at results takes any browser; this one is for tests.
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    found = _first_line([browser, "--version"]) if browser else "not installed"
    yield Finding("chromium", browser is not None, found, "the browser tests", "apt-get install chromium")


def _viewer() -> Iterator[Finding]:
    page = Path(__file__).resolve().parents[1] / "_viewer" / "index.html"
    builder = _page_builder()
    if not page.is_file():
        do = INSTALL_AGAIN if builder is None else f"python viewer/build.py in {builder.HERE.parent}"
        yield Finding("viewer page", False, "not built", VIEWING, do)
    elif builder is not None and builder.is_stale():
        yield Finding(
            "viewer page", False, "older than its sources", "what changed in viewer/", "python viewer/build.py"
        )
    else:
        yield Finding("viewer page", True, f"built, {page.stat().st_size / 1e6:.1f} MB")
    if builder is not None:
        try:
            node = builder.find_node()
            yield Finding("Node", True, f"{node.version} {node.origin}")
        except builder.BuildError as error:
            yield Finding("Node", False, str(error).split(":")[0], "building the viewer's page", builder.INSTALL_NODE)
    packages = {name: _version(name) for name in ("starlette", "uvicorn", "websockets", "pillow")}
    missing = [name for name, version in packages.items() if version is None]
    found = f"no {', '.join(missing)}" if missing else ", ".join(f"{name} {packages[name]}" for name in packages)
    yield Finding("viewer server", not missing, found, "efields view", f"pip install {' '.join(missing)}")
    free = _port_is_free(PORT)
    told, do = f"{PORT} is {'free' if free else 'taken'}", "efields view uses the next free one"
    yield Finding("viewer port", free, told, "the usual address", do)


def _page_builder() -> ModuleType | None:
    """viewer/build.py of the checkout that efields runs from; None where it is installed without its sources."""
    path = Path(__file__).resolve().parents[2] / "viewer" / "build.py"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("efields_viewer_build", path)
    if spec is None or spec.loader is None:
        return None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # as the server does: a port that was closed a moment ago is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _meshes() -> Iterator[Finding]:
    version = _version("open3d")
    found = version or "not installed"
    yield Finding("open3d", version is not None, found, "efields export of meshes", _extra("mesh"))


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extra(name: str) -> str:
    return f'pip install "efields[{name}]"'


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"does not start ({error})"
    return (done.stdout.strip() or "no version reported").splitlines()[0]


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _system, _torch, _backends, _compiler, _mitsuba, _tools, _viewer, _meshes,
)  # fmt: skip
