"""Scores of optical flow under named presets: end-point error, angular error, outliers, and flow warp loss.

The presets differ in which pixels count and in what an outlier is; scores of different presets are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Real
from scipy.ndimage import gaussian_filter

from efields.backends.warped_events import splat_events
from efields.errors import InputError
from efields.settings import did_you_mean

_OUTLIER_PX = 3.0


@dataclass(frozen=True)
class FlowPreset:
    """Defines which pixels of a flow map count, and what an outlier is."""

    text: str
    """The protocol in one sentence, for tables."""
    crop: tuple[int, int] | None = None
    """Height and width of the crop around the image centre; None for the full frame."""
    rows_outdoors: int | None = None
    """Outdoors, only rows above this one count: below it is the bonnet of the car."""
    rows_of: Literal["image", "crop"] = "image"
    """The image in which `rows_outdoors` is counted."""
    event_mask: bool = False
    """Whether only pixels with an event in the interval count."""
    nonzero: Literal["", "any", "both"] = ""
    """Whether true flow of which any component (or both) is zero counts as unknown."""
    outlier_share: float = 0.0
    """In addition to 3 px, an outlier is off by more than this fraction of the true flow's length."""


FLOW_PRESETS: Mapping[str, FlowPreset] = {
    "mvsec_evflownet": FlowPreset(
        "MVSEC as EV-FlowNet (Zhu et al., RSS 2018): middle 256x256, pixels with events; outdoors the first 190 rows of"
        " that; outliers off by over 3 px and 5 %.",
        crop=(256, 256),
        rows_outdoors=190,
        rows_of="crop",
        event_mask=True,
        nonzero="any",
        outlier_share=0.05,
    ),
    "mvsec_multicm": FlowPreset(
        "MVSEC as MultiCM (Shiba et al., ECCV 2022) and E-MoFlow: full frame, pixels with events, both components of"
        " the true flow other than 0; outliers off by over 3 px.",
        event_mask=True,
        nonzero="both",
    ),
    "mvsec_eraft": FlowPreset(
        "MVSEC as E-RAFT (Gehrig et al., 3DV 2021): middle 256x256, dense, without a mask of events; outdoors the first"
        " 193 rows of the image; outliers off by over 3 px.",
        crop=(256, 256),
        rows_outdoors=193,
        nonzero="any",
    ),
    "dsec": FlowPreset(
        "DSEC's benchmark (Gehrig et al., 3DV 2021): all valid pixels; outliers (3PE) off by over 3 px."
    ),
    "simulated": FlowPreset(
        "Simulated scenes: full frame, pixels with events where the true flow is known; outliers off by over 3 px.",
        event_mask=True,
    ),
}
"""Presets by name."""


@dataclass(frozen=True)
class FlowScore:
    """Mean errors over the pixels that count; for several maps, the mean over maps."""

    epe: float
    """Mean end-point error in pixels."""
    angular_error_deg: float
    """Mean angle between (u, v, 1) of both flows, in degrees (Barron et al., IJCV 1994)."""
    outliers: float
    """Fraction of outliers as the preset defines them, 0 to 1."""
    over_1px: float
    """Fraction off by more than 1 px (1PE)."""
    over_2px: float
    """Fraction off by more than 2 px (2PE)."""
    over_3px: float
    """Fraction off by more than 3 px (3PE)."""
    pixels: int
    """Pixels that count, of all maps together."""
    maps: int = 1
    """Maps that have such pixels."""


def flow_preset(name: str) -> FlowPreset:
    """The preset of that name. Raises `InputError` for another name."""
    if name not in FLOW_PRESETS:
        raise InputError(f"unknown flow preset '{name}'", do=did_you_mean(name, FLOW_PRESETS))
    return FLOW_PRESETS[name]


