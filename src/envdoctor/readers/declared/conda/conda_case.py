"""A case that is gathered from match specifications of conda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, PythonWish, Requirement, Statement
from envdoctor.model.place import Place
from envdoctor.readers.declared.conda.conda_words import conda_demand, match_spec
from envdoctor.readers.declared.projects.requirements import LogicalLine, line_of

if TYPE_CHECKING:
    from envdoctor.model.declared import Index

PLATFORMS = {
    "linux-64": "linux-x86_64",
    "linux-aarch64": "linux-aarch64",
    "win-64": "windows-x86_64",
    "osx-64": "macos-x86_64",
    "osx-arm64": "macos-arm64",
}
"""Conda's names of platforms and ours."""

MOST = 5_000
"""Packages of one environment that are read."""

FULL = f"only its first {MOST} packages were read"


class CondaCase:
    """What was found of one case so far: packages of conda and, beside them, of pip."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.requirements: list[Requirement] = []
        self.indexes: list[Index] = []
        self.pythons: list[PythonWish] = []
        self.cudas: list[Statement] = []
        self.cudnns: list[Statement] = []

    @property
    def is_full(self) -> bool:
        """Whether more was demanded than an environment has."""
        return len(self.requirements) >= MOST

    def join(self, other: CondaCase) -> None:
        """Add what another holds."""
        self.requirements += other.requirements
        self.indexes += other.indexes
        self.pythons += other.pythons
        self.cudas += other.cudas
        self.cudnns += other.cudnns

    @property
    def said_something(self) -> bool:
        """Whether anything was demanded."""
        return bool(self.requirements or self.cudas or self.pythons)

    def add(self, words: str, place: Place, marker: str = "", written: str | None = None) -> None:
        """Add what one match specification demands; `written` as `conda_demand` takes it."""
        demand = conda_demand(words, place, written)
        if isinstance(demand, Requirement):
            self.requirements.append(demand._replace(marker=marker))
        elif isinstance(demand, PythonWish):
            self.pythons.append(demand)
        elif isinstance(demand, Statement):
            spec = match_spec(words)
            (self.cudnns if spec and spec.name == "cudnn" else self.cudas).append(demand)

    def add_pip(self, words: str, place: Place) -> None:
        """Add what one line says that pip is given."""
        if words.strip():
            requirement, indexes = line_of(LogicalLine(words.strip(), ((0, place.line, place.column),)), self.file)
            self.requirements += [requirement] if requirement else []
            self.indexes += indexes

    def case(self, label: str, *, platform: str = "", pinned: bool = False) -> Case:
        """Return what was found as a case."""
        return Case(
            self.file,
            label,
            Place(self.file, 1),
            tuple(self.requirements),
            tuple(self.indexes),
            tuple(self.pythons),
            tuple(self.cudas),
            tuple(self.cudnns),
            platform=platform,
            pinned=pinned,
        )
