"""Measure how fast this machine indexes events and trains, all in one run."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from efields.cli import print_json
from efields.errors import InputError
from efields.threads import set_threads


@dataclass(frozen=True)
class Args:
    """Flags of `efields bench`."""

    events: int = 10_000_000
    """Events of the index."""
    steps: int = 15
    """Training steps that are measured."""
    runs: int = 3
    """Runs of what is not training."""
    backend: str = "auto"
    """Which implementation trains: auto, or a name that `efields doctor` lists."""
    threads: int = 0
    """Processor threads; 0 takes all cores."""
    json: bool = False
    """Print one JSON object for a machine to read."""


def run(args: Args) -> int:
    """Print the median of each speed beside its slowest and fastest run."""
    if min(args.events, args.steps, args.runs) < 1:
        raise InputError("--events, --steps and --runs take numbers above zero")
    threads = set_threads(args.threads)
    import torch

    from efields.bench import bench_events, bench_training

    torch.set_num_threads(threads)
    found = bench_events(args.events, args.runs) + bench_training(args.backend, args.steps)
    if args.json:
        print_json({"threads": threads, "torch": torch.__version__, "measurements": [asdict(one) for one in found]})
        return 0
    print(f"{threads} threads, torch {torch.__version__}; median (slowest to fastest of n runs)")
    for one in found:
        rate = f"{one.median:>12,.0f} {one.unit:<10}"
        print(f"{one.name:<22}{rate}({one.low:,.0f} to {one.high:,.0f}, n = {one.runs}; {one.size})")
    return 0
