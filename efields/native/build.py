"""Compile the kernels: for `python -m efields.native`, and for `pip install` through hatch_build.py.

Uses the standard library alone, as it runs before efields is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
LIBRARY = HERE / {"win32": "_kernels.dll", "darwin": "_kernels.dylib"}.get(sys.platform, "_kernels.so")

ONCE = ("cpu", "pool", "tape")
"""Sources that no instruction set changes; all others are compiled once for each."""
# Single features, as compilers do not agree on names like x86-64-v3, and old ones know none.
AVX2 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mf16c", "-mlzcnt", "-mmovbe"]
AVX512 = [*AVX2, *(f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "cd"))]
X86 = {
    "sse2": (4, []),
    "avx2": (8, AVX2),
    "avx512": (16, AVX512),
    "avx512bf16": (16, [*AVX512, "-mavx512bf16", "-DEF_BF16", "-Wno-maybe-uninitialized"]),
}
ARM = {"neon": (4, [])}
FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-psabi", "-Wno-unknown-pragmas"),
    # Not -ffast-math: its start-up code would flush denormal numbers in the whole process.
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    "-Wno-unknown-warning-option",  # of the other compilers
)
KERNEL_FLAGS = ("-fno-exceptions", "-fno-rtti")
EXPORTS = "{ global: ef_*; local: *; };\n"
"""The linker's version script: a C++ library that is linked in stays out of everybody's sight."""
OLDEST_GLIBC = "2.28"
"""What libraries built by ziglang run on."""
ZIG_CPU = HERE / "zig_cpu.h"
"""Included before src/cpu.cpp for ziglang alone."""
INSTALL_COMPILER = "install g++ or clang, or pip install ziglang"


class BuildError(Exception):
    """The kernels cannot be compiled here; the message's first line says why."""


def instruction_sets() -> dict[str, tuple[int, list[str]]]:
    """Instruction sets that are built on this kind of machine, worst first: floats in a vector and compiler flags."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return X86
    if machine in ("aarch64", "arm64"):
        return ARM
    raise BuildError(f"no kernels for processors of kind {machine}")


def source_key() -> str:
    """A hash of every source and of this file, which the library carries: a stale one is told from a fresh one."""
    digest = hashlib.sha256()
    for file in (*sorted(SOURCES.glob("*.h")), *sorted(SOURCES.glob("*.cpp")), ZIG_CPU, Path(__file__)):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def compiler() -> tuple[str, ...]:
    """The command of a C++ compiler that knows every instruction set: CXX, the system's, or the package ziglang's.

    Raises `BuildError` when there is none.
    """
    wanted = os.environ.get("CXX", "").split()
    for command in [wanted] if wanted else _compilers():
        if _works(command):
            return tuple(command)
    if wanted:
        raise BuildError(f"CXX={' '.join(wanted)} does not compile C++17 for {', '.join(instruction_sets())}")
    raise BuildError(f"no C++ compiler: {INSTALL_COMPILER}")


def compiler_version() -> str:
    """The first line that the compiler says of itself. Raises `BuildError` when there is none."""
    done = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, env=_environment(), check=False)
    name = "ziglang: " if "ziglang" in compiler() else ""
    return name + next(iter(done.stdout.splitlines()), " ".join(compiler()))


def build(library: Path = LIBRARY) -> Path:
    """Compile everything into `library`, replacing it whole or not at all. Raises `BuildError` and `OSError`."""
    cxx, sets = compiler(), instruction_sets()
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[list[str]] = []
        objects: list[str] = []
        for source in sorted(SOURCES.glob("*.cpp")):
            variants = {"": (0, [])} if source.stem in ONCE else sets
            for name, (width, flags) in variants.items():
                target = str(Path(folder, f"{source.stem}_{name or 'once'}.o"))
                special = [*KERNEL_FLAGS, f"-DEF_ISA={name}", f"-DEF_VW={width}"] if name else []
                about = _about_cpu(cxx) if source.stem == "cpu" else []
                jobs.append([*cxx, *FLAGS, *special, *about, *flags, "-c", str(source), "-o", target])
                objects.append(target)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(_run, jobs))
        linked = Path(folder, library.name)
        _link(cxx, objects, linked)
        library.parent.mkdir(parents=True, exist_ok=True)
        beside = library.with_name(f"{library.name}.{os.getpid()}")
        try:
            shutil.copyfile(linked, beside)
            os.replace(beside, library)
        finally:
            beside.unlink(missing_ok=True)
    return library


def _compilers() -> Iterator[list[str]]:
    """Commands that may be C++ compilers, the system's first."""
    yield from ([name] for name in ("c++", "g++", "clang++") if shutil.which(name))
    if importlib.util.find_spec("ziglang") is not None:
        machine = "aarch64" if instruction_sets() is ARM else "x86_64"
        libc = f"gnu.{OLDEST_GLIBC}" if platform.libc_ver()[0] == "glibc" else "musl"
        # A named target also keeps zig from compiling for this very processor.
        target = ["-target", f"{machine}-linux-{libc}"] if sys.platform == "linux" else ["-mcpu=baseline"]
        yield [sys.executable, "-m", "ziglang", "c++", *target]


def _works(command: list[str]) -> bool:
    """Whether a compiler starts, finds its headers and knows the flags of every instruction set."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.cpp")
        source.write_text("#include <thread>\nint probe() { return 0; }\n", encoding="utf-8")
        best = list(instruction_sets().values())[-1][1]
        try:
            _run([*command, *FLAGS, *best, "-c", str(source), "-o", str(Path(folder, "probe.o"))])
        except BuildError:
            return False
    return True


def _about_cpu(cxx: tuple[str, ...]) -> list[str]:
    """Flags for src/cpu.cpp: the key that it tells, and what zig lacks to know the processor."""
    lacking = ["-include", str(ZIG_CPU)] if "ziglang" in cxx else []
    return [f'-DEF_KEY="{source_key()}"', *lacking]


def _link(cxx: tuple[str, ...], objects: list[str], linked: Path) -> None:
    """A shared library of the objects, with the C++ library inside it where the compiler can."""
    script = linked.with_name("exports.map")
    script.write_text(EXPORTS, encoding="utf-8")
    command = [*cxx, "-shared", *objects, "-o", str(linked)]
    if sys.platform != "win32":
        command.append("-pthread")
    if sys.platform != "linux":
        return _run(command)
    command += ["-s", "-Wl,--gc-sections", f"-Wl,--version-script={script}"]
    if "ziglang" in cxx:  # links its own C++ library in anyway
        return _run(command)
    try:
        return _run([*command, "-static-libstdc++", "-static-libgcc"])
    except BuildError:  # some distributions keep the static libraries in a package of their own
        return _run(command)


def _run(command: list[str]) -> None:
    """Run one command of the compiler, silent unless it has something to say. Raises `BuildError`."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=_environment(), check=False
        )
    except OSError as error:
        raise BuildError(f"{command[0]} does not start: {error}") from None
    if done.returncode:
        raise BuildError(f"{' '.join(command[:3])} ... failed:\n{done.stderr[-4000:]}")
    if done.stderr.strip():
        sys.stderr.write(done.stderr)


def _environment() -> dict[str, str]:
    """The environment for the compiler: zig keeps compiled libraries in the user's cache, and needs one."""
    environment = dict(os.environ)
    cache = Path(environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    nearest = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if not cache.is_absolute() or not os.access(nearest, os.W_OK):  # not absolute: a user without a home
        user = os.getuid() if hasattr(os, "getuid") else ""
        environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(Path(tempfile.gettempdir(), f"efields-zig-{user}")))
    return environment
