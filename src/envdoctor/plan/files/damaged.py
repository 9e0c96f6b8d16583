"""Distributions whose files are damaged: put there again in their recorded versions, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.plan.partners import COMPILED_PARTNERS
from envdoctor.plan.rows import rows, said
from envdoctor.plan.wheel_index import exactly

if TYPE_CHECKING:
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import TorchBuild
    from envdoctor.plan.rows import Row
    from envdoctor.plan.solve import Solver

RULE = "package-files-damaged"
FACT = "packages.damaged"
UNUSABLE = frozenset({"missing", "truncated", "unreadable"})
"""What becomes of a file that no program changed on purpose."""


def damaged(solver: Solver, causes: list[Finding]) -> dict[str, str]:
    """Return the damaged distributions that findings are about: name to recorded version.

    Empty where findings rest on something else than the files, as a folder of torch that is gone altogether.
    """
    told = {name: row for row in rows(solver.machine.snapshot, FACT) if (name := said(row, "package"))}
    found: dict[str, str] = {}
    for finding in causes:
        if finding.rule != RULE or all(one.fact != FACT for one in finding.evidence):
            continue
        # One that says torch is not whole may mean a library that its import needs.
        named = [finding.subject] if finding.subject in told else [name for name in told if _is_broken(told[name])]
        found |= {name: version for name in named if (version := said(told[name], "version"))}
    return found


def requirements(
    solver: Solver, torch: TorchBuild, packages: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what to ask of torch's own index, and of the package index."""
    own, others = [], []
    for name, version in sorted(packages.items()):
        if name in ("torch", *COMPILED_PARTNERS):
            channel, platform = torch.channel or "cpu", solver.machine.wheel_platform
            tagged = version if "+" in version else None
            own.append(f"{name}=={tagged}" if tagged else exactly(name, version, channel, platform))
        elif name.startswith(("nvidia-", "triton", "pytorch-triton")):
            own.append(f"{name}=={version}")
        else:
            others.append(f"{name}=={version}")
    return tuple(own), tuple(others)


def _is_broken(row: Row) -> bool:
    files = row.get("files")
    listed = [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []
    return any(one.get("what") in UNUSABLE or one.get("loads") is True for one in listed)
