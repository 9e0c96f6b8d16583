"""Annotations and step summaries, read back by the rules of GitHub's runner, which are written down here anew."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from gate_reports import GATE, broken, linted, many
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_samples import SAMPLES, hostile, report

from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Finding, Severity, Skipped, Verdict
from envdoctor.model.linted import Unread
from envdoctor.model.place import Place
from envdoctor.reporters import github, github_summary
from hostile_texts import SHORT, TEXTS, assert_harmless

GOLDEN = Path(__file__).parent / "golden_gate"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_github.py"
ENDINGS = {"github": (github.render, "github.txt"), "summary": (github_summary.render, "summary.md")}
LEVELS = ("error", "warning", "notice")

# What the runner knows beside annotations: any of these in a report would act.
OTHERS = ("set-env", "set-output", "save-state", "add-mask", "add-path", "add-matcher", "remove-matcher", "debug",
          "group", "endgroup", "echo", "stop-commands", "internal-set-repo-path")  # fmt: skip


TRIED = [*SHORT, "words of a megabyte"]


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


def unescaped(text: str, *, in_property: bool) -> str:
    """The runner replaces the longest escapes in no order; "%25" comes last, so that "%250A" stays "%0A"."""
    for escape, letter in (("%0D", "\r"), ("%0A", "\n"), *((("%3A", ":"), ("%2C", ",")) if in_property else ())):
        text = text.replace(escape, letter)
    return text.replace("%25", "%")


def obeyed(line: str) -> Command | None:
    """What the runner makes of a line: `::name key=value,...::data` as it begins, `##[name key=value;...]` anywhere."""
    new = line.lstrip()
    if new.startswith("::") and (end := new.find("::", 2)) >= 0:
        name, _, written = new[2:end].partition(" ")
        if name.lower() in (*LEVELS, *OTHERS):
            pairs = [pair.split("=", 1) for pair in written.strip().split(",") if pair]
            properties = {one[0]: unescaped(one[1], in_property=True) for one in pairs if len(one) == 2 and all(one)}
            return Command(name.lower(), properties, unescaped(new[end + 2 :], in_property=False))
    old = re.search(r"##\[([^\] ]*)[^\]]*\](.*)", line)
    return Command(old[1].lower(), {}, old[2]) if old and old[1].lower() in (*LEVELS, *OTHERS) else None


def commands(text: str) -> list[Command]:
    return [found for line in text.split("\n") if (found := obeyed(line))]


def kept(found: list[Command]) -> list[Command]:
    """What the runner keeps of a step: ten of each level (`ExecutionContext.AddIssue`)."""
    counted: Counter[str] = Counter()
    shown = []
    for one in found:
        counted[one.name] += 1
        if counted[one.name] <= 10:
            shown.append(one)
    return shown


@pytest.mark.parametrize("name", GATE)
@pytest.mark.parametrize("form", ENDINGS)
def test_reports_are_the_golden_ones(name: str, form: str) -> None:
    render, ending = ENDINGS[form]
    text = render(GATE[name])
    golden = GOLDEN / f"{name}.{ending}"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


def test_a_healthy_machine_has_no_annotation() -> None:
    text = github.render(SAMPLES["healthy-gpu"])
    assert commands(text) == []
    assert text == "envdoctor: healthy, no findings (exit code 0).\n"


def test_the_worst_comes_first_and_a_cause_before_what_follows() -> None:
    found = commands(github.render(broken()))
    assert [one.name for one in found] == ["error", "warning", "notice"]
    cause, consequence, note = found
    assert cause.properties == {
        "file": "pyproject.toml", "line": "7", "col": "5", "endLine": "7", "title": "driver-too-old (torch)",
    }  # fmt: skip
    assert "Follows from driver-too-old." in consequence.data
    assert note.properties["line"] == "1"
    assert note.properties["endLine"] == "3"
    assert "col" not in note.properties, "the runner refuses columns where lines differ"


def test_what_a_policy_ignores_is_no_annotation() -> None:
    text = github.render(broken())
    assert "triton-mismatch" not in text
    assert "1 ignored by policy." in text


def test_a_file_is_annotated_with_the_line_as_it_should_be() -> None:
    unread, wrong, root = commands(github.render(linted()))
    assert unread.name == "error"
    assert unread.data == "api/uv.lock: not read: it is no TOML"
    assert wrong.properties["file"] == "services/api/requirements.txt"
    assert "As it should be:\ntorchvision==0.22.1\n" in wrong.data
    assert root.name == "notice"


@pytest.mark.parametrize("counts", [(0, 0, 1), (10, 10, 10), (11, 0, 0), (25, 3, 40), (1, 30, 9), (0, 0, 10_000)])
def test_nothing_goes_without_a_word(counts: tuple[int, int, int]) -> None:
    text = github.render(many(*counts))
    found = commands(text)
    assert kept(found) == found, "the runner would drop some"
    shown = Counter(one.name for one in found)
    if max(counts) <= 10:
        assert [shown[level] for level in LEVELS] == [max(counts[0], 1), *counts[1:]]
        return
    last = obeyed(text.rstrip("\n").rpartition("\n")[2])
    assert last is not None
    assert last.name == "notice"
    told = {word: int(number) for number, word in re.findall(r"(\d+) (error|warning|note)s?\b", last.data)}
    ours = {"notice": 1, "error": int(not counts[0])}
    for level, word, number in zip(LEVELS, ("error", "warning", "note"), counts, strict=True):
        assert shown[level] - ours.get(level, 0) + told.get(word, 0) == number


def test_the_worst_are_those_that_stay() -> None:
    found = commands(github.render(many(3, 12, 12)))
    assert [one.name for one in found[:3]] == ["error"] * 3
    assert "2 warnings, 3 notes left out" in found[-1].data


@pytest.mark.parametrize(
    ("name", "diagnosis", "code", "said"),
    [
        ("a crash", Diagnosis(Verdict.HEALTHY, crashed=(Crashed("mig", "IndexError: 3"),)), 3, "A bug in envdoctor"),
        (
            "a gap under --strict",
            Diagnosis(Verdict.UNDETERMINED, skipped=(Skipped("mig", "NVML did not answer", "driver.version"),)),
            3,
            "driver.version (NVML did not answer)",
        ),
        (
            "a warning where warnings fail",
            Diagnosis(
                Verdict.WARNINGS, (Finding("mig", Severity.WARNING, Confidence.PROVED, "gpu:0", "No instance."),)
            ),
            1,
            "the lowest severity that fails here is warning",
        ),
    ],
)
def test_a_step_that_fails_says_why(name: str, diagnosis: Diagnosis, code: int, said: str) -> None:
    made = replace(report({}, diagnosis, exit_code=code), fail_on="warning")
    first = commands(github.render(made))[0]
    assert first.name == "error", name
    assert said in first.data


def test_a_gap_that_fails_nothing_is_no_error() -> None:
    found = commands(github.render(SAMPLES["undetermined"]))
    assert [one.name for one in found] == ["notice"]
    assert "driver.version (NVML did not answer within 5 s)" in found[0].data


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("code", [1, 2, 3])
def test_every_failure_has_an_error(sample: str, code: int) -> None:
    """Whatever the reason is, so that no step is red without a word."""
    assert any(one.name == "error" for one in commands(github.render(replace(SAMPLES[sample], exit_code=code))))


@pytest.mark.parametrize("name", TRIED)
def test_a_text_of_the_machine_starts_no_command(name: str) -> None:
    text = github.render(hostile(TEXTS[name]))
    ours = len(hostile().diagnosis.findings) + len(hostile().diagnosis.crashed)
    assert len(commands(text)) == ours
    assert {one.name for one in commands(text)} <= set(LEVELS)
    assert all(len(one.data.encode("utf-16-le")) <= 2 * 4096 for one in commands(text))


NASTY = st.text(st.sampled_from("ab:,%#[]=0123ADC\n\r \x1b\u202e\ud800\u2028|`<>@\\/.-"), max_size=60)


@given(message=NASTY, subject=NASTY, file=NASTY, line=st.integers(1, 10**6))
def test_what_is_written_is_what_is_read(message: str, subject: str, file: str, line: int) -> None:
    subject = subject.encode(errors="replace").decode()
    finding = Finding("mig", Severity.ERROR, Confidence.PROVED, subject, message)
    made = report({}, Diagnosis(Verdict.BROKEN, (finding,)), exit_code=1)
    made = replace(made, anchors={finding.fingerprint: Place(file, line)})
    text = github.render(made)
    (one,) = commands(text)
    assert_harmless(text, "github")
    assert one.data.split("\n")[0] == github.safe(message)
    assert one.properties["title"].startswith("mig (")
    if "file" in one.properties:
        assert one.properties["file"] == file
        assert one.properties["line"] == str(line)
    else:
        assert github.safe(file, None) != file or not file
    assert len(one.properties["title"]) <= 255


@pytest.mark.parametrize("letter", ["\x1b", "😀", "%", "\n"])
def test_a_message_is_no_longer_than_the_runner_keeps(letter: str) -> None:
    finding = Finding(
        "mig", Severity.ERROR, Confidence.PROVED, "gpu:0", letter * 5000, replacement=f"{letter * 50}\n" * 200
    )
    text = github.render(report({}, Diagnosis(Verdict.BROKEN, (finding,)), exit_code=1))
    (one,) = commands(text)
    assert len(one.data.encode("utf-16-le")) <= 2 * 4096
    assert one.data.endswith(("[...]", "More: envdoctor explain mig"))


def test_the_plan_is_in_the_log_and_its_commands_stand_alone() -> None:
    lines = github.render(broken()).split("\n")
    assert any(line.startswith("    /srv/train/venv/bin/python -m pip install ") for line in lines)


# The summary.


def tables(text: str) -> list[list[str]]:
    """The cells of every row, as a reader of GitHub Flavored Markdown takes them."""
    rows: list[list[str]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for before, token in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif before.type in ("th_open", "td_open"):
            rows[-1].append(token.content)
    return rows


def test_the_summary_has_a_row_for_each_finding() -> None:
    head, *rows = tables(github_summary.render(broken()))
    assert head == ["Severity", "Rule", "Subject", "Where", "What"]
    assert [row[:4] for row in rows] == [
        ["error", "driver-too-old", "torch", "pyproject.toml:7"],
        ["warning", "triton-unavailable", "triton", "pyproject.toml:7"],
        ["note", "dev-shm-too-small", "machine", "deploy/Dockerfile:1"],
    ]


@pytest.mark.parametrize("name", TRIED)
def test_a_row_stays_a_row(name: str) -> None:
    """A bar, a line break or markup in a text ends no cell."""
    rows = tables(github_summary.render(hostile(TEXTS[name])))
    assert len(rows) == 1 + len(hostile().diagnosis.findings)
    assert {len(row) for row in rows} == {4}


@given(NASTY)
def test_no_text_makes_a_cell_or_a_link(text: str) -> None:
    shown = github_summary.render(hostile(text))
    assert {len(row) for row in tables(shown)} == {4}
    rendered = MarkdownIt("commonmark").enable("table").render(shown)
    assert not re.search(r"<(?:a|img|script)\b", rendered)
    assert_harmless(shown, "github-summary")


@pytest.mark.parametrize("letter", ["x", "\x1b", "é", "|"])
def test_a_summary_is_no_longer_than_github_takes(letter: str) -> None:
    findings = many(5000, 4000, 1000)
    long = tuple(replace(one, message=letter * 300) for one in findings.diagnosis.findings)
    text = github_summary.render(replace(findings, diagnosis=Diagnosis(Verdict.BROKEN, long)))
    assert len(text.encode()) <= 1024 * 1024
    rows = tables(text)[1:]
    told = re.search(r"^(.*) are left out: a summary holds 1 MiB", text, re.MULTILINE)
    assert told
    left_out = sum(int(number) for number in re.findall(r"(\d+) (?:error|warning|note)s?", told[1]))
    assert len(rows) + left_out == 10_000
    assert {row[0] for row in rows} == {"error"} or len(rows) > 5000
    assert "left out" not in github_summary.render(broken())


def test_files_that_could_not_be_read_leave_room_for_the_rest() -> None:
    made = linted()
    assert made.lint
    unread = tuple(Unread(f"{number}\x1b" * 100, "it is no TOML") for number in range(2000))
    text = github_summary.render(replace(made, lint=replace(made.lint, unread=unread)))
    assert len(text.encode()) <= 1024 * 1024
    assert "- and 1950 more\n" in text
    assert len(tables(text)) == 3


def test_a_plan_that_fills_a_summary_is_left_out() -> None:
    made = hostile("word " * 200_000)
    text = github_summary.render(made)
    assert len(text.encode()) <= 1024 * 1024
    assert "What to do is too long for a summary" in text
    assert text.startswith("## envdoctor: broken\n")


def test_what_is_ignored_stands_apart_with_its_reason() -> None:
    text = github_summary.render(broken())
    below = text.partition("Ignored by policy:")[2]
    assert r"- warning triton-mismatch (triton) - nobody compiles here \| #42, until 2026-12-31" in below
    assert "Held to policy envdoctor.toml, profile gpu: 1 demand met." in text


def test_the_summary_of_files_shows_what_would_be_written() -> None:
    text = github_summary.render(linted())
    assert "- error: **file-not-read** api/uv.lock: not read: it is no TOML" in text
    assert "+torchvision==0.22.1\n" in text
