"""The optimiser: Adam, by the backend's own step where it has one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from efields.backends.reference import Backend


class Adam(torch.optim.Optimizer):
    """Adam (Kingma and Ba, ICLR 2015) with bias correction and without weight decay.

    In groups with `sparse`, numbers whose gradient is exactly zero are left alone, moments included, as Instant NGP
    does with its table: rows that no sample touched do not drift. Its state has the form of torch.optim.Adam's.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        backend: Backend,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-15,
    ) -> None:
        """Groups hold `params`, `lr`, `sparse`. Gradients of a table are tiny: the usual eps of 1e-8 would stall it."""
        super().__init__(groups, {"lr": 0.0, "betas": betas, "eps": eps, "sparse": False})
        self.backend = backend

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step of every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros(())
                    state["exp_avg"] = torch.zeros_like(parameter)
                    state["exp_avg_sq"] = torch.zeros_like(parameter)
                state["step"] += 1
                self._update(parameter, parameter.grad, state, group)

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        self.backend.adam(
            parameter,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            step=int(state["step"]),
            rate=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            sparse=group["sparse"],
        )
