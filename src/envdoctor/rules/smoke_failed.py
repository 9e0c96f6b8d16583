"""A kernel test ended with an error of torch, or `import torch` did.

## What it means
envdoctor let the examined Python run small computations, each with one library behind it, and torch refused this one.
Programs that compute the same there fail in the same way. A test that does not apply (no such hardware, a number type
that torch lacks, too little memory) is skipped instead, and is no finding.

## Why it happens
Where the words of the error prove a cause that envdoctor knows, that rule stands before this one and is its cause.
Without it: a library that is damaged or of another release, a GPU or a driver in a bad state, a setting such as
`CUDA_LAUNCH_BLOCKING`, `CUBLAS_WORKSPACE_CONFIG` or `TORCH_LOGS` that changes how torch works, or a defect of that
release of torch. A process that writes without end counts as failed too.

## How to be sure
`envdoctor smoke --test NAME -v` runs the test alone, and prints the error whole with the place in torch that raised it.

## How to fix
Mend the cause where one is named. Else run the test a second time, then after a restart of the machine: an error that
goes away was of the state of the GPU or its driver. One that stays: `python -m pip install --force-reinstall` of the
same torch puts its files there again; another release of torch tells whether that one is at fault.

## Sources
What torch raised in the examined interpreter; docs/adr/0012-smoke.md of envdoctor, for how the tests are run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.smoke import IMPORT, Status, TestResult
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_causes import NEEDS
from envdoctor.rules.smoke_examples import failed, not_imported, passed, smoked
from envdoctor.rules.smoke_words import grouped, raised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Yield one finding for the tests that failed with the same words on one device."""
    for group in grouped(machine, matrix, Status.FAILED):
        meaning = (
            "No program of this Python can use torch."
            if group.is_import
            else "Programs that compute this there fail in the same way."
        )
        failed_so = f"{group.named} failed{group.where(machine)}{raised(group.first)}"
        yield group.finding(RULE, machine, f"{failed_so}. {meaning}")


LAUNCH = "CUDA error: unspecified launch failure"
FLOOD = TestResult("sort", "cpu", Status.FAILED, "torch", message="wrote more than 64 MiB of output")

RULE = Rule(
    judge,
    stage=Stage.RUN,
    needs=NEEDS,
    fires=(
        Example(
            "a convolution that cuDNN refuses",
            smoked(
                passed("matmul-fp32", library="cuBLAS"),
                failed("convolution", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", library="cuDNN"),
            ),
            says='(cuDNN) failed on NVIDIA A100-SXM4-80GB (cuda:0) with RuntimeError: "cuDNN error',
        ),
        Example(
            "every test on one GPU ends with the same words",
            smoked(failed("start", LAUNCH), failed("elementwise", LAUNCH), failed("fft", LAUNCH), passed("fft", "cpu")),
            says="3 kernel tests (start, elementwise, fft) failed on NVIDIA A100-SXM4-80GB (cuda:0)",
        ),
        Example("a test that writes without end", smoked(FLOOD), says="on the CPU: wrote more than 64 MiB"),
        Example(
            "an import that fails for want of another package",
            smoked(failed(IMPORT, "No module named 'typing_extensions'", "cpu", exception="ModuleNotFoundError")),
            says="`import torch` failed with ModuleNotFoundError",
        ),
        Example(
            "an import whose cause the loader names",
            smoked(not_imported("libcudnn.so.9: cannot open shared object file: No such file or directory")),
            says="libcudnn.so.9",
        ),
    ),
    quiet=(
        Example("tests that passed", smoked(passed("start"), passed("start", "cpu"))),
        Example(
            "a test that does not apply",
            smoked(TestResult("matmul-fp8", "cuda:0", Status.SKIPPED, message="fp8 came with capability 8.9")),
        ),
        Example("a machine on which no kernel was run", {}),
    ),
)
