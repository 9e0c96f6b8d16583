"""A snapshot may hold anything: no rule of ours crashes over it, and the answer hangs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from snapshot_strategies import FACTS, GALLERY, SNAPSHOTS, chimeras, disturbed

from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.verdict import exit_code
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Diagnosis, Severity, Verdict
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.proof import prove
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from envdoctor.rules.rule import all_rules
from machines import SCENARIOS, machine_snapshot, snapshot_of

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
RULES = {rule.name: rule for rule in all_rules()}
MACHINES = [machine_snapshot(), *(snapshot_of(scenario) for scenario in SCENARIOS.values())]
TWO_GPUS = machine_snapshot(gpus=["NVIDIA A100-SXM4-80GB", "NVIDIA GeForce GTX 1080"])


def hangs_together(snapshot: Snapshot, diagnosis: Diagnosis) -> None:
    assert diagnosis.crashed == ()
    severities = [finding.severity for finding in diagnosis.findings]
    worst = max(severities, default=Severity.NOTE)
    assert (diagnosis.verdict is Verdict.BROKEN) == (worst is Severity.ERROR)
    if diagnosis.verdict in (Verdict.HEALTHY, Verdict.WARNINGS):
        assert (diagnosis.verdict is Verdict.WARNINGS) == (worst is Severity.WARNING)
    if diagnosis.verdict is Verdict.UNDETERMINED:
        assert any(one.fact is not None for one in diagnosis.skipped)
    roots = [finding for finding in diagnosis.findings if finding.caused_by is None]
    assert [one.severity for one in roots] == sorted((one.severity for one in roots), reverse=True)
    for place, finding in enumerate(diagnosis.findings):
        if finding.caused_by is not None:
            assert finding.caused_by in {before.rule for before in diagnosis.findings[:place]}
        # Nothing is concluded from a fact that is not known.
        assert all(one.fact in snapshot.facts for one in finding.evidence)
    assert exit_code(diagnosis) == (1 if worst is Severity.ERROR else 0)


def plans(snapshot: Snapshot, diagnosis: Diagnosis, wishes: Wishes) -> None:
    for live in (False, True):
        solver = Solver(Machine(snapshot, wishes), MATRIX, live=live)
        plan = prove(plan_for(diagnosis, solver), solver, lambda after: diagnose(after, MATRIX, wishes))
        assert isinstance(plan, Plan)
        assert [way.because for way in plan.alternatives if way.proved is False] == []
        if plan.status is Status.IMPOSSIBLE:
            assert plan.target is None
            assert plan.because
        if plan.status is Status.SOLVED:
            assert plan.steps
        if plan.status is Status.NOTHING_TO_DO:
            assert diagnosis.verdict is not Verdict.BROKEN


WISHES = st.builds(Wishes, st.booleans(), st.sampled_from([None, "2.9.1", ">=2.6,<2.9"]))


@given(SNAPSHOTS, WISHES)
def test_any_facts(snapshot: Snapshot, wishes: Wishes) -> None:
    diagnosis = diagnose(snapshot, MATRIX, wishes)
    hangs_together(snapshot, diagnosis)
    plans(snapshot, diagnosis, wishes)


@given(st.sampled_from([*MACHINES, TWO_GPUS]).flatmap(disturbed), WISHES)
def test_a_real_machine_with_some_facts_replaced(snapshot: Snapshot, wishes: Wishes) -> None:
    diagnosis = diagnose(snapshot, MATRIX, wishes)
    hangs_together(snapshot, diagnosis)
    plans(snapshot, diagnosis, wishes)


@given(st.sampled_from(GALLERY).flatmap(lambda one: disturbed(one, 12)), WISHES)
def test_a_machine_of_the_gallery_with_absurd_facts(snapshot: Snapshot, wishes: Wishes) -> None:
    diagnosis = diagnose(snapshot, MATRIX, wishes)
    hangs_together(snapshot, diagnosis)
    plans(snapshot, diagnosis, wishes)


@given(chimeras(), WISHES)
def test_a_machine_put_together_of_several(snapshot: Snapshot, wishes: Wishes) -> None:
    diagnosis = diagnose(snapshot, MATRIX, wishes)
    hangs_together(snapshot, diagnosis)
    plans(snapshot, diagnosis, wishes)


@given(st.sampled_from(sorted(name for name in RULES if RULES[name].needs)), st.sampled_from(GALLERY), st.data())
def test_a_rule_reads_what_it_says_it_needs(name: str, snapshot: Snapshot, data: st.DataObject) -> None:
    """Whatever the facts it needs are: an answer, or the one way not to answer."""
    needs = [need.replace(".N.", ".0.") for need in RULES[name].needs]
    facts = data.draw(st.dictionaries(st.sampled_from(needs), FACTS, max_size=len(needs)))
    judged = diagnose(snapshot.having(facts), MATRIX, select={name})
    assert judged.crashed == ()
    assert {one.rule for one in judged.findings} <= {name}


@given(st.sampled_from(MACHINES).flatmap(disturbed), st.sampled_from(sorted(RULES)))
def test_select_and_ignore_take_away_and_add_nothing(snapshot: Snapshot, name: str) -> None:
    whole = {(one.rule, one.subject) for one in diagnose(snapshot, MATRIX).findings}
    alone = {(one.rule, one.subject) for one in diagnose(snapshot, MATRIX, select={name}).findings}
    without = {(one.rule, one.subject) for one in diagnose(snapshot, MATRIX, ignore={name}).findings}
    assert alone == {one for one in whole if one[0] == name}
    assert without == {one for one in whole if one[0] != name}
