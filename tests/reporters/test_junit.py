"""JUnit XML, read back by readers of others, and held against the exit code it must never contradict."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
import xmlschema
from gate_reports import GATE, broken, linted
from gate_verdicts import MACHINES, checked, gates
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped
from report_samples import SAMPLES, facts, hostile, report

from envdoctor.commands.rule_cards import with_rules
from envdoctor.model.fact import Known
from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.finding import Skipped as Undecided
from envdoctor.model.policy import Policy
from envdoctor.reporters.inert import inert
from envdoctor.reporters.junit import render
from envdoctor.reporters.junit_cases import MOST_TOLD
from hostile_texts import TEXTS, assert_harmless
from machines import run_cli

if TYPE_CHECKING:
    from junitparser import TestCase

    from envdoctor.model.report import Report

HERE = Path(__file__).parent
GOLDEN = HERE / "golden_junit"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_junit.py"
SCHEMA = xmlschema.XMLSchema(HERE / "junit.xsd")


def read_back(text: str) -> dict[str, TestCase]:
    """The cases by name, as `junitparser` reads them; the schema holds, and every number is right."""
    SCHEMA.validate(ElementTree.fromstring(text))
    suites = JUnitXml.fromstring(text.encode())
    (suite,) = suites
    cases = list(suite)
    ends = [type(end) for case in cases for end in case.result]
    for one in (suites, suite):
        assert one.tests == len(cases)
        assert (one.failures, one.errors, one.skipped) == tuple(ends.count(end) for end in (Failure, Error, Skipped))
    names = [(case.classname, case.name) for case in cases]
    assert len(set(names)) == len(names), "GitLab passes over the second of a name"
    return {case.name: case for case in cases}


def end_of(case: TestCase) -> type | None:
    return type(case.result[0]) if case.result else None


@pytest.mark.parametrize("name", GATE)
def test_report_is_the_golden_one(name: str) -> None:
    text = render(GATE[name])
    golden = GOLDEN / f"{name}.xml"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(GATE)


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_what_fails_is_what_the_exit_code_says(name: str, blind: bool) -> None:
    read_back(render(checked(name, blind=blind)))
    for gate in gates(checked(name, blind=blind)):
        said = ElementTree.fromstring(render(gate)).attrib
        assert (said["failures"] != "0") == (gate.exit_code == 1), gate
        assert (said["errors"] != "0") == (gate.exit_code == 3), gate


def test_gates_of_every_exit_code_were_tried() -> None:
    reports = [checked(name, blind=blind) for name in MACHINES[:8] for blind in (False, True)]
    assert {gate.exit_code for report in reports for gate in gates(report)} == {0, 1, 3}


def test_every_rule_that_was_asked_has_a_case_and_no_other() -> None:
    healthy = with_rules(SAMPLES["healthy-gpu"])
    cases = read_back(render(healthy))
    assert set(cases) == {card.name for card in healthy.rules if card.asked}
    assert "runs-as-root" not in cases, "no machine shows it"
    assert "smoke-slow" not in cases, "no kernel ran"
    assert not any(case.result for case in cases.values())


def test_a_lesser_finding_is_told_by_a_case_that_passed() -> None:
    cases = read_back(render(broken()))
    assert end_of(cases["driver-too-old"]) is Failure
    assert end_of(cases["triton-unavailable"]) is None
    assert "torch.compile has no GPU to compile for." in cases["triton-unavailable"].system_out
    assert end_of(cases["dev-shm-too-small"]) is None


def test_a_failure_says_what_and_where_and_by_what() -> None:
    case = read_back(render(broken()))["driver-too-old"]
    (failure,) = case.result
    assert failure.type == "driver-too-old"
    assert failure.message.startswith("The driver 470.256.02 is older than 525.60.13")
    assert "seen: driver.version = 470.256.02 (nvml)" in failure.text
    assert failure.text.startswith("pyproject.toml:7: error driver-too-old (torch)")
    assert (case._elem.get("file"), case._elem.get("line")) == ("pyproject.toml", "7")


def test_what_the_policy_ignores_is_skipped_with_its_reason() -> None:
    case = read_back(render(broken()))["triton-mismatch"]
    assert end_of(case) is Skipped
    assert case.result[0].message.startswith("Ignored by policy until 2026-12-31: nobody compiles here | #42 (")


def test_a_rule_of_which_one_finding_is_ignored_is_judged_by_the_others() -> None:
    base = broken()
    kept = replace(base.diagnosis.findings[1], rule="triton-mismatch", message="Another one.")
    both = replace(base, diagnosis=Diagnosis(Verdict.BROKEN, (kept,)))
    case = read_back(render(both))["triton-mismatch"]
    assert end_of(case) is Failure
    assert "nobody compiles here" in case.system_out


def test_a_rule_that_raised_is_an_error_and_says_that_it_is_ours() -> None:
    case = read_back(render(SAMPLES["crashed-rule"]))["triton-mismatch"]
    assert end_of(case) is Error
    assert case.result[0].message == "A bug in envdoctor: IndexError: tuple index out of range"


def test_a_rule_that_found_something_and_then_raised_fails_and_tells_both() -> None:
    base = broken()
    crash = Crashed("driver-too-old", "IndexError: list index out of range")
    text = render(replace(base, diagnosis=replace(base.diagnosis, crashed=(crash,))))
    case = read_back(text)["driver-too-old"]
    assert end_of(case) is Failure
    assert "IndexError" in case.system_out


def test_what_is_unknown_is_skipped_and_under_strict_an_error_where_an_error_hangs_on_it() -> None:
    base = SAMPLES["undetermined"]
    skipped = (*base.diagnosis.skipped, Undecided("mig", "left out by --select or --ignore", left_out=True))
    lenient = replace(base, diagnosis=replace(base.diagnosis, skipped=skipped))
    assert {end_of(case) for case in read_back(render(lenient)).values()} == {Skipped}
    strict = replace(lenient, strict=True, exit_code=3)
    ends = {name: end_of(case) for name, case in read_back(render(strict)).items()}
    assert ends == {
        "driver-too-old": Error,
        "gpu-arch-not-in-wheel": Error,
        "driver-too-old-for-gpu": Error,
        "triton-mismatch": Skipped,  # the matrix has no row: nothing of the machine is unknown
        "mig": Skipped,
    }
    lighter = replace(strict, policy=Policy(severities={"driver-too-old": Severity.WARNING}))
    assert end_of(read_back(render(lighter))["driver-too-old"]) is Skipped


def test_a_file_that_was_not_read_is_an_error() -> None:
    case = read_back(render(linted()))["file-not-read"]
    assert end_of(case) is Error
    assert "api/uv.lock" in case.result[0].message


def test_never_fails_where_nothing_is_to_fail() -> None:
    cases = read_back(render(replace(broken(), fail_on="never", exit_code=0)))
    assert {end_of(case) for case in cases.values()} == {None, Skipped}
    assert "The driver 470.256.02" in cases["driver-too-old"].system_out


def kernels(*findings: Finding, rows: list[dict[str, object]], **others: object) -> Report:
    seen = facts("2.9.1+cu128", (("NVIDIA A100-SXM4-80GB", "8.0"),))
    seen["smoke.tests"] = Known(rows, "battery")  # type: ignore[arg-type]
    return replace(report(seen, Diagnosis(Verdict.HEALTHY, findings)), **others)  # type: ignore[arg-type]


PASSED = {"name": "matmul", "device": "cuda:0", "status": "passed", "seconds": 0.8126}
FAILED = {"name": "conv", "device": "cuda:0", "status": "failed", "seconds": 2.0, "message": "CUDNN_STATUS_X",
          "trace": ["conv.py:7 in forward"], "output": "one\ntwo"}  # fmt: skip
SLOW = {"name": "copy", "device": "cuda:0", "status": "slow", "message": "a sixth of 2 TB/s"}
LEFT = {"name": "nccl", "device": "cuda", "status": "skipped", "message": "there is one GPU"}


def of_kernels(rule: str, severity: Severity) -> Finding:
    evidence = (Evidence("smoke.tests", [], "battery"),)
    return Finding(rule, severity, Confidence.PROVED, "gpu:0", "It failed.", evidence)


def test_kernels_are_cases_with_their_time() -> None:
    cases = read_back(render(kernels(rows=[PASSED, LEFT, {"name": "of a stranger"}])))
    assert set(cases) == {"matmul on cuda:0", "nccl on cuda"}
    assert (cases["matmul on cuda:0"].classname, cases["matmul on cuda:0"].time) == ("envdoctor.smoke", 0.813)
    assert cases["nccl on cuda"].result[0].message == "skipped: there is one GPU"


@pytest.mark.parametrize(
    ("rule", "severity", "conv", "copy"),
    [
        ("smoke-failed", Severity.ERROR, Failure, Skipped),
        ("cudnn-shadowed-by-ld-library-path", Severity.ERROR, Failure, Skipped),
        ("smoke-slow", Severity.ERROR, Skipped, Failure),
        ("smoke-slow", Severity.WARNING, Skipped, Skipped),
    ],
)
def test_a_kernel_fails_where_a_finding_of_it_does(rule: str, severity: Severity, conv: type, copy: type) -> None:
    made = kernels(of_kernels(rule, severity), rows=[FAILED, SLOW], exit_code=int(severity is Severity.ERROR))
    cases = read_back(render(made))
    assert (end_of(cases["conv on cuda:0"]), end_of(cases["copy on cuda:0"])) == (conv, copy)
    assert "conv.py:7 in forward" in cases["conv on cuda:0"].result[0].text
    for case in cases.values():
        if case.classname == "envdoctor.smoke" and end_of(case) is Skipped:
            assert "no finding of this counts" in case.result[0].message, (
                "a kernel that failed never looks as if passed"
            )


@cache
def plain() -> dict[str, TestCase]:
    return read_back(render(hostile("words")))


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_texts_are_texts(name: str) -> None:
    shown = render(hostile(TEXTS[name][:100_000]))
    assert_harmless(shown, "junit")
    assert len(read_back(shown)) == len(plain())


@given(st.text())
def test_no_text_breaks_the_document_and_none_is_lost(text: str) -> None:
    made = hostile(text)
    shown = render(made)
    assert_harmless(shown, "junit")
    case = read_back(shown)["driver-too-old"]
    assert case.result[0].message == inert(text)
    assert inert(text) in (case.result[0].text or "")


def test_a_time_that_is_none_is_left_out() -> None:
    for taken in ("yesterday", '2026-11-21T10:00:00Z" onload="x', "", "٢٠٢٦-11-21T10:00:00Z"):
        base = SAMPLES["healthy-gpu"]
        read = ElementTree.fromstring(render(replace(base, snapshot=replace(base.snapshot, taken=taken))))
        assert "timestamp" not in read[0].attrib
    for seconds, shown in ((None, "0.000"), (float("nan"), "0.000"), (1e-7, "0.000"), (12.3456, "12.346")):
        read = ElementTree.fromstring(render(replace(SAMPLES["healthy-gpu"], seconds=seconds)))
        assert read.get("time") == shown


def test_ten_thousand_findings_are_one_case_that_says_how_many() -> None:
    base = broken()
    finding = base.diagnosis.findings[1]
    many = tuple(replace(finding, subject=f"line {number}", caused_by=None) for number in range(10_000))
    text = render(replace(base, diagnosis=Diagnosis(Verdict.BROKEN, many)))
    case = read_back(text)["driver-too-old"]
    assert case.result[0].message.endswith("(and 9999 more)")
    assert f"and {10_000 - MOST_TOLD} more of this rule; -o json=FILE holds all of them" in case.result[0].text
    assert len(text) < 2_000_000


def test_the_command_writes_it(tmp_path: Path) -> None:
    wrong = tmp_path / "requirements.txt"
    wrong.write_text("torch==2.5.1\ntorchvision==0.15.0\n", encoding="utf-8")
    said = run_cli(["lint", str(wrong), "-o", f"junit={tmp_path / 'j.xml'}"], cwd=tmp_path)
    assert said.exit_code == 1, said
    cases = read_back((tmp_path / "j.xml").read_text(encoding="ascii"))
    assert end_of(cases["torch-torchvision-mismatch"]) is Failure
    assert end_of(cases["runs-as-root"]) is None
