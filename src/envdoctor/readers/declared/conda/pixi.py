"""pixi.toml and the same tables in pyproject.toml: features, environments made of them, platforms.

"Manifest" of pixi's documentation. An environment is the default feature and those that it names; what a target says
holds on its platforms alone, so that there is a case for each environment and, where targets are, for each platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Index
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.conda.conda_case import PLATFORMS, CondaCase
from envdoctor.readers.declared.locks.pixi_lock import read_lock
from envdoctor.readers.declared.projects.requirement_words import requirement_of
from envdoctor.readers.declared.projects.toml_places import array, read_toml, table
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import Case, IndexKind, PythonWish, Requirement
    from envdoctor.readers.declared.projects.toml_places import Path, Toml

FORMAT = "pixi.toml"
MOST = 100
"""Environments and platforms of one manifest that are looked at."""

_TABLES = ("workspace", "project", "package", "dependencies", "pypi-dependencies", "feature", "target")
_FAMILIES = {"unix": ("linux", "osx"), "linux": ("linux",), "osx": ("osx",), "macos": ("osx",), "win": ("win",)}
_CONDA = ("dependencies", "run-dependencies", "host-dependencies")
_INDEXES: tuple[tuple[str, IndexKind], ...] = (
    ("index-url", "index-url"),
    ("extra-index-urls", "extra-index-url"),
    ("find-links", "find-links"),
)


def read(text: str, name: str) -> DeclaredFile:
    """Return the cases of a manifest, or of a lock file by its name."""
    if name.endswith(".lock"):
        return read_lock(text, name)
    try:
        toml = read_toml(text)
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    if not any(key in toml.document for key in _TABLES):
        return DeclaredFile(FORMAT, trouble="it has no table of pixi")
    return DeclaredFile(FORMAT, tuple(cases(toml, (), name)))


def cases(
    toml: Toml,
    root: Path,
    file: str,
    own: tuple[Requirement, ...] = (),
    pythons: tuple[PythonWish, ...] = (),
) -> Iterator[Case]:
    """Yield the cases of the tables below `root`.

    `own` and `pythons` are what pyproject.toml declares beside them: every environment has the project's dependencies.
    """
    if not table(toml.at(root)):
        return
    workspace = table(toml.at((*root, "workspace"))) or table(toml.at((*root, "project")))
    platforms = [str(one) for one in array(workspace.get("platforms")) if isinstance(one, str)]
    environments = {"default": [root]}
    for name, told in table(toml.at((*root, "environments"))).items():
        features = array(told) or array(table(told).get("features"))
        alone = table(told).get("no-default-feature") is True
        paths = [(*root, "feature", str(one)) for one in features]
        environments[name] = paths if alone else [root, *paths]
    known: dict[Path, CondaCase] = {}
    left = MOST
    for name, features in environments.items():
        split = any(table(toml.at((*feature, "target"))) for feature in features)
        for platform in platforms if split else [platforms[0] if len(platforms) == 1 else ""]:
            if left == 0:
                return
            left -= 1
            found = CondaCase(file)
            for place in _places(toml, features, platform):
                if place not in known:
                    known[place] = _gathered(toml, file, place)
                found.join(known[place])
            if found.said_something or own:
                found.requirements += own
                found.pythons += pythons
                yield found.case(f"environment {name}", platform=PLATFORMS.get(platform, ""))


def _places(toml: Toml, features: list[Path], platform: str) -> Iterator[Path]:
    """Yield the tables that make an environment: those of its features and of their targets on the platform."""
    for feature in features:
        yield feature
        for target in table(toml.at((*feature, "target"))):
            families = _FAMILIES.get(target, ())
            if target == platform or platform.partition("-")[0] in families:
                yield (*feature, "target", target)


def _gathered(toml: Toml, file: str, place: Path) -> CondaCase:
    found = CondaCase(file)
    for kind in _CONDA:
        _add_conda(toml, (*place, kind), found)
    _add_pypi(toml, (*place, "pypi-dependencies"), found)
    _add_indexes(toml, (*place, "pypi-options"), found)
    return found


def _add_conda(toml: Toml, path: Path, found: CondaCase) -> None:
    for name, told in table(toml.at(path)).items():
        said = table(told)
        version = told if isinstance(told, str) else said.get("version", "*")
        where: Path = (*path, name) if isinstance(told, str) else (*path, name, "version")
        place, written = toml.spelled(found.file, (*path, name), where)
        build, channel = said.get("build"), said.get("channel")
        keys = "".join(
            f",{key}='{one}'" for key, one in (("build", build), ("channel", channel)) if isinstance(one, str)
        )
        found.add(f"{name}[version='{version}'{keys}]", place, written=written)


def _add_pypi(toml: Toml, path: Path, found: CondaCase) -> None:
    for name, told in table(toml.at(path)).items():
        said = table(told)
        version = told if isinstance(told, str) else said.get("version", "*")
        where: Path = (*path, name) if isinstance(told, str) else (*path, name, "version")
        place, written = toml.spelled(found.file, (*path, name), where)
        address = said.get("url") or said.get("path") or (f"git+{said['git']}" if "git" in said else None)
        demand = "" if version == "*" else str(version)
        demand = f"=={demand}" if demand[:1].isdigit() else demand
        index = said.get("index")
        source = strip_credentials(index) if isinstance(index, str) else None
        if source:
            at: Path = (*path, name, "index")
            own = Index(source, "extra-index-url", toml.place(found.file, at), toml.written(at), explicit=True)
            found.indexes.append(own)
        requirement = requirement_of(f"{name} @ {address}" if address else name + demand, place, source=source)
        if requirement:
            found.requirements.append(requirement._replace(written=written))


def _add_indexes(toml: Toml, path: Path, found: CondaCase) -> None:
    for key, kind in _INDEXES:
        value = toml.at((*path, key))
        places: list[tuple[object, Path]] = [(value, (*path, key))]
        for number, one in enumerate(array(value)):
            where: Path = (*path, key, number)
            places.append((one, where) if isinstance(one, str) else (table(one).get("url"), (*where, "url")))
        for url, where in places:
            if isinstance(url, str):
                place = toml.place(found.file, where)
                found.indexes.append(Index(strip_credentials(url), kind, place, toml.written(where)))
