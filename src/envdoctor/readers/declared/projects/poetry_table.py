"""What poetry adds to pyproject.toml: its dependencies, groups, extras and sources.

"The pyproject.toml file", "Dependency specification" and "Repositories" of poetry's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Index, PythonWish, Requirement
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.project_parts import MOST
from envdoctor.readers.declared.projects.requirement_words import both, requirement_of
from envdoctor.readers.declared.projects.specifiers import poetry_specifier
from envdoctor.readers.declared.projects.toml_places import array, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from envdoctor.model.declared import IndexKind
    from envdoctor.readers.declared.projects.project_parts import Project
    from envdoctor.readers.declared.projects.toml_places import Path, Toml

_ROOT: Path = ("tool", "poetry")
_KINDS: dict[str, IndexKind] = {"primary": "index-url", "default": "index-url"}
_OPERATORS = ("===", "==", "!=", "<=", ">=", "~=", "<", ">")


def add(toml: Toml, project: Project) -> None:
    """Add what [tool.poetry] says to what a project declares."""
    poetry = table(toml.at(_ROOT))
    if not poetry:
        return
    urls = {str(table(one).get("name")): str(table(one).get("url", "")) for one in array(poetry.get("source"))}
    project.indexes += _indexes(toml, poetry, project.file)
    _add_own(toml, project, poetry, urls)
    groups = table(poetry.get("group"))
    told = [(group, (*_ROOT, "group", group, "dependencies")) for group in groups]
    if "dev-dependencies" in poetry:
        told.append(("dev", (*_ROOT, "dev-dependencies")))
    for group, path in told:
        part = project.part(toml.place(project.file, path, at_key=True), group=group)
        part.requirements += _made(toml, project.file, path, urls)


def _add_own(toml: Toml, project: Project, poetry: Mapping[str, Any], urls: Mapping[str, str]) -> None:
    """Add the dependencies of the project: optional ones to the extras that name them."""
    path: Path = (*_ROOT, "dependencies")
    for name, said in table(poetry.get("dependencies")).items():
        if name == "python":
            _add_python(toml, project, path, said)
    optional = {
        normalised(name)
        for name, said in table(poetry.get("dependencies")).items()
        if any(table(one).get("optional") is True for one in array(said) or [said])
    }
    everything = _made(toml, project.file, path, urls)
    project.own.requirements += [one for one in everything if one.name not in optional]
    for extra, names in [*table(poetry.get("extras")).items()][:MOST]:
        part = project.part(toml.place(project.file, (*_ROOT, "extras", extra), at_key=True), extra=extra)
        wanted = {normalised(str(name)) for name in array(names)}
        part.requirements += [one for one in everything if one.name in optional & wanted]
    _enrich(project, table(poetry.get("dependencies")), urls)


def _made(toml: Toml, file: str, path: Path, urls: Mapping[str, str]) -> list[Requirement]:
    """Return the requirements of a table of dependencies; those that name a source alone demand nothing."""
    made: list[Requirement] = []
    for name, told in table(toml.at(path)).items():
        if name == "python":
            continue
        where = (*path, name)
        if isinstance(told, list):
            for number, one in enumerate(told):
                made += _one(toml, file, name, (*where, number), one, urls)
        else:
            made += _one(toml, file, name, where, told, urls)
    return made


def _one(toml: Toml, file: str, name: str, path: Path, told: object, urls: Mapping[str, str]) -> Iterator[Requirement]:
    said = table(told)
    version = told if isinstance(told, str) else said.get("version")
    where = path if isinstance(told, str) else (*path, "version")
    marker = _marker(said)
    if isinstance(version, str):
        source = urls.get(str(said.get("source")))
        place, written = toml.spelled(file, path, where)
        tied = strip_credentials(source) if source else None
        yield Requirement(normalised(name), poetry_specifier(version), place, written, marker, source=tied)
    elif "url" in said or "path" in said or "git" in said or "file" in said:
        address = said.get("url") or said.get("path") or said.get("file") or f"git+{said.get('git')}"
        place = toml.place(file, path, at_key=True)
        found = requirement_of(f"{name} @ {address}", place, marker=marker)
        if found:
            yield found._replace(written=name)


def _marker(said: Mapping[str, Any]) -> str:
    """Return the marker that the keys `markers`, `python` and `platform` make together."""
    marker = str(said.get("markers", ""))
    platform = said.get("platform")
    if isinstance(platform, str) and platform:
        marker = both(marker, f'sys_platform == "{platform.strip()}"' if platform.isalnum() else "")
    specifier = poetry_specifier(str(said.get("python", ""))) if said.get("python") else None
    for part in sorted((specifier or "").split(",")):
        operator = next((one for one in _OPERATORS if part.startswith(one)), None)
        if operator:
            version = part[len(operator) :]
            name = "python_full_version" if version.rstrip(".*").count(".") > 1 else "python_version"
            marker = both(marker, f'{name} {operator} "{version}"')
    return marker


def _enrich(project: Project, dependencies: Mapping[str, Any], urls: Mapping[str, str]) -> None:
    """Tie what [project] demands to the source that poetry's table names for it."""
    sources = {
        normalised(name): urls[str(table(said).get("source"))]
        for name, said in dependencies.items()
        if str(table(said).get("source")) in urls
    }
    project.change(
        lambda one, _part: [
            one._replace(source=strip_credentials(sources[one.name])) if one.name in sources and not one.source else one
        ]
    )


def _indexes(toml: Toml, poetry: Mapping[str, Any], file: str) -> Iterator[Index]:
    """Yield the sources; one that is not marked otherwise takes the place of the package index."""
    for number, one in enumerate(array(poetry.get("source"))):
        url, where = table(one).get("url"), (*_ROOT, "source", number, "url")
        if not isinstance(url, str):
            continue
        priority = str(table(one).get("priority", "primary"))
        kind = _KINDS.get(priority, "extra-index-url")
        if table(one).get("secondary") is True:
            kind = "extra-index-url"
        yield Index(strip_credentials(url), kind, toml.place(file, where), toml.written(where), priority == "explicit")


def _add_python(toml: Toml, project: Project, path: Path, said: object) -> None:
    where: Path = (*path, "python")
    version = said if isinstance(said, str) else table(said).get("version")
    specifier = poetry_specifier(version) if isinstance(version, str) else None
    if specifier:
        project.pythons.append(PythonWish(specifier, toml.place(project.file, where), toml.written(where)))
