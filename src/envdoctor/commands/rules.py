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
        from envdoctor.reporters.lines import joined
        from envdoctor.reporters.page import rule_lines

        click.echo(
            joined(rule_lines((rule.name, rule.worst.word, rule.summary) for rule in rules), colour=False), nl=False
        )
    return 0
