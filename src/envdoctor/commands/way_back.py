"""`envdoctor fix --rollback`: the environment as it was before the last fix."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.unfinished import held, put_right, states_near
from envdoctor.model.fix import FixReport, Outcome, Way
from envdoctor.model.plan import Plan, Status

if TYPE_CHECKING:
    from envdoctor.commands.consent import Consent
    from envdoctor.fix.journal import Entry
    from envdoctor.fix.place import Place

MOST_NAMED = 3


def roll_back(python: str | None, consent: Consent) -> FixReport:
    """Put back what the last fix replaced. Raises `Unusable` where there is nothing to go back to, or nobody agrees."""
    from envdoctor.fix.in_use import in_words
    from envdoctor.fix.rolling_back import NoWayBack
    from envdoctor.fix.rolling_back import roll_back as put_back

    consent.check_ci()
    recovered = put_right(python)
    place, entry = _kept(python)
    report = FixReport(Outcome.RESTORED, Plan(Status.NOTHING_TO_DO), Way.CLONE, place.environment, recovered=recovered)
    users = in_words(place.environment)
    if users:
        raise Unusable(f"{users}: end it first")
    question = f"Put {place.environment} back as it was before the fix of {entry.day}?{_lost(place, entry)}"
    if not consent.ask(question):
        raise Unusable("nothing was changed")
    try:
        with held(place):
            notes = put_back(place, entry)
    except NoWayBack as problem:
        raise Unusable(f"{problem}; nothing was changed") from None
    return FixReport(
        report.outcome, report.plan, report.way, place.environment, changes=(), notes=notes, recovered=recovered
    )


def _kept(python: str | None) -> tuple[Place, Entry]:
    """Return where a fix that can be undone took place, and its entry. Raises `Unusable`."""
    from envdoctor.fix import journal

    for place in states_near(python):
        try:
            entry = journal.kept(place)
        except journal.Damaged as problem:
            raise Unusable(f"{problem.reason}; nothing was changed") from None
        if entry is not None:
            return place, entry
    of = f"near {python}" if python else f"for this project or {sys.prefix}"
    raise Unusable(f"no environment from before a fix is kept {of}; name the environment with --python")


def _lost(place: Place, entry: Entry) -> str:
    """Say what was installed or changed since the fix, which goes with the repaired environment."""
    from envdoctor.fix.freezing import freeze, outside

    since = outside(dict(entry.after), freeze(place.environment), ())
    if not since:
        return ""
    named = ", ".join(change.name for change in since[:MOST_NAMED])
    more = f" and {len(since) - MOST_NAMED} more" * (len(since) > MOST_NAMED)
    return f" What changed since is lost: {named}{more}."
