"""Scenes and configs are found by path and by bare name, from a checkout and from an installed wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from efields.cli import _shipped as shipped
from efields.errors import InputError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The layout of a wheel: the package with `_shipped` inside, far from any checkout; works in an empty folder."""
    package = tmp_path / "site-packages" / "efields"
    (package / "_shipped" / "scenes" / "blob_white").mkdir(parents=True)
    (package / "_shipped" / "scenes" / "blob_white" / "scene.toml").write_text("")
    (package / "_shipped" / "configs").mkdir()
    (package / "_shipped" / "configs" / "blob_white.toml").write_text("")
    monkeypatch.setattr(shipped, "__file__", str(package / "cli" / "_shipped.py"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return package / "_shipped"


def test_the_checkout_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkout = Path(__file__).resolve().parents[2]
    assert shipped.find_shipped("scenes/blob_white", "scenes") == checkout / "scenes" / "blob_white"
    assert shipped.find_shipped("blob_white", "configs") == checkout / "configs" / "blob_white.toml"
    assert "blob_white" in shipped.shipped_names("scenes")


def test_a_wheel_brings_them(installed: Path) -> None:
    assert shipped.find_shipped("blob_white", "scenes") == installed / "scenes" / "blob_white"
    assert shipped.find_shipped("scenes/blob_white", "scenes") == installed / "scenes" / "blob_white"
    assert shipped.find_shipped("configs/blob_white.toml", "configs") == installed / "configs" / "blob_white.toml"


def test_what_is_here_comes_first(installed: Path) -> None:
    shutil.copytree(installed / "configs", "configs")
    assert shipped.find_shipped("configs/blob_white.toml", "configs") == Path("configs/blob_white.toml")


def test_a_wrong_name_gets_a_suggestion(installed: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'blob_white'"):
        shipped.find_shipped("blob_whit", "configs")
    Path("demo").mkdir()
    with pytest.raises(InputError, match="no such file"):
        shipped.find_shipped("demo", "configs")


def test_the_wheel_that_is_built_brings_them(tmp_path: Path) -> None:
    checkout = Path(__file__).resolve().parents[2]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    # Without kernels, which take a minute to compile; tests/native has a wheel with them.
    without = {**os.environ, "EFIELDS_NATIVE": "0"}
    subprocess.run(build, cwd=checkout, check=True, capture_output=True, timeout=120, env=without)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    work = tmp_path / "work"
    work.mkdir()
    script = (
        "from efields.cli._shipped import find_shipped, shipped_names;"
        "print(find_shipped('blob_white', 'configs'), shipped_names('scenes'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=work, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(tmp_path / "installed" / "efields" / "_shipped" / "configs" / "blob_white.toml") in done.stdout
    assert str(shipped.shipped_names("scenes")) in done.stdout
