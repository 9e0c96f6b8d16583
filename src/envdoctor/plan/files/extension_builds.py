"""A compiled package that does not go with this torch or this GPU: its matching build, or the torch it was built for.

No address and no file name of a wheel is made up. What is offered is what an installer finds by itself: a release whose
own requirement names this torch, or the sources, compiled here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.serving import capability_of, need_of
from envdoctor.matrix.versions import minor
from envdoctor.model.machine import Undecidable
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.candidates import candidates
from envdoctor.plan.ordering import best
from envdoctor.plan.rows import cuda_major_of, package_of, rows, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.machine import TorchBuild
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.solve import Solver

SOURCES_PUBLISHED = frozenset(
    {
        "causal-conv1d", "flash-attn", "mamba-ssm", "torch-cluster", "torch-scatter", "torch-sparse",
        "torch-spline-conv",
    }
)  # fmt: skip
"""Extensions whose releases on the package index are sources, to be compiled against the torch that is there.

Source: the file lists of these projects on the package index, 2026-11.
"""

WHEEL_BY_ITSELF = "flash-attn"
"""Its setup.py takes the wheel of its own releases for this torch, CUDA, Python and C++ ABI where there is one, and
compiles otherwise (setup.py of flash-attention v2.8.3)."""

BUILT_FOR = re.compile(r"torch (\d+(?:\.\d+){1,2})(?:\+(\w+))?")


def built_again(solver: Solver, package: str, torch: TorchBuild) -> Step:
    """Return the step that brings the build of a package that goes with the present torch."""
    version = version_of(solver, package)
    found = _by_its_requirement(solver, package, torch)
    if found:
        return found
    if package in SOURCES_PUBLISHED and version is not None:
        return _compiled(solver, package, version, torch)
    why = (
        f"build {package} again where torch {torch.text} is installed (in the folder of its sources: `pip install "
        "--no-build-isolation --no-deps --force-reinstall .`), or install the release that its makers publish for "
        f"torch {torch.release}{_for_cuda(torch)}"
    )
    return Step("build-extension", Applicability.MANUAL, why + _string_abi(solver, package))


def built_here(package: str) -> Step:
    """Return the step for a package that was built on a newer system, whose libraries this one does not have."""
    why = (
        f"build {package} on this system (in the folder of its sources: `pip install --no-build-isolation --no-deps "
        "--force-reinstall .`), use an image based on a system as new as the one it was built on, or take it from "
        "conda-forge"
    )
    return Step("build-extension", Applicability.MANUAL, why)


def built_for_gpu(solver: Solver, package: str, torch: TorchBuild) -> Step:
    """Return the step that compiles a package for the visible GPUs: which release holds code for them nobody tells."""
    wanted = sorted({capability_of(gpu, solver.matrix) for gpu in solver.machine.visible_gpus})
    named = ";".join(f"{major}.{small}" for major, small in wanted)
    version = version_of(solver, package)
    why = (
        f"compile {package} for this GPU: with TORCH_CUDA_ARCH_LIST={named} set, where its sources support it, or "
        "install a release of it whose makers name this architecture"
    )
    argv: tuple[str, ...] = ()
    windows = solver.machine.platform.startswith("windows")
    if package in SOURCES_PUBLISHED - {WHEEL_BY_ITSELF} and version is not None and not windows:
        argv = ("env", f"TORCH_CUDA_ARCH_LIST={named}", *_compiled(solver, package, version, torch).argv)
    return Step("build-extension", Applicability.MANUAL, f"{why}. {_compiler(solver, torch)}", argv)


def torch_for(solver: Solver, package: str) -> Iterator[Plan]:
    """Yield the torch that a package was built for, with what comes along, where it serves this machine."""
    version = version_of(solver, package)
    for release, channel, cuda, told in _built_for(solver, package):
        try:
            need = need_of(solver.machine, solver.matrix)
            found = [one for one in candidates(solver.matrix, need, solver.terms) if not one.obstacles]
        except Undecidable:
            return
        same = [one for one in found if _is_release(one, release)] if release else found
        fitting = [one for one in same if one.wheel.channel == channel] if channel else []
        fitting = fitting or [one for one in same if cuda is None or _major(one) == cuda]
        chosen = best(fitting, solver.installed_release, need)
        if chosen is not None and not solver.is_installed(chosen):
            why = f"{package} {version or ''}".strip() + f" {told}, and torch {chosen.version} serves this machine"
            steps = solver.installing.install(chosen)
            yield Plan(Status.SOLVED, solver.installing.target(chosen), steps, because=(why,))
            return


def version_of(solver: Solver, package: str) -> str | None:
    """Return the installed version of a package, without its local part; None where it is not told."""
    for fact in ("libraries.undefined", "extensions.kernels"):
        for row in rows(solver.machine.snapshot, fact):
            told = said(row, "version")
            if package_of(row) == package and told:
                return told.partition("+")[0]
    installed = solver.machine.table("packages.installed") if solver.machine.is_known("packages.installed") else {}
    version = installed.get(package)
    return version.partition("+")[0] if isinstance(version, str) else None


def _by_its_requirement(solver: Solver, package: str, torch: TorchBuild) -> Step | None:
    """Let the installer look for the release that requires this torch, where each release pins its own.

    Such packages are on the package index, beside the default builds of torch alone.
    """
    pinned = _pinned(solver, package)
    release = solver.matrix.release(torch.release)
    platform = solver.machine.wheel_platform
    if pinned is None or pinned == torch.release or release is None or not torch.official:
        return None
    if release.default_channel.get(platform) != torch.channel:
        return None
    order = solver.installing.order((f"torch=={torch.release}", package), None)
    why = (
        f"installs the release of {package} that requires torch {torch.release}, if there is one: the installed one "
        f"requires {pinned}"
    )
    step = solver.installing.mend(order, why)
    return Step(step.kind, step.applicability, step.why, step.argv)  # which release that will be is not known


def _compiled(solver: Solver, package: str, version: str, torch: TorchBuild) -> Step:
    order = solver.installing.order((f"{package}=={version}",), None, again=True, compiled=True)
    itself = (
        " (its setup takes a finished wheel for this torch where there is one)" if package == WHEEL_BY_ITSELF else ""
    )
    why = f"builds {package} {version} anew against torch {torch.text}{itself}; other packages stay"
    needs = _compiler(solver, torch)
    if itself:
        needs = f"Where there is none, it{needs[2:]}"
    step = solver.installing.mend(order, f"{why}. {needs}{_string_abi(solver, package)}")
    applicability = step.applicability if _has_compiler(solver, torch) is not False else Applicability.MANUAL
    return Step("build-extension", applicability, step.why, step.argv, change=step.change)


def _compiler(solver: Solver, torch: TorchBuild) -> str:
    """Say what compiling needs, and whether it is there."""
    if torch.cuda is None:
        return "It needs a C++ compiler"
    needed = f"It needs a C++ compiler and the nvcc of CUDA {minor(torch.cuda)[0]}"
    there = _has_compiler(solver, torch)
    if there is False:
        version = solver.machine.told("toolkit.nvcc_version")
        return f"{needed}; here is {f'that of CUDA {version}' if version else 'none'}"
    return needed


def _has_compiler(solver: Solver, torch: TorchBuild) -> bool | None:
    """Whether an nvcc of torch's CUDA major is there, which torch demands; None where it is not known."""
    machine = solver.machine
    if torch.cuda is None or machine.is_known("toolkit.nvcc_version"):
        version = machine.told("toolkit.nvcc_version")
        return torch.cuda is None or (version or "").partition(".")[0] == torch.cuda.partition(".")[0]
    return False if machine.is_absent("toolkit.nvcc_version") else None


