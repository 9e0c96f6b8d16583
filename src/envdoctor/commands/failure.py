"""The one line a user sees when a command cannot do what was asked, with its exit code."""

from __future__ import annotations

import click


class Unusable(click.ClickException):
    """Usage or input that cannot be used: exit code 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        """Print one line, harmless whatever the input held."""
        from envdoctor.reporters.plain_text import safe

        click.echo(f"envdoctor: {safe(self.message)}", err=True)


class Unwritten(Unusable):
    """Files that could not be written, with a line for each: exit code 2."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__(lines[-1])
        self.lines = lines

    def show(self, file: object = None) -> None:
        """Print the lines."""
        for line in self.lines:
            Unusable(line).show(file)


class Undiagnosed(Unusable):
    """A failure of ours: exit code 3."""

    exit_code = 3
