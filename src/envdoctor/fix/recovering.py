"""What a run that was interrupted left, undone or finished.

The journal says what it was about, and the folders themselves how far it came: each is known by a number that no rename
changes. Everything here may itself be interrupted and is then done once more by the next run.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from envdoctor.fix import journal
from envdoctor.fix.cloning import remove
from envdoctor.fix.durable import move, remove_file
from envdoctor.fix.identity import identity, is_still, where
from envdoctor.fix.journal import Damaged, Entry, Stage
from envdoctor.fix.keeping import put_back
from envdoctor.fix.leftovers import sweep
from envdoctor.fix.lock import LOCKED, drop_state
from envdoctor.fix.rolling_back import finish
from envdoctor.fix.swapping import settle
from envdoctor.host.descendants import end_marked

if TYPE_CHECKING:
    from envdoctor.fix.place import Place

LEFTOVERS = "what an earlier run had left was removed"
UNDONE = "the run of {day} was interrupted before the repaired copy took its place: what it had made was removed"
PUT_BACK = "the run of {day} was interrupted while the environments were swapped: the old one was put back"
FINISHED = "the run of {day} was interrupted after the repaired copy took its place: what was left to do was done"
STAYS = (
    "a return to the environment from before {day} was interrupted before anything was swapped: the repaired one stays"
)
WENT_BACK = "a return to the environment from before {day} was interrupted: it was finished"

NEITHER = "it cannot be told whether {} or {} is the environment from before an interrupted fix"


def undo_all() -> None:
    """Undo or finish whatever this process has under way; for the moment in which a signal ends it. Never raises."""
    for place in LOCKED:
        with suppress(OSError, Damaged):
            recover(place)
        drop_state(place)


def recover(place: Place, *, log: bool = True) -> str | None:
    """Undo or finish what an interrupted run left, and say so in a sentence; None where there was nothing.

    With the lock held. The log of the installer goes too, if `log`. Raises OSError, and Damaged for a journal that
    cannot be trusted.
    """
    entry = journal.under_way(place)
    if entry is None:
        return LEFTOVERS if sweep(place) else None
    end_marked(entry.mark)
    if entry.stage is Stage.GOING_BACK:
        said, notes = _gone_back(place, entry)
    elif entry.stage is Stage.SWAPPING:
        said, notes = _swapped(place, entry, log=log)
    else:
        said, notes = UNDONE, _undo(place, entry, log=log)
    return "; ".join((said.format(day=entry.day), *notes))


def _undo(place: Place, entry: Entry, *, log: bool) -> tuple[str, ...]:
    remove(place.new)  # first: it may be what fills the disk, and to put files back takes room
    notes = put_back(place, entry.files)
    if log and journal.kept(place) is None:
        remove_file(place.log)
    journal.forget(place)
    sweep(place)
    return notes


def _swapped(place: Place, entry: Entry, *, log: bool) -> tuple[str, tuple[str, ...]]:
    """Decide by where the environments lie now; `aside` holds the old one and no other, where it is there."""
    between = identity(place.aside) is not None and not os.path.lexists(place.environment)
    if between:
        move(place.aside, place.environment)
    elif _was_swapped(place, entry):
        settle(place, entry)
        return FINISHED, ()
    return PUT_BACK if between else UNDONE, _undo(place, entry, log=log)


def _was_swapped(place: Place, entry: Entry) -> bool:
    if identity(place.aside) is not None or is_still(place, place.environment, entry.new):
        return True
    if is_still(place, place.environment, entry.old) or entry.old is None:
        return False
    # Somebody removed the environment since, or made another one there.
    if where(place, entry.old, (place.new, place.old)) is not None:
        return True
    if os.path.lexists(place.environment) and identity(place.new) is not None:
        raise Damaged(NEITHER.format(place.environment, place.new))
    return False


def _gone_back(place: Place, entry: Entry) -> tuple[str, tuple[str, ...]]:
    """Decide by where the environment from before the fix lies: in its place, on its way there, or still in `old`."""
    if not os.path.lexists(place.environment) and identity(place.old) is not None:
        move(place.old, place.environment)
    elif identity(place.aside) is None and not is_still(place, place.environment, entry.old):
        if not is_still(place, place.old, entry.old) and identity(place.old) is not None:
            raise Damaged(NEITHER.format(place.environment, place.old))
        journal.forget(place)
        return STAYS, ()
    return WENT_BACK, finish(place, entry)
