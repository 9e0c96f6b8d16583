"""The report as metrics in the OpenMetrics format, for what scrapes or pushes a document.

OpenMetrics 1.0 (github.com/OpenObservability/OpenMetrics, specification/OpenMetrics.md): as the older format of
Prometheus, with units, a type for what only has labels to tell, and an end that shows a document cut short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.metrics import families, sample_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.report import Report


def render(report: Report, **_layout: object) -> str:
    """Return the metrics, by the same names as for Prometheus."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for family in families(report):
        # The metric of an info has no "_info" in its name, its samples have.
        name = family.name.removesuffix("_info") if family.info else family.name
        yield f"# TYPE {name} {'info' if family.info else 'gauge'}"
        if family.unit:
            yield f"# UNIT {name} {family.unit}"
        yield f"# HELP {name} {family.meaning}"
        yield from (sample_line(family.name, labels, value) for labels, value in family.samples)
    yield "# EOF"
