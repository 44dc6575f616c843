"""ROS 2 bags: a folder with `metadata.yaml` and SQLite (.db3) or MCAP files, or one such file itself.

The container is read by rosbags; what it raises for damage, of many types, becomes one line. A damaged MCAP file can be
read no further than rosbags can; of a damaged SQLite file, all messages before the damage.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields.errors import InputError
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes
from efields.formats.places import named_file
from efields.formats.rosbag.bag import Message, Topic
from efields.formats.yaml import read_yaml

SQLITE = b"SQLite format 3\0"
MCAP = b"\x89MCAP0\r\n"


def storage_files(folder: Path) -> list[Path]:
    """The files of a folder that begin like a bag's, by name."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in (".db3", ".mcap"))
    except OSError:
        return []
    return [file for file in files if is_storage(first_bytes(file, 16))]


def is_storage(head: bytes) -> bool:
    """Whether these first bytes are those of a SQLite or an MCAP file."""
    return head[:16] == SQLITE or head[:8] == MCAP


class Ros2Bag:
    """One bag, opened: its topics are known."""

    ros1 = False

    def __init__(self, path: Path, salvage: bool = False, outside: bool = False) -> None:
        """Read what topics there are. Raises `InputError` when the container cannot be opened, and for files outside of
        the folder unless `outside`.
        """
        self.path = path
        self._files = [path]
        if path.is_dir() and (salvage or not (path / "metadata.yaml").is_file() or _names_no_storage(path)):
            self._files = storage_files(path) or [path]  # whatever the metadata say
        if self._files == [path] and path.is_dir() and not (path / "metadata.yaml").is_file():
            raise InputError("contains no .db3 and no .mcap file", path, "copy the complete recording again")
        if self._files == [path] and path.is_dir() and not outside:
            _refuse_outside(path)
        found: dict[tuple[str, str], int] = {}
        for file in self._files:
            with _opened(file) as reader:
                for connection in reader.connections:
                    key = str(connection.topic), str(connection.msgtype)
                    found[key] = found.get(key, 0) + int(connection.msgcount)
        self._counts = {name: count for (name, _), count in found.items()}
        self.topics = tuple(Topic(*key) for key in found)
        kinds = {"MCAP" if first_bytes(file, 8) == MCAP else "SQLite" for file in self._storages()}
        self.format = f"ROS 2 bag ({' and '.join(sorted(kinds)) or 'compressed'})"

    def _storages(self) -> list[Path]:
        return storage_files(self.path) if self.path.is_dir() else [self.path]

    def messages(self, topics: frozenset[str], damages: Damages) -> Iterator[Message]:
        """Messages of these topics in order of time."""
        for storage in self._storages():
            missing = _missing_bytes(storage)
            if missing:
                damages.found("the file ends before its last page", byte=storage.stat().st_size, lost_bytes=missing)
        read = 0
        for file in self._files:
            try:
                with _opened(file) as reader:
                    chosen = [connection for connection in reader.connections if connection.topic in topics]
                    for connection, _, data in reader.messages(chosen) if chosen else ():
                        read += 1
                        topic = Topic(str(connection.topic), str(connection.msgtype))
                        yield Message(topic, np.frombuffer(data, dtype=np.uint8), None)
            except InputError as error:
                if error.where is not None and error.where != file:
                    raise  # not of the container
                damages.found(error.what)
        expected = sum(self._counts[name] for name in topics)
        if read < expected:
            damages.found(f"contains fewer messages than it states ({read:,} of {expected:,})")


def _names_no_storage(folder: Path) -> bool:
    """Whether the metadata of a folder leave out the kind of its files, which are all there and tell it themselves."""
    try:
        text = (folder / "metadata.yaml").read_text(encoding="utf-8", errors="replace")[: 1 << 20]
    except OSError:
        return False
    listed = re.search(r"^ *relative_file_paths:\s*\n((?:\s*- .*\n?)+)", text, re.MULTILINE)
    names = re.findall(r"- *[\"']?([^\"'\n]+?)[\"']?\s*$", listed[1], re.MULTILINE) if listed else []
    there = {file.name for file in storage_files(folder)}
    return (
        not re.search(r"^ *storage_identifier: *[\"']?\w", text, re.MULTILINE)
        and len(names) > 0
        and there >= set(names)
    )


def _refuse_outside(folder: Path) -> None:
    """Raise `InputError` where the metadata name a storage file outside the folder."""
    info = read_yaml(folder / "metadata.yaml").get("rosbag2_bagfile_information")
    names = info.get("relative_file_paths") if isinstance(info, dict) else None
    for name in names if isinstance(names, list) else ():
        named_file(folder, str(name), "storage file", find=lambda path: path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A reader of rosbags; everything it raises becomes one `InputError`."""
    from rosbags.rosbag2 import Reader
    from rosbags.rosbag2.storage_mcap import McapReader
    from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

    try:
        head = first_bytes(path, 16)
        reader: Any = Reader(path) if path.is_dir() else (McapReader if head[:8] == MCAP else Sqlite3Reader)(path)
        reader.open()
        try:
            yield reader
        finally:
            reader.close()
    except (InputError, GeneratorExit, KeyboardInterrupt):
        raise
    except (Exception, MemoryError) as error:
        reason = f"{type(error).__name__}: {error}".replace(str(path), path.name)
        raise InputError(f"is damaged, or not a ROS 2 bag ({reason})", path, "copy the bag again") from None


def _missing_bytes(path: Path) -> int:
    """Bytes by which a SQLite file is shorter than its header says; 0 for others."""
    head = first_bytes(path, 32)
    if head[:16] != SQLITE or head[24:28] == b"\0\0\0\0":
        return 0
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    return max(0, (65536 if page == 1 else page) * pages - path.stat().st_size)
