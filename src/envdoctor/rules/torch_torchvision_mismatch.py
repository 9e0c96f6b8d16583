"""torchvision does not fit the installed torch.

## What it means
torchvision is compiled against one torch release and one CUDA. Beside another torch its operators are missing or fail
to load: "RuntimeError: operator torchvision::nms does not exist". Beside another CUDA it refuses: "Detected that
PyTorch and torchvision were compiled with different CUDA versions" (since 0.16 "different CUDA major versions").

## Why it happens
torch was changed alone (`pip install torch==...`, another index, `--no-deps`), or the two were installed by
two package managers or from two channels, one with CUDA and one without.

## How to be sure
`python -c "import torch, torchvision"` and the versions of both; the METADATA of torchvision names the torch it was
built for.

## How to fix
Install the torchvision of this torch, from the same channel; `envdoctor plan` names the command.

## In a file
A torch and a torchvision that no pair of releases joins: `torch==2.6.0 torchvision==0.20.0`, two local versions such as
`+cu118` and `+cu121` side by side, or bounds that leave no pair. An installer refuses them, since the wheels pin each
other; with `--no-deps` the import fails. `torchvision==...` alone over an image of another torch is a warning: that
torch is replaced. A conda file without `pytorch-cuda` may mean conda-forge, where minor releases alone decide.

## Sources
Requires-Dist in the METADATA of the installed torchvision; `torchvision/version.py` and `torch/version.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.partner_fit import misfit, needs_of
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare what torchvision was built for with the torch that is there."""
    found = misfit(machine, matrix, "torchvision")
    if found is not None:
        yield RULE.finding(
            machine, "torchvision", found.message, *found.facts, confidence=found.confidence, when=found.when
        )


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=needs_of("torchvision"),
    fires=(
        Example(
            "torchvision 0.18 beside torch 2.9",
            {"torchvision": "0.18.0+cu121", "torchvision.requires": ["numpy", "torch ==2.3.0"]},
            says="2.3.0",
        ),
        Example("no METADATA: the pair table speaks", {"torchvision": "0.18.0+cu121"}, says="2.3.0"),
        Example(
            "a CPU torchvision beside a CUDA torch",
            {"torchvision": "0.24.1+cpu", "torchvision.requires": ["torch==2.9.1"]},
            says="without CUDA",
        ),
        Example(
            "a CUDA torchvision beside a CPU torch",
            {
                "torch": "2.9.1+cpu",
                "torchvision": "0.24.1+cu128",
                "torchvision.requires": ["torch==2.9.1"],
                "gpus": None,
                "driver": None,
            },
            says="12.8",
        ),
        Example(
            "another CUDA major", {"torchvision": "0.24.1+cu130", "torchvision.requires": ["torch==2.9.1"]}, says="13.0"
        ),
        Example(
            "a published wheel beside the torch of an NGC container",
            {
                "torch": "2.6.0a0+ecf3bae40a.nv25.01",
                "torch.provenance": "ngc",
                "torch.cuda": "12.8",
                "torchvision": "0.20.1+cu124",
                "torchvision.requires": ["torch==2.5.1"],
            },
            severity=Severity.WARNING,
            says="another builder",
        ),
        Example(
            "a ROCm torchvision beside a CUDA torch",
            {"torchvision": "0.24.1+rocm6.4", "torchvision.requires": ["torch==2.9.1"]},
            says="built for ROCm",
        ),
        Example(
            "its operators are not there",
            smoked(failed("nms", "operator torchvision::nms does not exist", "cpu")),
            says="torchvision was built for another torch",
        ),
    ),
    quiet=(
        Example(
            "the partner of the same channel", {"torchvision": "0.24.1+cu128", "torchvision.requires": ["torch==2.9.1"]}
        ),
        Example(
            "another minor of the same CUDA major, which torchvision accepts",
            {"torchvision": "0.24.1+cu126", "torchvision.requires": ["torch==2.9.1"]},
        ),
        Example(
            "the open pin of 0.29.2",
            {
                "torch": "2.14.1+cu130",
                "driver": "580.95.05 13.0",
                "torchvision": "0.29.2+cu132",
                "torchvision.requires": ["torch>=2.14.0"],
            },
        ),
        Example("a torch newer than the matrix", {"torch": "9.9.0+cu128", "torchvision": "9.9.0+cu128"}),
        Example(
            "a source build",
            {
                "torch": "2.6.0a0+ecf3bae40a",
                "torch.provenance": "ngc",
                "torch.cuda": "12.8",
                "torchvision": "0.20.0a0",
                "torchvision.requires": ["torch"],
            },
        ),
        Example(
            "a rebuild of conda-forge",
            {
                "torch": "2.5.1.post303",
                "torch.provenance": "conda-forge",
                "torch.cuda": "12.6",
                "torchvision": "0.20.1",
                "torchvision.requires": ["torch==2.5.1"],
            },
        ),
        Example("no torchvision", {}),
    ),
)
