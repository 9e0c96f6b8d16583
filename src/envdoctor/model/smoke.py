"""What kernels proved: one result a test and device, as the battery gives it and a snapshot keeps it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

IMPORT = "import"
"""The name under which `import torch` itself stands among the tests."""

TIME_OVER = "the time for the battery was over"
"""Begins the message of a test that was skipped because the battery had no time left for it."""

ALL_GPUS = "cuda"
"""The device of a test that runs on all GPUs together."""


class Status(Enum):
    """How a test ended (contract, envdoctor.smoke/1).

    `FAILED`: torch raised, or the test broke a rule of the house such as writing without end. `WRONG_NUMBERS`: it
    computed something else than the reference. `CRASHED`: the process died. `SLOW`: right, and far below what the
    device reached before or is sold for.
    """

    PASSED = "passed"
    FAILED = "failed"
    WRONG_NUMBERS = "wrong-numbers"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    SLOW = "slow"
    SKIPPED = "skipped"


GOOD = (Status.PASSED, Status.SKIPPED)


class TestResult(NamedTuple):
    """One test on one device (`cpu`, `cuda:0`, `cuda` for all GPUs together).

    `error` is the largest relative error and `bound` what it may be at most, both None where a test compares exactly
    or did not come to compare. `figures` are what was measured, each with its unit in the name. `message` says in one
    sentence what happened and is empty for what passed in silence.

    The rest is evidence of what went wrong: the Python `exception`, `cuda_error` as the runtime API names it
    (`cudaErrorNoKernelImageForDevice`), the `signal` that ended the process, `trace`, the innermost Python frame last,
    `output`, the end of what it wrote, `warnings` that torch gave, `poisoned` where the CUDA context was lost with it,
    and the `seed` of its random inputs.
    """

    name: str
    device: str
    status: Status
    library: str = ""
    seconds: float | None = None
    error: float | None = None
    bound: float | None = None
    figures: Mapping[str, float] | None = None
    message: str = ""
    exception: str | None = None
    cuda_error: str | None = None
    signal: str | None = None
    trace: tuple[str, ...] = ()
    output: str = ""
    warnings: tuple[str, ...] = ()
    poisoned: bool = False
    seed: int | None = None

    @property
    def text(self) -> str:
        """All the words in which the software told its failure, for who looks for a known one among them."""
        return "\n".join(part for part in (self.exception or "", self.message, *self.warnings, self.output) if part)


def row_of(result: TestResult) -> dict[str, Value]:
    """Return the result as a row of the fact `smoke.tests`, without what it has nothing to say of."""
    row: dict[str, Value] = {}
    for key, value in result._asdict().items():
        if isinstance(value, Status):
            value = value.value
        elif isinstance(value, tuple):
            value = list(value)
        elif key == "figures" and value is not None:
            value = dict(value)
        if value is not False and value not in (None, "", [], {}):  # an error of 0.0 is something to say
            row[key] = value
    return row


def result_of(row: Mapping[str, Value]) -> TestResult:
    """Read a row back. Raises ValueError for what is no such row: a snapshot may have been edited by hand."""
    name, device, status = row.get("name"), row.get("device"), row.get("status")
    if not (isinstance(name, str) and isinstance(device, str) and isinstance(status, str)):
        raise ValueError("no name, device or status")
    told: dict[str, Any] = {}  # type: ignore[explicit-any, unused-ignore]
    for key in ("library", "message", "exception", "cuda_error", "signal", "output"):
        if isinstance(row.get(key), str):
            told[key] = row[key]
    for key in ("seconds", "error", "bound"):
        told[key] = number_in(row.get(key))
    for key in ("trace", "warnings"):
        texts = row.get(key)
        if isinstance(texts, list):
            told[key] = tuple(text for text in texts if isinstance(text, str))
    figures = row.get("figures")
    if isinstance(figures, dict):
        numbers = {key: number_in(value) for key, value in figures.items()}
        told["figures"] = {key: number for key, number in numbers.items() if number is not None}
    told["poisoned"] = row.get("poisoned") is True
    seed = row.get("seed")
    if isinstance(seed, int) and not isinstance(seed, bool):
        told["seed"] = seed
    return TestResult(name, device, Status(status), **told)


def number_in(value: Value) -> float | None:
    """Return a number, None for what is none; JSON has whole ones that no float can be."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
