"""The kernels for arm64, cross-compiled and run by an emulator, against the same program for this machine."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from efields.native.build import ARM, SOURCES, X86
from tests.native.test_sanitizers import KERNELS

CROSS, EMULATOR, LIBRARIES = "aarch64-linux-gnu-g++", "qemu-aarch64", "/usr/aarch64-linux-gnu"


def output(compiler: str, isa: str, width: int, flags: list[str], before: list[str], folder: Path) -> list[list[str]]:
    """Words of each line that the driver prints."""
    program = folder / isa
    sources = [*(SOURCES / f"{name}.cpp" for name in KERNELS), Path(__file__).with_name("drive.cpp")]
    subprocess.run(
        [
            *(compiler, "-std=c++17", "-O2", "-Wno-psabi", f"-DEF_ISA={isa}", f"-DEF_VW={width}", *flags),
            *("-I", str(SOURCES), *map(str, sources), "-pthread", "-o", str(program)),
        ],
        check=True,
    )
    done = subprocess.run([*before, str(program)], capture_output=True, text=True, timeout=300, check=True)
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_neon_equals_the_baseline_of_this_machine(tmp_path: Path) -> None:
    if platform.system() != "Linux" or platform.machine() != "x86_64" or shutil.which("g++") is None:
        pytest.skip("compares with kernels for x86-64, by g++ on Linux")
    if shutil.which(CROSS) is None or shutil.which(EMULATOR) is None:
        pytest.skip(f"needs {CROSS} and {EMULATOR}: apt-get install g++-aarch64-linux-gnu qemu-user")
    here = output("g++", "sse2", *X86["sse2"], [], tmp_path)
    arm = output(CROSS, "neon", *ARM["neon"], [EMULATOR, "-L", LIBRARIES], tmp_path)
    assert [line[0] for line in arm] == [line[0] for line in here]
    assert len(here) > 100
    for one, other in zip(here, arm, strict=True):
        assert [float(x) for x in other[1:] if x[0] in "-0123456789"] == pytest.approx(
            [float(x) for x in one[1:] if x[0] in "-0123456789"], rel=2e-4, abs=2e-4
        ), (one, other)
