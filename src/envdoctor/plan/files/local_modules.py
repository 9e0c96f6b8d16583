"""A file of somebody's own that is called like an installed module, and is imported in its place."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.files.search_path import FOR_GOOD, setting, shortened
from envdoctor.plan.rows import rows, said

if TYPE_CHECKING:
    from envdoctor.model.machine import Machine


def renamed(machine: Machine) -> tuple[tuple[Step, ...], tuple[Plan, ...]]:
    """Return the steps that rename what hides a module and, as another way, PYTHONPATH without its folder."""
    steps: list[Step] = []
    folders: list[str] = []
    for row in rows(machine.snapshot, "python.local_modules"):
        path, module = said(row, "path"), said(row, "module")
        if path is None or module is None:
            continue
        own = path.replace("\\", "/").removesuffix("/__init__.py")
        steps.append(
            Step(
                "rename-file",
                Applicability.MANUAL,
                f"rename {own} (and remove a __pycache__ beside it): `import {module}` takes it in place of the "
                "installed one",
            )
        )
        if said(row, "from") == "PYTHONPATH":
            folders.append(posixpath.dirname(own))
    return tuple(steps), _without(machine, folders)


def _without(machine: Machine, folders: list[str]) -> tuple[Plan, ...]:
    short = shortened(machine, "PYTHONPATH", folders) if folders else None
    if short is None:
        return ()
    why = f"takes {', '.join(short.dropped)} out of PYTHONPATH, with all that is imported from there; {FOR_GOOD}"
    step = setting(machine, "PYTHONPATH", short, why, settled=not short.stays)
    return (Plan(Status.SOLVED, None, (step,)),)
