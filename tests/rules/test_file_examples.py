"""A rule that judges files alone shows both sides on files: one in which it fires, and some in which it does not."""

from __future__ import annotations

import pytest

from envdoctor.commands.rule_pages import findings_in, page_of
from envdoctor.diagnose.declared import judge_declared
from envdoctor.matrix.load import load_matrix
from envdoctor.readers.declared.choosing import module_for, reader
from envdoctor.rules.declared.declared_rule import DeclaredRule, FileExample, all_declared
from envdoctor.rules.rule import Rule, all_rules

MATRIX = load_matrix()
OF_FILES_ALONE = {rule.name: rule for rule in all_rules() if rule.of_files_alone}
DECLARED = [rule for rule in all_declared() if rule.name in OF_FILES_ALONE]
FIRES = [pytest.param(rule, one, id=f"{rule.name}: {one.title}") for rule in DECLARED for one in rule.fires]
QUIET = [pytest.param(rule, one, id=f"{rule.name}: {one.title}") for rule in DECLARED for one in rule.quiet]


@pytest.mark.parametrize("rule", DECLARED, ids=lambda rule: rule.name)
def test_both_sides_are_shown(rule: DeclaredRule) -> None:
    assert rule.fires
    assert rule.quiet


@pytest.mark.parametrize(("rule", "example"), FIRES)
def test_a_firing_example_fires(rule: DeclaredRule, example: FileExample) -> None:
    found = findings_in(example, rule.name, MATRIX)
    assert found, "it stays quiet"
    assert all(one.rule == rule.name and one.location is not None for one in found)
    assert found[0].severity is OF_FILES_ALONE[rule.name].worst


@pytest.mark.parametrize(("rule", "example"), QUIET)
def test_nothing_is_found_in_a_quiet_example(rule: DeclaredRule, example: FileExample) -> None:
    assert findings_in(example, rule.name, MATRIX) == ()


@pytest.mark.parametrize(("rule", "example"), [*FIRES, *QUIET])
def test_no_other_rule_has_more_than_a_note_for_an_example(rule: DeclaredRule, example: FileExample) -> None:
    module = module_for(example.name, example.text)
    assert module
    diagnosis, _ = judge_declared([reader(module)(example.text, example.name)], MATRIX)
    assert diagnosis.crashed == ()
    assert {one.rule for one in diagnosis.findings if one.severity.word != "note"} <= {rule.name}


@pytest.mark.parametrize("rule", OF_FILES_ALONE.values(), ids=OF_FILES_ALONE)
def test_its_page_shows_the_file_and_what_is_said_of_it(rule: Rule) -> None:
    page = page_of(rule, MATRIX)
    assert page.file
    assert page.finding is not None
    assert page.quiet
    assert page.reads == ()
