"""The part of a diagnosis that a report of the battery shows."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.about_tests import about_tests
from envdoctor.diagnose.verdict import smoke_exit_code
from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Evidence, Finding, Severity, Skipped, Verdict
from envdoctor.model.smoke import Status


def finding(rule: str, caused_by: str | None = None, *facts: str, severity: Severity = Severity.ERROR) -> Finding:
    evidence = tuple(Evidence(fact, 1, "test") for fact in facts)
    return Finding(rule, severity, Confidence.PROVED, "gpu:0", "It is.", evidence, caused_by)


DRIVER = finding("driver-too-old", None, "driver.version")
ARCH = finding("gpu-arch-not-in-wheel", "driver-too-old", "smoke.tests")
CRASHED = finding("smoke-crashed", "gpu-arch-not-in-wheel")
OTHER = finding("missing-libGL", None, "libraries.missing")
GAP = Skipped("smoke-failed", "no rows", "smoke.tests")


def test_what_tests_show_and_what_they_follow_from_stays() -> None:
    whole = Diagnosis(
        Verdict.BROKEN, (DRIVER, ARCH, OTHER, CRASHED), (GAP, Skipped("mig", "x", "gpu.count")), (Crashed("mig", "x"),)
    )
    part = about_tests(whole)
    assert part.findings == (DRIVER, ARCH, CRASHED)
    assert part.skipped == (GAP,)
    assert part.crashed == whole.crashed
    assert part.verdict is Verdict.BROKEN


def test_nothing_about_tests_is_healthy() -> None:
    assert about_tests(Diagnosis(Verdict.BROKEN, (DRIVER, OTHER))) == Diagnosis(Verdict.HEALTHY)


def test_causes_in_a_circle_end() -> None:
    one, other = finding("smoke-failed", "mig"), finding("mig", "smoke-failed")
    assert about_tests(Diagnosis(Verdict.BROKEN, (one, other))).findings == (one, other)


@pytest.mark.parametrize("status", Status)
def test_only_passed_and_skipped_are_0(status: Status) -> None:
    good = status in (Status.PASSED, Status.SKIPPED)
    assert smoke_exit_code([Status.PASSED, status], started=True) == (0 if good else 1)
    assert smoke_exit_code([Status.PASSED, status], started=True, fail_on="warning") == (0 if good else 1)
    assert smoke_exit_code([Status.PASSED, status], started=True, fail_on="never") == 0
    assert smoke_exit_code([status], started=False, fail_on="never") == 3


def test_what_proves_nothing_is_3_under_strict() -> None:
    assert smoke_exit_code([Status.SKIPPED], started=True) == 0
    assert smoke_exit_code([Status.SKIPPED], started=True, strict=True) == 3
    assert smoke_exit_code([Status.SKIPPED, Status.PASSED], started=True, strict=True) == 0
    assert smoke_exit_code([Status.PASSED], started=True, crashed=True) == 3
    assert smoke_exit_code([Status.FAILED], started=True, crashed=True) == 1
