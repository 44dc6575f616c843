"""Score a run on held-out views under a named protocol, and rewrite its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from efields.atomic import check_place
from efields.cli import print_json
from efields.cli._machine import Machine
from efields.errors import InputError


@dataclass(frozen=True)
class Args:
    """Flags of `efields evaluate`."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    scene: Path | None = None
    """Recording with the reference views; by default the one that the run was trained on."""
    protocol: Literal["auto", "robust", "eventnerf", "offset", "none"] = "auto"
    """How brightness is corrected before renders are compared with references; by default the run's own protocol. The
    scores of every protocol are kept."""
    overwrite: bool = False
    """With --scene, replace the scores on the recording that the run was trained on."""
    machine: Annotated[Machine, tyro.conf.OmitArgPrefixes] = Machine()
    """The machine that it computes on."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print the scores for use by scripts, under the requested protocol, and no progress."""


def run(args: Args) -> int:
    """Score, add to metrics.json, write report.html, and print the numbers with the gauge that was removed."""
    args.machine.set_up()
    from efields.cli._scene import recording_for
    from efields.cli._training import score_and_report, typed
    from efields.train import Run

    source = Run.open(args.run)
    experiment = source.experiment
    source.check_trained()  # before a recording is read, or even simulated
    check_place(source.path)
    scene = str(args.scene) if args.scene is not None else experiment.scene
    if not scene:
        raise InputError("the run does not say which recording", source.config_path, "give one: --scene PATH")
    known = experiment.scene and source.metrics_path.exists()
    if known and not args.overwrite and Path(scene).resolve() != Path(experiment.scene).resolve():
        what = f"has scores on {experiment.scene}, which scores on {scene} would replace"
        raise InputError(what, source.path, "replace them with --overwrite, or score a copy of the run")
    recording = recording_for(scene, experiment.loader, quiet=args.json)
    protocol = experiment.evaluate.protocol if args.protocol == "auto" else args.protocol
    metrics = score_and_report(source, recording, protocol, args.machine, quiet=args.json)
    if args.json:
        print_json(metrics)
    else:
        print("\n".join([*score_lines(metrics), typed(source.path / "report.html")]))
    return 0


def score_lines(metrics: dict[str, Any]) -> list[str]:
    """The scores, one per line, each with its meaning or the reason why it is missing."""
    rows = [
        ("protocol", f"{metrics['protocol']}: {metrics['protocol_summary']}"),
        ("views", f"{metrics['views']} ({metrics['views_are']})"),
        ("PSNR", _number(metrics, "psnr", "{:.2f} dB")),
        ("SSIM", _number(metrics, "ssim", "{:.4f}")),
        ("LPIPS", _number(metrics, "lpips", "{:.4f}")),
        ("depth error", _depth(metrics)),
    ]
    gauge = metrics["gauge"]
    if gauge is not None:
        pairs = zip(gauge["a"], gauge["b"], strict=True)
        rows.append(("gauge", "  ".join(f"a {a:.4f} b {b:+.4f}" for a, b in pairs) + "  (scale, offset per channel)"))
        rows.append(("fitted on", metrics["fitted_on"]))
    return [f"{name:<12}{text}" for name, text in rows]


def _number(metrics: dict[str, Any], key: str, form: str) -> str:
    return metrics[f"{key}_reason"] if metrics[key] is None else form.format(metrics[key])


def _depth(metrics: dict[str, Any]) -> str:
    if metrics["depth_abs_rel"] is None:
        return metrics["depth_reason"]
    covered = 100 * metrics["depth_coverage"]
    return f"{100 * metrics['depth_abs_rel']:.2f} % of the distance, on {covered:.1f} % of the object's pixels"
