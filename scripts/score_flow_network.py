"""Score a flow network on simulated moving images that it was not trained on, whose flow is known exactly.

Usage: python scripts/score_flow_network.py NAME_OR_NPZ [--scenes 8] [--inr 0] [--json OUT.json]

Two sets: drawn textures of other seeds, and photographs (training saw none); 128 x 128 pixels, 0.4 s, random sensors.
Errors are means over pixels with events (preset `simulated`) of displacements accumulated over 10, 20 and 100 ms
(100, 50 and 10 Hz) along trajectories, beside those of zero flow; FWL above 1 is sharper than unwarped.
`--inr N` also fits the implicit field of `efields flow` to the first N scenes of each set.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

import efields
from efields.atomic import write_text
from efields.backends import choose_backend
from efields.evaluate.flow_scores import (
    FlowPair,
    WarpLossPreset,
    flow_preset,
    flow_table,
    flow_warp_loss,
    mean_flow_score,
)
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.flow import Flow
from efields.motion.joint import JointConfig, estimate_motion_and_flow
from efields.motion.networks import DenseFlow, load_flow_network, network_flow
from efields.simulation.moving_images import MovingImage, draw_event_camera, draw_moving_image
from efields.simulation.textures import image_texture

FIRST_SEED = 900_000
SIDE = 128
SECONDS = 0.4
SETTLED_S = 0.1
"""Scores start here: a sequential network has no state before."""
INTERVALS_US = {"100 Hz": 10_000, "50 Hz": 20_000, "10 Hz": 100_000}
PHOTOGRAPHS = ("brick", "grass", "gravel", "coffee")


def heldout_scene(seed: int, photographs: tuple[np.ndarray, ...]) -> tuple[MovingImage, EventStream]:
    """A scene and its events."""
    rng = np.random.default_rng(seed)
    scene = draw_moving_image(rng, (SIDE, SIDE), textures=photographs)
    return scene, scene.events(draw_event_camera(rng), SECONDS, frames_hz=500.0)


def warped(
    flow: DenseFlow | Flow, t_us: np.ndarray, place: np.ndarray, to_us: int, step_us: int = 10_000
) -> np.ndarray:
    """Places of events carried along their trajectories to one time (midpoint rule)."""
    steps = max(int(np.ceil(np.abs(to_us - t_us).max() / step_us)), 1)
    each = (to_us - t_us) / steps
    for number in range(steps):
        t = t_us + number * each
        middle = place + flow.at(t, place) * (0.5e-6 * each)[:, None]
        place = place + flow.at(t + 0.5 * each, middle) * (1e-6 * each)[:, None]
    return place


def scored(flow: DenseFlow | Flow, scene: MovingImage, events: EventStream, span_us: int) -> tuple[list, list]:
    """Pairs of flow and flow warp losses of every second interval of that length after the start."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    pixel = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    pairs, losses = [], []
    for t0 in range(round(SETTLED_S * 1e6), round(SECONDS * 1e6) - span_us, max(2 * span_us, 50_000)):
        part = events.between(t0, t0 + span_us)
        if len(part) < 100:
            continue
        truth, valid = scene.displacement(t0 * 1e-6, (t0 + span_us) * 1e-6)
        seen = np.zeros((SIDE, SIDE), dtype=bool)
        seen[part.y, part.x] = True
        found = flow.displacement(t0, t0 + span_us, pixel).reshape(SIDE, SIDE, 2)
        pairs.append(FlowPair(found, truth, valid, seen))
        place = np.stack([part.x, part.y], axis=1).astype(np.float64)
        after = warped(flow, part.t_us.astype(np.float64), place, t0)
        losses.append(flow_warp_loss(place, after, SIDE, SIDE, WarpLossPreset(events=len(part))))
    return pairs, losses


def table(flows: list, scenes: list, span_us: int) -> dict[str, float]:
    """Mean scores over scenes, each scene counting the same."""
    preset = flow_preset("simulated")
    estimates, zeros, losses, worse = [], [], [], 0
    for flow, (scene, events) in zip(flows, scenes, strict=True):
        pairs, fwl = scored(flow, scene, events, span_us)
        if not pairs:
            continue
        rows = flow_table(pairs, preset)
        estimates.append(rows["estimate"])
        zeros.append(rows["zero flow"])
        losses += [value for value in fwl if value is not None]
        if estimates[-1] and zeros[-1]:
            worse += estimates[-1].epe >= zeros[-1].epe
    mean, zero = mean_flow_score(estimates), mean_flow_score(zeros)
    assert mean is not None
    assert zero is not None
    return {
        "epe_px": round(mean.epe, 3),
        "zero_epe_px": round(zero.epe, 3),
        "angular_error_deg": round(mean.angular_error_deg, 2),
        "zero_angular_error_deg": round(zero.angular_error_deg, 2),
        "fwl": round(float(np.mean(losses)), 3),
        "scenes": mean.maps,
        "scenes_worse_than_zero": worse,
    }


def main() -> None:
    """Simulate, estimate, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--inr", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    network = load_flow_network(args.network)
    pictures = tuple(image_texture(name, 0.05, 0.9).mean(axis=-1) for name in PHOTOGRAPHS)
    result: dict[str, dict] = {}
    for name, first, textures in (("drawn", FIRST_SEED, ()), ("photographs", FIRST_SEED + 1000, pictures)):
        scenes = [heldout_scene(first + n, textures) for n in range(args.scenes)]
        began = time.perf_counter()
        flows = [network_flow(events, network, network.config.bin_us) for _, events in scenes]
        seconds = time.perf_counter() - began
        result[name] = {label: table(flows, scenes, span) for label, span in INTERVALS_US.items()}
        result[name]["network_ms_per_bin"] = round(1e3 * seconds / sum(len(flow.maps) for flow in flows), 2)
        if args.inr:
            camera, few = Camera(SIDE, SIDE, SIDE, SIDE, (SIDE - 1) / 2, (SIDE - 1) / 2), scenes[: args.inr]
            began = time.perf_counter()
            fields = [
                estimate_motion_and_flow(events, camera, JointConfig(), choose_backend("auto"))[1] for _, events in few
            ]
            seconds = time.perf_counter() - began
            for label, span in INTERVALS_US.items():
                result[name][f"{label}, same {args.inr}"] = table(flows[: args.inr], few, span)
                result[name][f"{label}, INR"] = table(fields, few, span)
            result[name]["inr_seconds_per_scene"] = round(seconds / len(few), 1)
        for label, row in result[name].items():
            print(name, label, row, flush=True)
    if args.json:
        write_text(args.json, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main()
    except efields.InputError as error:
        sys.exit(f"score_flow_network.py: {error}")
