"""`envdoctor matrix`: the compatibility matrix printed, verified and brought up to date."""

from __future__ import annotations

import click

from envdoctor.commands.lazy import LazyGroup

COMMANDS = {
    "show": "Print the tables: releases, builds, drivers, GPUs, and which serve which.",
    "verify": "Compare each row with what the package index holds.",
    "refresh": "Derive the rows anew from the package index, as a change to review.",
}


@click.group(name="matrix", cls=LazyGroup, table=COMMANDS, package="envdoctor.commands.matrix")
def command() -> None:
    """Print the compatibility matrix, compare it with the package index, bring it up to date."""
