"""Damaged copies of a file: what disks, networks and interrupted programs make of it, and what nobody would."""

from __future__ import annotations

import numpy as np

Generator = np.random.Generator


def mutated(data: bytes, rng: Generator) -> bytes:
    """`data` with one to three random damages."""
    for _ in range(int(rng.integers(1, 4))):
        data = DAMAGES[int(rng.integers(len(DAMAGES)))](data, rng)
    return data


def _place(data: bytes, rng: Generator) -> int:
    """A place in the file; half of them near its beginning, where headers are."""
    return int(rng.integers(0, min(len(data), 256) + 1 if rng.random() < 0.5 else len(data) + 1))


def _replaced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def flip_bit(data: bytes, rng: Generator) -> bytes:
    if not data:
        return data
    at = min(_place(data, rng), len(data) - 1)
    return _replaced(data, at, bytes([data[at] ^ (1 << int(rng.integers(8)))]))


def random_bytes(data: bytes, rng: Generator) -> bytes:
    return _replaced(data, _place(data, rng), rng.bytes(int(rng.integers(1, 17))))


def extreme_number(data: bytes, rng: Generator) -> bytes:
    """A number at its limit: lengths and counts that promise too much."""
    size = int(rng.choice([1, 2, 4, 8]))
    value = (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)[int(rng.integers(5))]
    return _replaced(data, _place(data, rng), value.to_bytes(size, rng.choice(["little", "big"])))


def truncate(data: bytes, rng: Generator) -> bytes:
    return data[: _place(data, rng)]


def remove_piece(data: bytes, rng: Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at + int(rng.integers(1, 65)) :]


def insert_garbage(data: bytes, rng: Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + rng.bytes(int(rng.integers(1, 65))) + data[at:]


def repeat_piece(data: bytes, rng: Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at : at + int(rng.integers(1, 257))] * int(rng.integers(2, 20)) + data[at:]


def zero_block(data: bytes, rng: Generator) -> bytes:
    at = _place(data, rng)
    return _replaced(data, at, bytes(min(int(rng.integers(1, 513)), len(data) - at)))


def ones_block(data: bytes, rng: Generator) -> bytes:
    at = _place(data, rng)
    return _replaced(data, at, b"\xff" * min(int(rng.integers(1, 513)), len(data) - at))


def lost_sectors(data: bytes, rng: Generator) -> bytes:
    """Sectors that a disk or a download never wrote: zeros, 512 bytes each, up to a quarter of the file."""
    first = int(rng.integers(0, len(data) // 512 + 1)) * 512
    return _replaced(data, first, bytes(min(512 * int(rng.integers(1, len(data) // 2048 + 2)), len(data) - first)))


def append_garbage(data: bytes, rng: Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 100)))


def swap_digits(data: bytes, rng: Generator) -> bytes:
    """One digit of a text for another character."""
    digits = [i for i, byte in enumerate(data[:4096]) if 48 <= byte <= 57]
    if not digits:
        return flip_bit(data, rng)
    new = bytes([int(rng.choice(list(b"0123456789-.e \n,x")))])
    return _replaced(data, digits[int(rng.integers(len(digits)))], new)


DAMAGES = (
    flip_bit, random_bytes, extreme_number, truncate, remove_piece, insert_garbage, repeat_piece, zero_block,
    ones_block, lost_sectors, append_garbage, swap_digits,
)  # fmt: skip
