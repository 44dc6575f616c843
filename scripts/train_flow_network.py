"""Train a sequential flow network on simulated moving images, without true flow, and write it with its provenance.

Usage: python scripts/train_flow_network.py OUT.npz [--kind conv_gru] [--steps 1000] [--sequences 96] ...
       python scripts/train_flow_network.py --help

OUT.npz holds the weights, OUT.json what made them. `python scripts/score_flow_network.py OUT.npz` scores them.
"""

import argparse
import dataclasses
import datetime
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

import efields
from efields.atomic import write_text
from efields.events.stream import EventStream
from efields.motion.networks import Config, load_flow_network, save_flow_network
from efields.motion.networks.training import TrainingConfig, train_flow_network
from efields.simulation.moving_images import draw_event_camera, draw_moving_image

FIRST_SEED = 100_000
"""Seeds of training sequences count from here; tests and scores take others."""
SIDE = 64
SECONDS = 0.48


def training_sequence(seed: int) -> EventStream:
    """Events of a random moving image before a random sensor, 64 x 64 pixels and 0.48 s."""
    rng = np.random.default_rng(seed)
    scene = draw_moving_image(rng, (SIDE, SIDE))
    return scene.events(draw_event_camera(rng), SECONDS, frames_hz=500.0)


def main() -> None:
    """Draw sequences, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", default="conv_gru", help="conv_gru, conv_lstm or lif")
    parser.add_argument("--sequences", type=int, default=96, help="training sequences")
    parser.add_argument("--start", type=Path, help="npz of a network to go on training, with the JSON beside it")
    parser.add_argument("--seed", type=int, default=0)
    for field in dataclasses.fields(TrainingConfig):
        if field.name != "seed":
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    args = parser.parse_args()
    chosen = {f.name: getattr(args, f.name) for f in dataclasses.fields(TrainingConfig)}
    config, training = Config(kind=args.kind, seed=args.seed), TrainingConfig(**chosen)

    began = time.monotonic()
    recordings = [training_sequence(FIRST_SEED + 1000 * args.seed + n) for n in range(args.sequences)]
    simulated = time.monotonic()
    network = load_flow_network(args.start) if args.start else config.build()
    before = json.loads(args.start.with_suffix(".json").read_text()) if args.start else None
    config = network.config
    recent: list[float] = []

    def show(step: int, loss: float) -> None:
        recent.append(loss)
        if step % 20 == 0:
            print(f"step {step}: loss {np.mean(recent[-20:]):.4f}, {time.monotonic() - simulated:.0f} s", flush=True)
        if step % 100 == 0:
            save_flow_network(args.out, network)

    losses = train_flow_network(network, recordings, training, show)
    save_flow_network(args.out, network)
    provenance = {
        "started_from": before,
        "command": " ".join(["python", "scripts/train_flow_network.py", args.out.name, *sys.argv[2:]]),
        "network": dataclasses.asdict(config),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "training": dataclasses.asdict(training),
        "data": f"{args.sequences} sequences of efields.simulation.moving_images, {SIDE} x {SIDE} pixels, {SECONDS} s,"
        f" seeds {FIRST_SEED + 1000 * args.seed} and up; self-supervised, no true flow, no recorded data",
        "events": sum(len(recording) for recording in recordings),
        "loss_first_50": float(np.mean(losses[:50])),
        "loss_last_50": float(np.mean(losses[-50:])),
        "seconds_simulating": round(simulated - began, 1),
        "seconds_training": round(time.monotonic() - simulated, 1),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "efields": efields.__version__,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }
    write_text(args.out.with_suffix(".json"), json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except efields.InputError as error:
        sys.exit(f"train_flow_network.py: {error}")
