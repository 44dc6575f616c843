"""Servers in processes of their own: `efields view` of a run, and plain files over http."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

EFIELDS = (sys.executable, "-m", "efields")
START_S = 60


class Server:
    """`efields view RUN`, from entering the context until `stop` or its end; `start` begins again on the same port."""

    def __init__(self, run: Path, command: Sequence[str] = EFIELDS, folder: Path | None = None) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self._command = [*command, "view", str(run.resolve()), "--port", str(self.port), "--no-open"]
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until it answers."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.address, timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"efields view does not answer: {self.stop()}")

    def stop(self) -> str:
        """Kill it, as a crash would; what it had said."""
        if self._process is None:
            return ""
        self._process.kill()
        said = self._process.communicate()[0]
        self._process = None
        return said


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def files_over_http(folder: Path) -> Iterator[str]:
    """The address of a folder that is served as `python -m http.server` does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
