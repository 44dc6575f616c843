"""What the kernels do not take is left to the reference and noted with the reason; what they take is not noted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from efields import native
from efields.backends import choose_backend, said
from efields.backends.flow_lattice import LatticeExtent
from efields.backends.hash_layout import HashLayout
from efields.backends.reference import Backend
from efields.config import experiment_from_table
from efields.errors import InputError
from efields.train import reconstruct
from tests.tiny import tiny_recording

SMALL: dict[str, Any] = {
    "backend": "native",
    "field": {"levels": 2, "log2_size": 6, "width": 8, "finest_resolution": 32},
    "sampling": {"samples": 12, "grid_resolution": 4},
    "train": {"steps": 1, "samples_per_step": 512},
}

OF_A_GRID = ("hash_grid_look", "hash_grid_density", "hash_encode")


@pytest.fixture
def kernels() -> Backend:
    said.say_once.cache_clear()
    try:
        return choose_backend("native")
    except InputError as error:
        pytest.skip(str(error))


def encoded(backend: Backend, features: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    layout = HashLayout.build(
        dimensions=3, levels=2, features=features, base_resolution=4, finest_resolution=8, log2_size=6
    )
    position, table = torch.rand(5, 3, dtype=dtype), torch.rand(layout.rows, features, dtype=dtype)
    return backend.hash_encode(position, table, layout)


def perceptron(backend: Backend, width: int = 16, dtype: torch.dtype = torch.float32) -> Tensor:
    weights = [torch.rand(width, 4, dtype=dtype), torch.rand(2, width, dtype=dtype)]
    return backend.mlp(torch.rand(5, 4, dtype=dtype), weights)


def harmonics(backend: Backend, dtype: torch.dtype = torch.float32) -> Tensor:
    return backend.spherical_harmonics(torch.rand(5, 3, dtype=dtype), 3)


def stepped(backend: Backend, columns: int = 4, dtype: torch.dtype = torch.float32) -> None:
    tensors = [torch.rand(5, 4, dtype=dtype)[:, :columns] for _ in range(4)]
    backend.adam(*tensors, step=1, rate=0.1, betas=(0.9, 0.99), eps=1e-8, sparse=False)


def splatted(backend: Backend, dtype: torch.dtype = torch.float32) -> Tensor:
    x, y, weight = torch.rand(3, 5, dtype=dtype)
    return backend.splat_events(x, y, weight, 4, 4)


def warped(backend: Backend, steps: int = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    extent = LatticeExtent(1.0, (0.0, 0.0), (1.0, 1.0))
    lattice, (t_s, to_s), bearing = (
        torch.rand(2, 2, 3, 3).to(dtype),
        torch.rand(2, 5).to(dtype),
        torch.rand(5, 2).to(dtype),
    )
    return backend.warp_events(lattice, extent, t_s, bearing, to_s, steps)


DOUBLE = {"dtype": torch.float64}


@pytest.mark.parametrize(
    ("call", "left", "function", "why"),
    [
        (encoded, DOUBLE, "hash_encode", "tensors of float64 on cpu"),
        (encoded, {"features": 3}, "hash_encode", "3 features a level"),
        (perceptron, DOUBLE, "mlp", "tensors of float64 on cpu"),
        (perceptron, {"width": 300}, "mlp", "a perceptron wider than 256 or of more than 8 layers"),
        (harmonics, DOUBLE, "spherical_harmonics", "tensors of float64 on cpu"),
        (stepped, DOUBLE, "adam", "tensors of float64 on cpu"),
        (stepped, {"columns": 3}, "adam", "tensors that are not contiguous"),
        (splatted, DOUBLE, "splat_events", "tensors of float64 on cpu"),
        (warped, DOUBLE, "warp_events", "tensors of float64 on cpu"),
        (warped, {"steps": 9}, "warp_events", "gradients of places, or many steps"),
    ],
)
def test_it_is_noted_and_said_once(
    kernels: Backend,
    call: Callable[..., Any],
    left: dict[str, Any],
    function: str,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    call(kernels)
    assert kernels.fell_back == {}
    assert caplog.records == []
    for _ in range(2):
        call(kernels, **left)
    assert kernels.fell_back == {function: why}
    assert len(caplog.records) == 1
    assert why in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("field", "left"),
    [
        ({}, []),
        ({"features": 3}, [f"{name}: 3 features a level" for name in OF_A_GRID]),
    ],
    ids=("usual", "of its own"),
)
def test_training_json_tells_what_ran_and_what_fell_back(
    kernels: Backend, field: dict[str, Any], left: list[str], tmp_path: Path
) -> None:
    table = {**SMALL, "field": {**SMALL["field"], **field}}
    run = reconstruct(experiment_from_table(table, "test"), tiny_recording(size=12, frames=24), tmp_path / "run")
    told = run.training()
    assert (told["backend"], told["instruction_set"]) == ("native", native.instruction_set())
    assert (told["device"], told["threads"]) == ("cpu", torch.get_num_threads())
    assert told["device_name"]
    assert told["fell_back"] == left
