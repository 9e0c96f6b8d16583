"""The rules as a report lists them, for the formats that tell of rules which found nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.rule_card import RuleCard

if TYPE_CHECKING:
    from envdoctor.model.report import Report


def with_rules(report: Report) -> Report:
    """Return the report with a card for every rule, by name."""
    from envdoctor.rules.groups import grouped
    from envdoctor.rules.rule import all_rules

    asked = _asked(report)
    cards = (
        RuleCard(rule.name, rule.summary, rule.page, title, rule.worst, rule.name in asked, rule.stage.name.lower())
        for title, rules in grouped(all_rules())
        for rule in rules
    )
    return replace(report, rules=tuple(sorted(cards)))


def _asked(report: Report) -> frozenset[str]:
    """Return the rules whose defect the judging behind a report could have found."""
    from envdoctor.rules.rule import all_rules
    from envdoctor.rules.smoke_causes import FACT

    if report.lint and not report.lint.target:
        from envdoctor.rules.declared.declared_rule import all_declared

        return frozenset(rule.name for rule in all_declared())
    kernels = FACT in report.snapshot.facts
    # What reads the results of kernels first has nothing to go by without them.
    asked = (rule for rule in all_rules() if rule.needs and (kernels or rule.needs[0] != FACT))
    files = (rule for rule in all_rules() if rule.of_files_alone) if report.lint else ()
    return frozenset(rule.name for rule in (*asked, *files))
