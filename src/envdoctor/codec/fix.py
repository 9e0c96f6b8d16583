"""`envdoctor.fix/1`: what a fix would do, did, or refused to do, with the plan it carries out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor import __version__
from envdoctor.codec import plan
from envdoctor.codec.json_value import to_json

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.fix import Disk, FixReport, PackageChange

SCHEMA = "envdoctor.fix/1"


def encode(report: FixReport, exit_code: int) -> dict[str, Value]:
    """Return the document; every key is always there, null or empty where there is nothing to say."""
    return {
        "schema": SCHEMA,
        "outcome": report.outcome.value,
        "exit_code": exit_code,
        "reason": to_json(report.reason),
        "way": report.way.value,
        "environment": to_json(report.environment),
        "mends": [to_json(rule) for rule in report.mends],
        "steps": [plan.encode_step(step) for step in report.steps],
        "by_hand": [plan.encode_step(step) for step in report.by_hand],
        "commands": [[to_json(word) for word in argv] for argv in report.commands],
        "cleared": [to_json(name) for name in report.cleared],
        "changes": [_change(one) for one in report.changes],
        "resolved": report.resolved,
        "stays": report.stays,
        "disk": _disk(report.disk) if report.disk else None,
        "diffs": [{"file": to_json(one.file), "diff": to_json(one.diff)} for one in report.diffs],
        "proofs": [{"what": to_json(one.what), "held": one.held, "told": to_json(one.told)} for one in report.proofs],
        "kept": to_json(report.kept),
        "copy": to_json(report.copy),
        "log": to_json(report.log),
        "recovered": to_json(report.recovered),
        "notes": [to_json(note) for note in report.notes],
        "plan": plan.encode(report.plan),
        "envdoctor": __version__,
    }


def _change(change: PackageChange) -> dict[str, Value]:
    return {
        "name": to_json(change.name),
        "before": to_json(change.before),
        "after": to_json(change.after),
        "download_bytes": change.download,
    }


def _disk(disk: Disk) -> dict[str, Value]:
    return {"copied_bytes": disk.copied, "free_bytes": disk.free, "download_bytes": disk.download}
