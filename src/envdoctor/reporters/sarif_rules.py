"""The rules as SARIF lists them (SARIF 2.1.0, 3.49: reportingDescriptor), with their help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.model.rule_card import RuleCard
from envdoctor.reporters.inert import inert

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.report import Report

LONGEST = 1024
"""Characters that GitHub takes of a description ("SARIF support for code scanning", reportingDescriptor)."""

TAGS = ("environment",)

PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}
"""What GitHub sorts by (the same page, properties.problem.severity)."""

MEANS = re.compile(r"^## What it means\n(.+?)(?=\n\n|\n## |\Z)", re.DOTALL | re.MULTILINE)


def listed_rules(report: Report) -> tuple[RuleCard, ...]:
    """Return every rule of the report, by name: all there are, and those it speaks of beside them."""
    diagnosis = report.diagnosis
    known = {card.name for card in report.rules}
    worst: dict[str, Severity] = {}
    for rule, severity in (
        *((one.rule, one.severity) for one in diagnosis.findings),
        *((one.finding.rule, one.finding.severity) for one in report.ignored),
        *((one.rule, one.worst) for one in diagnosis.skipped),
        *((one.rule, Severity.ERROR) for one in diagnosis.crashed),
    ):
        worst[rule] = max(severity, worst.get(rule, severity))
    unlisted = (RuleCard(rule, "", "", "", worst[rule]) for rule in worst if rule not in known)
    return tuple(sorted((*report.rules, *unlisted), key=lambda card: card.name))


def descriptor(card: RuleCard) -> dict[str, Value]:
    """Return one rule. The pages are our own text, so they stand as they are; only the names may be another's."""
    name = inert(card.name)
    more = f"`envdoctor explain {name}` tells what it means, and what to do."
    tags: list[Value] = [*TAGS, *([card.stage] if card.stage else [])]
    words = name.split("-")
    return {
        "id": name,
        # A name that is the id again is none (3.49.7).
        **({"name": "".join(word.capitalize() for word in words)} if len(words) > 1 else {}),
        "shortDescription": {"text": card.summary[:LONGEST] or f"{name}."},
        "fullDescription": {"text": _meaning(card) or f"{name}."},
        "help": {"text": card.page or more, "markdown": f"{card.page}\n\n{more}" if card.page else more},
        "defaultConfiguration": {"level": card.worst.word},
        "properties": {"tags": tags, "problem.severity": PROBLEM[card.worst]},
    }


def _meaning(card: RuleCard) -> str:
    """Return the first paragraph of what a rule means, whole sentences of it; the summary where the page has none."""
    found = MEANS.search(card.page)
    text = " ".join(found[1].split()) if found else card.summary
    if len(text) <= LONGEST:
        return text
    return text[: text.rfind(". ", 0, LONGEST) + 1] or text[:LONGEST]
