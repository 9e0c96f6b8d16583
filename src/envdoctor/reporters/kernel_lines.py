"""What kernels proved, in the head of a report: one line for all devices, and one for what kept others from it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from envdoctor.model.smoke import ALL_GPUS, GOOD, IMPORT, TIME_OVER, Status, result_of
from envdoctor.reporters.lines import SENTENCE
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
    tests = [test for row in snapshot.known_rows("smoke.tests") if (test := _result(row))]
    names = _names(snapshot.known_rows("smoke.devices"))
    if any(test.name == IMPORT for test in tests):
        yield ("kernels: none ran, because torch could not be imported",)
    elif tests:
        yield (f"kernels: {_sum(tests, names)}",)
    reasons: dict[str, list[str]] = {}
    for row in snapshot.known_rows("smoke.left_out"):
        reasons.setdefault(str(row.get("reason")), []).append(safe(str(row.get("device"))))
    late = sum(test.status is Status.SKIPPED and test.message.startswith(TIME_OVER) for test in tests)
    if late:
        yield (f"kernels: {late} not reached in time; `envdoctor smoke` gives them more",)
    for reason, devices in reasons.items():
        yield (f"kernels: not run on {', '.join(devices)}: {safe(reason)}",)


def _sum(tests: Sequence[TestResult], names: dict[str, str]) -> str:
    """Return "12 passed on gpu:0 in 3.1 s, 2 skipped", with what went wrong in between."""
    counts = Counter(test.status for test in tests)
    ran = [test for test in tests if test.status is not Status.SKIPPED]
    seconds = sum(test.seconds or 0.0 for test in ran)
    if not ran:
        return f"{_skipped(tests)}, none ran"
    parts = [f"{counts[Status.PASSED]} passed on {safe(_where(ran, names))} in {seconds:.1f} s"]
    parts += [f"{counts[status]} {status.value}" for status in Status if status not in GOOD and counts[status]]
    parts += [_skipped(tests)] if counts[Status.SKIPPED] else []
    return ", ".join(parts)


def _where(ran: Sequence[TestResult], names: dict[str, str]) -> str:
    """Name the one device, or say how many there are; all GPUs together are none of their own."""
    devices = list(dict.fromkeys(test.device for test in ran if test.device != ALL_GPUS))
    if not devices:
        return "all GPUs"
    if len(devices) == 1:
        return names.get(devices[0], devices[0])
    return f"{len(devices)} {'devices' if 'cpu' in devices else 'GPUs'}"


def _skipped(tests: Sequence[TestResult]) -> str:
    """Count the tests that were skipped, with the reason where all have the same one."""
    reasons = [test.message for test in tests if test.status is Status.SKIPPED]
    why = f" ({safe(reasons[0], SENTENCE)})" if reasons[0] and len(set(reasons)) == 1 else ""
    return f"{len(reasons)} skipped{why}"


def _names(devices: Sequence[dict[str, Value]]) -> dict[str, str]:
    """Return how findings name each device: by its index in the driver's order."""
    return {str(row.get("device")): f"gpu:{row['gpu']}" for row in devices if isinstance(row.get("gpu"), int)}


def _result(row: dict[str, Value]) -> TestResult | None:
    try:
        return result_of(row)
    except ValueError:
        return None
