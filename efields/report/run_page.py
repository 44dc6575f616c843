"""The document: head, order of the sections, settings, and the limits of the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efields import __version__
from efields.atomic import write_text
from efields.report import markup, sections, viewer
from efields.report.contents import Contents, read_contents

if TYPE_CHECKING:
    from efields.train.run import Run

REPORT = "report.html"


def write_report(run: Run, viewer_page: str | None = None) -> Path:
    """Write report.html in the run folder from what is there, and return its path.

    One file that works offline; a missing piece is replaced by one sentence. `viewer_page` is the page to fly through
    (efields.export). Raises `InputError` for broken files.
    """
    path = run.path / REPORT
    write_text(path, build_page(read_contents(run), viewer_page))
    return path


def build_page(run: Contents, viewer_page: str | None = None) -> str:
    """The whole document."""
    parts = [
        sections.headline(run),
        viewer.section(viewer_page),
        sections.views(run),
        sections.events(run),
        sections.training(run),
        sections.trajectory(run),
        limits(run),
        settings(run),
    ]
    return document(f"{run.scene} · efields", f"efields report · run {run.name}", run.scene, parts)


def document(title: str, over: str, heading: str, parts: Sequence[str]) -> str:
    """A page in the common style: title, a line above the heading, and sections of HTML."""
    style = resources.files("efields.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<header><p class="over">{escape(over)}</p><h1>{escape(heading)}</h1></header>\n'
        f"<main>\n{chr(10).join(parts)}\n</main>\n"
        f"<footer>Written by efields {escape(__version__)}. This page works offline.</footer>\n"
        "</body>\n</html>\n"
    )


def settings(run: Contents) -> str:
    """The resolved settings, versions and machine."""
    plain = {key: value for key, value in run.config.items() if not isinstance(value, Mapping)}
    blocks = [block("experiment", plain.items())]
    for name, table in run.config.items():
        if isinstance(table, Mapping):
            blocks.append(block(name, flat(table)))
    caption = "versions and machine" + (" (when this page was written)" if run.environment_is_now else "")
    blocks.append(block(caption, run.environment.items()))
    return markup.section("Settings", f'<div class="blocks">{"".join(blocks)}</div>', anchor="settings")


def limits(run: Contents) -> str:
    """The gauge, and what the numbers do not mean."""
    said = [
        "Brightness is uncalibrated. Events measure changes of log intensity, not how bright anything is: the offset "
        "per channel can never be recovered from events, and the scale only as well as the contrast threshold is "
        "known.",
    ]
    gauge = run.metrics.get("gauge")
    if run.scored and run.metrics.get("protocol") != "none":
        said.append(
            "This ambiguity, and nothing else, is removed before comparing, fitted to "
            f"{run.metrics['fitted_on']}. Fitting each image separately would give higher numbers that mean less."
        )
        said.append(
            "Numbers under another protocol, another set of views or another image range cannot be compared with these."
        )
    if run.metrics.get("views_are") == "the camera's own frames":
        said.append(
            "The reference views are the camera's own frames: they lie on the recorded path, are noisy and may be "
            "blurred, so they do not test views from elsewhere."
        )
    for key, name in (("lpips", "LPIPS"), ("ssim", "SSIM"), ("depth", "Depth error")):
        value = run.metrics.get("depth_abs_rel" if key == "depth" else key)
        reason = run.metrics.get(f"{key}_reason")
        if run.metrics and value is None and reason:
            said.append(f"{name} is missing: {str(reason).removeprefix('not available: ')}.")
    body = "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in said) + "</ul>"
    return markup.section("What the numbers do not mean", body, _gauge_table(gauge) if gauge else "", anchor="limits")


def _gauge_table(gauge: Mapping[str, Any]) -> str:
    """Scale and offset per channel."""
    a, b = gauge["a"], gauge["b"]
    names = ("red", "green", "blue") if len(a) == 3 else ("grey",) if len(a) == 1 else tuple(map(str, range(len(a))))
    rows = [
        (name, f"{scale:.4f}", f"{offset:+.4f}".replace("-", markup.MINUS))
        for name, scale, offset in zip(names, a, b, strict=True)
    ]
    return markup.table(["Channel", "Scale a", "Offset b (log intensity)"], rows, "gauge")


def block(title: str, rows: Any) -> str:
    """A titled table of names and values."""
    return f'<div class="block"><h3>{escape(title)}</h3>{markup.facts(rows)}</div>'


def flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested tables as dotted names."""
    rows: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            rows.extend(flat(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", value))
    return rows
