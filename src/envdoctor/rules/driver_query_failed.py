"""The NVIDIA driver is there, and does not answer.

## What it means
NVML or a GPU refused with an error that names no cause, hung, or ended the program that asked.

## Why it happens
In containers: the GPU devices were taken away after the start, for example by `systemctl daemon-reload`
("Unknown Error"). Elsewhere: a GPU that fell into an error state, or a hung driver. On machines with many
GPUs and without persistence mode the driver may take longer than the time allowed.

## How to be sure
Run `nvidia-smi`, and `dmesg | grep -i -e nvrm -e xid`. For a slow driver, `envdoctor check --timeout 60`.

## How to fix
Restart the container, or reboot the machine; `nvidia-smi -pm 1` keeps the driver initialised.

## Sources
NVML API reference, nvmlReturn_t; nvidia-container-toolkit#48.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import MOST_GPUS
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NAMED_ELSEWHERE = frozenset({0, 9, 12, 15, 18})
"""No error, driver not loaded, library not found, GPU lost, version mismatch: other rules speak of these."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Tell a refusal from a hang: a hang alone is a warning, for a slow driver looks the same."""
    cuda_works = machine.is_known("cuda.init") and machine.number("cuda.init") == 0
    trouble = machine.text("driver.trouble")
    if trouble is not None:
        yield RULE.finding(
            machine,
            "driver",
            f"The NVIDIA driver did not answer: {trouble}. What it would have told is not known.",
            "driver.trouble", "nvml.status", "cuda.init",
            severity=Severity.WARNING,
            confidence=Confidence.PROVED,
        )  # fmt: skip
        return
    status = machine.number("nvml.status")
    if status is not None and status not in NAMED_ELSEWHERE:
        effect = "CUDA itself starts" if cuda_works else "CUDA does not start either"
        yield RULE.finding(
            machine,
            "driver",
            f"NVML, the driver's management library, refused with error {status}; {effect}.",
            "nvml.status", "cuda.init", "driver.version",
            severity=Severity.WARNING if cuda_works else Severity.ERROR,
            confidence=Confidence.PROVED,
        )  # fmt: skip
    if not machine.is_known("gpu.count"):
        return
    for index in range(min(machine.number("gpu.count") or 0, MOST_GPUS)):
        name = f"gpu.{index}.status"
        refusal = machine.number(name) if machine.is_known(name) else None
        if refusal is not None and refusal not in NAMED_ELSEWHERE:
            yield RULE.finding(
                machine,
                f"gpu:{index}",
                f"GPU {index} refused the driver's questions with NVML error {refusal}.",
                name,
                severity=Severity.WARNING if cuda_works else Severity.ERROR,
                confidence=Confidence.PROVED,
            )


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=("cuda.init", "driver.trouble", "nvml.status", "gpu.count", "gpu.N.status"),
    fires=(
        Example("Unknown Error, in NVML and in CUDA", {"nvml.status": 999, "cuda.init": 999, "gpus": None}, says="999"),
        Example("NVML refuses and CUDA works", {"nvml.status": 999}, severity=Severity.WARNING),
        Example(
            "NVML hangs",
            {"driver.trouble": "NVML did not answer within 10 s", "gpus": None},
            severity=Severity.WARNING,
            says="10 s",
        ),
    ),
    quiet=(
        Example("a driver that answers", {}),
        Example("no driver to ask", {"nvml.status": None, "cuda.init": None, "gpus": None, "driver": None}),
        Example("a mismatch, which has its own name", {"nvml.status": 18, "cuda.init": 803, "gpus": None}),
    ),
)
