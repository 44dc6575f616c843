"""Losses; each file has one `Config`, which is the loss itself."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol, runtime_checkable

from torch import Tensor

from efields.supervision import Supervision


class LossConfig(Protocol):
    """A loss: a frozen dataclass, a `[losses.NAME]` table of a config."""

    draws: ClassVar[str | tuple[str, ...]]
    """Kinds of efields.draws that it compares, one or several; "" for none of its own."""

    @property
    def weight(self) -> float:
        """Weight in the total loss."""
        ...

    def __call__(self, supervision: Supervision) -> Tensor:
        """The unweighted loss, a scalar."""
        ...


@runtime_checkable
class SpanLoss(Protocol):
    """A loss that looks at every sample of every ray (`supervision.rendered.spans`), which fused looks do not give."""

    with_spans: ClassVar[Literal[True]]


def draws_of(loss: LossConfig) -> tuple[str, ...]:
    """Names of the draws that a loss compares."""
    named = loss.draws
    return tuple(name for name in ((named,) if isinstance(named, str) else named) if name)
