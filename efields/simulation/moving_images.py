"""Quick simulated recordings with exact flow: textured planes that slide, rotate, grow and tilt before a camera.

No renderer is needed: a pixel looks up a texture through a homography that changes with time, and so do the pixels of
a patch in front, which moves on its own. Where a point goes follows from the homographies alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64
from scipy.ndimage import gaussian_filter, map_coordinates

from efields.events.stream import EventStream
from efields.simulation.event_camera import simulate_events
from efields.simulation.sensor_model import EventCamera

_TEXELS = 512


@dataclass(frozen=True)
class PlaneMotion:
    """How a plane moves in the image: every component is a constant plus slow sines of time."""

    middle: tuple[float, float]
    """Pixel about which it rotates and grows."""
    constant: Float64[np.ndarray, " 6"]
    """Rates of translation in x and y (px/s), rotation (rad/s), growth (1/s) and tilt in x and y (1/px/s)."""
    swing: Float64[np.ndarray, " 6"]
    """Amplitudes of the sines of those rates."""
    hz: Float64[np.ndarray, " 6"]
    """Their frequencies."""
    phase: Float64[np.ndarray, " 6"]
    """Their phases in radians."""

    def at(self, t_s: float) -> Float64[np.ndarray, "3 3"]:
        """Homography that takes a point's pixel at time 0 to its pixel at `t_s` seconds."""
        angular = 2 * math.pi * self.hz
        swung = self.swing / angular * (np.cos(self.phase) - np.cos(angular * t_s + self.phase))
        x, y, turn, growth, tilt_x, tilt_y = self.constant * t_s + swung
        c, s, size = math.cos(turn), math.sin(turn), math.exp(growth)
        about = np.array([[size * c, -size * s, x], [size * s, size * c, y], [tilt_x, tilt_y, 1.0]])
        shift = np.array([[1.0, 0, self.middle[0]], [0, 1, self.middle[1]], [0, 0, 1]])
        return shift @ about @ np.linalg.inv(shift)


@dataclass(frozen=True)
class MovingImage:
    """A textured plane and a patch in front of it."""

    textures: tuple[Float[np.ndarray, "s s"], Float[np.ndarray, "s s"]]
    """Linear intensities of background and patch, one texel per pixel at time 0, repeated endlessly."""
    motions: tuple[PlaneMotion, PlaneMotion]
    """Motions of background and patch."""
    patch: tuple[float, float, float, float]
    """Centre and semi-axes of the elliptic patch at time 0, in pixels; semi-axes of 0 mean no patch."""
    width: int
    """Columns of the image."""
    height: int
    """Rows of the image."""

    def intensity(self, t_s: float) -> Float64[np.ndarray, "h w"]:
        """The image at a given time."""
        places = [_moved(np.linalg.inv(motion.at(t_s)), self._pixels()) for motion in self.motions]
        looks = [
            map_coordinates(texture, place.T[::-1], order=1, mode="grid-wrap")
            for texture, place in zip(self.textures, places, strict=True)
        ]
        front = self._in_patch(places[1], edge=1.0)
        return (looks[0] + front * (looks[1] - looks[0])).reshape(self.height, self.width)

    def displacement(self, t0_s: float, t1_s: float) -> tuple[Float64[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
        """Displacement in pixels, from `t0_s` to `t1_s`, of what each pixel shows, and whether it is still visible."""
        pixels = self._pixels()
        at_first, at_last = ([motion.at(t) for motion in self.motions] for t in (t0_s, t1_s))
        ends = [_moved(b @ np.linalg.inv(a), pixels) for a, b in zip(at_first, at_last, strict=True)]
        front = self._in_patch(_moved(np.linalg.inv(at_first[1]), pixels)) > 0.5
        end = np.where(front[:, None], ends[1], ends[0])
        hidden = ~front & (self._in_patch(_moved(np.linalg.inv(at_last[1]), end)) > 0.5)
        inside = ((end >= 0) & (end <= [self.width - 1, self.height - 1])).all(axis=1)
        shape = (self.height, self.width)
        return (end - pixels).reshape(*shape, 2), (inside & ~hidden).reshape(shape)

    def events(self, camera: EventCamera, duration_s: float, frames_hz: float = 1000.0) -> EventStream:
        """What an event camera records from time 0 on."""
        times = np.arange(round(duration_s * frames_hz) + 1) / frames_hz
        return simulate_events((self.intensity(float(t)) for t in times), times, camera)[0]

    def _pixels(self) -> Float64[np.ndarray, "n 2"]:
        rows, columns = np.mgrid[: self.height, : self.width]
        return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)

    def _in_patch(self, place: Float64[np.ndarray, "n 2"], edge: float = 0.0) -> Float64[np.ndarray, " n"]:
        """1 inside the patch, 0 outside, at positions of time 0; linear over `edge` pixels across its border."""
        x, y, across, down = self.patch
        if min(across, down) <= 0:
            return np.zeros(len(place))
        beyond = (np.hypot((place[:, 0] - x) / across, (place[:, 1] - y) / down) - 1) * min(across, down)
        return np.clip(0.5 - beyond / edge, 0.0, 1.0) if edge > 0 else (beyond <= 0).astype(np.float64)


def draw_moving_image(
    rng: np.random.Generator,
    size: tuple[int, int],
    fastest_px_s: float = 250.0,
    textures: tuple[np.ndarray, ...] = (),
) -> MovingImage:
    """A random scene of `size` (width, height): textures from `textures` or random, every second scene with a patch.

    Speeds are log-uniform from a fifteenth of `fastest_px_s`.
    """
    width, height = size
    looks = tuple(_cut(textures[rng.integers(len(textures))], rng) if textures else draw_texture(rng) for _ in range(2))
    motions = tuple(_draw_motion(rng, size, fastest_px_s) for _ in range(2))
    half = rng.uniform(0.15, 0.3, 2) * min(size) if rng.random() < 0.5 else np.zeros(2)
    x, y = rng.uniform(0.25, 0.75, 2) * size
    return MovingImage(
        (looks[0], looks[1]),
        (motions[0], motions[1]),
        (float(x), float(y), float(half[0]), float(half[1])),
        width,
        height,
    )


def draw_texture(rng: np.random.Generator) -> Float64[np.ndarray, "s s"]:
    """A periodic texture of linear intensity: coloured noise, areas of uniform grey, or discs and boxes."""
    frequency = np.hypot(np.fft.fftfreq(_TEXELS)[:, None], np.fft.rfftfreq(_TEXELS)[None])
    band = np.exp(-0.5 * (frequency / rng.uniform(0.06, 0.15)) ** 2)
    slope = np.maximum(frequency, rng.uniform(0.005, 0.03)) ** -rng.uniform(0.8, 1.8)
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(_TEXELS, _TEXELS))) * slope * band, (_TEXELS, _TEXELS))
    value = noise / noise.std()
    kind = rng.integers(3)
    if kind == 1:
        value = np.round(value * rng.uniform(0.7, 1.5)) * rng.uniform(0.7, 1.2)
    elif kind == 2:
        value = 0.3 * value
        for _ in range(int(rng.integers(150, 400))):
            x, y = rng.integers(0, _TEXELS, 2)
            across, down = rng.uniform(3, 25, 2)
            dy, dx = np.mgrid[-25:26, -25:26] / np.array([down, across])[:, None, None]
            inside = (dx**2 + dy**2 < 1) if rng.random() < 0.5 else (np.maximum(np.abs(dx), np.abs(dy)) < 1)
            rows, columns = np.nonzero(inside)
            value[(rows + y) % _TEXELS, (columns + x) % _TEXELS] = rng.normal()
    value = gaussian_filter(value, 0.7, mode="wrap")
    return np.clip(np.exp(rng.uniform(0.35, 0.8) * value) * 0.3, 0.01, 2.0)


