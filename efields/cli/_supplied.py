"""Flags of calibration and poses that are given beside a recording, under one name in every command."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from efields.errors import InputError

if TYPE_CHECKING:
    from efields.supplied.given import Supplied

_FLAGS = {
    "camera": "camera",
    "scale_camera": "scale_camera",
    "poses": "poses",
    "poses_time_unit": "time_unit",
    "poses_quaternion": "quaternion",
    "poses_spread": "spread",
    "time_offset": "time_offset_s",
    "body_to_camera": "body_to_camera",
}
"""Flags, of which a command may have some, and their options in `[supplied]`."""


def supplied_of(flags: object, base: Supplied | None = None) -> Supplied:
    """What the flags of a command give beside the recording; those not given stay as in `base`.

    Raises `InputError` for a value that cannot be.
    """
    from efields.supplied.given import Supplied

    found = {option: getattr(flags, flag, None) for flag, option in _FLAGS.items()}
    given = {
        option: value for option, value in found.items() if value is not None and value is not False and value != ""
    }
    try:
        return dataclasses.replace(base or Supplied(), **given)
    except ValueError as error:
        raise InputError(str(error)) from None
