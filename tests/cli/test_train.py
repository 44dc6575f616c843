"""`efields train` and `demo`: where runs go, what wins over the config, going on, scores, scenes simulated once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from efields import cli, evaluate
from efields.cli import _scene, _training, demo
from efields.config import load_experiment
from efields.errors import InputError
from efields.geometry.boxes import Box
from efields.loaders.robust_enerf import save
from efields.simulated import scene
from efields.simulation.scene import load_scene
from efields.simulation.simulate import Simulated
from efields.train import Progress, Run
from tests.tiny import tiny_recording

SCENE = """\
name = "thing"
[path]
kind = "orbit"
[box]
lo = [-1.0, -1.0, -1.0]
hi = [1.0, 1.0, 1.0]
[[shapes]]
kind = "sphere"
material = "plain"
[materials.plain]
kind = "diffuse"
[[lights]]
kind = "sky"
"""


def train(*words: str) -> int:
    return cli.main(["train", "small.toml", "--scene", "tiny", "--threads", "1", *words])


def steps_logged(run: str) -> list[int]:
    return [json.loads(line)["step"] for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def test_training_ends_with_scores_and_a_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "runs/small/report.html"
    assert "dB" in said.out
    assert "8 held-out views" in said.out
    assert "training 4/4" in said.err
    metrics = json.loads(Path("runs/small/metrics.json").read_text())
    assert metrics["steps"] == 4
    assert metrics["views"] == 8
    assert Path("runs/small/report.html").stat().st_size > 1000
    assert load_experiment("runs/small/config.toml").scene == str((here / "tiny").resolve())


def test_json_is_all_that_is_printed_and_flags_win_over_the_config(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--json", "--run", "out/a", "--steps", "2", "--seed", "7", "--backend", "reference") == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert said.err == ""
    assert (told["run"], told["steps"], told["seed"], told["backend"]) == ("out/a", 2, 7, "reference")
    assert steps_logged("out/a") == [1, 2]


def test_a_second_run_gets_a_number_and_a_named_one_is_not_overwritten(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--steps", "1") == 0
    before = Path("runs/small/checkpoint.pt").read_bytes()
    assert train("--steps", "1") == 0
    assert Path("runs/small-2/report.html").is_file()
    assert train("--steps", "1", "--run", "runs/small") == 2
    assert "--resume" in capsys.readouterr().err.splitlines()[-1]
    assert Path("runs/small/checkpoint.pt").read_bytes() == before


def test_resuming_nothing_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--resume") == 2
    assert "has no checkpoint" in capsys.readouterr().err.splitlines()[-1]
    assert not Path("runs").exists()


def test_options_of_the_loader_stand_in_the_config(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("small.toml").open("a") as config:
        config.write("[loader]\nviews = false\n")
    assert train("--steps", "1") == 0
    assert "not scored" in capsys.readouterr().out
    assert cli.main(["evaluate", "runs/small"]) == 0
    with Path("small.toml").open("a") as config:
        config.write("extrapolat_s = 1.0\n")
    assert train("--steps", "1") == 2
    assert "extrapolate_s" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_folder_can_be_repeated(here: Path) -> None:
    assert train("--steps", "2") == 0
    assert cli.main(["train", "runs/small", "--threads", "1"]) == 0
    one, two = (
        [json.loads(line)["loss"] for line in Path(run, "metrics.jsonl").read_text().splitlines()]
        for run in ("runs/small", "runs/small-2")
    )
    assert one == two


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_stopping_says_how_to_go_on_and_going_on_ends_it(
    name: str, code: int, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = getattr(signal, name, None)
    if asked is None:
        pytest.skip(f"no {name} on this system")

    class Impatient:
        def __init__(self, _: object) -> None: ...

        def __call__(self, now: Progress) -> None:
            if now.step == 2:
                signal.raise_signal(asked)

    with monkeypatch.context() as patch:
        patch.setattr(_training, "TrainingReport", Impatient)
        assert train() == code
    line = "efields: stopped at step 2; continue with: efields train runs/small/config.toml --resume"
    assert capsys.readouterr().err.splitlines()[-1] == line
    assert cli.main(["train", "runs/small/config.toml", "--resume"]) == 0
    assert steps_logged("runs/small") == [1, 2, 3, 4]
    assert not [path for path in Path("runs/small").iterdir() if path.name.startswith(".")]


def test_a_request_to_end_while_scoring_is_one_line_and_resuming_scores(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "evaluate_run", lambda *_args, **_options: signal.raise_signal(signal.SIGTERM))
        assert train() == 143
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "efields: stopped while scoring; continue with: efields train runs/small/config.toml --resume"
    before = Path("runs/small/training.json").read_bytes()
    assert cli.main(["train", "runs/small/config.toml", "--resume"]) == 0
    assert json.loads(Path("runs/small/metrics.json").read_text())["steps"] == 4
    assert Path("runs/small/training.json").read_bytes() == before


def test_a_finished_run_says_so_and_trains_longer_when_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    before = {path.name: path.read_bytes() for path in Path("runs/small").iterdir()}
    capsys.readouterr()
    assert train("--resume") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("runs/small is finished: 4 steps, PSNR")
    assert said[1] == "train longer with: efields train runs/small/config.toml --resume --steps N, more than 4"
    assert train("--resume", "--steps", "3") == 2
    assert "--steps 3, but 4 steps are done already; give more than 4" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path("runs/small").iterdir()} == before
    assert train("--resume", "--steps", "6") == 0
    assert steps_logged("runs/small") == [1, 2, 3, 4, 5, 6]


def test_two_trainings_never_share_a_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--steps", "1") == 0
    with Run(Path("runs/small")).held_for_training(), Run(Path("runs/small-2")).held_for_training():
        for words in (["--resume"], ["--run", "runs/small"], ["--run", "runs/small-2"]):
            capsys.readouterr()
            assert train("--steps", "2", *words) == 2
            said = capsys.readouterr().err.splitlines()
            assert len(said) == 1 and f"is being trained by process {os.getpid()} since " in said[0]
        assert train("--steps", "1") == 0
    assert Path("runs/small-3/report.html").is_file()
    assert steps_logged("runs/small") == [1] and not Path("runs/small-2").exists()


def test_a_run_is_replaced_when_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--steps", "1", "--run", "out") == 0
    assert train("--steps", "2", "--run", "out") == 2
    assert "replace it with --overwrite" in capsys.readouterr().err
    assert train("--steps", "2", "--run", "out", "--overwrite", "--resume") == 2
    assert train("--steps", "2", "--run", "out", "--overwrite") == 0
    assert steps_logged("out") == [1, 2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["small.toml"], "--scene PATH"),
        (["smal.toml", "--scene", "tiny"], "no such file"),
        (["small.toml", "--scene", "tinny"], "no such file"),
        (["small.toml", "--scene", "tiny", "--steps", "0"], "--steps 0; give a number from 1"),
        (["small.toml", "--scene", "tiny", "--backend", "refrence"], "unknown backend"),
        (["small.toml", "--scene", "tiny", "--threads", "-2"], "threads"),
        (["wrong.toml", "--scene", "tiny"], "did you mean 'samples_per_step'?"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_no_run(
    here: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("wrong.toml").write_text("[train]\nsample_per_step = 3\n")
    assert cli.main(["train", *words]) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert said in error[0]
    assert not list(Path().rglob("checkpoint.pt"))
    assert not list(Path().rglob("*.part"))


class Simulator:
    """Stands in for Mitsuba: counts how often it is asked, and gives the tiny recording."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, path: Path, *, on_progress, **_: object) -> Simulated:
        self.calls += 1
        for stage in ("frames", "held-out views", "events"):
            on_progress(stage, 1, 1)
        recording = tiny_recording(16, 40)
        return Simulated(recording, np.zeros(len(recording.events), np.uint8), None)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    fake = Simulator()
    monkeypatch.setattr(scene, "simulate_scene", fake)
    return fake


