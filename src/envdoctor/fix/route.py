"""Which way a plan is carried out, by who owns the environment; and what of it is for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.fix import Way
from envdoctor.model.plan import Applicability, Status

if TYPE_CHECKING:
    from envdoctor.model.machine import Machine
    from envdoctor.model.plan import Plan, Step

CONDA_PROGRAMS = ("conda", "mamba", "micromamba")
PROJECT_PROGRAMS = ("uv", "poetry", "pdm")
"""What a manager of a project is called by; `uv pip` is uv as a pip."""

NOTHING_FITS = "no published torch wheel serves this machine as it is; `envdoctor plan` names the ways out"
NOT_DECIDED = "what to install cannot be said, because a fact is missing: {}"
FOR_A_PERSON = "what mends this is for a person to do"
NO_VENV = "this Python is no virtual environment, and only those are changed here"
MADE_NEW = "this Python is not changed; --apply --into DIR makes a virtual environment of it and installs there"
PIXI = "pixi keeps its environments itself, in a place that cannot be swapped"
WINDOWS = "on Windows an environment cannot be swapped while anything in it is open"


@dataclass(frozen=True, slots=True)
class Route:
    """`steps` are carried out in the order of the plan, `by_hand` are not; `reason` says why there are no steps.

    `manager` is the tool of the project that keeps the environment, `project` its folder; None elsewhere. `made_new`
    where the steps make an environment of their own and install into that (only into a folder that the user named).
    """

    way: Way
    steps: tuple[Step, ...] = ()
    by_hand: tuple[Step, ...] = ()
    reason: str = ""
    manager: str | None = None
    project: str | None = None
    made_new: bool = False


def route(machine: Machine, plan: Plan, *, elsewhere: bool = False) -> Route:
    """Return the way of a plan on a live machine; `elsewhere` where the result is to be left in another folder."""
    if plan.status is Status.IMPOSSIBLE:
        reason = NOT_DECIDED.format(_first(plan)) if plan.undecided else NOTHING_FITS
        return Route(Way.BY_HAND, by_hand=plan.steps, reason=reason)
    if elsewhere:
        anew = tuple(step for step in plan.steps if _makes_new(step))
        if anew:
            return Route(Way.CLONE, anew, _others(plan, anew), made_new=True)
    ours = tuple(step for step in plan.steps if _is_ours(step))
    way = _way(ours[0]) if ours else Way.BY_HAND
    steps = tuple(step for step in ours if _way(step) is way)
    if not steps:
        return Route(Way.BY_HAND, by_hand=plan.steps, reason=_why_by_hand(plan))
    obstacle = _obstacle(machine, way)
    if obstacle:
        return Route(Way.BY_HAND, by_hand=plan.steps, reason=obstacle)
    if way is Way.PROJECT:
        return Route(way, steps, _others(plan, steps), "", steps[0].argv[0], machine.told("python.project"))
    return Route(way, steps, _others(plan, steps))


def _is_ours(step: Step) -> bool:
    """Whether a step changes the environment as it is, by a command, and needs nobody's judgement."""
    if step.applicability is not Applicability.UNSAFE or not step.argv:
        return False
    if step.kind == "install-with-conda":
        return True
    return isinstance(step.change, Removes) or (isinstance(step.change, Installs) and step.change.into is Into.PRESENT)


def _makes_new(step: Step) -> bool:
    """Whether a step belongs to making a virtual environment and installing into that."""
    new = isinstance(step.change, Installs) and step.change.into is Into.NEW
    return new and bool(step.argv) and step.argv[0] not in CONDA_PROGRAMS


def _way(step: Step) -> Way:
    program, verb = step.argv[0], step.argv[1] if len(step.argv) > 1 else ""
    if program in CONDA_PROGRAMS:
        return Way.CONDA
    if program in PROJECT_PROGRAMS and verb != "pip":
        return Way.PROJECT
    return Way.BY_HAND if program == "pixi" else Way.CLONE


def _obstacle(machine: Machine, way: Way) -> str | None:
    if way is Way.BY_HAND:
        return PIXI
    if machine.platform.startswith("windows"):
        return WINDOWS
    if way is Way.CLONE and machine.told("python.environment") != "venv":
        return NO_VENV
    return None


def _others(plan: Plan, carried_out: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in plan.steps if step not in carried_out)


def _why_by_hand(plan: Plan) -> str:
    if any(map(_makes_new, plan.steps)):
        return MADE_NEW
    reasons = [step.why for step in plan.steps if step.applicability is Applicability.MANUAL]
    return f"{FOR_A_PERSON}: {reasons[0]}" if reasons else FOR_A_PERSON


def _first(plan: Plan) -> str:
    return plan.because[0] if plan.because else "see `envdoctor plan`"
