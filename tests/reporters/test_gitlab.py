"""The code quality report, read back as GitLab reads it."""

from __future__ import annotations

import json
import os
import string
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate_reports import GATE, broken, linted, many
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_samples import SAMPLES, hostile, report

from envdoctor.model.finding import Confidence, Diagnosis, Finding, Severity, Verdict
from envdoctor.model.place import Place
from envdoctor.reporters.gitlab import render
from hostile_texts import SHORT, assert_harmless

if TYPE_CHECKING:
    from envdoctor.model.report import Report

GOLDEN = Path(__file__).parent / "golden_gate"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_gitlab.py"

TEXT = {"type": "string", "minLength": 1}
ENTRY = Draft202012Validator(
    {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": TEXT,
            "check_name": TEXT,
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {**TEXT, "not": {"pattern": r"^(\.?/|\.$|[A-Za-z]:|.*\\)|(^|/)\.\.(/|$)"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    }
)
"""The table "Code Quality report format" of GitLab's documentation (ci/testing/code_quality) as a schema."""


def as_gitlab(text: str) -> dict[str, Any]:
    """What GitLab shows, by fingerprint: it stops at the first entry that is wrong, and keeps the last of equals."""
    assert not text.startswith("\ufeff"), "its parser takes no byte order mark"
    shown: dict[str, Any] = {}
    for entry in json.loads(text):
        if not ENTRY.is_valid(entry):
            break
        shown[entry["fingerprint"]] = entry
    return shown


def whole(made: Report) -> dict[str, Any]:
    """The same, where each entry arrives."""
    text = render(made)
    for entry in json.loads(text):
        ENTRY.validate(entry)
    shown = as_gitlab(text)
    assert len(shown) == len(json.loads(text))
    return shown


@pytest.mark.parametrize("name", GATE)
def test_reports_are_the_golden_ones(name: str) -> None:
    text = render(GATE[name])
    golden = GOLDEN / f"{name}.gitlab.json"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


def test_no_golden_is_left_over() -> None:
    endings = ("github.txt", "summary.md", "gitlab.json")
    assert {path.name for path in GOLDEN.iterdir()} == {f"{name}.{ending}" for name in GATE for ending in endings}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_entry_arrives(name: str) -> None:
    whole(SAMPLES[name])


def test_a_healthy_machine_is_an_empty_array() -> None:
    assert render(SAMPLES["healthy-gpu"]) == "[]\n"


def test_places_and_severities() -> None:
    shown = [
        (one["check_name"], one["severity"], one["location"]["path"], one["location"]["lines"]["begin"])
        for one in whole(broken()).values()
    ]
    assert shown == [
        ("driver-too-old", "critical", "pyproject.toml", 7),
        ("triton-unavailable", "major", "pyproject.toml", 7),
        ("dev-shm-too-small", "info", "deploy/Dockerfile", 1),
    ]


def test_what_has_no_place_stands_where_the_job_is_declared_and_says_where_it_was() -> None:
    made = replace(linted(), anchors={})
    shown = list(whole(made).values())
    assert {one["location"]["path"] for one in shown} == {".gitlab-ci.yml"}
    assert shown[1]["description"].startswith("api/requirements.txt, line 2: torchvision 0.20.0")


@pytest.mark.parametrize(("code", "severity"), [(0, "major"), (3, "critical")])
def test_our_own_crash_is_told(code: int, severity: str) -> None:
    (one,) = whole(replace(SAMPLES["crashed-rule"], exit_code=code)).values()
    assert one["severity"] == severity
    assert one["description"].startswith("A bug in envdoctor")


def test_what_is_not_known_is_told() -> None:
    (one,) = whole(SAMPLES["undetermined"]).values()
    assert one["check_name"] == "not-judged"
    assert one["severity"] == "info"
    (strict,) = whole(replace(SAMPLES["undetermined"], exit_code=3)).values()
    assert strict["severity"] == "critical"


def test_equal_findings_have_fingerprints_of_their_own() -> None:
    finding = Finding("runs-as-root", Severity.NOTE, Confidence.PROVED, "c", "m", location=Place("Dockerfile", 3))
    twice = tuple(replace(finding, location=Place("Dockerfile", line)) for line in (3, 9, 12))
    made = report({}, Diagnosis(Verdict.HEALTHY, twice))
    made = replace(made, anchors={finding.fingerprint: Place("app/Dockerfile", 3)})
    shown = whole(made)
    assert [one["location"]["lines"]["begin"] for one in shown.values()] == [3, 9, 12]
    assert next(iter(shown)) == finding.fingerprint
    assert list(shown) == list(whole(made)), "the same from run to run"


def test_ten_thousand_findings_arrive() -> None:
    assert len(whole(many(3000, 3000, 4000))) == 10_000


@pytest.mark.parametrize("name", sorted(SHORT.keys() - {"nothing"}))
def test_a_text_of_the_machine_spoils_no_entry(name: str) -> None:
    made = hostile(SHORT[name])
    assert len(whole(made)) == len(made.diagnosis.findings) + len(made.diagnosis.crashed)


@given(message=st.text(), file=st.text(st.sampled_from(string.printable + "\x1b\ud800é"), max_size=30))
def test_any_message_and_any_name_of_a_file(message: str, file: str) -> None:
    finding = Finding("mig", Severity.ERROR, Confidence.PROVED, "gpu:0", f"{message}.")
    made = report({}, Diagnosis(Verdict.BROKEN, (finding,)), exit_code=1)
    text = render(replace(made, anchors={finding.fingerprint: Place(file, 1)}))
    assert text.isascii()
    assert_harmless(text, "gitlab")
    (one,) = json.loads(text)
    assert one["location"]["path"] in (file, ".gitlab-ci.yml")
