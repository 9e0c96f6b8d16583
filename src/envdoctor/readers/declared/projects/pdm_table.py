"""What pdm adds to pyproject.toml: sources, groups for developers, overrides.

"Configure the project" and "Sources" of pdm's documentation (`[[tool.pdm.source]]`, `[tool.pdm.dev-dependencies]`).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Index
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.requirement_lists import listed
from envdoctor.readers.declared.projects.requirement_words import requirement_of
from envdoctor.readers.declared.projects.toml_places import array, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from envdoctor.model.declared import IndexKind, Requirement
    from envdoctor.readers.declared.projects.project_parts import Project
    from envdoctor.readers.declared.projects.toml_places import Path, Toml

_ROOT: Path = ("tool", "pdm")
DEFAULT = "pypi"
"""The name of a source that takes the place of the package index."""

MOST = 50
"""Sources, and packages of one source, that are looked at."""


def add(toml: Toml, project: Project) -> None:
    """Add what [tool.pdm] says to what a project declares."""
    pdm = table(toml.at(_ROOT))
    for group in table(pdm.get("dev-dependencies")):
        path: Path = (*_ROOT, "dev-dependencies", group)
        part = project.part(toml.place(project.file, path, at_key=True), group=group)
        part.requirements += listed(toml, path, project.file)
    sources = array(pdm.get("source"))[:MOST]
    project.indexes += _indexes(toml, sources, project.file)
    project.change(lambda one, _part: [_tied(one, sources)])
    overrides = table(table(pdm.get("resolution")).get("overrides"))
    replaced: list[Requirement] = []
    for name, version in overrides.items():
        path = (*_ROOT, "resolution", "overrides", name)
        if isinstance(version, str):
            words = f"{name} @ {version}" if "://" in version else name + _demand(version)
            found = requirement_of(words, toml.place(project.file, path, at_key=True))
            replaced += [found._replace(written=toml.written(path, from_key=True))] if found else []
    names = {one.name for one in replaced}
    project.change(lambda one, _part: [] if one.name in names else [one])
    project.everywhere += replaced


def _demand(version: str) -> str:
    return version if version[:1] in "<>=!~" else f"=={version}"


def _indexes(toml: Toml, sources: Sequence[Any], file: str) -> Iterator[Index]:
    for number, told in enumerate(sources):
        url, where = table(told).get("url"), (*_ROOT, "source", number, "url")
        if not isinstance(url, str):
            continue
        kind: IndexKind = "index-url" if table(told).get("name") == DEFAULT else "extra-index-url"
        if table(told).get("type") == "find_links":
            kind = "find-links"
        explicit = bool(table(told).get("include_packages")) and "*" in array(table(told).get("exclude_packages"))
        yield Index(strip_credentials(url), kind, toml.place(file, where), toml.written(where), explicit)


def _tied(one: Requirement, sources: Sequence[Any]) -> Requirement:
    """Return a requirement with the source that is told to be the one for it."""
    for told in sources:
        names = [normalised(str(name)) for name in array(table(told).get("include_packages"))[:MOST]]
        if isinstance(table(told).get("url"), str) and any(fnmatchcase(one.name, name) for name in names):
            return one._replace(source=one.source or strip_credentials(str(told["url"])))
    return one
