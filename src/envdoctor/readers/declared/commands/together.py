"""Install commands that belong together: what one script puts into one environment, as the fewest cases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envdoctor.model.declared import Case, Index, Requirement
    from envdoctor.readers.declared.commands.install_commands import InstallCommand

FAMILY = frozenset({"torch", "torchvision", "torchaudio"})
"""What the wheel indexes of PyTorch are there for: theirs are the indexes of a case."""

_TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "ninja", "packaging", "build", "cmake"})
"""What is installed again and again, and makes no other case."""


class _Level:
    """What is installed in one branch so far, that of the branches around it included."""

    def __init__(self, branch: tuple[int, ...], commands: Sequence[InstallCommand]) -> None:
        self.branch = branch
        self.commands = [*commands]
        self.told: list[InstallCommand] | None = None
        self.touched: set[str] = set()

    @property
    def names(self) -> set[str]:
        return {one.name for command in self.commands for one in command.case.requirements} - _TOOLS

    def add(self, command: InstallCommand) -> list[InstallCommand] | None:
        """Add a command; return the commands of the case that begins with it, None where it joins one."""
        names = {one.name for one in command.case.requirements} | set(command.removed)
        self.touched |= names
        goes_elsewhere = self.commands and command.environment != self.commands[-1].environment
        if command.anew or goes_elsewhere or names & self.names:
            self.commands, self.told = [], None
        self.commands.append(command)
        if self.told is None:
            self.told = [*self.commands]
            return self.told
        self.told.append(command)
        return None

    def forget(self, names: set[str]) -> None:
        """What a branch within installed is neither certain to be there nor certain not to be."""
        self.touched |= names
        if names & self.names:
            self.commands, self.told = [], None


def cases_of(commands: Iterable[InstallCommand]) -> tuple[Case, ...]:
    """Return what commands declare, in the order of the text.

    Commands are one case that go into the same environment, are carried out together, and install different packages:
    where a package is named again, or taken away, another case begins.
    """
    found: list[list[InstallCommand]] = []
    levels = [_Level((), ())]
    seen: set[tuple[object, ...]] = set()
    for command in commands:
        places = tuple(one.place for one in command.case.requirements)
        if places and places in seen:  # a variable that holds a command, and is run
            continue
        seen.add(places)
        if command.case.comment:
            found.append([command])
            continue
        while command.branch[: len(levels[-1].branch)] != levels[-1].branch:
            left = levels.pop()
            levels[-1].forget(left.touched)
        if levels[-1].branch != command.branch:
            within = command.branch[len(levels[-1].branch) :]
            levels.append(_Level(command.branch, [] if any(one < 0 for one in within) else levels[-1].commands))
        begun = levels[-1].add(command)
        if begun is not None:
            found.append(begun)
    return tuple(case for one in found if (case := _joined(one)))


def _joined(commands: Sequence[InstallCommand]) -> Case | None:
    """Return one case of several commands, None where they demand nothing."""
    cases = [one.case for one in commands if one.case.requirements or one.case.indexes or one.case.cudas]
    if not cases:
        return None
    indexes = _indexes(cases)
    return replace(
        _of_family(cases)[0],
        requirements=tuple(requirement for one in cases for requirement in _tied(one, indexes)),
        indexes=indexes,
        pythons=commands[-1].case.pythons,
        cudas=tuple(cuda for one in cases for cuda in one.cudas),
        cudnns=tuple(cudnn for one in cases for cudnn in one.cudnns),
    )


def _indexes(cases: Sequence[Case]) -> tuple[Index, ...]:
    """The indexes of those commands that install torch or what comes with it; of all where none does."""
    found: dict[tuple[str, str], Index] = {}
    for one in _of_family(cases):
        for index in one.indexes:
            found.setdefault((index.url, index.kind), index)
    return tuple(found.values())


def _of_family(cases: Sequence[Case]) -> Sequence[Case]:
    return [one for one in cases if any(asked.name in FAMILY for asked in one.requirements)] or cases


def _tied(case: Case, indexes: tuple[Index, ...]) -> Iterator[Requirement]:
    """The demands of one command among others: those that have another index are tied to it.

    What a command of its own installs is put over what is there, whatever that asks for.
    """
    own = [one.url for one in case.indexes if one.kind == "index-url"]
    over = not any(one.name in FAMILY for one in case.requirements)
    elsewhere = (
        own[0] if len(own) == 1 and own[0] not in {one.url for one in indexes if one.kind == "index-url"} else None
    )
    for one in case.requirements:
        source = one.source or elsewhere
        yield one._replace(source=source, forced=one.forced or (over and one.manager == "pip"))
