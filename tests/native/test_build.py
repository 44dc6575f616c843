"""Compiling the kernels: which compiler, what key, the wheel's name, numbers that do not depend on the compiler."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from efields import native
from efields.backends.hash_layout import HashLayout
from efields.backends.native import Backend as Native
from efields.backends.reference import Backend as Reference
from efields.native import build
from efields.native.build import BuildError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hook_module() -> ModuleType:
    """hatch_build.py, which lies outside of the package."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Builder:
    """Stands in for efields/native/build.py, with or without a compiler."""

    BuildError = BuildError
    LIBRARY = build.LIBRARY

    def __init__(self, fails: str = "") -> None:
        self.fails, self.built = fails, []

    def instruction_sets(self) -> None: ...

    def compiler(self) -> None:
        if self.fails:
            raise BuildError(self.fails)

    def build(self, library: Path) -> None:
        self.compiler()
        self.built.append(library)


def run_hook(module: ModuleType, builder: Builder, version: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What the hook leaves in hatchling's build data, and what it says."""
    monkeypatch.setattr(module, "_build_module", lambda root: builder)
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "unused")
    said: list[str] = []
    app = SimpleNamespace(display_warning=said.append)
    hook = module.NativeBuildHook(str(ROOT), {}, None, None, "", "wheel", app)
    data: dict[str, Any] = {"force_include": {}, "pure_python": True}
    hook.initialize(version, data)
    hook.finalize(version, data, "")
    return data, said


