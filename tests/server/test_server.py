"""The server as its clients meet it: pictures, ten at once, rubbish, refusals."""

from __future__ import annotations

import io
import json
import logging
import time
import urllib.error
import urllib.request
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus

from efields.geometry.boxes import Box
from efields.render.image import render_view
from efields.server import app
from efields.server.app import MOST_RUBBISH, Offer
from efields.server.client import Client, connected
from efields.server.looking import Looking, pinhole
from efields.server.protocol import Ack, Change, Tone, Training, Wipe
from efields.server.session import Job
from efields.server.studio import Studio
from tests.server.small import POSE, model, served, view


def picture(client: Client, **changes: Any) -> tuple[dict[str, Any], np.ndarray]:
    """The full picture of a view."""
    wanted = view(**changes)
    client.send(wanted)
    header, data = client.wait_for("frame", state="full", id=wanted.id)
    return header, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def greeted(client: Client) -> dict[str, Any]:
    header, _ = client.next()
    assert header["type"] == "hello"
    return header


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("efields.server")]


# ---- pictures


def test_modes_wipe_crop_and_change() -> None:
    with served() as url, connected(url) as client:
        assert greeted(client) == {"type": "hello", "version": [1, 0], "document": {"name": "tiny"}, "training": False}
        header, colour = picture(client, id=1)
        assert header | {"ms": 0} == {
            "type": "frame", "id": 1, "step": 7, "width": 40, "height": 32, "state": "full", "full_width": 40,
            "full_height": 32, "ms": 0, "auto": None,
        }  # fmt: skip
        seen = render_view(model().renderer.eval(), pinhole(0.7, 40, 32), POSE)
        exact = 255 * np.clip(seen.radiance, 0, 1) ** (1 / 2.2)
        assert np.abs(colour - exact).mean() < 3  # a JPEG of quality 75
        _, opacity = picture(client, id=2, mode="opacity")
        assert np.abs(opacity - 255 * seen.opacity[..., None]).mean() < 3
        _, depth = picture(client, id=3, mode="depth")
        assert depth[0, 0].max() < 40 and depth[16, 20, 1] > depth[16, 20, 0]
        _, normal = picture(client, id=4, mode="normal")
        assert normal[16, 20, 0] > 200  # the ball in the middle faces the camera on +x
        _, both = picture(client, id=5, mode="opacity", wipe=Wipe("normal", 0.5))
        assert np.abs(both[:, :16] - opacity[:, :16]).mean() < 8 and np.abs(both[:, 24:] - normal[:, 24:]).mean() < 8
        _, cropped = picture(client, id=6, mode="opacity", crop=((-0.9, -0.9, -0.6), (0.9, 0.0, 0.6)))
        assert cropped[:, 24:].max() < opacity[:, 24:].max() or cropped.sum() < 0.8 * opacity.sum()
        client.send(Change(7, 0.0, 0.0, 24, 20))
        header, data = client.wait_for("change")
        assert header["id"] == 7 and len(data) == 2 * 24 * 20 and not np.frombuffer(data, "<i2").any()
        client.send(Change(8, 0.0, 1.0, 24, 20))
        _, data = client.wait_for("change", id=8)
        assert np.frombuffer(data, "<i2").any()


def test_automatic_brightness_makes_the_brightest_white_and_takes_the_exposure() -> None:
    with served() as url, connected(url) as client:
        header, auto = picture(client, id=1, tone=Tone("auto", (0.0,), (1.0,), 1.0))
        assert header["auto"] is not None
        again, darker = picture(client, id=2, tone=Tone("auto", (-1.0,), (1.0,), 1.0))
        assert again["auto"] == header["auto"]
        offset, scale = header["auto"]
        _, fixed = picture(client, id=3, tone=Tone("fixed", (offset,), (scale,), 1.0))
        assert (fixed == auto).all()
        covered = auto[..., 0] < 250
        assert auto.max() >= 245
        assert np.median(darker[covered] / np.maximum(auto[covered], 1)) == pytest.approx(np.exp(-1.0), abs=0.03)


