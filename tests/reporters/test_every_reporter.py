"""What holds for every format: whatever a machine says of itself stays text.

The reporters are found by walking the package: a new module with a `render` function joins these tests by itself,
and one that is not in the table of formats fails them.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import HOSTILE, SAMPLES, hostile

import envdoctor.reporters
from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.verdict import exit_code
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Diagnosis, Verdict
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.report import Report
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from envdoctor.reporters import REPORTERS
from envdoctor.reporters.plain_text import LONGEST, safe
from envdoctor.reporters.plan_lines import render_plan
from hostile_texts import EVERYTHING, LONG, SHORT, TEXTS, assert_harmless, poisoned, unknown

if TYPE_CHECKING:
    from types import ModuleType

    from envdoctor.model.snapshot import Snapshot

FORMATS = sorted(REPORTERS)
MATRIX = load_matrix()
CASES = Path(__file__).parents[1] / "cases"


def one_case_of_each_rule() -> list[str]:
    """The first machine of the gallery for every rule that speaks first in one, and one that works."""
    found: dict[str, str] = {}
    for path in sorted(CASES.glob("*/diagnosis.json")):
        findings = json.loads(path.read_text(encoding="utf-8"))["findings"]
        found.setdefault(findings[0]["rule"] if findings else "", path.parent.name)
    return sorted(found.values())


GALLERY = one_case_of_each_rule()

NO_REPORT = {
    *("render_list", "render_page", "render_table"),
    *("render_diff", "render_fix", "render_plan", "render_sheet", "render_smoke", "render_verification"),
}
"""Functions of the room that render no report: pages, lists and tables by themselves are our own text, a plan is tried
below, sheets of the matrix in `test_matrix_sheets.py`, verifications of it in `test_verification_reports.py`, what the
battery gave in `test_smoke_reports.py`, what a fix did in `test_fix_reports.py`, and comparisons in
`test_diff_reports.py`."""

WITHOUT_VERDICT = {"gitlab"}
"""Formats that hold findings alone."""

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def modules() -> dict[str, ModuleType]:
    package = envdoctor.reporters
    return {one.name: import_module(f"{package.__name__}.{one.name}") for one in iter_modules(package.__path__)}


def test_every_reporter_of_the_package_is_in_the_table() -> None:
    found = {name: module.render for name, module in modules().items() if hasattr(module, "render")}
    assert {id(render) for render in found.values()} == {id(load()) for load in REPORTERS.values()}, sorted(found)


def test_whatever_renders_is_tried() -> None:
    for module in modules().values():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("render") and function.__module__ == module.__name__:
                assert name == "render" or name in NO_REPORT, f"{module.__name__}.{name} is tried by no test here"


@cache
def machine(name: str) -> Snapshot:
    path = CASES / name / "snapshot.json"
    return load_snapshot(path.read_bytes(), str(path))


def report_of(snapshot: Snapshot) -> Report:
    """The report that `check` gives of a machine."""
    diagnosis = diagnose(snapshot, MATRIX)
    assert diagnosis.crashed == ()
    plan = plan_for(diagnosis, Solver(Machine(snapshot, Wishes()), MATRIX, live=True))
    return Report(snapshot, diagnosis, plan, exit_code(diagnosis), MATRIX.revision, MATRIX.newest_torch, "0.1.0")


def assert_all_harmless(report: Report) -> None:
    for form in FORMATS:
        for verbose in (False, True):
            shown = REPORTERS[form]()(report, verbose=verbose)
            assert_harmless(shown, form)
            assert "hunter2" not in shown
    assert_harmless(render_plan(report.plan))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("name", SHORT)
def test_text_of_the_machine_is_only_text(form: str, name: str, verbose: bool) -> None:
    """In every place of a report that a machine, a rule or a plan fills: names, messages, reasons, commands."""
    shown = REPORTERS[form]()(hostile(SHORT[name]), verbose=verbose)
    assert_harmless(shown, form)
    assert "hunter2" not in shown


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_that_were_tried_before(form: str, text: str) -> None:
    shown = REPORTERS[form]()(hostile(text))
    assert_harmless(shown, form)
    assert "hunter2" not in shown


@pytest.mark.parametrize("name", SHORT)
def test_colours_show_the_same_text_and_take_none_from_it(name: str) -> None:
    """Markup in a text is no style: what is coloured depends on us alone."""
    render = REPORTERS["terminal"]()
    coloured = render(hostile(SHORT[name]), colour=True, verbose=True)
    assert ANSI.sub("", coloured) == render(hostile(SHORT[name]), colour=False, verbose=True)
    styles = set(ANSI.findall(coloured))
    assert styles == set(ANSI.findall(render(hostile("words"), colour=True, verbose=True)))


@pytest.mark.parametrize("name", ["format braces", "quotes", "rich markup"])
def test_ordinary_letters_are_shown_as_they_are(name: str) -> None:
    assert safe(SHORT[name]) == SHORT[name]


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_costs_a_terminal_no_more_than_a_short_one(name: str) -> None:
    render = REPORTERS["terminal"]()
    # The commands of a plan stand whole, so that they can be copied; no path is longer than a system takes.
    reports = (replace(hostile(text), plan=hostile("x").plan) for text in (LONG[name][:10_000], LONG[name]))
    short, whole = (render(report, verbose=True) for report in reports)
    assert_harmless(whole)
    assert len(whole) <= len(short) + 200
    assert len(whole) < 100_000


@pytest.mark.parametrize("name", LONG)
def test_a_document_grows_no_faster_than_what_it_holds(name: str) -> None:
    """Six letters for one at most: a control character is written as an escape of that length."""
    text = LONG[name][:50_000]
    render = REPORTERS["json"]()
    places = len(render(hostile("x" * 1000))) - len(render(hostile("")))
    shown = render(hostile(text))
    assert_harmless(shown, "json")
    assert len(shown) <= 10_000 + 6 * len(text) * (places // 1000 + 1)


@pytest.mark.parametrize("form", FORMATS)
@given(text=st.text(st.sampled_from("a:#[]\n\r \x1b\u202e\ud800\u2028%0A<>"), max_size=40))
def test_no_combination_becomes_a_command(form: str, text: str) -> None:
    assert_harmless(REPORTERS[form]()(hostile(text)), form)


@pytest.mark.parametrize("name", GALLERY)
def test_a_machine_of_the_gallery_whose_words_are_hostile(name: str) -> None:
    """Every text of every fact, file names, versions, GPU names, variables, paths and reasons, has it at its end."""
    assert_all_harmless(report_of(poisoned(machine(name), lambda word: f"{word}{EVERYTHING}")))


@pytest.mark.parametrize("name", GALLERY)
def test_one_hostile_fact_among_those_that_decide(name: str) -> None:
    """The findings stand, and quote the fact: its words are made harmless, not merely left out."""
    for fact in {one.fact for finding in report_of(machine(name)).diagnosis.findings for one in finding.evidence}:
        told = machine(name)[fact]
        poison = poisoned(machine(name), lambda word: f"{word}\x1b[31m\n::error::x [/] ##[error]\u202e", fact)
        assert told != poison[fact]
        assert_all_harmless(report_of(poison))


@pytest.mark.parametrize("name", TEXTS)
def test_a_machine_of_which_nothing_is_known_for_a_hostile_reason(name: str) -> None:
    text = TEXTS[name]
    seen = unknown(machine("default-wheel-on-a100"), text[:5_000])
    report = report_of(seen)
    assert report.diagnosis.verdict is Verdict.UNDETERMINED
    assert_all_harmless(report)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("fact", ["gpu.0.name", "torch.version", "env.LD_LIBRARY_PATH", "driver.version"])
def test_one_fact_of_a_megabyte(name: str, fact: str) -> None:
    seen = poisoned(machine("system-wide-modules"), lambda _: LONG[name], fact)
    report = report_of(seen)
    shown = REPORTERS["terminal"]()(report, verbose=True)
    assert_harmless(shown)
    assert len(shown) < 20_000


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_report_is_the_same_text(form: str, name: str) -> None:
    text = REPORTERS[form]()(SAMPLES[name])
    assert text == REPORTERS[form]()(SAMPLES[name])
    assert text.endswith("\n")
    calm = name.startswith(("healthy", "no-torch"))
    assert SAMPLES[name].diagnosis.verdict.value in text or calm or form in WITHOUT_VERDICT


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_machine_can_be_shown(form: str) -> None:
    nothing = Report(
        machine("no-torch-yet"), Diagnosis(Verdict.HEALTHY), report_of(machine("no-torch-yet")).plan, 0, "", "", ""
    )
    assert_harmless(REPORTERS[form]()(nothing), form)


@given(st.text())
def test_safe_text_is_one_printable_line(text: str) -> None:
    shown = safe(text, None)
    assert shown.isprintable()
    assert_harmless(shown)
    assert safe(shown, None) == shown


@given(st.text(st.characters(categories=["L", "N"]), max_size=LONGEST))
def test_safe_leaves_ordinary_text_alone(text: str) -> None:
    assert safe(text) == text


def test_long_text_is_shortened_in_the_middle_and_says_so() -> None:
    shown = safe("begin" + "x" * 10_000 + "end")
    assert shown.startswith("beginx")
    assert shown.endswith("xend")
    assert "[... 9708 characters left out ...]" in shown
    assert len(shown) < LONGEST + 50


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb", r"a\x0ab"),
        ("\u202e", r"\u202e"),
        ("\U000e0001", r"\U000e0001"),
        ("\ud800", r"\ud800"),
        ("::error::x", r":\x3aerror::x"),
        ("std::vector", "std::vector"),
        ("##[error]", r"#\x23[error]"),
        ("## heading [1]", "## heading [1]"),
        ("/home/josé/venv", "/home/josé/venv"),
    ],
)
def test_escapes_are_visible(text: str, shown: str) -> None:
    assert safe(text) == shown
