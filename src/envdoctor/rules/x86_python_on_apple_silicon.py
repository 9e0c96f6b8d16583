"""The Python of this environment is one for Intel processors and runs on Apple silicon by translation.

## What it means
Rosetta translates Python and every library while they run. torch works, but slower than its arm64 build, without the
GPU of the chip, and never newer than 2.2.2: the wheels for Intel Macs end there, so
`pip install torch==2.5.1` says "Could not find a version that satisfies the requirement".

## Why it happens
The environment was made by an installer for Intel: a conda of "MacOSX-x86_64", a Homebrew below /usr/local, or a
Python from before the computer changed hands with Migration Assistant. A terminal that is opened "using Rosetta", or a
shell started by `arch -x86_64`, makes every universal Python it starts run as x86_64 too.

## How to be sure
`python -c "import platform; print(platform.machine())"` prints `x86_64`, while `sysctl -n hw.optional.arm64` prints
`1`. `sysctl -n sysctl.proc_translated` prints `1` in a terminal that is itself translated.

## How to fix
Make a new environment with an arm64 Python: the universal installer of python.org, Homebrew below /opt/homebrew, or
conda's "MacOSX-arm64" installer (`CONDA_SUBDIR=osx-arm64 conda create -n torch python=3.12`), then install torch
there. An environment cannot be changed from one architecture to the other in place.

## Sources
Apple's developer documentation, "About the Rosetta translation environment" (sysctl.proc_translated); pytorch/pytorch
issue 114602 and the release notes of torch 2.2.0: no builds for macOS x86_64 from 2.3 on; issue 131766, what pip says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.macos_too_old_for_mps import MAC
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Compare the processor with what the interpreter was built for."""
    if machine.text("host.os") != "macos" or machine.text("python.machine") != "x86_64":
        return
    translated = machine.is_known("python.translated") and machine.value("python.translated") is True
    if not translated and machine.text("cpu.architecture") != "arm64":
        return
    torch = machine.torch
    what = f"torch {torch.text} runs translated, on the CPU alone" if torch else "the newest torch for it is 2.2.2"
    yield RULE.finding(
        machine,
        "python",
        f"This Python is built for Intel (x86_64) and the processor is Apple silicon (arm64): {what}.",
        "python.machine", "cpu.architecture", "python.translated", "python.executable",
        confidence=Confidence.PROVED,
    )  # fmt: skip


INTEL: dict[str, Value] = {
    **MAC,
    "host.platform": "macos-x86_64",
    "cpu.architecture": "x86_64",
    "python.machine": "x86_64",
    "torch": "2.2.2",
    "torch.wheel_tags": ["cp311-none-macosx_10_9_x86_64"],
}

RULE = Rule(
    judge,
    stage=Stage.SUPPORT,
    needs=(
        "host.os",
        "python.machine",
        "python.translated",
        "cpu.architecture",
        "torch.version",
        "torch.cuda",
        "torch.hip",
        "torch.channel",
        "torch.provenance",
    ),
    explains=("macos-too-old-for-mps",),
    fires=(
        Example(
            "an Intel conda on an M2",
            {**INTEL, "cpu.architecture": "arm64", "python.translated": True},
            severity=Severity.WARNING,
            says="torch 2.2.2 runs translated",
        ),
        Example(
            "the processor alone tells",
            {**INTEL, "cpu.architecture": "arm64", "torch": None},
            severity=Severity.WARNING,
            says="2.2.2",
        ),
    ),
    quiet=(
        Example("an arm64 Python on Apple silicon", MAC),
        Example("an Intel Python on an Intel Mac", INTEL),
        Example("a machine with Linux", {}),
    ),
)
