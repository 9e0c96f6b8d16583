"""pixi.lock: the packages of each environment on each platform, as addresses of files.

"Lock file" of pixi's documentation: `environments`, `packages` by platform, entries `conda: URL` or `pypi: URL`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.conda.conda_case import MOST as MOST_PACKAGES
from envdoctor.readers.declared.conda.conda_case import PLATFORMS, CondaCase
from envdoctor.readers.declared.conda.conda_words import file_spec
from envdoctor.readers.declared.locks.locked import index_of_wheel
from envdoctor.readers.declared.projects.requirement_words import requirement_of
from envdoctor.readers.declared.unreadable import Unreadable
from envdoctor.readers.declared.yaml_nodes import documents, entries, entry, items, scalar

if TYPE_CHECKING:
    from yaml import Node

    from envdoctor.model.declared import Case

FORMAT = "pixi.lock"
MOST = 200
"""Environments and platforms of one lock file that are looked at."""


def read_lock(text: str, name: str) -> DeclaredFile:
    """Return a case for each environment on each platform."""
    lines = text.split("\n")
    try:
        roots = documents(text)
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    cases: list[Case] = []
    environments = entry(roots[0] if roots else None, "environments")
    if environments is None:
        return DeclaredFile(FORMAT, trouble="it has no list of environments")
    for environment in entries(environments):
        for platform in entries(entry(environment.value, "packages")):
            found = CondaCase(name)
            for package in items(platform.value)[:MOST_PACKAGES]:
                _add(package, lines, found)
            if found.said_something and len(cases) < MOST:
                label = f"environment {environment.key} on {platform.key}"
                cases.append(found.case(label, platform=PLATFORMS.get(platform.key, ""), pinned=True))
    return DeclaredFile(FORMAT, tuple(cases))


def _add(package: Node, lines: list[str], found: CondaCase) -> None:
    for kind in entries(package):
        told = scalar(kind.value, lines)
        if not told or kind.key not in ("conda", "pypi"):
            continue
        if kind.key == "conda":
            spec = file_spec(told.text)
            if spec:
                found.add(spec, told.place(found.file), written=told.text)
        else:
            wheel = requirement_of(told.text, told.place(found.file))
            if wheel:
                found.requirements.append(wheel._replace(source=index_of_wheel(wheel.source)))
