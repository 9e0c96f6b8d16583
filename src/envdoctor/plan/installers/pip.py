"""pip: `python -m pip install`.

A version with its local part (`torch==2.14.0+cu126`) is what makes pip replace a wrong build: `torch` or
`torch==2.14.0` are satisfied by any installed build of that release. Dependencies that are missing or pinned
differently follow; everything else stays.

What is compiled here needs the torch that is there (`--no-build-isolation`), and none of the wheels that pip built and
kept for another torch: since pip 23.1 `--no-binary` alone takes those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order


def commands(order: Order) -> tuple[Command, ...]:
    """Return the command."""
    again = ("--force-reinstall", "--no-deps") if order.again else ()
    built: tuple[str, ...] = ()
    if order.compiled:
        built = ("--no-cache-dir", "--no-build-isolation", "--no-binary", ",".join(order.packages))
    return (Command((order.python, "-m", "pip", "install", *again, *built, *order.where, *order.requirements)),)


def removal(python: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that uninstalls packages without asking."""
    return (python, "-m", "pip", "uninstall", "--yes", *packages)


def new_environment(python: str, folder: str) -> Command:
    """Return the command that makes a virtual environment with pip in it."""
    return Command((python, "-m", "venv", folder), installs=False)
