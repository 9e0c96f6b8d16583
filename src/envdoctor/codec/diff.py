"""`envdoctor.diff/1`: two machines side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.diagnosis import encode_finding
from envdoctor.codec.json_value import to_json
from envdoctor.codec.snapshot import encode_fact

if TYPE_CHECKING:
    from envdoctor.model.difference import DiffReport
    from envdoctor.model.fact import Value

SCHEMA = "envdoctor.diff/1"


def encode(report: DiffReport) -> dict[str, Value]:
    """Return the document; what decides comes first in each list."""
    return {
        "schema": SCHEMA,
        "a": {"name": to_json(report.a), "verdict": report.verdict_a.value},
        "b": {"name": to_json(report.b), "verdict": report.verdict_b.value},
        "exit_code": report.exit_code,
        "explained": [
            {
                "side": one.side,
                "finding": encode_finding(one.finding),
                "because": [to_json(name) for name in one.because],
                "each_alone": one.alone,
            }
            for one in report.explained
        ],
        "differences": [
            {
                "name": to_json(one.name),
                "fact": to_json(one.fact),
                "kind": one.kind,
                "a": encode_fact(one.a),
                "b": encode_fact(one.b),
                "turns": [*one.turns],
                "read_by_rules": one.read_by,
            }
            for one in report.differences
        ],
        "in_both": [*report.in_both],
        "momentary": report.left_out,
        "matrix": {"revision": report.matrix_revision},
        "envdoctor": report.envdoctor,
    }
