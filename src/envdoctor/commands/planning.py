"""Planning from the command line: wishes checked, the plan made, printed or saved."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import click

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import near_names
from envdoctor.model.finding import Severity, Verdict
from envdoctor.plan.partners import COMPILED_PARTNERS
from envdoctor.plan.solve import Solver
from envdoctor.plan.terms import wished

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.commands.checking import Judging
    from envdoctor.commands.constraints import Constraints
    from envdoctor.commands.index_base import IndexBase
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.layout import Layout
    from envdoctor.model.machine import Machine, Wishes
    from envdoctor.model.plan import Plan, Weighed
    from envdoctor.model.snapshot import Snapshot
    from envdoctor.plan.proof import Judge

MOST_FACTS = 6
"""Names of facts in one line."""


def specifier(text: str | None, newest: str) -> str | None:
    """Return a wished torch as a version specifier; `newest` is suggested for words such as "latest".

    Raises `Unusable` for what is no specifier. A release that the matrix does not know is none the less one.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if text is None:
        return None
    plain = text.strip()
    if not plain:
        raise Unusable("--torch: empty; write 2.9.1 or '>=2.6,<2.9'")
    try:
        SpecifierSet(f"=={plain}" if plain[:1].isdigit() else plain)
    except InvalidSpecifier:
        inside = re.search(r"(?a)(?<![\d.])\d{1,2}(?:[.,]\d{1,3}){1,2}(?![\d])", plain[:80])
        near = inside[0].replace(",", ".") if inside else newest
        raise Unusable(
            f"--torch {text}: not a version or specifier; did you mean {near}? (or a range: '>=2.6,<2.9')"
        ) from None
    return plain


