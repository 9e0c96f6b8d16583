"""A kernel test ended its process, or `import torch` did.

## What it means
envdoctor runs each test in a process that may die, and this one did: by a signal such as SIGSEGV (an invalid memory
access) or SIGABRT (a library gave up), or because a library ended it. A program that computes the same dies in the same
way, mostly without a Python traceback. The tests after it ran in a fresh process.

## Why it happens
Two libraries that do not fit each other in one process (two OpenMP, two CUDA, an extension built for another torch), a
library that is damaged, a driver in a bad state, faulty memory, or a defect of that release. Where the words of the
process prove a cause that envdoctor knows, that rule stands before this one and is its cause.

## How to be sure
`envdoctor smoke --test NAME -v` runs the test alone and prints the Python frames in which it died, innermost last, and
the end of what it wrote. `python -X faulthandler` prints such frames for any program. A test that dies in company and
not alone dies of the state that another one left behind.

## How to fix
Mend the cause where one is named. Else install the same torch again with `--force-reinstall`, without other libraries
before it: `env -u LD_LIBRARY_PATH -u LD_PRELOAD envdoctor smoke` tells whether one of these variables is at fault.
Where it still dies, try another release of torch, and report it to PyTorch with the frames.

## Sources
The exit status of the process as the system gave it, and the frames that Python's faulthandler wrote; signal(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.smoke import IMPORT, Status, TestResult
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_causes import NEEDS
from envdoctor.rules.smoke_examples import passed, smoked
from envdoctor.rules.smoke_words import frame, grouped, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Yield one finding for the tests on one device that ended in the same way."""
    for group in grouped(machine, matrix, Status.CRASHED):
        meaning = "imports torch" if group.is_import else "computes this there"
        ended = f"{group.named} ended badly{group.where(machine)}{_how(group.first)}"
        yield group.finding(RULE, machine, f"{ended}. A program that {meaning} ends in the same way.")


def _how(result: TestResult) -> str:
    """Say by what it ended, and in which frame."""
    words, at = quoted(result.message) or result.signal, frame(result)
    return "".join(filter(None, (words and f": {words}", at and f", in {at}")))


DIED = "the process died of"

RULE = Rule(
    judge,
    stage=Stage.RUN,
    needs=NEEDS,
    fires=(
        Example(
            "a Fourier transform that ends with a segmentation fault",
            smoked(
                passed("start"),
                TestResult(
                    "fft", "cuda:0", Status.CRASHED, "cuFFT", message=f"{DIED} SIGSEGV (segmentation fault)",
                    signal="SIGSEGV",
                    trace=("/home/me/venv/lib/python3.11/site-packages/torch/fft/__init__.py:12 in rfft",),
                ),
            ),
            says="the process died of SIGSEGV (segmentation fault), in torch/fft/__init__.py:12 in rfft.",
        ),
        Example(
            "a library that ends the process",
            smoked(TestResult("svd", "cpu", Status.CRASHED, "LAPACK", message="ended the process with code 1")),
            says="The kernel test svd (LAPACK) ended badly on the CPU: ended the process with code 1.",
        ),
        Example(
            "an import that aborts",
            smoked(TestResult(IMPORT, "cpu", Status.CRASHED, message=f"{DIED} SIGABRT (abort)", signal="SIGABRT")),
            says="`import torch` ended badly: the process died of SIGABRT (abort). A program that imports torch",
        ),
    ),
    quiet=(
        Example("tests that ended well", smoked(passed("fft"), passed("svd", "cpu"))),
        Example("a machine on which no kernel was run", {}),
    ),
)  # fmt: skip
