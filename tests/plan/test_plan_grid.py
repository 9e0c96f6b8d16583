"""What holds of every plan, over a grid of machines: drivers x GPUs x Pythons x platforms x wishes and what is there.

A sample of it in every run; `ENVDOCTOR_WHOLE_GRID=1` takes all of it, as `benchmarks/plan_grid.py` does.
"""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

import pytest
from change_in_thought import after
from machine_grid import (
    CAPABILITIES,
    DRIVERS,
    PLATFORMS,
    PYTHONS,
    broken_invariants,
    broken_when_judged,
    judged,
    machine_of,
    sample,
    solve,
    whole,
)
from plan_oracle import MATRIX, Described

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.versions import parts
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import DRIVER_CUDA, machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

ROWS = whole() if os.environ.get("ENVDOCTOR_WHOLE_GRID") else sample(2000)
THOUGHT_THROUGH = 600
"""Machines of the sample that are judged again as they would be after the plan."""

Solved = list[tuple[Described, Machine, Plan]]


@pytest.fixture(scope="module")
def solved() -> Solved:
    """Every machine with its plan: for what was found where a torch is installed, else for what fits."""
    return [(row, machine, judged(machine) if row.torch else solve(machine)) for row, machine in map(_machine, ROWS)]


def _machine(row: Described) -> tuple[Described, Machine]:
    return row, machine_of(row)


def errors(snapshot: Snapshot) -> list[str]:
    return [one.message for one in diagnose(snapshot, MATRIX).findings if one.severity is Severity.ERROR]


def test_the_grid_is_as_large_as_it_says_and_holds_every_kind_of_answer(solved: Solved) -> None:
    assert len(whole()) >= 20_000
    assert (len(DRIVERS), len(CAPABILITIES), len(PYTHONS), len(PLATFORMS)) == (18, 20, 8, 3)
    statuses = [plan.status for _, _, plan in solved]
    assert all(statuses.count(status) > 100 for status in Status)


def test_every_plan_keeps_what_the_planner_promises() -> None:
    broken = [(row, one) for row in ROWS for one in broken_invariants(row, solve(machine_of(row)))]
    assert broken == []


def test_nothing_is_to_do_exactly_where_the_installed_torch_works(solved: Solved) -> None:
    assert [(row, one) for row, _, plan in solved if row.torch for one in broken_when_judged(row, plan)] == []


def test_a_broken_machine_is_never_told_that_nothing_is_to_do(solved: Solved) -> None:
    for row, machine, plan in solved:
        if plan.status is Status.NOTHING_TO_DO:
            assert errors(machine.snapshot) == [], row
            assert plan.steps == ()


def test_the_plan_carried_out_in_thought_leaves_no_error_and_nothing_to_do(solved: Solved) -> None:
    solvable = [one for one in solved if one[2].status is Status.SOLVED]
    for row, machine, plan in solvable[:: max(1, len(solvable) // THOUGHT_THROUGH)]:
        changed = after(machine.snapshot, plan, MATRIX)
        assert errors(changed) == [], (row, plan)
        again = plan_for(diagnose(changed, MATRIX), Solver(Machine(changed), MATRIX))
        assert again.status is Status.NOTHING_TO_DO, (row, plan, again)


def test_pairs_of_gpus_are_served_together_or_told_apart() -> None:
    singles = [one[0] for one in CAPABILITIES if len(one) == 1]
    for first, second in product(singles, singles):
        snapshot = machine_snapshot(gpus=[("", first), ("", second)], torch=None, driver="580.65.06")
        plan = Solver(Machine(snapshot), MATRIX).wheel_set()
        if plan.status is Status.SOLVED:
            assert errors(after(snapshot, plan, MATRIX)) == []
        else:
            alone = [Solver(Machine(machine_snapshot(gpus=[("", one)], torch=None, driver="580.65.06")), MATRIX)
                     for one in (first, second)]  # fmt: skip
            possible = [one.wheel_set().status is Status.SOLVED for one in alone]
            hiding = [way for way in plan.alternatives if way.steps[0].kind == "set-env"]
            better = max(range(2), key=lambda place: parts((first, second)[place]))
            assert bool(hiding) == (possible[better] and first != second), (first, second)


def test_the_api_of_every_driver_in_the_grid_is_that_of_the_matrix() -> None:
    for driver in DRIVERS:
        assert MATRIX.driver_cuda(driver) == DRIVER_CUDA[driver.partition(".")[0]]
