"""How fast this machine is at what takes the time, beside what it could do at best (docs/performance.md)."""

from efields.bench.noise import noise_recording

__all__ = ["noise_recording"]
