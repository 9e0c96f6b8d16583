"""What a policy says of a report, in words: which one applies, how far it is met, and what it takes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.demand import UNMET, demand_of
from envdoctor.model.finding import Severity
from envdoctor.model.policy import CORE
from envdoctor.reporters.lines import SENTENCE, Line, styled, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.demand import Demand
    from envdoctor.model.finding import Finding
    from envdoctor.model.policy import Ignored, Policy
    from envdoctor.model.report import Report

SHORT = 80
"""Characters shown of the name of a file or a profile."""


def policy_in_words(report: Report) -> str:
    """Say in one line which policy applies and how far it is met; nothing where none does."""
    policy = report.policy
    if policy is None:
        return ""
    names = ", ".join(safe(file.replace("\\", "/").rpartition("/")[2], SHORT) for file in policy.files)
    parts = [f"policy {names}"] if names else []
    if policy.profile != CORE or not parts:
        parts.append(f"profile {safe(policy.profile, SHORT)}")
    told = ", ".join(parts)
    if report.lint or not policy.demands:  # files are not held to what is demanded of an environment
        return told
    number = len(policy.demands)
    return f"{told}: {number} demand{'s' * (number > 1)}{_how_far(report, policy)}"


def _how_far(report: Report, policy: Policy) -> str:
    """Say how many are not met; a demand of which one GPU is against counts once."""
    unmet = _demanded(report.diagnosis.findings, policy)
    ignored = _demanded((one.finding for one in report.ignored), policy) - unmet
    gaps = [one for one in report.diagnosis.skipped if one.rule == UNMET]
    if any(one.left_out for one in gaps):
        return ", not judged"
    said = [f"{len(unmet)} not met"] if unmet else []
    said += [f"{len(ignored)} not met and ignored"] if ignored else []
    said += ["not all could be judged"] if gaps or any(one.rule == UNMET for one in report.diagnosis.crashed) else []
    return "".join(f", {one}" for one in said) or (" met" if len(policy.demands) == 1 else ", all met")


def _demanded(findings: Iterable[Finding], policy: Policy) -> set[Demand]:
    found = (demand_of(one.subject, policy.demands) for one in findings if one.rule == UNMET)
    return {one for one in found if one is not None}


def ignored_in_words(ignored: Iterable[Ignored]) -> str:
    """Say how many findings the policy takes out that would otherwise be told as wrong; nothing where it takes none."""
    number = sum(one.finding.severity > Severity.NOTE for one in ignored)
    return f"{number} finding{'s are' if number > 1 else ' is'} ignored by policy" if number else ""


def why_ignored(one: Ignored) -> str:
    """Say which finding is ignored, why and for how long: "driver-too-old (torch) - reason, until 2026-12-31"."""
    until = f", until {safe(one.by.expires, SHORT)}" if one.by.expires else ""
    finding = one.finding
    return f"{safe(finding.rule)} ({safe(finding.subject)}) - {safe(one.by.reason, SENTENCE).rstrip('.')}{until}"


def ignored_lines(ignored: Iterable[Ignored], width: int, verbose: bool) -> Iterator[Line]:
    """Yield a line for each finding that the policy takes out; with `verbose` what it says and who takes it out."""
    for one in ignored:
        texts = [f"ignored  {one.finding.severity.word}  {why_ignored(one)}"]
        if verbose:
            texts.append(safe(one.finding.message, SENTENCE))
            place = one.by.place
            texts += [f"by {safe(place.file)}, line {place.line}"] if place else []
        for indent, text in zip(("", "      ", "      "), texts, strict=False):
            yield from (styled(line.text, "dim") for line in wrapped(text, width, indent, "      "))
