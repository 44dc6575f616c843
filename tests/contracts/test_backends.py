"""What every backend promises, checked for each file of efields/backends; equality is in tests/parity."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
import torch

from efields import backends
from efields.backends import PREFERENCE, backend_names, choose_backend
from efields.backends.reference import Backend
from efields.errors import InputError

FILES = sorted(m.name for m in pkgutil.iter_modules(backends.__path__) if not m.name.startswith("_"))
HOLDERS = [name for name in FILES if hasattr(importlib.import_module(f"efields.backends.{name}"), "Backend")]


def test_every_file_with_a_backend_has_its_place_in_the_preference() -> None:
    assert set(HOLDERS) == set(PREFERENCE) == set(backend_names())
    assert backend_names()[-1] == "reference"


@pytest.mark.parametrize("name", HOLDERS)
def test_a_backend_says_its_name_and_why_it_cannot_run(name: str) -> None:
    found: type[Backend] = importlib.import_module(f"efields.backends.{name}").Backend
    assert issubclass(found, Backend)
    assert found.name == name
    reason = found.unavailable()
    assert reason is None or len(reason.splitlines()) == 1
    if reason is None:
        assert type(choose_backend(name)) is found
    else:
        with pytest.raises(InputError, match="cannot run here"):
            choose_backend(name)


@pytest.mark.parametrize("name", HOLDERS)
def test_a_backend_keeps_the_signatures_of_the_reference(name: str) -> None:
    found: type[Backend] = importlib.import_module(f"efields.backends.{name}").Backend
    for function in ("hash_encode", "spherical_harmonics", "mlp", "composite", "hash_grid_look", "hash_grid_density"):
        ours, theirs = (list(inspect.signature(getattr(b, function)).parameters) for b in (found, Backend))
        assert ours == theirs, function


def test_a_backend_that_cannot_run_is_skipped_by_auto_and_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in HOLDERS:
        found = importlib.import_module(f"efields.backends.{name}").Backend
        monkeypatch.setattr(found, "unavailable", staticmethod(lambda: "pip install something"))
    for name in ("reference", "auto"):
        with pytest.raises(InputError):
            choose_backend(name)
    with pytest.raises(InputError, match="'reference' cannot run here; pip install something"):
        choose_backend("reference")


CUDA = torch.device("cuda", 0)


@pytest.mark.parametrize("name", HOLDERS)
def test_a_backend_states_its_devices_and_is_refused_by_name_on_another(name: str) -> None:
    found: type[Backend] = importlib.import_module(f"efields.backends.{name}").Backend
    assert set(found.devices) <= {"cpu", "cuda"}
    for device in (torch.device("cpu"), CUDA):
        if device.type not in found.devices:
            with pytest.raises(
                InputError, match=f"^backend '{name}' does not run on device '{device}'; use backend auto"
            ):
                choose_backend(name, device)
        elif found.unavailable() is None:
            assert type(choose_backend(name, device)) is found


def test_auto_on_cuda_takes_the_fastest_that_is_made_for_it_and_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    backends.said.say_once.cache_clear()
    for _ in range(2):
        assert choose_backend("auto", CUDA).name == "reference"
    assert [r.getMessage() for r in caplog.records] == [
        "backend 'reference' on device cuda:0: 'native' is only for cpu"
    ]


@pytest.mark.parametrize("name", HOLDERS)
def test_a_backend_notes_what_it_leaves_to_the_reference_and_says_so_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    backend: Backend = importlib.import_module(f"efields.backends.{name}").Backend()
    backends.said.say_once.cache_clear()
    assert backend.fell_back == {}
    for _ in range(2):
        backend.falls_back("look", "it is too wide")
    assert backend.fell_back == {"look": "it is too wide"}
    said = [r.getMessage() for r in caplog.records]
    assert said == [f"backend '{name}' leaves look to the reference, which is slower: it is too wide"]
