"""A real finding of a rule, from its own first example: what a page shows is what a report says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.diagnose.judge import diagnose
from envdoctor.rules.example_machine import snapshot_of

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.rules.rule import Example, Rule


def first_finding(rule: Rule, matrix: Matrix) -> tuple[Example, Finding] | None:
    """Return the first firing example that finds something with this matrix, and its first finding."""
    for example in rule.fires:
        findings = diagnose(snapshot_of(example), matrix, example.wishes, rules=(rule,)).findings
        if findings:
            return example, findings[0]
    return None
