"""JUnit XML: a test case for each rule that was asked, and one for each kernel test that ran.

The shape is the one that Jenkins, GitLab and most readers of test reports take; nobody owns a schema of it, ours is
tests/reporters/junit.xsd. A rule has one case whatever it found: GitLab passes over later cases of the same name
("Unit test reports", docs.gitlab.com), and Jenkins keeps one failure of a case. How a case ends is told in
`junit_cases`. Host names are left out, as in every report that is kept.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from envdoctor.reporters.inert import inert
from envdoctor.reporters.junit_cases import ERROR, FAILURE, SKIPPED, cases, what_is_judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.report import Report
    from envdoctor.reporters.junit_cases import Case

TAKEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

NAMED_BY = {"": "host.platform", "Python ": "python.version", "torch ": "torch.version"}
"""What an environment is called by in the name of its suite: the word before, and the fact."""


def render(report: Report, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    ran = list(cases(report))
    totals = {"tests": len(ran)} | {
        word: sum(one.end == end for one in ran)
        for word, end in (("failures", FAILURE), ("errors", ERROR), ("skipped", SKIPPED))
    }
    counted = {name: str(number) for name, number in totals.items()} | {"time": _time(report.seconds)}
    suites = Element("testsuites", {"name": "envdoctor", **counted})
    suite = SubElement(suites, "testsuite", {"name": _name(report), **counted})
    if TAKEN.fullmatch(report.snapshot.taken):
        suite.set("timestamp", report.snapshot.taken)
    properties = SubElement(suite, "properties")
    for name, value in _properties(report):
        SubElement(properties, "property", {"name": name, "value": value})
    suite.extend([_element(one) for one in ran])
    indent(suites, " ")
    text = tostring(suites, encoding="us-ascii", xml_declaration=False).decode("ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _name(report: Report) -> str:
    """Return what tells suites of several jobs apart."""
    kind = what_is_judged(report)
    if kind == "lint":
        return "envdoctor lint"
    facts = {before: report.snapshot.known(fact) for before, fact in NAMED_BY.items()}
    told = [f"{before}{inert(value, 80)}" for before, value in facts.items() if isinstance(value, str)]
    return ", ".join((f"envdoctor {kind}", *told))


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    yield "verdict", report.diagnosis.verdict.value
    yield "exit-code", str(report.exit_code)
    yield "fail-on", report.fail_on
    yield "strict", str(report.strict).lower()
    if report.policy:
        yield "profile", inert(report.policy.profile)
        yield from (("policy", inert(file)) for file in report.policy.files)
    yield "envdoctor", inert(report.envdoctor)
    yield "matrix", inert(report.matrix_revision)


def _element(case: Case) -> Element:
    element = Element("testcase", {"classname": case.group, "name": case.name})
    if case.place:
        element.set("file", case.place.file)
        element.set("line", str(max(case.place.line, 1)))
    if case.seconds is not None:
        element.set("time", _time(case.seconds))
    if case.end:
        end = SubElement(element, case.end, {"message": case.message})
        if case.end != SKIPPED:
            end.set("type", case.name)
        end.text = _text(case.lines) or None
    if case.output:
        SubElement(element, "system-out").text = _text(case.output)
    return element


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def _time(seconds: float | None) -> str:
    """Return seconds as a plain decimal number: readers know no exponent, and no time means 0 to them."""
    return f"{seconds:.3f}" if seconds is not None and isfinite(seconds) and seconds >= 0 else "0.000"