def test_a_scene_is_simulated_once_until_it_changes(here: Path, simulator: Simulator) -> None:
    Path("thing").mkdir()
    Path("thing/scene.toml").write_text(SCENE)
    recording = _scene.recording_for("thing", quiet=True)
    assert recording.path == Path("recordings/thing")
    assert len(_scene.recording_for("thing/scene.toml", quiet=True).events) == len(recording.events)
    assert simulator.calls == 1
    Path("thing/scene.toml").write_text(SCENE + "[sensor]\nc_pos = 0.3\n")
    _scene.recording_for("thing", quiet=True)
    assert simulator.calls == 2
    Path("other").mkdir()
    Path("other/scene.toml").write_text(SCENE)
    for _ in range(2):
        assert _scene.recording_for("other", quiet=True).path == Path("recordings/thing-2")
    assert _scene.recording_for("thing", quiet=True).path == Path("recordings/thing")
    assert simulator.calls == 3
    with pytest.raises(InputError, match="--overwrite"):
        _scene.simulated_folder(Path("thing/scene.toml"), Path("recordings/thing-2"), quiet=True)


def test_the_key_follows_the_kind_of_a_shape(here: Path) -> None:
    Path("scene.toml").write_text(SCENE)
    one = scene.scene_key(load_scene("scene.toml"))
    assert one == scene.scene_key(load_scene("scene.toml"))
    Path("scene.toml").write_text(SCENE.replace('"sphere"', '"torus"'))
    assert one != scene.scene_key(load_scene("scene.toml"))


