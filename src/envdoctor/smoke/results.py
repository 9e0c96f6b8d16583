"""How a test ended, as a result: from what the child told of it, or from how the child itself ended."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from envdoctor.model.smoke import GOOD, Status, TestResult, result_of
from envdoctor.smoke.cuda_errors import error_name

if TYPE_CHECKING:
    from envdoctor.smoke.endings import Ending
    from envdoctor.smoke.watching import Told

MEDDLED = "wrote into the file descriptor of the results"


def result_told(told: Told, library: str) -> TestResult:
    """Return the result that a child told; what is no result says so."""
    try:
        read = result_of({**told.words, "name": told.test, "device": told.device, "library": library})
    except ValueError:
        message = MEDDLED if told.meddled else "told something that is no result"
        read = TestResult(told.test, told.device, Status.FAILED, library, message=message)
    read = read._replace(
        seconds=None if (read.seconds or 0.0) < 0.0 else _finite(read.seconds),  # of a clock that was meddled with
        error=_finite(read.error),
        bound=_finite(read.bound),
        figures={name: number for name, number in (read.figures or {}).items() if isfinite(number)} or None,
    )
    if told.meddled and read.status in GOOD:
        read = read._replace(status=Status.FAILED, message=MEDDLED)
    if read.status in GOOD:
        return read
    code = told.words.get("error_code")
    return read._replace(
        message=read.message or f"raised {read.exception} without a word",
        cuda_error=error_name(read.text, code if isinstance(code, int) else None),
        output=told.output,
    )


def result_blamed(test: str, device: str, library: str, ending: Ending) -> TestResult:
    """Return the result of a test in which the child ended."""
    return TestResult(
        test,
        device,
        ending.status,
        library,
        message=ending.message,
        cuda_error=error_name(f"{ending.message}\n{ending.output}"),
        signal=ending.signal,
        trace=ending.trace,
        output=ending.output,
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None
