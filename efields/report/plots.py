"""Curves and the trajectory as inline SVG that takes the colours of the page, light or dark."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Colours not used by any plot; they become CSS variables of the page.
_INK, _MUTED, _LINE = "#010203", "#020304", "#030405"
_VARIABLES = {_INK: "var(--ink)", _MUTED: "var(--muted)", _LINE: "var(--line)"}
BLUE, AMBER = "#2f7bff", "#e08e00"
# Lightness, hue and dash differ, so that curves are told apart in grey print and by colour-blind readers.
_STYLES = (
    (BLUE, "-"),
    (AMBER, "--"),
    ("#2a9d8f", "-."),
    ("#c2549d", ":"),
    ("#8a6fdf", (0, (5, 1))),
    ("#7a8699", (0, (1, 1))),
)
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "efields",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_POINTS = 1500


def loss_plot(curve: list[dict[str, Any]]) -> str | None:
    """The loss and its terms over the steps, on a log axis; None without two points."""
    lines = [line for line in curve if _number(line.get("loss")) and line["loss"] > 0]
    lines = lines[:: max(1, len(lines) // _POINTS)]
    if len(lines) < 2:
        return None
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure("Training loss")
        steps = [line["step"] for line in lines]
        names = sorted({name for line in lines for name in line.get("terms", {})})
        total = [line["loss"] for line in lines]
        axes.plot(steps, total, color=BLUE, linewidth=1.6, label="total")
        for k, name in enumerate(names if len(names) > 1 else []):
            values = [line.get("terms", {}).get(name) for line in lines]
            drawn = [value if _number(value) and value > 0 else np.nan for value in values]
            colour, dash = _STYLES[(k + 1) % len(_STYLES)]
            axes.plot(steps, drawn, color=colour, linestyle=dash, linewidth=1.2, label=name.replace("_", " "))
        axes.set_yscale("log")
        # A nearly satisfied term falls to any power of ten; only what contributes to the total matters.
        axes.set_ylim(bottom=max(axes.get_ylim()[0], min(total) / 50))
        axes.set_xlabel("step")
        if len(names) > 1:
            figure.legend(fontsize=9, ncols=3, loc="outside lower center")
        return _svg(figure, "loss")


def psnr_plot(curve: list[dict[str, Any]], final: float | None) -> str | None:
    """Held-out PSNR over the seconds of training, with the final number of all views; None without a point."""
    points = [(line["seconds"], line["psnr_heldout"]) for line in curve if _number(line.get("psnr_heldout"))]
    if not points:
        return None
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure("Held-out PSNR in dB")
        seconds, values = np.array(points).T
        in_minutes = seconds[-1] > 180
        time = seconds / 60 if in_minutes else seconds
        axes.plot(
            time, values, color=BLUE, linewidth=1.6, marker="o", markersize=3.5, label="a few views, while training"
        )
        if final is not None:
            axes.axhline(
                final, color=AMBER, linewidth=1.2, linestyle="--", label=f"all views, at the end: {final:.2f} dB"
            )
        axes.set_xlabel("training time in " + ("minutes" if in_minutes else "seconds"))
        axes.legend(fontsize=9, loc="lower right")
        return _svg(figure, "psnr")


def trajectory_plot(
    positions: Float64[np.ndarray, "p 3"] | None,
    viewing: Float64[np.ndarray, "p 3"] | None,
    heldout: Float64[np.ndarray, "n 4 4"] | None,
) -> str | None:
    """Path of the camera and held-out poses from three sides, in world units; None without either."""
    if positions is None and heldout is None:
        return None
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.4, 3.6), layout="constrained")
        for column, (i, j, title) in enumerate(
            ((0, 1, "from above"), (0, 2, "from the front"), (1, 2, "from the side"))
        ):
            axes = figure.add_subplot(1, 3, column + 1)
            if positions is not None:
                axes.plot(positions[:, i], positions[:, j], color=BLUE, linewidth=1.6, label="recording")
                axes.plot(
                    *positions[0, [i, j]], color=BLUE, marker="s", markersize=6, linestyle="none", label="its start"
                )
                if viewing is not None:
                    _looks(axes, positions, viewing, (i, j), BLUE)
            if heldout is not None:
                at, look = heldout[:, :3, 3], heldout[:, :3, 2]
                axes.plot(
                    at[:, i], at[:, j], color=AMBER, marker="^", markersize=5, linestyle="none", label="held-out views"
                )
                _looks(axes, at, look, (i, j), AMBER)
            axes.set_aspect("equal", adjustable="datalim")
            axes.set_title(title, fontsize=10, color=_MUTED)
            axes.set_xlabel("xyz"[i])
            axes.set_ylabel("xyz"[j])
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
        return _svg(figure, "path")


def _looks(axes: Axes, at: np.ndarray, look: np.ndarray, plane: tuple[int, int], colour: str) -> None:
    """Short lines in the viewing direction of at most 40 poses."""
    chosen = np.unique(np.linspace(0, len(at) - 1, 40).astype(np.int64))
    length = 0.12 * float(np.ptp(at, axis=0).max() or 1.0)
    ends = at[chosen] + length * look[chosen]
    for start, end in zip(at[chosen][:, plane], ends[:, plane], strict=True):
        axes.plot(*np.stack([start, end]).T, color=colour, linewidth=0.7, alpha=0.6)


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.1, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    return figure, axes


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _svg(figure: Figure, prefix: str) -> str:
    """The figure as an <svg> element with the page's colours and font, ids of its own and no outside address."""
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-").replace('href="#', f'href="#{prefix}-').replace("xlink:href", "href")
    svg = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg
