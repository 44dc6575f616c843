"""Time on the server: pictures of a field that moves at the time asked for, and none anew of one that stands still."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from efields.export.document import background_of, look_around
from efields.server.looking import Looking, pinhole
from efields.server.protocol import CHANGE_SCALE, Ack, Change, unpacked
from efields.server.studio import Studio
from tests import moving
from tests.server import small


class Page:
    """A client without a socket."""

    def __init__(self, model: Any) -> None:
        self.sent: list[Any] = []
        self.studio = Studio(model)
        self.session = self.studio.join("a page", self.sent.append)

    def answer(self, message: Any) -> tuple[dict[str, Any], bytes]:
        """The last thing that comes back for a message."""
        self.session.receive(message, 0.0)
        while self.studio.advance():
            if self.sent:
                self.session.receive(Ack(unpacked(self.sent[-1])[0]["id"]), 0.0)
        return unpacked(self.sent[-1])

    def opacity(self, number: int, t_s: float | None) -> tuple[dict[str, Any], np.ndarray]:
        header, jpeg = self.answer(small.view(number, t_s=t_s, mode="opacity"))
        assert header["id"] == number and header["state"] == "full"
        return header, np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).astype(float)


def test_two_times_are_two_pictures() -> None:
    page = Page(moving.model())
    places = [moving.middle_column(page.opacity(number, t_s)[1]) for number, t_s in ((1, 0.0), (2, 0.5), (3, 1.0))]
    assert places[0] < 0.4 < places[1] < 0.6 < places[2]
    header, _ = page.opacity(4, 1.0)
    assert header["ms"] == 0  # the same time again


def test_a_field_that_stands_still_is_not_rendered_anew() -> None:
    page = Page(small.model())
    first, before = page.opacity(1, 0.0)
    second, after = page.opacity(2, 0.7)
    assert first["ms"] > 0 and second["ms"] == 0
    np.testing.assert_array_equal(before, after)


def test_a_change_compares_the_field_at_both_times() -> None:
    model = moving.model()
    _, data = Page(model).answer(Change(1, 0.2, 0.8, 24, 20))
    change = CHANGE_SCALE * np.frombuffer(data, "<i2").reshape(20, 24)
    behind = float(np.log(background_of(model)(np.eye(3)[:1])[0, 0]))
    darker = np.log(moving.RADIANCE) - behind
    # The ball has left the left half and has come to the right one.
    assert change[:, :12].max() == pytest.approx(-darker, abs=0.1)
    assert change[:, 12:].min() == pytest.approx(darker, abs=0.1)


def test_normals_are_those_of_the_time() -> None:
    model = moving.model()
    looking = Looking(model.renderer, pinhole(0.7, 40, 32), moving.POSE, normals=True, t_s=1.0)
    while not looking.done:
        looking.advance(4096)
    layers = looking.layers()
    assert layers.normal is not None
    hit = layers.opacity > 0.9
    rays = looking._rays(0, looking.rays)
    surface = (rays.origin + torch.from_numpy(layers.depth.reshape(-1, 1)) * rays.direction).numpy()[hit.ravel()]
    outward = surface - np.array([0.0, moving.START_Y + moving.SPEED, 0.0])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    assert hit.sum() > 30 and (layers.normal[hit] * outward).sum(axis=1).min() > 0.98


def test_what_is_framed_is_where_the_ball_is_at_each_time() -> None:
    points = look_around(moving.model()).points
    assert np.ptp(points[:, 1]) > moving.SPEED
