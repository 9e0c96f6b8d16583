"""The processor lacks instructions that this release of torch uses without asking for them.

## What it means
torch chooses its kernels by what the processor has, and runs on old ones: no AVX, no AVX2 is no defect by itself.
Some releases hold newer instructions outside of those kernels. Python then ends with "Illegal instruction (core
dumped)", signal 4 (SIGILL), exit code 132, and no traceback:

- torch 2.10.0 and 2.4.0 for Linux on Arm need the atomic instructions of ARMv8.1 at `import torch`; Raspberry Pi 4,
  Jetson Nano and TX2 and AWS A1 (Cortex-A53, A57, A72) have none.
- torch 2.6.0 for Linux on Arm needs them in `torch.jit.script` and the ONNX export.
- torch 2.1.0 to 2.1.2 need SSE4.1 at `import torch`; Phenom, Athlon II and Turion II have none, nor have QEMU's CPU
  models `qemu64` and `kvm64`.
- torch 1.6.0 needs AVX in functions such as `torch.cumsum` and `torch.max`.
- torch 1.0 to 1.3 take QEMU's default CPU for one with AVX2 in functions such as `torch.randn`.

## Why it happens
A compiler flag reached files outside of the chosen kernels, or a bundled library (oneDNN, Arm Compute Library,
mimalloc) was built for newer processors. In a virtual machine the processor may have the instructions and the guest
not see them.

## How to be sure
`grep -m1 -E "flags|Features" /proc/cpuinfo` shows what the system sees; `python -X faulthandler -c "import torch"`
prints where it ends.

## How to fix
Take another release: 2.11.0 for 2.10.0, 2.7.0 for 2.6.0, 2.4.1 or 2.3.1 for 2.4.0, 2.0.1 for 2.1, 1.5.1 for 1.6.0.
In a virtual machine give the guest the host's processor: `-cpu host` for QEMU, `<cpu mode="host-passthrough"/>` for
libvirt, type `host` in Proxmox.

## Sources
pytorch#174344 and pytorch#176993 (2.10.0), pytorch#146792 (2.6.0), pytorch#132032 (2.4.0), pytorch#116623 (2.1),
pytorch#43300 and pytorch#43551 (1.6.0), pytorch#22338 (QEMU).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Severity
from envdoctor.model.smoke import IMPORT, Status, TestResult
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

LOADS, RUNS = "torch does not load", "some functions end the program"


class Need(NamedTuple):
    """What releases for an architecture need: one of `flags`, and what happens `when` none is there.

    Flags that only processors with the first one have stand beside it, so that a list that leaves one out does no harm.
    """

    releases: tuple[str, ...]
    architecture: str
    flags: tuple[str, ...]
    called: str
    when: str
    where: str
    model: str = ""
    """What the processor's name must begin with."""


ATOMICS = ("atomics", "asimdhp", "asimddp", "sve")  # all of ARMv8.2 and later, which has the atomics of 8.1
ARMV8_1 = "the atomic instructions of ARMv8.1"

NEEDS = (
    Need(("2.10.0", "2.4.0"), "aarch64", ATOMICS, ARMV8_1, LOADS, "at import torch"),
    Need(("2.6.0",), "aarch64", ATOMICS, ARMV8_1, RUNS, "in torch.jit.script and the ONNX export"),
    Need(("2.1.0", "2.1.1", "2.1.2"), "x86_64", ("sse4_1", "sse4_2", "avx"), "SSE4.1", LOADS, "at import torch"),
    Need(("1.6.0",), "x86_64", ("avx", "avx2"), "AVX", RUNS, "in functions such as torch.cumsum"),
    Need(
        ("1.0.0", "1.0.1", "1.0.1.post2", "1.1.0", "1.2.0", "1.3.0", "1.3.1"),
        "x86_64", ("avx", "avx2"), "AVX2", RUNS, "in functions such as torch.randn", model="QEMU Virtual CPU",
    ),
)  # fmt: skip
"""The releases of which it is known, with what was reported: silence on all others."""

SAME_BUILDS = frozenset({"pypi", "pytorch-index", "conda-pytorch"})
"""The reports are of wheels and of the packages of the conda channel pytorch."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Compare the processor with what is known of the installed release."""
    torch = machine.torch
    if torch is None or torch.provenance not in SAME_BUILDS or machine.text("host.os") != "linux":
        return
    for need in NEEDS:
        if torch.release not in need.releases or machine.text("cpu.architecture") != need.architecture:
            continue
        has = machine.items("cpu.flags") if machine.value("cpu.flags") is not None else None
        if has is None or any(flag in has for flag in need.flags):
            continue
        model = machine.told("cpu.model")
        if not (model or "").startswith(need.model):
            continue
        yield RULE.finding(
            machine,
            "torch",
            f"torch {torch.text} needs {need.called} {need.where}, and this processor{f' ({model})' if model else ''} "
            "has none: Python ends there with an illegal instruction.",
            "torch.version", "cpu.model", "cpu.flags", "cpu.architecture",
            when=need.when,
        )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=("torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.os",
           "cpu.architecture", "cpu.flags", "cpu.model"),
    fires=(
        Example(
            "torch 2.10.0 on a Raspberry Pi 4",
            {
                "torch": "2.10.0+cpu", "host.platform": "linux-aarch64", "cpu.architecture": "aarch64",
                "cpu.model": "Cortex-A72", "cpu.flags": ["asimd"],
            },
            says="Cortex-A72",
        ),
        Example(
            "torch 2.1.2 on a Turion II",
            {"torch": "2.1.2+cu121", "cpu.model": "AMD Turion(tm) II Neo N54L", "cpu.flags": ["popcnt"]},
            says="SSE4.1",
        ),
        Example(
            "torch 2.6.0 on a Raspberry Pi 4",
            {
                "torch": "2.6.0+cpu", "host.platform": "linux-aarch64", "cpu.architecture": "aarch64",
                "cpu.model": "Cortex-A72", "cpu.flags": ["asimd"],
            },
            severity=Severity.WARNING,
            says="torch.jit.script",
        ),
        Example(
            "torch 1.6.0 without AVX",
            {"torch": "1.6.0+cpu", "cpu.model": "AMD Athlon II", "cpu.flags": ["popcnt"], "gpus": None, "driver": None},
            severity=Severity.WARNING,
            says="torch.cumsum",
        ),
        Example(
            "an import that ends with an illegal instruction",
            smoked(TestResult(IMPORT, "cpu", Status.CRASHED, message="the process died of SIGILL (illegal instruction)",
                              signal="SIGILL")),
            says="`import torch` failed with SIGILL: it met an instruction",
        ),
    ),
    quiet=(
        Example("an old processor on which torch works", {"cpu.model": "Intel Core2 Duo", "cpu.flags": ["ssse3"]}),
        Example("SSE4.1 and nothing newer is enough", {"torch": "2.1.2+cu121", "cpu.flags": ["sse4_1"]}),
        Example(
            "torch 2.10.0 on an Arm processor with atomics",
            {
                "torch": "2.10.0+cu128", "host.platform": "linux-aarch64", "cpu.architecture": "aarch64",
                "cpu.model": "Neoverse N1", "cpu.flags": ["asimd", "atomics"],
            },
        ),
        Example("a system that does not list them", {"torch": "2.1.2+cu121", "cpu.flags": None}),
    ),
)  # fmt: skip
