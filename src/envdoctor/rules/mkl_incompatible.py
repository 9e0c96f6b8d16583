"""conda's MKL has lost a symbol that conda's torch asks of it.

## What it means
`import torch` fails with "ImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent".

## Why it happens
The Linux builds of the conda channel `pytorch` take MKL from the environment and were made with an older one; wheels
of pip carry MKL inside. MKL 2024.1 no longer exports iJIT_NotifyEvent, and those builds ask for `mkl >=2018` only,
so that a fresh solve takes the newest.

## How to be sure
`conda list mkl` prints 2024.1 or newer, and `python -c "import torch"` names the symbol.

## How to fix
`conda install "mkl<2024.1"` in this environment. The channel ended with 2.5.1: newer releases come as wheels by
pip, or from conda-forge, whose builds are made with the MKL they ask for.

## Sources
pytorch#123097; run requirements in pytorch/builder, conda/pytorch-nightly/meta.yaml; the records in conda-meta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import not_imported, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the MKL that conda recorded with the last one that has the symbol."""
    torch = machine.torch
    if torch is None or torch.provenance != "conda-pytorch" or machine.platform != "linux-x86_64":
        return
    affected = matrix.mkl
    record = machine.table("packages.conda").get("mkl")
    mkl = record.get("version") if isinstance(record, dict) else None
    if not isinstance(mkl, str) or older(mkl, affected.broken_from):
        return
    if older(torch.release, affected.first) or older(affected.last, torch.release):
        return
    yield RULE.finding(
        machine,
        "mkl",
        f"conda's torch {torch.text} needs the symbol iJIT_NotifyEvent of MKL, and mkl {mkl} no longer has it (the "
        f"last that has it is older than {affected.broken_from}): `import torch` fails.",
        "packages.conda", "torch.version", "torch.provenance",
    )  # fmt: skip


def _conda(torch: str, mkl: str, channel: str = "conda-pytorch") -> dict[str, Value]:
    """An environment of conda with a CUDA 12.1 build of torch."""
    where = "pytorch" if channel == "conda-pytorch" else "conda-forge"
    return {
        "torch": torch,
        "torch.cuda": "12.1",
        "torch.channel": "cu121",
        "torch.provenance": channel,
        "torch.installer": "conda",
        "python.environment": "conda",
        "packages.conda": {
            "pytorch": {"version": torch, "build": "py3.11_cuda12.1_cudnn8.9.2_0", "channel": where},
            "mkl": {"version": mkl, "build": "0", "channel": "defaults"},
        },
    }


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.platform",
        "packages.conda",
    ),
    fires=(
        Example("the first MKL without the symbol", _conda("2.2.1", "2024.1.0"), says="iJIT_NotifyEvent"),
        Example("the last torch of the channel", _conda("2.5.1", "2025.0.0"), says="2025.0.0"),
        Example(
            "the loader says so",
            {**_conda("2.2.1", "2024.1.0"), **smoked(not_imported("libtorch.so: undefined symbol: iJIT_NotifyEvent"))},
            says="`import torch` failed with",
        ),
    ),
    quiet=(
        Example("the last MKL that has it", _conda("2.2.1", "2024.0.0")),
        Example("conda-forge's build, made with the MKL it asks for", _conda("2.2.1", "2024.1.0", "conda-forge")),
        Example("a wheel, which carries MKL inside", {"packages.conda": {"mkl": {"version": "2024.2.0"}}}),
        Example(
            "a release of the channel that nobody has reported",
            {**_conda("1.8.0", "2024.1.0"), "torch.cuda": "11.1", "torch.channel": "cu111"},
        ),
    ),
)  # fmt: skip
