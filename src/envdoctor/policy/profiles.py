"""Profiles by name or path, each with those that it builds on."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.policy import CORE
from envdoctor.policy.document import document
from envdoctor.policy.find import PROFILES, content_of, profile_paths
from envdoctor.policy.mistake import PolicyError, near, short
from envdoctor.policy.read import read

if TYPE_CHECKING:
    from envdoctor.model.policy import Policy
    from envdoctor.policy.document import Document
    from envdoctor.policy.names import Names

MOST_BASES = 8
"""Profiles that build on one another, at most."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Places(NamedTuple):
    """Where profiles are: the folders that are asked upward, the user's folder of profiles, that of the package."""

    folders: tuple[str, ...]
    of_user: str | None
    shipped: str


class Named(NamedTuple):
    """A profile somebody names. `file` and `line` say where, for a message; paths are relative to `folder`."""

    name: str
    file: str
    line: int | None = None
    folder: str = ""

    @property
    def is_path(self) -> bool:
        """Whether it names a file and not a profile."""
        return self.name.endswith(".toml") or "/" in self.name or os.sep in self.name

    def wrong(self, what: str) -> PolicyError:
        """Return the mistake, to be raised."""
        return PolicyError(self.file, self.line, f'{"profile: " if self.line else ""}"{short(self.name)}" {what}')


def layers_of(named: Named, places: Places, names: Names) -> tuple[Policy, ...]:
    """Return a profile and what it builds on, the profile last. Raises `PolicyError` and `Unreadable`."""
    layers: list[Policy] = []
    asked: Named | None = named
    done: list[str] = []
    while asked is not None:
        path = _path(asked, places, done)
        if len(done) == MOST_BASES:
            raise asked.wrong(f"is one profile too many: {MOST_BASES} may build on one another")
        if asked.name == CORE and os.path.dirname(path) == places.shipped:
            break  # it says nothing, and most runs end here
        done.append(path)
        layer, asked = _read(path, names)
        layers.insert(0, replace(layer, files=()) if os.path.dirname(path) == places.shipped else layer)
    return tuple(layers)


def _path(asked: Named, places: Places, done: list[str]) -> str:
    """Return the file of a profile; one that builds on its own name means the next of that name."""
    if asked.is_path:
        path = os.path.normpath(os.path.join(asked.folder, os.path.expanduser(asked.name)))
        found: tuple[str, ...] = (path,) if os.path.lexists(path) else ()
        if not found:
            raise asked.wrong("is no file")
    else:
        if not _NAME.fullmatch(asked.name):
            raise asked.wrong("is neither a name nor the path of a file that ends in .toml")
        found = profile_paths(asked.name, places.folders, places.of_user, places.shipped)
        if not found:
            there = names_there(places)
            nearest = near(asked.name, there, "")
            question = f"{nearest} " if nearest else ""
            raise asked.wrong(f"is no profile that is here; {question}there are {', '.join(there)}")
    path = next((one for one in found if one not in done), "")
    if not path:
        raise asked.wrong("builds on itself in the end")
    return path


def _read(path: str, names: Names) -> tuple[Policy, Named | None]:
    parsed = document(path, content_of(path))
    if parsed is None:
        raise PolicyError(path, None, "a profile is a file of its own, and no pyproject.toml")
    return with_base(parsed, names, is_profile=True)


def with_base(document: Document, names: Names, *, is_profile: bool = False) -> tuple[Policy, Named | None]:
    """Read a document: what it says itself, and the profile that it names. Raises `PolicyError`."""
    layer = read(document, names, is_profile=is_profile)
    if layer.profile is None:
        return layer.policy, None
    place = document.place(("profile",))
    line = place.line if place else None
    return layer.policy, Named(layer.profile, document.file, line, os.path.dirname(document.path))


def names_there(places: Places) -> list[str]:
    """Return the names of all profiles that are found, in order."""
    folders = [os.path.join(folder, PROFILES) for folder in places.folders]
    names: set[str] = set()
    for folder in (*folders, *([places.of_user] if places.of_user else ()), places.shipped):
        try:
            with os.scandir(folder) as entries:
                names.update(one.name.removesuffix(".toml") for one in entries if one.name.endswith(".toml"))
        except OSError:  # mostly not there
            continue
    return sorted(name for name in names if _NAME.fullmatch(name))
