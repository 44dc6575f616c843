"""Small pieces of HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MINUS = "\u2212"
"""The sign of negative numbers in text."""


def section(title: str, *parts: str, anchor: str) -> str:
    """A titled part of the page."""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def missing(text: str) -> str:
    """The one sentence that stands where a piece is missing."""
    return paragraph(text, "missing")


def figure(svg: str, label: str) -> str:
    """A plot with a text for readers who cannot see it."""
    return f'<figure class="plot" role="img" aria-label="{escape(label)}">{svg}</figure>'


def picture(uri: str, label: str, kind: str = "") -> str:
    """An image of the page."""
    return f'<img src="{uri}" alt="{escape(label)}"{_class(kind)}>'


def scale(uri: str, low: str, high: str, label: str) -> str:
    """A colour strip with the values at its ends."""
    return (
        f'<span class="scale"><span>{escape(low)}</span><img src="{uri}" alt="colour scale">'
        f"<span>{escape(high)}</span><span class='unit'>{escape(label)}</span></span>"
    )


def facts(rows: Iterable[tuple[str, Any]]) -> str:
    """A two-column table of names and values."""
    body = "".join(f"<tr><th scope='row'>{escape(str(n))}</th><td>{escape(show(v))}</td></tr>" for n, v in rows)
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; cells are HTML already."""
    top = " ".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + " ".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table{_class(kind)}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def cards(*each: str) -> str:
    """Headline numbers in a row."""
    return f'<div class="cards">{"".join(each)}</div>'


def card(value: str, name: str, note: str = "") -> str:
    """One headline number."""
    return (
        f'<div class="card"><div class="value">{escape(value)}</div><div class="name">{escape(name)}</div>'
        f'<div class="note">{escape(note)}</div></div>'
    )


def show(value: Any) -> str:
    """A setting or fact as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10000 else str(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(show(item) for item in value)
    return str(value)


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 8 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
