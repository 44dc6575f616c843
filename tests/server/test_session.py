"""Mailbox and choice of the next picture, with a clock and a pace that stand still."""

from __future__ import annotations

from efields.server.pace import LEAST_CHUNK, WARM_UP, Pace, Paces
from efields.server.protocol import Ack, Change
from efields.server.session import STILL_AFTER_S, Job, Session, Situation
from tests.server.small import view


def pace(rays_per_s: float | None) -> Pace:
    made = Pace()
    for _ in range(WARM_UP + 1 if rays_per_s else 0):
        made.note(4096, 4096 / (rays_per_s or 1))
    return made


def paces(full: float | None = 1e5, draft: float | None = 8e5) -> Paces:
    return Paces(pace(full), pace(draft))


SLOW, FAST, UNKNOWN = paces(), paces(1e9, 1e9), paces(None, None)


def session() -> Session:
    return Session("a client", lambda message: None)


def at(now_s: float, step: int = 5, learning: bool = False) -> Situation:
    return Situation(now_s, step, learning)


def big(id: int, **changes: object) -> object:
    return view(id, width=512, height=512, **changes)


def test_the_newest_view_wins() -> None:
    client = session()
    for number in (1, 2, 3):
        client.receive(view(number, moving=True), 0.0)
    job = client.next_job(SLOW, at(0.0))
    assert job is not None and job.request.id == 3


def test_one_frame_is_outstanding() -> None:
    client = session()
    client.receive(view(1), 0.0)
    job = client.next_job(FAST, at(0.0))
    assert job is not None and job.state == "full"
    client.sent_frame(job)
    client.receive(view(2), 0.0)
    assert client.next_job(FAST, at(0.1)) is None
    client.receive(Ack(7), 0.2)
    assert client.next_job(FAST, at(0.2)) is None
    client.receive(Ack(1), 0.3)
    after = client.next_job(FAST, at(0.3))
    assert after is not None and after.request.id == 2


def stages(client: Session, among: Paces, situation: Situation) -> list[tuple[int, int, str]]:
    """Rank, rows and state of the pictures that come until nothing is left to do."""
    found = []
    while (job := client.next_job(among, situation)) is not None and len(found) < 9:
        found.append((job.rank, job.height, job.state))
        client.sent_frame(job)
        client.receive(Ack(job.request.id), 0.0)
    return found


def test_a_still_camera_goes_from_preview_to_full() -> None:
    client = session()
    client.receive(big(1), 0.0)  # type: ignore[arg-type]
    assert stages(client, SLOW, at(0.0)) == [(0, 128, "preview"), (1, 512, "preview"), (2, 512, "full")]
    client.receive(big(2), 0.0)  # type: ignore[arg-type]
    assert stages(client, FAST, at(0.0)) == [(2, 512, "full")]
    client.receive(big(3), 0.0)  # type: ignore[arg-type]
    assert stages(client, UNKNOWN, at(0.0)) == [(0, 128, "preview"), (2, 512, "full")]


def test_a_moving_camera_gets_previews_and_is_still_when_it_says_no_more() -> None:
    client = session()
    client.receive(big(1, moving=True), 10.0)  # type: ignore[arg-type]
    assert stages(client, SLOW, at(10.0)) == [(0, 128, "preview")]
    assert stages(client, SLOW, at(10.0 + 0.9 * STILL_AFTER_S)) == []
    assert stages(client, SLOW, at(10.0 + 1.1 * STILL_AFTER_S)) == [(1, 512, "preview"), (2, 512, "full")]


def test_a_full_picture_is_left_for_a_newer_view_and_a_moving_one_is_finished() -> None:
    client = session()
    client.receive(view(1), 0.0)
    full = client.next_job(FAST, at(0.0))
    assert full is not None and not full.overtaken
    client.receive(view(2, moving=True), 0.0)
    assert full.overtaken
    moving = client.next_job(SLOW, at(0.0))
    client.receive(view(3, moving=True), 0.0)
    assert moving is not None and not moving.overtaken
    client.closed = True
    assert moving.overtaken
    assert client.next_job(SLOW, at(0.0)) is None


