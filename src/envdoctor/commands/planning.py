"""Planning from the command line: wishes checked, the plan printed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from envdoctor.commands.failure import Unusable
from envdoctor.model.finding import Severity, Verdict
from envdoctor.plan.partners import COMPILED_PARTNERS
from envdoctor.plan.solve import Solver
from envdoctor.plan.wheel_index import BASE

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.machine import Machine
    from envdoctor.model.plan import Plan

MOST_FACTS = 6
"""Names of facts in one line."""


def specifier(text: str | None) -> str | None:
    """Return a wished torch as a version specifier. Raises `Unusable` for what is none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if text is None:
        return None
    plain = text.strip()
    try:
        SpecifierSet(f"=={plain}" if plain[:1].isdigit() else plain)
    except InvalidSpecifier:
        raise Unusable(f"--torch {text}: not a version or specifier; write 2.9.1 or '>=2.6,<2.9'") from None
    if not plain:
        raise Unusable("--torch: empty; write 2.9.1 or '>=2.6,<2.9'")
    return plain


def partner_names(text: str) -> tuple[str, ...]:
    """Return the names in `--with torchvision,torchaudio`. Raises `Unusable` for others."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in COMPILED_PARTNERS:
            raise Unusable(f"--with {name}: only {' and '.join(COMPILED_PARTNERS)} have a build of their own")
    return names


def plan(machine: Machine, matrix: Matrix, *, live: bool, installer: str | None, base: str | None) -> Plan:
    """Judge the machine and plan for it; a wish for another torch is a reason to plan by itself."""
    from envdoctor.diagnose.judge import diagnose
    from envdoctor.model.machine import Undecidable
    from envdoctor.plan.remedies import NOTHING, plan_for, undecided

    if base is not None and not base.startswith(("https://", "http://", "file://")):
        raise Unusable(f"--index-base {base}: not a URL")
    solver = Solver(machine, matrix, live=live, base=base or BASE, installer=installer)
    if machine.wishes.torch is None and not machine.wishes.partners:
        diagnosis = diagnose(machine.snapshot, matrix, machine.wishes)
        answer = plan_for(diagnosis, solver)
        return replace(answer, because=_not_known(diagnosis)) if answer == NOTHING else answer
    try:
        return solver.wheel_set()
    except Undecidable as reason:
        return undecided(reason)


def _not_known(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Say on which facts "nothing to do" still hangs; nothing where every rule that may find an error decided."""
    if diagnosis.verdict is not Verdict.UNDETERMINED:
        return ()
    facts = sorted({gap.fact for gap in diagnosis.skipped if gap.fact and gap.worst is Severity.ERROR})
    shown = ", ".join(facts[:MOST_FACTS]) + (f" and {len(facts) - MOST_FACTS} more" * (len(facts) > MOST_FACTS))
    return (f"not known: {shown}",)


def show(plan: Plan, form: str) -> None:
    """Print a plan."""
    if form == "json":
        from envdoctor.codec.json_value import document_text
        from envdoctor.codec.plan import encode

        click.echo(document_text(encode(plan)))
        return
    from envdoctor.commands.deliver import terminal_width, wants_colour
    from envdoctor.reporters.plan_lines import render_plan

    click.echo(render_plan(plan, width=terminal_width(), colour=wants_colour()), nl=False)
