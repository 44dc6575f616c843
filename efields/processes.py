"""Other processes: which of them wrote something, whether it is still running, and how to start our own."""

from __future__ import annotations

import os
import platform
import sys
import zlib
from pathlib import Path

WITHOUT_FOLDER = "import sys; sys.path[:] = filter(None, sys.path); "
"""How a program for `python -c` begins: it imports nothing from the folder that the user is in, which data may fill."""
WRITER = r"[0-9a-f]{8}-\d+-\d+"
"""A regular expression of what `writer` gives."""


def writer(pid: int | None = None) -> str:
    """This process (or another of this machine) in a word that may stand in a file's name: machine, number, start."""
    number = os.getpid() if pid is None else pid
    return f"{_machine()}-{number}-{_started(number)}"


def gone(word: str) -> bool:
    """Whether the process that gave this word by `writer` has ended; False for another machine's: nobody knows."""
    machine, pid, _ = word.split("-")
    return machine == _machine() and (not lives(int(pid)) or writer(int(pid)) != word)


def lives(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    if sys.platform == "win32":  # there, os.kill would end it
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x00100000, False, pid)  # SYNCHRONIZE
        running = bool(handle) and ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == 0x102  # WAIT_TIMEOUT
        ctypes.windll.kernel32.CloseHandle(handle)
        return running
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _started(pid: int) -> int:
    """When it started, in the system's ticks: numbers of processes are used again. 0 where the system does not tell."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(facts.rpartition(")")[2].split()[19])  # behind its name, which may hold anything
    except (OSError, ValueError, IndexError):
        return 0
