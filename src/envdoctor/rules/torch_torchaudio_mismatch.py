"""torchaudio does not fit the installed torch.

## What it means
torchaudio is compiled against one torch release and one CUDA. Beside another torch its operators are missing or fail to
load: "undefined symbol" from libtorchaudio.so. Beside another CUDA it refuses: "Detected that PyTorch and TorchAudio
were compiled with different CUDA versions. PyTorch has CUDA version 11.8 whereas TorchAudio has CUDA version 11.7".

## Why it happens
torch was changed alone (`pip install torch==...`, another index, `--no-deps`), or the two were installed by
two package managers or from two channels, one with CUDA and one without.

## How to be sure
`python -c "import torch, torchaudio"` and the versions of both; the METADATA of torchaudio names the torch it was
built for.

## How to fix
Install the torchaudio of this torch, from the same channel; `envdoctor plan` names the command.

## In a file
A torch and a torchaudio that no pair of releases joins, or a torchvision and a torchaudio that were made for different
torch. An installer refuses them, since the wheels pin torch. A torchaudio whose metadata pin no torch (2.11.0) beside
an older torch is a warning: it installs, and may not load.

## Sources
Requires-Dist in the METADATA of the installed torchaudio; `torchaudio/version.py` and `torch/version.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.partner_fit import misfit, needs_of
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare what torchaudio was built for with the torch that is there."""
    found = misfit(machine, matrix, "torchaudio")
    if found is not None:
        yield RULE.finding(
            machine, "torchaudio", found.message, *found.facts, confidence=found.confidence, when=found.when
        )


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=needs_of("torchaudio"),
    fires=(
        Example(
            "torchaudio 2.3.0 beside torch 2.9",
            {"torchaudio": "2.3.0+cu121", "torchaudio.requires": ["torch==2.3.0"]},
            says="2.3.0",
        ),
        Example(
            "a CPU torchaudio beside a CUDA torch",
            {"torchaudio": "2.9.1+cpu", "torchaudio.requires": ["torch==2.9.1"]},
            says="without CUDA",
        ),
        Example(
            "a published wheel beside the torch of an NGC container",
            {
                "torch": "2.6.0a0+ecf3bae40a.nv25.01",
                "torch.provenance": "ngc",
                "torch.cuda": "12.8",
                "torchaudio": "2.5.1+cu124",
                "torchaudio.requires": ["torch==2.5.1"],
            },
            severity=Severity.WARNING,
            says="another builder",
        ),
        Example(
            "a ROCm torchaudio beside a CUDA torch",
            {"torchaudio": "2.9.1+rocm6.4", "torchaudio.requires": ["torch==2.9.1"]},
            says="built for ROCm",
        ),
        Example(
            "a torchaudio that does not say it is for ROCm, and needs its libraries",
            {
                "torchaudio": "2.9.1",
                "torchaudio.cuda": None,
                "torchaudio.requires": ["torch==2.9.1"],
                "gpu.visible": [],
                "libraries.missing": [{"object": "torchaudio/lib/libtorchaudio.so", "library": "libtorch_hip.so"}],
            },
            says="needs libtorch_hip.so",
        ),
    ),
    quiet=(
        Example(
            "the partner of the same channel", {"torchaudio": "2.9.1+cu128", "torchaudio.requires": ["torch==2.9.1"]}
        ),
        Example(
            "2.11.0, which pins no torch, beside a newer torch",
            {
                "torch": "2.14.1+cu130",
                "driver": "580.95.05 13.0",
                "torchaudio": "2.11.0+cu130",
                "torchaudio.requires": [],
            },
        ),
        Example("no torchaudio", {}),
    ),
)
