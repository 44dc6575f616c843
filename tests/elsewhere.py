"""A second device without a GPU: its tensors compute on the processor and say that they live on `meta`.

Within `elsewhere()` an operation that mixes them with tensors of the processor fails as it would on a GPU, and so does
`numpy()` without `cpu()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ELSEWHERE = torch.device("meta")
"""The device; `to(ELSEWHERE)` and `device=ELSEWHERE` put tensors there."""


class Mixed(Exception):
    """An operation on tensors of two devices."""


class Elsewhere(torch.Tensor):
    """A tensor of the processor behind the face of one on another device."""

    held: torch.Tensor
    is_meta = False  # numbers are there, and are copied as others are

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Elsewhere:
        form = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, device=ELSEWHERE, **form)  # type: ignore[attr-defined]
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _done(func, args, kwargs or {})

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Stored as the processor's: `map_location` brings tensors of a GPU there."""
        return self.held.__reduce_ex__(protocol)

    def __repr__(self, *_: Any, **__: Any) -> str:
        return f"elsewhere: {self.held}"


@contextmanager
def elsewhere() -> Iterator[None]:
    """While it lasts, the other device is there."""
    with _Moves(), _Literals():
        yield


class _Moves(TorchDispatchMode):
    """Tensors that are made there, or go there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _done(func, args, kwargs or {})

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing here is compiled, and torch's compiler takes seconds to import


class _Literals(TorchFunctionMode):
    """Tensors that are made there from numbers, which torch does in one go."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            return func(*args, **{**kwargs, "device": None}).to(kwargs["device"])
        if func is torch.Tensor.new_tensor:
            like, values = args
            return torch.tensor(values, dtype=kwargs.get("dtype", like.dtype)).to(kwargs.get("device", like.device))
        return func(*args, **kwargs)


_aten = torch.ops.aten
_MOVES = {_aten._to_copy.default, _aten.copy_.default}
_INDEXED = {_aten.index.Tensor, _aten.index_put.default, _aten.index_put_.default, _aten._index_put_impl_.default}


def _done(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation done on the processor, its result where torch would have put it."""
    given = [*args, *kwargs.values()]
    if func in _INDEXED and isinstance(args[0], Elsewhere):
        given.pop(1)  # indices of the processor are taken, as on a GPU
    tensors = list(_tensors(given))
    away = any(isinstance(value, Elsewhere) for value in tensors)
    if away and func not in _MOVES:
        for value in tensors:
            if not isinstance(value, Elsewhere) and value.dim() > 0:  # single numbers of the processor mix with any
                raise Mixed(f"{func}: a tensor {tuple(value.shape)} of the processor among those of another device")
    named = kwargs.get("device")
    if named is not None:
        kwargs, away = {**kwargs, "device": torch.device("cpu")}, named == ELSEWHERE
    out = func(*map(_held, args), **{name: _held(value) for name, value in kwargs.items()})
    if func is _aten.copy_.default:
        return args[0]
    return _placed(out) if away else out


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _held(value: Any) -> Any:
    """What the processor computes with."""
    if isinstance(value, list | tuple):
        return type(value)(map(_held, value))
    return value.held if isinstance(value, Elsewhere) else value


def _placed(value: Any) -> Any:
    """A result on the other device."""
    if isinstance(value, list | tuple):
        return type(value)(map(_placed, value))
    return Elsewhere(value) if isinstance(value, torch.Tensor) else value