def test_a_recording_of_the_same_name_is_not_replaced(here: Path, simulator: Simulator) -> None:
    Path("thing").mkdir()
    Path("thing/scene.toml").write_text(SCENE)
    save(tiny_recording(16, 40), "recordings/thing")
    with pytest.raises(InputError, match="was not simulated"):
        _scene.recording_for("thing", quiet=True)
    assert simulator.calls == 0


def test_the_demo_is_quick_the_second_time_and_goes_on_when_stopped(
    here: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("thing").mkdir()
    Path("thing/scene.toml").write_text(SCENE)
    monkeypatch.setattr(demo, "find_shipped", lambda _, kind: Path("thing") if kind == "scenes" else Path("small.toml"))
    assert cli.main(["demo", "--threads", "1"]) == 0
    assert "held-out views" in (said := capsys.readouterr().out)
    assert "of\n  full brightness" in said
    first = Path("runs/demo/checkpoint.pt").stat().st_mtime_ns
    assert cli.main(["demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 4
    assert Path("runs/demo/checkpoint.pt").stat().st_mtime_ns == first

    Path("runs/demo/metrics.json").unlink()  # as when it was killed while scoring
    assert cli.main(["demo"]) == 0
    assert steps_logged("runs/demo") == [1, 2, 3, 4]

    Path("small.toml").write_text(Path("small.toml").read_text().replace("steps = 4", "steps = 5"))
    assert cli.main(["demo"]) == 0  # other settings: a new run in its place
    assert steps_logged("runs/demo") == [1, 2, 3, 4, 5]
    assert simulator.calls == 1


@pytest.mark.parametrize("box", ["1,2,3", "0,0,0,1,1,x", "0,0,0,1,1,0", "nan,0,0,1,1,1"])
def test_a_box_that_is_none_is_told_before_anything_is_read(
    box: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", str(here / "tiny"), f"--box={box}"]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1


def test_a_box_of_the_command_line_is_that_of_the_run(here: Path) -> None:
    assert train("--run", "out/boxed", "--steps", "1", "--box=0.5,0.5,0.5,-0.5,-0.5,-0.25") == 0
    assert Run(here / "out/boxed").load_model().renderer.world_box == Box((-0.5, -0.5, -0.25), (0.5, 0.5, 0.5))
    assert "as given" in " ".join(Run(here / "out/boxed").training()["notes"])
