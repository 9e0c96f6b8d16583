"""How a policy weighs a diagnosis: pure, by the day that is given, and never by an ignored finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.governed import govern
from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.verdict import exit_code
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Confidence, Diagnosis, Finding, Severity, Skipped, Verdict
from envdoctor.model.policy import Ignore, Policy
from envdoctor.model.snapshot import NOT_ASKED

NOTE, WARNING, ERROR = Severity.NOTE, Severity.WARNING, Severity.ERROR
TODAY = "2026-11-22"
CASES = sorted((Path(__file__).parents[1] / "cases").glob("*/snapshot.json"))


def found(
    rule: str = "driver-too-old", severity: Severity = ERROR, subject: str = "torch", caused_by: str | None = None
) -> Finding:
    return Finding(rule, severity, Confidence.INFERRED, subject, "It is so.", caused_by=caused_by)


def of(*findings: Finding, skipped: tuple[Skipped, ...] = (), verdict: Verdict = Verdict.BROKEN) -> Diagnosis:
    return Diagnosis(verdict, findings, skipped)


def ignoring(rule: str = "driver-too-old", subject: str = "", expires: str | None = None) -> Policy:
    return Policy(ignores=(Ignore(rule, "the ticket is open", subject, expires),))


def test_a_policy_that_weighs_nothing_leaves_the_very_diagnosis() -> None:
    diagnosis = of(found())
    assert govern(diagnosis, Policy(fail_on="warning", strict=True), TODAY).diagnosis is diagnosis


def test_an_ignored_finding_stays_apart_with_its_reason_and_decides_nothing() -> None:
    governed = govern(of(found(), found("matrix-too-old", NOTE)), ignoring(), TODAY)
    assert [one.rule for one in governed.diagnosis.findings] == ["matrix-too-old"]
    assert governed.diagnosis.verdict is Verdict.HEALTHY
    assert exit_code(governed.diagnosis) == 0
    assert [(one.finding.rule, one.by.reason) for one in governed.ignored] == [("driver-too-old", "the ticket is open")]


@pytest.mark.parametrize(
    ("pattern", "subjects"),
    [
        ("", ["gpu:0", "gpu:1", "gpu:0/memory", "torch"]),
        ("*", ["gpu:0", "gpu:1", "gpu:0/memory", "torch"]),
        ("gpu:*", ["gpu:0", "gpu:1", "gpu:0/memory"]),
        ("gpu:1", ["gpu:1"]),
        ("gpu:[0-3]", ["gpu:0", "gpu:1"]),
        ("GPU:1", []),
        ("driver-too-old", []),
    ],
)
def test_the_pattern_is_about_the_subject_whole_and_in_its_case(pattern: str, subjects: list[str]) -> None:
    all_of_them = [found(subject=subject) for subject in ("gpu:0", "gpu:1", "gpu:0/memory", "torch")]
    governed = govern(of(*all_of_them), ignoring(subject=pattern), TODAY)
    assert [one.finding.subject for one in governed.ignored] == subjects


def test_another_rule_of_the_same_subject_is_not_ignored() -> None:
    governed = govern(of(found("gpu-lost")), ignoring("driver-too-old"), TODAY)
    assert not governed.ignored
    assert governed.diagnosis.verdict is Verdict.BROKEN


@pytest.mark.parametrize(("expires", "holds"), [("2026-11-22", True), ("2026-11-21", False), (None, True)])
def test_the_last_day_is_the_last_on_which_it_holds(expires: str | None, holds: bool) -> None:
    governed = govern(of(found()), ignoring(expires=expires), TODAY)
    assert bool(governed.ignored) == holds
    assert exit_code(governed.diagnosis) == (0 if holds else 1)


def test_an_expired_one_comes_back_and_says_until_when_and_why() -> None:
    policy = Policy(ignores=(Ignore("driver-too-old", "the ticket\nis open.", expires="2026-11-01"),))
    (finding,) = govern(of(found()), policy, TODAY).diagnosis.findings
    assert finding.message == "It is so. It was ignored until 2026-11-01: the ticket is open."
    assert finding.fingerprint == found().fingerprint


def test_one_that_still_holds_stands_before_one_that_is_over() -> None:
    over = Ignore("driver-too-old", "old", expires="2026-01-01")
    holds = Ignore("driver-too-old", "new", expires="2027-01-01")
    for ignores in ((over, holds), (holds, over)):
        governed = govern(of(found()), Policy(ignores=ignores), TODAY)
        assert [one.by.reason for one in governed.ignored] == ["new"]


def test_a_severity_of_the_policy_decides_the_verdict_and_the_exit_code() -> None:
    lighter = govern(of(found()), Policy(severities={"driver-too-old": NOTE}), TODAY).diagnosis
    assert (lighter.verdict, exit_code(lighter)) == (Verdict.HEALTHY, 0)
    heavier = govern(of(found("matrix-too-old", NOTE)), Policy(severities={"matrix-too-old": ERROR}), TODAY).diagnosis
    assert (heavier.verdict, exit_code(heavier)) == (Verdict.BROKEN, 1)


def test_what_becomes_worse_comes_first_with_what_it_explains() -> None:
    diagnosis = of(
        found("gpu-lost"),
        found("driver-query-failed", WARNING),
        found("wsl-driver", NOTE, caused_by="driver-query-failed"),
        found("matrix-too-old", NOTE),
    )
    policy = Policy(severities={"driver-query-failed": ERROR, "gpu-lost": WARNING})
    ordered = govern(diagnosis, policy, TODAY).diagnosis.findings
    assert [one.rule for one in ordered] == ["driver-query-failed", "wsl-driver", "gpu-lost", "matrix-too-old"]


def test_what_an_ignored_finding_explained_stands_by_itself() -> None:
    diagnosis = of(found("driver-missing"), found("no-nvidia-gpu", subject="machine", caused_by="driver-missing"))
    governed = govern(diagnosis, ignoring("driver-missing"), TODAY)
    assert [(one.rule, one.caused_by) for one in governed.diagnosis.findings] == [("no-nvidia-gpu", None)]
    assert exit_code(governed.diagnosis) == 1


def test_a_cause_that_weighs_less_than_what_it_explains_explains_it_no_more() -> None:
    diagnosis = of(found("driver-missing"), found("no-nvidia-gpu", subject="machine", caused_by="driver-missing"))
    ordered = govern(diagnosis, Policy(severities={"driver-missing": NOTE}), TODAY).diagnosis.findings
    assert [(one.rule, one.caused_by) for one in ordered] == [("no-nvidia-gpu", None), ("driver-missing", None)]


GAP = Skipped("driver-too-old", "no answer", "driver.version")


@pytest.mark.parametrize(
    ("policy", "skipped", "code"),
    [
        (Policy(severities={"gpu-lost": NOTE}), GAP, 3),
        (Policy(severities={"driver-too-old": WARNING}), GAP, 0),
        (Policy(severities={"driver-too-old": ERROR}), replace(GAP, worst=NOTE), 3),
        (ignoring(), GAP, 0),
        (ignoring(subject="gpu:0"), GAP, 3),
        (ignoring(expires="2026-11-21"), GAP, 3),
        (Policy(without=("driver",)), replace(GAP, reason=NOT_ASKED), 0),
        (Policy(without=("driver",)), GAP, 3),
        (Policy(without=("driver",)), replace(GAP, fact=None), 0),
    ],
)
def test_a_gap_counts_under_strict_where_it_may_hide_an_error_that_counts(
    policy: Policy, skipped: Skipped, code: int
) -> None:
    governed = govern(of(skipped=(skipped,), verdict=Verdict.UNDETERMINED), policy, TODAY)
    assert exit_code(governed.diagnosis, strict=True) == code
    assert exit_code(governed.diagnosis) == 0


def test_a_probe_that_was_left_out_is_listed_as_left_out() -> None:
    governed = govern(
        of(skipped=(replace(GAP, reason=NOT_ASKED),), verdict=Verdict.UNDETERMINED), Policy(without=("driver",)), TODAY
    )
    assert [one.left_out for one in governed.diagnosis.skipped] == [True]


@pytest.mark.parametrize("case", CASES[::6], ids=lambda path: path.parent.name)
def test_an_ignore_that_meets_nothing_changes_nothing_of_a_real_diagnosis(case: Path) -> None:
    diagnosis = diagnose(load_snapshot(case.read_bytes(), case.name), load_matrix())
    governed = govern(diagnosis, ignoring("open-ssh"), TODAY)
    assert governed.diagnosis == diagnosis
    assert governed.ignored == ()


RULES = ("a", "b", "c")
FINDINGS = st.lists(
    st.builds(
        found,
        st.sampled_from(RULES),
        st.sampled_from([NOTE, WARNING, ERROR]),
        st.sampled_from(["x", "y"]),
        st.sampled_from([None, *RULES]),
    ),
    max_size=8,
)
IGNORES = st.lists(
    st.builds(
        Ignore,
        st.sampled_from(RULES),
        st.text(max_size=5),
        st.sampled_from(["", "x", "*", "[", "?"]),
        st.sampled_from([None, "2026-01-01", TODAY]),
    ),
    max_size=4,
)
POLICIES = st.builds(
    Policy,
    severities=st.dictionaries(st.sampled_from(RULES), st.sampled_from([NOTE, WARNING, ERROR])),
    ignores=IGNORES.map(tuple),
)


@given(FINDINGS, POLICIES)
def test_nothing_is_lost_and_no_cause_is_left_without_its_finding(findings: list[Finding], policy: Policy) -> None:
    governed = govern(of(*findings), policy, TODAY)
    kept, ignored = governed.diagnosis.findings, governed.ignored
    before = sorted((one.rule, one.subject) for one in findings)
    assert sorted((one.rule, one.subject) for one in [*kept, *(one.finding for one in ignored)]) == before
    if policy.severities or policy.ignores:
        rules = {one.rule for one in kept}
        assert all(one.caused_by is None or one.caused_by in rules for one in kept)
        roots = [one.severity for one in kept if one.caused_by is None]
        # The first of all is the worst there is, unless causes go round in a circle.
        assert not roots or roots[0] == max(roots)
    assert govern(of(*findings), policy, TODAY) == governed
