"""Files, whole or none: what killed writers leave behind, names that are taken, a lock that ends with its holder."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from efields import atomic, locks, processes
from efields.errors import InputError
from efields.events.scratch import Scratch


def killed(code: str, at: Path) -> None:
    """Run Python in `at` until it says so, then kill it, as the system or a power cut does."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code) + "\nprint(flush=True)\nimport time\ntime.sleep(60)"],
        cwd=at,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(atomic.__file__).parents[1])},
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.kill()
    child.wait()


def test_what_killed_writers_left_goes_and_what_others_write_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("whole")
    killed(
        """
        from pathlib import Path
        from efields import atomic
        writers = [atomic.replacing(name) for name in ("file", "folder")]
        for writer in writers:
            writer.__enter__().mkdir()
        Path("folder").rename(atomic._sibling(Path("folder"), "old"))  # as between the two renames
        """,
        tmp_path,
    )
    mine = tmp_path / ".notes.part"
    mine.write_text("not of efields")
    assert len(list(tmp_path.iterdir())) == 4 and not (tmp_path / "folder").exists()
    with atomic.replacing(tmp_path / "other") as living:
        living.write_text("x")
        atomic.write_text(tmp_path / "third", "y")
        assert living.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".notes.part", "folder", "other", "third"]
    assert (tmp_path / "folder" / "old").read_text() == "whole"


def test_scratch_of_a_killed_process_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path))
    killed("from efields.events.scratch import Scratch\nscratch = Scratch()", tmp_path)
    (left,) = tmp_path.iterdir()
    (tmp_path / "scratch-of-mine").mkdir()
    first, second = Scratch(), Scratch()
    assert not left.exists() and (tmp_path / "scratch-of-mine").exists()
    assert len(list(tmp_path.iterdir())) == 3 and first is not second


def test_a_file_reaches_the_disk_before_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def noted(handle: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), rename(a, b)))
    atomic.write_text(tmp_path / "file", "x")
    if sys.platform == "linux":
        assert done == ["file", "rename", "folder"]


def test_two_processes_never_claim_the_same_name(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        names = pool.map(_claim, [(str(tmp_path / "film.mp4"), False)] * 20 + [(str(tmp_path / "a.flow"), True)] * 20)
    files, folders = names[:20], names[20:]
    assert sorted(files) == sorted(["film.mp4", *(f"film-{number}.mp4" for number in range(2, 21))])
    assert sorted(folders) == sorted(["a.flow", *(f"a.flow-{number}" for number in range(2, 21))])


def _claim(job: tuple[str, bool]) -> str:
    with atomic.next_free(job[0], folder=job[1]) as path:
        return path.name


def test_a_claim_that_nothing_was_written_to_goes_with_the_failure(tmp_path: Path) -> None:
    for folder in (True, False):
        with pytest.raises(KeyboardInterrupt), atomic.next_free(tmp_path / "runs" / "out.mp4", folder=folder):
            raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_refused_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="exists already; replace it with --overwrite, or give another name"):
        atomic.refuse_existing(tmp_path / "file", overwrite=False)
    with pytest.raises(InputError, match="--overwrite"):
        atomic.refuse_existing(tmp_path, overwrite=False)
    (tmp_path / "empty").mkdir()
    for path in ("new", "empty"):
        atomic.refuse_existing(tmp_path / path, overwrite=False)
    atomic.refuse_existing(tmp_path, overwrite=True, marks=("scene.json", "file"))
    with pytest.raises(InputError, match="this command did not write it"):
        atomic.refuse_existing(tmp_path, overwrite=True, marks=("scene.json",))
    with pytest.raises(InputError, match="is a file"):
        atomic.refuse_existing(tmp_path / "file" / "deep" / "new", overwrite=True)


def test_a_lock_is_refused_with_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run" / ".lock"
    with locks.held(path, "is being trained", "wait"):
        said = rf"is being trained by process {os.getpid()} since \d+-.*; wait"
        with pytest.raises(locks.Busy, match=said), locks.held(path, "is being trained", "wait"):
            pass
        assert path.exists()
    assert list(tmp_path.iterdir()) == []
    killed(
        """
        from pathlib import Path
        from efields import locks
        lock = locks.held(Path("lock"), "is being trained", "wait")
        lock.__enter__()
        """,
        tmp_path,
    )
    assert (tmp_path / "lock").exists()
    with locks.held(tmp_path / "lock", "is being trained", "wait"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_process_is_known_by_more_than_its_number() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    word = processes.writer(child.pid)
    assert not processes.gone(word) and not processes.gone(processes.writer())
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert processes.gone(word)
    machine, pid, started = processes.writer().split("-")
    if started != "0":
        assert processes.gone(f"{machine}-{pid}-{int(started) - 1}")
    assert not processes.gone(f"00000000-{2**22 - 1}-1")  # another machine's, which nobody here can know
