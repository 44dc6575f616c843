"""Whole columns of an HDF5 file, with one clear error when it is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.hdf5.file import opened_hdf5


def read_h5(path: Path, names: tuple[str, ...], group: str = "") -> dict[str, np.ndarray]:
    """The named datasets of a file, from `group` where it is there, else from the top; all plain numbers.

    Raises `InputError` when the file is missing, damaged or not HDF5, or lacks a dataset (it lists what is there).
    """
    import h5py

    with opened_hdf5(path) as file:
        place = file[group] if group and group in file else file
        columns = {}
        for name in names:
            held = place.get(name) if isinstance(place, h5py.Group) else None
            if not isinstance(held, h5py.Dataset) or held.dtype.kind not in "iufb":
                raise InputError(f"lacks the numbers '{name}'", path, f"it contains {', '.join(file)[:200]}")
            if held.size * held.dtype.itemsize > 1000 * path.stat().st_size:  # what no filter packs that tightly
                raise InputError(f"claims {held.size:,} values in '{name}'", path, "copy or write it again")
            columns[name] = np.asarray(held[()])
        return columns
