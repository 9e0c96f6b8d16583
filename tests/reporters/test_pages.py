"""The page of a rule and the list of rules, for people."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from envdoctor.commands.rule_pages import page_of
from envdoctor.matrix.load import load_matrix
from envdoctor.reporters.page import RulePage, render_list, render_page
from envdoctor.rules.rule import Rule, all_rules

MATRIX = load_matrix()
PAGE = RulePage(
    rule="a-defect",
    worst="error",
    text="One line.\n\n## What it means\nOne thing\nand another:\n- a list that is\nlong\n- second\n\nA last word.",
    severities=(("no GPU is served", "error"), ("another GPU is served", "warning")),
    reads=("torch.version", "gpu.N.name"),
    explains=(),
    example=None,
    finding=None,
    quiet=("a healthy machine",),
)


def test_a_page() -> None:
    assert render_page(PAGE).splitlines() == [
        "a-defect (at worst: error)",
        "",
        "One line.",
        "",
        "What it means",
        "  One thing and another:",
        "  - a list that is long",
        "  - second",
        "",
        "A last word.",
        "",
        "Severity",
        "  error    no GPU is served",
        "  warning  another GPU is served",
        "",
        "It is silent about",
        "  - a healthy machine",
        "",
        "Facts it reads",
        "  torch.version, gpu.N.name",
    ]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_colour_adds_nothing_to_the_words(rule: Rule) -> None:
    page = page_of(rule, MATRIX)
    plain = render_page(page)
    assert "\x1b" not in plain
    coloured = render_page(page, colour=True)
    assert "\x1b[1m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert page.finding is not None
    assert page.finding.rule == rule.name


def test_a_page_without_its_example_is_still_one() -> None:
    rule = all_rules()[0]
    page = replace(page_of(rule, MATRIX), finding=None)
    assert "\nExample\n" not in render_page(page)
    assert "\nSeverity\n" in render_page(page)


def test_the_list() -> None:
    groups = [("One group", [("a-defect", "error", "What it finds.")]), ("Another", [("b", "note", "Some.")])]
    assert render_list(groups).splitlines() == [
        "One group",
        "",
        "  a-defect",
        "      What it finds. (at worst: error)",
        "",
        "Another",
        "",
        "  b",
        "      Some. (at worst: note)",
    ]
    coloured = render_list(groups, colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render_list(groups)
