"""A plan in words: each command alone on its line, and beside it why."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from envdoctor.model.plan import Status
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.plan import Plan, Step

COMMAND_INDENT = "    "
IMPOSSIBLE = "No published torch wheel serves this machine as it is."
UNDECIDED = "What to install here cannot be said, because a fact is missing:"
FITS = "What fits this machine:"
NOTHING_SEEN = "Nothing to do by what could be seen, which is not all that decides:"


def render_plan(plan: Plan, *, width: int = 80, colour: bool = False) -> str:
    """Return a plan that stands by itself, with the constraints that decided it."""
    if plan.status is Status.NOTHING_TO_DO and not plan.alternatives:
        if plan.because:
            return joined([*wrapped(NOTHING_SEEN, width), *_because(plan, width)], colour=colour)
        return "Nothing to do: what is installed fits this machine.\n"
    return joined(plan_lines(plan, FITS, width, verbose=True), colour=colour)


def plan_lines(plan: Plan, purpose: str, width: int, verbose: bool) -> Iterator[Line]:
    """Yield the lines of a plan under the heading `purpose`; `verbose` adds the constraints of a solved one."""
    if plan.status is Status.IMPOSSIBLE:
        yield from wrapped(UNDECIDED if plan.undecided else IMPOSSIBLE, width)
        yield from _because(plan, width)
        yield from _steps(plan.steps, width)
    elif plan.status is Status.SOLVED:
        yield from (styled(line.text, "bold") for line in wrapped(purpose, width))
        yield from _steps(plan.steps, width)
        if verbose:
            yield from _because(plan, width)
    elif not plan.alternatives:
        return
    else:
        yield from wrapped("What is installed can stay as it is.", width)
    yield Line()
    for place, way in enumerate(plan.alternatives):
        yield styled("A way out:" if plan.status is Status.IMPOSSIBLE and place == 0 else "Or:", "bold")
        yield from _way(way, width, verbose)
        yield Line()


def _way(way: Plan, width: int, verbose: bool) -> Iterator[Line]:
    yield from _steps(way.steps, width)
    if way.target and not any(step.argv for step in way.steps):
        target = f"torch {safe(way.target.torch)} ({safe(way.target.channel)})"
        yield from wrapped(f"That opens {target}.", width, "  ", "  ")
    if verbose or not way.steps:
        yield from _because(way, width)


def _steps(steps: Sequence[Step], width: int) -> Iterator[Line]:
    for step in steps:
        if step.argv:
            # Never wrapped: a command that is copied has to arrive whole.
            command = COMMAND_INDENT + safe(shlex.join(step.argv), None)
            yield styled(command, "bold green")
        yield from wrapped(safe(step.why, SENTENCE), width, "  ", "  ")


def _because(plan: Plan, width: int) -> Iterator[Line]:
    for constraint in plan.because:
        yield from wrapped(f"- {safe(constraint, SENTENCE)}", width, "  ", "    ")
