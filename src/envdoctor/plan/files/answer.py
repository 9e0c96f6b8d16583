"""What answers evidence out of the binaries: search paths, builds of extensions, libraries of the system.

torch itself and its partners are left to `repair`: their builds are known to the matrix.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.model.machine import Undecidable
from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.files import extension_builds
from envdoctor.plan.files.library_path import unshadowing
from envdoctor.plan.files.local_modules import renamed
from envdoctor.plan.files.opencv import without_display
from envdoctor.plan.files.system_packages import conda_package, is_of_system, system_package
from envdoctor.plan.partners import COMPILED_PARTNERS
from envdoctor.plan.rows import Row, package_of, rows, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine, TorchBuild
    from envdoctor.model.plan import Plan
    from envdoctor.plan.solve import Solver

HIDDEN: dict[str, Callable[[str], bool]] = {
    "cudnn-shadowed-by-ld-library-path": lambda library: library.startswith("libcudnn"),
    "cudnn-version-mismatch": lambda library: library.startswith("libcudnn"),
    "nccl-version-conflict": lambda library: library.startswith("libnccl"),
    "cuda-libs-shadowed-by-ld-library-path": lambda library: not library.startswith(("libcudnn", "libnccl")),
}
"""Rules about libraries that another file hides, and which rows of `libraries.shadowed` are theirs."""

PINNED = frozenset({"cudnn-version-mismatch", "nccl-version-conflict"})
"""Rules of which the pins of torch may be the answer, where no folder hides what they bring."""

OF_BUILDS = re.compile(r"lib(c10|cu[a-z]|nccl|nv[A-Zrs]|torch)")
"""How libraries begin that come with a build of torch or with its CUDA, and with no package of a system."""

TORCH_SET = frozenset({"torch", *COMPILED_PARTNERS})


@dataclass(slots=True)
class Answer:
    """Steps to take before packages are changed and after it, other ways out, and the findings that these answer."""

    before: list[Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)
    ways: list[Plan] = field(default_factory=list)
    answered: list[Finding] = field(default_factory=list)


def answer(solver: Solver, causes: list[Finding], *, torch_stays: bool) -> Answer:
    """Answer what can be answered here; without `torch_stays` no extension is built for the torch that is there now."""
    found = Answer()
    _search_paths(solver, causes, found)
    for finding in causes:
        if finding in found.answered:
            continue
        if finding.rule == "missing-libGL":
            _opencv(solver, finding, found)
        elif finding.rule == "torch-shadowed-by-local-module":
            steps, ways = renamed(solver.machine)
            _take(found, finding, [step for step in steps if step not in found.before], before=True)
            found.ways += [way for way in ways if way not in found.ways]
        elif finding.rule == "shared-library-missing":
            _missing(solver, finding, found, torch_stays=torch_stays)
        elif finding.rule in ("abi-undefined-symbol", "glibc-too-old", "libstdcxx-too-old", "ext-arch-missing"):
            _of_build(solver, finding, found, torch_stays=torch_stays)
    return found


def _take(found: Answer, finding: Finding, steps: list[Step], *, before: bool = False) -> None:
    place = found.before if before else found.after
    place += [step for step in steps if step not in place]
    if steps:
        found.answered.append(finding)


def _search_paths(solver: Solver, causes: list[Finding], found: Answer) -> None:
    """Answer every finding about a hidden library in one step: a folder may hide several."""
    machine, hidden = solver.machine, rows(solver.machine.snapshot, "libraries.shadowed")
    chosen: list[Row] = []
    about: list[Finding] = []
    for finding in causes:
        mine = HIDDEN.get(finding.rule)
        theirs = [row for row in hidden if mine and mine(str(row.get("library")))]
        if finding.rule == "libstdcxx-too-old":
            theirs = _runtimes_on_path(solver)
        if any(said(row, "folder") for row in theirs):
            chosen += theirs
            about.append(finding)
        elif finding.rule in PINNED:
            steps = _owners(machine, "libcudnn" if finding.rule.startswith("cudnn") else "libnccl")
            _take(found, finding, steps, before=True)
        elif mine:
            why = "take the folder that the finding names out of LD_LIBRARY_PATH or LD_PRELOAD"
            _take(found, finding, [Step("set-env", Applicability.MANUAL, why)], before=True)
    steps = list(unshadowing(machine, [row for place, row in enumerate(chosen) if row not in chosen[:place]]))
    for finding in about:
        _take(found, finding, steps, before=True)


def _runtimes_on_path(solver: Solver) -> list[Row]:
    """Return rows for a libstdc++ that is too old and comes from a folder of LD_LIBRARY_PATH."""
    path = (solver.machine.told("env.LD_LIBRARY_PATH") or "").split(":")
    entries = {entry.rstrip("/") for entry in path if entry}
    return [
        {**row, "how": "LD_LIBRARY_PATH", "folder": posixpath.dirname(file)}
        for row in rows(solver.machine.snapshot, "libraries.unmet_versions")
        if (file := said(row, "file")) and posixpath.dirname(file) in entries
    ]


def _owners(machine: Machine, library: str) -> list[Step]:
    """Name whom a library belongs to that torch does not bring; none where torch's own package holds it.

    `library` is how its name begins.
    """
    requires = machine.items("torch.requires") if machine.is_known("torch.requires") else []
    pinned = {re.split(r"[=~<>!\[; ]", str(line))[0] for line in requires}
    found = [
        row
        for fact in ("libraries.shadowed", "libraries.loaded")
        for row in rows(machine.snapshot, fact)
        if str(row.get("library")).startswith(library) and said(row, "package") not in pinned
    ]
    for row in found[:1]:
        owner, how, version = said(row, "package"), said(row, "how"), said(row, "version")
        whose = f"which {owner} brings" if owner else "which belongs to no Python package"
        what = f"{row.get('library')}{f' {version}' if version else ''} is taken from {row.get('file')}, {whose}"
        by = f" (found by {how})" if how else ""
        why = f"{what}{by}: have it updated or removed there, or use a torch whose packages bring their own"
        return [Step("change-library", Applicability.MANUAL, why)]
    return []


def _opencv(solver: Solver, finding: Finding, found: Answer) -> None:
    missing = rows(solver.machine.snapshot, "libraries.missing")
    about = [row for row in missing if package_of(row) in (finding.subject, "cv2") or "opencv" in package_of(row)]
    libraries = tuple(dict.fromkeys(str(row.get("library")) for row in about)) or ("libGL.so.1",)
    first, *others = without_display(solver, libraries)
    _take(found, finding, list(first.steps))
    found.ways += others


def _missing(solver: Solver, finding: Finding, found: Answer, *, torch_stays: bool) -> None:
    """A library that is nowhere: the system's by its package manager, that of another build by the right build."""
    machine, subject = solver.machine, finding.subject
    of_it = [row for row in rows(machine.snapshot, "libraries.missing") if package_of(row) == subject]
    entries = [row for row in of_it if said(row, "role") in (None, "entry")] or of_it
    libraries = tuple(dict.fromkeys(str(row.get("library")) for row in entries))
    of_system = tuple(one for one in libraries if is_of_system(one) or not OF_BUILDS.match(one))
    if subject in TORCH_SET:
        of_system = tuple(one for one in of_system if is_of_system(one))
    if of_system:
        conda = conda_package(machine, of_system, solver.installing.order((), None).prefix)
        _take(found, finding, [conda or system_package(machine, of_system, subject)])
    if subject not in TORCH_SET and len(of_system) < len(libraries):
        _of_build(solver, finding, found, torch_stays=torch_stays)


