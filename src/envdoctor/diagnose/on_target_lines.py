"""How another build of torch is written in the place of the one that a machine does not run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment
from envdoctor.rules.declared.bounds import read
from envdoctor.rules.declared.moving import moved
from envdoctor.rules.declared.releases import partner_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.diagnose.declared_builds import Admitted, Build
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Requirement

REQUIREMENTS = "requirements file"

MANIFESTS = frozenset({"pyproject.toml", "Pipfile", "pixi.toml", "environment.yml"})
"""Formats in which an index stands in a table of its own, which no line of a requirement can hold."""

WRITTEN = re.compile(
    r"(?P<name>[A-Za-z][\w.-]{0,40})(?:\[[^\]]{0,80}\])?\s{0,4}(?:[=<>!~][=<>!~\w.,+* -]{0,80})?", re.ASCII
)
"""A requirement as pip takes it, without a marker."""


def other_build(
    case: Case, admitted: Admitted, right: Build, matrix: Matrix, form: str, *, default: bool
) -> tuple[Amendment, ...]:
    """Return what has to read otherwise for a build to be installed, never safe; nothing where a line cannot say it.

    `form` is the format of the file. `default` where the build needs no index. Partners that are pinned follow.
    """
    if case.pinned or any(one.manager == "conda" for one in admitted.requirements):
        return ()  # a lock file is written by its tool
    first = admitted.builds[0]
    backends = [
        Amendment(one.place, first.channel, right.channel, safe=False)
        for one in case.indexes
        if one.written == first.channel  # `--torch-backend=cu130`
    ]
    if right.release == first.release and admitted.chosen:
        there = moved(case.indexes, admitted.requirements, first.channel, right.channel)
        return (*backends, *(one._replace(safe=False) for one in there))
    indexes = [one for one in case.indexes if f"/{first.channel}" in one.written]
    if not default and not indexes and not backends and form in MANIFESTS:
        return ()
    found = [
        *backends,
        *(Amendment(one.place, f"/{first.channel}", f"/{right.channel}", safe=False) for one in indexes),
    ]
    local = "" if default else f"+{right.channel}"
    index = "" if indexes or backends or not local else f"--extra-index-url {right.address}"
    for one in admitted.requirements:
        lines = list(_line(one, right, matrix, local, index, form))
        if not lines:
            return ()
        found += lines
        index = ""  # named once
    return tuple(found)


def _line(one: Requirement, right: Build, matrix: Matrix, local: str, index: str, form: str) -> Iterator[Amendment]:
    """Yield a requirement as it has to be; nothing where it is not written as pip takes it."""
    match = WRITTEN.fullmatch(one.written)
    bounds = read(one.specifier or "")
    version = right.release if one.name == "torch" else partner_for(matrix, one.name, right.release)
    if match is None or bounds is None or version is None:
        return
    if one.name != "torch" and bounds.exact is None and not bounds.local:
        new = one.written  # it follows by itself
    else:
        new = f"{match['name']}=={version}{local}"
    if index:
        new = f"{index}\n{new}" if form == REQUIREMENTS else f"{new} {index}"
    yield Amendment(one.place, one.written, new, safe=False)
