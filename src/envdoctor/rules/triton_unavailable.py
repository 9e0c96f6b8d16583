"""torch.compile needs triton on this GPU, and none is installed.

## What it means
`torch.compile` fails with "Cannot find a working triton installation. Either the package is not installed or it is
too old" (in newer releases TritonMissing). The rest of torch works.

## Why it happens
torch was installed with `--no-deps`, or triton was uninstalled by hand or by another package that replaced it. On
Windows torch asks for no triton and none is published for it there by its makers; packages such as xformers or
liger-kernel may need one all the same.

## How to be sure
`python -c "import triton; print(triton.__version__)"` fails, and `python -m pip check` names the requirement.

## How to fix
Install the release that torch asks for (`python -m pip check` prints it). On Windows: work in WSL2, install the
`triton-windows` of that release, or do without `torch.compile`.

## Sources
Requires-Dist in the METADATA of the installed torch and of the extensions; pytorch#90768, pytorch#136361.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.requirement import applies, named, named_in
from envdoctor.rules.rule import ON_WINDOWS, Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

ANY_TRITON = frozenset({"triton", "pytorch-triton", "triton-nightly", "triton-windows"})
"""Distributions that install the module `triton` for NVIDIA GPUs."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Look for who asks for triton, where there is a GPU on which it would compile."""
    if machine.text("triton.version") is not None:
        return
    torch = machine.torch
    if torch is None or torch.cuda is None:
        return
    lowest = matrix.triton_gpus.capability
    if not any(gpu.capability is None or gpu.capability >= lowest for gpu in machine.visible_gpus):
        return  # nothing there to compile for: code for the CPU needs no triton
    asks = [line for line in named("triton", machine.items("torch.requires")) if applies(line, machine)]
    who, fact = f"torch {torch.text}", "torch.requires"
    if not asks:
        who, asks = _extension_asking(machine)
        fact = "extensions.packages"
    if not asks or ANY_TRITON & set(machine.table("packages.installed")):
        return
    yield RULE.finding(
        machine,
        "triton",
        f"{who} requires {asks[0].partition(';')[0].strip()}, and no triton is installed: torch.compile, and whatever "
        "else compiles for the GPU with it, fails.",
        "triton.version", fact, "torch.version",
        confidence=Confidence.PROVED,
    )  # fmt: skip


def _extension_asking(machine: Machine) -> tuple[str, list[str]]:
    """Return the first extension that requires triton here, and its requirement lines."""
    for name, told in machine.table("extensions.packages").items():
        lines = told.get("requires") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(lines, list):
            continue
        asks = [str(line) for line in lines if named_in(line) == "triton" and applies(str(line), machine)]
        if asks:
            return f"{name} {told.get('version')}", asks
    return "", []


PINNED: dict[str, Value] = {
    "torch.requires": ['triton==3.5.1; platform_system == "Linux" and platform_machine == "x86_64"']
}
WINDOWS: dict[str, Value] = {**PINNED, **ON_WINDOWS}

RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=(
        "triton.version", "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance",
        "torch.requires", "python.version", "host.os", "host.platform", "gpu.count", "gpu.visible", "gpu.N.name",
        "gpu.N.compute_capability", "packages.installed", "extensions.packages",
    ),
    fires=(
        Example("installed without its dependencies", PINNED, severity=Severity.WARNING, says="triton==3.5.1"),
        Example(
            "an extension that needs one on Windows",
            {**WINDOWS, "extensions.packages": {"liger-kernel": {"version": "0.5.2", "requires": ["triton>=2.3.1"]}}},
            severity=Severity.WARNING,
            says="liger-kernel 0.5.2",
        ),
        Example(
            "torch.compile was tried",
            {**PINNED, **smoked(failed("compile", "Cannot find a working triton installation."))},
            says="The kernel test compile failed on",
        ),
    ),
    quiet=(
        Example("the triton that torch pins", {**PINNED, "triton.version": "3.5.1"}),
        Example("Windows, where torch asks for none", WINDOWS),
        Example(
            "an extension that asks for it on Linux alone",
            {
                **WINDOWS,
                "extensions.packages": {
                    "xformers": {"version": "0.0.33", "requires": ['triton; sys_platform == "linux"']}
                },
            },
        ),
        Example(
            "a triton for Windows under its own name",
            {
                **WINDOWS,
                "extensions.packages": {"liger-kernel": {"version": "0.5.2", "requires": ["triton>=2.3.1"]}},
                "packages.installed": {"triton-windows": "3.5.1"},
            },
        ),
        Example("no GPU to compile for", {**PINNED, "gpus": None, "driver": None, "pci.nvidia": []}),
        Example("a GPU too old for it", {**PINNED, "torch": "2.6.0+cu126", "gpus": ["Tesla P100-PCIE-16GB 6.0"]}),
        Example("a torch that asks for none, as on Python 3.12 before 2.4", {
            "torch": "2.3.0+cu121",
            "torch.requires": ['triton==2.3.0; platform_system == "Linux" and python_version < "3.12"'],
            "python.version": "3.12.3", "python.tag": "cp312", "torch.wheel_tags": ["cp312-cp312-linux_x86_64"],
        }),
    ),
)  # fmt: skip
