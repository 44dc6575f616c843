"""What a helper process does to an HDF5 file before anybody else opens it; it imports nothing of efields.

libhdf5 follows whatever a damaged file says, and may loop without end or crash. The helper reads one path a line from
its input, walks through that file, and writes a line of JSON when it is ready, and after each of two stages: the
structure (objects, links, the index of blocks), then the values of all attributes. Where it takes longer than it may,
it ends itself.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
from typing import Any

OBJECTS = 10_000
"""Objects looked at: no recording has as many."""
ATTRIBUTE_BYTES = 1 << 20
"""Bytes of the largest attribute that is read."""


def main() -> None:
    """Probe the files whose names come in, `[path, seconds]` as JSON a line, until the input ends."""
    import hdf5plugin  # noqa: F401  (registers the filters that files are compressed with)

    _say({})  # it is ready
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # the tracebacks of those that took too long
        for line in sys.stdin:
            path, seconds = json.loads(line)
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            objects, outside = _structure(path)
            _say({"outside": outside})
            _read_attributes(objects)
            _say({})
            faulthandler.cancel_dump_traceback_later()


def _say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def _structure(path: str) -> tuple[list[Any], list[str]]:
    """All objects of a file that can be opened, each once, and the names of what lies in other files."""
    from h5py import Dataset, ExternalLink, File, HardLink, h5o  # type: ignore[attr-defined]

    found: list[Any] = []
    outside: list[str] = []
    with contextlib.suppress(Exception):  # what is damaged is found again, and told, where the file is read
        found.append(File(path, "r", locking=False))
    seen: set[int] = set()
    for item in found:  # which grows meanwhile
        if isinstance(item, Dataset):
            if item.is_virtual or item.external:
                outside.append(str(item.name).strip("/"))
            elif item.chunks is not None:
                with contextlib.suppress(Exception):
                    item.id.get_num_chunks()
            continue
        with contextlib.suppress(Exception):
            for name in item:
                link = item.get(name, getlink=True)
                if isinstance(link, ExternalLink):
                    outside.append(f"{item.name}/{name}".strip("/"))
                elif isinstance(link, HardLink) and len(found) < OBJECTS:
                    with contextlib.suppress(Exception):
                        inner = item[name]
                        address = h5o.get_info(inner.id).addr
                        if address not in seen:
                            seen.add(address)
                            found.append(inner)
    return found, outside


def _read_attributes(objects: list[Any]) -> None:
    for item in objects:
        with contextlib.suppress(Exception):
            for name in item.attrs:
                with contextlib.suppress(Exception):
                    if item.attrs.get_id(name).get_storage_size() <= ATTRIBUTE_BYTES:
                        item.attrs[name]
    if objects:
        with contextlib.suppress(Exception):
            objects[0].close()


if __name__ == "__main__":
    main()