def test_colours_of_a_field_with_three_channels() -> None:
    with served(Studio(model(3))) as url, connected(url) as client:
        _, shown = picture(client, id=1)
        assert np.abs(shown[..., 0] - shown[..., 2]).max() > 20


def test_a_crop_around_everything_changes_nothing_and_others_cut_exactly() -> None:
    renderer = model().renderer.eval()
    camera = pinhole(0.7, 20, 16)
    rays = Looking(renderer, camera, POSE)._rays(0, 320)
    plain = renderer(rays)
    whole = renderer(rays, crop=Box((-2, -2, -2), (2, 2, 2)))
    assert (whole.radiance - plain.radiance).abs().max() < 2e-3
    assert (whole.opacity - plain.opacity).abs().max() < 2e-3
    cut = renderer(rays, crop=(box := Box((-0.9, -0.9, -0.6), (0.1, 0.9, 0.6))))
    opacity, depth = cut.opacity, cut.depth
    near, far = box.intersect(rays)
    hit = opacity > 0.5
    assert hit.any() and bool(((depth >= near - 1e-4) & (depth <= far + 1e-4))[hit].all())
    assert renderer(rays, crop=Box((0.8, 0.8, 0.5), (0.9, 0.9, 0.6))).opacity.max() < 1e-3


def test_brightness_and_mode_need_no_new_rendering() -> None:
    with served() as url, connected(url) as client:
        picture(client, id=1)
        header, _ = picture(client, id=2, mode="depth", tone=Tone("fixed", (-1.0,), (1.0,), 1.0))
        assert header["ms"] == 0


