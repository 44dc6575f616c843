"""The optimiser: Adam, by the backend's own step where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from efields.backends.reference import Backend


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) with bias correction and without weight decay.

    In groups with `sparse`, numbers whose gradient is exactly zero are left alone, moments included, as Instant NGP
    does with its table: rows that no sample touched do not drift. Used as torch.optim.Adam is, and its state has that
    one's form; not derived from torch's optimisers, as the first of them in a process takes seconds to import.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        backend: Backend,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-15,
    ) -> None:
        """Groups hold `params`, `lr`, `sparse`. Gradients of a table are tiny: the usual eps of 1e-8 would stall it."""
        usual = {"lr": 0.0, "betas": betas, "eps": eps, "sparse": False}
        self.param_groups = [{**usual, **group, "params": list(group["params"])} for group in groups]
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self.backend = backend

    def zero_grad(self) -> None:
        """Forget every gradient."""
        for parameter in self._parameters():
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One step of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter not in self.state:
                    self.state[parameter] = {
                        "step": torch.zeros(()),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
                state = self.state[parameter]
                state["step"] += 1
                self._update(parameter, parameter.grad, state, group)

    def state_dict(self) -> dict[str, Any]:
        """Moments and steps by the number of the parameter, and the groups with those numbers for parameters."""
        number = {parameter: k for k, parameter in enumerate(self._parameters())}
        return {
            "state": {number[parameter]: dict(state) for parameter, state in self.state.items()},
            "param_groups": [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from the moments and steps that `state_dict` gave; rates and constants are this optimiser's own.

        Raises `ValueError` where they are of other parameters.
        """
        sizes, told = ([len(g["params"]) for g in groups] for groups in (self.param_groups, saved["param_groups"]))
        if sizes != told:
            raise ValueError(f"an optimiser of groups of {told} parameters, not {sizes}")
        parameters = self._parameters()
        for number, state in saved["state"].items():
            parameter = parameters[number]
            for name in ("exp_avg", "exp_avg_sq"):
                if state[name].shape != parameter.shape:
                    raise ValueError(f"moments of {tuple(state[name].shape)} for {tuple(parameter.shape)} numbers")
            self.state[parameter] = {
                "step": state["step"].reshape(()).clone(),
                **{name: state[name].to(parameter, copy=True) for name in ("exp_avg", "exp_avg_sq")},
            }

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

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
