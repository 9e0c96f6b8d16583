"""`envdoctor.verification/1`: each cell of the matrix that an index can prove, beside what was read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.json_value import to_json
from envdoctor.codec.overlay import encode_overlay
from envdoctor.model.verification import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.fact import Value
    from envdoctor.model.verification import Claim, Verification

SCHEMA = "envdoctor.verification/1"


def encode(verification: Verification) -> dict[str, Value]:
    """Return the document; every key is always there, null or empty where there is nothing.

    Two thousand cells were read in a hundred files, and what nobody told has ten reasons: cells stand below what they
    share, as {row: {cell: what the matrix says}}, each in the order of the matrix.
    """
    confirmed, contradicted, not_reachable = (verification.with_outcome(outcome) for outcome in Outcome)
    return {
        "schema": SCHEMA,
        "exit_code": verification.exit_code,
        "day": to_json(verification.day),
        "matrix": {"revision": to_json(verification.revision), "overlay": encode_overlay(verification.overlay)},
        "indexes": [{"name": to_json(index.name), "reason": to_json(index.reason)} for index in verification.indexes],
        "counts": {outcome.value: len(verification.with_outcome(outcome)) for outcome in Outcome},
        "contradicted": [_contradiction(claim) for claim in contradicted],
        "confirmed": _grouped(confirmed, "seen_in", lambda claim: claim.seen_in),
        "not_reachable": _grouped(not_reachable, "reason", lambda claim: claim.reason),
        "new": [{"row": to_json(one.row), "text": to_json(one.text)} for one in verification.news],
        "kept_by_hand": [{"table": to_json(one.table), "rows": one.rows} for one in verification.by_hand],
        "envdoctor": to_json(verification.envdoctor),
    }


def _contradiction(claim: Claim) -> dict[str, Value]:
    return {
        "row": to_json(claim.row),
        "cell": to_json(claim.cell),
        "matrix": to_json(claim.says),
        "found": to_json(claim.found),
        "seen_in": to_json(claim.seen_in),
    }


def _grouped(claims: tuple[Claim, ...], name: str, shared: Callable[[Claim], str | None]) -> list[Value]:
    """Return the claims by what they share, which stands under `name`."""
    groups: dict[str, dict[str, dict[str, Value]]] = {}
    for claim in claims:
        rows = groups.setdefault(shared(claim) or "", {})
        rows.setdefault(str(to_json(claim.row)), {})[str(to_json(claim.cell))] = to_json(claim.says)
    return [{name: to_json(text), "rows": dict(rows)} for text, rows in groups.items()]
