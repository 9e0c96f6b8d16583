"""A kernel test computed other numbers than it should.

## What it means
The device ended the computation without an error, and its result differs from a reference by more than rounding can
explain. The reference is computed in float64 on the CPU by other means; the bound is stated in the test, with its
reason. Nothing that is computed this way on this device can be trusted: a training may run for days on it.

## Why it happens
A GPU with faulty memory or arithmetic, overclocked or undervolted; a library of another release than torch was built
with, in whose place it was put; a defect of a library on that very GPU; between GPUs, a PCIe setting (see
p2p-iommu-hang). On the processor: faulty memory, or a defect of the BLAS or the compiler that torch was built with.

## How to be sure
Run `envdoctor smoke --test NAME` several times, the random inputs are fresh in each run (`--seed` with the number of
a report repeats that one). An error at other places each time points to the hardware, the same one each time to the
software. `nvidia-smi -q -d ECC` counts memory errors; `dmesg | grep -i xid` shows what the driver saw.

## How to fix
Take overclocking and undervolting back, and let the GPU's memory be tested (`dcgmi diag -r 3` on servers). Where the
error is the same each time: install the same torch again with `--force-reinstall`, take foreign libraries out of
LD_LIBRARY_PATH, or take another release of torch, and report it to PyTorch with the seed. Until then keep the device
out of use, `CUDA_VISIBLE_DEVICES` with the other ones does it.

## Sources
The result of the test beside its reference; the bounds are of Higham, Accuracy and Stability of Numerical Algorithms,
as the tests say; NVIDIA DCGM user guide, diagnostics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.smoke import Status, TestResult
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_causes import NEEDS
from envdoctor.rules.smoke_examples import passed, smoked
from envdoctor.rules.smoke_words import grouped, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Yield one finding a test, with the error and the bound."""
    for group in grouped(machine, matrix, Status.WRONG_NUMBERS):
        words = quoted(group.first.message) or "the result is not the reference"
        message = f"{group.named} computed wrong numbers{group.where(machine)}: {words}. {_size(group.first)}"
        yield group.finding(RULE, machine, message)


def _size(result: TestResult) -> str:
    """Say how large the error is beside what may be, where both are numbers and were not told."""
    if result.error is None or result.bound is None or f"{result.error:.1e}" in result.message:
        return "What is computed this way there cannot be trusted."
    return (
        f"The largest relative error is {result.error:.1e}, and rounding explains {result.bound:.1e} at most: what is "
        "computed this way there cannot be trusted."
    )


RULE = Rule(
    judge,
    stage=Stage.RUN,
    needs=NEEDS,
    fires=(
        Example(
            "a matrix product that is one percent off",
            smoked(
                TestResult(
                    "matmul-bf16", "cuda:0", Status.WRONG_NUMBERS, "cuBLAS", error=0.01, bound=0.0041,
                    message="4096 of 4096 elements of the product differ from the reference by more than 4.1e-03, "
                    "at most by 1.0e-02",
                )
            ),
            says="differ from the reference by more than 4.1e-03, at most by 1.0e-02. What is computed this way",
        ),
        Example(
            "a sort that is not in order, on the processor",
            smoked(
                passed("start", "cpu"),
                TestResult("sort", "cpu", Status.WRONG_NUMBERS, "torch",
                           message="7 of 4096 elements of the result differ from the reference"),
            ),
            says="The kernel test sort (torch) computed wrong numbers on the CPU: 7 of 4096 elements",
        ),
    ),
    quiet=(
        Example(
            "an error below the bound",
            smoked(TestResult("matmul-bf16", "cuda:0", Status.PASSED, "cuBLAS", error=0.0040, bound=0.0041)),
        ),
        Example("a machine on which no kernel was run", {}),
    ),
)  # fmt: skip
