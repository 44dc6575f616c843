"""Weights of flow networks as small files: half-precision arrays and settings, with a record of the training."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from efields import atomic
from efields.errors import InputError
from efields.motion.networks.network import Config, FlowNetwork
from efields.settings import did_you_mean

_FOLDER = Path(__file__).parent


def save_flow_network(path: Path, network: FlowNetwork) -> None:
    """Write settings and weights (float16) to an npz file."""
    content = io.BytesIO()
    weights = {name: value.detach().cpu().numpy().astype(np.float16) for name, value in network.state_dict().items()}
    np.savez_compressed(content, config=np.array(json.dumps(asdict(network.config))), **weights)
    atomic.write_bytes(path, content.getvalue())


def load_flow_network(name: str | Path = "conv_gru") -> FlowNetwork:
    """The pretrained network of that name that comes with efields, or one from an npz file; ready for inference.

    Raises `InputError` for an unknown name and another or a damaged file.
    """
    path = _FOLDER / f"{name}.npz" if Path(name).suffix == "" else Path(name)
    if not path.is_file():
        known = sorted(found.stem for found in _FOLDER.glob("*.npz"))
        raise InputError(f"no flow network '{name}'", do=did_you_mean(str(name), known))
    try:
        with np.load(path, allow_pickle=False) as held:
            settings = json.loads(str(held["config"]))
            weights = {key: torch.from_numpy(held[key].astype(np.float32)) for key in held.files if key != "config"}
        network = Config(**{**settings, "channels": tuple(settings["channels"])}).build()
        network.load_state_dict(weights)
    except (OSError, KeyError, ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(f"is not a flow network written by efields ({error})", path, "train it again") from None
    return network.eval().requires_grad_(False)