def partner_names(text: str) -> tuple[str, ...]:
    """Return the names in `--with torchvision,torchaudio`, each once. Raises `Unusable` for others."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in COMPILED_PARTNERS:
            near = near_names(name, COMPILED_PARTNERS)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise Unusable(f"--with {name}: only {' and '.join(COMPILED_PARTNERS)} have a build of their own{hint}")
    return names


def plan(
    machine: Machine,
    matrix: Matrix,
    *,
    live: bool,
    installer: str | None,
    base: IndexBase,
    layout: str = "auto",
    weigh: bool = False,
    within: Within | None = None,
) -> Plan:
    """Judge the machine and plan for it; a wish that what is installed does not meet is a reason by itself.

    `layout` is one of `index_base.LAYOUTS`: with "auto" a mirror is asked. With `weigh` the plan lists every candidate.
    `within` is the policy that the plan stays within, None where the wishes of `machine` are all the user's own.
    """
    from envdoctor.diagnose.judge import diagnose
    from envdoctor.plan.proof import prove

    own = within.own if within else machine.wishes
    judge = within.judging if within else lambda seen: diagnose(seen, matrix, machine.wishes)

    def made(chosen: Layout) -> Plan:
        solver = Solver(machine, matrix, live=live, base=base.url, installer=installer, layout=chosen)
        answer = prove(_answer(solver, own, judge), solver, judge)
        return replace(answer, candidates=_weighed(solver)) if weigh else answer

    return through(base, layout, machine, made)


class Within(NamedTuple):
    """A policy that a plan stays within: what judges by it, and what the user wishes beside it, who comes first."""

    judging: Judging
    own: Wishes


def within_policy(own: Wishes, matrix: Matrix) -> Within:
    """Return the policy of this project, under which `envdoctor check` judges as well. Raises `Unusable`.

    `own` are the wishes of the command line.
    """
    from envdoctor.commands.checking import Judging
    from envdoctor.commands.governing import rulings_of

    rulings = rulings_of()
    asked = rulings.wishes(own.require_gpu)
    wishes = replace(
        asked,
        cuda=own.cuda or asked.cuda,
        torch=own.torch or asked.torch,
        partners=tuple(dict.fromkeys((*own.partners, *asked.partners))),
        pins=(*own.pins, *asked.pins),
    )
    return Within(Judging(matrix, wishes, rulings), own)


def through(base: IndexBase, layout: str, machine: Machine, made: Callable[[Layout], Plan]) -> Plan:
    """Return the plan for the way a mirror is laid out; `made` makes one for a layout.

    A mirror is asked only where a plan would take wheels from it. What is odd about it joins the plan's reasons.
    """
    answer = made("flat" if layout == "flat" else "projects")
    if base.official:
        return answer
    from envdoctor.commands import mirror

    found = mirror.asked(base, answer, machine, layout)
    if found.layout not in (None, "projects") and layout == "auto":
        answer = made(found.layout)
    return replace(answer, because=(*answer.because, *found.notes, *found.for_typing))


def constraints(files: tuple[str, ...], machine: Machine, *, live: bool) -> Constraints:
    """Read the constraint files that were named and, for this very machine, those that pip and uv would read.

    Raises `Unusable` for one that was named and cannot be read.
    """
    from envdoctor.commands.constraints import Constraints, of_user
    from envdoctor.commands.examine import SYSROOT

    found = Constraints()
    for name in files:
        found.read(name, machine)
    if live and SYSROOT not in os.environ:  # a recorded machine has not the variables of this one
        of_user(os.environ, machine, found)
    return found


def tell_age(matrix: Matrix) -> None:
    """Say on standard error that the matrix is old; a rule says it of machines that were looked at, by their day."""
    from time import gmtime, strftime

    from envdoctor.matrix.age import MOST_DAYS, days_between

    days = days_between(matrix.revision, strftime("%Y-%m-%d", gmtime()))
    if days is not None and days > MOST_DAYS:
        click.echo(
            f"envdoctor: note: the compatibility matrix is of {matrix.revision}, {days} days old; it knows torch up to "
            f"{matrix.newest_torch}",
            err=True,
        )


def _answer(solver: Solver, own: Wishes, judge: Judge) -> Plan:
    from envdoctor.model.machine import Undecidable
    from envdoctor.plan.pins import unmet
    from envdoctor.plan.remedies import NOTHING, plan_for, plan_for_wishes, undecided

    machine, matrix = solver.machine, solver.matrix
    unknown = _unknown_to(matrix, own.torch)
    if unknown:
        return undecided(Undecidable(unknown))
    if own.torch is None and not own.partners and not unmet(machine, own.pins):
        diagnosis = judge(machine.snapshot)
        answer = plan_for(diagnosis, solver)
        return replace(answer, because=_not_known(diagnosis)) if answer == NOTHING else answer
    return plan_for_wishes(solver)


def _unknown_to(matrix: Matrix, wish: str | None) -> str | None:
    """Say that every release a wish admits is newer than the matrix, which is no reason to call it impossible."""
    from envdoctor.plan.newer import only_later

    if wish is None or not only_later(wished(wish), matrix.newest_torch):
        return None
    return f"torch {wish} is unknown to this matrix of {matrix.revision}, which ends with {matrix.newest_torch}"


def _weighed(solver: Solver) -> tuple[Weighed, ...]:
    from envdoctor.model.machine import Undecidable

    try:
        return solver.weighed()
    except Undecidable:  # what the choice hangs on is not known; the plan says so
        return ()


def _not_known(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Say on which facts "nothing to do" still hangs; nothing where every rule that may find an error decided."""
    if diagnosis.verdict is not Verdict.UNDETERMINED:
        return ()
    facts = sorted({gap.fact for gap in diagnosis.skipped if gap.fact and gap.worst is Severity.ERROR})
    shown = ", ".join(facts[:MOST_FACTS]) + (f" and {len(facts) - MOST_FACTS} more" * (len(facts) > MOST_FACTS))
    return (f"not known: {shown}",)


def show(plan: Plan, seen: Snapshot, form: str, outputs: tuple[str, ...], *, verbose: bool) -> None:
    """Print a plan, or write each `-o [FORMAT=]FILE`; files hold no names of people or machines."""
    from envdoctor.commands import deliver

    if not outputs:
        width, colour = deliver.terminal_width(), deliver.wants_colour()
        click.echo(_text(plan, form, width=width, colour=colour, verbose=verbose), nl=False)
        return
    saved = deliver.plan_without_names(plan, seen)
    for output in outputs:
        chosen, path = deliver.destination(output, form)
        deliver.save(path, _text(saved, chosen, width=80, colour=False, verbose=verbose))


def _text(plan: Plan, form: str, *, width: int, colour: bool, verbose: bool) -> str:
    if form == "json":
        from envdoctor.codec.json_value import document_text
        from envdoctor.codec.plan import encode

        return document_text(encode(plan)) + "\n"
    from envdoctor.reporters.plan_lines import render_plan

    return render_plan(plan, width=width, colour=colour, verbose=verbose)
