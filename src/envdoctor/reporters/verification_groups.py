"""What was not reachable, by reason: one line of a report instead of hundreds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from envdoctor.model.verification import Outcome

if TYPE_CHECKING:
    from envdoctor.model.verification import Claim, Verification


def by_reason(verification: Verification) -> dict[str, list[Claim]]:
    """Return the claims nobody told of, by reason, the most frequent first."""
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in verification.with_outcome(Outcome.NOT_REACHABLE):
        found[claim.reason or ""].append(claim)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def summary(verification: Verification) -> str:
    """Return the counts in one line."""
    counts = {outcome: len(verification.with_outcome(outcome)) for outcome in Outcome}
    return (
        f"{counts[Outcome.CONFIRMED]} cells confirmed, {counts[Outcome.CONTRADICTED]} contradicted, "
        f"{counts[Outcome.NOT_REACHABLE]} not reachable."
    )


def kept_by_hand(verification: Verification) -> str:
    """Return what no index can prove in one line: "gpus (40), generations (12)"."""
    return ", ".join(f"{one.table} ({one.rows})" for one in verification.by_hand)
