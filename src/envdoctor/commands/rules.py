"""`envdoctor rules`: the list of rules."""

from __future__ import annotations

import click


@click.command(name="rules")
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(*, form: str) -> int:
    """List every rule with its worst severity and one line of what it finds."""
    tell(form)
    return 0


def tell(form: str) -> None:
    """Print the list: in groups for people, by name as JSON."""
    from envdoctor.rules.rule import all_rules

    rules = all_rules()
    if form == "json":
        import json

        rows = [{"rule": rule.name, "severity": rule.worst.word, "summary": rule.summary} for rule in rules]
        click.echo(json.dumps(rows, indent=2))
    else:
        from envdoctor.commands.deliver import terminal_width, wants_colour
        from envdoctor.reporters.page import render_list
        from envdoctor.rules.groups import grouped

        groups = [
            (title, [(rule.name, rule.worst.word, rule.summary) for rule in members])
            for title, members in grouped(rules)
        ]
        click.echo(render_list(groups, width=terminal_width(), colour=wants_colour()), nl=False)
