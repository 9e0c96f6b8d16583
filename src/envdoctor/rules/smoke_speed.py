"""How fast the kernels ran beside what the board is sold for and what it reached before; shared with reports.

Fractions are told wherever there is something to divide by. A test is slow only below a fraction that everything
which is set up right exceeds by far, and only where nothing is known to have held the device down:

- Large matrix products reach well over half of the dense peak on data-centre GPUs; below 0.30 something is wrong.
- A copy within the memory of the GPU reads and writes at most of its bandwidth; below 0.50 something is wrong.
- The same card with the same test repeats itself within a few percent; 0.75 of an earlier run is another state. What
  goes through the host or between GPUs depends on who else uses the bus: 0.50. On a processor, which others share,
  0.40.

int8 and fp8 products are told and not judged: which of cuBLAS's kernels takes int8 depends on the layout, by a factor,
and fp8 is measured with exact sums, which are slower than those that peaks are stated for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.boards import board_name
from envdoctor.model.machine import Undecidable
from envdoctor.model.smoke import ALL_GPUS, Status
from envdoctor.rules import smoke_causes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke import TestResult

NEEDS = (
    "smoke.tests", "smoke.devices", "smoke.conditions", "smoke.baseline", "smoke.size",
    "gpu.N.name", "gpu.N.mig_mode", "gpu.N.virtualization",
)  # fmt: skip
"""The facts that are read here."""

CPU = "cpu"
LEAST_OF_PEAK, LEAST_OF_MEMORY = 0.30, 0.50
LEAST_OF_BASELINE, LEAST_OF_BASELINE_OF_BUS, LEAST_OF_BASELINE_OF_CPU = 0.75, 0.50, 0.40
SAME_LIMIT = 0.99
"""A power limit from this share of the default on is the default: drivers round it."""

PRODUCTS = {
    "matmul-fp32": "fp32",
    "matmul-tf32": "tf32",
    "matmul-fp16": "fp16",
    "matmul-bf16": "bf16",
    "matmul-fp8": "fp8",
    "matmul-int8": "int8",
}
"""Tests of matrix products, with the number type under which the matrix has the peak."""

NOT_JUDGED = ("matmul-int8", "matmul-fp8")
COPY = "copy-d2d"
OVER_THE_BUS = ("copy-h2d", "copy-d2h", "peer-copy", "nccl-all-reduce", "nccl-all-gather", "nccl-single", "gloo")
RATES = {"tflops": "TFLOP/s", "gb_per_s": "GB/s", "bus_gb_per_s": "GB/s"}
"""Figures that are compared, the more the better, with their unit."""

OF_PEAK, OF_BASELINE = "of_peak", "of_baseline"

LEAST_SECONDS = 50e-6
"""A product that the peak would do in less is not judged: starting it takes a good part of that."""


FEW = 0.01
"""Below that share, a percentage without decimals would say nothing."""


class Share(NamedTuple):
    """A rate beside a reference: `fraction` of it was reached, `least` must be, and `words` say what it is."""

    figure: str
    rate: float
    unit: str
    reference: float
    least: float
    words: str

    @property
    def fraction(self) -> float:
        """How much of the reference was reached."""
        return self.rate / self.reference

    @property
    def sentence(self) -> str:
        """What was reached of what."""
        share = f"{self.fraction:.0%}" if self.fraction >= FEW else f"{self.fraction:.2%}"
        small = self.unit == "TFLOP/s" and self.reference < 1
        unit, factor = ("GFLOP/s", 1000) if small else (self.unit, 1)
        told = f"{self.rate * factor:.4g} {unit}, {share} of the {self.reference * factor:.4g} {unit}"
        return f"{told} {self.words}"


def judged_speed(machine: Machine, matrix: Matrix) -> tuple[TestResult, ...]:
    """Return the results with the fractions among their figures, and `SLOW` where one is below its bound.

    What is below and may have been held down keeps its status; its message says what held it. Raises `Undecidable`
    where the snapshot does not tell the results in their shape.
    """
    return tuple(_judged(result, machine, matrix) for result in smoke_causes.results(machine))


def not_judged(machine: Machine, matrix: Matrix) -> tuple[str, ...]:
    """Return, a sentence each, why the speed of a device was not judged; nothing where it was, or none was measured."""
    measured: dict[str, list[str]] = {}
    for result in smoke_causes.results(machine):
        if result.status is Status.PASSED and _rate_of(result):
            measured.setdefault(result.device, []).append(result.name)
    found: list[str] = []
    for device, tests in measured.items():
        held: dict[str, list[str]] = {}
        for test in tests:
            if reason := held_down_by(machine, device, test):
                held.setdefault(reason, []).append(test)
        for reason, names in held.items():
            which = "" if len(names) == len(tests) else f" ({', '.join(names)})"
            found.append(f"The speed of {device}{which} is not judged: {reason}.")
        name = _name(machine, device)
        if device not in (CPU, ALL_GPUS) and name and set(tests) & {*PRODUCTS, COPY} and not matrix.peak(name):
            found.append(f"The matrix has no figures of {name} ({device}): its speed is told and not judged by them.")
    return (*found, *_strange_baseline(machine, measured))


def held_down_by(machine: Machine, device: str, test: str) -> str | None:
    """Return why a slow device would be no defect, None where nothing is known to have held it down.

    A GPU that nobody watched may have been held down by anything.
    """
    if device == CPU:
        return None
    rows = _rows(machine, "smoke.conditions")
    devices = [str(row.get("device")) for row in _rows(machine, "smoke.devices") if row.get("device") != CPU]
    for one in devices if device == ALL_GPUS else [device]:
        reason = _state(machine, one) or _conditions(
            next((row for row in rows if row.get("device") == one), None), test
        )
        if reason:
            return f"{one}: {reason}" if device == ALL_GPUS else reason
    return None


def _judged(result: TestResult, machine: Machine, matrix: Matrix) -> TestResult:
    if result.status is not Status.PASSED:
        return result
    shares = tuple(_shares(result, machine, matrix))
    if not shares:
        return result
    figures = {**(result.figures or {}), **{share.figure: share.fraction for share in shares}}
    told = result._replace(figures=figures)
    short = [share for share in shares if share.fraction < share.least]
    if not short:
        return told
    sentence = "; ".join(share.sentence for share in short)
    held = held_down_by(machine, result.device, result.name)
    if held:
        return told._replace(message=f"{sentence}; not judged: {held}")
    return told._replace(status=Status.SLOW, message=sentence)


def _shares(result: TestResult, machine: Machine, matrix: Matrix) -> Iterator[Share]:
    found = _rate_of(result)
    if found is None:
        return
    key, rate = found
    peak = _peak(result.name, key, machine, result.device, matrix)
    if peak is not None:
        least = LEAST_OF_MEMORY if result.name == COPY else LEAST_OF_PEAK
        if result.name in NOT_JUDGED or _is_small(result, peak):
            least = 0.0
        yield Share(OF_PEAK, rate, RATES[key], peak, least, "that its maker states")
    before = _before(result, key, machine)
    if before is not None:
        least = LEAST_OF_BASELINE_OF_BUS if result.name in OVER_THE_BUS else LEAST_OF_BASELINE
        least = LEAST_OF_BASELINE_OF_CPU if result.device == CPU else least
        yield Share(OF_BASELINE, rate, RATES[key], before, least, "of the baseline")


def _rate_of(result: TestResult) -> tuple[str, float] | None:
    """Return the figure by which a test is judged."""
    figures = result.figures or {}
    return next(((key, figures[key]) for key in RATES if figures.get(key, 0.0) > 0.0), None)


def _peak(test: str, key: str, machine: Machine, device: str, matrix: Matrix) -> float | None:
    """Return what a whole board is sold for; None for a part of one, and where no figure was read."""
    name = _name(machine, device)
    if name is None or not (test in PRODUCTS or test == COPY) or _is_part(machine, device):
        return None
    peak = matrix.peak(name)
    if peak is None:
        return None
    if test == COPY:
        return float(peak.memory) if key == "gb_per_s" else None
    return peak.tflops.get(PRODUCTS[test]) if key == "tflops" else None


def _is_small(result: TestResult, peak: float) -> bool:
    """Whether a product is too small to show the speed of its GPU: one measured where memory or time was short."""
    rows = (result.figures or {}).get("rows")
    return rows is not None and 2 * rows * rows * rows / (peak * 1e12) < LEAST_SECONDS


def _before(result: TestResult, key: str, machine: Machine) -> float | None:
    """Return what the baseline has of this test on a device of that name, in the same sizes."""
    name = board_name(_rows(machine, "smoke.devices"), result.device)
    full = machine.told("smoke.size") == "full"
    rows = (result.figures or {}).get("rows")
    for row in _rows(machine, "smoke.baseline"):
        figures = row.get("figures")
        same = (row.get("test"), row.get("device_name"), row.get("full") is True) == (result.name, name, full)
        if not same or not isinstance(figures, dict) or figures.get("rows") != rows:
            continue
        number = figures.get(key)
        if isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0:
            return float(number)
    return None


def _strange_baseline(machine: Machine, measured: dict[str, list[str]]) -> Iterator[str]:
    """Say that a baseline was taken elsewhere, or in other sizes."""
    rows = _rows(machine, "smoke.baseline")
    devices = _rows(machine, "smoke.devices")
    full = machine.told("smoke.size") == "full"
    if rows and not any(row.get("figures") for row in rows):
        yield "The baseline holds no figures: not compared."
        return
    there = {str(row.get("device_name")) for row in rows}
    here = {name for device in measured if (name := board_name(devices, device))}
    if rows and here and not there & here:
        yield f"The baseline is of {', '.join(sorted(there))}, not of {', '.join(sorted(here))}: not compared."
    elif rows and here and all((row.get("full") is True) != full for row in rows):
        sizes = "without --full" if full else "with --full"
        yield f"The baseline was taken {sizes}, this run was not: not compared."


def _state(machine: Machine, device: str) -> str | None:
    """Return what the look already told: a part of a GPU, or one that is shared with other virtual machines."""
    index = smoke_causes.gpu_of(machine, device)
    if index is None:
        return None
    if machine.told(f"gpu.{index}.mig_mode") == "on":
        return "it is in MIG mode"
    if (machine.told(f"gpu.{index}.virtualization") or "").endswith("vgpu"):
        return "it is a virtual GPU, shared with others"
    return None


def _is_part(machine: Machine, device: str) -> bool:
    return _state(machine, device) is not None


def _conditions(row: dict[str, Value] | None, test: str) -> str | None:
    """Return what NVML saw beside the run that explains a slow test."""
    by_test = row.get("throttled") if row is not None else None
    held = by_test.get(test) if isinstance(by_test, dict) else row.get("throttle") if row is not None else None
    if row is None or not isinstance(held, list):
        return "NVML did not tell what held its clocks down"
    if held:
        return f"its clocks were held down ({', '.join(map(str, held))})"
    limit, default = row.get("power_limit_w"), row.get("power_limit_default_w")
    if isinstance(limit, (int, float)) and isinstance(default, (int, float)) and limit < SAME_LIMIT * default:
        return f"its power is limited to {limit:.0f} of {default:.0f} W"
    if row.get("mps") is True:
        return "programs share it through MPS"
    processes = row.get("processes")
    if isinstance(processes, int) and processes > 1:
        return "another process computed on it"
    return None


def _name(machine: Machine, device: str) -> str | None:
    """Return what NVML calls the board, or else CUDA."""
    index = smoke_causes.gpu_of(machine, device)
    name = machine.told(f"gpu.{index}.name") if index is not None else None
    return name or board_name(_rows(machine, "smoke.devices"), device)


def _rows(machine: Machine, fact: str) -> list[dict[str, Value]]:
    """Return the rows of a fact that only adds to a verdict: of another shape, or not there, they are none."""
    try:
        return machine.rows(fact) if machine.is_known(fact) else []
    except Undecidable:
        return []
