"""What the tests of the packaging share: viewer/build.py as a module, a copy of the checkout, a PATH without Node."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PACKAGED = (
    "efields", "viewer", "scenes", "configs", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore",
)  # fmt: skip


def build_module(root: Path = ROOT) -> ModuleType:
    """viewer/build.py of a checkout."""
    return load(f"viewer_build_of_{abs(hash(root))}", root / "viewer" / "build.py")


def load(name: str, path: Path) -> ModuleType:
    """A Python file outside of every package, as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_checkout(folder: Path) -> Path:
    """What a wheel is made of, without anything that was built."""
    built = shutil.ignore_patterns("node_modules", "_viewer", "__pycache__", "_kernels.*", "*.pyc")
    for name in PACKAGED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=built)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def without_node(folder: Path) -> dict[str, str]:
    """An environment whose PATH has all but Node, and in which no kernels are compiled."""
    hidden = {"node", "nodejs", "npm", "npx", "corepack"}
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).glob("*") if Path(place).is_dir() else ():
            target = folder / program.name
            if program.name not in hidden and not target.is_symlink():
                target.symlink_to(program)
    return {**os.environ, "PATH": str(folder), "EFIELDS_NATIVE": "0"}
