"""A config, run folder, recording or scene of somebody else imports nothing, unless the user allows plug-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from efields import cli
from efields.config import experiment_from_table, experiment_text
from efields.errors import InputError
from efields.plugins import VARIABLE, allowed, allowing, import_plugin
from efields.processes import WITHOUT_FOLDER
from efields.simulation.scene import load_scene
from tests.simulation.scenes import write_sphere

MODULE = "code_of_a_stranger.inside"
SECTIONS = ("[field]", "[problem]", "[losses.sharp]", "[loader]")


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run folder whose recording cannot be there, with a module beside it that leaves a mark when it is imported."""
    package = tmp_path / "code_of_a_stranger"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inside.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text(experiment_text(experiment_from_table({"scene": str(tmp_path)}, "test")))
    (run / "checkpoint.pt").write_bytes(b"")
    yield run
    for name in ("code_of_a_stranger", MODULE):
        sys.modules.pop(name, None)


def with_kind(run: Path, section: str, kind: str) -> None:
    config = run / "config.toml"
    lines = [line for line in config.read_text().splitlines() if line.strip()]
    found, kept = False, []
    for line in lines:
        inside = kept and kept[-1] == section
        kept += [f'kind = "{kind}"'] if inside and line.startswith("kind") else [line]
        found |= line == section
    if not found:
        kept += [section]
    if not any(line.startswith(f'kind = "{kind}"') for line in kept):
        kept.insert(kept.index(section) + 1, f'kind = "{kind}"')
    config.write_text("\n".join(kept) + "\n")


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("verb", ["report", "evaluate", "view", "export", "render", "train"])
def test_a_run_folder_runs_no_code(stranger: Path, verb: str, section: str, capsys: pytest.CaptureFixture[str]) -> None:
    with_kind(stranger, section, MODULE)
    code = cli.main([verb, str(stranger)])
    said = capsys.readouterr().err
    assert not (stranger.parent / "ran").exists()
    if verb in ("evaluate", "train"):  # the others may find the checkpoint damaged first
        assert code == 2 and said.count("\n") == 1
        assert f"'{MODULE}' is a module outside efields" in said and "--plugins or EFIELDS_PLUGINS=1" in said


@pytest.mark.parametrize("section", SECTIONS[:3])
def test_the_flag_and_the_variable_allow_it(
    stranger: Path, section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_kind(stranger, section, MODULE)
    assert cli.main(["evaluate", str(stranger), "--plugins"]) == 2
    assert (stranger.parent / "ran").exists() and not allowed()
    assert f"module '{MODULE}' has no Config" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, "1")
    assert cli.main(["evaluate", str(stranger)]) == 2
    assert f"module '{MODULE}' has no Config" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["..", ".", "a..b", ".a", "a.", "a/b.c", "os.path;x", "a.b c", "1.2", "-m.x"])
def test_what_is_no_name_of_a_module_is_one_line(stranger: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with_kind(stranger, "[field]", kind)
    assert cli.main(["evaluate", str(stranger), "--plugins"]) == 2
    assert f"config.toml: field: '{kind}' is not a module name; write it like" in capsys.readouterr().err


def test_a_plugin_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "failing_plugin"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with allowing(also=True), pytest.raises(InputError, match=r"'failing_plugin\.a' cannot be imported \(ZeroDiv"):
        import_plugin("failing_plugin.a")
    with allowing(also=True), pytest.raises(InputError, match=r"'failing_plugin\.b' cannot be imported \(ModuleNot"):
        import_plugin("failing_plugin.b")


@pytest.mark.parametrize(("value", "said"), [("", False), ("0", False), ("1", True)])
def test_what_the_variable_says(value: str, said: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert allowed() is said
    with allowing(also=False):
        assert allowed() is said
    with allowing(also=True):
        assert allowed()
    assert allowed() is said and os.environ[VARIABLE] == value


def test_a_scene_reaches_neither_other_folders_nor_mitsubas_plugins(tmp_path: Path) -> None:
    for name in ("../../elsewhere", "/elsewhere", "..", "a/b", ""):
        with pytest.raises(InputError, match="is not a folder name"):
            load_scene(write_sphere(tmp_path, f'name = "{name}"\n'))
    (tmp_path / "own.xml").write_text("<scene version='3.0.0'/>")
    with pytest.raises(InputError, match=r"mitsuba_xml names a scene .*--plugins or EFIELDS_PLUGINS=1"):
        load_scene(write_sphere(tmp_path, 'mitsuba_xml = "own.xml"\nshapes = []\nlights = []\n'))


def test_helper_processes_import_nothing_from_the_folder_that_the_user_is_in(tmp_path: Path) -> None:
    for name in ("numpy", "h5py", "json", "runpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    program = WITHOUT_FOLDER + "import runpy, json, numpy; print(json.dumps(1))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n" and not (tmp_path / "ran").exists()
