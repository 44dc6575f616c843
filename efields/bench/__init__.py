"""Benchmarks: the speed of what takes the time, compared with the ceilings of the machine (docs/performance.md)."""

from efields.bench.noise import noise_recording

__all__ = ["noise_recording"]
