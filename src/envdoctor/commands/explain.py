"""`envdoctor explain RULE`: the page of one rule."""

from __future__ import annotations

import click

from envdoctor.commands.failure import Unusable


@click.command(name="explain")
@click.argument("rule")
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(*, rule: str, form: str) -> int:
    """Print the page of RULE: what it means, why it happens, how to be sure, how to fix it, and its sources."""
    from envdoctor.commands.knowledge import nearest
    from envdoctor.rules.rule import all_rules

    rules = {known.name: known for known in all_rules()}
    found = rules.get(rule)
    if found is None:
        raise Unusable(f"{rule}: no such rule{nearest(rule, list(rules))}")
    if not found.page:
        raise Unusable("the pages are docstrings, and this Python drops those (PYTHONOPTIMIZE=2, -OO)")
    if form == "json":
        import json

        page = {"rule": found.name, "summary": found.summary, "severity": found.worst.word, "needs": [*found.needs]}
        click.echo(json.dumps({**page, "page": found.page}, indent=2))
    else:
        from envdoctor.reporters.page import render_page

        click.echo(render_page(f"{found.name} (at worst: {found.worst.word})", found.page), nl=False)
    return 0
