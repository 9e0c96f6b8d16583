"""Kernel tests as the examples of rules write them: rows of the facts `smoke.tests` and `smoke.devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.smoke import IMPORT, Status, TestResult, row_of

if TYPE_CHECKING:
    from envdoctor.model.fact import Value


def smoked(*tests: TestResult, gpus: tuple[str, ...] = ("NVIDIA A100-SXM4-80GB",)) -> dict[str, Value]:
    """Return the facts of a machine with these GPUs on which these tests ran."""
    devices: list[Value] = [{"device": f"cuda:{index}", "gpu": index, "name": name} for index, name in enumerate(gpus)]
    return {"smoke.tests": [row_of(test) for test in tests], "smoke.devices": devices}


def passed(name: str, device: str = "cuda:0", library: str = "") -> TestResult:
    """Return a test that passed."""
    return TestResult(name, device, Status.PASSED, library)


def failed(
    name: str, message: str, device: str = "cuda:0", *, exception: str = "RuntimeError", library: str = ""
) -> TestResult:
    """Return a test in which torch raised."""
    return TestResult(name, device, Status.FAILED, library, message=message, exception=exception)


def not_imported(message: str) -> TestResult:
    """Return the import of torch that failed with ImportError."""
    return failed(IMPORT, message, "cpu", exception="ImportError")
