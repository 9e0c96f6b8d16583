"""What a report tells as numbers, and the lines that Prometheus and OpenMetrics share."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Absent, Known
from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.machine import MOST_GPUS
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.report import Report
    from envdoctor.model.snapshot import Snapshot

Labels = tuple[tuple[str, str], ...]

STATES = ("pass", "warn", "fail", "unknown", "skipped")
"""What became of a rule.

`pass` found nothing, or a note; `warn` and `fail` found a warning or an error; `unknown` lacked a fact, or is broken
itself; `skipped` was left out, has no row in the matrix, found only what the policy ignores, or was never asked (rules
of files on a machine, rules of kernels where none ran).
"""

FOUND = {Severity.WARNING: "warn", Severity.ERROR: "fail"}

LABELS = {
    "torch": "torch.version",
    "cuda": "torch.cuda",
    "cudnn": "cudnn.version",
    "nccl": "nccl.version",
    "driver": "driver.version",
    "python": "python.version",
    "platform": "host.platform",
}
"""What identifies an environment, and the facts that tell: versions, and neither paths nor names of devices."""

UNKNOWN, NONE = "unknown", "none"
"""A fact that could not be found out, and one that is not there: an empty label would be no label."""


class Family(NamedTuple):
    """One metric: its name with the unit, what it means in one line of our own words, and its samples.

    `unit` is the end of the name that is a unit, "" for a plain number; `info` where the labels are what it tells.
    """

    name: str
    meaning: str
    samples: tuple[tuple[Labels, float], ...]
    unit: str = ""
    info: bool = False


def families(report: Report) -> tuple[Family, ...]:
    """Return what the report tells, each with at least one sample; the same series for each run of one version.

    Every state of a rule and every verdict has its series, 0 or 1: an alert then goes from 1 to 0, where a series that
    vanishes cannot be told from a host that no longer reports.
    """
    found = [finding.severity for finding in report.diagnosis.findings]
    told = (
        Family("envdoctor_check_status", "What became of a rule: 1 for its present state.", tuple(_statuses(report))),
        Family(
            "envdoctor_findings",
            "Findings that count, by severity.",
            tuple(((("severity", one.word),), found.count(one)) for one in reversed(Severity)),
        ),
        _number("envdoctor_ignored_findings", "Findings that the policy ignores.", len(report.ignored)),
        Family(
            "envdoctor_verdict",
            "The verdict on the environment: 1 for the present one.",
            tuple(((("verdict", one.value),), float(one is report.diagnosis.verdict)) for one in Verdict),
        ),
        _number("envdoctor_exit_code", "Exit code: 0 passed, 1 findings, 2 unreadable input, 3 not diagnosed.",
                report.exit_code),
        _number("envdoctor_last_run_timestamp_seconds", "When the machine was looked at, in seconds since 1970.",
                _seconds_since_1970(report.snapshot.taken), "seconds"),
        _number("envdoctor_run_duration_seconds", "What looking and judging took.", report.seconds, "seconds"),
        Family("envdoctor_environment_info", "The environment that was judged.", _environment(report.snapshot),
               info=True),
        Family(
            "envdoctor_matrix_info",
            "The compatibility matrix that it was judged by, and the version of envdoctor.",
            (((("revision", safe(report.matrix_revision)), ("version", safe(report.envdoctor))), 1),),
            info=True,
        ),
    )  # fmt: skip
    return tuple(family for family in told if family.samples)


def sample_line(name: str, labels: Labels, value: float) -> str:
    """Return one sample. Both formats escape a label's value alike: backslash, quotation mark and line break."""
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    # No digit is lost: `repr` is exact, and whole numbers need no fraction.
    number = str(int(value)) if float(value).is_integer() else repr(float(value))
    return f"{name}{{{said}}} {number}" if said else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(name: str, meaning: str, value: float | None, unit: str = "") -> Family:
    """Return a metric without labels, without a sample where nobody knows the value."""
    told = value is not None and math.isfinite(value)
    return Family(name, meaning, (((), value),) if told and value is not None else (), unit)


def _statuses(report: Report) -> Iterator[tuple[Labels, float]]:
    for rule, state in sorted(_state_of_each(report).items()):
        for one in STATES:
            yield (("check", safe(rule)), ("status", one)), float(one == state)


def _state_of_each(report: Report) -> dict[str, str]:
    """Return the state of every rule; of several that hold, the worst."""
    diagnosis = report.diagnosis
    states = {card.name: "pass" if card.asked else "skipped" for card in report.rules}
    states |= {finding.rule: "pass" for finding in diagnosis.findings}
    states |= {one.finding.rule: "skipped" for one in report.ignored}
    for skipped in diagnosis.skipped:
        states[skipped.rule] = "skipped" if skipped.left_out or skipped.fact is None else "unknown"
    states |= {crashed.rule: "unknown" for crashed in diagnosis.crashed}
    # A rule that stopped half-way keeps what it found before; a warning or an error outdoes what was not found out.
    for finding in sorted(diagnosis.findings, key=lambda one: one.severity):
        if finding.severity > Severity.NOTE:
            states[finding.rule] = FOUND[finding.severity]
    return states


def _seconds_since_1970(taken: str) -> float | None:
    """Read an ISO 8601 time; None where a snapshot made by hand holds none."""
    try:
        # Python 3.10 knows no "Z".
        time = datetime.fromisoformat(f"{taken[:-1]}+00:00" if taken.endswith("Z") else taken)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()


def _environment(snapshot: Snapshot) -> tuple[tuple[Labels, float], ...]:
    """Return the versions that matter and a fingerprint of them all; nothing where files were judged alone."""
    if not snapshot.facts:
        return ()
    labels = tuple((label, _told(snapshot, fact)) for label, fact in LABELS.items())
    return (((*labels, ("fingerprint", _fingerprint(snapshot, (text for _, text in labels)))), 1),)


def _told(snapshot: Snapshot, name: str) -> str:
    fact = snapshot[name]
    if isinstance(fact, Known):
        return safe(str(fact.value)) or UNKNOWN
    return NONE if isinstance(fact, Absent) else UNKNOWN


def _fingerprint(snapshot: Snapshot, labels: Iterable[str]) -> str:
    """Return 16 hex digits that change with a package, the driver or a model of GPU, and with no run."""
    import json
    from hashlib import sha256

    gpus = snapshot.known("gpu.count")
    count = gpus if isinstance(gpus, int) and 0 < gpus <= MOST_GPUS else 0
    parts = [*labels, snapshot.known("packages.installed"), gpus]
    parts += [snapshot.known(f"gpu.{index}.{what}") for index in range(count) for what in ("name", "memory_mib")]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
