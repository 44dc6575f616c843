"""The web server on a port of its own, in a thread of its own."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from efields.errors import InputError
from efields.server.access import Access
from efields.server.protocol import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from starlette.applications import Starlette

PORT = 7007
"""Where the viewer listens unless told otherwise."""
TRIES = 50
"""Ports that are tried, one after the other."""


@dataclass(frozen=True)
class Address:
    """Where the server can be reached."""

    host: str
    """Host name or address that it listens on."""
    port: int
    """Port that it got."""
    wanted: int
    """Port that was asked for."""
    token: str | None = None
    """Token required in the address."""

    @property
    def url(self) -> str:
        """The page."""
        everywhere = self.host in ("0.0.0.0", "::", "")
        name = "THIS-MACHINE" if everywhere else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}/{self.query}"

    @property
    def query(self) -> str:
        """What follows the page's path."""
        return f"?token={quote(self.token, safe='')}" if self.token else ""

    @property
    def tunnel(self) -> str:
        """The command that brings the page to another machine."""
        return f"ssh -L {self.port}:127.0.0.1:{self.port} USER@THIS-MACHINE"

    def lines(self) -> Iterator[str]:
        """Where the page is, in lines to read."""
        if self.wanted and self.port != self.wanted:
            yield f"port {self.wanted} is taken: using {self.port}"
        yield f"viewer:  {self.url}"
        yield f"from another machine:  {self.tunnel}   then open http://localhost:{self.port}/{self.query}"


def bound(host: str, port: int) -> tuple[socket.socket, int]:
    """A listening socket on `port`, or on the next free one; raises `InputError` where there is none."""
    last = port if port == 0 else min(65535, port + TRIES)
    for candidate in range(port, last + 1):
        listener = None
        try:
            family, kind, number, _, address = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
            listener = socket.socket(family, kind, number)
            if sys.platform != "win32":  # there it would let two servers have one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)
            return listener, listener.getsockname()[1]
        except OSError as error:
            if listener is not None:
                listener.close()
            if isinstance(error, socket.gaierror) or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                line = error.strerror or error
                raise InputError(f"cannot listen on {host} ({line})", do="use --host 127.0.0.1") from None
    raise InputError(f"none of the ports {port} to {last} is free", do="give another --port, or 0 for any free one")


def check_listening() -> None:
    """Raise `InputError` for what could not be served, before any long work."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401  # uvicorn would come up without it, and refuse every socket
        from PIL import Image  # noqa: F401
    except ImportError:
        raise InputError("the web server is not installed", do='pip install "efields[viewer]"') from None


@contextlib.contextmanager
def listening(app: Starlette, host: str, port: int, access: Access) -> Iterator[Address]:
    """Serve `app` while the block runs.

    Raises `InputError` where no port is free, or the web server is not installed.
    """
    check_listening()
    import uvicorn

    listener, got = bound(host, port)
    config = uvicorn.Config(
        app, log_config=None, log_level="critical", access_log=False, lifespan="off", server_header=False,
        ws_max_size=MAX_MESSAGE_BYTES, ws_per_message_deflate=False, timeout_graceful_shutdown=1, proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="efields-server", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        if not server.started:
            raise InputError(f"the web server could not start on {host}:{got}", do="give another --port")
        yield Address(host, got, port, access.token)
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()
