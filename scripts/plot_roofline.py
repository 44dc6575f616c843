"""Draw the rooflines of what `efields bench kernels --json` measured.

Usage: efields bench kernels --json > bench.json
       python scripts/plot_roofline.py bench.json docs/roofline.png
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from efields.bench.ceilings import Ceilings
from efields.bench.counts import counts
from efields.fields.hash_grid import Config

COLOURS = ("#9e9e9e", "#c6dbef", "#6baed6", "#2171b5", "#e6550d")
SHOWN = (
    "hash encode", "hash encode backward", "mlp", "mlp backward", "density", "look", "look and backward", "train_step",
)  # fmt: skip


def main(measured: str, picture: str) -> None:
    """Write the picture of one file of figures."""
    found = json.loads(Path(measured).read_text(encoding="utf-8"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.2), width_ratios=[1.0, 1.45], layout="constrained")
    ceilings = Ceilings(**found["ceilings"])
    draw_roof(left, found["rows"], ceilings)
    draw_bars(right, found["rows"])
    machine = found["machine"]
    figure.suptitle(f"{machine['processor']}, {machine['threads']} threads; torch {found['versions']['torch']}")
    figure.savefig(picture, dpi=110)


def draw_roof(axes: Axes, rows: list[dict[str, Any]], ceilings: Ceilings) -> None:
    """Multiply-adds a second against multiply-adds a row that is read or added to: what bounds each kernel."""
    work, rows_s = counts(Config(), 1, 1), (ceilings.gather_level_g_s or np.nan) * 1e9
    along = np.logspace(0.5, 3.2, 200)
    for bf16, colour, name in ((False, COLOURS[3], "float32"), (True, COLOURS[4], "bfloat16")):
        top = ceilings.gemm(bf16)
        axes.plot(along, np.minimum(along * rows_s, top) / 1e9, color=colour, label=f"roof, {name}")
        in_turn = 1 / (1 / (along * rows_s) + 1 / top)
        axes.plot(along, in_turn / 1e9, color=colour, linestyle=":", label=f"one after the other, {name}")
    shown = ("density", "look", "look and backward")
    best = best_of(rows)
    for marker, name in zip("osD", shown, strict=True):
        intensity = work[name].multiply_adds / (work[name].gathers + work[name].scatters)
        for bf16, colour in ((False, COLOURS[3]), (True, COLOURS[4])):
            row = best.get((name, bf16))
            if row is not None:
                rate = row["msamples_s"] * work[name].multiply_adds / 1e3
                label = None if bf16 else name
                axes.plot(intensity, rate, marker, color=colour, markersize=8, markeredgecolor="k", label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="multiply-adds for each random row", ylabel="10⁹ multiply-adds a second"
    )
    axes.set_ylim(bottom=0.02 * ceilings.gemm(bf16=False) / 1e9)  # room for the legend
    for axis, subs in ((axes.xaxis, (1.0, 3.0)), (axes.yaxis, (1.0, 2.0, 5.0))):
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, loc="lower right")


def best_of(rows: list[dict[str, Any]]) -> dict[tuple[str, bool], dict[str, Any]]:
    """The fastest native row of each kernel, with float32 and with bfloat16 products."""
    best: dict[tuple[str, bool], dict[str, Any]] = {}
    for row in rows:
        key = (row["kernel"], row["isa"].endswith("bf16"))
        if row["backend"] == "native" and row["msamples_s"] > best.get(key, {"msamples_s": 0})["msamples_s"]:
            best[key] = row
    return best


def draw_bars(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Msamples/s of each kernel and backend, quartiles as whiskers, the roof and the sum as lines across."""
    names = list(dict.fromkeys(f"{row['backend']} {row['isa']}".strip() for row in rows if row["kernel"] in SHOWN))
    height = 0.8 / len(names)
    for at, kernel in enumerate(SHOWN):
        of_kernel = [row for row in rows if row["kernel"] == kernel]
        for row in (row for row in of_kernel if row["ceiling_fraction"]):
            style = "--" if row["isa"].endswith("bf16") else "-"
            for fraction, colour in (("ceiling_fraction", "k"), ("sum_fraction", "#888")):
                axes.vlines(row["msamples_s"] / row[fraction], at - 0.45, at + 0.45, colour, style, linewidth=1.3)
        for row in of_kernel:
            number = names.index(f"{row['backend']} {row['isa']}".strip())
            place = at - 0.4 + (number + 0.5) * height
            spread = [[row["msamples_s"] - row["msamples_s_low"]], [row["msamples_s_high"] - row["msamples_s"]]]
            colour = COLOURS[number % len(COLOURS)]
            label = names[number] if at == 0 else None
            axes.barh(place, row["msamples_s"], height, xerr=spread, color=colour, label=label, error_kw={"lw": 0.8})
    axes.plot([], [], "k-", label="roof (dashed: bfloat16)")
    axes.plot([], [], "-", color="#888", label="all resources in turn")
    axes.set_yticks(range(len(SHOWN)), [name.replace("_", " ") for name in SHOWN])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="10⁶ samples a second")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(alpha=0.3, axis="x", which="both")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
