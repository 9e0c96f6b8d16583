"""The findings about kernel tests: which tests one finding names, what it is about and what it quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Confidence, Severity, Verdict
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Status as Way
from envdoctor.model.smoke import Status, TestResult
from envdoctor.plan.predict import predicted
from envdoctor.plan.proof import prove
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from envdoctor.rules.example_machine import HEALTHY, snapshot
from envdoctor.rules.smoke_examples import failed, passed, smoked

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
LAUNCH = "CUDA error: unspecified launch failure"
BAD = {
    Status.FAILED: "smoke-failed",
    Status.WRONG_NUMBERS: "smoke-wrong-numbers",
    Status.CRASHED: "smoke-crashed",
    Status.TIMED_OUT: "smoke-timed-out",
}


def after(*tests: TestResult, **facts: object) -> Snapshot:
    return snapshot({**HEALTHY, **smoked(*tests), **facts})  # type: ignore[dict-item]


def judged(*tests: TestResult) -> Diagnosis:
    found = diagnose(after(*tests), MATRIX)
    assert found.crashed == ()
    return found


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.SLOW])
@pytest.mark.parametrize("device", ["cpu", "cuda:0", "cuda"])
def test_each_ending_has_its_rule(status: Status, device: str) -> None:
    found = judged(TestResult("fft", device, status, message="it was so"))
    assert [one.rule for one in found.findings] == ([BAD[status]] if status in BAD else [])
    for one in found.findings:
        assert (one.severity, one.confidence) == (Severity.ERROR, Confidence.PROVED)
        assert one.subject == {"cpu": "cpu/fft", "cuda:0": "gpu:0/fft", "cuda": "gpus/fft"}[device]
        assert "it was so" in one.message
        assert one.evidence[0].value == [
            {"name": "fft", "device": device, "status": status.value, "message": "it was so"}
        ]


def test_tests_with_the_same_words_on_one_device_are_one_finding() -> None:
    found = judged(
        failed("start", LAUNCH), failed("fft", LAUNCH), failed("svd", "another"), failed("start", LAUNCH, "cpu"),
        TestResult("sort", "cuda:0", Status.TIMED_OUT, message=LAUNCH),
    ).findings  # fmt: skip
    assert {(one.rule, one.subject) for one in found} == {
        ("smoke-failed", "gpu:0"),
        ("smoke-failed", "gpu:0/svd"),
        ("smoke-failed", "cpu/start"),
        ("smoke-timed-out", "gpu:0/sort"),
    }
    assert all(one.caused_by is None for one in found)


def test_a_device_that_the_driver_s_order_does_not_know_keeps_its_name() -> None:
    found = diagnose(after(failed("fft", LAUNCH, "cuda:3")), MATRIX).findings
    assert [one.subject for one in found] == ["cuda:3/fft"]


def test_many_tests_are_named_in_part() -> None:
    (found,) = judged(*(failed(f"test-{number}", LAUNCH) for number in range(9))).findings
    assert found.message.startswith("9 kernel tests (test-0, test-1, test-2, test-3, test-4 and 4 more) failed on")


HOSTILE = "\x1b[31m`first`  line\tof\x00 an error. " + "x" * 5000 + "\nsecond line"


@pytest.mark.parametrize("status", BAD)
def test_a_message_quotes_one_bounded_line(status: Status) -> None:
    trace = (f"/home/somebody/{'y' * 3000}/torch/fft.py:3 in rfft",)
    (found,) = judged(TestResult("fft", "cuda:0", status, message=HOSTILE, trace=trace)).findings
    assert "second line" not in found.message
    assert "`" not in found.message
    assert "\n" not in found.message
    assert len(found.message) < 900


def test_a_wrong_number_is_told_with_error_and_bound() -> None:
    wrong = TestResult("svd", "cpu", Status.WRONG_NUMBERS, message="it is off", error=0.5, bound=1e-6)
    (found,) = judged(wrong).findings
    assert "The largest relative error is 5.0e-01, and rounding explains 1.0e-06 at most" in found.message
    (found,) = judged(wrong._replace(message="it is off, at most by 5.0e-01")).findings
    assert found.message.count("5.0e-01") == 1
    (found,) = judged(wrong._replace(error=None)).findings
    assert "None" not in found.message


def test_what_passed_in_company_of_nothing_else_is_silence() -> None:
    found = judged(
        passed("fft"), passed("fft", "cpu"), TestResult("nms", "cpu", Status.SKIPPED, message="no torchvision")
    )
    assert found.findings == ()
    assert found.verdict is Verdict.HEALTHY


def test_a_test_that_failed_for_an_unknown_reason_changes_no_package() -> None:
    told = after(failed("fft", LAUNCH))
    plan = plan_for(diagnose(told, MATRIX), Solver(Machine(told), MATRIX))
    assert plan.status is Way.SOLVED
    assert [step.kind for step in plan.steps] == ["run-again"]
    assert all(step.argv == () for step in plan.steps)


def test_what_is_known_to_be_broken_is_mended_first() -> None:
    told = after(failed("fft", LAUNCH), driver="470.256.02 11.4")
    plan = plan_for(diagnose(told, MATRIX), Solver(Machine(told), MATRIX))
    assert "run-again" not in {step.kind for step in plan.steps}
    assert plan.target is not None


NO_KERNEL = "CUDA error: no kernel image is available for execution on the device"


def test_a_build_that_should_have_the_kernels_is_written_anew() -> None:
    told = after(failed("start", NO_KERNEL))
    solver = Solver(Machine(told), MATRIX)
    plan = plan_for(diagnose(told, MATRIX), solver)
    assert plan.status is Way.SOLVED
    assert "writes the files of torch 2.9.1+cu128 anew" in plan.steps[0].why
    assert prove(plan, solver, lambda one: diagnose(one, MATRIX)).proved is None, "only running it again tells"


def test_what_kernels_told_of_the_old_build_is_not_told_of_the_new_one() -> None:
    gpu = {"torch": "2.5.1+cu124", "driver": "570.124.06 12.8", "gpus": ["NVIDIA GeForce RTX 5090 12.0"]}
    for tests, known in (((passed("start"),), False), ((failed("start", NO_KERNEL),), True)):
        told = after(*tests, **gpu)
        plan = plan_for(diagnose(told, MATRIX), Solver(Machine(told), MATRIX))
        assert plan.status is Way.SOLVED
        left = predicted(told, plan, MATRIX)
        assert [name for name in left.facts if name.startswith("smoke.")] == (["smoke.tests"] if known else [])
        assert not [one for one in diagnose(left, MATRIX).findings if one.severity is Severity.ERROR]
