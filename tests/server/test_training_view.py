"""Training in sight of a page: it costs no more than it says, and changes nothing that is learned."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from efields import cli
from efields.server.client import connected
from efields.server.protocol import Training
from efields.server.studio import Studio
from efields.server.training_page import training_page
from efields.server.viewing import MOST_HISTORY, TrainingView
from efields.train import Progress, Run, reconstruct
from efields.train.checkpoint import read_checkpoint
from tests.server.small import model, view
from tests.train.small import experiment, recording

CHUNK_S = 0.015


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Busy:
    """A studio in which there is always something to render, in chunks of one length."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.learning, self.step, self.told, self.waits = clock, False, 0, [], 0

    def expected_s(self) -> float | None:
        return 0.2

    def chunk_s(self) -> float:
        return CHUNK_S

    def advance(self) -> bool:
        self.clock.now_s += CHUNK_S
        return True

    def advance_or_wait(self) -> None:
        self.waits += 1
        self.clock.now_s += 1.0

    def tell(self, message: str, record: Callable[[], None] | None = None) -> None:
        if record is not None:
            record()
        self.told.append(message)


def training_view(share: float = 0.1) -> tuple[TrainingView, Any, Clock]:
    clock = Clock()
    studio: Any = Busy(clock)
    return TrainingView(studio, share, clock), studio, clock


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_viewing_takes_no_more_than_its_share_at_any_time(share: float) -> None:
    page, _, clock = training_view(share)
    for step in range(1, 2000):
        clock.now_s += 0.01
        page.after_step(step, lambda: False)
        assert page.overhead_share <= share
    assert page.overhead_share > 0.4 * share  # a look that would take more than its share waits
    assert page.facts()["view_seconds"] == pytest.approx(page.view_seconds, abs=1e-3)


def test_a_page_that_comes_late_does_not_hold_training_for_long() -> None:
    page, studio, clock = training_view(0.5)
    studio.expected_s = lambda: None
    for step in range(1, 1000):
        clock.now_s += 0.1
        page.after_step(step, lambda: False)
    assert page.view_seconds == 0
    studio.expected_s = lambda: 0.2
    page.after_step(1000, lambda: False)
    assert 0.3 < page.view_seconds <= 0.5


def test_a_pause_lasts_until_it_ends_and_counts_as_nothing_else() -> None:
    page, studio, clock = training_view()
    page.on_progress(Progress(1, 10, 1.0, 0.5, {"a": 0.5, "b": float("nan")}, 1.0, 1.0, 0.1))
    page.on_training("pause")
    clock.now_s += 1.0
    page.after_step(1, lambda: studio.waits >= 3)
    assert (page.pause_seconds, page.train_seconds) == (3.0, 1.0)
    assert ['"paused": true' in message for message in studio.told] == [False, True, True]
    page.on_training("resume")
    page.after_step(2, lambda: False)
    assert page.pause_seconds == 3.0 and studio.learning


def test_the_past_of_a_long_training_is_thinned_but_scores_stay() -> None:
    page, _, _ = training_view()
    for step in range(3 * MOST_HISTORY):
        score = 20.0 if step % 100 == 0 else None
        page.on_progress(Progress(step, 9999, 1.0, 0.5, {}, 1.0, 1.0, 0.1, score))
    past = page.history()
    assert len(past) <= MOST_HISTORY
    assert sum('"psnr_heldout": 20.0' in message for message in past) == 3 * MOST_HISTORY // 100


# ---- in earnest


class Page:
    """Looks on from a thread of its own, as a browser would; what it saw stands in lists."""

    def __init__(self, act: Callable[[Any], None]) -> None:
        self.act, self.frames, self.metrics, self.error = act, [], [], None
        self.paused_for_good = threading.Event()

    def look(self, url: str) -> None:
        try:
            with connected(url) as client:
                assert client.next()[0]["training"] is True
                client.send(view(1, width=64, height=48))
                self.act(client)
                with contextlib.suppress(Exception):  # until the server says good-bye
                    while True:
                        header, _ = client.wait_for("metrics")
                        self.metrics.append(header)
        except Exception as error:
            self.error = error


