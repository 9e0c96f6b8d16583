"""Environments of conda: environment.yml, lists of exact packages, the lock files of conda-lock.

`environment.yml`: "Creating an environment file manually" of conda's documentation. Lists: `conda list --explicit` (one
address a line behind `@EXPLICIT`) and `conda list --export` (name=version=build).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.declared import Requirement
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.names import normalised
from envdoctor.model.place import Place
from envdoctor.readers.declared.conda.conda_case import FULL, MOST, PLATFORMS, CondaCase
from envdoctor.readers.declared.conda.conda_words import file_spec
from envdoctor.readers.declared.unreadable import Unreadable
from envdoctor.readers.declared.yaml_nodes import MOST as MOST_CHARACTERS
from envdoctor.readers.declared.yaml_nodes import documents, entries, entry, items, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaml import Node

    from envdoctor.model.declared import Case

FORMAT = "conda environment"
LOCK = "conda-lock.yml"
LIST = "conda package list"

MOST_PLATFORMS = 20

_SELECTORS = {"linux": "linux", "linux64": "linux", "osx": "darwin", "win": "win32", "win64": "win32"}
_SELECTOR = re.compile(r"#\s*\[\s*(\w{1,10})\s*\]\s*$")
_EXPORTED = re.compile(r"([A-Za-z0-9_][\w.-]{0,98})=([^=\s]{1,80})=([^=\s]{1,120})")


def read(text: str, name: str) -> DeclaredFile:
    """Return the case of an environment, or of each platform of a lock file."""
    text = text.removeprefix("\ufeff")
    if re.search(r"^@EXPLICIT\s*$", text[:20_000], re.MULTILINE) or is_export(text):
        return _listed(text, name)
    lines = text.split("\n")
    try:
        roots = documents(text)
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    root = roots[0] if roots else None
    if entry(root, "package") is not None and entry(root, "metadata") is not None:
        return DeclaredFile(LOCK, _locked(root, lines, name))
    if entry(root, "dependencies") is None:
        return DeclaredFile(FORMAT, trouble="it has no list of dependencies")
    found = CondaCase(name)
    for item in items(entry(root, "dependencies")):
        if found.is_full:
            break
        told = scalar(item, lines)
        if told:
            found.add(told.text, told.place(name), _marker(lines[told.line - 1]))
        for one in items(entry(item, "pip"))[:MOST]:
            word = scalar(one, lines)
            if word:
                found.add_pip(word.text, word.place(name))
    cases = (found.case("environment"),) if found.said_something else ()
    return DeclaredFile(FORMAT, cases, trouble=FULL if found.is_full else None)


def is_export(text: str) -> bool:
    """Whether a text is what `conda list --export` writes: each line that is no comment is name=version=build."""
    said = [line.strip() for line in text[:20_000].splitlines()[:200]]
    said = [line for line in said if line and not line.startswith("#")]
    return len(said) > 1 and all(_EXPORTED.fullmatch(line) for line in said[:-1])


def _marker(line: str) -> str:
    """Return what a selector behind a line says, which tools around conda read: `# [linux]`."""
    selector = _SELECTOR.search(line)
    system = _SELECTORS.get(selector[1]) if selector else None
    return f'sys_platform == "{system}"' if system else ""


def _listed(text: str, name: str) -> DeclaredFile:
    found = CondaCase(name)
    platform = ""
    for number, line in enumerate(text[:MOST_CHARACTERS].split("\n"), 1):
        told = re.match(r"#\s?platform:\s*([\w-]{1,30})", line)
        platform = PLATFORMS.get(told[1], "") if told else platform
        if line.startswith("#") or not line.strip():
            continue
        if found.is_full:
            break
        exported = _EXPORTED.fullmatch(line.strip())
        place = Place(name, number, len(line) - len(line.lstrip()) + 1)
        if exported and exported[3].startswith("pypi"):  # as conda lists what pip installed
            found.requirements.append(Requirement(normalised(exported[1]), f"=={exported[2]}", place, line.strip()))
            continue
        spec = file_spec(line) if "://" in line else f"{exported[1]}=={exported[2]}={exported[3]}" if exported else None
        if spec:
            found.add(spec, place, written=line.strip())
    cases = (found.case("packages", platform=platform, pinned=True),) if found.said_something else ()
    return DeclaredFile(LIST, cases, trouble=FULL if found.is_full else None)


def _locked(root: Node | None, lines: Sequence[str], name: str) -> tuple[Case, ...]:
    """Return a case for each platform of a lock file of conda-lock."""
    platforms: dict[str, CondaCase] = {}
    for package in items(entry(root, "package")):
        told = {one.key: scalar(one.value, lines) for one in entries(package)}
        named, version, platform = told.get("name"), told.get("version"), told.get("platform")
        if not named or not version or not platform:
            continue
        found = platforms.setdefault(platform.text, CondaCase(name))
        if found.is_full or len(platforms) > MOST_PLATFORMS:
            continue
        manager, place = told.get("manager"), named.place(name)
        if manager and manager.text == "pip":
            found.requirements.append(Requirement(normalised(named.text), f"=={version.text}", place, named.text))
            continue
        build = told.get("build")
        spec = f"{named.text}=={version.text}" + (f"={build.text}" if build else "")
        found.add(spec, version.place(name), written=version.text)
    return tuple(
        found.case(f"locked for {platform}", platform=PLATFORMS.get(platform, ""), pinned=True)
        for platform, found in platforms.items()
    )