def test_a_change_is_made_once_and_before_full_pictures() -> None:
    client = session()
    client.receive(view(1), 0.0)
    full = client.next_job(FAST, at(0.0))
    client.receive(Change(8, 0.0, 0.1, 16, 16), 0.0)
    client.receive(Change(9, 0.0, 0.1, 16, 16), 0.0)
    assert full is not None and full.overtaken
    change = client.next_job(FAST, at(0.0))
    assert change is not None and change.request.id == 9 and change.lasting
    again = client.next_job(FAST, at(0.0))
    assert again is not None and again.request.id == 1


def test_a_preview_is_not_left_for_a_change() -> None:
    client = session()
    client.receive(big(1), 0.0)  # type: ignore[arg-type]
    job = client.next_job(SLOW, at(0.0, learning=True))
    client.receive(Change(2, 0.0, 0.1, 16, 16), 0.0)
    assert job is not None and job.rank == 0 and not job.overtaken


def test_previews_and_changes_take_turns() -> None:
    client = session()
    kinds = []
    for number in range(1, 7):
        client.receive(big(number, moving=True), 0.0)  # type: ignore[arg-type]
        client.receive(Change(100 + number, 0.0, 0.1, 16, 16), 0.0)
        job = client.next_job(SLOW, at(0.0, learning=number > 3))
        assert job is not None
        kinds.append(type(job.request).__name__)
        if not isinstance(job.request, Change):
            client.sent_frame(job)
            client.receive(Ack(job.request.id), 0.0)
    assert kinds == ["View", "Change"] * 3


def test_a_field_that_learns_is_shown_again_after_each_step_and_in_full_in_the_end() -> None:
    client = session()
    client.receive(big(1), 0.0)  # type: ignore[arg-type]
    first = stages(client, SLOW, at(0.0, step=5, learning=True))
    assert [(rank, state) for rank, _, state in first] == [(0, "preview")] and first[0][1] > 128
    assert stages(client, SLOW, at(0.0, step=5, learning=True)) == []
    assert len(stages(client, SLOW, at(0.0, step=6, learning=True))) == 1
    assert stages(client, SLOW, at(0.0, step=6))[-1][0] == 2


def test_what_failed_is_not_tried_again() -> None:
    client = session()
    client.receive(view(1), 0.0)
    job = client.next_job(FAST, at(0.0))
    assert job is not None
    client.give_up(job)
    assert client.next_job(FAST, at(0.0)) is None


# ---- pace


def test_the_first_measurements_do_not_count() -> None:
    fresh = Pace()
    for _ in range(WARM_UP):
        fresh.note(4096, 10.0)
    assert fresh.rays_per_s is None and fresh.size(512, 512) == (128, 128)
    fresh.note(4096, 0.004)
    assert fresh.rays_per_s is not None and abs(fresh.rays_per_s - 1_024_000) < 1


def test_sizes_follow_the_speed_without_flickering() -> None:
    assert pace(1e9).size(512, 512) == (512, 512)
    assert pace(1e5).size(1024, 1024) == (128, 128)
    assert pace(1e3).size(512, 512) == (96, 96)
    steady = pace(2e6)
    sizes = set()
    for rate in (2e6, 2.3e6, 1.9e6, 2.2e6) * 5:
        steady.note(8192, 8192 / rate)
        sizes.add(steady.size(512, 512))
    assert len(sizes) == 1
    assert LEAST_CHUNK <= pace(1e3).chunk() <= pace(1e9).chunk()


def test_jobs_of_equal_pictures_have_equal_keys() -> None:
    client = session()
    one, other = view(1), view(2, mode="depth")
    keys = {Job(client, v, 40, 32, False, 75, 5).key for v in (one, other)}
    assert len(keys) == 1
    assert Job(client, view(3, fov_y=0.8), 40, 32, False, 75, 5).key not in keys
