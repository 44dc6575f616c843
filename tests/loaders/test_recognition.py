"""Recognising a recording is light: only loaders that could read it are imported, and torch where it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from efields import loaders
from efields.loaders import find, kinds
from efields.loaders._recognition import candidates
from tests.contracts.samples import LOADERS

SOURCES = [Path(loaders.__path__[0], f"{kind}.py") for kind in kinds()]
IMPORTED = """
import contextlib, io, json, sys
from efields.cli import main
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(["info", path])
    print(json.dumps([code, [name for name in sys.modules if name == "torch" or name.startswith("efields.loaders.")]]))
"""


def test_info_of_events_imports_no_torch_and_no_loader_that_cannot_match(tmp_path: Path) -> None:
    kinds_of_files = ("prophesee_raw", "aedat4", "text", "npz", "mat", "rosbag", "hdf5")
    files = [str(LOADERS[kind](tmp_path / kind)) for kind in kinds_of_files]
    words = [sys.executable, "-c", IMPORTED, *files]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [code for code, _ in told] == [0] * len(files)
    assert [name.removeprefix("efields.loaders.") for name in told[0][1] if "._" not in name] == ["prophesee_raw"]
    assert "torch" not in told[-1][1]


def test_a_loader_without_signs_is_always_asked(tmp_path: Path) -> None:
    source = tmp_path / "new.py"
    source.write_text('"""A loader."""\n')
    (tmp_path / "a.bin").write_bytes(b"anything")
    assert list(candidates(tmp_path / "a.bin", [source])) == [(), ("new",)]
    assert list(candidates(tmp_path, [source])) == [("new",), ()]


def test_a_file_of_first_bytes_that_a_loader_knows_is_asked_of_no_other(tmp_path: Path) -> None:
    path = LOADERS["aedat2"](tmp_path / "aedat2")
    assert next(candidates(path, SOURCES)) == ("aedat2",)
    assert find(path) == "aedat2"
