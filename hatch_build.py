"""What `pip install` and `pip wheel` do besides copying: compile the kernels, if they can; they never fail for it.

EFIELDS_NATIVE=0 leaves the kernels out. Without a compiler, the one of the package ziglang is asked for.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

ZIGLANG = "ziglang>=0.15"
FOLDER = "efields/native"
WITHOUT = "installing without compiled kernels, training will be many times slower"


class NativeBuildHook(BuildHookInterface):
    """Compiles in place for an editable install, else into the wheel, which then is for one platform and any Python."""

    _temporary: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """The package ziglang when nothing else compiles and it can be had, so that asking for it cannot fail."""
        if _unwanted() or os.environ.get("CXX"):
            return []
        native = _build_module(self.root)
        try:
            native.instruction_sets()
        except native.BuildError:
            return []
        try:
            native.compiler()
        except native.BuildError:
            return [ZIGLANG] if _on_the_index("ziglang") else []
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; what goes wrong is one line."""
        if _unwanted():
            return
        native = _build_module(self.root)
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # ziglang lies in a temporary folder too, and finds nothing again in a cache that was made from another place.
        os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(Path(self._temporary.name, "zig")))
        inside = version == "editable"
        library = native.LIBRARY if inside else Path(self._temporary.name, native.LIBRARY.name)
        try:
            native.build(library)
        except Exception as error:  # whatever it is, efields runs without the kernels
            why = (str(error).splitlines() or [type(error).__name__])[0]
            self.app.display_warning(f"efields: {WITHOUT}: {why}")
            return
        if not inside:
            build_data["force_include"][str(library)] = f"{FOLDER}/{library.name}"
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled beside the checkout."""
        if self._temporary is not None:
            self._temporary.cleanup()


def _unwanted() -> bool:
    return os.environ.get("EFIELDS_NATIVE") == "0"


def _build_module(root: str) -> ModuleType:
    """efields/native/build.py alone: efields and what it needs are not installed yet."""
    spec = importlib.util.spec_from_file_location("efields_native_build", Path(root, FOLDER, "build.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _platform() -> str:
    """The platform of this Python as a wheel's name tells it, without claims about old systems (manylinux)."""
    platforms = (tag.platform for tag in sys_tags())
    return next(name for name in platforms if not name.startswith(("manylinux", "musllinux")))


def _on_the_index(name: str) -> bool:
    """Whether pip finds a package for this machine; yes where there is no pip to ask and another installer works."""
    # -I: in pip's isolated build environment, pip itself is out of sight.
    pip = [sys.executable, "-I", "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        return True
    return subprocess.run([*pip, "index", "versions", name], capture_output=True, check=False).returncode == 0
