"""What the battery gave, for people: a table of the tests, what went wrong and why, and what was not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.sheet import Column, Table
from envdoctor.model.smoke import ALL_GPUS, GOOD, Status
from envdoctor.reporters.conditions import held_down, measures
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.machine_lines import machine_lines
from envdoctor.reporters.matrix_terminal import HEADING, fitted, wrapped_row
from envdoctor.reporters.plain_text import safe
from envdoctor.reporters.terminal import NARROWEST, crashed_lines, findings_lines, statement_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.smoke import TestResult
    from envdoctor.model.smoke_report import SmokeReport
    from envdoctor.model.snapshot import Snapshot

COLUMNS = (
    Column("test", "test"),
    Column("device", "device"),
    Column("status", "status"),
    Column("seconds", "seconds", spare=2),
    Column("error", "error / bound", spare=3),
    Column("reached", "reached", spare=1),
)
UNITS = {
    "rows": ("n = {:.0f}", 1),
    "pairs": ("{:.0f} pairs of GPUs", 1),
    "peer_pairs": ("{:.0f} of them direct", 1),
    "tflops": ("{:,.4g} TFLOP/s", 1),
    "gb_per_s": ("{:,.4g} GB/s", 1),
    "gb_per_s_of_best_pair": ("{:,.4g} GB/s between the best pair", 1),
    "bus_gb_per_s": ("{:,.4g} GB/s on the bus", 1),
    "ms": ("{:,.3g} ms", 1),
    "filled_mib": ("{:,.0f} MiB filled", 1),
    "launch_us": ("{:,.3g} us a launch", 1),
    "of_peak": ("{:.{places}f} % of peak", 100),
    "of_baseline": ("{:.{places}f} % of the baseline", 100),
}
"""Figures in words, and what they are multiplied by; one of another name stands as it is."""
LESS = {"tflops": ("{:,.3g} GFLOP/s", 1000)}
"""The same for a figure below 1, as processors have it."""
FEW = 0.01
"""Below that share, a percentage without decimals would say nothing."""
WRONG, HELD_DOWN = "bold red", "bold yellow"
SLOW = "smoke-slow"
"""The rule for which nothing is installed."""
NOTHING = " No test ran, so nothing is proven."
OUTPUT = 2000
"""Characters shown of what a test wrote; the JSON document has all that was kept."""


def render_smoke(report: SmokeReport, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """Return the report as text of at most `width` columns (40 or more), commands and paths excepted.

    `verbose` adds what a test that went wrong wrote and where it stood, and the evidence of notes.
    """
    return joined(_lines(report, max(width, NARROWEST), verbose), colour=colour)


def _lines(report: SmokeReport, width: int, verbose: bool) -> Iterator[Line]:
    overlay = f" with {safe(str(report.overlay))}" if report.overlay else ""
    title = f"envdoctor {safe(report.envdoctor)} - matrix {safe(report.matrix_revision)}{overlay}"
    yield styled(title, "bold")
    for statement in machine_lines(report.snapshot):
        yield from statement_lines(statement, width)
    for statement in _run(report):
        yield from statement_lines(statement, width)
    yield Line()
    if report.trouble:
        first, *others = wrapped(f"The battery could not start: {safe(report.trouble, SENTENCE)}", width, "", "  ")
        yield Line(first.text, WRONG, len("The battery could not start"))
        yield from others
        yield Line()
    yield from _table(report, width, verbose)
    yield from findings_lines(report.diagnosis.findings, width, verbose)
    if any(finding.rule != SLOW for finding in report.diagnosis.findings):
        yield from wrapped("What to type to make it right: `envdoctor check --smoke` of the same Python.", width)
        yield Line()
    yield from crashed_lines(report.diagnosis.crashed, width)
    rest = [*_skipped(report, width), *_left_out(report.snapshot, width), *_conditions(report.snapshot, width)]
    for sentence in report.not_judged:
        rest += wrapped(safe(sentence, SENTENCE), width, "", "  ")
    yield from rest
    if rest:
        yield Line()
    counts = [f"{report.count(status)} {status.value}" for status in Status if report.count(status)]
    nothing = "" if report.trouble or any(test.status is not Status.SKIPPED for test in report.tests) else NOTHING
    yield from wrapped(f"{', '.join(counts) or 'Nothing ran'} (exit code {report.exit_code}).{nothing}", width)


def _run(report: SmokeReport) -> Iterator[tuple[str, ...]]:
    """Say which torch ran the tests, on what, and how they can be repeated."""
    torch = report.snapshot.known("smoke.torch")
    if isinstance(torch, dict) and torch:
        seconds = torch.get("import_seconds")
        took = f"imported in {seconds:.1f} s" if isinstance(seconds, float) else "imported"
        yield (f"ran by torch {safe(str(torch.get('version')))}", took, f"{report.size}, --seed {report.seed}")
    for row in report.snapshot.known_rows("smoke.devices"):
        if row.get("device") != "cpu":
            capability = f" ({safe(str(row['capability']))})" if row.get("capability") else ""
            yield (f"{safe(str(row.get('device')))}: {safe(str(row.get('name') or 'name not known'))}{capability}",)


def _table(report: SmokeReport, width: int, verbose: bool) -> Iterator[Line]:
    """Yield a row for each test that ran, what went wrong first, and below it what it said."""
    tests = [*report.wrong, *(test for test in report.tests if test.status is Status.PASSED)]
    if not tests:
        return
    several = len({test.device for test in tests}) > 1
    rows = tuple(_cells(test, several) for test in tests)
    table = Table("tests", "", COLUMNS, rows)
    grid = fitted(table, width)
    if grid:
        yield from (styled(line.text, HEADING) for line in wrapped_row(grid.titles, grid.widths))
    for place, test in enumerate(tests):
        if grid:
            lines = list(wrapped_row(grid.rows[place], grid.widths))
        else:
            on = f" on {safe(test.device)}" if several else ""
            lines = wrapped(f"{safe(test.name)}{on}: {test.status.value}", width, "", "  ")
        yield from (styled(line.text, WRONG) if test.status not in GOOD else line for line in lines)
        yield from wrapped(safe(test.message, SENTENCE), width, "    ", "    ")
        if verbose and test.status not in GOOD:
            yield from _evidence(test, width)
    if any(test.device == ALL_GPUS for test in tests):
        yield from wrapped(f"{ALL_GPUS}: all GPUs together.", width)
    elif not several and not report.trouble:
        yield from wrapped(f"All on {safe(tests[0].device)}.", width)
    if grid and grid.left_out:
        yield from wrapped(f"Left out for want of width: {', '.join(grid.left_out)}.", width)
    yield Line()


def _cells(test: TestResult, several: bool) -> tuple[str, ...]:
    compared = f"{test.error:.1e} / {test.bound:.1e}" if test.error is not None and test.bound is not None else ""
    return (
        test.name,
        test.device if several else "",
        test.status.value,
        f"{test.seconds:.2f}" if test.seconds is not None else "",
        compared,
        ", ".join(_figure(name, number) for name, number in (test.figures or {}).items()),
    )


def _figure(name: str, number: float) -> str:
    if name not in UNITS:  # a child may name one as it likes: never as a format
        return f"{safe(name)} {number:.4g}"
    form, factor = (LESS if number < 1 and name in LESS else UNITS)[name]
    return form.format(number * factor, places=2 if number < FEW else 0)


def _evidence(test: TestResult, width: int) -> Iterator[Line]:
    said = {
        "exception": test.exception,
        "CUDA error": test.cuda_error,
        "signal": test.signal,
        "seed": test.seed,
    }
    told = ", ".join(f"{name} {safe(str(value))}" for name, value in said.items() if value is not None)
    yield from wrapped(told, width, "    ", "    ")
    for frame in test.trace:
        yield from wrapped(f"at {safe(frame)}", width, "    ", "      ")
    for warning in test.warnings:
        yield from wrapped(f"warned: {safe(warning)}", width, "    ", "      ")
    yield from wrapped(f"wrote: {safe(test.output, OUTPUT)}" if test.output else "", width, "    ", "      ")


def _skipped(report: SmokeReport, width: int) -> Iterator[Line]:
    """Yield the tests that were skipped, by reason."""
    several = len({test.device for test in report.tests}) > 1
    reasons: dict[str, list[str]] = {}
    for test in report.tests:
        # What kept every test from running was told in the first place; the summary counts them.
        if test.status is Status.SKIPPED and test.message != report.trouble:
            on = f" ({safe(test.device)})" if several else ""
            reasons.setdefault(test.message, []).append(f"{safe(test.name)}{on}")
    for reason, names in reasons.items():
        yield from wrapped(f"skipped: {', '.join(names)}: {safe(reason, SENTENCE)}", width, "", "  ")


def _left_out(snapshot: Snapshot, width: int) -> Iterator[Line]:
    for row in snapshot.known_rows("smoke.left_out"):
        text = f"not run on {safe(str(row.get('device')))}: {safe(str(row.get('reason')), SENTENCE)}"
        yield from wrapped(text, width, "", "  ")


def _conditions(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """Say what NVML told while a GPU was measured, and what held it down."""
    for row in snapshot.known_rows("smoke.conditions"):
        parts, held = [*measures(row)], held_down(row)
        if held:
            parts.append(held)
        if parts:
            text = f"{safe(str(row.get('device')))} meanwhile: {'; '.join(parts)}"
            first, *others = wrapped(text, width, "", "  ")
            yield Line(first.text, HELD_DOWN if held else "", len(first.text) if held else 0)
            yield from others
