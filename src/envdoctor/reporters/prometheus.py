"""The report as metrics for Prometheus: a file for the textfile collector of node_exporter.

The text exposition format 0.0.4 (prometheus.io, "Exposition formats"): UTF-8, a line break at the end of every line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.metrics import families, sample_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.report import Report


def render(report: Report, **_layout: object) -> str:
    """Return the metrics, all of them gauges, which that format also calls what only has labels to tell."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for family in families(report):
        yield f"# HELP {family.name} {family.meaning}"
        yield f"# TYPE {family.name} gauge"
        yield from (sample_line(family.name, labels, value) for labels, value in family.samples)