def _string_abi(solver: Solver, package: str) -> str:
    """Say which of two wheels of one release to take, where the C++ ABI of their strings is what differs."""
    abis = [said(row, "string_abi") for row in rows(solver.machine.snapshot, "libraries.undefined")
            if package_of(row) == package]  # fmt: skip
    for abi in filter(None, abis):
        wanted, other = ("TRUE", "new") if abi == "old" else ("FALSE", "old")
        return (
            f". Of wheels that name the ABI take one with cxx11abi{wanted}: this torch has the {other} std::string, "
            f"and the installed build has the {abi} one"
        )
    return ""


def _built_for(solver: Solver, package: str) -> Iterator[tuple[str | None, str | None, int | None, str]]:
    """Yield release, channel and CUDA major of the torch that a package was built for, and who says so."""
    for row in rows(solver.machine.snapshot, "libraries.undefined"):
        match = BUILT_FOR.match(said(row, "built_for") or "")
        if package_of(row) == package and match:
            channel = match[2]
            major = re.match(r"cu(\d\d)", channel or "")
            yield match[1], channel, int(major[1]) if major else None, f"was built for {match[0]}"
    pinned = _pinned(solver, package)
    if pinned is not None:
        yield pinned, None, None, f"requires torch {pinned}"
    for row in rows(solver.machine.snapshot, "libraries.missing"):
        needed = cuda_major_of(row)
        if package_of(row) == package and needed:
            yield None, None, int(needed), f"needs {said(row, 'library')}, of CUDA {needed}"


def _pinned(solver: Solver, package: str) -> str | None:
    """Return the torch release that the installed package requires exactly, None where it leaves a choice."""
    from packaging.requirements import InvalidRequirement, Requirement

    machine = solver.machine
    known = machine.table("extensions.packages") if machine.is_known("extensions.packages") else {}
    entry = known.get(package)
    lines = entry.get("requires") if isinstance(entry, dict) else None
    for line in lines if isinstance(lines, list) else ():
        try:
            required = Requirement(str(line))
        except (InvalidRequirement, RecursionError):
            continue
        exact = [one.version for one in required.specifier if one.operator == "==" and "*" not in one.version]
        if required.name == "torch" and exact:
            return exact[0].partition("+")[0]
    return None


def _is_release(one: Candidate, release: str) -> bool:
    """Whether a candidate is of a release, of which the patch may not be told."""
    return one.release.version == release or one.release.version.startswith(f"{release}.")


def _major(one: Candidate) -> int | None:
    return minor(one.wheel.cuda)[0] if one.wheel.cuda else None


def _for_cuda(torch: TorchBuild) -> str:
    return f" and CUDA {minor(torch.cuda)[0]}" if torch.cuda else ""
