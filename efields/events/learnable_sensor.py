"""A contrast sensor whose threshold ratio and refractory period may be learned with the field."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64, Real
from torch import Tensor, nn

from efields.errors import InputError
from efields.events.sensor import Sensor


class LearnableSensor(nn.Module):
    """A sensor whose threshold ratio and refractory period may be learned with the field.

    `c_neg` is fixed (the scale of log intensity cannot be observed); `c_pos = ratio * c_neg` with
    `ratio = softplus(ratio_raw)`, and the refractory period is `refractory_max * sigmoid(refractory_raw)` in float64
    seconds. What is not learned is held exactly, as a buffer. Robust e-NeRF (Low and Lee, ICCV 2023), section 3.

    Raises `InputError` when the refractory period is to be learned and `refractory_max_us` is not above 0.
    """

    def __init__(
        self,
        sensor: Sensor,
        learn_ratio: bool = False,
        learn_refractory: bool = False,
        refractory_max_us: float = 0.0,
    ) -> None:
        super().__init__()
        self.sensor = sensor
        """The sensor that learning started from."""
        self.learn_ratio, self.learn_refractory = learn_ratio, learn_refractory
        ratio = sensor.c_pos / sensor.c_neg
        self.register_buffer("_c_neg", torch.tensor(sensor.c_neg, dtype=torch.float64))
        if learn_ratio:
            inverse_softplus = ratio + math.log(-math.expm1(-ratio))
            self.ratio_raw = nn.Parameter(torch.tensor(inverse_softplus, dtype=torch.float64))
        else:
            self.register_buffer("_ratio", torch.tensor(ratio, dtype=torch.float64))
        if learn_refractory:
            if not (math.isfinite(refractory_max_us) and refractory_max_us > 0):
                do = "give the shortest time between two events of one pixel"
                raise InputError(f"a refractory period below {refractory_max_us:g} us cannot be learned", do=do)
            # The sigmoid has no gradient left at 0 and 1: start where it has.
            share = min(max(sensor.refractory_us / refractory_max_us, 0.02), 0.98)
            self.refractory_raw = nn.Parameter(torch.tensor(math.log(share / (1 - share)), dtype=torch.float64))
            self.register_buffer("_refractory_max_s", torch.tensor(refractory_max_us * 1e-6, dtype=torch.float64))
        else:
            self.register_buffer("_refractory_s", torch.tensor(sensor.refractory_us * 1e-6, dtype=torch.float64))

    @property
    def ratio(self) -> Float64[Tensor, ""]:
        """Ratio `c_pos / c_neg`."""
        return nn.functional.softplus(self.ratio_raw) if self.learn_ratio else self.get_buffer("_ratio")

    @property
    def c_neg(self) -> Float64[Tensor, ""]:
        """OFF threshold, fixed."""
        return self.get_buffer("_c_neg")

    @property
    def c_pos(self) -> Float64[Tensor, ""]:
        """ON threshold."""
        return self.c_neg * self.ratio

    @property
    def c_mean(self) -> Float64[Tensor, ""]:
        """Mean of the two thresholds."""
        return 0.5 * (self.c_pos + self.c_neg)

    @property
    def refractory_s(self) -> Float64[Tensor, ""]:
        """Refractory period in seconds."""
        if self.learn_refractory:
            return self.get_buffer("_refractory_max_s") * torch.sigmoid(self.refractory_raw)
        return self.get_buffer("_refractory_s")

    def log_change(self, n_pos: Real[Tensor, " n"], n_neg: Real[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Change of log intensity that these counts report, in the counts' floating type (float32 for whole counts)."""
        if not n_pos.is_floating_point():
            n_pos, n_neg = n_pos.to(torch.float32), n_neg.to(torch.float32)
        return self.c_pos.to(n_pos.dtype) * n_pos - self.c_neg.to(n_pos.dtype) * n_neg

    def current(self) -> Sensor:
        """The present numbers as a plain sensor."""
        return Sensor(
            c_pos=self.c_pos.item(),
            c_neg=self.c_neg.item(),
            refractory_us=self.refractory_s.item() * 1e6,
            threshold_sigma=self.sensor.threshold_sigma,
        )
