"""Reports of machines of the gallery as several gates give them: every --fail-on, with and without --strict."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from report_samples import NOTHING

from envdoctor.codec.read import load_snapshot
from envdoctor.commands.rule_cards import with_rules
from envdoctor.diagnose.governed import govern
from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.verdict import FAIL_ON, exit_code
from envdoctor.matrix.load import load_matrix
from envdoctor.model.policy import Ignore, Policy
from envdoctor.model.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parents[1] / "cases"
TODAY = "2026-11-22"


def one_of_each_verdict_and_rule() -> list[str]:
    """The first machine of the gallery for each set of severities, and for each rule that speaks first in one."""
    found: dict[str, str] = {}
    for path in sorted(CASES.glob("*/diagnosis.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        findings = said["findings"]
        found.setdefault(findings[0]["rule"] if findings else said["verdict"], path.parent.name)
        found.setdefault(f"{said['verdict']} {sorted({one['severity'] for one in findings})}", path.parent.name)
    return sorted(set(found.values()))


MACHINES = one_of_each_verdict_and_rule()


@cache
def checked(name: str, *, blind: bool = False) -> Report:
    """The report on a machine of the gallery; `blind` where nobody can tell which driver it has."""
    path = CASES / name / "snapshot.json"
    seen = load_snapshot(path.read_bytes(), str(path))
    if blind:
        kept = {fact: told for fact, told in seen.facts.items() if not fact.startswith(("driver.", "cuda.", "nvml."))}
        seen = replace(seen, facts=kept)
    matrix = load_matrix()
    diagnosis = diagnose(seen, matrix)
    return with_rules(Report(seen, diagnosis, NOTHING, exit_code(diagnosis), matrix.revision, "2.15.0", "0.1.0"))


def gates(report: Report) -> Iterator[Report]:
    """The same machine at every gate: what fails, --strict, and a policy that ignores what stands first."""
    first = [one.rule for one in report.diagnosis.findings[:1]]
    for rules in ([], first) if first else ([],):
        policy = Policy(ignores=tuple(Ignore(rule, "known", expires="2027-01-31") for rule in rules))
        governed = govern(report.diagnosis, policy, TODAY)
        for fail_on in FAIL_ON:
            for strict in (False, True):
                yield replace(
                    report,
                    diagnosis=governed.diagnosis,
                    ignored=governed.ignored,
                    policy=policy if rules else None,
                    exit_code=exit_code(governed.diagnosis, fail_on=fail_on, strict=strict),
                    fail_on=fail_on,
                    strict=strict,
                )
