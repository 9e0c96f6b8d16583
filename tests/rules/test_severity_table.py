"""The severity table against the rules: no row without a rule, no circumstance without an example of it."""

from __future__ import annotations

import ast
import inspect
import sys

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity
from envdoctor.rules.example_machine import snapshot_of
from envdoctor.rules.rule import Rule, all_rules
from envdoctor.rules.severity_table import ALWAYS, DECLARED, SAID, SEVERITIES

MATRIX = load_matrix()
RULES = {rule.name: rule for rule in all_rules()}

CONTRACT = {
    # What the contract fixes, by the circumstance in which it applies.
    ("cuda-visible-devices-empty", "emptied on purpose"): Severity.NOTE,
    ("cuda-visible-devices-empty", "names what is not there"): Severity.WARNING,
    ("cuda-visible-devices-empty", "a GPU was asked for"): Severity.ERROR,
    ("no-nvidia-gpu", "where nobody asked for a GPU"): Severity.NOTE,
    ("no-nvidia-gpu", "a GPU was asked for"): Severity.ERROR,
    ("no-gpu-in-container", "where nobody asked for a GPU"): Severity.NOTE,
    ("no-gpu-in-container", "a GPU was asked for"): Severity.ERROR,
    ("driver-missing", "where nobody asked for a GPU"): Severity.NOTE,
    ("driver-missing", "a GPU was asked for"): Severity.ERROR,
    ("driver-missing", "on a bare host"): Severity.ERROR,
    ("cpu-only-build", ALWAYS): Severity.ERROR,
    ("torch-not-installed", "where nobody asked for torch"): Severity.NOTE,
    ("torch-not-installed", "torch was asked for"): Severity.ERROR,
    ("gpu-arch-dropped", "another visible GPU is served"): Severity.WARNING,
    ("gpu-arch-not-in-wheel", "another visible GPU is served"): Severity.WARNING,
    ("driver-too-old-for-gpu", "another visible GPU is served"): Severity.WARNING,
    ("mig", "no instance"): Severity.WARNING,
    ("mig", "instances that CUDA does not enumerate"): Severity.WARNING,
    ("dev-shm-too-small", ALWAYS): Severity.NOTE,
    ("memlock-limit-too-low", ALWAYS): Severity.NOTE,
}


def test_every_rule_has_a_row_and_every_row_a_rule() -> None:
    assert set(SEVERITIES) == set(RULES)


@pytest.mark.parametrize(
    ("row", "severity"), CONTRACT.items(), ids=lambda part: " ".join(part) if isinstance(part, tuple) else part.word
)
def test_the_table_says_what_the_contract_says(row: tuple[str, str], severity: Severity) -> None:
    rule, when = row
    assert SEVERITIES[rule][when] is severity


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if not rule.of_files_alone], ids=lambda rule: rule.name
)
def test_the_examples_show_every_severity_of_a_rule(rule: Rule) -> None:
    shown = {example.severity for example in rule.fires}
    assert shown == {severity for when, severity in rule.severities.items() if when not in (DECLARED, SAID)}
    for example in rule.fires:
        found = diagnose(snapshot_of(example), MATRIX, example.wishes, rules=(rule,)).findings
        assert example.severity in {finding.severity for finding in found}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_rule_states_a_severity_of_its_own(rule: Rule) -> None:
    """Outside of its examples, that is: `severity_table.py` is the one place."""
    tree = ast.parse(inspect.getsource(sys.modules[rule.judge.__module__]))
    judging = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    stated = [
        ast.unparse(node)
        for function in judging
        for node in ast.walk(function)
        if isinstance(node, ast.keyword) and node.arg == "severity"
    ]
    assert stated == []
