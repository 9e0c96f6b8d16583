"""The page of a rule, put together from its file, the table of severities and its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.diagnose.example import first_finding
from envdoctor.reporters.page import RulePage

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.rules.rule import Rule


def page_of(rule: Rule, matrix: Matrix) -> RulePage:
    """Return everything a reader is told of a rule."""
    found = first_finding(rule, matrix)
    return RulePage(
        rule=rule.name,
        worst=rule.worst.word,
        text=rule.page,
        severities=tuple((when, one.word) for when, one in sorted(rule.severities.items(), key=lambda row: -row[1])),
        reads=rule.needs,
        explains=rule.explains,
        example=found[0].title if found else None,
        finding=found[1] if found else None,
        quiet=tuple(example.title for example in rule.quiet),
    )
