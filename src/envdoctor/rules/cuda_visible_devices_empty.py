"""CUDA_VISIBLE_DEVICES leaves no GPU visible, or names one that does not exist.

## What it means
CUDA programs started in this environment see no GPU, although the machine has some, or fewer than were named. torch
then says "RuntimeError: No CUDA GPUs are available". Entries after the first one that names no device are ignored.

## Why it happens
The variable was emptied (or set to -1) to keep a program off the GPUs, or it was copied from a machine with more of
them. UUIDs (GPU-..., MIG-...) are those of one machine only, and MIG ones change when the instances are made anew.

## How to be sure
`echo "$CUDA_VISIBLE_DEVICES"` against `nvidia-smi -L`. CUDA counts the fastest GPU as 0, nvidia-smi counts by the bus;
they agree with `CUDA_DEVICE_ORDER=PCI_BUS_ID`.

## How to fix
`unset CUDA_VISIBLE_DEVICES`, or name indexes or UUIDs that exist.

## Sources
CUDA C++ Programming Guide, "CUDA Environment Variables".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NONE_ON_PURPOSE = frozenset({"", "-1", "none", "void", "nodevfiles"})


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Tell "hidden on purpose" from "names what is not there"."""
    asked = machine.text("env.CUDA_VISIBLE_DEVICES")
    if asked is None or not machine.gpus:
        return
    on_purpose = asked.strip().lower() in NONE_ON_PURPOSE
    entries = [entry.strip() for entry in asked.split(",") if entry.strip()]
    named = entries.index("-1") if "-1" in entries else len(entries)  # -1 ends the list on purpose
    if not on_purpose and (machine.visible_gpus and ("MIG-" in asked or len(machine.visible_gpus) >= named)):
        return
    seen = len(machine.visible_gpus)
    if seen:
        message = f"CUDA_VISIBLE_DEVICES names {named} GPUs, and only {seen} of them can be seen."
    else:
        message = f"CUDA_VISIBLE_DEVICES hides every GPU of this machine, which has {len(machine.gpus)}."
    when = "emptied on purpose" if on_purpose else "names what is not there"
    if machine.wishes.require_gpu and not seen:
        when = "a GPU was asked for"
    yield RULE.finding(
        machine,
        "environment",
        message,
        "env.CUDA_VISIBLE_DEVICES", "gpu.count", "gpu.visible",
        when=when,
        confidence=Confidence.PROVED,
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=("env.CUDA_VISIBLE_DEVICES", "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability"),
    fires=(
        Example(
            "hidden on purpose",
            {"env.CUDA_VISIBLE_DEVICES": "", "gpu.visible": []},
            severity=Severity.NOTE,
            says="hides",
        ),
        Example(
            "an index that does not exist",
            {"env.CUDA_VISIBLE_DEVICES": "3", "gpu.visible": []},
            severity=Severity.WARNING,
        ),
        Example(
            "hidden where a GPU was asked for",
            {"env.CUDA_VISIBLE_DEVICES": "-1", "gpu.visible": []},
            require_gpu=True,
        ),
    ),
    quiet=(
        Example("not set", {}),
        Example("names the one GPU there is", {"env.CUDA_VISIBLE_DEVICES": "0"}),
        Example("empty on a machine without GPU", {"env.CUDA_VISIBLE_DEVICES": "", "gpus": None, "driver": None}),
    ),
)
