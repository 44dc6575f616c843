"""HDF5 files of unknown origin are walked through by a helper process first, which a damaged file may keep or crash."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from efields.errors import InputError
from efields.processes import WITHOUT_FOLDER

SECONDS = 3.0
"""Time for the structure of a file."""
SECONDS_PER_GB = 3.0
"""Time more for each gigabyte of it, whose index of blocks is longer."""
_REMEMBERED = 64
"""Files whose findings are kept."""


@dataclass(frozen=True)
class Probed:
    """What the helper found out about one file."""

    outside: tuple[str, ...] = ()
    """Names of datasets and links that lie in other files."""
    attributes: bool = True
    """Whether the values of all attributes could be read without looping or crashing."""


class Helper:
    """One helper process, started when it is first asked and again after it was lost."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()
        self._found: dict[tuple[str, int, int], Probed | None] = {}

    def probe(self, path: Path) -> Probed:
        """What is found by walking through a file. Raises `InputError` where that does not end, or crashes."""
        state = path.stat()
        key = str(path.resolve()), state.st_size, state.st_mtime_ns
        with self._lock:
            if key not in self._found:
                while len(self._found) >= _REMEMBERED:
                    del self._found[next(iter(self._found))]
                self._found[key] = self._asked(key[0], SECONDS + SECONDS_PER_GB * state.st_size / 1e9)
            found = self._found[key]
        if found is None:
            what = "its structure is damaged: reading it does not end, or crashes the HDF5 library"
            raise InputError(what, path, "copy the file again")
        return found

    def _asked(self, path: str, seconds: float) -> Probed | None:
        """The answer of the helper; None where the structure was its end."""
        process = self._running(path)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([path, seconds]) + "\n")
            process.stdin.flush()
            structure, attributes = process.stdout.readline(), process.stdout.readline()
        except BaseException as error:  # interrupted, or the pipe broke: its state is not known
            self.close()
            if not isinstance(error, OSError):
                raise
            return None
        if not attributes:
            self.close()
        return Probed(tuple(json.loads(structure)["outside"]), bool(attributes)) if structure else None

    def _running(self, path: str) -> subprocess.Popen[str]:
        """The process, of this process's own: one that was forked off shares no pipe with its parent."""
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            script = str(Path(__file__).with_name("probe.py"))
            start = f"{WITHOUT_FOLDER}import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
            self._process = subprocess.Popen(
                [sys.executable, "-c", start, script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
            self._owner = os.getpid()
            assert self._process.stdout is not None
            if not self._process.stdout.readline():
                self.close()
                what = "the helper process that checks HDF5 files cannot be started"
                raise InputError(f"cannot be opened: {what}", path, "check that python can import h5py and hdf5plugin")
        return self._process

    def close(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]


_helper = Helper()
atexit.register(_helper.close)


def probed(path: Path) -> Probed:
    """What the helper finds out about an HDF5 file. Raises `InputError` where the file is its end."""
    return _helper.probe(path)
