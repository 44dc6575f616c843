"""Compile the kernels: `python -m efields.native.build`. Run by `pip install`, through hatch_build.py.

Uses the standard library alone, as it runs before efields is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
LIBRARY = HERE / {"win32": "_kernels.dll", "darwin": "_kernels.dylib"}.get(sys.platform, "_kernels.so")

ONCE = ("cpu", "pool", "tape")
"""Sources that no instruction set changes; all others are compiled once for each."""
X86 = {
    "sse2": (4, ["-march=x86-64"]),
    "avx2": (8, ["-march=x86-64-v3"]),
    "avx512": (16, ["-march=x86-64-v4"]),
    "avx512bf16": (16, ["-march=x86-64-v4", "-mavx512bf16", "-DEF_BF16", "-Wno-maybe-uninitialized"]),
}
ARM = {"neon": (4, [])}
FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-psabi", "-Wno-unknown-pragmas"),
    # Not -ffast-math: its start-up code would flush denormal numbers in the whole process.
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
)
KERNEL_FLAGS = ("-fno-exceptions", "-fno-rtti")


class BuildError(Exception):
    """The kernels cannot be compiled here; the message says why."""


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
    for file in (*sorted(SOURCES.iterdir()), Path(__file__)):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def compiler() -> list[str]:
    """The command of a C++ compiler: CXX, the system's, or the one of the package ziglang.

    Raises `BuildError` when there is none.
    """
    if os.environ.get("CXX"):
        return os.environ["CXX"].split()
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    probe = subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return [sys.executable, "-m", "ziglang", "c++"]
    raise BuildError("no C++ compiler: install one (g++, clang) or `pip install ziglang`")


def build(library: Path = LIBRARY) -> Path:
    """Compile everything into `library`, replacing it whole or not at all. Raises `BuildError`."""
    cxx, sets = compiler(), instruction_sets()
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[list[str]] = []
        objects: list[str] = []
        for source in sorted(SOURCES.glob("*.cpp")):
            variants = {"": (0, [])} if source.stem in ONCE else sets
            for name, (width, flags) in variants.items():
                target = str(Path(folder, f"{source.stem}_{name or 'once'}.o"))
                special = [*KERNEL_FLAGS, f"-DEF_ISA={name}", f"-DEF_VW={width}"] if name else []
                key = [f'-DEF_KEY="{source_key()}"'] if source.stem == "cpu" else []
                jobs.append([*cxx, *FLAGS, *special, *key, *flags, "-c", str(source), "-o", target])
                objects.append(target)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(_run, jobs))
        linked = Path(folder, library.name)
        threads = [] if sys.platform == "win32" else ["-pthread"]
        _run([*cxx, "-shared", *threads, *objects, "-o", str(linked)])
        library.parent.mkdir(parents=True, exist_ok=True)
        beside = library.with_name(f".{library.name}.{os.getpid()}")
        shutil.copyfile(linked, beside)
        os.replace(beside, library)
    return library


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command[:3])} ... failed:\n{done.stderr[-4000:]}")
    if done.stderr.strip():
        sys.stderr.write(done.stderr)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build()}\n")
    except BuildError as error:
        sys.exit(f"efields: {error}")
