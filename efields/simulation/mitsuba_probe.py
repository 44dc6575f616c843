"""Which variant of Mitsuba works here; tested in a subprocess, because an unsuitable LLVM aborts the whole process."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from efields.errors import InputError
from efields.processes import WITHOUT_FOLDER

log = logging.getLogger(__name__)

INSTALL = 'pip install "efields[simulate]"'
FAST, SLOW = "llvm_ad_rgb", "scalar_rgb"

_PROGRAM = """
import mitsuba as mi
mi.set_variant(sys.argv[1])
scene = mi.load_dict({"type": "scene", "integrator": {"type": "direct"}, "shape": {"type": "sphere"},
    "light": {"type": "constant"}, "sensor": {"type": "perspective",
    "to_world": mi.ScalarTransform4f().look_at(origin=[0, 4, 0], target=[0, 0, 0], up=[0, 0, 1]),
    "film": {"type": "hdrfilm", "width": 8, "height": 8}}})
import numpy as np
assert np.isfinite(np.array(mi.render(scene, spp=4))).all()
print("rendered")
"""


@dataclass(frozen=True)
class Variant:
    """A variant of Mitsuba that rendered a test image."""

    name: str
    """Mitsuba's name of it."""
    libllvm: str = ""
    """Path of the LLVM library to use; empty to let Dr.Jit find one."""
    advice: str = ""
    """What would make it faster; empty if nothing would."""


def packaged_llvm() -> str:
    """The LLVM library of the package karellen-llvm-core in this environment; empty when it is not there."""
    folder = Path(sys.prefix) / "lib"
    found = sorted([*folder.glob("libLLVM.so*"), *folder.glob("libLLVM*.dylib")], key=lambda p: len(p.name))
    return str(found[0]) if found else ""


@functools.lru_cache(maxsize=1)
def find_variant() -> Variant:
    """The fastest variant that renders here.

    Raises `InputError` with the install line when Mitsuba is absent or no variant renders.
    """
    if importlib.util.find_spec("mitsuba") is None:
        raise InputError("simulating a scene needs Mitsuba 3, which is not installed", do=INSTALL)
    given = os.environ.get("DRJIT_LIBLLVM_PATH", "")
    for libllvm in dict.fromkeys([given] if given else [packaged_llvm(), ""]):
        if _renders(FAST, libllvm):
            return Variant(FAST, libllvm)
    if _renders(SLOW, ""):
        advice = f"no LLVM suitable for Mitsuba was found, rendering is about 2x slower; {INSTALL} installs one"
        return Variant(SLOW, "", f"{advice} (karellen-llvm-core), or install libllvm19")
    raise InputError(
        "Mitsuba is installed but none of its variants can render", do=f"{INSTALL} again in a fresh environment"
    )


def _renders(variant: str, libllvm: str) -> bool:
    environment = dict(os.environ)
    if libllvm:
        environment["DRJIT_LIBLLVM_PATH"] = libllvm
    command = [sys.executable, "-c", WITHOUT_FOLDER + _PROGRAM, variant]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and "rendered" in done.stdout


def _within_process(variant: Variant) -> Variant:
    """The variant that works in this process: Dr.Jit picks its LLVM at the first import, and never again."""
    chosen = os.environ.get("DRJIT_LIBLLVM_PATH", "")
    if "drjit" not in sys.modules or variant.name == SLOW or chosen == variant.libllvm:
        return variant
    do = f"import efields first, or set DRJIT_LIBLLVM_PATH={variant.libllvm}"
    return Variant(SLOW, "", f"Mitsuba was imported before its LLVM was selected, rendering is about 2x slower; {do}")


def load_mitsuba() -> ModuleType:
    """The module `mitsuba`, set to the fastest variant that works; a slow one is logged."""
    variant = _within_process(find_variant())
    if variant.libllvm:
        os.environ["DRJIT_LIBLLVM_PATH"] = variant.libllvm
    import mitsuba

    if mitsuba.variant() != variant.name:
        if variant.advice:
            log.warning(variant.advice)
        mitsuba.set_variant(variant.name)
    return mitsuba
