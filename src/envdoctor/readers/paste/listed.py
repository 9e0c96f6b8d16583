"""Listings of installed packages as the facts that a look at an environment gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.names import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.paste import Package

CONDA_S_OWN = {"pytorch": "torch", "pytorch-gpu": "torch", "pytorch-cpu": "torch"}
"""What conda calls a distribution that Python knows by another name."""

TRITONS = ("triton", "pytorch-triton", "pytorch-triton-rocm", "triton-windows", "pytorch-triton-xpu", "triton-rocm")

ALONE = ("torchvision", "torchaudio", "numpy")
"""Distributions whose version is a fact of its own."""


def package_facts(packages: Sequence[Package], *, whole: bool) -> tuple[dict[str, Fact], dict[str, int]]:
    """Return facts of listed packages, and the line each was read on.

    `whole` where everything that is installed was listed: only then a package that is not named is not there.
    """
    if not packages:
        return {}, {}
    by_pip = {normalised(one.name): one for one in reversed(packages) if one.manager == "pip"}
    by_conda = {one.name.lower(): one for one in reversed(packages) if one.manager == "conda"}
    installed = {CONDA_S_OWN.get(name, name): one for name, one in by_conda.items()} | by_pip
    facts: dict[str, Fact] = {}
    lines: dict[str, int] = {}

    def state(name: str, value: Value, line: int) -> None:
        facts[name] = Known(value, f"packages, line {line}")
        lines[name] = line

    first = min(one.line for one in packages)
    state("packages.installed", {name: one.version for name, one in sorted(installed.items())}, first)
    nvidia = {name: one for name, one in installed.items() if name.startswith(("nvidia-", "cuda-"))}
    if nvidia or whole:
        versions: Value = {name: one.version for name, one in sorted(nvidia.items())}
        state("nvidia.packages", versions, min((one.line for one in nvidia.values()), default=first))
    if by_conda:
        rows: Value = {
            name: {"version": one.version, "build": one.build or None, "channel": one.channel or None}
            for name, one in sorted(by_conda.items())
        }
        state("packages.conda", rows, min(one.line for one in by_conda.values()))
    for name in ALONE:
        if name in installed:
            state(f"{name}.version", installed[name].version, installed[name].line)
        elif whole:
            facts[f"{name}.version"], lines[f"{name}.version"] = Absent(f"{name} is not in the listing"), first
    triton = next((installed[name] for name in TRITONS if name in installed), None)
    if triton is not None:
        state("triton.version", triton.version, triton.line)
    torch = installed.get("torch")
    if torch is not None:
        state("torch.version", torch.version, torch.line)
        if torch.location:
            state("torch.location", f"{torch.location.rstrip('/')}/torch", torch.line)
    return facts, lines
