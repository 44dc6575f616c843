"""The rules themselves: each one fails on a file that breaks it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.contracts.rules import broken_rules

GOOD = '''"""A file."""
from dataclasses import dataclass
from efields.ranges import Positive


@dataclass(frozen=True)
class Config:
    """Settings."""

    weight: Positive = 1.0
    """Weight."""
'''


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("", "", None),
        ("(frozen=True)", "", "Config is not a frozen dataclass"),
        ('    """Weight."""\n', "", "Config.weight has no docstring"),
        ('"""A file."""\n', "", "the file has no docstring"),
        ("Positive =", "float =", "Config.weight has no Range"),
        (" = 1.0", "", "has no default for a setting"),
        ("Positive = 1.0", "str = 1.0", None),
    ],
)
def test_a_file_that_breaks_a_rule_is_told(
    old: str, new: str, rule: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"kind_{abs(hash((old, new)))}"
    (tmp_path / f"{name}.py").write_text(GOOD.replace(old, new) if old else GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    config = importlib.import_module(name).Config
    if "str" in new:
        with pytest.raises(Exception, match="takes a text"):
            broken_rules(config)
        return
    found = broken_rules(config)
    assert found == [] if rule is None else found and found[0].startswith(rule)
