"""The words for a device, checked in one place."""

from __future__ import annotations

import pytest
import torch

from efields.devices import CPU, device_named, name_of
from efields.errors import InputError
from efields.machine import processor_name


@pytest.mark.parametrize(
    "word", ["", "gpu", "mps", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "cuda:1:2", "CUDA", "cuda:\u0663"]
)
def test_other_words_are_refused_in_one_line(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    with pytest.raises(InputError, match=f"^unknown device '{word}'; cpu or cuda"):
        device_named(word)


def test_words_mean_the_processor_or_a_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_named("cpu") == CPU == torch.device("cpu")
    assert device_named("cuda") == device_named("cuda:0") == torch.device("cuda", 0)
    assert device_named("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match=r"^device 'cuda:2' is not available; use cuda:0, cuda:1 or cpu$"):
        device_named("cuda:2")


@pytest.mark.parametrize(("built", "why"), [(None, "is built without CUDA"), ("12.8", "finds no GPU")])
def test_without_a_gpu_the_line_says_whether_torch_could_use_one(
    built: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(InputError, match=f"^device 'cuda' is not available; use cpu; this torch {why}$"):
        device_named("cuda")


def test_a_device_is_called_what_its_maker_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU number {device.index}")
    assert name_of(torch.device("cuda", 1)) == "GPU number 1"
    assert name_of(CPU) == processor_name() != ""
