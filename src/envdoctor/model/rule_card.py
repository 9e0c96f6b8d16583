"""What a report may tell of a rule beside its findings: formats of CI systems list every rule with its help."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.finding import Severity


class RuleCard(NamedTuple):
    """A rule as it is listed.

    `summary` is one line, `page` its help as Markdown, `group` what its defects have in common, `worst` the severity
    it has at worst. `asked` is false where this report's judging could not have found it: rules of files on a machine,
    rules of machines in files, rules of kernels where none ran. `stage` is one word for where on the way from hardware
    to kernel the defect lies: "kernels", "packages", ...
    """

    name: str
    summary: str
    page: str
    group: str
    worst: Severity
    asked: bool = True
    stage: str = ""
