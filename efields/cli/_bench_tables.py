"""What `efields bench` found, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CEILINGS = {
    "gemm_fp32_gflops": ("products, float32, torch.mm", "GFLOP/s"),
    "gemm_bf16_gflops": ("products, bfloat16, torch.mm", "GFLOP/s"),
    "mlp_fp32_gflops": ("products, float32, native perceptron", "GFLOP/s"),
    "mlp_bf16_gflops": ("products, bfloat16, native perceptron", "GFLOP/s"),
    "gather_level_g_s": ("random rows read, one level", "G rows/s"),
    "gather_grid_g_s": ("random rows read, whole table", "G rows/s"),
    "scatter_level_g_s": ("random rows added to, one level", "G rows/s"),
    "memory_gb_s": ("memory, read and written sequentially", "GB/s"),
    "table_gb_s": ("the same, as large as table and moments", "GB/s"),
}


def facts() -> dict[str, Any]:
    """The machine (without its name) and the versions that numbers were measured with."""
    from efields.evaluate.environment import environment

    found = environment()
    of_versions = ("efields", "python", "torch", "numpy")
    return {
        "machine": {key: value for key, value in found.items() if key not in of_versions},
        "versions": {key: found[key] for key in of_versions},
    }


def table(found: dict[str, Any]) -> Iterator[str]:
    """Lines of a table for what one word measured."""
    machine, versions = found["machine"], ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    cores = f"{machine['cores']} cores, {machine['threads']} threads"
    yield f"{machine['processor']}, {cores}, {machine['system']}; {versions}"
    tables = {
        "kernels": _kernels, "train": _train, "scaling": _scaling, "render": _render, "recordings": _recordings,
        "large": _large, "motion": _motion, "view": _view,
    }  # fmt: skip
    yield from tables[found["bench"]](found)


def _view(found: dict[str, Any]) -> Iterator[str]:
    from efields.cli._bench_viewing import table as view_table

    yield from view_table(found)


def _kernels(found: dict[str, Any]) -> Iterator[str]:
    yield "\nCeilings (best of the runs, all threads)"
    for key, value in found["ceilings"].items():
        name, unit = CEILINGS[key]
        yield f"  {name:<40}{'not measured' if value is None else f'{value:8.2f} {unit}'}"
    yield f"\nKernels: median (quartiles); the step is measured on {found['train_step_on']}"
    yield f"{'kernel':<22}{'by':<19}{'M/s':>9}  {'':<20}{'ratio':>7}{'of roof':>9}{'of sum':>8}  bound by"
    before = ""
    for row in found["rows"]:
        name = row.kernel if row.kernel != before else ""
        noise = f"({row.msamples_s_low:.3g} to {row.msamples_s_high:.3g})"
        yield (
            f"{name:<22}{f'{row.backend} {row.isa}':<19}{row.msamples_s:9.3f}  {noise:<20}{row.ratio:7.2f}"
            f"{_percent(row.ceiling_fraction):>9}{_percent(row.sum_fraction):>8}  {row.bound}"
        )
        before = row.kernel
    yield "M/s: millions of samples (adam: parameters; event index, splat, warp: events; draw, rays: rays) per second."
    yield "ratio: to the reference. of roof: least time of the slowest resource over the time; of sum: of all."


def _train(found: dict[str, Any]) -> Iterator[str]:
    rows = found["rows"]
    levels = list(rows[0].seconds_to)
    yield f"\nTraining seconds until held-out views reach these dB (scored every {rows[0].every} steps, not counted)"
    heads = "".join(f"{level + ' dB':>9}" for level in levels)
    yield f"{'scene':<14}{'backend':<11}{heads}{'last dB':>9}{'steps':>7}{'ms/step':>9}{'rays/s':>10}{'samples/s':>12}"
    for row in rows:
        times = "".join(f"{'never' if s is None else f'{s:.1f}':>9}" for s in row.seconds_to.values())
        yield (
            f"{row.scene:<14}{row.backend:<11}{times}{row.psnr:9.2f}{row.steps:7d}{row.ms_step:9.1f}"
            f"{row.rays_s:10,.0f}{row.samples_s:12,.0f}"
        )
    for scene in dict.fromkeys(row.scene for row in rows):
        of = {row.backend: row for row in rows if row.scene == scene}
        if "reference" in of and len(of) > 1:
            ratios = (f"{name} {of['reference'].ms_step / row.ms_step:.1f}" for name, row in of.items())
            yield f"{scene}: steps per second relative to the reference: {', '.join(ratios)}"


def _scaling(found: dict[str, Any]) -> Iterator[str]:
    yield f"\nTime against size, backend {found['backend']}; exponent: slope of log time over log size"
    for row in found["rows"]:
        yield f"{f'{row.what} against {row.against}':<40}exponent {row.exponent:6.2f}"
        yield "    " + "  ".join(f"{int(x):,}: {_seconds(y)}" for x, y in row.points)


def _render(found: dict[str, Any]) -> Iterator[str]:
    rows = found["rows"]
    yield f"\nSeconds per view of {rows[0].field}: median (quartiles)"
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:8.2f} times the reference's speed"
        size = f"{row.size}x{row.size}"
        yield f"{size:<10}{row.backend:<11}{row.seconds:9.3f}  ({row.low:.3f} to {row.high:.3f}){ratio}"


def _recordings(found: dict[str, Any]) -> Iterator[str]:
    yield "\nDecoding, millions of events per second, best of the runs; ratio: to faery's in the same run"
    yield f"{'file':<44}{'format':<28}{'events':>12}{'M/s':>8}{'faery':>8}{'ratio':>7}  same events"
    for row in found["rows"]:
        theirs = (
            "" if row.ratio is None else f"{row.faery_mevents_s:8.1f}{row.ratio:7.2f}  {'yes' if row.same else 'NO'}"
        )
        yield f"{row.file:<44}{row.format:<28}{row.events:12,}{row.mevents_s:8.1f}{theirs or f'{chr(45):>8}'}"


def _large(found: dict[str, Any]) -> Iterator[str]:
    rows = found["rows"]
    yield f"\n{rows[0].events:,} events on 1280 x 720 pixels; memory: the process's own, and mapped files"
    yield f"{'':<24}{'time':>10}{'own MB':>9}{'mapped MB':>11}   extrapolated to 1e9 events"
    for row in rows:
        own, mapped = (
            f"{'' if mb is None else f'{mb:,.0f}':>{w}}" for mb, w in ((row.own_memory_mb, 9), (row.mapped_mb, 11))
        )
        more = "the same" if row.seconds_1e9 is None else _seconds(row.seconds_1e9)
        yield f"{row.what:<24}{_seconds(row.seconds):>10}{own}{mapped}   {more}"


def _motion(found: dict[str, Any]) -> Iterator[str]:
    if "speed" in found:
        yield from _motion_speed(found["speed"])
        return
    yield "\nMotion and flow against ground truth: displacement over 20 ms at pixels with events (preset simulated)"
    heads = f"{'EPE px':>8}{'AE deg':>8}{'w deg/s':>9}{'v deg':>7}{'given':>7}{'s/window':>10}{'windows':>9}"
    yield f"{'scene':<18}{'sensor':<10}{'model':<33}{heads}"
    for row in found["rows"]:
        numbers = (
            (row.epe_px, 8, 3),
            (row.angular_error_deg, 8, 2),
            (row.rotation_deg_s, 9, 2),
            (row.direction_deg, 7, 1),
        )
        shown = "".join(f"{'-' if value is None else f'{value:.{digits}f}':>{wide}}" for value, wide, digits in numbers)
        spent = "-" if row.seconds_per_window is None else f"{row.seconds_per_window:.1f}"
        yield f"{row.scene:<18}{row.sensor:<10}{row.model:<33}{shown}{100 * row.given:6.0f}%{spent:>10}{row.windows:9d}"
    yield f"seed {found['rows'][0].seed}; {found['seconds']:g} s from the middle of each recording"


def _motion_speed(rows: list[Any]) -> Iterator[str]:
    yield f"\nOne window of {rows[0].scene}; EPE over 20 ms at pixels with events; ratio: of CPU time"
    heads = f"{'events':>9}{'window':>10}{'steps':>7}{'time':>10}{'processor':>11}{'EPE px':>8}{'zero':>7}{'ratio':>7}"
    yield f"{'by':<12}{heads}"
    for row in rows:
        epe, zero = ("-" if value is None else f"{value:.3f}" for value in (row.epe_px, row.zero_epe_px))
        ratio = "" if row.ratio is None else f"{row.ratio:.0f}"
        yield (
            f"{row.way:<12}{row.events:9,}{row.milliseconds:7.0f} ms{row.steps or '':>7}{_seconds(row.seconds):>10}"
            f"{_seconds(row.processor_seconds):>11}{epe:>8}{zero:>7}{ratio:>7}"
        )


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.0f} %"


def _seconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
