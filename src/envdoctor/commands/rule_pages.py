"""The page of a rule, put together from its file, the table of severities and its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.diagnose.example import first_finding
from envdoctor.reporters.page import RulePage

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.rules.declared.declared_rule import FileExample
    from envdoctor.rules.rule import Rule


def page_of(rule: Rule, matrix: Matrix) -> RulePage:
    """Return everything a reader is told of a rule."""
    if rule.of_files_alone:
        return _page_of_files(rule, matrix)
    found = first_finding(rule, matrix)
    return RulePage(
        rule=rule.name,
        worst=rule.worst.word,
        text=rule.page,
        severities=_severities(rule),
        reads=rule.needs,
        explains=rule.explains,
        example=found[0].title if found else None,
        finding=found[1] if found else None,
        quiet=tuple(example.title for example in rule.quiet),
    )


def _page_of_files(rule: Rule, matrix: Matrix) -> RulePage:
    """The page of a rule that judges files and no machine: its examples are files."""
    from envdoctor.rules.declared.declared_rule import all_declared

    own = next(one for one in all_declared() if one.name == rule.name)
    found = next(((example, one) for example in own.fires for one in findings_in(example, rule.name, matrix)), None)
    return RulePage(
        rule=rule.name,
        worst=rule.worst.word,
        text=rule.page,
        severities=_severities(rule),
        reads=(),
        explains=own.explains,
        example=found[0].title if found else None,
        finding=found[1] if found else None,
        quiet=tuple(example.title for example in own.quiet),
        file=found[0].text if found else "",
    )


def findings_in(example: FileExample, rule: str, matrix: Matrix) -> tuple[Finding, ...]:
    """Return what one rule finds in the file of an example, as `lint` would."""
    from envdoctor.diagnose.declared import judge_declared
    from envdoctor.readers.declared.choosing import module_for, reader

    module = module_for(example.name, example.text)
    if module is None:
        raise ValueError(f"{example.name}: no reader for the example of {rule}")
    return judge_declared([reader(module)(example.text, example.name)], matrix, select=(rule,))[0].findings


def _severities(rule: Rule) -> tuple[tuple[str, str], ...]:
    return tuple((when, one.word) for when, one in sorted(rule.severities.items(), key=lambda row: -row[1]))
