"""Carrying a plan out by conda: in a new environment that conda makes from the old one, which stays as it is."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.commands import fix_progress
from envdoctor.commands.carrying_out import ask
from envdoctor.commands.failure import Unusable
from envdoctor.commands.unfinished import held
from envdoctor.commands.verifying import Verification
from envdoctor.fix import conda
from envdoctor.fix.freezing import freeze, outside
from envdoctor.fix.place import place_of
from envdoctor.model.fix import Outcome

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.consent import Consent
    from envdoctor.commands.fix_case import Case, Wanted
    from envdoctor.fix.telling import Doing
    from envdoctor.model.fix import FixReport


def carry_out(
    invocation: Invocation, report: FixReport, case: Case, wanted: Wanted, into: str | None, consent: Consent
) -> FixReport:
    """Have conda make the new environment, verify it, and remove it where it does not hold. Raises `Unusable`."""
    try:
        beside = conda.beside(case.prepared.commands, case.prefix or "", into, os.environ)
    except conda.NotByConda as problem:
        return replace(report, outcome=Outcome.REFUSED, reason=str(problem))
    ask(replace(report, commands=beside.commands), beside.new, consent)
    place = place_of(beside.new)
    tell = fix_progress.teller()

    def tell_of(doing: Doing) -> None:
        tell(doing.what, doing.done, doing.of)

    check = Verification(invocation, case, case.machine.told("python.executable") or "", wanted.timeout, wanted.smoke)
    report = replace(report, commands=beside.commands, notes=())
    try:
        with held(place):
            trouble = conda.make(beside, os.environ, place.log, tell_of)
            log = place.log if os.path.exists(place.log) else None
            if trouble:
                return replace(report, outcome=Outcome.ROLLED_BACK, reason=trouble, log=log)
            proofs = check.proofs(beside.python, tell)
            failed = next((proof for proof in proofs if not proof.held), None)
            if failed:
                conda.unmake(beside, os.environ, place.log, tell_of)
                return replace(report, outcome=Outcome.ROLLED_BACK, reason=failed.sentence, proofs=proofs, log=log)
    except OSError as problem:
        raise Unusable(f"{problem.filename or beside.new}: {problem.strerror or problem}") from None
    finally:
        fix_progress.clear()
    before = freeze(beside.old)
    changes = outside(before, freeze(beside.new), ())
    names = {change.name for change in changes}
    return replace(
        report,
        outcome=Outcome.APPLIED,
        changes=changes,
        resolved=True,
        stays=sum(name not in names for name in before),
        proofs=proofs,
        copy=beside.new,
        log=log,
    )
