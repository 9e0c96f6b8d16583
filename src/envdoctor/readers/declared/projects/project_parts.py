"""The parts of a project that are installed in different combinations, and the cases they make.

An extra or a group is installed with the project and, where two exclude each other, never with the other: one case for
the project, one for it with each extra, one for it with each group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.marker_words import decided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envdoctor.model.declared import Index, PythonWish, Requirement
    from envdoctor.model.place import Place

MOST = 100
"""Extras and groups of one project that are looked at."""


@dataclass
class Part:
    """Requirements that are installed together; `extra` or `group` is the name of it, both "" for the project's own."""

    place: Place
    extra: str = ""
    group: str = ""
    requirements: list[Requirement] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What people call it."""
        return f"extra {self.extra}" if self.extra else f"group {self.group}" if self.group else "project"


@dataclass
class Project:
    """What a manifest declares: its parts, the project's own first, and what holds for all of them."""

    file: str
    own: Part
    more: list[Part] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    pythons: list[PythonWish] = field(default_factory=list)
    everywhere: list[Requirement] = field(default_factory=list)

    @property
    def parts(self) -> list[Part]:
        """The project's own part and all others."""
        return [self.own, *self.more]

    def part(self, place: Place, *, extra: str = "", group: str = "") -> Part:
        """Return the part of an extra or a group, made where it is new."""
        extra, group = normalised(extra), normalised(group)
        for one in self.more:
            if (one.extra, one.group) == (extra, group):
                return one
        made = Part(place, extra, group)
        if len(self.more) < MOST:
            self.more.append(made)
        return made

    def change(self, changed: Callable[[Requirement, Part], Sequence[Requirement]]) -> None:
        """Put what `changed` returns in the place of every requirement."""
        for part in self.parts:
            part.requirements = [new for old in part.requirements for new in changed(old, part)]

    def cases(self) -> Iterator[Case]:
        """Yield the cases: the project, and it with each part."""
        for part in self.parts:
            if part is not self.own and not part.requirements:
                continue
            names = frozenset({part.extra, part.group} - {""})
            both = [*self.own.requirements, *part.requirements] if part is not self.own else self.own.requirements
            told = tuple(_decided([*both, *self.everywhere], names))
            if told:
                yield Case(self.file, part.label, part.place, told, tuple(self.indexes), pythons=tuple(self.pythons))


def _decided(requirements: Sequence[Requirement], names: frozenset[str]) -> Iterator[Requirement]:
    for one in requirements:
        marker = decided(one.marker, names)
        if marker is not None:
            yield one._replace(marker=marker)
