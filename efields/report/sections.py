"""The sections of the report, each from files of the run folder; a missing piece becomes one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from efields.evaluate.heldout import NO_REFERENCE
from efields.report import images, markup, plots
from efields.report.contents import Contents

SHOWN_VIEWS = 8
_SCORES = {"psnr": ".2f", "ssim": ".3f", "lpips": ".3f"}
NOT_SCORED = "Not scored yet: run efields evaluate, which writes these numbers and pictures into the run folder."


def headline(run: Contents) -> str:
    """The numbers that matter first, and the protocol in one sentence."""
    metrics = run.metrics
    last = run.curve[-1] if run.curve else {}
    seconds = run.training.get("train_seconds", last.get("seconds"))
    cards = []
    if run.scored:
        cards.append(markup.card(f"{metrics['psnr']:.2f} dB", "PSNR", f"mean of {_count(metrics['views'], 'view')}"))
        if metrics.get("ssim") is not None:
            cards.append(markup.card(f"{metrics['ssim']:.3f}", "SSIM", "1 is identical"))
        if metrics.get("lpips") is not None:
            cards.append(markup.card(f"{metrics['lpips']:.3f}", "LPIPS", "0 is identical"))
        if metrics.get("depth_abs_rel") is not None:
            covered = f"of the distance, on {100 * metrics['depth_coverage']:.1f} % of the object"
            cards.append(markup.card(f"{100 * metrics['depth_abs_rel']:.1f} %", "Depth error", covered))
    if seconds is not None:
        steps = run.training.get("steps", last.get("step"))
        cards.append(markup.card(markup.duration(seconds), "Training time", f"{markup.show(steps)} steps"))
    events_seen = run.training.get("events", metrics.get("events"))
    if events_seen is not None:
        cards.append(markup.card(_short(events_seen), "Events", "in the recording"))
    parts = [markup.cards(*cards)]
    if run.scored:
        line = f"Scored on {_views_that(metrics['views'], metrics['views_are'])} that training never saw. Protocol "
        parts.append(markup.paragraph(f"{line}“{metrics['protocol']}”: {metrics['protocol_summary']}", "lead"))
        parts.append(_protocols(metrics.get("protocols", {})))
    elif metrics:
        parts.append(markup.paragraph(f"PSNR {NO_REFERENCE}.", "lead"))
    else:
        parts.append(markup.missing(NOT_SCORED))
    return "".join(parts)


def _protocols(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The scores under every protocol, where there is more than one; they cannot be compared with each other."""
    if len(scores) < 2:
        return ""
    rows = [
        (
            escape(name),
            *(("" if each[key] is None else f"{each[key]:{form}}") for key, form in _SCORES.items()),
            markup.show(each["steps"]),
            escape(str(each["protocol_summary"])),
        )
        for name, each in scores.items()
    ]
    return markup.table(["Protocol", "PSNR, dB", "SSIM", "LPIPS", "Steps", "What is corrected"], rows, "protocols")


def views(run: Contents) -> str:
    """Reference, render, error and depth of views spread over the set."""
    held = run.heldout
    if not held:
        return markup.section("Held-out views", markup.missing(NOT_SCORED), anchor="views")
    total = len(held["render"])
    chosen = sorted({int(i) for i in (np.arange(min(SHOWN_VIEWS, total)) + 0.5) / min(SHOWN_VIEWS, total) * total})
    if "truth" not in held:
        return _unscored_views(held, chosen)
    space: Any = str(held["color_space"])
    truth, render = ([images.shrunk(x) for x in images.pictures_of(held, key, chosen)] for key in ("truth", "render"))
    white = max(float(np.percentile(images.flat(truth), 99.8)), 1e-6)
    shown_truth, shown_render = ([images.display_values(x, white, space) for x in some] for some in (truth, render))
    errors = [np.abs(x - y).mean(axis=-1) for x, y in zip(shown_truth, shown_render, strict=True)]
    error_end = images.error_scale(images.flat(errors))
    depths = _DepthColumns(held, chosen)
    rows = []
    for k, i in enumerate(chosen):
        name = str(held["names"][i])
        error = images.colour_mapped(errors[k], 0.0, error_end, images.ERROR_MAP)[..., :3]
        cells = [
            f"<span class='viewname'>{name_cell(name)}</span><br>{held['psnr'][i]:.2f} dB{_ssim(held, i)}",
            markup.picture(images.data_uri(images.to_rgb(shown_truth[k])), f"reference of view {name}"),
            markup.picture(images.data_uri(images.to_rgb(shown_render[k])), f"render of view {name}"),
            markup.picture(images.data_uri(error), f"error of view {name}"),
            *depths.cells(k, name),
        ]
        rows.append(cells)
    head = ["View", "Reference", "Render", "Error", *depths.head]
    note = (
        f"{len(chosen)} of {run.metrics.get('views', total)} views, spread over the set. Renders are aligned to the "
        "reference by the protocol, all views together. Error: absolute difference of the display values shown, "
        "mean over channels."
    )
    scales = [markup.scale(images.colour_scale(images.ERROR_MAP), "0", f"{error_end:.2f}", "error"), *depths.scale]
    return markup.section(
        "Held-out views",
        markup.paragraph(note),
        markup.table(head, rows, "views"),
        f'<p class="scales">{"".join(scales)}</p>',
        anchor="views",
    )


