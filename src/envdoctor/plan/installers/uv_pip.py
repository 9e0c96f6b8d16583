"""uv as a pip: `uv pip install --python PATH`, for environments that hold no pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order


def commands(order: Order) -> tuple[Command, ...]:
    """Return the command. `--reinstall-package` names each package, so that nothing else is touched."""
    again: tuple[str, ...] = ()
    if order.again:
        again = (*(word for name in order.packages for word in ("--reinstall-package", name)), "--no-deps")
    built: tuple[str, ...] = ()
    if order.compiled:
        named = (
            word for name in order.packages for word in ("--no-build-isolation-package", name, "--no-binary", name)
        )
        built = ("--no-cache", *named)
    return (
        Command(("uv", "pip", "install", "--python", order.python, *again, *built, *order.where, *order.requirements)),
    )


def removal(python: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that uninstalls packages."""
    return ("uv", "pip", "uninstall", "--python", python, *packages)


def new_environment(python: str, folder: str) -> Command:
    """Return the command that makes a virtual environment."""
    return Command(("uv", "venv", "--python", python, folder), installs=False)
