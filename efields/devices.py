"""Where tensors live: the words for a device, whether it is here, and what it is called."""

from __future__ import annotations

import torch

from efields.errors import InputError
from efields.machine import processor_name

KINDS = ("cpu", "cuda")
"""Kinds of devices that efields runs on."""
CPU = torch.device("cpu")
"""The processor."""


def device_named(word: str) -> torch.device:
    """The device that a word means: `cpu`, `cuda` (the first GPU) or `cuda:1` (the second).

    Raises `InputError` for another word, and for a GPU that this torch does not find; takes no time.
    """
    kind, colon, number = word.partition(":")
    numbered = kind == "cuda" and number.isascii() and number.isdecimal()
    if kind not in KINDS or (colon and not numbered):
        raise InputError(f"unknown device '{word}'", do=f"{' or '.join(KINDS)}; cuda:1 is the second GPU")
    if kind != "cuda":
        return torch.device(kind)
    there = torch.cuda.device_count()
    if int(number or 0) >= there:
        take = f"use {', '.join(f'cuda:{i}' for i in range(there))} or cpu"
        if there == 0:
            built = "this torch finds no GPU" if torch.version.cuda else "this torch is built without CUDA"
            take = f"use cpu; {built}"
        raise InputError(f"device '{word}' is not available", do=take)
    return torch.device("cuda", int(number or 0))


def name_of(device: torch.device) -> str:
    """What the maker calls a device: the GPU's or the processor's model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
