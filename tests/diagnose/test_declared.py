"""Files are judged in the order of their lines, what cases share is told once, and a bug of ours silences nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from declared_cases import FILE, MATRIX, WHL, case
from envdoctor.diagnose.declared import judge_declared
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.finding import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import Flaw

WRONG = case("torch==2.6.0 torchvision==0.17.0")
BOTH = case(f"torch==2.6.0 torchvision==0.17.0 --index-url {WHL}/cu121")


def test_what_two_cases_share_is_told_once() -> None:
    diagnosis, flaws = judge_declared([DeclaredFile("requirements file", (WRONG, WRONG))], MATRIX)
    assert [one.rule for one in diagnosis.findings] == ["torch-torchvision-mismatch"]
    assert diagnosis.findings == tuple(one.finding for one in flaws)
    assert diagnosis.verdict is Verdict.BROKEN


def test_the_order_is_that_of_files_and_lines() -> None:
    files = [DeclaredFile("requirements file", (BOTH,)), DeclaredFile("requirements file", (WRONG,))]
    diagnosis, _ = judge_declared(files, MATRIX)
    assert len(diagnosis.findings) == 3
    first = diagnosis.findings[:2]
    assert {one.rule for one in first} == {"torch-torchvision-mismatch", "wrong-index-url"}
    assert [one.location.file for one in diagnosis.findings if one.location] == [FILE] * 3


def test_a_bug_of_ours_silences_no_other_rule() -> None:
    def broken(_: DeclaredFile) -> Iterator[Flaw]:
        raise ZeroDivisionError("ours")

    diagnosis, _ = judge_declared([DeclaredFile("requirements file", (WRONG,))], MATRIX, target=broken)
    assert [one.rule for one in diagnosis.findings] == ["torch-torchvision-mismatch"]
    assert [(one.rule, one.reason.startswith("ZeroDivisionError: ours")) for one in diagnosis.crashed] == [
        ("target", True)
    ]


def test_rules_that_are_left_out_are_named() -> None:
    rule = "torch-torchvision-mismatch"
    diagnosis, _ = judge_declared([DeclaredFile("requirements file", (WRONG,))], MATRIX, ignore=[rule])
    assert diagnosis.findings == ()
    assert [one.rule for one in diagnosis.skipped if one.left_out] == [rule]
