"""What a run that was killed leaves beside the environment and no journal tells of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.fix import journal
from envdoctor.fix.cloning import remove
from envdoctor.fix.durable import PART, remove_file
from envdoctor.fix.identity import identity

if TYPE_CHECKING:
    from envdoctor.fix.place import Place


def sweep(place: Place) -> bool:
    """Remove what is ours by its name and belongs to no finished fix; whether there was anything.

    Only where no run is under way. What the installer said stays: a run that failed told the user to read it there.
    Raises OSError and Damaged.
    """
    kept = journal.kept(place)
    gone = False
    folders = [place.new, place.older]
    if identity(place.environment) is not None:  # else it may be all that is left of it
        folders.append(place.aside)
    for folder in folders:
        gone |= os.path.lexists(folder)
        remove(folder)
    for part in (place.journal + PART, place.kept + PART):
        gone |= remove_file(part)
    gone |= _sweep_files(place, {file.kept for file in kept.files} if kept else set())
    return gone


def _sweep_files(place: Place, kept: set[str | None]) -> bool:
    if identity(place.files) is None:
        return False
    swept = [name for name in os.listdir(place.files) if name not in kept]
    for name in swept:
        remove(os.path.join(place.files, name))
    if not os.listdir(place.files):
        os.rmdir(place.files)
    return bool(swept)
