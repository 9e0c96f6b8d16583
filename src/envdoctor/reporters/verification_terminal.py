"""A verification in words: the counts, every contradiction, and by reason what nobody could tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.verification import Outcome
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.plain_text import safe
from envdoctor.reporters.verification_groups import by_reason, kept_by_hand, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.verification import Claim, Verification

MEND = "`envdoctor matrix refresh` shows the change that mends what the wheels tell otherwise."


def render_verification(
    verification: Verification, *, width: int = 80, colour: bool = False, verbose: bool = False
) -> str:
    """Return the report as text; `verbose` names every cell that was not reachable."""
    return joined(_lines(verification, width, verbose), colour=colour)


def _lines(verification: Verification, width: int, verbose: bool) -> Iterator[Line]:
    yield from (styled(line.text, "bold") for line in wrapped(safe(verification.title, SENTENCE), width))
    yield Line()
    yield from wrapped(summary(verification), width)
    for index in verification.indexes:
        if index.reason is not None:
            yield from wrapped(f"{safe(index.name)} not reached: {safe(index.reason, SENTENCE)}", width)
    yield Line()
    contradicted = verification.with_outcome(Outcome.CONTRADICTED)
    if contradicted:
        yield styled("Contradicted:", "bold red")
        for claim in contradicted:
            yield from _contradiction(claim, width)
        if verification.overlay is None:  # whose rows are for those who wrote it
            yield from wrapped(MEND, width)
        yield Line()
    if verification.news:
        yield styled("New, and no contradiction:", "bold")
        for one in verification.news:
            yield from wrapped(safe(one.text, SENTENCE), width, "  ", "    ")
        yield Line()
    yield from _not_reachable(verification, width, verbose)
    if verification.by_hand:
        text = f"Kept by hand, which no index can prove: {safe(kept_by_hand(verification), SENTENCE)}."
        yield from wrapped(text, width)


def _contradiction(claim: Claim, width: int) -> Iterator[Line]:
    yield from wrapped(f"{safe(claim.row)} {safe(claim.cell)}", width, "  ", "    ")
    yield from wrapped(f"matrix: {safe(claim.says, SENTENCE)}", width, "    ", "      ")
    source = f" ({safe(claim.seen_in)})" if claim.seen_in else ""
    yield from wrapped(f"found:  {safe(claim.found or 'none', SENTENCE)}{source}", width, "    ", "      ")


def _not_reachable(verification: Verification, width: int, verbose: bool) -> Iterator[Line]:
    groups = by_reason(verification)
    if not groups:
        return
    yield styled("Not reachable, so neither confirmed nor contradicted:", "bold")
    for reason, claims in groups.items():
        yield from wrapped(safe(reason, SENTENCE), width, f"{len(claims):6}  ", "        ")
        for claim in claims if verbose else ():
            yield from wrapped(
                f"{safe(claim.row)} {safe(claim.cell)}: {safe(claim.says)}", width, "         ", "           "
            )
    yield Line()
