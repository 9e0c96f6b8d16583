"""`envdoctor explain RULE`: the page of one rule."""

from __future__ import annotations

import click

from envdoctor.commands.failure import Unusable


@click.command(name="explain")
@click.argument("rule", required=False)
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(*, rule: str | None, form: str) -> int:
    """Print the page of RULE: what it means, why it happens, how to be sure, how to fix it, with an example.

    Without RULE: list them all, as `envdoctor rules` does.
    """
    from envdoctor.commands.rules import tell
    from envdoctor.rules.rule import all_rules

    if rule is None:
        tell(form)
        return 0
    rules = {known.name: known for known in all_rules()}
    found = rules.get(rule)
    if found is None:
        from envdoctor.commands.knowledge import nearest

        raise Unusable(f"{rule}: no such rule{nearest(rule, list(rules))}")
    if not found.page:
        raise Unusable("the pages are docstrings, and this Python drops those (PYTHONOPTIMIZE=2, -OO)")

    from envdoctor.commands import knowledge
    from envdoctor.commands.rule_pages import page_of

    page = page_of(found, knowledge.load(None))
    if form == "json":
        from envdoctor.codec.diagnosis import encode_finding
        from envdoctor.codec.json_value import document_text

        document = {
            "rule": page.rule,
            "summary": found.summary,
            "severity": page.worst,
            "severities": dict(page.severities),
            "needs": [*page.reads],
            "explains": [*page.explains],
            "page": page.text,
            "example": {"title": page.example, "file": page.file or None, "finding": encode_finding(page.finding)}
            if page.finding
            else None,
            "quiet": [*page.quiet],
        }
        click.echo(document_text(document))
    else:
        from envdoctor.commands.deliver import terminal_width, wants_colour
        from envdoctor.reporters.page import render_page

        click.echo(render_page(page, width=terminal_width(), colour=wants_colour()), nl=False)
    return 0
