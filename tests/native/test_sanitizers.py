"""Kernels under AddressSanitizer and ThreadSanitizer: no access out of bounds, no use of freed memory, no data race."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from efields.native.build import SOURCES, instruction_sets

KERNELS = (
    "camera_rays",
    "camera_rays_backward",
    "look",
    "look_backward",
    "density",
    "hash_encode",
    "harmonics",
    "adam",
    "splat",
    "warp",
    "pool",
    "tape",
)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_kernels_are_clean(sanitizer: str, tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None or platform.system() != "Linux":
        pytest.skip("sanitizers need g++ on Linux")
    isa, (width, flags) = next(iter(instruction_sets().items()))
    sources = [SOURCES / f"{name}.cpp" for name in KERNELS]
    driver = Path(__file__).with_name("drive.cpp")
    program = tmp_path / "sanitize"
    # Vectors that straddle their type's alignment are read through memcpy; what is left is what the sanitizer sees.
    subprocess.run(
        [
            *(compiler, "-std=c++17", "-O1", "-g", "-fno-omit-frame-pointer", f"-fsanitize={sanitizer}"),
            *("-fno-sanitize-recover=all", "-Wno-psabi", f"-DEF_ISA={isa}", f"-DEF_VW={width}", *flags),
            *("-I", str(SOURCES), *map(str, [*sources, driver]), "-pthread", "-o", str(program)),
        ],
        check=True,
    )
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("done\n")
