"""The way back: the environment that was there before the last fix, in its place again and not one byte different."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.fix import journal
from envdoctor.fix.cloning import remove
from envdoctor.fix.durable import move, remove_file
from envdoctor.fix.identity import identity, is_still
from envdoctor.fix.journal import Entry, Stage
from envdoctor.fix.keeping import put_back
from envdoctor.fix.leftovers import sweep
from envdoctor.fix.swapping import trade_places
from envdoctor.host.exchange import exchange
from envdoctor.host.process import STARTING

if TYPE_CHECKING:
    from envdoctor.fix.place import Place
    from envdoctor.fix.swapping import Trade


class NoWayBack(Exception):
    """What is there is not what the last fix left; the text is a sentence."""


def roll_back(place: Place, entry: Entry, trade: Trade = exchange) -> tuple[str, ...]:
    """Put the old environment and the project's files back, and remove the repaired copy and what else the fix left.

    `entry` is the one of `journal.kept`. Returns a sentence for each file that was changed since and stays. Where the
    environment is missing, the old one takes its place. Raises NoWayBack before anything is changed, and OSError;
    `recover` then undoes or finishes it.
    """
    if not is_still(place, place.old, entry.old):
        raise NoWayBack(f"the environment from before the fix is no longer in {place.old}")
    missing = not os.path.lexists(place.environment)
    if not missing and not is_still(place, place.environment, entry.new):
        raise NoWayBack(
            f"{place.environment} is not what the fix of {entry.day} made: move it away, then the old one returns"
        )
    remove_file(place.log)  # what it takes of a full disk the journal may need
    with STARTING:
        journal.write(place, replace(entry, stage=Stage.GOING_BACK))
        if missing:
            move(place.old, place.environment)
        else:
            trade_places(place, place.old, trade)
    return finish(place, entry)


def finish(place: Place, entry: Entry) -> tuple[str, ...]:
    """Do what follows once the old environment is in its place, from wherever that stopped. Raises OSError."""
    for folder in (place.old, place.aside):
        if identity(folder) != identity(place.environment):  # a last look before what cannot be undone
            remove(folder)
    notes = put_back(place, entry.files)  # after what may fill the disk is gone
    journal.forget_kept(place)
    remove_file(place.log)
    journal.forget(place)
    sweep(place)  # the files as they were: needed until nothing has to be put back any more
    return notes
