"""`envdoctor fix --rollback`: the environment as it was before the last fix."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.unfinished import held, put_right, standing, states_near
from envdoctor.fix.place import Place, state_trouble
from envdoctor.model.fix import FixReport, Outcome, Way
from envdoctor.model.plan import Plan, Status

if TYPE_CHECKING:
    from envdoctor.commands.consent import Consent
    from envdoctor.fix.journal import Entry

MOST_NAMED = 3


def roll_back(python: str | None, consent: Consent) -> FixReport:
    """Put back what the last fix replaced. Raises `Unusable` where there is nothing to go back to, or nobody agrees."""
    from envdoctor.fix.freezing import freeze, outside
    from envdoctor.fix.rolling_back import NoWayBack
    from envdoctor.fix.rolling_back import roll_back as put_back

    consent.check_ci()
    recovered = put_right(python)
    place, entry = _kept(python)
    report = FixReport(Outcome.RESTORED, Plan(Status.NOTHING_TO_DO), Way.CLONE, place.environment, recovered=recovered)
    question = f"Put {place.environment} back as it was before the fix of {entry.day}?{_lost(place, entry)}"
    if not consent.ask(question):
        raise Unusable("nothing was changed")
    try:
        with held(place):
            _unchanged(place, entry)
            repaired = freeze(place.environment)
            notes = put_back(place, entry)
    except NoWayBack as problem:
        raise Unusable(f"{problem}; nothing was changed") from None
    return replace(report, changes=outside(repaired, freeze(place.environment), ()), resolved=True, notes=notes)


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
    distrusted = next(filter(None, map(state_trouble, map(Place, standing(python)))), None)
    if distrusted:
        raise Unusable(f"{distrusted}; nothing was changed")
    if python:
        raise Unusable(f"no environment from before a fix is kept beside that of {python}")
    raise Unusable(
        f"no environment from before a fix is kept for this project or {sys.prefix}; name the environment with --python"
    )


def _unchanged(place: Place, entry: Entry) -> None:
    """See that all is as it was when it was asked for, and nobody uses it; with the lock held. Raises `Unusable`."""
    from envdoctor.fix import journal
    from envdoctor.fix.in_use import in_words
    from envdoctor.fix.recovering import recover

    if recover(place) is not None or journal.kept(place) != entry:
        raise Unusable(f"another envdoctor changed {place.environment} meanwhile; nothing was put back")
    users = in_words(place.environment)
    if users:
        raise Unusable(f"{users}; end that first")


def _lost(place: Place, entry: Entry) -> str:
    """Say what was installed or changed since the fix, which goes with the repaired environment."""
    from envdoctor.fix.freezing import freeze, outside

    since = outside(dict(entry.after), freeze(place.environment), ())
    if not since:
        return ""
    named = ", ".join(change.name for change in since[:MOST_NAMED])
    more = f" and {len(since) - MOST_NAMED} more" * (len(since) > MOST_NAMED)
    return f" What changed since is lost: {named}{more}."