def _of_build(solver: Solver, finding: Finding, found: Answer, *, torch_stays: bool) -> None:
    """A package that goes with another torch, GPU or system than these."""
    subject, torch = finding.subject, _torch(solver)
    if torch is None or not torch_stays:
        return
    if subject in TORCH_SET:
        _of_torch_set(solver, finding, found, torch)
        return
    if ".so" in subject:  # no package: a library that is loaded in the place of the environment's own
        _take(found, finding, _owners(solver.machine, subject), before=True)
        return
    if finding.rule == "ext-arch-missing":
        _take(found, finding, [extension_builds.built_for_gpu(solver, subject, torch)])
        return
    of_system = finding.rule in ("glibc-too-old", "libstdcxx-too-old")
    step = extension_builds.built_here(subject) if of_system else None
    _take(found, finding, [step or extension_builds.built_again(solver, subject, torch)])
    if finding.rule in ("abi-undefined-symbol", "shared-library-missing"):
        found.ways += extension_builds.torch_for(solver, subject)


def _of_torch_set(solver: Solver, finding: Finding, found: Answer, torch: TorchBuild) -> None:
    """What no other build of torch or of a partner mends: no kernels in the very partner, an old C++ runtime."""
    if finding.rule == "libstdcxx-too-old":
        _take(found, finding, [_runtime(solver, finding.subject)])
    elif finding.rule == "ext-arch-missing":
        from envdoctor.plan.repair import has_its_partner

        if has_its_partner(solver, torch, finding.subject):
            _take(found, finding, [extension_builds.built_for_gpu(solver, finding.subject, torch)])


def _runtime(solver: Solver, subject: str) -> Step:
    """Say where a newer libstdc++ comes from, by where the old one lies."""
    machine = solver.machine
    prefix = machine.told("python.prefix")
    files = [said(row, "file") or "" for row in rows(machine.snapshot, "libraries.unmet_versions")]
    of_conda = (machine.told("python.environment") or "").startswith("conda")
    if of_conda and prefix and any(file.startswith(f"{prefix}/") for file in files):
        why = "brings a newer C++ runtime of conda-forge into this environment"
        where = ("--prefix", prefix) if solver.installing.live else ()
        argv = ("conda", "install", *where, "conda-forge::libstdcxx-ng")
        return Step("install-with-conda", Applicability.UNSAFE, why, argv)
    why = (
        f"use a newer release of this system, or an image based on one: the libstdc++ of this one is older than the "
        f"compiler that built {subject}; or take Python and torch from conda-forge, which brings its own"
    )
    return Step("rebuild-image", Applicability.MANUAL, why)


def _torch(solver: Solver) -> TorchBuild | None:
    try:
        return solver.machine.torch
    except Undecidable:
        return None
