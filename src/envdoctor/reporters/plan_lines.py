"""A plan in words: each command alone on its line, and beside it why."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from envdoctor.model.plan import Status
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.plan import Conflict, Edit, Plan, Step, Weighed

COMMAND_INDENT = "    "
IMPOSSIBLE = "No published torch wheel serves this machine as it is."
UNDECIDED = "What to install here cannot be said, because a fact is missing:"
FITS = "What fits this machine:"
NOTHING = "Nothing to do: what is installed fits this machine."
NOTHING_SEEN = "Nothing to do by what could be seen, which is not all that decides:"
PROVED = "Judged again as it would be then: no error left."
LEFT = "Judged again as it would be then: an error is left."
NO_WHEEL, NO_WHEEL_FOR_ALL = "No wheel meets:", "No wheel meets all of:"
RELAX, RELAX_ONE = "What would open one:", "What would open one, each by itself:"
WEIGHED = "What was weighed, the newest first:"
WINDOWS_PATH = r"([A-Za-z]:)?[\w.~-]*(\\[\w.~-]+)+"
EXPANDED = r'["$`!]|\\$|\\\\'
"""What a POSIX shell does not take as it stands between double quotes."""
CERTAIN = ("verified", "sourced")


def render_plan(plan: Plan, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """Return a plan that stands by itself, with the constraints that decided it.

    `verbose` adds every wheel that was weighed, where the plan lists them, the newest first.
    """
    lines = list(_standing_alone(plan, width))
    if verbose and plan.candidates:
        while lines and not lines[-1].text:
            lines.pop()
        lines += [Line(), *_weighed(plan.candidates, width)]
    return joined(lines, colour=colour)


def _standing_alone(plan: Plan, width: int) -> Iterator[Line]:
    if plan.status is not Status.NOTHING_TO_DO or plan.alternatives:
        yield from plan_lines(plan, FITS, width, verbose=True)
    elif plan.because:
        yield from wrapped(NOTHING_SEEN, width)
        yield from _because(plan, width)
    else:
        yield from wrapped(NOTHING, width)


def plan_lines(plan: Plan, purpose: str, width: int, verbose: bool) -> Iterator[Line]:
    """Yield the lines of a plan under the heading `purpose`; `verbose` adds the constraints of a solved one."""
    if plan.status is Status.IMPOSSIBLE:
        yield from wrapped(UNDECIDED if plan.undecided else IMPOSSIBLE, width)
        yield from _conflict(plan.conflict, width) if plan.conflict else _because(plan, width)
        yield from _steps(plan, width)
    elif plan.status is Status.SOLVED:
        yield from (styled(line.text, "bold") for line in wrapped(purpose, width))
        yield from _steps(plan, width)
        if verbose:
            yield from _because(plan, width)
    elif not plan.alternatives:
        return
    else:
        yield from wrapped("What is installed can stay as it is.", width)
    for text in plan.would_not_help:
        yield from wrapped(f"Would not help: {safe(text, SENTENCE)}", width, "", "  ")
    yield Line()
    for place, way in enumerate(plan.alternatives):
        yield styled("A way out:" if plan.status is Status.IMPOSSIBLE and place == 0 else "Or:", "bold")
        yield from _way(way, width, verbose)
        yield Line()


def _way(way: Plan, width: int, verbose: bool) -> Iterator[Line]:
    yield from _steps(way, width)
    if way.target and not any(step.argv for step in way.steps):
        target = f"torch {safe(way.target.torch)} ({safe(way.target.channel)})"
        yield from wrapped(f"That opens {target}.", width, "  ", "  ")
    if verbose or not way.steps:
        yield from _because(way, width)


def _steps(plan: Plan, width: int) -> Iterator[Line]:
    """Yield what to do, and whether it was proved."""
    for step in plan.steps:
        yield from step_lines(step, width)
    if plan.proved is not None:
        yield from (styled(line.text, "dim") for line in wrapped(PROVED if plan.proved else LEFT, width, "  ", "  "))


def step_lines(step: Step, width: int) -> Iterator[Line]:
    """Yield one thing to do: the command, after what is to be written into a file first, and why."""
    if step.edit:
        yield from _edit(step.edit, width)
    if step.argv:
        yield command_line(step.argv)
    yield from wrapped(safe(step.why, SENTENCE), width, "  ", "  ")


def command_line(argv: Sequence[str]) -> Line:
    """Return a command as it is typed; never wrapped, since one that is copied has to arrive whole."""
    return styled(COMMAND_INDENT + safe(" ".join(map(_quoted, argv)), None), "bold green")


def _quoted(word: str) -> str:
    """Quote a word so that sh, cmd and PowerShell all take it, as far as one way suits the three of them.

    Single quotes mean nothing to cmd; what sh would expand between double ones stands between single ones. A path such
    as C:\\venv\\python.exe is left alone: PowerShell runs no program whose name stands in quotes.
    """
    if word == shlex.quote(word) or re.fullmatch(WINDOWS_PATH, word):
        return word
    return shlex.quote(word) if re.search(EXPANDED, word) else f'"{word}"'


def _edit(edit: Edit, width: int) -> Iterator[Line]:
    yield from wrapped(f"In {safe(edit.file)}:", width, "  ", "  ")
    lines = edit.text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    for line in lines:  # never wrapped: it is copied too
        shown = safe(line.rstrip(), None)
        yield styled(COMMAND_INDENT + shown, "bold green") if shown else Line()


def _conflict(conflict: Conflict, width: int) -> Iterator[Line]:
    for texts, alone, several in (
        (conflict.constraints, NO_WHEEL, NO_WHEEL_FOR_ALL),
        (conflict.relax, RELAX, RELAX_ONE),
    ):
        if texts:
            yield from wrapped(several if len(texts) > 1 else alone, width)
            yield from _listed(texts, width)


def _weighed(candidates: Sequence[Weighed], width: int) -> Iterator[Line]:
    """Yield the table of candidates: version, and "fits" or everything that speaks against it."""
    yield styled(WEIGHED, "bold")
    longest = max(len(safe(one.version)) for one in candidates)
    indent = " " * min(longest + 4, width // 2)
    for one in reversed(candidates):
        version = f"  {safe(one.version):{longest}}  "
        doubt = "" if one.certainty in CERTAIN else f" ({safe(one.certainty)})"
        verdict = safe("; ".join(one.reasons), SENTENCE) if one.reasons else f"fits{doubt}"
        first, *others = wrapped(verdict, width, version, indent) or [Line(version.rstrip())]
        yield first if one.reasons else Line(first.text, "bold green", len(first.text))
        yield from others


def _because(plan: Plan, width: int) -> Iterator[Line]:
    return _listed(plan.because, width)


def _listed(texts: Sequence[str], width: int) -> Iterator[Line]:
    for text in texts:
        yield from wrapped(f"- {safe(text, SENTENCE)}", width, "  ", "    ")
