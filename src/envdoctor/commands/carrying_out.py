"""Carrying a plan out in a copy of a virtual environment: whether it may begin, who is asked, and how it ended."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.commands import fix_progress
from envdoctor.commands.unfinished import held
from envdoctor.commands.verifying import Verification
from envdoctor.fix.applying import Work, apply
from envdoctor.fix.dry_run import AS_UV, NO_DRY_RUN, NOT_CHEAP, NOT_TOLD
from envdoctor.fix.identity import identity
from envdoctor.fix.image_layers import layer_obstacle
from envdoctor.fix.in_use import in_words
from envdoctor.fix.installing import program_of
from envdoctor.fix.place import obstacle, place_of
from envdoctor.fix.recovering import recover
from envdoctor.fix.relocating import is_plain
from envdoctor.model.fix import Outcome, Way
from envdoctor.plan.installing import NEW_FOLDER
from envdoctor.reporters.fix_terminal import in_bytes

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.consent import Consent
    from envdoctor.commands.fix_case import Case, Wanted
    from envdoctor.fix.applying import Applied
    from envdoctor.fix.place import Place
    from envdoctor.model.fix import Disk, FixReport, Proof

NOT_THERE = "{} is not installed, or not on the PATH"
OF_A_DRY_RUN = (AS_UV, NO_DRY_RUN, NOT_CHEAP, NOT_TOLD.partition("{")[0])
"""Beginnings of notes on what could not be told before; they say nothing any more when it is tried."""
OF_PROJECTS = (".git", "pyproject.toml", "setup.py")
REPLACED = "{} was replaced by somebody else meanwhile; run envdoctor fix again"
INTERRUPTED = "another fix of {} was interrupted meanwhile, and put right; run envdoctor fix again"
IN_USE = "{}; end that first, or use --into DIR"
ELSEWHERE = "{}; --into DIR leaves a repaired copy in another folder"
NO_LOGIN = (
    "pdm is told the login of an index by no variable: put it into ~/.netrc, or into pdm's configuration, and leave it "
    "out of the address of the mirror"
)
OF_A_PROJECT = "--into leaves a copy, and a project of {} has one environment; leave --into out"


def carry_out(
    invocation: Invocation, report: FixReport, case: Case, wanted: Wanted, into: str | None, consent: Consent
) -> FixReport:
    """Do what the report of the dry run says, and return how that ended. Raises `Unusable`."""
    source = place_of(case.prefix or "")
    target = place_of(into) if into else source
    foreseen, report = report, replace(report, notes=_lasting(report.notes))
    trouble = _obstacle(source, target, case, report.disk)
    if trouble:
        return replace(report, outcome=Outcome.REFUSED, reason=trouble)
    ask(foreseen, target.environment, consent)
    work = _work(case, source, target)
    check = Verification(invocation, case, work.python, wanted.timeout, wanted.smoke)
    tell = fix_progress.teller()
    try:
        with held(target):
            trouble = _meanwhile(source, target, case.was) or (layer_obstacle(source) if target == source else None)
            if trouble:
                return replace(report, outcome=Outcome.REFUSED, reason=trouble)
            done = apply(work, lambda python: check.proofs(python, tell), tell)
            if done.entry is not None and target == source:
                done = _standing(done, target, check.stands())
    finally:
        fix_progress.clear()
    return _ended(report, done, target, into)


def _lasting(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note for note in notes if not note.startswith(OF_A_DRY_RUN))


def _meanwhile(source: Place, target: Place, was: tuple[int, int] | None) -> str | None:
    """Say what became of the environment while it was planned and asked; with the lock held."""
    if recover(target) is not None:
        return INTERRUPTED.format(target.environment)
    if identity(source.environment) != was:
        return REPLACED.format(source.environment)
    users = in_words(source.environment) if target == source else None
    return IN_USE.format(users) if users else None


def ask(report: FixReport, environment: str, consent: Consent) -> None:
    """Show what would change and ask. Raises `Unusable` where nobody agrees."""
    import click

    from envdoctor.commands.failure import Unusable

    if not consent.yes and consent.can_ask():
        from envdoctor.commands.deliver import terminal_width, wants_colour
        from envdoctor.reporters.fix_terminal import render_fix

        text = render_fix(report, 0, width=terminal_width(), colour=wants_colour(), again=None)
        click.echo(text, err=True)
    if not consent.ask(f"Carry this out for {environment}?"):
        raise Unusable("nothing was changed")


def _obstacle(source: Place, target: Place, case: Case, disk: Disk | None) -> str | None:
    """Return why it is not begun at all."""
    if any(os.path.lexists(os.path.join(source.environment, name)) for name in OF_PROJECTS):
        return f"{source.environment} is an environment and a project in one folder, and a copy would be of both"
    if not case.way.made_new and is_plain(source.environment) and not is_plain(target.environment):
        return f"scripts cannot name {target.environment} in their first line; choose a folder without blanks or quotes"
    program = next((argv[0] for argv in case.prepared.commands if os.sep not in argv[0]), None)
    if program is not None and program_of(program, os.environ) is None:
        return NOT_THERE.format(program)
    if case.way.manager == "pdm" and case.base.secret and _names(case, case.base.url):
        return NO_LOGIN
    if target == source:
        trouble = obstacle(source)
        if trouble:
            return ELSEWHERE.format(trouble)
        users = in_words(source.environment)
        if users:
            return IN_USE.format(users)
    elif case.way.way is Way.PROJECT:
        return OF_A_PROJECT.format(case.way.manager)
    if disk and disk.copied and disk.free is not None and disk.copied > disk.free:
        there = f"{in_bytes(disk.free)} are free in {os.path.dirname(target.environment)}"
        return ELSEWHERE.format(f"a copy takes {in_bytes(disk.copied)}, and {there}")
    return None


def _names(case: Case, base: str) -> bool:
    """Whether a step writes an address below `base` into the project."""
    return any(step.edit is not None and base in step.edit.text for step in case.way.steps)


def _work(case: Case, source: Place, target: Place) -> Work:
    from envdoctor.commands.fix_steps import named_in

    way = case.way
    return Work(
        source,
        target,
        (case.prefix or source.environment).rstrip(os.sep),
        case.machine.told("python.executable") or "",
        case.prepared.commands,
        os.environ,
        case.prepared.files,
        named_in(way),
        manager=way.manager,
        project=way.project,
        manifest=case.prepared.manifest,
        made_new=way.made_new,
        new_folder=NEW_FOLDER,
        secret_base=case.base.secret,
        index_name=f"pytorch-{case.plan.target.channel}" if case.plan.target else None,
    )


def _standing(done: Applied, place: Place, proof: Proof) -> Applied:
    """Return what was done, with the last proof; where that does not hold, the old environment is put back first."""
    from envdoctor.fix.rolling_back import roll_back

    if proof.held or done.entry is None:
        return replace(done, proofs=(*done.proofs, proof))
    roll_back(place, done.entry)
    return replace(done, trouble=proof.sentence, proofs=(*done.proofs, proof))


def _ended(report: FixReport, done: Applied, target: Place, into: str | None) -> FixReport:
    log = target.log if os.path.exists(target.log) else None
    if done.trouble:
        return replace(report, outcome=Outcome.ROLLED_BACK, reason=done.trouble, proofs=done.proofs, log=log)
    # What is the same to the last digest was installed again none the less.
    named = {change.name for change in done.changes}
    again = [one for one in report.changes if one.before == one.after and one.name not in named]
    return replace(
        report,
        outcome=Outcome.APPLIED,
        changes=(*done.changes, *(replace(one, download=None) for one in again)),
        resolved=True,
        stays=done.stays - len(again),
        proofs=done.proofs,
        notes=(),
        kept=None if into else target.old,
        copy=target.environment if into else None,
        log=log,
    )
