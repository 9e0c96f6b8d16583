"""Whether something may be changed: not unasked, and not in a CI job that did not say so."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

import click

from envdoctor.commands.failure import Unusable

FALSE = ("", "0", "false", "no", "off")


class Consent(NamedTuple):
    """What the user said on the command line."""

    yes: bool
    allow_ci: bool

    def check_ci(self) -> None:
        """Refuse where CI is set, as every CI system does, and `--allow-ci` is not. Raises `Unusable`."""
        if os.environ.get("CI", "").strip().lower() not in FALSE and not self.allow_ci:
            raise Unusable(
                "CI is set: a job that changes its environment hides what is wrong with its image; --allow-ci does it "
                "none the less, and without --apply the commands are shown"
            )

    def can_ask(self) -> bool:
        """Whether somebody sits at a terminal."""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Return whether the user agrees; asked on standard error. Raises `Unusable` where nobody can be asked."""
        if self.yes:
            return True
        if not self.can_ask():
            raise Unusable("standard input is no terminal, so nobody can be asked; add --yes to go on without")
        try:
            return click.confirm(question, err=True)
        except click.Abort:  # the end of the input: Ctrl-D
            click.echo(err=True)
            return False
