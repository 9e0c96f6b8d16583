"""Run the rules over what files declare. Pure: no file, no clock, no environment."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from envdoctor.diagnose.judge import LEFT_OUT
from envdoctor.diagnose.verdict import verdict_of
from envdoctor.model.bug import place as place_of
from envdoctor.model.finding import Crashed, Diagnosis, Skipped
from envdoctor.model.machine import Undecidable
from envdoctor.rules.declared.declared_rule import all_declared

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Flaw
    from envdoctor.model.declared_file import DeclaredFile
    from envdoctor.model.finding import Finding
    from envdoctor.rules.declared.declared_rule import DeclaredRule


def judge_declared(
    files: Sequence[DeclaredFile],
    matrix: Matrix,
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    target: Callable[[DeclaredFile], Iterator[Flaw]] | None = None,
) -> tuple[Diagnosis, tuple[Flaw, ...]]:
    """Judge files; return the diagnosis, and its findings once more with what would have to read otherwise.

    `target` judges them against one machine as well.

    Findings come in the order of files and lines, at one place the worst first. One that several cases share (two
    extras that pin the same torch) is told once. A rule that raises is reported as our bug; the others still run.
    """
    rules = all_declared()
    skipped = tuple(
        Skipped(rule.name, LEFT_OUT, left_out=True)
        for rule in rules
        if (select and rule.name not in select) or rule.name in ignore
    )
    left_out = {one.rule for one in skipped}
    crashed: list[Crashed] = []
    found: dict[tuple[object, ...], tuple[int, Flaw]] = {}
    judges: list[tuple[str, Callable[[DeclaredFile], Iterator[Flaw]]]] = [
        (rule.name, partial(_flaws, rule, matrix)) for rule in rules if rule.name not in left_out
    ]
    if target:
        judges.append(("target", target))
    for number, file in enumerate(files):
        for name, judge in judges:
            try:
                for flaw in judge(file):
                    one = flaw.finding
                    found.setdefault((number, one.rule, one.subject, one.location, one.message), (number, flaw))
            # The one place where a rule may fail in a way nobody foresaw: it must not silence the others.
            except Exception as bug:
                crashed.append(Crashed(name, f"{type(bug).__name__}: {bug} ({place_of(bug)})"))
    explained = {rule.name: rule.explains for rule in rules}
    flaws = tuple(flaw for _, flaw in sorted(found.values(), key=_rank))
    flaws = tuple(_with_causes(flaws, explained))
    findings = tuple(flaw.finding for flaw in flaws)
    return Diagnosis(verdict_of(findings, False), findings, skipped, tuple(crashed)), flaws


def _flaws(rule: DeclaredRule, matrix: Matrix, file: DeclaredFile) -> Iterator[Flaw]:
    """Yield what a rule finds in a file; a case that leaves it open stops only itself."""
    if rule.judge is not None:
        for case in file.cases:
            if not case.comment:
                with suppress(Undecidable):
                    yield from (_unsafe(flaw) if case.claim else flaw for flaw in rule.judge(case, matrix))
    if rule.of_container is not None:
        for container in file.containers:
            with suppress(Undecidable):
                yield from rule.of_container(container, matrix)


def _unsafe(flaw: Flaw) -> Flaw:
    """What somebody wrote for people is for a person to reword: it may tell of a defect on purpose."""
    return flaw._replace(amendments=tuple(one._replace(safe=False) for one in flaw.amendments))


def _with_causes(flaws: Sequence[Flaw], explained: Mapping[str, Collection[str]]) -> Iterator[Flaw]:
    """Yield the flaws, each finding marked with the one of the same line that explains it."""
    of_line: defaultdict[object, list[Finding]] = defaultdict(list)
    for one in (flaw.finding for flaw in flaws):
        if one.location is not None and explained.get(one.rule):
            of_line[one.location[:2]].append(one)
    for flaw in flaws:
        own = flaw.finding
        beside = of_line.get(own.location[:2], ()) if own.location is not None else ()
        cause = next(
            (one.rule for one in beside if own.rule in explained[one.rule] and one.severity >= own.severity), None
        )
        yield flaw._replace(finding=replace(own, caused_by=cause)) if cause else flaw


def _rank(item: tuple[int, Flaw]) -> tuple[object, ...]:
    number, (finding, _) = item
    line = finding.location.line if finding.location else 0
    return (number, line, -finding.severity, finding.rule, finding.subject, finding.message)
