"""`envdoctor.smoke/1`: how each test of the battery ended, and what that means."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from envdoctor.codec.diagnosis import encode_finding
from envdoctor.codec.json_value import to_json
from envdoctor.codec.overlay import encode_overlay

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.smoke import TestResult
    from envdoctor.model.smoke_report import SmokeReport
    from envdoctor.model.snapshot import Snapshot

SCHEMA = "envdoctor.smoke/1"

TORCH = ("version", "cuda", "hip", "file", "import_seconds")
DEVICE = ("device", "gpu", "name", "capability", "uuid", "memory_mib")
LEFT_OUT = ("device", "reason")
CONDITIONS = (
    "device",
    "samples",
    "sm_clock_mhz_min",
    "sm_clock_mhz_max",
    "temperature_c_max",
    "power_w_max",
    "power_limit_w",
    "power_limit_default_w",
    "throttle",
    "throttled",
    "processes",
    "mps",
)
"""The keys of the rows, null where a snapshot does not tell."""


def encode(report: SmokeReport) -> dict[str, Value]:
    """Return the document; every key is always there, null or empty where there is nothing to say.

    `device` is the first of the devices, `cpu` where none was chosen.
    """
    seen = report.snapshot
    torch = seen.known("smoke.torch")
    return {
        "schema": SCHEMA,
        "device": report.devices[0] if report.devices else "cpu",
        "exit_code": report.exit_code,
        "trouble": to_json(report.trouble) if report.trouble else None,
        "size": report.size,
        "seed": report.seed,
        "tests": [encode_test(test) for test in report.tests],
        "findings": [encode_finding(finding) for finding in report.diagnosis.findings],
        "crashed": [{"rule": crashed.rule, "reason": to_json(crashed.reason)} for crashed in report.diagnosis.crashed],
        "python": to_json(seen.known("python.executable")),
        "torch": _row(torch, TORCH) if isinstance(torch, dict) else None,
        "devices": _rows(seen, "smoke.devices", DEVICE),
        "left_out": _rows(seen, "smoke.left_out", LEFT_OUT),
        "conditions": _rows(seen, "smoke.conditions", CONDITIONS),
        "speed_not_judged": [to_json(sentence) for sentence in report.not_judged],
        "matrix": {"revision": to_json(report.matrix_revision), "overlay": encode_overlay(report.overlay)},
        "envdoctor": report.envdoctor,
    }


def encode_test(test: TestResult) -> dict[str, Value]:
    """Return one test as the document holds it: the keys of the contract, then the evidence of what went wrong."""
    return {
        "name": to_json(test.name),
        "device": to_json(test.device),
        "status": test.status.value,
        "seconds": _finite(test.seconds),
        "error": _finite(test.error),
        "bound": _finite(test.bound),
        "figures": {name: number for name, number in (test.figures or {}).items() if isfinite(number)},
        "message": to_json(test.message),
        "library": to_json(test.library),
        "exception": to_json(test.exception),
        "cuda_error": to_json(test.cuda_error),
        "signal": to_json(test.signal),
        "trace": to_json([*test.trace]),
        "output": to_json(test.output),
        "warnings": to_json([*test.warnings]),
        "poisoned": test.poisoned,
        "seed": test.seed,
    }


def _finite(number: float | None) -> float | None:
    """Return a number as JSON has it; a relative error may be infinite, which the message says."""
    return number if number is not None and isfinite(number) else None


def _rows(snapshot: Snapshot, name: str, keys: tuple[str, ...]) -> list[Value]:
    """Return the rows of a fact with these keys alone."""
    return [_row(row, keys) for row in snapshot.known_rows(name)]


def _row(row: dict[str, Value], keys: tuple[str, ...]) -> dict[str, Value]:
    return {key: to_json(row.get(key)) for key in keys}
