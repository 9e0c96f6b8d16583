"""The part of a diagnosis that concerns the tests of the battery: what they found, and what that follows from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.diagnose.verdict import verdict_of

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis, Finding

FACTS = "smoke."
RULES = "smoke-"


def about_tests(diagnosis: Diagnosis) -> Diagnosis:
    """Return the diagnosis without findings that neither rest on a test nor explain one that does.

    Our own crashes stay: the rule that crashed may be the one that would have told.
    """
    kept = [finding for finding in diagnosis.findings if _rests_on_a_test(finding)]
    wanted = {finding.caused_by for finding in kept}
    while True:
        causes = [one for one in diagnosis.findings if one.rule in wanted and one not in kept]
        if not causes:
            break
        kept += causes
        wanted |= {finding.caused_by for finding in causes}
    findings = tuple(finding for finding in diagnosis.findings if finding in kept)
    skipped = tuple(one for one in diagnosis.skipped if one.rule.startswith(RULES))
    return replace(diagnosis, verdict=verdict_of(findings, False), findings=findings, skipped=skipped)


def _rests_on_a_test(finding: Finding) -> bool:
    return finding.rule.startswith(RULES) or any(one.fact.startswith(FACTS) for one in finding.evidence)
