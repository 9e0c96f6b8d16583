"""The moment in which the repaired copy becomes the environment.

    1. the journal: SWAPPING, with the numbers of both folders
    2. environment <-> new (one exchange), or, where the file system cannot: environment -> aside, new -> environment
    3. old -> older, only where an earlier fix left one
    4. new or aside -> old
    5. the journal is renamed: it is what is kept
    6. older is removed

How far a run came that was killed is told by where the old one lies, known by its number: up to 2 it is undone, from
then on finished (`recovering.py`). The old environment is whole at every moment, under one of these names.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.fix import journal
from envdoctor.fix.cloning import remove
from envdoctor.fix.durable import move, remove_file, synchronise
from envdoctor.fix.identity import identity
from envdoctor.fix.journal import Entry, Stage
from envdoctor.fix.leftovers import sweep
from envdoctor.host.exchange import exchange
from envdoctor.host.process import STARTING
from envdoctor.host.write_out import write_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.fix.place import Place

    Trade = Callable[[str, str], bool]


def swap(place: Place, entry: Entry, trade: Trade = exchange) -> Entry:
    """Put `place.new` in the environment's place, the environment in `place.old`, and return the entry as it is kept.

    `trade` exchanges two paths, False where it cannot. Signals wait until it is done. Raises OSError; `recover` then
    undoes or finishes it.
    """
    write_out(place.state)  # what the installer wrote is to be there before the old one gives way to it
    with STARTING:
        entry = replace(entry, stage=Stage.SWAPPING, old=identity(place.environment), new=identity(place.new))
        journal.write(place, entry)
        trade_places(place, place.new, trade)
        return settle(place, entry)


def put_there(place: Place, entry: Entry) -> Entry:
    """Give `place.new` the environment's name, where nothing has it yet, and return the entry.

    There is no way back, so nothing is kept. Raises OSError.
    """
    write_out(place.state)  # what the installer wrote is to be there before the old one gives way to it
    with STARTING:
        entry = replace(entry, stage=Stage.SWAPPING, old=None, new=identity(place.new))
        journal.write(place, entry)
        move(place.new, place.environment)
        return settle(place, entry)


def trade_places(place: Place, other: str, trade: Trade) -> None:
    """Let the environment and another folder trade places, in one moment or by way of `place.aside`. Raises OSError."""
    if trade(place.environment, other):
        synchronise(os.path.dirname(other))
        synchronise(os.path.dirname(place.environment))
    else:
        move(place.environment, place.aside)
        move(other, place.environment)


def settle(place: Place, entry: Entry) -> Entry:
    """Finish a swap that took place, from wherever it stopped, and return the entry as it is kept. Raises OSError."""
    if entry.old is None:
        remove_file(place.log)
        journal.forget(place)
    else:
        lies = next((path for path in (place.aside, place.new) if identity(path) is not None), None)
        if lies is not None:  # else it is in `old` already
            if os.path.lexists(place.old):
                remove(place.older)
                move(place.old, place.older)
            move(lies, place.old)
        journal.close(place)
    with suppress(OSError):  # it is done; what does not go now is tried again by the next run
        sweep(place)
    return replace(entry, stage=Stage.DONE)