def _cut(texture: np.ndarray, rng: np.random.Generator) -> Float64[np.ndarray, "s s"]:
    """A photograph shifted by a random amount, its values spread over the range of intensities."""
    rolled = np.roll(texture, tuple(rng.integers(0, side) for side in texture.shape), axis=(0, 1))
    return np.clip(np.asarray(rolled, dtype=np.float64), 0.01, 2.0)


def _draw_motion(rng: np.random.Generator, size: tuple[int, int], fastest_px_s: float) -> PlaneMotion:
    """A random motion: mostly a translation, with a rotation, growth and tilt that move the image's corners by less."""
    speed = fastest_px_s * math.exp(rng.uniform(math.log(1 / 15), 0))
    angle, radius = rng.uniform(0, 2 * math.pi), min(size) / 2
    shift = speed * np.array([math.cos(angle), math.sin(angle)])
    others = rng.normal(size=4) * speed * np.array([0.35, 0.2, 0.05, 0.05]) / radius
    others[2:] /= radius
    constant = np.concatenate([shift, others])
    swing = rng.normal(size=6) * np.array([speed, speed, *np.abs(others)]) * 0.5
    return PlaneMotion(
        middle=(size[0] / 2, size[1] / 2),
        constant=constant,
        swing=swing,
        hz=rng.uniform(0.5, 3.0, 6),
        phase=rng.uniform(0, 2 * math.pi, 6),
    )


def _moved(homography: Float64[np.ndarray, "3 3"], place: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
    """Positions mapped by a homography."""
    to = place @ homography[:, :2].T + homography[:, 2]
    return to[:, :2] / to[:, 2:]


def draw_event_camera(rng: np.random.Generator) -> EventCamera:
    """A sensor with random thresholds, mismatch, shot noise and refractory period."""
    threshold = rng.uniform(0.15, 0.35)
    return EventCamera(
        c_pos=threshold,
        c_neg=threshold * rng.uniform(0.85, 1.15),
        threshold_sigma=rng.uniform(0.0, 0.04),
        refractory_us=float(rng.choice([0.0, 200.0, 1000.0])),
        shot_noise_rate_hz=rng.uniform(0.0, 4.0),
        seed=int(rng.integers(1 << 30)),
    )
