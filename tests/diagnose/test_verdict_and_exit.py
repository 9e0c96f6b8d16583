"""Verdict and exit code against the contract's table; what a crash of a rule of ours does; the order of findings."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose, in_order
from envdoctor.diagnose.verdict import exit_code, verdict_of
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Finding, Severity, Skipped, Verdict
from envdoctor.model.machine import Undecidable
from envdoctor.rules.rule import Rule, Stage, all_rules
from machines import machine_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

MATRIX = load_matrix()
SEVERITIES = (None, Severity.NOTE, Severity.WARNING, Severity.ERROR)
ANY = {"always": Severity.ERROR}


def finding(severity: Severity, rule: str = "driver-too-old", subject: str = "torch") -> Finding:
    return Finding(rule, severity, Confidence.PROVED, subject, "It is so.")


@pytest.mark.parametrize(("worst", "unknown"), list(product(SEVERITIES, (False, True))))
def test_verdict(worst: Severity | None, unknown: bool) -> None:
    expected = {
        (None, False): Verdict.HEALTHY,
        (Severity.NOTE, False): Verdict.HEALTHY,
        (Severity.WARNING, False): Verdict.WARNINGS,
        (Severity.ERROR, False): Verdict.BROKEN,
        (None, True): Verdict.UNDETERMINED,
        (Severity.NOTE, True): Verdict.UNDETERMINED,
        (Severity.WARNING, True): Verdict.UNDETERMINED,
        (Severity.ERROR, True): Verdict.BROKEN,
    }
    findings = [finding(Severity.NOTE), finding(worst)] if worst else []
    assert verdict_of(findings, unknown) is expected[worst, unknown]


LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE}


@pytest.mark.parametrize("fail_on", ["error", "warning", "note", "never"])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("worst", SEVERITIES)
def test_exit_code(fail_on: str, strict: bool, crashed: bool, unknown: bool, worst: Severity | None) -> None:
    findings = (finding(worst),) if worst else ()
    skipped = (Skipped("gpu-lost", "not told", "nvml.status"),) if unknown else ()
    diagnosis = Diagnosis(
        verdict_of(findings, unknown), findings, skipped, (Crashed("gpu-lost", "KeyError"),) if crashed else ()
    )
    fails = fail_on != "never" and worst is not None and worst >= LEVELS[fail_on]
    if fails:
        expected = 1
    elif crashed or (strict and unknown and worst is not Severity.ERROR):
        expected = 3
    else:
        expected = 0
    assert exit_code(diagnosis, fail_on=fail_on, strict=strict) == expected


def test_a_healthy_machine_is_always_zero() -> None:
    healthy = diagnose(machine_snapshot(), MATRIX)
    assert healthy.verdict is Verdict.HEALTHY
    assert {
        exit_code(healthy, fail_on=word, strict=strict) for word in (*LEVELS, "never") for strict in (False, True)
    } == {0}


def silent(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    yield from ()


def rule(judge: object, name: str, *, stage: Stage = Stage.PACKAGES, explains: tuple[str, ...] = ()) -> Rule:
    made = Rule(judge, stage=stage, needs=(), fires=(), quiet=(), explains=explains, severities=ANY)  # type: ignore[arg-type]
    object.__setattr__(made, "name", name)
    return made


def raising(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    yield finding(Severity.WARNING, "of-ours")
    raise KeyError("a bug\nof ours")


def test_a_rule_that_raises_is_shown_as_our_bug_and_the_others_still_run() -> None:
    broken = machine_snapshot(driver="470.256.02", torch="2.5.1+cu124")
    diagnosis = diagnose(broken, MATRIX, rules=(rule(raising, "of-ours"), *all_rules()))
    assert [one.rule for one in diagnosis.crashed] == ["of-ours"]
    assert "KeyError" in diagnosis.crashed[0].reason
    assert "test_verdict_and_exit" in diagnosis.crashed[0].reason
    assert "\n" not in diagnosis.crashed[0].reason
    assert [one.rule for one in diagnosis.findings] == ["driver-too-old", "of-ours"]
    assert exit_code(diagnosis) == 1


def test_a_crash_alone_is_exit_code_three() -> None:
    diagnosis = diagnose(machine_snapshot(), MATRIX, rules=(*all_rules(), rule(raising, "of-ours")))
    assert diagnosis.crashed
    assert exit_code(diagnosis) == 3
    assert exit_code(diagnosis, fail_on="warning") == 1


@pytest.mark.parametrize("bug", [RecursionError, MemoryError, ZeroDivisionError, AssertionError, StopIteration])
def test_whatever_a_rule_raises_costs_that_rule_alone(bug: type[Exception]) -> None:
    def judge(machine: Machine, matrix: Matrix) -> list[Finding]:
        raise bug

    diagnosis = diagnose(machine_snapshot(), MATRIX, rules=(rule(judge, "of-ours"), *all_rules()))
    assert [one.rule for one in diagnosis.crashed] == ["of-ours"]
    assert diagnosis.verdict is Verdict.HEALTHY


def test_a_rule_that_stops_half_way_keeps_what_it_found() -> None:
    def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
        yield finding(Severity.ERROR, "of-ours")
        raise Undecidable("not told", "gpu.1.name")

    diagnosis = diagnose(machine_snapshot(), MATRIX, rules=(rule(judge, "of-ours"),))
    assert [one.rule for one in diagnosis.findings] == ["of-ours"]
    assert diagnosis.skipped == (Skipped("of-ours", "not told", "gpu.1.name"),)
    assert diagnosis.verdict is Verdict.BROKEN


def test_a_missing_row_of_the_matrix_is_no_unknown_fact() -> None:
    def judge(machine: Machine, matrix: Matrix) -> list[Finding]:
        raise Undecidable("unknown to this matrix")

    diagnosis = diagnose(machine_snapshot(), MATRIX, rules=(rule(judge, "of-ours"),))
    assert diagnosis.skipped[0].fact is None
    assert diagnosis.verdict is Verdict.HEALTHY
    assert exit_code(diagnosis, strict=True) == 0


def test_the_worst_comes_first_then_the_earliest_on_the_way_to_a_kernel() -> None:
    late, early, mild = (
        rule(silent, "late", stage=Stage.LIBRARIES),
        rule(silent, "early", stage=Stage.REACH),
        rule(silent, "mild", stage=Stage.REACH),
    )
    ordered = in_order(
        [
            (mild, finding(Severity.NOTE, "mild")),
            (late, finding(Severity.ERROR, "late")),
            (early, finding(Severity.ERROR, "early")),
        ]
    )
    assert [one.rule for one in ordered] == ["early", "late", "mild"]


def test_a_consequence_follows_its_cause_and_names_it() -> None:
    cause = rule(silent, "cause", stage=Stage.PACKAGES, explains=("effect",))
    effect, other = rule(silent, "effect", stage=Stage.REACH), rule(silent, "other", stage=Stage.SETTING)
    ordered = in_order(
        [
            (effect, finding(Severity.ERROR, "effect")),
            (other, finding(Severity.ERROR, "other")),
            (cause, finding(Severity.ERROR, "cause")),
        ]
    )
    assert [(one.rule, one.caused_by) for one in ordered] == [("cause", None), ("effect", "cause"), ("other", None)]


def test_a_mere_warning_explains_no_error() -> None:
    cause = rule(silent, "cause", explains=("effect",))
    effect = rule(silent, "effect")
    ordered = in_order([(cause, finding(Severity.WARNING, "cause")), (effect, finding(Severity.ERROR, "effect"))])
    assert [(one.rule, one.caused_by) for one in ordered] == [("effect", None), ("cause", None)]


def test_a_finding_that_names_its_own_cause_follows_it_and_no_other_of_its_rule_does() -> None:
    cause, other = rule(silent, "cause", stage=Stage.LIBRARIES), rule(silent, "other", stage=Stage.REACH)
    effect = rule(silent, "effect", stage=Stage.RUN)
    named = replace(finding(Severity.ERROR, "effect", "gpu:1"), caused_by="cause")
    alone = finding(Severity.ERROR, "effect", "gpu:0")
    found = [(effect, named), (effect, alone), (cause, finding(Severity.ERROR, "cause"))]
    ordered = in_order([*found, (other, finding(Severity.ERROR, "other"))])
    assert [(one.rule, one.subject, one.caused_by) for one in ordered] == [
        ("other", "torch", None),
        ("cause", "torch", None),
        ("effect", "gpu:1", "cause"),
        ("effect", "gpu:0", None),
    ]


def test_a_cause_that_was_explained_takes_its_consequences_along() -> None:
    root = rule(silent, "root", stage=Stage.SETTING, explains=("cause",))
    cause, effect = rule(silent, "cause", stage=Stage.REACH), rule(silent, "effect", stage=Stage.REACH)
    named = replace(finding(Severity.ERROR, "effect"), caused_by="cause")
    found = [(effect, named), (cause, finding(Severity.ERROR, "cause")), (root, finding(Severity.ERROR, "root"))]
    told = [(one.rule, one.caused_by) for one in in_order(found)]
    assert told == [("root", None), ("cause", "root"), ("effect", "cause")]


@pytest.mark.parametrize("there", [[], [Severity.NOTE], [Severity.WARNING]])
def test_a_cause_that_is_not_there_or_is_less_is_none(there: list[Severity]) -> None:
    cause, effect = rule(silent, "cause"), rule(silent, "effect")
    named = replace(finding(Severity.ERROR, "effect"), caused_by="cause")
    ordered = in_order([(effect, named), *((cause, finding(one, "cause")) for one in there)])
    assert (ordered[0].rule, ordered[0].caused_by) == ("effect", None)


def test_two_rules_that_explain_each_other_both_stay() -> None:
    one, two = rule(silent, "one", explains=("two",)), rule(silent, "two", explains=("one",))
    ordered = in_order([(one, finding(Severity.ERROR, "one")), (two, finding(Severity.ERROR, "two"))])
    assert sorted(found.rule for found in ordered) == ["one", "two"]


def test_judging_twice_gives_the_same() -> None:
    machine = machine_snapshot(gpus=["Tesla V100-SXM2-16GB"] * 3, torch="2.14.0+cu130", driver="550.54.15")
    assert diagnose(machine, MATRIX) == diagnose(machine, MATRIX)
    subjects = [one.subject for one in diagnose(machine, MATRIX).findings]
    assert subjects == ["gpu:0", "gpu:1", "gpu:2", "driver"]
