"""One self-contained HTML page about a run."""

from efields.report.run_page import write_report

__all__ = ["write_report"]
