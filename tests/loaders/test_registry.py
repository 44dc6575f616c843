"""The folder as registry: kinds, discovery by content, errors of one line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from efields.errors import InputError
from efields.loaders import find, kinds, load, loader
from tests.contracts.samples import LOADERS


def test_listing_imports_no_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("efields.loaders.")]:
        monkeypatch.delitem(sys.modules, name)
    assert "ecd" in kinds()
    assert not [name for name in sys.modules if name.startswith("efields.loaders.")]


def test_helpers_are_no_kinds() -> None:
    assert "ecd" in kinds()
    assert "robust_enerf" in kinds()
    assert not any(kind.startswith("_") for kind in kinds())


def test_unknown_kind_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="no loader 'robust_nerf'; did you mean 'robust_enerf'"):
        loader("robust_nerf")


def test_missing_path_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        load(tmp_path / "nowhere")


def test_nothing_matches(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "notes.bin").write_bytes(b"\xff\xd8")
    with pytest.raises(InputError, match=r"not a recording that efields knows; docs/recordings.md lists the formats"):
        find(tmp_path)


def test_several_match_and_a_kind_decides(tmp_path: Path) -> None:
    both = LOADERS["robust_enerf"](tmp_path / "both")
    shutil.copytree(LOADERS["ecd"](tmp_path / "ecd"), both, dirs_exist_ok=True)
    with pytest.raises(InputError, match="could be any of: ecd, robust_enerf"):
        load(both)
    assert load(both, "ecd").camera.bayer == ""
    assert load(both, "robust_enerf").camera.bayer == "RGGB"


def test_a_dotted_kind_reaches_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine.py").write_text("from efields.loaders.ecd import Config\n")
    monkeypatch.syspath_prepend(tmp_path)
    sample = LOADERS["ecd"](tmp_path / "r")
    with pytest.raises(InputError, match=r"'outside\.mine' is a module .*--plugins or EFIELDS_PLUGINS=1"):
        load(sample, "outside.mine")
    monkeypatch.setenv("EFIELDS_PLUGINS", "1")
    assert len(load(sample, "outside.mine").events) == 40
    with pytest.raises(InputError, match=r"'outside_not\.there' cannot be imported"):
        loader("outside_not.there")


def test_options_reach_the_loader(tmp_path: Path) -> None:
    sample = LOADERS["ecd"](tmp_path / "r")
    assert load(sample, c_pos=0.4).sensor.c_pos == 0.4
    with pytest.raises(InputError, match="c_pos: takes a number"):
        load(sample, c_pos="high")
