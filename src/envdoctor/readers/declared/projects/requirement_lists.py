"""Requirements as TOML lists them: an array of strings, each as pip takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.readers.declared.projects.requirement_words import requirement_of
from envdoctor.readers.declared.projects.toml_places import array
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import Requirement
    from envdoctor.readers.declared.projects.toml_places import Path, Toml


MOST = 2000
"""Requirements of one array that are read: nobody writes as many."""


def listed(toml: Toml, path: Path, file: str) -> Iterator[Requirement]:
    """Yield the requirements of an array; `path` leads to it, and to none where there is none.

    Raises `Unreadable` where they are too many.
    """
    if len(array(toml.at(path))) > MOST:
        raise Unreadable(f"{path[-1]} has more than {MOST} requirements")
    for number, words in enumerate(array(toml.at(path))):
        demand = requirement_of(words, toml.place(file, (*path, number))) if isinstance(words, str) else None
        if demand:
            yield demand