def test_a_full_picture_is_left_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Big pictures, asked for one after the other: all but the last are left before they are complete."""
    finished: list[int] = []
    encode = Studio.encode
    monkeypatch.setattr(
        Studio, "encode", lambda self, job, *rest: (finished.append(job.request.id), encode(self, job, *rest))[1]
    )
    studio = Studio(model())
    for _ in range(8):  # as after a while: full pictures are known to be fast, so there is no preview
        studio.paces.full.note(4096, 1e-6)
    with served(studio) as url, connected(url) as client:
        for number in range(1, 9):
            client.send(view(number, width=512, height=384, moving=False))
            time.sleep(0.02)
        header, _ = client.wait_for("frame", id=8, state="full", timeout_s=60)
    assert header["full_width"] == 512
    assert len(finished) <= 3 and finished[-1] == 8


def test_a_picture_that_fails_is_told_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encode = Studio.encode

    def fails(self: Studio, job: Job, *rest: Any) -> bytes:
        if job.request.id == 1:
            raise ValueError("no picture\ntoday")
        return encode(self, job, *rest)

    monkeypatch.setattr(Studio, "encode", fails)
    with served() as url, connected(url) as client:
        client.send(view(1))
        header, _ = client.wait_for("error")
        assert header["text"] == "This image could not be rendered (no picture today)."
        picture(client, id=2)
    assert any("could not be rendered (no picture today)" in line for line in lines(caplog))


# ---- clients


def test_ten_clients_get_their_pictures_in_turn() -> None:
    with served() as url:
        clients = [connected(url) for _ in range(10)]
        open_ = [client.__enter__() for client in clients]
        try:
            for number, client in enumerate(open_):
                greeted(client)
                client.send(view(100 + number, moving=True))
            for number, client in enumerate(open_):
                header, _ = client.wait_for("frame", id=100 + number)
                assert header["id"] == 100 + number
        finally:
            for client in clients:
                client.__exit__(None, None, None)


def test_too_many_clients_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_CLIENTS", 1)
    with served() as url, connected(url) as first:
        greeted(first)
        with connected(url) as second:
            assert "which is the limit" in second.next()[0]["text"]
            with pytest.raises(ConnectionClosed):
                second.next()
        picture(first, id=1)


def test_rubbish_is_answered_and_in_the_end_shown_the_door(caplog: pytest.LogCaptureFixture) -> None:
    with served() as url, connected(url) as client, connected(url) as other:
        greeted(client)
        for _ in range(MOST_RUBBISH):
            client.send_raw("rubbish")
        texts = [client.next()[0]["text"] for _ in range(MOST_RUBBISH)]
        assert texts == ["The server received a message that is not JSON."] * MOST_RUBBISH
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        greeted(other)
        picture(other, id=1)  # the others notice nothing
    told = lines(caplog)
    assert len(told) == MOST_RUBBISH + 1 and "was disconnected after 20 invalid messages" in told[-1]
    assert all("\n" not in line for line in told)


def test_a_message_of_a_megabyte_closes_the_socket_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with served() as url:
        with connected(url) as client:
            greeted(client)
            client.send_raw("x" * 1_000_000)
            with pytest.raises(ConnectionClosed) as closed:
                client.next()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        with connected(url) as client:
            greeted(client)
            picture(client, id=1)
    assert [line for line in lines(caplog) if "64 KiB" in line] and len(lines(caplog)) == 1


def test_binary_rubbish_an_ack_for_nothing_and_training_where_there_is_none() -> None:
    with served() as url, connected(url) as client:
        greeted(client)
        client.send_raw(b"\x00\x01")
        assert "binary" in client.next()[0]["text"]
        client.send(Ack(99))
        client.send(Training("pause"))
        assert client.next()[0] == {"type": "error", "text": "No training is running here."}


def test_a_client_that_goes_in_the_middle_is_forgotten() -> None:
    studio = Studio(model())
    with served(studio) as url:
        for _ in range(3):
            with connected(url) as client:
                client.send(view(1, width=512, height=512))
        deadline = time.monotonic() + 5
        while studio.clients and time.monotonic() < deadline:
            time.sleep(0.01)
        assert studio.clients == 0


# ---- who may come in


def test_other_pages_other_versions_and_wrong_tokens_stay_outside(caplog: pytest.LogCaptureFixture) -> None:
    with served(token="a-long-token") as url:
        plain = url.split("?")[0]
        for address, options in (
            (plain, {}),
            (plain + "?token=wrong", {}),
            (url, {"origin": "http://evil.example"}),
        ):
            with pytest.raises(InvalidStatus), connected(address, **options):
                pass
        assert len(lines(caplog)) == 3
        with connected(url, subprotocols=["efields.v9"]) as client:
            assert client.next()[0]["text"] == "This server uses protocol efields.v1; reload the page."
        with connected(url, origin="http://localhost:5173") as client:
            greeted(client)


def test_page_scene_and_blobs_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = Offer({"name": "tiny", "volume": None}, {"events-0.bin": b"packed"})
    with served(offer=offer, token="a-long-token") as url:
        base, query = url.split("?")
        with urllib.request.urlopen(url) as page:
            assert (
                page.headers["Cache-Control"] == "no-store" and "script-src" in page.headers["Content-Security-Policy"]
            )
            page.read()
        with urllib.request.urlopen(f"{base}scene.json?{query}") as scene:
            assert json.load(scene) == {"name": "tiny", "volume": None}
        with urllib.request.urlopen(f"{base}blob/events-0.bin?{query}") as blob:
            assert blob.read() == b"packed"
        for path, code in (
            (f"blob/nothing.bin?{query}", 404), (f"blob/..%2f..%2fx?{query}", 404), ("", 403), ("scene.json", 403),
            ("blob/events-0.bin", 403),
        ):  # fmt: skip
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(base + path)
            assert refused.value.code == code


@pytest.fixture(autouse=True)
def _hear(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="efields.server")
    logging.getLogger("efields").propagate = True
