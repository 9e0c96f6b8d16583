"""The plan proves itself: carried out in thought, and the machine judged again as it would be then.

The rules are given to it as a function, so that the planner does not import them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from envdoctor.model.change import Installs, Into
from envdoctor.model.fact import Unknown
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.predict import predicted
from envdoctor.plan.remedies import ANOTHER_WHEEL, plan_for
from envdoctor.plan.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.finding import Diagnosis, Skipped
    from envdoctor.model.plan import Step
    from envdoctor.model.snapshot import Snapshot

    Judge: TypeAlias = Callable[[Snapshot], Diagnosis]

ROUNDS = 3
"""How often a plan may be added to: a driver, the wheels for it, what stood behind those."""

MOST_WAYS = 4

DECIDING = ANOTHER_WHEEL - {"glibc-too-old"}
"""The rules that must have decided: whether kernels and driver serve. The C library of a described machine is rarely
told, and a wheel that it is too old for is not chosen where it is."""


WRITTEN_LAST = "mixed-cu-packages"
"""The rule about CUDA libraries of two majors in one another's files: where a plan installs torch, torch's own are
written last, and which others lie beside them does no harm."""


def prove(plan: Plan, solver: Solver, judge: Judge) -> Plan:
    """Judge the machine as each way out would leave it, and say so in `proved`.

    A step that mends what would be left is added. Another way out that leaves an error is dropped, the plan itself
    says what remains. `judge` is how `solver.machine` was judged.
    """
    main = _proved(plan, solver, judge) if plan.status is Status.SOLVED else plan
    ways: list[Plan] = []
    told = {_commands(main)}
    for way in (_proved(way, solver, judge) for way in plan.alternatives):
        if way.proved is not False and _commands(way) not in told and len(ways) < MOST_WAYS:
            told.add(_commands(way))
            ways.append(way)
    return replace(main, alternatives=tuple(ways))


def _proved(plan: Plan, solver: Solver, judge: Judge) -> Plan:
    if not plan.steps or any(step.change is None for step in plan.steps):
        return plan  # what a person does, or a reboot brings, nobody can foresee
    left: tuple[str, ...] = ()
    for _ in range(ROUNDS):
        after = predicted(solver.machine.snapshot, plan, solver.matrix)
        found = judge(after)
        left = tuple(one.message for one in found.findings if one.severity is Severity.ERROR and one.caused_by is None)
        if not left:
            unclear = any(_hides_an_error(gap, solver.machine.snapshot, after, plan) for gap in found.skipped)
            return replace(plan, proved=None if unclear or found.crashed else True)
        more = _further(plan, found, after, solver)
        if more is None:
            break
        plan = more
    remains = tuple(f"this remains after it: {message}" for message in left[:1])
    return replace(plan, proved=False, because=(*plan.because, *remains))


def _further(plan: Plan, found: Diagnosis, after: Snapshot, solver: Solver) -> Plan | None:
    """Return the plan with the steps that mend what it leaves; None where no step does that could be foreseen."""
    more = plan_for(found, _solver_of(after, solver))
    steps = tuple(step for step in more.steps if step not in plan.steps)
    if more.status is not Status.SOLVED or not steps or any(step.change is None for step in steps):
        return None
    kept = (step for step in plan.steps if not any(_puts_over(later, step) for later in steps))
    return replace(plan, steps=(*kept, *steps), target=more.target or plan.target)


def _puts_over(later: Step, step: Step) -> bool:
    """Whether a later step installs every package of one: what nobody would keep is not installed first."""
    one, other = step.change, later.change
    if not isinstance(one, Installs) or not isinstance(other, Installs) or one.into is not other.into:
        return False
    return {_name(line) for line in one.requirements} <= {_name(line) for line in other.requirements}


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _solver_of(after: Snapshot, solver: Solver) -> Solver:
    """Return the solver of the machine as it would be, which words its commands in the same way."""
    words = solver.installing
    machine = Machine(after, solver.machine.wishes)
    return Solver(
        machine, solver.matrix, live=words.live, base=solver.base, installer=words.installer, layout=words.layout
    )


def _hides_an_error(gap: Skipped, before: Snapshot, after: Snapshot, plan: Plan) -> bool:
    """Whether a rule that did not decide leaves the proof open.

    It does where kernels and driver are its matter, and where it decided on a fact which the plan takes away. What else
    a container image holds was put together by its makers.
    """
    if gap.left_out or gap.worst is not Severity.ERROR:
        return False
    if gap.rule in DECIDING:
        return True
    installs = [step.change for step in plan.steps if isinstance(step.change, Installs)]
    if gap.fact is None or any(one.into is Into.IMAGE for one in installs):
        return False
    if gap.rule == WRITTEN_LAST and any(line.startswith("torch==") for one in installs for line in one.requirements):
        return False
    return isinstance(after[gap.fact], Unknown) and not isinstance(before[gap.fact], Unknown)


def _commands(plan: Plan) -> tuple[object, ...]:
    """What a plan tells somebody to do; two that tell the same are one."""
    return tuple((step.kind, step.argv or step.why) for step in plan.steps)
