"""Whole columns of an HDF5 file, with one clear error when it is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from efields.errors import InputError


def read_h5(path: Path, names: tuple[str, ...], group: str = "") -> dict[str, np.ndarray]:
    """The named datasets of a file, from `group` where it is there, else from the top; all plain numbers.

    Raises `InputError` when the file is missing, damaged or not HDF5, or lacks a dataset (it lists what is there).
    """
    import h5py
    import hdf5plugin  # noqa: F401  (registers the filters that event files use)

    if not path.is_file():
        raise InputError("no such file", path, "copy the recording again, whole")
    try:
        with h5py.File(path, "r") as file:
            place = file[group] if group and group in file else file
            columns = {}
            for name in names:
                held = place.get(name) if isinstance(place, h5py.Group) else None
                if not isinstance(held, h5py.Dataset) or held.dtype.kind not in "iufb":
                    raise InputError(f"lacks the numbers '{name}'", path, f"it holds {', '.join(file)[:200]}")
                if held.size * held.dtype.itemsize > 1000 * path.stat().st_size:  # what no filter packs that tightly
                    raise InputError(f"claims {held.size:,} values in '{name}'", path, "copy or write it again")
                columns[name] = np.asarray(held[()])
            return columns
    except InputError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, MemoryError) as error:
        raise InputError(f"is damaged or cut short ({error})", path, "copy or write it again") from None


def h5_names(path: Path) -> set[str]:
    """Names at the top of an HDF5 file, and one level below as "group/name"; none where it cannot be read."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            below = {f"{name}/{inner}" for name, held in file.items() if isinstance(held, h5py.Group) for inner in held}
            return set(file) | below
    except (OSError, ValueError, KeyError, RuntimeError, TypeError):
        return set()
