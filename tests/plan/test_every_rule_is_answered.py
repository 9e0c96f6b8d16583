"""No finding without a way out: what each rule's firing examples are told to do."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Status
from envdoctor.plan.by_hand import BY_HAND, OF_KERNELS
from envdoctor.plan.remedies import ANOTHER_WHEEL, OF_BINARIES, plan_for
from envdoctor.plan.solve import Solver
from envdoctor.rules.example_machine import snapshot_of
from envdoctor.rules.rule import Example, Rule, Stage, all_rules

MATRIX = load_matrix()
RULES = {rule.name: rule for rule in all_rules()}
SERIOUS = [
    pytest.param(rule, example, id=f"{rule.name}: {example.title}")
    for rule in RULES.values()
    for example in rule.fires
    if example.severity > Severity.NOTE
]


@pytest.mark.parametrize(("rule", "example"), SERIOUS)
def test_a_finding_comes_with_a_way_out_or_with_the_reason_why_there_is_none(rule: Rule, example: Example) -> None:
    snapshot = snapshot_of(example)
    diagnosis = diagnose(snapshot, MATRIX, example.wishes, rules=(rule,))
    plan = plan_for(diagnosis, Solver(Machine(snapshot, example.wishes), MATRIX))
    assert not plan.undecided
    if plan.status is Status.SOLVED:
        assert plan.steps
        assert all(step.why for step in plan.steps)
    elif plan.status is Status.IMPOSSIBLE:
        assert plan.because
        assert "no partner of torch" not in plan.because[0], "no answer was written for this rule"
    else:
        # A warning about one GPU beside a served one asks for no change by itself.
        assert example.severity is Severity.WARNING
        assert rule.name in ANOTHER_WHEEL


def test_what_is_done_by_hand_belongs_to_rules_that_exist() -> None:
    assert set(BY_HAND) <= set(RULES)
    assert set(OF_KERNELS) == {rule.name for rule in RULES.values() if rule.stage is Stage.RUN}
    assert set(RULES) >= ANOTHER_WHEEL
    assert set(BY_HAND) & ANOTHER_WHEEL == {"glibc-too-old"}
    assert set(RULES) >= OF_BINARIES
