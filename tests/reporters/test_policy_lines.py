"""A policy in the report for people and in Markdown: one line where it applies, and nothing is hidden."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import jsonschema
import pytest
from referencing import Registry, Resource

from envdoctor.codec.read import load_snapshot
from envdoctor.codec.redact_report import redacted_report
from envdoctor.codec.schema_files import NAMES, schema_text
from envdoctor.diagnose.verdict import verdict_of
from envdoctor.model.demand import Demand
from envdoctor.model.finding import Confidence, Diagnosis, Finding, Severity, Skipped, Verdict
from envdoctor.model.linted import FileRead, LintView
from envdoctor.model.place import Place
from envdoctor.model.plan import Plan, Status
from envdoctor.model.policy import Ignore, Ignored, Policy
from envdoctor.model.report import Report
from envdoctor.reporters import json_document, markdown, terminal
from machines import machine_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

TORCH = Demand("torch", ">=2.6,<2.9", ">=2.6,<2.9", Place("/home/alice/repo/pyproject.toml", 12))
GPUS = Demand("gpus", ">=1", ">=1")
CAPABLE = Demand("compute-capability", ">=8.0", ">=8.0")
HOSTILE = "\x1b[31m::error::x ##[error]y\n\u202e<b>*z* https://u:secret@mirror.example/"


def unmet(subject: str) -> Finding:
    return Finding("requirement-not-met", Severity.ERROR, Confidence.PROVED, subject, f"{subject} is not as demanded.")


def reported(
    policy: Policy | None,
    *findings: Finding,
    ignored: Sequence[Ignored] = (),
    skipped: tuple[Skipped, ...] = (),
) -> Report:
    return Report(
        snapshot=machine_snapshot(),
        diagnosis=Diagnosis(verdict_of(findings, required_unknown=False), findings, skipped),
        plan=Plan(Status.NOTHING_TO_DO),
        exit_code=0,
        matrix_revision="2026-11-22",
        newest_torch="2.15.0",
        envdoctor="0.1.0",
        policy=policy,
        ignored=tuple(ignored),
    )


def ignored(finding: Finding, reason: str = "the ticket is open", expires: str | None = "2026-12-31") -> Ignored:
    return Ignored(finding, Ignore(finding.rule, reason, "gpu:*", expires, Place("envdoctor.toml", 7)))


@pytest.mark.parametrize(
    ("policy", "findings", "line"),
    [
        (Policy(demands=(TORCH,), files=("pyproject.toml",)), (), "policy pyproject.toml: 1 demand met"),
        (
            Policy(demands=(TORCH, GPUS), files=("/home/alice/repo/envdoctor.toml",), profile="gpu"),
            (),
            "policy envdoctor.toml, profile gpu: 2 demands, all met",
        ),
        (
            Policy(demands=(TORCH, GPUS, CAPABLE), files=("envdoctor.toml", "envdoctor.lock")),
            (unmet("torch"), unmet("gpu:0"), unmet("gpu:1")),
            "policy envdoctor.toml, envdoctor.lock: 3 demands, 2 not met",
        ),
        (Policy(fail_on="warning", files=("pyproject.toml",)), (), "policy pyproject.toml"),
        (Policy(device="cpu", profile="cpu"), (), "profile cpu"),
    ],
)
def test_one_line_says_which_policy_applies_and_how_far_it_is_met(
    policy: Policy, findings: tuple[Finding, ...], line: str
) -> None:
    report = reported(policy, *findings)
    assert line in terminal.render(report, width=120).splitlines()
    assert f"Held to {line}." in markdown.render(report)


def test_without_a_policy_there_is_no_word_of_one() -> None:
    report = reported(None)
    for text in (terminal.render(report), markdown.render(report)):
        assert "policy" not in text
        assert "ignored" not in text


def test_what_was_not_judged_is_not_told_as_met() -> None:
    policy = Policy(demands=(TORCH, GPUS), files=("a.toml",))
    gap = Skipped("requirement-not-met", "no answer", "driver.version")
    assert "2 demands, not all could be judged" in terminal.render(reported(policy, skipped=(gap,)))
    left_out = replace(gap, fact=None, left_out=True)
    assert "2 demands, not judged" in terminal.render(reported(policy, skipped=(left_out,)))


def test_markdown_of_a_check_says_how_much_was_seen_and_of_no_post() -> None:
    left_out = reported(None, skipped=(Skipped("mig", "left out", left_out=True),))
    undecided = replace(reported(None), diagnosis=Diagnosis(Verdict.UNDETERMINED, ()))
    for report, words in (
        (reported(None), "Nothing is wrong."),
        (undecided, "Nothing wrong was found, but not enough could be seen to say that nothing is."),
        (left_out, "Nothing wrong was found by the rules that were run; 1 was left out."),
    ):
        assert markdown.render(report).startswith(f"{words}\n")
        assert words in terminal.render(report, width=100)


def test_an_ignored_error_is_told_and_nothing_is_said_to_be_right_that_is_not() -> None:
    report = reported(Policy(demands=(CAPABLE,), files=("a.toml",)), ignored=[ignored(unmet("gpu:0"))])
    said = terminal.render(report, width=100)
    assert "Nothing is wrong." not in said
    assert "Nothing else is wrong; 1 finding is ignored by policy." in said
    assert "ignored  error  requirement-not-met (gpu:0) - the ticket is open, until 2026-12-31" in said
    assert "1 demand, 1 not met and ignored" in said
    assert "is not as demanded" not in said
    told = terminal.render(report, width=100, verbose=True)
    assert "gpu:0 is not as demanded." in told
    assert "by envdoctor.toml, line 7" in told
    assert "Nothing else is wrong; 1 finding is ignored by policy." in markdown.render(report)
    assert "1 finding is ignored by policy" in markdown.render(report)
    assert "- ignored by policy: requirement-not-met (gpu:0)" in markdown.render(report)


def test_an_ignored_note_makes_no_machine_less_right() -> None:
    note = replace(unmet("torch"), severity=Severity.NOTE)
    assert "Nothing is wrong." in terminal.render(reported(Policy(files=("a.toml",)), ignored=[ignored(note)]))


def test_several_ignored_findings_are_one_line_each() -> None:
    report = reported(Policy(files=("a.toml",)), ignored=[ignored(unmet(f"gpu:{index}")) for index in range(3)])
    said = terminal.render(report, width=100)
    assert sum(line.startswith("ignored  ") for line in said.splitlines()) == 3
    assert "3 findings are ignored by policy" in said


def test_an_ignored_line_is_dim_where_there_is_colour() -> None:
    report = reported(Policy(files=("a.toml",)), ignored=[ignored(unmet("gpu:0"))])
    line = next(one for one in terminal.render(report, colour=True, width=100).splitlines() if "ignored  error" in one)
    assert line.startswith("\x1b[2m")
    plain = terminal.render(report, width=100)
    assert "\x1b" not in plain


def test_text_of_a_policy_acts_nowhere() -> None:
    policy = Policy(demands=(Demand("torch", "<2", HOSTILE, Place(HOSTILE, 1)),), files=(HOSTILE,), profile=HOSTILE)
    taken = Ignored(unmet(HOSTILE), Ignore("mig", HOSTILE, HOSTILE, "2026-12-31", Place(HOSTILE, 3)))
    report = reported(policy, unmet(HOSTILE), ignored=[taken])
    for text in (
        terminal.render(report, verbose=True),
        markdown.render(report),
        json_document.render(report),
    ):
        assert "secret" not in text
        assert not any(letter in text for letter in "\x1b\u202e")
        assert "##[" not in text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "<b>" not in markdown.render(report)


def test_the_document_holds_policy_and_ignored_findings_as_its_schema_says() -> None:
    policy = Policy(
        demands=(TORCH, GPUS),
        severities={"mig": Severity.NOTE},
        ignores=(Ignore("mig", "no need"), Ignore("gpu-lost", "known", "gpu:1", "2026-12-31", Place("a.toml", 3))),
        fail_on="warning",
        strict=True,
        device="cuda",
        without=("kernels",),
        profile="gpu",
        files=("a.toml",),
    )
    report = reported(policy, unmet("torch"), ignored=[ignored(unmet("gpu:0"))])
    document = json.loads(json_document.render(report))
    validator().validate(document)
    assert document["policy"]["demands"][0] == {
        "key": "torch",
        "specifier": ">=2.6,<2.9",
        "written": ">=2.6,<2.9",
        "location": {"file": "/home/alice/repo/pyproject.toml", "line": 12, "column": 1, "end_line": 12},
    }
    assert document["policy"]["ignores"][0] == {
        "rule": "mig",
        "reason": "no need",
        "subject": None,
        "expires": None,
        "location": None,
    }
    assert document["policy"]["severities"] == {"mig": "note"}
    (taken,) = document["ignored"]
    assert (taken["reason"], taken["subject"], taken["expires"]) == ("the ticket is open", "gpu:*", "2026-12-31")
    assert taken["finding"]["subject"] == "gpu:0"


def test_without_a_policy_the_document_says_so() -> None:
    document = json.loads(json_document.render(reported(None)))
    validator().validate(document)
    assert document["policy"] is None
    assert document["ignored"] == []


@pytest.mark.parametrize("keys", [(), ("policy",), ("policy", "ignored")])
def test_a_report_with_or_without_a_policy_is_read_as_a_saved_machine(keys: tuple[str, ...]) -> None:
    document = json.loads(json_document.render(reported(Policy(files=("a.toml",)))))
    for key in keys:
        del document[key]
    assert load_snapshot(json.dumps(document), "report.json").facts == machine_snapshot().facts


def test_names_of_people_leave_a_policy_that_is_saved() -> None:
    policy = Policy(
        demands=(TORCH,),
        ignores=(Ignore("mig", "alice knows", place=Place("/home/alice/envdoctor.toml", 1)),),
        files=("/home/alice/repo/pyproject.toml",),
    )
    report = reported(policy, ignored=[ignored(unmet("gpu:0"), "alice asked bighost")])
    saved = redacted_report(report, "/home/alice", "alice", "bighost")
    for render in (json_document.render, markdown.render):
        text = render(saved)
        assert "alice" not in text
        assert "bighost" not in text
    assert saved.ignored[0].finding.fingerprint == report.ignored[0].finding.fingerprint


def test_files_that_are_judged_are_held_to_no_demand_on_an_environment() -> None:
    lint = LintView((FileRead("requirements.txt", "requirements file", 1),), about_torch=True)
    policy = Policy(demands=(TORCH,), files=("a.toml",))
    calm = replace(reported(policy), lint=lint)
    assert "demand" not in terminal.render(calm) + markdown.render(calm)
    assert "nothing is wrong" in terminal.render(calm)
    report = replace(reported(policy, ignored=[ignored(unmet("torch"))]), lint=lint)
    assert "nothing else is wrong" in terminal.render(report)
    assert "ignored  error  requirement-not-met (torch)" in terminal.render(report)
    assert "Nothing else is wrong" in markdown.render(report)


def validator() -> jsonschema.Draft202012Validator:
    schemas = {name: json.loads(schema_text(name)) for name in NAMES}
    known: Registry = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in schemas.values())
    return jsonschema.Draft202012Validator(schemas["envdoctor.diagnosis/1"], registry=known)
