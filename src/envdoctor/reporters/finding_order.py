"""Findings as they are read: the worst cause first, what it explains directly after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Told:
    """A finding and how far it stands from its root cause: 0 for the root itself."""

    finding: Finding
    depth: int


def told_in_order(findings: Sequence[Finding]) -> list[Told]:
    """Return every finding exactly once; equal severities keep their order.

    A finding whose cause is not among `findings`, or that is caused by itself in a circle, stands as a root.
    """
    rules = {finding.rule for finding in findings}
    waiting = [f for f in findings if f.caused_by in rules and f.caused_by != f.rule]
    roots = _worst_first([f for f in findings if f.caused_by not in rules or f.caused_by == f.rule])
    by_cause: dict[str | None, list[Finding]] = {}
    for finding in waiting:
        by_cause.setdefault(finding.caused_by, []).append(finding)
    last = {root.rule: place for place, root in enumerate(roots)}
    told: list[Told] = []
    for place, root in enumerate(roots):
        told.append(Told(root, 0))
        # The same defect of several GPUs stands together; its consequences follow the last of them.
        if last[root.rule] == place:
            _tell_consequences(root.rule, 1, by_cause, told)
    told += [Told(finding, 0) for finding in _worst_first([f for f in waiting if f.caused_by in by_cause])]
    return told


def _tell_consequences(rule: str, depth: int, by_cause: dict[str | None, list[Finding]], told: list[Told]) -> None:
    for finding in _worst_first(by_cause.pop(rule, [])):
        told.append(Told(finding, depth))
        _tell_consequences(finding.rule, depth + 1, by_cause, told)


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -finding.severity)