def trained(path: Path, act: Callable[[Any], None] | None, **train: Any) -> Run:
    """A run, with a page that looks on where `act` is given."""
    settings = experiment(**train)
    if act is None:
        return reconstruct(settings, recording(), path)
    page = Page(act)
    with training_page(recording(), 0, 0.5, cli.say) as onlooker:
        begin = onlooker.begin

        def begin_and_look(run: Run, made: Any) -> None:
            begin(run, made)
            assert onlooker.url is not None
            threading.Thread(target=page.look, args=(onlooker.url,), daemon=True).start()
            deadline = time.monotonic() + 5
            while onlooker.clients == 0 and time.monotonic() < deadline:
                time.sleep(0.005)

        onlooker.begin = begin_and_look  # type: ignore[method-assign]
        run = reconstruct(settings, recording(), path, on_progress=onlooker.on_progress, onlooker=onlooker)
    assert page.error is None, page.error
    return run


def learned(run: Run) -> Iterator[tuple[str, Any]]:
    """Everything of the checkpoint but how long it took."""

    def walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key not in ("seconds", "since"):
                    yield from walk(f"{name}.{key}", inner)
        elif isinstance(value, (list, tuple)):
            for key, inner in enumerate(value):
                yield from walk(f"{name}.{key}", inner)
        else:
            yield name, value

    yield from walk("", read_checkpoint(run.checkpoint_path))


def assert_equal(one: Run, other: Run) -> None:
    first, second = dict(learned(one)), dict(learned(other))
    assert first.keys() == second.keys()
    for name, value in first.items():
        same = torch.equal(value, second[name]) if isinstance(value, torch.Tensor) else value == second[name]
        assert same, name


def test_looking_on_changes_nothing_and_a_pause_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = trained(tmp_path / "plain", None)
    assert "view_seconds" not in plain.training()
    seen: dict[str, Any] = {}

    def act(client: Any) -> None:
        client.send(Training("pause"))
        header, _ = client.wait_for("frame", state="full")  # full pictures come only while training holds
        seen.update(header)
        client.send(Training("resume"))

    watched = trained(tmp_path / "watched", act)
    assert_equal(plain, watched)
    assert (seen["width"], seen["height"]) == (64, 48) and 0 <= seen["step"] <= 12
    told = watched.training()
    assert told["pause_seconds"] > 0 and told["view_share_allowed"] == 0.5
    assert "viewer:  http://127.0.0.1:" in capsys.readouterr().err


def test_metrics_reach_the_page(tmp_path: Path) -> None:
    got: list[dict[str, Any]] = []

    def act(client: Any) -> None:
        got.extend(client.wait_for("metrics")[0] for _ in range(3))

    trained(tmp_path / "run", act, log_every=1)
    assert [m["step"] for m in got] == [1, 2, 3]
    assert got[0]["steps"] == 12 and got[0]["loss"] > 0 and got[0]["paused"] is False


def test_a_client_that_joins_while_metrics_are_told_gets_them_once() -> None:
    studio, kept, got = Studio(model()), [], []
    joining = threading.Thread(target=lambda: studio.join("late", got.append, lambda: list(kept)))

    def record() -> None:
        kept.append("step 1")
        joining.start()
        joining.join(0.05)  # it is let in when this message is through

    studio.tell("step 1", record)
    joining.join()
    studio.tell("step 2")
    assert got == ["step 1", "step 2"]


def test_the_renderer_that_is_trained_is_never_turned(tmp_path: Path) -> None:
    made = model()
    made.renderer.train()
    studio = Studio(made)
    session = studio.join("a client", lambda message: None)
    session.receive(view(1), 0.0)
    grid = made.renderer.get_submodule("sampler.grid")
    step = grid.step
    while studio.advance():
        assert made.renderer.training and all(part.training for part in made.renderer.modules())
        assert grid.step == step
        session._outstanding = None
