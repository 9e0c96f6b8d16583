"""Run the rules over one snapshot. Pure: no file, no clock, no environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.diagnose.verdict import verdict_of
from envdoctor.model.bug import place as place_of
from envdoctor.model.finding import Crashed, Diagnosis, Finding, Severity, Skipped
from envdoctor.model.machine import Machine, Undecidable, Wishes
from envdoctor.rules.rule import Rule, all_rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.snapshot import Snapshot


LEFT_OUT = "left out by --select or --ignore"


def diagnose(
    snapshot: Snapshot,
    matrix: Matrix,
    wishes: Wishes | None = None,
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    rules: tuple[Rule, ...] | None = None,
) -> Diagnosis:
    """Judge a snapshot.

    `select` names the rules to run (none: all), `ignore` those to leave out. A rule that raises anything but
    `Undecidable` is reported as our bug; the others still run.
    """
    machine = Machine(snapshot, wishes)
    findings: list[tuple[Rule, Finding]] = []
    skipped: list[Skipped] = []
    crashed: list[Crashed] = []
    undecided_errors = False
    for rule in rules if rules is not None else all_rules():
        if (select and rule.name not in select) or rule.name in ignore:
            skipped.append(Skipped(rule.name, LEFT_OUT, left_out=True))
            continue
        try:
            # A rule that stops half-way keeps what it found before: those findings stand on known facts.
            for finding in rule.judged(machine, matrix):
                findings.append((rule, finding))
        except Undecidable as reason:
            skipped.append(Skipped(rule.name, reason.reason, reason.fact, worst=rule.worst_by_facts))
            undecided_errors |= reason.fact is not None and rule.worst_by_facts is Severity.ERROR
        # The one place where a rule may fail in a way nobody foresaw: it must not silence the others.
        except Exception as bug:
            crashed.append(Crashed(rule.name, f"{type(bug).__name__}: {bug} ({place_of(bug)})"))
    ordered = in_order(findings)
    return Diagnosis(verdict_of(ordered, undecided_errors), ordered, tuple(skipped), tuple(crashed))


def in_order(found: list[tuple[Rule, Finding]]) -> tuple[Finding, ...]:
    """Put the root cause first: the worst, then the earliest on the way from hardware to kernel.

    A finding that another rule explains is marked with it and follows it. What is worse is never explained by
    what is less: a note does not stand before an error. A finding that names its own cause keeps it where that rule
    found something.
    """
    worst: dict[str, Severity] = {}
    for rule, finding in found:
        worst[rule.name] = max(finding.severity, worst.get(rule.name, finding.severity))
    explained: dict[str, str] = {}
    for rule, finding in sorted(found, key=_rank):
        for consequence in rule.explains:
            if finding.severity >= worst.get(consequence, Severity.NOTE):
                explained.setdefault(consequence, rule.name)
    first = {rule.name: _rank((rule, finding)) for rule, finding in sorted(found, key=_rank, reverse=True)}

    def cause_of(rule: Rule, finding: Finding) -> str | None:
        own = finding.caused_by
        if own is not None and own != rule.name and finding.severity <= worst.get(own, 0):
            return own
        return explained.get(rule.name)

    def place(item: tuple[Rule, Finding]) -> tuple[object, ...]:
        root, cause, depth = item[0].name, cause_of(*item), 0
        while cause is not None and depth <= len(explained):  # the bound: two rules might name each other
            root, cause, depth = cause, explained.get(cause), depth + 1
        return (first[root], depth, _rank(item))

    return tuple(replace(item[1], caused_by=cause_of(*item)) for item in sorted(found, key=place))


def _rank(item: tuple[Rule, Finding]) -> tuple[int, int, str, str]:
    rule, finding = item
    return (-finding.severity, rule.stage, rule.name, "" if rule.in_turn else finding.subject)
