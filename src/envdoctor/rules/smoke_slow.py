"""Kernels give the right numbers, and far more slowly than the GPU should.

## What it means
A test of `envdoctor smoke` measured less than 30 % of the operations a second that the maker states for the GPU (for
a copy within its memory: less than 50 % of the bandwidth), or less than 75 % of what the same test reached on this
model before (`--baseline FILE`; 50 % for what goes over the bus, 40 % on the processor). What is set up right is far
above that. Programs work, and take longer than they should.

## Why it happens
A GPU in a slot or behind a riser with a broken link, memory that was retired, a card that was replaced by a lesser
one, clocks that were locked low and left so (`nvidia-smi -lgc`), a library that falls back to a general kernel because
its own for this GPU is missing, or a torch without the right kernels for it.

Not judged are GPUs in MIG mode, virtual GPUs, GPUs shared through MPS or with another process, a power limit below the
default, and a run in which NVML saw the clocks held down: those are told beside the figures.

## How to be sure
Run `envdoctor smoke --full` again with nothing else on the machine, and compare the figures. `nvidia-smi -q -d
CLOCK,PERFORMANCE,POWER` shows clocks and what limits them, `nvidia-smi -q -d PAGE_RETIREMENT,ROW_REMAPPER` the memory.

## How to fix
Release locked clocks (`sudo nvidia-smi -rgc`, `sudo nvidia-smi -rac`), see to cooling and power, and install the torch
that `envdoctor plan` names for this GPU. If another card of the same model in the same place is fast, the card is at
fault. After a change that is meant to be slower, take a new baseline: `envdoctor smoke -o json=FILE`.

## Sources
Peak figures: NVIDIA's product pages by way of the compatibility matrix (`envdoctor matrix show sources`); what holds
clocks down: NVML API reference, nvmlClocksEventReasons.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Evidence, Severity
from envdoctor.model.smoke import ALL_GPUS, Status
from envdoctor.rules import smoke_causes, smoke_speed
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_words import device_in_words, evidence, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke import TestResult

CONDITIONS = "smoke.conditions"
"""What a reader may want to see beside the tests."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find devices on which tests that passed fell below their bound; several of one device are one finding."""
    slow: dict[str, list[TestResult]] = {}
    for result in smoke_speed.judged_speed(machine, matrix):
        if result.status is Status.SLOW:
            slow.setdefault(result.device, []).append(result)
    for device, results in slow.items():
        subject = place(machine, device) if len(results) > 1 else f"{place(machine, device)}/{results[0].name}"
        found = RULE.finding(
            machine,
            subject,
            f"Kernels give the right numbers on {device_in_words(machine, device)} far too slowly: {_told(results)}.",
            confidence=Confidence.PROVED,
        )
        yield replace(found, evidence=(*evidence(machine, results), *_beside(machine, device)))


def _beside(machine: Machine, device: str) -> tuple[Evidence, ...]:
    """Return what was seen of the device meanwhile, and of no other; nothing where nobody watched."""
    if not machine.is_known(CONDITIONS):
        return ()
    rows: list[Value] = [row for row in machine.rows(CONDITIONS) if device in (ALL_GPUS, row.get("device"))]
    return tuple(Evidence(CONDITIONS, rows, one.source) for one in machine.evidence(CONDITIONS)) if rows else ()


def _told(results: list[TestResult]) -> str:
    """Name the tests: what each reached, or what they are where the snapshot calls them slow without a figure."""
    return "; ".join(f"{one.name} reached {one.message}" if one.message else one.name for one in results)


def _run(
    name: str, figures: dict[str, Value], *, device: str = "NVIDIA H200", held: list[Value] | None = None
) -> dict[str, Value]:
    """Describe a machine that ran one test."""
    conditions: dict[str, Value] = {"device": "cuda:0", "samples": 9, "throttle": [*(held or [])], "mps": False}
    return {
        "gpus": [f"{device} 9.0"],
        "smoke.size": "quick",
        "smoke.tests": [{"name": name, "device": "cuda:0", "status": "passed", "figures": figures}],
        "smoke.devices": [{"device": "cuda:0", "gpu": 0, "name": device}],
        "smoke.conditions": [conditions],
    }


SLOW = _run("matmul-bf16", {"tflops": 100.0})


def _before(tflops: float) -> list[Value]:
    figures: Value = {"tflops": tflops}
    return [{"test": "matmul-bf16", "device_name": "NVIDIA H200", "full": False, "figures": figures}]


RULE = Rule(
    judge,
    stage=Stage.RUN,
    needs=tuple(dict.fromkeys((*smoke_speed.NEEDS, *smoke_causes.NEEDS))),
    fires=(
        Example(
            "a fifth of the peak", _run("matmul-bf16", {"tflops": 200.0}),
            severity=Severity.WARNING, says="20% of the 989",
        ),
        Example(
            "memory at a third of its bandwidth", _run("copy-d2d", {"gb_per_s": 1600.0}),
            severity=Severity.WARNING, says="33% of the 4800 GB/s",
        ),
        Example(
            "half of what it reached before",
            {**_run("matmul-bf16", {"tflops": 350.0}), "smoke.baseline": _before(700.0)},
            severity=Severity.WARNING, says="50% of the 700 TFLOP/s of the baseline",
        ),
    ),
    quiet=(
        Example("as fast as it should be", _run("matmul-bf16", {"tflops": 700.0})),
        Example("its clocks were held down", _run("matmul-bf16", {"tflops": 200.0}, held=["hw-thermal"])),
        Example("no figure of this GPU was read", _run("matmul-bf16", {"tflops": 1.0}, device="NVIDIA H100")),
        Example("MIG", {**SLOW, "gpu.0.mig_mode": "on"}),
        Example("a virtual GPU", {**SLOW, "gpu.0.virtualization": "vgpu"}),
        Example("nobody watched its clocks", {**SLOW, "smoke.conditions": []}),
        Example("nothing was measured", _run("matmul-bf16", {})),
        Example("no kernels were run", {}),
    ),
)  # fmt: skip
