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
    roots = _worst_first([finding for finding in findings if finding not in waiting])
    told: list[Told] = []
    for place, root in enumerate(roots):
        told.append(Told(root, 0))
        # The same defect of several GPUs stands together; its consequences follow the last of them.
        if all(later.rule != root.rule for later in roots[place + 1 :]):
            _tell_consequences(root.rule, 1, waiting, told)
    told += [Told(finding, 0) for finding in _worst_first(waiting)]
    return told


def _tell_consequences(rule: str, depth: int, waiting: list[Finding], told: list[Told]) -> None:
    consequences = _worst_first([finding for finding in waiting if finding.caused_by == rule])
    for finding in consequences:
        waiting.remove(finding)
    for finding in consequences:
        told.append(Told(finding, depth))
        _tell_consequences(finding.rule, depth + 1, waiting, told)


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -finding.severity)