def counted_pixels(
    truth: Real[np.ndarray, "h w 2"],
    valid: Bool[np.ndarray, "h w"],
    preset: FlowPreset,
    events: Bool[np.ndarray, "h w"] | None = None,
    outdoors: bool = False,
) -> Bool[np.ndarray, "h w"]:
    """Pixels of a map that a preset counts; `events` says where events were in the interval.

    Raises `InputError` where the preset takes a mask of events and none is given.
    """
    height, width = valid.shape
    counted = valid & np.isfinite(truth).all(axis=-1)
    if preset.nonzero:
        moves = truth != 0
        counted &= moves.any(axis=-1) if preset.nonzero == "any" else moves.all(axis=-1)
    if preset.event_mask:
        if events is None:
            raise InputError("this preset counts pixels with events only", do="give the mask of events")
        counted &= events
    crop_height, crop_width = preset.crop or (height, width)
    top, left = max((height - crop_height) // 2, 0), max((width - crop_width) // 2, 0)
    window = np.zeros_like(counted)
    window[top : top + crop_height, left : left + crop_width] = True
    if outdoors and preset.rows_outdoors is not None:
        window[preset.rows_outdoors + (top if preset.rows_of == "crop" else 0) :] = False
    return counted & window


def score_flow(
    estimate: Real[np.ndarray, "h w 2"],
    truth: Real[np.ndarray, "h w 2"],
    valid: Bool[np.ndarray, "h w"],
    preset: FlowPreset,
    events: Bool[np.ndarray, "h w"] | None = None,
    outdoors: bool = False,
) -> FlowScore | None:
    """Score of one map, both flows in pixels over the same interval; None where no pixel counts.

    Raises `InputError` for maps of different sizes, and an estimate that is not finite where it counts.
    """
    if estimate.shape != truth.shape or valid.shape != truth.shape[:2]:
        raise InputError(f"flow has shape {estimate.shape}, ground truth {truth.shape}", do="give maps of one size")
    counted = counted_pixels(truth, valid, preset, events, outdoors)
    if not counted.any():
        return None
    found, true = (np.asarray(flow, dtype=np.float64)[counted] for flow in (estimate, truth))
    if not np.isfinite(found).all():
        raise InputError("the flow is not finite at some pixels that count", do="estimate it everywhere")
    error = np.hypot(*(found - true).T)
    length = np.hypot(*true.T)
    cosine = (1 + (found * true).sum(axis=1)) / np.sqrt((1 + (found**2).sum(axis=1)) * (1 + length**2))
    return FlowScore(
        epe=float(error.mean()),
        angular_error_deg=float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).mean()),
        outliers=float(((error > _OUTLIER_PX) & (error > preset.outlier_share * length)).mean()),
        over_1px=float((error > 1).mean()),
        over_2px=float((error > 2).mean()),
        over_3px=float((error > 3).mean()),
        pixels=int(counted.sum()),
    )


def mean_flow_score(scores: Sequence[FlowScore | None]) -> FlowScore | None:
    """Mean over maps, each with the same weight, as all presets have it; None where no map has pixels that count."""
    held = [score for score in scores if score is not None]
    if not held:
        return None
    names = ("epe", "angular_error_deg", "outliers", "over_1px", "over_2px", "over_3px")
    means = {name: float(np.mean([getattr(score, name) for score in held])) for name in names}
    return FlowScore(**means, pixels=sum(score.pixels for score in held), maps=len(held))


@dataclass(frozen=True, eq=False)
class FlowPair:
    """One interval to score."""

    estimate: Float[np.ndarray, "h w 2"]
    """Estimated displacement in pixels."""
    truth: Float[np.ndarray, "h w 2"]
    """True displacement in pixels."""
    valid: Bool[np.ndarray, "h w"]
    """Where the ground truth is known."""
    events: Bool[np.ndarray, "h w"] | None = None
    """Where there were events in the interval."""


def flow_table(pairs: Sequence[FlowPair], preset: FlowPreset, outdoors: bool = False) -> dict[str, FlowScore | None]:
    """Mean score of the estimate, and of zero flow on the same pixels."""
    rows: dict[str, FlowScore | None] = {}
    for name, share in (("estimate", 1.0), ("zero flow", 0.0)):
        scores = [
            score_flow(pair.estimate if share else np.zeros_like(pair.truth), pair.truth, pair.valid, preset,
                       pair.events, outdoors)
            for pair in pairs
        ]  # fmt: skip
        rows[name] = mean_flow_score(scores)
    return rows


@dataclass(frozen=True)
class WarpLossPreset:
    """Settings of the flow warp loss; fixed, so that numbers are comparable."""

    events: int = 30000
    """Number of consecutive events from the middle of those given; with fewer there is no score."""
    blur_px: float = 1.0
    """Standard deviation of the Gaussian blur of both images."""

    @property
    def text(self) -> str:
        """The protocol in one sentence, for tables."""
        return (
            f"FWL (Stoffregen et al., ECCV 2020): variance of the image of warped events over that of unwarped ones,"
            f" {self.events} events, blur {self.blur_px:g} px; above 1 is sharper, and more is better."
        )


def flow_warp_loss(
    place: Float[np.ndarray, "n 2"],
    warped: Float[np.ndarray, "n 2"],
    height: int,
    width: int,
    preset: WarpLossPreset = WarpLossPreset(),
) -> float | None:
    """FWL: Var(image of warped events) / Var(image of unwarped events), above 1 is better; some publish its inverse.

    `place` and `warped`: pixels (x, y) of consecutive events before and after. Events that leave the image are lost
    from it. None for fewer events than the preset takes, or an unwarped image without variance.
    """
    count = len(place)
    if warped.shape != place.shape:
        raise InputError(f"{count} events and {len(warped)} warped ones", do="give both for the same events")
    if count < preset.events:
        return None
    first = (count - preset.events) // 2
    middle = slice(first, first + preset.events)
    before, after = (_variance(points[middle], height, width, preset.blur_px) for points in (place, warped))
    return after / before if before > 0 else None


def _variance(points: np.ndarray, height: int, width: int, blur_px: float) -> float:
    x, y = torch.from_numpy(np.ascontiguousarray(points.T, dtype=np.float64))
    image = splat_events(x, y, torch.ones_like(x), height, width).numpy()
    return float((gaussian_filter(image, blur_px) if blur_px > 0 else image).var())
