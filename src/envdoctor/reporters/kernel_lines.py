"""What kernels proved, in the head of a report: one line for all devices, and one for what kept others from it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.smoke import GOOD, IMPORT, Status, result_of
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.smoke import TestResult
    from envdoctor.model.snapshot import Snapshot
    from envdoctor.reporters.machine_lines import Statement


def kernel_lines(snapshot: Snapshot) -> Iterator[Statement]:
    """Yield a statement of the tests that ran, and one for each reason for which a GPU was left out.

    Rows that are no rows are passed over: a snapshot may have been edited by hand, and the rules say so.
    """
    tests = [test for row in _rows(snapshot, "smoke.tests") if (test := _result(row))]
    names = _names(_rows(snapshot, "smoke.devices"))
    if any(test.name == IMPORT for test in tests):
        yield ("kernels: none ran, because torch could not be imported",)
    elif tests:
        yield (f"kernels: {_sum(tests, names)}",)
    reasons: dict[str, list[str]] = {}
    for row in _rows(snapshot, "smoke.left_out"):
        reasons.setdefault(str(row.get("reason")), []).append(safe(str(row.get("device"))))
    for reason, devices in reasons.items():
        yield (f"kernels: not run on {', '.join(devices)}: {safe(reason)}",)


def _sum(tests: Sequence[TestResult], names: dict[str, str]) -> str:
    """Return "12 passed on gpu:0 in 3.1 s, 2 skipped", with what went wrong in between."""
    counts = Counter(test.status for test in tests)
    ran = [test for test in tests if test.status is not Status.SKIPPED]
    seconds = sum(test.seconds or 0.0 for test in ran)
    devices = list(dict.fromkeys(test.device for test in ran))
    if not ran:
        return f"{counts[Status.SKIPPED]} skipped, none ran"
    where = names.get(devices[0], devices[0]) if len(devices) == 1 else f"{len(devices)} devices"
    parts = [f"{counts[Status.PASSED]} passed on {safe(where)} in {seconds:.1f} s"]
    parts += [f"{counts[status]} {status.value}" for status in Status if status not in GOOD and counts[status]]
    parts += [f"{counts[Status.SKIPPED]} skipped"] if counts[Status.SKIPPED] else []
    return ", ".join(parts)


def _names(devices: Sequence[dict[str, Value]]) -> dict[str, str]:
    """Return how findings name each device: by its index in the driver's order."""
    return {str(row.get("device")): f"gpu:{row['gpu']}" for row in devices if isinstance(row.get("gpu"), int)}


def _rows(snapshot: Snapshot, name: str) -> list[dict[str, Value]]:
    fact = snapshot[name]
    rows = fact.value if isinstance(fact, Known) and isinstance(fact.value, list) else []
    return [row for row in rows if isinstance(row, dict)]


def _result(row: dict[str, Value]) -> TestResult | None:
    try:
        return result_of(row)
    except ValueError:
        return None
