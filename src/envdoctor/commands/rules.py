"""`envdoctor rules`: the list of rules."""

from __future__ import annotations

import click


@click.command(name="rules")
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(*, form: str) -> int:
    """List every rule with its worst severity and one line of what it finds."""
    from envdoctor.rules.rule import all_rules

    rules = all_rules()
    if form == "json":
        import json

        rows = [{"rule": rule.name, "severity": rule.worst.word, "summary": rule.summary} for rule in rules]
        click.echo(json.dumps(rows, indent=2))
    else:
        for rule in rules:
            click.echo(f"{rule.name}\n    {rule.worst.word}: {rule.summary}")
    return 0
