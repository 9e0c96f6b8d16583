"""TORCH_CUDA_ARCH_LIST beside the toolkit that would compile and the GPUs that would run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.example_machine import HEALTHY, snapshot
from envdoctor.rules.toolkit_build_mismatch import LIST, OLD, RULE

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
T4, V100, A100, B300 = "Tesla T4 7.5", "Tesla V100-SXM2-32GB 7.0", "NVIDIA A100-SXM4-80GB 8.0", "NVIDIA B300 10.3"


def judged(targets: Value, toolkit: str, *gpus: str, **facts: Value) -> Diagnosis:
    torch = "2.14.0+cu130" if toolkit.startswith("13") else "2.9.1+cu128"
    told = {**HEALTHY, **OLD, "torch": torch, "toolkit.home_version": toolkit, "gpus": [*gpus], LIST: targets, **facts}
    diagnosis = diagnose(snapshot(told), MATRIX, rules=(RULE,))
    assert diagnosis.crashed == ()
    assert all(one.severity is Severity.NOTE for one in diagnosis.findings)
    return diagnosis


@pytest.mark.parametrize(
    ("targets", "toolkit", "gpus", "says"),
    [
        ("12.0", "12.6", [A100], "names 12.0"),
        ("8.0;12.0", "12.6.3", [A100], "names 12.0"),
        ("8.0 12.0", "12.8.0", [A100], None),
        ("7.0;8.0", "13.0", [A100], "names 7.0"),
        ("7.0;8.0", "12.9", [A100], None),
        ("8.0;13.7", "12.9", [A100], None),  # nobody knows of such a GPU
        ("9.0", "12.8", [A100], "only sm_90."),
        ("8.0+PTX", "12.8", ["NVIDIA H200 9.0"], None),
        ("10.0", "13.0", [B300], None),
        ("10.0a", "13.0", [B300], "only sm_100a."),
        ("9.0", "12.8", [A100, "NVIDIA H200 9.0"], None),
        ("9.0", "12.8", [A100, T4], "or another visible GPU"),
        ("9.0", "12.8", [], None),  # compiled for other machines
        ("Ampere", "12.8", [T4], None),
        ("9.0;Turing", "12.8", [T4], None),
        ("native", "12.8", [T4], None),
        ("", "12.8", [T4], None),
        (" ; ", "12.8", [T4], None),
        ("9.0\n8.6", "12.8", [T4], None),
        ("99999.0", "12.8", [T4], None),
    ],
)
def test_targets(targets: str, toolkit: str, gpus: list[str], says: str | None) -> None:
    messages = [one.message for one in judged(targets, toolkit, *gpus).findings]
    assert len(messages) == (says is not None)
    assert not says or says in messages[0]


def test_another_major_is_said_alone() -> None:
    (finding,) = judged("12.0", "11.8", A100).findings
    assert "mismatches" in finding.message
    assert finding.confidence is Confidence.PROVED


@pytest.mark.parametrize("targets", [["8.0"], 8.0, True, {"8.0": 1}])
def test_a_list_that_is_no_text_is_undecidable(targets: Value) -> None:
    assert [one.fact for one in judged(targets, "12.8", A100).skipped] == [LIST]


def test_a_version_that_is_none_is_undecidable() -> None:
    assert [one.rule for one in judged("8.0", "12.x", A100).skipped] == [RULE.name]
