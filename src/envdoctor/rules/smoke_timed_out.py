"""A kernel test, or `import torch`, did not end in its time.

## What it means
The test has many times the time that a slow device needs for it, and was ended when that was over. A program that
computes the same most likely hangs there, often with the GPU at 100 % and nothing happening.

## Why it happens
A driver or a GPU in a bad state; data that does not arrive between GPUs (see p2p-iommu-hang); a lock that two libraries
wait for, such as two OpenMP in one process; a file system that does not answer while torch loads; a machine so loaded
that nothing moves. The first start of CUDA on a machine with many GPUs and without persistence mode takes long too.

## How to be sure
`envdoctor smoke --test NAME -v` runs the test alone and prints the Python frames in which it stood. `nvidia-smi` shows
whether the driver answers and who else uses the GPU; `dmesg | grep -i -e xid -e hung` what the system saw.

## How to fix
Mend the cause where one is named. Where the driver does not answer either, reboot. Where the import alone is slow, as
on a network file system, run it once more: the second time the files are at hand. `nvidia-smi -pm 1` keeps the driver
initialised, which shortens the first start.

## Sources
The limits are those of envdoctor's battery (docs/adr/0012-smoke.md); NVIDIA driver README, "nvidia-persistenced".
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
    """Yield one finding for the tests on one device that did not end."""
    for group in grouped(machine, matrix, Status.TIMED_OUT):
        words, at = quoted(group.first.message) or "did not end in its time", frame(group.first)
        meaning = "imports torch" if group.is_import else "computes this there"
        stood = f" It stood in {at}." if at else ""
        message = f"{group.named} {words}{group.where(machine)}.{stood} A program that {meaning} most likely hangs."
        yield group.finding(RULE, machine, message)


RULE = Rule(
    judge,
    stage=Stage.RUN,
    needs=NEEDS,
    fires=(
        Example(
            "a convolution that waits for ever",
            smoked(
                passed("start"),
                TestResult(
                    "convolution", "cuda:0", Status.TIMED_OUT, "cuDNN", message="did not end within 20 s",
                    trace=("/home/me/venv/lib/python3.11/site-packages/torch/nn/functional.py:9 in conv2d",),
                ),
            ),
            says="It stood in torch/nn/functional.py:9 in conv2d.",
        ),
        Example(
            "an import that hangs",
            smoked(TestResult(IMPORT, "cpu", Status.TIMED_OUT, message="did not end within 60 s")),
            says="`import torch` did not end within 60 s.",
        ),
    ),
    quiet=(
        Example("tests that ended", smoked(passed("convolution"))),
        Example(
            "a test that was not reached",
            smoked(TestResult("fft", "cuda:0", Status.SKIPPED, message="the time for the battery was over")),
        ),
        Example("a machine on which no kernel was run", {}),
    ),
)  # fmt: skip
