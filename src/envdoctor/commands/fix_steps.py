"""The steps of a plan as they are carried out: what a project's manager is told, and what is written into its files."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.fix.projects import Prepared, prepare, works_in
from envdoctor.model.change import Installs, Removes
from envdoctor.model.fix import Way
from envdoctor.model.names import normalised, required

if TYPE_CHECKING:
    from envdoctor.fix.route import Route


def prepared(way: Route) -> Prepared:
    """Return the commands in their order, and the project's files that change with them. Raises `Unusable`."""
    if way.project is None or way.manager is None:
        return Prepared({}, tuple(step.argv for step in way.steps), ())
    from envdoctor.fix.manifests import Unmergeable

    try:
        return prepare(way.manager, way.project, way.steps, os.environ)
    except Unmergeable as problem:
        raise Unusable(f"{way.project}: {problem}") from None
    except OSError as problem:
        raise Unusable(f"{problem.filename or way.project}: {problem.strerror or problem}") from None


def with_project(way: Route, prefix: str | None) -> Route:
    """Return the way with the project that the environment is of: poetry keeps environments far from their projects.

    It is that of the folder the user stands in, if the manager says so. Raises `Unusable` where it does not.
    """
    if way.way is not Way.PROJECT or way.project is not None or way.manager is None:
        return way
    folder = _with_manifest()
    if folder is not None and prefix is not None and works_in(way.manager, folder, prefix, os.environ):
        return replace(way, project=folder)
    raise Unusable(f"{prefix} is kept by a project of {way.manager}; run this in the folder of that project")


def _with_manifest() -> str | None:
    """Return the nearest folder with a pyproject.toml, from the present one upwards."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        return None
    while not os.path.isfile(os.path.join(folder, "pyproject.toml")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None
    return folder


def named_in(way: Route) -> frozenset[str]:
    """Return the distributions, by normalised name, that the steps install or remove by name."""
    found: set[str] = set()
    for step in way.steps:
        if isinstance(step.change, Installs):
            found |= set(map(required, step.change.requirements))
        elif isinstance(step.change, Removes):
            found |= set(map(normalised, step.change.packages))
    return frozenset(found)
