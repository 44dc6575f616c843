"""A NumPy archive (.npz): x, y (uint16), t (int64, microseconds), p (bool), width and height.

Columns are written to files of their own first and then copied into the archive, so that memory stays constant. Nothing
is compressed: NumPy reads such members fastest.
"""

from __future__ import annotations

import contextlib
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efields.atomic import folder_beside, replacing
from efields.events.columns import EventColumns
from efields.formats.about import About

SUFFIX = ".npz"
STORES_SIZE = True

_COLUMNS = {"x": "<u2", "y": "<u2", "t": "<i8", "p": "|b1"}


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write the events; gives their number. Raises `InputError` for a place that cannot be written.

    Frames and IMU samples are left out.
    """
    count = 0
    with replacing(path) as temporary, folder_beside(path) as folder:
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context((folder / name).open("wb")) for name in _COLUMNS]
            for chunk in events:
                for file, column, dtype in zip(files, chunk, _COLUMNS.values(), strict=True):
                    file.write(np.ascontiguousarray(column, dtype=dtype).data)
                count += chunk.count
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, dtype in _COLUMNS.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, (folder / name).open("rb") as file:
                    header = {"descr": dtype, "fortran_order": False, "shape": (count,)}
                    np.lib.format.write_array_header_1_0(member, header)
                    shutil.copyfileobj(file, member, 1 << 20)
            for name, value in (("width", about.width), ("height", about.height)):
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.array(value), allow_pickle=False)
    return count
