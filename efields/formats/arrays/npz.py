"""NumPy archives, read whole with one clear error when one is damaged."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError

_MOST_INFLATED = 1 << 28
"""Bytes up to which it does not matter how tightly they were packed."""
_MOST_PACKED = 200
"""Bytes that a recording packs into one at most: real events take a tenth."""
_DAMAGED = (OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error)


def read_npz(path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The named arrays of an `.npz`; optional ones only where present.

    Raises `InputError` when the file is missing, damaged, holds pickled objects, or lacks a required array.
    """
    if not path.is_file():
        raise InputError("no such file", path, "copy the complete recording again")
    try:
        with zipfile.ZipFile(path) as listed:
            check_inflation(listed, path)
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in required if key not in archive.files]
            if missing:
                raise InputError(
                    f"lacks the array '{missing[0]}'",
                    path,
                    f"it must contain {', '.join(required)}; it contains {archive.files}",
                )
            found = {key: archive[key] for key in (*required, *optional) if key in archive.files}
            # A member whose first bytes are damaged comes as they are, without an error.
            if not all(isinstance(array, np.ndarray) for array in found.values()):
                raise ValueError("a member is not an array")
            return found
    except _DAMAGED as error:
        raise InputError(f"is damaged or truncated ({error})", path, "copy or write it again") from None


def check_inflation(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise `InputError` for an archive that inflates to far more than any recording's does."""
    packed = sum(member.compress_size for member in archive.infolist())
    whole = sum(member.file_size for member in archive.infolist())
    check_packing(packed, whole, path)


def check_packing(packed: int, whole: int, path: Path, what: str = "") -> None:
    """Raise `InputError` where `packed` bytes claim to hold far more, `whole` bytes; `what`: of what."""
    if whole > _MOST_INFLATED and whole > _MOST_PACKED * packed:
        raise InputError(
            f"{what}decompresses from {packed / 1e6:,.1f} MB to {whole / 1e6:,.0f} MB, which no recording does",
            path,
            "copy it again, or write it uncompressed where it is meant to hold so much of one value",
        )


def npz_members(path: Path) -> set[str] | None:
    """Names of the arrays in an `.npz` without reading them; None when the archive's directory cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except _DAMAGED:
        return None


def is_zip(path: Path) -> bool:
    """Whether a file begins like a zip archive, however it ends."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def expect_shape(array: np.ndarray, shape: tuple[int | None, ...], name: str, path: Path) -> np.ndarray:
    """`array` itself, when it has that shape (None: any length); else `InputError`."""
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("n" if n is None else str(n) for n in shape)
        raise InputError(f"'{name}' has the shape {array.shape}, not {wanted}", path)
    return array


def times_us(t_ns: np.ndarray, name: str, path: Path) -> Int64[np.ndarray, " n"]:
    """A column of nanoseconds as whole microseconds, to the nearest.

    Raises `InputError` when they are not finite numbers in one dimension.
    """
    if t_ns.ndim != 1 or t_ns.dtype.kind not in "iuf" or not np.isfinite(t_ns).all():
        raise InputError(
            f"'{name}' is not a column of finite times ({t_ns.dtype}, {t_ns.shape})", path, "give nanoseconds"
        )
    whole = np.rint(t_ns) if t_ns.dtype.kind == "f" else t_ns
    return (whole.astype(np.int64) + 500) // 1000
