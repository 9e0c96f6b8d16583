"""Where a project names its packages: its dependencies, an extra, a group of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from envdoctor.fix.manifests import Unmergeable
from envdoctor.model.names import required

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str, ...]


class Home(NamedTuple):
    """`kind` is "dependencies", "extra" or "group", of that `name`; `path` leads to its list or table."""

    kind: str
    name: str
    path: Path


MAIN = Home("dependencies", "", ("project", "dependencies"))


def home_of(manifest: Mapping[str, Any], packages: Sequence[str]) -> Home:
    """Return the one place that names these packages (normalised names), the dependencies where none does.

    A package that the dependencies name belongs there, whatever names it too. Raises `Unmergeable` where there are
    several places to choose from.
    """
    named: dict[str, list[Home]] = {}
    for home, name in _homes(manifest):
        if name in packages:
            named.setdefault(name, []).append(home)
    chosen: dict[Home, str] = {}
    for name, homes in named.items():
        first = min(homes, key=lambda home: home.kind != "dependencies")
        if first.kind != "dependencies" and len({home.name for home in homes}) > 1:
            told = " and ".join(dict.fromkeys(map(_told, homes)))
            raise Unmergeable(f"pyproject.toml names {name} in {told}, between which only a person can choose")
        chosen.setdefault(first, name)
    if len({(home.kind, home.name) for home in chosen}) > 1:
        told = " and ".join(f"{name} in {_told(home)}" for home, name in chosen.items())
        raise Unmergeable(f"pyproject.toml names {told}, which one command cannot serve")
    return next(iter(chosen), MAIN)


def names_any(manifest: Mapping[str, Any], packages: Sequence[str]) -> bool:
    """Whether any place names one of these packages (normalised names)."""
    return any(name in packages for _, name in _homes(manifest))


def table(holder: object, *path: str) -> Mapping[str, Any]:
    """Return the table that a path leads to, an empty one where there is none."""
    for key in path:
        holder = holder.get(key) if isinstance(holder, dict) else None
    return holder if isinstance(holder, dict) else {}


def _homes(manifest: Mapping[str, Any]) -> Iterator[tuple[Home, str]]:
    yield from _each(manifest, MAIN)
    yield from _each(manifest, Home("dependencies", "", ("tool", "poetry", "dependencies")))
    for extra in table(manifest, "project", "optional-dependencies"):
        yield from _each(manifest, Home("extra", extra, ("project", "optional-dependencies", extra)))
    for group in table(manifest, "dependency-groups"):
        yield from _each(manifest, Home("group", group, ("dependency-groups", group)))
    for group in table(manifest, "tool", "poetry", "group"):
        yield from _each(manifest, Home("group", group, ("tool", "poetry", "group", group, "dependencies")))
    for group in table(manifest, "tool", "pdm", "dev-dependencies"):
        yield from _each(manifest, Home("group", group, ("tool", "pdm", "dev-dependencies", group)))
    yield from _each(manifest, Home("group", "dev", ("tool", "uv", "dev-dependencies")))


def _each(manifest: Mapping[str, Any], home: Home) -> Iterator[tuple[Home, str]]:
    """Yield the names in a list of requirements, or in a table of them; a group includes others by a table."""
    requirements = table(manifest, *home.path[:-1]).get(home.path[-1])
    if isinstance(requirements, (list, dict)):
        for one in requirements:
            if isinstance(one, str):
                yield home, required(one)


def _told(home: Home) -> str:
    return f"the {home.kind} {home.name}" if home.name else "its dependencies"
