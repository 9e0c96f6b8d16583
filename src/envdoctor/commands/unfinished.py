"""What an earlier fix left that was killed: found beside the environment, which may be missing, and put right."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.fix.place import above, place_of, places_near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.fix.place import Place


def put_right(python: str | None, prefix: str | None = None) -> str | None:
    """Undo or finish what an earlier run left near the environment that is meant; return what was done, in sentences.

    `python` is the user's `--python`, `prefix` another folder that counts. Raises `Unusable` where another doctor is at
    work there, or what is there cannot be read.
    """
    from envdoctor.fix.recovering import recover

    told = []
    for place in states_near(python, prefix):
        with held(place):
            told.append(recover(place))
    return " ".join(f"{sentence}." for sentence in told if sentence) or None


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Hold the lock of an environment; whatever keeps this doctor from it is told in a line. Raises `Unusable`."""
    from envdoctor.fix.journal import Damaged
    from envdoctor.fix.lock import Held, locked

    try:
        with locked(place):
            yield
    except Held as problem:
        raise Unusable(f"{place.environment}: {problem}") from None
    except Damaged as problem:
        raise Unusable(
            f"{problem.reason}; nothing was changed. If no fix is under way, look into {place.state} and remove it"
        ) from None
    except OSError as problem:
        raise Unusable(f"{problem.filename or place.state}: {problem.strerror or problem}") from None


def states_near(python: str | None, prefix: str | None = None) -> list[Place]:
    """Return the environments that may be meant beside which a fix left something, nearest first."""
    found = [place for path in _paths(python) for place in places_near(path)]
    if prefix is not None and os.path.isdir(place_of(prefix).state):
        found.append(place_of(prefix))
    return list(dict.fromkeys(found))


def standing(python: str | None) -> dict[str, tuple[int, int] | None]:
    """Return the numbers of all folders that may be the environment that is meant, to know it again after a look."""
    from envdoctor.fix.identity import identity

    return {place.environment: identity(place.environment) for path in _paths(python) for place in above(path)}


def _paths(python: str | None) -> Iterator[str]:
    """Yield where the environment that is meant may lie: as `--python` says, else the rungs of the ladder."""
    import shutil

    if python is not None:
        yield python if os.path.lexists(python) else shutil.which(python) or python
        return
    if sys.prefix != sys.base_prefix:
        yield sys.prefix
    if os.environ.get("VIRTUAL_ENV"):
        yield os.environ["VIRTUAL_ENV"]
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        return
    while True:
        yield os.path.join(folder, ".venv")
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            break
    yield from filter(None, map(shutil.which, ("python3", "python")))
