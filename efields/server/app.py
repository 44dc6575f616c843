"""Page, scene, blobs and socket, on one port."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from efields.server import protocol
from efields.server.access import Access
from efields.server.listening import check_listening
from efields.server.live_page import headers, live_page, refusal_page
from efields.server.protocol import Error, Hello, Training, text_of
from efields.server.reading import Wrong, read_message
from efields.server.session import Session
from efields.server.studio import Studio

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

_log = logging.getLogger(__name__)

MOST_CLIENTS = 32
"""Pages that may be connected at once."""
MOST_RUBBISH = 20
"""Invalid messages after which a client is disconnected."""
MOST_WAITING = 2000
"""Messages that may wait for a client that does not receive them."""
UNKNOWN_VERSION, POLICY_VIOLATION, TOO_BIG, TRY_LATER = 1002, 1008, 1009, 1013


@dataclass
class Offer:
    """What the server gives to its clients."""

    document: dict[str, Any]
    """The scene document, its volume null."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """zlib streams that the document names."""
    training: bool = False
    """Whether the field is being trained."""
    history: Callable[[], list[str]] = list
    """Text messages that a client gets after `hello`."""
    on_training: Callable[[str], None] | None = None
    """Takes "pause" and "resume"."""


def build_app(studio: Studio, offer: Offer, access: Access) -> Starlette:
    """The application; raises `InputError` where the web server is not installed."""
    check_listening()
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route, WebSocketRoute

    async def page(request: Request) -> Response:
        refused = refusal(request, access)
        if refused is not None:
            return HTMLResponse(refusal_page(refused), 403)
        content = await asyncio.to_thread(live_page)
        return HTMLResponse(content, headers=headers(content, request.headers.get("host", "")))

    async def scene(request: Request) -> Response:
        refused = refusal(request, access)
        if refused is not None:
            return PlainTextResponse(refused, 403)
        return JSONResponse(offer.document, headers={"Cache-Control": "no-store"})

    async def blob(request: Request) -> Response:
        refused = refusal(request, access)
        if refused is not None:
            return PlainTextResponse(refused, 403)
        data = offer.blobs.get(request.path_params["name"])
        if data is None:
            return PlainTextResponse("there is no such blob", 404)
        return Response(data, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    async def socket(websocket: WebSocket) -> None:
        await Visit(websocket, studio, offer).run(refusal(websocket, access))

    routes = [
        Route("/", page), Route("/scene.json", scene), Route("/blob/{name}", blob), WebSocketRoute("/ws", socket),
    ]  # fmt: skip
    return Starlette(routes=routes)


def refusal(request: HTTPConnection, access: Access) -> str | None:
    """Why a request is refused."""
    told = request.headers
    return access.refuses(told.get("host", ""), told.get("origin"), request.query_params.get("token"))


class Visit:
    """One socket, from its first message to its last."""

    def __init__(self, websocket: WebSocket, studio: Studio, offer: Offer) -> None:
        self._socket, self._studio, self._offer = websocket, studio, offer
        client = websocket.client
        self._name = "a client" if client is None else f"the client {client.host}:{client.port}"
        self._outbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    async def run(self, refused: str | None) -> None:
        """Serve the client until it leaves or is disconnected."""
        if refused is not None:
            _log.warning("%s was refused: %s", self._name, refused)
            await self._socket.close(POLICY_VIOLATION)  # before it is accepted: the browser sees a failed connection
            return
        if protocol.SUBPROTOCOL not in self._socket.scope["subprotocols"]:
            await self._socket.accept()
            await self._part(UNKNOWN_VERSION, f"This server uses protocol {protocol.SUBPROTOCOL}; reload the page.")
            return
        await self._socket.accept(subprotocol=protocol.SUBPROTOCOL)
        if self._studio.clients >= MOST_CLIENTS:
            await self._part(TRY_LATER, f"{MOST_CLIENTS} pages are connected, which is the limit; close one of them.")
            return
        session = self._studio.join(self._name, self._send, self._greeting)
        writer = asyncio.create_task(self._write())
        try:
            await self._read(session)
        finally:
            self._studio.leave(session)
            self._loop.call_soon(self._outbox.put_nowait, None)  # after what is on its way
            await asyncio.gather(writer, return_exceptions=True)

    def _greeting(self) -> list[str]:
        hello = Hello(protocol.VERSION, self._offer.document, self._offer.training)
        return [text_of(hello), *self._offer.history()]

    async def _read(self, session: Session) -> None:
        try:
            while True:
                received = await self._socket.receive()
                if received["type"] == "websocket.disconnect":
                    if received.get("code") == TOO_BIG:
                        _log.warning("%s sent a message above %d KiB", self._name, protocol.MAX_MESSAGE_BYTES // 1024)
                    return
                text = received.get("text")
                message = read_message(received["bytes"] if text is None else text)
                if isinstance(message, Wrong):
                    if self._complain(session, message):
                        return
                elif isinstance(message, Training):
                    self._train(message)
                else:
                    session.receive(message, time.perf_counter())
                    self._studio.wake()
        except _gone():  # it went in the middle of something
            return

    def _complain(self, session: Session, wrong: Wrong) -> bool:
        """Say what is wrong, here and there; True when the client has to go."""
        session.rubbish += 1
        _log.warning("%s sent %s", self._name, wrong.text)
        self._send(text_of(Error(f"The server received {wrong.text}.")))
        if session.rubbish < MOST_RUBBISH:
            return False
        _log.warning("%s was disconnected after %d invalid messages", self._name, session.rubbish)
        self._closing = POLICY_VIOLATION
        return True

    _closing: int | None = None

    def _train(self, message: Training) -> None:
        if self._offer.on_training is None:
            self._send(text_of(Error("No training is running here.")))
        else:
            self._offer.on_training(message.action)
            self._studio.wake()

    def _send(self, message: str | bytes) -> None:
        """Queue a message for sending, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._put, message)
        except RuntimeError:  # the server has stopped
            return

    def _put(self, message: str | bytes) -> None:
        if self._outbox.qsize() < MOST_WAITING:
            self._outbox.put_nowait(message)

    async def _write(self) -> None:
        """Send what is queued; at the end of the session, close the socket."""
        try:
            while (message := await self._outbox.get()) is not None:
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(message)
            if self._closing is not None:
                await self._socket.close(self._closing, "too many invalid messages")
        except _gone():
            return

    async def _part(self, code: int, text: str) -> None:
        _log.warning("%s was refused: %s", self._name, text)
        await self._socket.send_text(text_of(Error(text)))
        await self._socket.close(code, text[:120])


def _gone() -> tuple[type[Exception], ...]:
    """Exceptions raised when a client has left."""
    from starlette.websockets import WebSocketDisconnect

    return WebSocketDisconnect, RuntimeError
