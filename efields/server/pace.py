"""Resolution of previews while the camera moves, from measured rays per second (the first moments not counted)."""

from __future__ import annotations

from dataclasses import dataclass

SCALES = (1.0, 0.875, 0.75, 0.625, 0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125)
"""Sizes of previews relative to the full size, along each side."""
START = 0.25
"""The size while nothing is known."""
FRAME_S = 0.03
"""Seconds per image: 30 a second, with some reserve for its transfer to the page."""
CHUNK_S = 0.012
"""Seconds per chunk of rays: a newer request waits no longer than this."""
WARM_UP = 4
"""Chunks whose time tells of compiling and cold memory."""
LEAST_ROWS = 96
"""Least rows of a preview."""
LEAST_CHUNK, MOST_CHUNK = 1024, 1 << 15


class Pace:
    """Keeps the time of a ray, and the size that was chosen last for each time of a picture."""

    def __init__(self) -> None:
        self._seen = 0
        self._ray_s: float | None = None
        self._chosen: dict[float, float] = {}

    def note(self, rays: int, seconds: float) -> None:
        """One measurement."""
        self._seen += 1
        if self._seen <= WARM_UP or rays < LEAST_CHUNK // 2:
            return
        each = seconds / rays
        self._ray_s = each if self._ray_s is None else self._ray_s + 0.2 * (each - self._ray_s)

    @property
    def rays_per_s(self) -> float | None:
        """Rays a second; None while nothing is known."""
        return None if not self._ray_s else 1 / self._ray_s

    def expected_s(self, rays: int) -> float | None:
        """Seconds of so many rays; None while nothing is known."""
        return None if self._ray_s is None else rays * self._ray_s

    def chunk(self) -> int:
        """Rays of the next chunk."""
        if not self._ray_s:
            return 2 * LEAST_CHUNK
        return int(min(MOST_CHUNK, max(LEAST_CHUNK, CHUNK_S / self._ray_s)))

    def size(self, width: int, height: int, frame_s: float = FRAME_S, rows: int = LEAST_ROWS) -> tuple[int, int]:
        """Pixels of a preview of `width` x `height` that takes `frame_s`, of at least so many rows."""
        start = START if rows == LEAST_ROWS else SCALES[-1]
        full_s, chosen = self.expected_s(width * height), self._chosen.get(frame_s, start)
        if full_s is not None:
            best = next((scale for scale in SCALES if full_s * scale**2 <= frame_s), SCALES[-1])
            # A change has to pay, or the size would flicker between two steps.
            smaller = best < chosen and full_s * chosen**2 > 1.15 * frame_s
            if smaller or (best > chosen and full_s * best**2 < 0.92 * frame_s):
                self._chosen[frame_s] = chosen = best
        scale = min(1.0, max(chosen, rows / height))
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class Paces:
    """A ray of a draft costs less than one of a full picture."""

    full: Pace
    """Of full pictures."""
    draft: Pace
    """Of drafts."""
