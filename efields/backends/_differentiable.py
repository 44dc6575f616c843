"""Gradients of compiled kernels, which cannot be differentiated again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from torch.autograd import function

_Backward = TypeVar("_Backward", bound=Callable[..., Any])


def once_differentiable(backward: _Backward) -> _Backward:
    """torch's decorator of this name, with the names of the parameters, which its type loses."""
    return cast(_Backward, function.once_differentiable(backward))
