"""pyproject.toml: what a project asks for, alone and with each of its extras and groups.

PEP 621 (`[project]`), PEP 735 (`[dependency-groups]`), PEP 518 (`[build-system]`), and the tables of the tools that add
to them, each in a module of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, PythonWish
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.names import normalised
from envdoctor.readers.declared.conda import pixi
from envdoctor.readers.declared.projects import hatch_table, pdm_table, poetry_table, uv_table
from envdoctor.readers.declared.projects.project_parts import MOST, Part, Project
from envdoctor.readers.declared.projects.requirement_lists import listed
from envdoctor.readers.declared.projects.specifiers import pep440
from envdoctor.readers.declared.projects.toml_places import array, read_toml, table
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import Requirement
    from envdoctor.readers.declared.projects.toml_places import Path, Toml

FORMAT = "pyproject.toml"


def read(text: str, name: str) -> DeclaredFile:
    """Return the cases of a project: itself, itself with each extra and group, its build, its environments."""
    try:
        return DeclaredFile(FORMAT, tuple(_cases(read_toml(text), name)))
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))


def _cases(toml: Toml, name: str) -> Iterator[Case]:
    project = _project(toml, name)
    _add_groups(toml, project)
    poetry_table.add(toml, project)
    pdm_table.add(toml, project)
    uv_table.add(toml, project)
    yield from project.cases()
    yield from _build(toml, project)
    yield from hatch_table.cases(toml, project)
    yield from pixi.cases(toml, ("tool", "pixi"), name, tuple(project.own.requirements), tuple(project.pythons))


def _project(toml: Toml, file: str) -> Project:
    said = table(toml.document.get("project"))
    path: Path = ("project", "dependencies")
    own = Part(toml.place(file, path, at_key=True))
    own.requirements += listed(toml, path, file)
    project = Project(file, own)
    python = said.get("requires-python")
    specifier = pep440(python) if isinstance(python, str) else None
    if specifier:
        where: Path = ("project", "requires-python")
        project.pythons.append(PythonWish(specifier, toml.place(file, where), toml.written(where)))
    extras = table(said.get("optional-dependencies"))
    for extra in [*extras][:MOST]:
        where = ("project", "optional-dependencies", extra)
        part = project.part(toml.place(file, where, at_key=True), extra=extra)
        part.requirements += _of_extra(toml, file, extra, normalised(str(said.get("name", ""))))
    return project


def _of_extra(toml: Toml, file: str, extra: str, project: str) -> Iterator[Requirement]:
    """Yield the requirements of an extra and of those extras of the same project that it names."""
    extras = table(toml.at(("project", "optional-dependencies")))
    known = {normalised(one): one for one in extras}
    waiting, seen = [extra], {extra}
    while waiting:
        for demand in listed(toml, ("project", "optional-dependencies", waiting.pop()), file):
            if demand.name != project:
                yield demand
                continue
            told = re.search(r"\[([^\]]{0,200})\]", demand.written)
            named = [known.get(normalised(one.strip())) for one in told[1].split(",")] if told else []
            new = [one for one in named if one is not None and one not in seen]
            waiting += new
            seen.update(new)


def _add_groups(toml: Toml, project: Project) -> None:
    for group in [*table(toml.at(("dependency-groups",)))][:MOST]:
        place = toml.place(project.file, ("dependency-groups", group), at_key=True)
        project.part(place, group=group).requirements += _of_group(toml, project.file, group)


def _of_group(toml: Toml, file: str, group: str) -> Iterator[Requirement]:
    """Yield the requirements of a group and of those that it includes (PEP 735)."""
    groups = table(toml.at(("dependency-groups",)))
    known = {normalised(one): one for one in groups}
    waiting, seen = [group], {group}
    while waiting:
        one = waiting.pop()
        yield from listed(toml, ("dependency-groups", one), file)
        named = [known.get(normalised(str(table(entry).get("include-group", "")))) for entry in array(groups.get(one))]
        new = [other for other in named if other is not None and other not in seen]
        waiting += new
        seen.update(new)


def _build(toml: Toml, project: Project) -> Iterator[Case]:
    """Yield the environment that the project is built in, which holds nothing else."""
    path: Path = ("build-system", "requires")
    told = tuple(listed(toml, path, project.file))
    if any(one.name == "torch" for one in told):
        place = toml.place(project.file, path, at_key=True)
        yield Case(project.file, "build requirements", place, told, pythons=tuple(project.pythons))
