"""uv.lock: every version of every package, and which of them each extra and platform gets.

"Lockfile" and "Resolution" of uv's documentation. A package with several versions tells its `resolution-markers`; where
extras conflict, the edges from the project tell which version an extra leads to, with the extras in their markers named
`extra-LENGTH-PACKAGE-EXTRA` (crates/uv-pypi-types, conflicts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared import Case
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.names import normalised
from envdoctor.model.place import Place
from envdoctor.readers.declared.locks.locked import MOST, Locked, locked, python_wishes, requirement, unmixed
from envdoctor.readers.declared.projects.marker_words import decided
from envdoctor.readers.declared.projects.requirement_words import any_of, both
from envdoctor.readers.declared.projects.specifiers import pep440
from envdoctor.readers.declared.projects.toml_places import array, document_of, table
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from envdoctor.model.declared import PythonWish, Requirement

FORMAT = "uv.lock"
MOST_EDGES = 20
"""Markers of edges that are joined for one package; more say little."""

MOST_VERSIONS = 50
"""Versions of one package that an edge may mean."""

_PROJECTS = ("virtual", "editable", "directory")


def read(text: str, name: str) -> DeclaredFile:
    """Return one case, or one for each of the extras and groups that exclude each other."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        document = document_of(text)
        packages = [*locked(text, array(document.get("package")), name)]
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    if not packages:
        return DeclaredFile(FORMAT, trouble="it has no list of packages")
    pythons = _pythons(document, text, name)
    choices = [*_choices(document)][:MOST]
    cases: list[Case] = []
    for choice in [None, *choices]:
        kept = _Walk(packages, array(document.get("package")), choices, choice).requirements()
        label = f"locked with {choice[1]} {choice[2]}" if choice else "locked"
        if kept:
            cases.append(Case(name, label, Place(name, 1), tuple(unmixed(kept)), pythons=pythons, pinned=True))
    if not cases:  # the lock of a script, which has no project that edges lead from
        everything = [_demand(one, _marker(one.told)) for one in packages if not _is_project(one.told)]
        cases.append(Case(name, "locked", Place(name, 1), tuple(unmixed(everything)), pythons=pythons, pinned=True))
    return DeclaredFile(FORMAT, tuple(cases))


Choice = tuple[str, str, str]
"""A package, "extra" or "group", and its name: what excludes something else."""


def _choices(document: Mapping[str, Any]) -> Iterator[Choice]:
    for together in array(document.get("conflicts")):
        for one in array(together):
            for kind in ("extra", "group"):
                if isinstance(table(one).get(kind), str):
                    yield normalised(str(one.get("package", ""))), kind, normalised(one[kind])


class _Walk:
    """Which packages a choice leads to: from the projects of the lock along their edges."""

    def __init__(
        self, packages: Sequence[Locked], tables: Sequence[Any], choices: Sequence[Choice], choice: Choice | None
    ) -> None:
        self.left_out = {one for one in choices if one != choice}
        self.names = frozenset({f"{choice[1]}-{len(choice[0])}-{choice[0]}-{choice[2]}"} if choice else ())
        self.packages: dict[str, list[Locked]] = {}
        for one in packages:
            self.packages.setdefault(one.name, []).append(one)
        self.projects = [one for one in tables if _is_project(table(one))]
        self.markers: dict[int, set[str]] = {}  # of edges that lead to a package, by its identity
        self.found: dict[int, Locked] = {}

    def requirements(self) -> list[Requirement]:
        """Return what is installed, with the markers under which it is."""
        waiting: list[tuple[Mapping[str, Any], str]] = []
        for project in self.projects:
            waiting += [(project, "")]
            waiting += [(project, f"extra {extra}") for extra in table(project.get("optional-dependencies"))]
            waiting += [(project, f"group {group}") for group in table(project.get("dev-dependencies"))]
        done: set[tuple[int, str]] = set()
        while waiting:
            told, part = waiting.pop()
            if (id(told), part) in done or self._is_left_out(told, part):
                continue
            done.add((id(told), part))
            own = _marker(told)
            for edge in _edges(told, part):
                marker = decided(str(edge.get("marker", "")), self.names)
                if marker is None:
                    continue
                marker = both(own, marker)
                for one in self._targets(edge):
                    self.found[id(one)] = one
                    self.markers.setdefault(id(one), set()).add(marker)
                    waiting.append((one.told, ""))
                    waiting += [(one.told, f"extra {extra}") for extra in array(edge.get("extra"))]
        return [_demand(one, self._marker(one)) for one in self.found.values() if not _is_project(one.told)]

    def _is_left_out(self, told: Mapping[str, Any], part: str) -> bool:
        kind, _, name = part.partition(" ")
        return bool(part) and (normalised(str(told.get("name", ""))), kind, normalised(name)) in self.left_out

    def _targets(self, edge: Mapping[str, Any]) -> Iterator[Locked]:
        for one in self.packages.get(normalised(str(edge.get("name", ""))), [])[:MOST_VERSIONS]:
            if edge.get("version", one.version) == one.version and edge.get("source", one.told.get("source")) == (
                one.told.get("source")
            ):
                yield one

    def _marker(self, one: Locked) -> str:
        """Return where an entry holds: where its own markers and those of some edge that leads to it do."""
        edges = sorted(self.markers[id(one)])
        if "" in edges or len(edges) > MOST_EDGES:
            return _marker(one.told)
        return both(_marker(one.told), any_of(edges))


def _edges(told: Mapping[str, Any], part: str) -> Iterator[Mapping[str, Any]]:
    kind, _, name = part.partition(" ")
    key = {"": "dependencies", "extra": "optional-dependencies", "group": "dev-dependencies"}[kind]
    found = told.get(key) if not kind else table(told.get(key)).get(name)
    yield from (one for one in array(found) if isinstance(one, dict))


def _demand(one: Locked, marker: str) -> Requirement:
    source = table(one.told.get("source"))
    told = next((source[key] for key in ("registry", "url", "git", "path") if isinstance(source.get(key), str)), None)
    return requirement(one, marker, told)


def _marker(told: Mapping[str, Any]) -> str:
    """Return where an entry holds: under any of its markers."""
    return any_of([one for one in array(told.get("resolution-markers")) if isinstance(one, str)])


def _is_project(told: Mapping[str, Any]) -> bool:
    return any(key in table(told.get("source")) for key in _PROJECTS)


def _pythons(document: Mapping[str, Any], text: str, file: str) -> tuple[PythonWish, ...]:
    wish = document.get("requires-python")
    return python_wishes(text, "requires-python", pep440(wish) if isinstance(wish, str) else None, file)