def events(run: Contents) -> str:
    """Events measured by the sensor and predicted by the field, at some instants."""
    title = "Measured and predicted events"
    if not run.events:
        return markup.section(title, markup.missing(NOT_SCORED), anchor="events")
    measured, predicted = (run.events[key].astype(np.float32) for key in ("measured", "predicted"))
    if len(measured) == 0:
        text = "Not available: the recording has too few events in the time that the trajectory covers."
        return markup.section(title, markup.missing(text), anchor="events")
    from efields.events.image import log_change_image

    end = max(float(np.percentile(np.abs(np.stack([measured, predicted])), 99.5)), 1e-3)
    rows = []
    for k, (t0, t1) in enumerate(zip(run.events["t0_us"], run.events["t1_us"], strict=True)):
        residual = predicted[k] - measured[k]
        rms = [float(np.sqrt(np.mean(x.astype(np.float64) ** 2))) for x in (measured[k], residual)]
        cells = [
            f"<span class='viewname'>{(t1 - t0) / 1000:.1f} ms</span><br>residual {rms[1]:.3f}<br>measured {rms[0]:.3f}"
        ]
        for label, change in (("measured", measured[k]), ("predicted", predicted[k]), ("residual", residual)):
            cells.append(
                markup.picture(images.data_uri(log_change_image(change, end)), f"{label} log change, window {k + 1}")
            )
        rows.append(cells)
    strip = markup.scale(images.diverging_scale(), f"{markup.MINUS}{end:.2f}", f"+{end:.2f}", "log change")
    note = (
        "Change of log intensity over a short window: counted by the sensor (threshold times events), and rendered at "
        "the window's two poses. The residual is predicted minus measured; if the field explains the recording, only "
        "noise is left there. Numbers are root mean squares over all pixels."
    )
    return markup.section(
        title,
        markup.paragraph(note),
        markup.table(["Window", "Measured", "Predicted", "Residual"], rows, "views"),
        f'<p class="scales">{strip}</p>',
        anchor="events",
    )


def training(run: Contents) -> str:
    """Curves, speed, time and memory."""
    if not run.curve:
        return markup.section("Training", markup.missing("No step has been logged yet."), anchor="training")
    last = run.curve[-1]
    loss, psnr = plots.loss_plot(run.curve), plots.psnr_plot(run.curve, run.metrics.get("psnr"))
    drawn = [
        markup.figure(loss, "training loss over steps")
        if loss
        else markup.missing("Too few steps were logged for a loss curve."),
        markup.figure(psnr, "held-out PSNR over training time")
        if psnr
        else markup.missing("No held-out curve: training had no reference views."),
    ]
    rows: list[tuple[str, Any]] = [("time", markup.duration(run.training.get("train_seconds", last.get("seconds"))))]
    rows.append(("steps", run.training.get("steps", last.get("step", "not known"))))
    for key, name in (("rays_per_s", "rays per second"), ("samples_per_s", "samples per second")):
        speeds = [line[key] for line in run.curve if line.get(key) is not None]
        if speeds:
            rows.append((f"{name} (median)", int(np.median(speeds))))
    rows += [("peak memory", _memory(run)), *_ran_on(run)]
    notes = "".join(markup.paragraph(note) for note in run.training.get("notes", ()))
    return markup.section(
        "Training", f'<div class="pair">{"".join(drawn)}</div>', notes, markup.facts(rows), anchor="training"
    )


def _ran_on(run: Contents) -> list[tuple[str, Any]]:
    """Backend, instruction set and device, and what the kernels left to the reference."""
    told = {**run.training, "left": "; ".join(run.training.get("fell_back", ()))}
    names = {"instruction_set": "instructions", "device_name": "device", "left": "left to the slower reference"}
    backend = told.get("backend", run.metrics.get("backend")) or "not known"
    return [("backend", backend), *((name, told[key]) for key, name in names.items() if told.get(key))]