def test_a_wheel_with_kernels_is_for_one_platform_and_any_python(
    hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Builder()
    data, said = run_hook(hook_module, builder, "standard", monkeypatch)
    python, abi, platform = data["tag"].split("-")
    assert (python, abi) == ("py3", "none")
    assert platform not in ("", "any")
    assert "manylinux" not in platform
    assert data["pure_python"] is False
    assert list(data["force_include"].values()) == [f"efields/native/{build.LIBRARY.name}"]
    assert said == []
    assert not builder.built[0].is_relative_to(ROOT)


def test_an_editable_install_compiles_in_place(hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = Builder()
    data, _ = run_hook(hook_module, builder, "editable", monkeypatch)
    assert builder.built == [build.LIBRARY]
    assert data == {"force_include": {}, "pure_python": True}


def test_what_cannot_be_compiled_is_one_line_and_a_pure_wheel(
    hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, said = run_hook(hook_module, Builder("c++ failed:\nline 1\nline 2"), "standard", monkeypatch)
    assert data == {"force_include": {}, "pure_python": True}
    assert len(said) == 1
    assert said[0].endswith("many times slower: c++ failed:")


def test_kernels_that_are_not_wanted_are_not_compiled(hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_NATIVE", "0")
    builder = Builder()
    data, said = run_hook(hook_module, builder, "standard", monkeypatch)
    assert (builder.built, said, data["pure_python"]) == ([], [], True)


@pytest.mark.parametrize(
    ("fails", "to_be_had", "environment", "asked"),
    [
        ("", True, {}, []),
        ("no compiler", True, {}, ["ziglang"]),
        ("no compiler", False, {}, []),
        ("no compiler", True, {"EFIELDS_NATIVE": "0"}, []),
        ("no compiler", True, {"CXX": "my-own"}, []),
    ],
)
def test_ziglang_is_asked_for_only_where_it_helps_and_can_be_had(
    hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch, fails: str, to_be_had: bool,
    environment: dict[str, str], asked: list[str],
) -> None:  # fmt: skip
    for name in ("EFIELDS_NATIVE", "CXX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(hook_module, "_build_module", lambda root: Builder(fails))
    monkeypatch.setattr(hook_module, "_on_the_index", lambda name: to_be_had)
    hook = hook_module.NativeBuildHook(str(ROOT), {}, None, None, "", "wheel", None)
    assert [need.split(">=")[0] for need in hook.dependencies()] == asked


@pytest.mark.slow
def test_a_real_wheel_holds_a_library_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: ctypes.CDLL
) -> None:
    pytest.importorskip("hatchling")
    monkeypatch.delenv("EFIELDS_NATIVE", raising=False)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "."]
    subprocess.run([*command, str(ROOT)], cwd=tmp_path, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        name = f"efields/native/{build.LIBRARY.name}"
        assert [n for n in archive.namelist() if "/_kernels." in n] == [name]
        monkeypatch.setattr(native, "LIBRARY", Path(archive.extract(name, tmp_path)))
    assert native.library().ef_best_isa() == compiled.ef_best_isa()


def test_the_key_follows_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(build.SOURCES, tmp_path / "src")
    monkeypatch.setattr(build, "SOURCES", tmp_path / "src")
    before = build.source_key()
    (tmp_path / "src" / "cpu.cpp~").write_text("an editor's copy")
    assert build.source_key() == before
    for source in (*(tmp_path / "src").glob("*.h"), *(tmp_path / "src").glob("*.cpp")):
        source.write_text(source.read_text() + "\n")
        assert build.source_key() != before, source.name
        before = build.source_key()


def test_a_named_compiler_that_is_none_is_told_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/no/such/compiler -x")
    with pytest.raises(BuildError, match=r"^CXX=/no/such/compiler -x does not compile .*$"):
        build.compiler()


def test_a_compiler_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "compiler", lambda: (sys.executable, "-c", "raise SystemExit('too old')"))
    library = tmp_path / "kernels.so"
    library.write_text("the old one")
    with pytest.raises(BuildError, match="too old"):
        build.build(library)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the old one"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["g++", "clang++", "ziglang"])
def test_every_compiler_gives_the_same_numbers(
    name: str, tmp_path: Path, compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (importlib.util.find_spec(name) if name == "ziglang" else shutil.which(name)) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.delenv("CXX", raising=False)
    found = next(command for command in build._compilers() if name in command)
    if not build._works(found):
        pytest.skip(f"{name} does not know every instruction set")
    if program(found) != program(build.compiler()):  # else it made the library that is here
        monkeypatch.setattr(build, "compiler", lambda: tuple(found))
        monkeypatch.setattr(native, "LIBRARY", build.build(tmp_path / build.LIBRARY.name))
    assert native.library().ef_best_isa() == compiled.ef_best_isa()
    expected = numbers(Reference())
    for isa in native.supported():
        if not isa.endswith("bf16"):
            monkeypatch.setenv("EFIELDS_ISA", isa)
            torch.testing.assert_close(numbers(Native()), expected, rtol=1e-4, atol=1e-4)


def program(command: Sequence[str]) -> list[str]:
    """A command with the file that it starts: c++ is often a link to g++."""
    return [os.path.realpath(shutil.which(command[0]) or command[0]), *command[1:]]


def numbers(backend: Reference) -> list[torch.Tensor]:
    """Features, perceptron, harmonics and gradients of a few points."""
    layout = HashLayout.build(
        dimensions=3, levels=4, features=2, base_resolution=4, finest_resolution=40, log2_size=9
    )  # fmt: skip
    generator = torch.Generator().manual_seed(3)
    position = torch.rand((500, 3), generator=generator).requires_grad_()
    table = torch.rand((layout.rows, 2), generator=generator).requires_grad_()
    weights = [torch.rand(shape, generator=generator).sub(0.5).requires_grad_() for shape in ((16, 8), (3, 16))]
    features = backend.hash_encode(position, table, layout)
    out = backend.mlp(features, weights)
    direction = torch.nn.functional.normalize(position.detach() - 0.5, dim=1)
    gradients = torch.autograd.grad(out.square().sum(), [position, table, *weights])
    return [features.detach(), out.detach(), backend.spherical_harmonics(direction, 4), *gradients]


def test_zig_gets_a_cache_where_the_user_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "yet"))
    assert "ZIG_GLOBAL_CACHE_DIR" not in build._environment()
    monkeypatch.setattr(build.os, "access", lambda path, mode: False)
    assert "efields-zig" in build._environment()["ZIG_GLOBAL_CACHE_DIR"]
    monkeypatch.setattr(build.os, "access", lambda path, mode: True)
    monkeypatch.setenv("XDG_CACHE_HOME", "~/.cache")  # what is left of it when nobody knows the home
    assert "efields-zig" in build._environment()["ZIG_GLOBAL_CACHE_DIR"]
