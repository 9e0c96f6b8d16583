"""Which tool an environment is changed with: the one that made it, by the facts it left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.matrix.tables import Release
    from envdoctor.model.machine import Machine

WELL_TRIED = "cp312"
"""The Python for what is made anew on a machine whose own is not told, where the wheel has it."""

PROJECT_TOOLS = ("uv", "poetry", "pdm")
"""Tools that keep wheels in a lock file: a command past them is undone by their next synchronisation."""

UNDONE_BY = {
    "hatch": "hatch makes this environment anew when its dependencies change: put the same into its configuration",
    "nox": "nox makes this environment anew: put the same into noxfile.py",
    "pipenv": "pipenv sync undoes it: put the same into the Pipfile",
    "pipx": "pipx reinstall and pipx upgrade undo it: install the program anew with this torch, or use an environment "
    "of your own",
    "rye": "rye sync undoes it: put the same into pyproject.toml",
    "tox": "tox makes this environment anew: put the same into its deps",
}
"""What undoes a command past the tool that made the environment, by `python.manager`."""


def project_tool(machine: Machine) -> str | None:
    """Return the tool whose project keeps this environment, None for none."""
    manager = machine.told("python.manager")
    if manager in ("poetry", "pdm"):
        return manager
    keeps = machine.told("python.project_tool")
    return keeps if keeps in PROJECT_TOOLS else None


def wheel_tool(machine: Machine, installer: str | None, *, live: bool) -> str:
    """Return pip or uv, for what is done to the environment and to no project: the one asked for, or that is there."""
    if installer in ("pip", "uv"):
        return installer
    has_pip = machine.is_known("python.has_pip") and machine.value("python.has_pip")
    return "pip" if has_pip or not live else "uv"


def conda_tool(machine: Machine) -> str | None:
    """Return conda or pixi where that made the environment, None elsewhere."""
    if not (machine.told("python.environment") or "").startswith("conda"):
        return None
    return "pixi" if machine.told("python.manager") == "pixi" else "conda"


def is_of_conda(machine: Machine) -> bool:
    """Whether the torch that is there is conda's, of whatever channel: pip must not write over its files."""
    torch = machine.torch
    if torch is None or torch.official:
        return False
    recorded = machine.value("packages.conda") if machine.is_known("packages.conda") else None
    return torch.provenance.startswith("conda") or (isinstance(recorded, dict) and "pytorch" in recorded)


def python_release(machine: Machine, release: Release, platform: str) -> str:
    """Return the Python for a new image or environment: the machine's own, else a well-tried one of the wheel's."""
    own = machine.told("python.version")
    if own:
        return ".".join(own.split(".")[:2])
    tags = [tag for tag in release.pythons.get(platform, ()) if tag.removeprefix("cp").isdigit()]
    tag = WELL_TRIED if WELL_TRIED in tags or not tags else tags[-1]
    return f"{tag[2]}.{tag[3:]}"
