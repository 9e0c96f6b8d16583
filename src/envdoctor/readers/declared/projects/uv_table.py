"""What uv adds to pyproject.toml: where packages are taken from, and what holds for all of them.

"Managing dependencies", "Package indexes" and "Settings" of uv's documentation: an index that is `explicit` serves only
what a source ties to it; a source holds under its marker, its extra or its group; overrides replace every other demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Index
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.marker_words import opposite
from envdoctor.readers.declared.projects.requirement_lists import listed
from envdoctor.readers.declared.projects.requirement_words import any_of, both, requirement_of
from envdoctor.readers.declared.projects.toml_places import array, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from envdoctor.model.declared import IndexKind, Requirement
    from envdoctor.readers.declared.projects.project_parts import Part, Project
    from envdoctor.readers.declared.projects.toml_places import Path, Toml

_LISTS: tuple[tuple[str, IndexKind], ...] = (
    ("index-url", "index-url"),
    ("extra-index-url", "extra-index-url"),
    ("find-links", "find-links"),
)

MOST = 20
"""Sources of one package that are looked at."""


class Source(NamedTuple):
    """One of the places a package is taken from: `told` is its table in the manifest."""

    told: Mapping[str, Any]
    marker: str
    extra: str
    group: str


def add(toml: Toml, project: Project) -> None:
    """Add what [tool.uv] says to what a project declares."""
    uv = table(toml.at(("tool", "uv")))
    if not uv:
        return
    _add_list(toml, project, "dev-dependencies")
    project.indexes += indexes(toml, ("tool", "uv"), project.file)
    urls = {str(table(one).get("name")): str(table(one).get("url", "")) for one in array(uv.get("index"))}
    sources = {normalised(name): tuple(_sources(told)) for name, told in table(uv.get("sources")).items()}
    project.change(lambda one, part: [*_sourced(one, part, sources.get(one.name, ()), urls)])
    overrides = [*listed(toml, ("tool", "uv", "override-dependencies"), project.file)]
    replaced = {one.name for one in overrides}
    project.change(lambda one, _part: [] if one.name in replaced else [one])
    project.everywhere += overrides
    constraints = listed(toml, ("tool", "uv", "constraint-dependencies"), project.file)
    project.everywhere += [one for one in constraints if one.name not in replaced]
    environments = uv.get("environments")
    told = [environments] if isinstance(environments, str) else array(environments)
    where = any_of([one for one in told if isinstance(one, str)])
    if where:
        project.change(lambda one, _part: [one._replace(marker=both(one.marker, where))])


def indexes(toml: Toml, path: Path, file: str) -> Iterator[Index]:
    """Yield the indexes that the table of uv at `path` names, in order."""
    uv = table(toml.at(path))
    for number, told in enumerate(array(uv.get("index"))):
        url, where = table(told).get("url"), (*path, "index", number, "url")
        if isinstance(url, str):
            default, flat = table(told).get("default") is True, table(told).get("format") == "flat"
            kind: IndexKind = "find-links" if flat else "index-url" if default else "extra-index-url"
            explicit = table(told).get("explicit") is True
            yield Index(strip_credentials(url), kind, toml.place(file, where), toml.written(where), explicit)
    for key, kind in _LISTS:
        value = uv.get(key)
        if isinstance(value, str):
            yield Index(strip_credentials(value), kind, toml.place(file, (*path, key)), toml.written((*path, key)))
        for number, url in enumerate(array(value)):
            where = (*path, key, number)
            if isinstance(url, str):
                yield Index(strip_credentials(url), kind, toml.place(file, where), toml.written(where))


def _add_list(toml: Toml, project: Project, key: str) -> None:
    path: Path = ("tool", "uv", key)
    found = [*listed(toml, path, project.file)]
    if found:
        project.part(toml.place(project.file, path, at_key=True), group="dev").requirements += found


def _sources(told: object) -> Iterator[Source]:
    for one in array(told)[:MOST] or [told]:
        said = table(one)
        if said:
            words = [str(said.get(key, "")) for key in ("marker", "extra", "group")]
            yield Source(said, words[0], normalised(words[1]), normalised(words[2]))


def _sourced(one: Requirement, part: Part, sources: Sequence[Source], urls: Mapping[str, str]) -> Iterator[Requirement]:
    """Yield a requirement as each source gives it, and as it is where none does."""
    held: list[str] = []
    for source in sources:
        if (source.extra and source.extra != part.extra) or (source.group and source.group != part.group):
            continue
        found = _from(one, source.told, urls)
        if found is not None:
            yield found._replace(marker=both(one.marker, source.marker))
        held.append(source.marker)
    if "" in held:
        return
    rest = [opposite(marker) for marker in held]
    if None not in rest:
        marker = one.marker
        for word in rest:
            marker = both(marker, word or "")
        yield one._replace(marker=marker)


def _from(one: Requirement, told: Mapping[str, Any], urls: Mapping[str, str]) -> Requirement | None:
    """Return a requirement that is tied to what a source names."""
    if "index" in told:
        url = urls.get(str(told["index"]))
        return one._replace(source=strip_credentials(url)) if url else one
    if "url" in told or "path" in told:
        wheel = requirement_of(f"{one.name} @ {told.get('url') or told.get('path')}", one.place)
        return one._replace(specifier=wheel.specifier if wheel else None, source=wheel.source if wheel else None)
    return one._replace(specifier=None, source=str(told.get("git", "")) or None)
