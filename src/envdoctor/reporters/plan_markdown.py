"""A plan as Markdown: each command in a block that is copied, and beside it why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.plan import Status
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.plain_text import safe
from envdoctor.reporters.plan_lines import (
    IMPOSSIBLE,
    NO_WHEEL,
    NO_WHEEL_FOR_ALL,
    RELAX,
    RELAX_ONE,
    UNDECIDED,
    command_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.plan import Plan, Step


def plan_markdown(plan: Plan) -> Iterator[str]:
    """Yield what to do, what else would do, and what would not help; where nothing serves, what stands against it."""
    if plan.status is Status.NOTHING_TO_DO:
        return
    if plan.status is Status.IMPOSSIBLE:
        yield from _impossible(plan)
    elif plan.steps:
        yield "To make it right:"
        yield ""
        yield from _steps(plan)
    for place, way in enumerate(plan.alternatives):
        if way.steps:
            yield "A way out:" if plan.status is Status.IMPOSSIBLE and place == 0 else "Or:"
            yield ""
            yield from _steps(way)
    if plan.would_not_help:
        yield from (f"- Would not help: {inline(safe(text, 1000))}" for text in plan.would_not_help)
        yield ""


def _impossible(plan: Plan) -> Iterator[str]:
    yield UNDECIDED if plan.undecided else IMPOSSIBLE
    yield ""
    conflict = plan.conflict
    for heading, told in (
        ("" if not conflict else NO_WHEEL_FOR_ALL if len(conflict.constraints) > 1 else NO_WHEEL,
         conflict.constraints if conflict else plan.because),
        (RELAX_ONE if conflict and len(conflict.relax) > 1 else RELAX, conflict.relax if conflict else ()),
    ):  # fmt: skip
        if told:
            yield from (heading, "") if heading else ()
            yield from (f"- {paragraph(safe(text, 1000))}" for text in told)
            yield ""
    yield from _steps(plan)


def _steps(plan: Plan) -> Iterator[str]:
    """The commands in one block, each with its reason as a comment; what a person does as sentences."""
    by_hand = [step for step in plan.steps if not step.argv and not step.edit]
    commands = [step for step in plan.steps if step.argv or step.edit]
    if by_hand:
        yield from (f"- {paragraph(safe(step.why, 1000))}" for step in by_hand)
        yield ""
    for step in commands:
        if step.edit:
            yield f"In {inline(safe(step.edit.file))}:"
            yield ""
        yield "```sh" if step.argv else "```"
        for line in _typed(step):
            yield line.replace("```", "'''")
        yield "```"
        yield ""


def _typed(step: Step) -> Iterator[str]:
    """The lines of one step that are copied: why, what is written into a file, and the command."""
    if step.argv:
        yield f"# {safe(step.why, 1000)}"
        yield command_line(step.argv).text.strip()
    if step.edit:
        yield from (safe(line.rstrip(), None) for line in step.edit.text.strip("\n").split("\n"))
