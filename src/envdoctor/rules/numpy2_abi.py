"""NumPy 2 is installed beside a torch that was built for NumPy 1.

## What it means
torch itself loads, after the warning "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.0 as
it may crash" and "_ARRAY_API not found". Whatever passes between the two fails: `torch.from_numpy` and
`tensor.numpy()` with "RuntimeError: Numpy is not available", `torch.tensor(array)` with "RuntimeError: Could not
infer dtype of numpy.float32", and with them every DataLoader that collates arrays.

## Why it happens
The binary interface of NumPy changed with 2.0. Wheels of torch before 2.3.0 were compiled against NumPy 1, on
Windows those of 2.3 and 2.4.0 as well, and they ask for no NumPy version: an installer takes the newest.

## How to be sure
`python -c "import torch; print(torch.rand(1).numpy())"` fails, and `python -c "import numpy; print(numpy.__version__)"`
prints 2.0 or newer.

## How to fix
`python -m pip install "numpy<2"` keeps this torch. Or install torch 2.3.0 or newer (on Windows 2.4.1 or newer);
`envdoctor plan` names one for this machine.

## In a file
NumPy 2 is pinned or bounded beside a torch from before its support. NumPy left open beside such a torch is no finding:
a constraint elsewhere mostly bounds it.

## Sources
The NumPy modules that `torch_python` of the wheels looks for; pytorch#107302 (support in 2.3.0), pytorch#131668
(Windows, mended in 2.4.1), pytorch#132179.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older, parts
from envdoctor.rules.rule import ON_WINDOWS, Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the release of torch with the first one that knew NumPy 2, then ask for NumPy."""
    torch = machine.torch
    if torch is None or not torch.official:
        return
    since = matrix.numpy2.since(machine.text("host.os") or "")
    if since is None or not older(torch.release, since):
        return
    numpy = machine.text("numpy.version")
    if numpy is None or parts(numpy.partition(".")[0])[0] < 2:
        return
    system = " on Windows" if machine.text("host.os") == "windows" else ""
    yield RULE.finding(
        machine,
        "numpy",
        f"torch {torch.text} was built for NumPy 1, and numpy {numpy} is installed: `tensor.numpy()` and "
        f"`torch.from_numpy` fail with \"Numpy is not available\". The first release{system} that works with NumPy 2 "
        f"is torch {since}.",
        "numpy.version", "torch.version", "torch.provenance", "host.os",
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.os", "numpy.version",
    ),
    fires=(
        Example("torch 2.2.2 beside NumPy 2.0", {"torch": "2.2.2+cu121", "numpy.version": "2.0.0"}, says="2.3.0"),
        Example(
            "torch 2.4.0 for Windows", {**ON_WINDOWS, "torch": "2.4.0+cu124", "numpy.version": "2.1.3"}, says="2.4.1"
        ),
        Example(
            "a test says so",
            {
                "torch": "2.2.2+cu121", "numpy.version": "2.0.0",
                **smoked(failed("decode-jpeg", "Numpy is not available", "cpu")),
            },
            says="The kernel test decode-jpeg failed on the CPU",
        ),
    ),
    quiet=(
        Example("the last NumPy 1", {"torch": "2.2.2+cu121", "numpy.version": "1.26.4"}),
        Example("the first torch that works with NumPy 2", {"torch": "2.3.0+cu121", "numpy.version": "2.0.0"}),
        Example(
            "the first one for Windows", {**ON_WINDOWS, "torch": "2.4.1+cu124", "numpy.version": "2.1.3"}
        ),
        Example("no NumPy", {"torch": "2.2.2+cu121"}),
        Example(
            "a build of others, which may have been made for NumPy 2",
            {"torch": "2.2.2", "torch.provenance": "conda-forge", "torch.cuda": "12.0", "numpy.version": "2.0.0"},
        ),
    ),
)  # fmt: skip
