"""SARIF, held against its schema, the validator of its SDK, and what GitHub refuses or passes over."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from gate_reports import GATE, broken, linted
from gate_verdicts import MACHINES, checked, gates
from hypothesis import given
from hypothesis import strategies as st
from report_samples import SAMPLES, driver_too_old, hostile
from sarif_validators import HEEDLESS, assert_schema_holds, remarks

from envdoctor.commands.rule_cards import with_rules
from envdoctor.model.finding import Confidence, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.place import Place
from envdoctor.reporters.inert import inert
from envdoctor.reporters.sarif import MOST_RESULTS, NOWHERE, render
from envdoctor.rules.rule import all_rules
from hostile_texts import TEXTS, assert_harmless
from machines import run_cli

if TYPE_CHECKING:
    from envdoctor.model.report import Report

GOLDEN = Path(__file__).parent / "golden_sarif"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_sarif.py"


def run_of(report: Report) -> Any:
    """The one run of a report."""
    return read_back(render(report))


def read_back(text: str) -> Any:
    """The one run, with what GitHub demands of it ("SARIF support for code scanning"), and refuses a file for."""
    assert text.isascii()
    document = json.loads(text)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert len(run["results"]) <= 5_000
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
        assert len(rule.get("name", "")) <= 255
        assert 0 < len(rule["properties"]["tags"]) <= 10
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("error", "warning", "note")
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]  # a result without one, and the whole file is refused
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*", uri), "relative, and percent-encoded"
        assert ".." not in uri.split("/")
        region = location["physicalLocation"]["region"]
        assert 1 <= region["startLine"] <= region["endLine"]
        assert region["startColumn"] >= 1
        assert "suppressions" not in result, "which it would show as an open alert"
    return run


def uri_of(result: Any) -> str:
    return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


@pytest.mark.parametrize("name", GATE)
def test_report_is_the_golden_one(name: str) -> None:
    text = render(GATE[name])
    golden = GOLDEN / f"{name}.sarif"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(GATE)


def documents(folder: Path) -> list[Path]:
    """A file for every kind of report, with all rules and with none but those it speaks of."""
    made = {**GATE, **SAMPLES, "bare": broken()}
    files = []
    for name, report in made.items():
        files.append(folder / f"{name}.sarif")
        files[-1].write_text(render(report if name == "bare" else with_rules(report)), encoding="ascii")
    for name in ("everything", "hundreds"):
        text = " ".join(TEXTS[one] for one in TEXTS if len(TEXTS[one]) < 200) if name == "everything" else "x" * 99_999
        files.append(folder / f"{name}.sarif")
        files[-1].write_text(render(with_rules(hostile(text))), encoding="ascii")
    return files


def test_the_schema_holds_by_check_jsonschema(tmp_path: Path) -> None:
    assert_schema_holds(*documents(tmp_path))
    wrong = tmp_path / "wrong.sarif"
    wrong.write_text(render(broken()).replace('"startLine"', '"firstLine"'), encoding="ascii")
    with pytest.raises(AssertionError):
        assert_schema_holds(wrong)


@pytest.mark.parametrize("name", ["broken", "linted", "hostile"])
def test_the_validator_of_the_sdk_has_nothing_to_say_but_what_we_know(name: str, tmp_path: Path) -> None:
    """Its rules of SARIF, and those of GitHub ("Ghas")."""
    file = tmp_path / f"{name}.sarif"
    file.write_text(render(with_rules({**SAMPLES, **GATE}[name])), encoding="ascii")
    said = remarks(file)
    assert said, "it was read"
    assert not {one for one in said if one[0] not in HEEDLESS}
    assert not {one for one in said if one[1] == "error"}


def test_all_rules_are_listed_with_their_help() -> None:
    rules = {rule["id"]: rule for rule in run_of(with_rules(SAMPLES["healthy-gpu"]))["tool"]["driver"]["rules"]}
    assert set(rules) == {rule.name for rule in all_rules()}
    for rule in all_rules():
        told = rules[rule.name]
        assert told["shortDescription"]["text"] == rule.summary
        assert told["fullDescription"]["text"][-1] in ".:)", rule.name
        assert told["help"]["markdown"].startswith(rule.page)
        assert told["defaultConfiguration"]["level"] == rule.worst.word
        assert told["properties"]["tags"] == ["environment", rule.stage.name.lower()]
    assert rules["driver-too-old"]["name"] == "DriverTooOld"


def test_a_finding_stands_at_its_line() -> None:
    results = run_of(broken())["results"]
    assert [(one["ruleId"], uri_of(one)) for one in results] == [
        ("driver-too-old", "pyproject.toml"),
        ("triton-unavailable", "pyproject.toml"),
        ("dev-shm-too-small", "deploy/Dockerfile"),
    ]
    physical = results[2]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    assert physical["region"] == {"startLine": 1, "startColumn": 1, "endLine": 3}
    assert results[1]["properties"]["causedBy"] == "driver-too-old"
    assert results[0]["properties"]["evidence"][0] == {
        "fact": "driver.version",
        "value": "470.256.02",
        "source": "nvml",
    }


def test_a_finding_without_a_line_still_has_a_location_and_an_identity() -> None:
    results = run_of(driver_too_old())["results"]
    assert {uri_of(one) for one in results} == {NOWHERE}
    for one, finding in zip(results, driver_too_old().diagnosis.findings, strict=True):
        assert one["partialFingerprints"] == {
            "envdoctor/v1": finding.fingerprint,
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
        }


def test_where_there_is_a_line_its_hash_is_left_to_whoever_uploads() -> None:
    for one in run_of(broken())["results"]:
        assert set(one["partialFingerprints"]) == {"envdoctor/v1"}


@pytest.mark.parametrize(
    "file",
    ["a b/req#1%.txt", "ä/requirements.txt", "a:b.txt", "C/x?y&z.txt", "[x](y).txt", "it's.txt", "-r/x.txt", "~/x"],
)
def test_a_path_comes_back_as_it_was(file: str) -> None:
    base = driver_too_old()
    anchors = {base.diagnosis.findings[0].fingerprint: Place(file, 3)}
    assert unquote(uri_of(run_of(replace(base, anchors=anchors))["results"][0])) == file


def test_a_line_that_is_none_is_no_line() -> None:
    base = driver_too_old()
    anchors = {one.fingerprint: Place("pyproject.toml", 0, 0) for one in base.diagnosis.findings}
    for one in run_of(replace(base, anchors=anchors))["results"]:
        assert one["locations"][0]["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 1, "endLine": 1}


def test_a_file_outside_the_repository_is_named_and_is_no_path() -> None:
    base = linted()
    message, *_ = [one["message"]["text"] for one in run_of(replace(base, anchors={}))["results"]]
    assert message.startswith("api/requirements.txt, line 2: torchvision 0.20.0")
    assert message.endswith("As it should be: torchvision==0.22.1")
    wrong = replace(base.diagnosis.findings[1], location=Place("-", 3))
    piped = replace(base, diagnosis=Diagnosis(Verdict.BROKEN, (wrong,)), anchors={})
    assert run_of(piped)["results"][0]["message"]["text"].startswith("standard input, line 3: torchvision")


def test_what_a_policy_ignores_is_no_result_and_not_lost() -> None:
    run = run_of(broken())
    assert "triton-mismatch" not in {one["ruleId"] for one in run["results"]}
    (ignored,) = run["properties"]["ignored"]
    assert (ignored["ruleId"], ignored["expires"]) == ("triton-mismatch", "2026-12-31")
    assert ignored["justification"] == "nobody compiles here | #42"
    (told,) = [one for one in notifications(run) if one["descriptor"]["id"] == "ignored-by-policy"]
    assert told["message"]["text"] == (
        "triton-mismatch (triton) is ignored until 2026-12-31: nobody compiles here | #42"
    )
    assert told["associatedRule"]["id"] == "triton-mismatch"


def notifications(run: Any) -> list[Any]:
    return list(run["invocations"][0]["toolExecutionNotifications"])


def test_a_crash_of_ours_is_an_error_of_the_run() -> None:
    run = run_of(with_rules(SAMPLES["crashed-rule"]))
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["exitCode"] == 3
    (told,) = notifications(run)
    assert (told["level"], told["descriptor"]["id"]) == ("error", "rule-crashed")
    assert run["tool"]["driver"]["rules"][told["associatedRule"]["index"]]["id"] == "triton-mismatch"
    assert "IndexError: tuple index out of range" in told["message"]["text"]


def test_what_could_not_be_decided_is_told_rule_by_rule() -> None:
    base = SAMPLES["undetermined"]
    run = run_of(base)
    assert run["invocations"][0]["executionSuccessful"] is True
    summary, *rules = notifications(run)
    assert (summary["descriptor"]["id"], summary["level"]) == ("not-judged", "note")
    assert [one["associatedRule"]["id"] for one in rules] == [one.rule for one in base.diagnosis.skipped]
    strict = run_of(replace(base, strict=True, exit_code=3))
    assert strict["invocations"][0]["executionSuccessful"] is False
    assert notifications(strict)[0]["level"] == "error"


def test_a_file_that_was_not_read_is_an_error_of_the_run() -> None:
    run = run_of(linted())
    assert (run["invocations"][0]["exitCode"], run["invocations"][0]["executionSuccessful"]) == (2, False)
    assert [(one["level"], one["descriptor"]["id"]) for one in notifications(run)] == [("error", "file-not-read")]


@pytest.mark.parametrize("name", MACHINES)
def test_the_run_never_contradicts_the_gate(name: str) -> None:
    for gate in gates(checked(name)):
        run = run_of(replace(gate, rules=()))
        assert run["invocations"][0]["exitCode"] == gate.exit_code
        assert run["invocations"][0]["executionSuccessful"] is (gate.exit_code in (0, 1))
        assert run["properties"]["verdict"] == gate.diagnosis.verdict.value
        assert sorted(one["level"] for one in run["results"]) == sorted(
            one.severity.word for one in gate.diagnosis.findings
        )


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_texts_are_texts(name: str) -> None:
    shown = render(hostile(TEXTS[name][:100_000]))
    assert_harmless(shown, "sarif")
    assert "<" not in shown
    read_back(shown)


@given(st.text())
def test_no_text_breaks_the_document_and_none_is_lost(text: str) -> None:
    shown = render(hostile(text))
    assert_harmless(shown, "sarif")
    result = next(one for one in read_back(shown)["results"] if one["ruleId"] == "driver-too-old")
    assert result["message"]["text"] == (inert(text) or "driver-too-old")
    assert result["properties"]["evidence"][2] == {"fact": "c", "value": None, "source": inert(text, 300)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, {"a": "b"}], {"x": [float("nan")]}, True, 7, 0.5])
def test_every_value_of_a_fact_can_be_evidence(value: Any) -> None:
    finding = Finding("mig", Severity.ERROR, Confidence.PROVED, "gpu:0", "x.", (Evidence("a", value, "nvml"),))
    run = run_of(replace(driver_too_old(), diagnosis=Diagnosis(Verdict.BROKEN, (finding,))))
    shown = run["results"][0]["properties"]["evidence"][0]["value"]
    assert shown == (value if isinstance(value, (bool, int)) or value == 0.5 else shown)
    assert isinstance(shown, (bool, int, float, str))


def test_ten_thousand_findings_are_cut_the_lightest_first_and_told() -> None:
    base = driver_too_old()
    finding = base.diagnosis.findings[0]
    severities = [Severity.NOTE] * 4_000 + [Severity.WARNING] * 4_000 + [Severity.ERROR] * 2_000
    many = tuple(replace(finding, subject=f"gpu:{at}", severity=one) for at, one in enumerate(severities))
    report = with_rules(replace(base, diagnosis=Diagnosis(Verdict.BROKEN, many)))
    text = render(report)
    run = read_back(text)
    levels = [one["level"] for one in run["results"]]
    assert (len(levels), levels.count("error"), levels.count("warning")) == (MOST_RESULTS, 2_000, 3_000)
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    (told,) = notifications(run)
    assert told["message"]["text"] == (
        "5000 results left out beyond the first 5000: 1000 of level warning, 4000 of level note."
        " -o json=FILE holds all of them."
    )
    assert len(text) < 10_000_000


def test_the_command_writes_it(tmp_path: Path) -> None:
    """Through the command line, in a repository: pinned lines are anchored, other people's names are not in it."""
    (tmp_path / ".git").mkdir()
    wrong = tmp_path / "api" / "requirements.txt"
    wrong.parent.mkdir()
    wrong.write_text("torch==2.5.1\ntorchvision==0.15.0\n", encoding="utf-8")
    said = run_cli(["lint", ".", "-o", f"sarif={tmp_path / 'out.sarif'}"], cwd=tmp_path / "api")
    assert said.exit_code == 1, said
    run = json.loads((tmp_path / "out.sarif").read_text(encoding="ascii"))["runs"][0]
    (result,) = run["results"]
    assert uri_of(result) == "api/requirements.txt"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    assert len(run["tool"]["driver"]["rules"]) == len(all_rules())
    assert str(tmp_path) not in json.dumps(run)
