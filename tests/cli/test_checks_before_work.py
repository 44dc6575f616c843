"""What cannot end well is told before anything is simulated, decoded, baked, trained or rendered."""

from __future__ import annotations

import errno
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from efields import cli
from efields.atomic import check_place
from efields.errors import InputError
from tests.simulation.scenes import write_sphere

OPEN_A_RUN = ("evaluate", "export", "render", "report", "view")


class Reached(Exception):
    """Something expensive was begun."""


def never(*_: Any, **__: Any) -> None:
    raise Reached


@pytest.fixture
def nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scene and a config of it, where whatever takes long raises."""
    monkeypatch.chdir(tmp_path)
    write_sphere(tmp_path / "ball")
    (tmp_path / "ball.toml").write_text('scene = "ball"\n')
    (tmp_path / "afile").write_text("")
    for place in (
        "efields.simulated.scene._simulate",
        "efields.loaders._configured",  # which `load` and `open_events` begin with
        "efields.simulation.frames.open_frames",
        "efields.train.run.Run.load_model",
        "efields.supplied.facts.facts_of",
    ):
        monkeypatch.setattr(place, never)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train ball.toml --backend fastest", "unknown backend 'fastest'; known: auto,"),
        ("train ball.toml --run afile/run", "cannot be written|is a file"),
        ("train bad_device.toml", "unknown device 'gpu'; cpu or cuda"),
        ("train no_device.toml", "device 'cuda:99' is not available"),
        ("train bad_backend.toml", "unknown backend 'x'"),
        ("train bad_kind.toml", "unknown kind 'hash' of fields; did you mean 'hash_grid'"),
        (
            "train bad_loader.toml",
            "loader: unknown kind 'robust' of loaders; did you mean 'robust_enerf'",
        ),
        ("train bad_option.toml", "unknown key 'c_poss'"),
        ("train bad_protocol.toml", "evaluate.protocol: 'best' is not allowed"),
        ("train ball.toml --box=nan,0,0,1,1,1", "--box[0] = nan; give a number from -1e+12 to 1e+12"),
        ("train ball.toml --box=0,0,0,1e300,1,1", "--box[3] = 1e+300; give"),
        ("train ball.toml --box=0,0,0,1,0,1", "is empty; give lo below hi"),
        ("train ball.toml --device tpu", "unknown device 'tpu'; cpu or cuda"),
        ("train ball.toml --device cuda:99", "device 'cuda:99' is not available"),
        ("evaluate run", "no checkpoint"),
        *((f"{verb} run --device tpu", "unknown device 'tpu'; cpu or cuda") for verb in OPEN_A_RUN),
        *((f"{verb} run --device cuda:99", "device 'cuda:99' is not available; use cpu") for verb in OPEN_A_RUN),
        *((f"{verb} run --backend fastest", "unknown backend 'fastest'; known: auto,") for verb in OPEN_A_RUN),
        ("simulate ball --out afile/x", "is a file, not the folder"),
        ("simulate --frames clip.mp4 --out afile/x", "is a file, not the folder"),
        ("egomotion rec --out afile", "afile: exists already"),
        ("flow rec --out afile/x", "is a file, not the folder"),
        ("convert rec out.abc", "'.abc' is not a known format"),
        ("convert rec afile/out.npz", "is a file, not the folder"),
        ("info rec --preview a.gif", "a preview cannot be written as '.gif'"),
        ("info rec --preview afile/a.png", "is a file, not the folder"),
        ("export run --video a.avi", "'.avi' cannot be written"),
        ("export run --mesh afile/a.ply", "is a file, not the folder|open3d"),
        ("export run --poses a.csv", "ends in .txt"),
        ("render run --out a.avi", "'.avi' cannot be written"),
        ("render run --out afile/a.mp4", "is a file, not the folder"),
        ("bench kernels --backends fastest", "unknown backend 'fastest'"),
        ("bench scaling --backends ,", "--backends is empty"),
        ("bench motion --sensors dirty", "unknown sensor 'dirty'"),
    ],
)
def test_it_is_told_first(nothing_begins: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = 'scene = "ball"\n'
    for name, text in {
        "bad_device": plain + 'device = "gpu"\n',
        "no_device": plain + 'device = "cuda:99"\n',
        "bad_backend": plain + 'backend = "x"\n',
        "bad_kind": plain + '[field]\nkind = "hash"\n',
        "bad_loader": plain + '[loader]\nkind = "robust"\n',
        "bad_option": plain + "[loader]\nc_poss = 1\n",
        "bad_protocol": plain + '[evaluate]\nprotocol = "best"\n',
    }.items():
        (nothing_begins / f"{name}.toml").write_text(text)
    (nothing_begins / "run").mkdir()
    (nothing_begins / "run" / "config.toml").write_text(plain)
    assert cli.main(words.split()) == 2
    error = capsys.readouterr().err
    assert any(part in error for part in said.split("|")), error
    assert error.count("\n") == 1


def test_a_folder_that_refuses_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_place(tmp_path)
    check_place(tmp_path / "new" / "deeper" / "a.mp4")
    assert list(tmp_path.iterdir()) == []

    def refused(**_: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(InputError, match=r"a\.mp4: cannot be written \(Permission denied\); choose another folder"):
        check_place(tmp_path / "new" / "a.mp4")


def test_what_the_system_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["info", "x" * 300], ["train", "x" * 300], ["report", "x" * 300], ["convert", "x" * 300, "a.npz"]):
        assert cli.main(words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and len(error) < 600, error


def test_no_message_is_longer_than_anybody_reads(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["x" * 235_000], ["train", "x" * 235_000], ["train", "a", "--steps", "9" * 235_000]):
        assert cli.main(words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and len(error) < 600, error[:1000]


def test_no_choice_is_listed_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "run", "--protocol", "best"]) == 2
    assert capsys.readouterr().err.lower().count("none") == 1
    for verb in cli.verbs():
        with pytest.raises(SystemExit):
            cli.parsed(verb, ["--help"])
        for choices in re.findall(r"\{([^}]*)\}", capsys.readouterr().out):
            listed = [choice.strip().lower() for choice in choices.split(",")]
            assert len(listed) == len(set(listed)), f"{verb}: {choices}"
