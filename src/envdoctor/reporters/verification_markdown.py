"""A verification as Markdown, for a pull request or a job's summary page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.verification import Outcome
from envdoctor.reporters.lines import SENTENCE
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.plain_text import safe, without_commands
from envdoctor.reporters.verification_groups import by_reason, kept_by_hand, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.verification import Verification


def render_verification(verification: Verification, *, verbose: bool = False, **_layout: object) -> str:
    """Return the report; `verbose` names every cell that was not reachable."""
    return "".join(f"{without_commands(line)}\n" for line in _lines(verification, verbose))


def _lines(verification: Verification, verbose: bool) -> Iterator[str]:
    yield f"# {_text(verification.title)}"
    yield ""
    yield summary(verification)
    yield ""
    for index in verification.indexes:
        yield f"- {_text(index.name)}: {'reached' if index.reason is None else 'not reached: ' + _text(index.reason)}"
    contradicted = verification.with_outcome(Outcome.CONTRADICTED)
    if contradicted:
        yield from (
            "",
            "## Contradicted",
            "",
            "| row | cell | matrix | found | seen in |",
            "| --- | --- | --- | --- | --- |",
        )
        for claim in contradicted:
            cells = (claim.row, claim.cell, claim.says, claim.found or "none", claim.seen_in or "")
            yield f"| {' | '.join(map(_text, cells))} |"
    if verification.news:
        yield from ("", "## New, and no contradiction", "")
        yield from (f"- {_text(one.text)}" for one in verification.news)
    groups = by_reason(verification)
    if groups:
        yield from (
            "",
            "## Not reachable, so neither confirmed nor contradicted",
            "",
            "| cells | reason |",
            "| --- | --- |",
        )
        yield from (f"| {len(claims)} | {_text(reason)} |" for reason, claims in groups.items())
    for reason, claims in groups.items() if verbose else ():
        yield from ("", f"### {_text(reason)}", "")
        yield from (f"- {_text(claim.row)} {_text(claim.cell)}: {_text(claim.says)}" for claim in claims)
    if verification.by_hand:
        yield from (
            "",
            "## Kept by hand, which no index can prove",
            "",
            paragraph(safe(kept_by_hand(verification), SENTENCE)),
        )


def _text(text: str) -> str:
    """Return text of a matrix or an index as Markdown shows it."""
    return inline(safe(text, SENTENCE))
