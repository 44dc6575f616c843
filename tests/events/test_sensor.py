from __future__ import annotations

import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.events.learnable_sensor import LearnableSensor
from efields.events.sensor import Sensor


def test_log_change_of_numbers_arrays_and_tensors():
    sensor = Sensor(c_pos=0.3, c_neg=0.2)
    assert sensor.log_change(2, 1) == pytest.approx(0.4)
    n_pos, n_neg = np.array([0, 1, 5], np.int32), np.array([3, 0, 5], np.int32)
    np.testing.assert_allclose(sensor.log_change(n_pos, n_neg), [-0.6, 0.3, 0.5])
    found = sensor.log_change(torch.from_numpy(n_pos), torch.from_numpy(n_neg))
    torch.testing.assert_close(found, torch.tensor([-0.6, 0.3, 0.5]))
    assert sensor.c_mean == pytest.approx(0.25)


@pytest.mark.parametrize(
    "changes",
    [{"c_pos": 0.0}, {"c_neg": -0.1}, {"c_pos": float("nan")}, {"refractory_us": -1.0}, {"threshold_sigma": -0.1}],
)
def test_numbers_that_no_sensor_has(changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        Sensor(**changes)


def test_what_is_not_learned_is_exact_and_has_no_parameters():
    sensor = Sensor(c_pos=0.37, c_neg=0.21, refractory_us=137.0, threshold_sigma=0.02)
    learnable = LearnableSensor(sensor)
    assert not list(learnable.parameters())
    assert learnable.c_pos.item() == pytest.approx(0.37, rel=1e-15)
    assert learnable.c_mean.item() == pytest.approx(0.29, rel=1e-15)
    assert learnable.refractory_s.item() == 137e-6 and learnable.refractory_s.dtype == torch.float64
    n_pos, n_neg = torch.tensor([2, 0], dtype=torch.int32), torch.tensor([1, 3], dtype=torch.int32)
    found = learnable.log_change(n_pos, n_neg)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, sensor.log_change(n_pos.float(), n_neg.float()))
    assert learnable.log_change(n_pos.double(), n_neg.double()).dtype == torch.float64


@pytest.mark.parametrize("c_pos", [0.05, 0.25, 0.36, 20.0])
def test_learned_numbers_start_at_the_calibration(c_pos):
    sensor = Sensor(c_pos=c_pos, c_neg=0.25, refractory_us=30.0)
    learnable = LearnableSensor(sensor, learn_ratio=True, learn_refractory=True, refractory_max_us=100.0)
    assert len(list(learnable.parameters())) == 2
    assert learnable.c_pos.item() == pytest.approx(c_pos, rel=1e-12)
    assert learnable.refractory_s.item() == pytest.approx(30e-6, rel=1e-12)
    now = learnable.current()
    assert now.c_neg == 0.25 and now.c_pos == pytest.approx(c_pos) and now.refractory_us == pytest.approx(30)


@pytest.mark.parametrize(("refractory_us", "share"), [(0.0, 0.02), (1e6, 0.98)])
def test_a_refractory_period_starts_inside_its_range(refractory_us, share):
    sensor = LearnableSensor(Sensor(refractory_us=refractory_us), learn_refractory=True, refractory_max_us=50.0)
    assert sensor.refractory_s.item() == pytest.approx(share * 50e-6)
    sensor.refractory_s.backward()
    assert sensor.refractory_raw.grad is not None and sensor.refractory_raw.grad > 0


def test_the_ratio_is_learned_from_counts():
    truth = Sensor(c_pos=0.4, c_neg=0.25)
    learnable = LearnableSensor(Sensor(), learn_ratio=True)
    rng = np.random.default_rng(0)
    n_pos, n_neg = (torch.from_numpy(rng.integers(0, 5, 200)) for _ in range(2))
    target = truth.log_change(n_pos, n_neg)
    optimizer = torch.optim.Adam(learnable.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (learnable.log_change(n_pos, n_neg) - target).square().mean().backward()
        optimizer.step()
    assert learnable.ratio.item() == pytest.approx(1.6, abs=1e-3)
    assert learnable.c_neg.item() == 0.25


def test_gradients_of_the_learned_numbers():
    learnable = LearnableSensor(Sensor(refractory_us=3.0), True, True, 10.0)

    def outputs(ratio_raw, refractory_raw):
        moved = {"ratio_raw": ratio_raw, "refractory_raw": refractory_raw}
        counts = (torch.tensor([2.0, 1.0], dtype=torch.float64), torch.tensor([0.0, 4.0], dtype=torch.float64))
        return (
            torch.func.functional_call(_Change(learnable), {f"sensor.{k}": v for k, v in moved.items()}, counts),
            torch.func.functional_call(_Period(learnable), {f"sensor.{k}": v for k, v in moved.items()}, ()),
        )

    inputs = tuple(p.detach().clone().requires_grad_() for p in (learnable.ratio_raw, learnable.refractory_raw))
    assert torch.autograd.gradcheck(outputs, inputs)


def test_learning_a_refractory_period_needs_a_limit():
    with pytest.raises(InputError, match="cannot be learned"):
        LearnableSensor(Sensor(), learn_refractory=True)


def test_numbers_survive_saving_and_loading():
    first = LearnableSensor(Sensor(c_pos=0.4, refractory_us=7.0), True, True, 20.0)
    second = LearnableSensor(Sensor(), True, True, 90.0)
    second.load_state_dict(first.state_dict())
    assert second.current() == first.current()


class _Change(torch.nn.Module):
    def __init__(self, sensor: LearnableSensor) -> None:
        super().__init__()
        self.sensor = sensor

    def forward(self, n_pos: torch.Tensor, n_neg: torch.Tensor) -> torch.Tensor:
        return self.sensor.log_change(n_pos, n_neg)


class _Period(torch.nn.Module):
    def __init__(self, sensor: LearnableSensor) -> None:
        super().__init__()
        self.sensor = sensor

    def forward(self) -> torch.Tensor:
        # In microseconds, or finite differences would see nothing.
        return self.sensor.refractory_s * 1e6
