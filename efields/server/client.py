"""A client without a page, for tests and `efields bench view`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from efields.server.listening import check_listening
from efields.server.protocol import SUBPROTOCOL, Ack, text_of, unpacked


class Client:
    """One socket; messages are read in the order in which they come."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    def send(self, message: Any) -> None:
        """Send a message of the protocol."""
        self._socket.send(text_of(message))

    def send_raw(self, data: str | bytes) -> None:
        """Send anything."""
        self._socket.send(data)

    def next(self, timeout_s: float = 30.0) -> tuple[dict[str, Any], bytes]:
        """The next message: a text message, or header and payload of a binary one."""
        data = self._socket.recv(timeout=timeout_s)
        return (json.loads(data), b"") if isinstance(data, str) else unpacked(data)

    def wait_for(self, kind: str, timeout_s: float = 30.0, **having: Any) -> tuple[dict[str, Any], bytes]:
        """The next message of this type with these values; others are passed over, frames shown."""
        while True:
            header, payload = self.next(timeout_s)
            if header["type"] == "frame":
                self.send(Ack(header["id"]))
            if header["type"] == kind and all(header[key] == value for key, value in having.items()):
                return header, payload


@contextlib.contextmanager
def connected(url: str, **options: Any) -> Iterator[Client]:
    """A client of the page at `url`; `options` go to websockets' `connect`. The first message is still to be read."""
    check_listening()
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    page, _, query = url.partition("?")
    address = page.rstrip("/").replace("http", "ws", 1) + "/ws" + (f"?{query}" if query else "")
    options = {"subprotocols": [Subprotocol(SUBPROTOCOL)], "max_size": None, "compression": None, **options}
    with connect(address, **options) as socket:
        yield Client(socket)