def trajectory(run: Contents) -> str:
    """Where the camera was and where the held-out views are."""
    heldout = run.heldout.get("T_world_camera") if "truth" in run.heldout else None
    positions = viewing = None
    if run.trajectory is not None:
        thin = np.unique(np.linspace(0, len(run.trajectory.position) - 1, 2000).astype(np.int64))
        positions, viewing = run.trajectory.position[thin], _viewing(run.trajectory.orientation[thin])
    svg = plots.trajectory_plot(positions, viewing, heldout)
    drawn = markup.figure(svg, "path of the camera from three sides") if svg else ""
    if run.trajectory is None:
        drawn += markup.missing(f"The trajectory cannot be shown: {run.no_trajectory or 'the checkpoint has none'}.")
    caption = "World units; short lines show the viewing direction." if svg else ""
    return markup.section("Trajectory", drawn, markup.paragraph(caption) if caption else "", anchor="trajectory")


def name_cell(name: str) -> str:
    """A name from disk that may break after slashes and underscores."""
    return escape(name).replace("/", "/<wbr>").replace("_", "_<wbr>")


class _DepthColumns:
    """The depth columns of the table of views: the render's, and the reference's where there is one."""

    def __init__(self, held: dict[str, np.ndarray], chosen: list[int]) -> None:
        self._depth = _maps(held, "depth", chosen)
        self._seen = [opacity > 0.5 for opacity in _maps(held, "opacity", chosen)]
        self._truth = _maps(held, "depth_truth", chosen) if "depth_truth" in held else None
        flat, seen = images.flat(self._depth), images.flat(self._seen)
        truth = None if self._truth is None else images.flat(self._truth)
        self._range = None if truth is None else images.depth_range(truth, np.isfinite(truth))
        self._range = self._range or images.depth_range(flat, seen)
        self.head = ["Depth"] if self._truth is None else ["Depth", "Reference depth"]
        self.scale: list[str] = []
        if self._range is not None:
            low, high = (f"{value:.3g}" for value in self._range)
            self.scale.append(markup.scale(images.colour_scale(images.DEPTH_MAP), low, high, "distance, world units"))

    def cells(self, k: int, name: str) -> list[str]:
        """The cells of the k-th shown view; background is left open."""
        if self._range is None:
            return ["transparent"] * len(self.head)
        drawn = [(self._depth[k], self._seen[k], f"rendered depth of view {name}")]
        if self._truth is not None:
            drawn.append((self._truth[k], np.isfinite(self._truth[k]), f"reference depth of view {name}"))
        return [
            markup.picture(
                images.data_uri(images.colour_mapped(depth, *self._range, images.DEPTH_MAP, seen)), label, "masked"
            )
            for depth, seen, label in drawn
        ]


def _maps(held: dict[str, np.ndarray], key: str, chosen: list[int]) -> list[np.ndarray]:
    return [images.thinned(x).astype(np.float32) for x in images.pictures_of(held, key, chosen)]


def _unscored_views(held: dict[str, np.ndarray], chosen: list[int]) -> str:
    """Renders along the trajectory if there is nothing to compare with."""
    render = [images.shrunk(x) for x in images.pictures_of(held, "render", chosen)]
    white = max(float(np.percentile(images.flat(render), 99)), 1e-6)
    shown = [images.display_values(x, white, "linear") for x in render]
    depths = _DepthColumns(held, chosen)
    rows = [
        [
            f"<span class='viewname'>{name_cell(str(held['names'][i]))}</span>",
            markup.picture(images.data_uri(images.to_rgb(shown[k])), f"render at {held['names'][i]}"),
            *depths.cells(k, str(held["names"][i])),
        ]
        for k, i in enumerate(chosen)
    ]
    return markup.section(
        "Views along the trajectory",
        markup.missing(f"Held-out views are {NO_REFERENCE}."),
        markup.paragraph("Uncalibrated brightness: white is the 99th percentile of all renders shown."),
        markup.table(["Time", "Render", *depths.head], rows, "views few"),
        f'<p class="scales">{"".join(depths.scale)}</p>',
        anchor="views",
    )


def _viewing(orientation: np.ndarray) -> np.ndarray:
    """Viewing directions (the third column of the rotation) of xyzw unit quaternions [p, 4]."""
    x, y, z, w = orientation.T
    return np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)


def _memory(run: Contents) -> str:
    """Peak memory of the training process."""
    peak = run.training.get("peak_memory_mb")
    return "not known" if peak is None else f"{peak:,.0f} MB"


def _ssim(held: dict[str, np.ndarray], i: int) -> str:
    return f"<br>SSIM {held['ssim'][i]:.3f}" if np.isfinite(held["ssim"][i]) else ""


def _short(count: int) -> str:
    for size, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def _views_that(number: int, are: str) -> str:
    """The number of views and what they are: "1 novel view", "4 of the camera's own frames"."""
    if are.startswith("the "):
        return f"{number} of {are}"
    return f"{number} {are if number != 1 else are.removesuffix('s')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
