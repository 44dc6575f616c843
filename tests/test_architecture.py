"""The rules of the house that a machine can check: import order, sizes, names, a core without optional packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "efields"
FILES = sorted(PACKAGE.rglob("*.py"))

# Layers from the bottom up; imports point down, or stay inside one name.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("ranges", "processes", "signals", "text"),
    ("atomic", "locks", "machine", "parameters", "plugins", "settings", "wire"),
    ("native", "devices"),
    ("events", "geometry"),
    ("formats",),
    ("recordings",),
    ("poses", "cameras"),
    ("simulation", "backends"),
    ("fields", "samplers", "backgrounds", "draws", "motion"),
    ("render", "scene_box"),
    ("supervision",),
    ("losses", "loaders"),
    ("problems", "writers", "supplied"),
    ("conversion", "earlier_settings", "simulated"),
    ("config",),
    ("train",),
    ("evaluate",),
    ("export",),
    ("report", "server", "bench"),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
OPTIONAL = {
    "mitsuba", "drjit", "open3d", "trimesh", "tinycudann", "nerfstudio", "starlette", "uvicorn", "websockets", "lpips",
}  # fmt: skip
ENTRANCES = {"__init__", "__main__"}  # they name what lies above, and import it only when asked


def part_of(path: Path) -> str:
    """The name under efields/ that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of every module imported anywhere in a file, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            module = node.module or ""
            names = [f"efields.{alias.name}" for alias in node.names] if module == "efields" else [module]
            yield from ((node.lineno, name) for name in names)


def imported_at_once(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Imports that run when the module is imported: all but those in functions and under TYPE_CHECKING."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imported_at_once(node.orelse)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imported(node)
        else:
            yield from imported_at_once([child for child in ast.walk(node) if isinstance(child, ast.stmt)][1:])


def out_of_order(name: str, source: str) -> list[str]:
    """Imports of a file of the part `name` that point up or sideways."""
    wrong = []
    for line, module in imported(ast.parse(source)):
        parts = module.split(".")
        if parts[0] != "efields" or len(parts) == 1 or parts[1] == name or parts[1] == "__version__":
            continue
        assert parts[1] in LEVEL, f"line {line}: '{parts[1]}' has no layer; give it one in this test"
        if LEVEL[parts[1]] >= LEVEL[name]:
            wrong.append(f"line {line}: {name} may not import {parts[1]}")
        if {name, parts[1]} == {"loaders", "simulation"}:
            wrong.append(f"line {line}: loaders and simulation do not know each other")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    if path.parent == PACKAGE and path.stem in ENTRANCES:
        return
    assert part_of(path) in LEVEL, f"'{part_of(path)}' has no layer; give it one in this test"
    assert out_of_order(part_of(path), path.read_text(encoding="utf-8")) == []


def test_the_order_check_sees_imports_up_sideways_and_in_functions() -> None:
    assert out_of_order("events", "from efields.cli import main")
    assert out_of_order("events", "def f():\n    import efields.geometry.pose")
    assert out_of_order("loaders", "from efields import simulation")
    assert not out_of_order("cli", "from efields.events.stream import EventStream")


def private_to_others(path: Path, source: str) -> list[str]:
    """Imports of modules with a leading underscore by a file outside of their folder."""
    wrong = []
    for line, module in imported(ast.parse(source)):
        folders = module.split(".")[:-1]
        private = module.split(".")[-1].startswith("_") and not module.endswith("__")
        if private and PACKAGE.parent.joinpath(*folders) not in path.parents:
            wrong.append(f"line {line}: {module} belongs to {'.'.join(folders)}")
    return wrong


def test_modules_with_an_underscore_are_imported_in_their_own_folder_alone() -> None:
    found = {path: private_to_others(path, path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
    assert private_to_others(PACKAGE / "cli" / "info.py", "from efields.loaders._options import Table")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_optional_package_at_module_level(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [(line, name) for line, name in imported_at_once(tree.body) if name.split(".")[0] in OPTIONAL] == []


def test_the_optional_check_sees_imports_under_if_try_and_class() -> None:
    source = "try:\n    import mitsuba\nexcept ImportError:\n    pass\n"
    source += "class A:\n    import open3d\ndef f():\n    import lpips"
    assert [name for _, name in imported_at_once(ast.parse(source).body)] == ["mitsuba", "open3d"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    long = {
        node.name: lines
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > 60
    }
    assert long == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_prints(path: Path) -> None:
    if part_of(path) == "cli":
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"] == []


def test_every_file_has_a_docstring_and_a_name_that_says_something() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "manager", "common"}
    assert [path for path in FILES if path.stem in vague or path.parent.name in vague] == []
    assert [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


CORE = [
    "efields", "efields.events", "efields.geometry", "efields.recordings", "efields.simulation", "efields.backends",
    "efields.fields", "efields.render", "efields.losses", "efields.loaders", "efields.writers", "efields.problems",
    "efields.config", "efields.train", "efields.evaluate", "efields.report", "efields.cli",
]  # fmt: skip
BLOCKED_IMPORT = """
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
for name in {names!r}:
    importlib.import_module(name)
"""


def test_core_imports_without_any_optional_package() -> None:
    names = CORE + [name for name in _modules() if not name.startswith("efields.cli")]
    script = BLOCKED_IMPORT.format(blocked=sorted(OPTIONAL), names=names)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_efields_imports_nothing_heavy() -> None:
    script = BLOCKED_IMPORT.format(
        blocked=sorted(OPTIONAL | {"torch", "numpy", "matplotlib", "skimage"}), names=["efields"]
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_can_be_had() -> None:
    import efields

    assert {name: getattr(efields, name) for name in efields.__all__}.keys() == set(efields.__all__)
    with pytest.raises(AttributeError):
        _ = efields.no_such_name


SCRIPTS = sorted((PACKAGE.parent / "scripts").glob("*.py"))
EXAMPLES = ("convert_recording", "estimate_egomotion", "estimate_flow", "reconstruct")
"""Scripts that show what users do in Python; the others are tools of this repository."""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_public_modules_only(path: Path) -> None:
    modules = [name for _, name in imported(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith("efields")]
    private = [name for name in modules if "._" in name]
    assert private == []
    assert path.stem not in EXAMPLES or modules == ["efields"]


def _modules() -> list[str]:
    names = []
    for path in FILES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if name != "efields.__main__"]
