"""Links lead somewhere, commands and flags exist, and Python code compiles."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import re
import shlex
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from efields.cli import verbs
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from tests.contracts.rules import broken_rules
from tests.looks import renderer_over
from tests.losses.supervise import intervals

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
EVERYWHERE = {"--help", "--debug", "--version"}


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a page in this language; "" for those that name none."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


def commands(page: Path) -> Iterator[list[str]]:
    """Words of every `efields` command in code blocks and in the text, without what follows `#`, `|`, `>` or `&&`."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(page, "") for line in block.splitlines()] + re.findall(
        r"`(efields [^`\n]+)`", text
    )
    for line in lines:
        if line.startswith("efields "):
            yield re.split(r"\s(?:#|\||>|&&)\s?", " ".join(shlex.split(line, comments=True)))[0].split()[1:]


def flags(kind: type) -> set[str]:
    """Flags of a command, from the fields of its `Args` and of the dataclasses inside."""
    found = set()
    for field, hint in typing.get_type_hints(kind).items():
        found |= {f"--{field.replace('_', '-')}", f"--no-{field.replace('_', '-')}"}
        if dataclasses.is_dataclass(hint):
            found |= flags(typing.cast(type, hint))
    return found


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`: headings in small letters, blanks as dashes."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_flags_exist(page: Path) -> None:
    for words in commands(page):
        if not words or not re.fullmatch("[a-z]+", words[0]):
            continue  # `efields COMMAND --help`, or a flag of its own
        assert words[0] in verbs(), f"{page.name}: efields {' '.join(words)}"
        known = flags(importlib.import_module(f"efields.cli.{words[0]}").Args) | EVERYWHERE
        named = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert named <= known, f"{page.name}: efields {' '.join(words)}: {named - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles(page: Path) -> None:
    for code in blocks(page, "python"):
        compile(code, page.name, "exec")


def module_of(code: str, path: Path) -> types.ModuleType:
    """A module of this code, as if its file had been written."""
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_examples_of_a_field_and_a_loss_work_as_they_are_printed(tmp_path: Path) -> None:
    field_code, loss_code, *_ = blocks(ROOT / "CONTRIBUTING.md", "python")
    box = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    config = module_of(field_code, tmp_path / "printed_field.py").Config()
    seen = renderer_over(config.build(box, 3, torch.Generator().manual_seed(0)), box)(
        Rays(torch.tensor([[0.0, 0.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    )
    assert seen.radiance.shape == (1, 3) and 0 < float(seen.opacity.detach()) <= 1
    loss = module_of(loss_code, tmp_path / "printed_loss.py").Config()
    assert float(loss(intervals([0.5, 0.0], [0.0, 0.0]))) == 0.125
    assert broken_rules(type(config)) == broken_rules(type(loss)) == []
