"""Repairs that keep the installed torch: its own files, its CUDA libraries, its partners, its triton."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.machine import OFFICIAL
from envdoctor.model.plan import Applicability, Plan, Status, Step, Target
from envdoctor.plan.files.damaged import RULE as DAMAGED
from envdoctor.plan.files.damaged import damaged, requirements
from envdoctor.plan.installers.choose import conda_tool
from envdoctor.plan.partners import COMPILED_PARTNERS, partner_version
from envdoctor.plan.requirements_gone import needs_what_is_gone
from envdoctor.plan.wheel_index import exactly, index_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import TorchBuild
    from envdoctor.plan.installers.order import Order
    from envdoctor.plan.solve import Solver

PARTNER_RULES = frozenset({"torch-torchvision-mismatch", "torch-torchaudio-mismatch"})

BUILD_RULES = frozenset({"abi-undefined-symbol", "ext-arch-missing"})
"""What the binaries tell of a partner that was built for another torch or for other GPUs."""

BY_PINS = frozenset({"cuda-package-pin-broken", "cudnn-version-mismatch", "nccl-version-conflict"})
"""Defects that the versions which torch pins mend."""

TORCH_ITSELF = frozenset({DAMAGED, "python-unsupported"})
"""Defects of which only the same build, put there again by the interpreter that imports it, is the way out."""

CUDA_LIBRARY = re.compile(
    r"nvidia-(cublas|cuda-(cupti|nvrtc|runtime)|cudnn|cufft|cufile|curand|cusolver|cusparse|cusparselt|nccl|nvjitlink"
    r"|nvshmem|nvtx)(-cu\d{2})?"
)
"""Distributions that hold the libraries torch loads; up to CUDA 12 named with the major, from 13 on mostly without."""

FIRST_MAJOR_WITHOUT_TAG = 13  # nvidia-cublas, where CUDA 12 had nvidia-cublas-cu12


class Mend(NamedTuple):
    """What to install and why; `declared` where a project that keeps the environment has to name it from now on."""

    order: Order
    why: str
    declared: bool = False


def repair(solver: Solver, causes: list[Finding], torch: TorchBuild) -> Plan:
    """Keep the installed torch and put right what stands around it; one that is withheld is not kept."""
    release = solver.matrix.release(torch.release)
    if release is not None and release.withheld:
        return solver.wheel_set()
    rules = {finding.rule for finding in causes}
    incomplete = {finding.subject for finding in causes if finding.rule == "shared-library-missing"}
    broken = damaged(solver, causes)
    if rules & (TORCH_ITSELF - {DAMAGED} if broken else TORCH_ITSELF):
        incomplete.add("torch")
    about = {(finding.rule, finding.subject) for finding in causes}
    if ("abi-undefined-symbol", "torch") in about:
        incomplete.add("torch")  # files of two releases in one folder, or libraries that it does not pin
    gone = needs_what_is_gone(solver, broken)
    if gone and not rules & TORCH_ITSELF and ("abi-undefined-symbol", "torch") not in about:
        incomplete.discard("torch")  # its own files are whole: what it requires is enough
    built = {
        finding.subject for finding in causes if finding.rule in BUILD_RULES and finding.subject in COMPILED_PARTNERS
    }
    another = bool(rules & PARTNER_RULES) or not all(has_its_partner(solver, torch, name) for name in built)
    if not torch.official and not (DAMAGED in rules and _lost_its_record(solver, torch)):
        again = conda_again(solver, torch) if rules & TORCH_ITSELF else None
        if again is not None:
            return Plan(Status.SOLVED, None, (again,))
        why = f"torch {torch.text} comes from {torch.provenance}; reinstall it from there, together with its partners"
        return Plan(Status.IMPOSSIBLE, because=(why,))
    mends: tuple[tuple[bool, Callable[[Solver, TorchBuild], Mend | None]], ...] = (
        ("torch" in incomplete, _same_build),
        (another, _partners),
        # A partner of another build is replaced above; one that shares a library with torch is mended with it.
        (bool(incomplete | built) and "torch" not in incomplete and not another and not broken, _partners_again),
        (bool(rules & {"triton-mismatch", "triton-unavailable"}), _triton),
        (bool(rules & BY_PINS) and "torch" not in incomplete, _pins),
        ("mixed-cu-packages" in rules and "torch" not in incomplete, _clashing),
        ("numpy2-abi" in rules, _numpy),
    )
    orders = [mend(solver, torch) for wanted, mend in mends if wanted]
    if "torch" in incomplete:
        orders.insert(1, _what_is_gone(solver, torch, _exact(solver, torch)))
    orders += _damaged(solver, torch, broken, with_torch="torch" in incomplete)
    if gone and "torch" not in incomplete:
        there = _exact(solver, torch) if "torch" in broken else _present(solver, torch)
        orders.append(_what_is_gone(solver, torch, there))
    faulty = {rule.removeprefix("torch-").removesuffix("-mismatch") for rule in rules & PARTNER_RULES}
    if any(not _names(name, orders) for name in faulty):
        return solver.wheel_set()  # no partner for this very torch: the nearest set that holds all of them
    steps = tuple(step for mend in orders if mend for step in _steps(solver, mend))
    if not steps:
        why = f"no partner of torch {torch.text} is known to this matrix ({solver.matrix.revision})"
        if not another and not built:
            why = f"neither torch {torch.text} nor this matrix tells which release of {causes[0].subject} fits it"
        return Plan(Status.IMPOSSIBLE, because=(why,))
    return Plan(Status.SOLVED, _target(solver, torch), steps)


def _lost_its_record(solver: Solver, torch: TorchBuild) -> bool:
    """Whether it is a published build, by the tag in its files, of which only the record is gone."""
    lost = torch.provenance == "unknown" and solver.machine.text("torch.dist_version") is None
    return lost and torch.local is not None and torch.local == torch.channel


def conda_again(solver: Solver, torch: TorchBuild) -> Step | None:
    """Return the step that has conda write its torch anew; None where conda did not install it."""
    if not torch.provenance.startswith("conda") or conda_tool(solver.machine) != "conda":
        return None
    prefix = solver.installing.order((), None).prefix
    where = ("--prefix", prefix) if prefix else ()
    argv = ("conda", "install", *where, "--force-reinstall", f"pytorch={torch.release}")
    why = f"has conda write the files of its torch {torch.release} anew; what else it changes, it lists before it asks"
    return Step("install-with-conda", Applicability.UNSAFE, why, argv)


def put_back(solver: Solver) -> Plan:
    """Install again what is recorded and gone: all that is known of the build is its record."""
    machine = solver.machine
    version, builder = machine.text("torch.dist_version"), machine.text("torch.provenance")
    if version is None or builder not in OFFICIAL:
        why = f"torch {version} comes from {builder}; reinstall it from there, together with its partners"
        return Plan(Status.IMPOSSIBLE, because=(why,))
    public, _, channel = version.partition("+")
    release = solver.matrix.release(public)
    if release is not None and release.withheld:
        return Plan(Status.IMPOSSIBLE, because=(f"torch {version} is gone, and withheld: {release.withheld}",))
    index = index_url(solver.base, channel, machine.platform) if channel else None
    order = solver.installing.order((f"torch=={version}",), index, again=True)
    return Plan(Status.SOLVED, None, (solver.installing.mend(order, f"installs the recorded torch {version} again"),))


def written_anew(solver: Solver, torch: TorchBuild, plan: Plan) -> Plan:
    """Return a plan for the very build that is there as one that an installer does not take for satisfied.

    Its release serves these GPUs by the matrix, and its files do not: they are not those of the release.
    """
    chosen = plan.target
    if chosen is None or (chosen.torch, chosen.channel) != (torch.release, torch.channel) or not torch.official:
        return plan
    order = solver.installing.order((_exact(solver, torch),), _index(solver, torch), again=True)
    why = (
        f"writes the files of torch {torch.text} anew: as published it has code for this GPU, and the files here have"
        " none. Where that changes nothing, the matrix is wrong about this build"
    )
    return replace(plan, steps=(solver.installing.mend(order, why),))


def _same_build(solver: Solver, torch: TorchBuild) -> Mend | None:
    """Reinstall the same build and its CUDA libraries, as far as they are recorded, and nothing else."""
    recorded = solver.machine.table("nvidia.packages") if solver.machine.is_known("nvidia.packages") else {}
    major = (torch.cuda or "").partition(".")[0]
    libraries = {name: str(version) for name, version in recorded.items() if _belongs(name, major)}
    for line in map(str, solver.machine.items("torch.requires")):
        name, version = _pin(line)
        if name in libraries and version:
            libraries[name] = version  # what torch pins, where another version stands in its place
    requirements = [f"{name}=={version}" for name, version in sorted(libraries.items())]
    wanted = (_exact(solver, torch), *requirements)
    why = f"reinstalls torch {torch.text} and the CUDA libraries that stand beside it; other packages stay"
    return Mend(solver.installing.order(wanted, _index(solver, torch), again=True), why)


def _damaged(solver: Solver, torch: TorchBuild, broken: dict[str, str], *, with_torch: bool) -> list[Mend | None]:
    """Reinstall the damaged distributions; with torch itself go its CUDA libraries, which `_same_build` names."""
    major = (torch.cuda or "").partition(".")[0]
    left = {
        name: one for name, one in broken.items() if not (with_torch and (name == "torch" or _belongs(name, major)))
    }
    own, others = requirements(solver, torch, left)
    return [
        Mend(
            solver.installing.order(wanted, index, again=True),
            f"reinstalls {' and '.join(wanted)}, of which files are damaged; other packages stay",
        )
        for wanted, index in ((own, _index(solver, torch)), (others, None))
        if wanted
    ]


def _belongs(name: str, major: str) -> bool:
    """Whether a distribution holds libraries of that CUDA major; leftovers of another are left alone."""
    if not CUDA_LIBRARY.fullmatch(name):
        return False
    tag = name.rpartition("-cu")[2]
    return tag == major if tag.isdigit() else major.isdigit() and int(major) >= FIRST_MAJOR_WITHOUT_TAG


def _what_is_gone(solver: Solver, torch: TorchBuild, requirement: str) -> Mend:
    """Install what torch requires and nothing records any more: the resolver follows the requirements of its own."""
    order = solver.installing.order((requirement,), _index(solver, torch))
    return Mend(order, f"adds the CUDA libraries that torch {torch.text} requires and that are gone altogether")


def _steps(solver: Solver, mend: Mend) -> tuple[Step, ...]:
    if mend.declared:
        return solver.installing.put(mend.order, mend.why)
    return (solver.installing.mend(mend.order, mend.why),)


def _names(name: str, orders: list[Mend | None]) -> bool:
    """Whether a distribution is among what orders install."""
    return any(part.startswith(f"{name}==") for mend in orders if mend for part in mend.order.requirements)


def _pin(line: str) -> tuple[str, str | None]:
    """Return name and exact version of a requirement line; None for a version it does not pin exactly."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return "", None
    versions = [clause.version for clause in requirement.specifier if clause.operator == "=="]
    return requirement.name, versions[0] if versions else None


def _partner_versions(solver: Solver, torch: TorchBuild) -> tuple[str, ...]:
    """Return the requirements on the partners that the environment holds and this torch has."""
    release = solver.matrix.release(torch.release)
    wheel = solver.matrix.wheel(torch.release, torch.channel or "", solver.machine.wheel_platform)
    if release is None or wheel is None:
        return ()
    versions = {name: partner_version(solver.matrix, name, release, wheel) for name in COMPILED_PARTNERS}
    return tuple(
        exactly(name, version, wheel.channel, wheel.platform)
        for name, version in versions.items()
        if version and solver.machine.is_known(f"{name}.version")
    )


def has_its_partner(solver: Solver, torch: TorchBuild, name: str) -> bool:
    """Whether the partner that is there is the very one of this torch."""
    version = solver.machine.told(f"{name}.version")
    return version is not None and f"{name}=={version}" in _partner_versions(solver, torch)


def _partners_again(solver: Solver, torch: TorchBuild) -> Mend | None:
    """Reinstall the partners, of which a file is missing."""
    wanted = _partner_versions(solver, torch)
    if not wanted:
        return None
    order = solver.installing.order(wanted, _index(solver, torch), again=True)
    return Mend(order, f"reinstalls the partners of torch {torch.text}; other packages stay")


def _partners(solver: Solver, torch: TorchBuild) -> Mend | None:
    """Install the partners of the present torch; torch itself is named too, so that it stays what it is."""
    wanted = _partner_versions(solver, torch)
    if not wanted:
        return None
    why = f"installs the partners of torch {torch.text}"
    if any(requirement in _public(solver) for requirement in wanted):
        # The wanted build is called like the present one: an installer would keep that.
        return Mend(solver.installing.order(wanted, _index(solver, torch), again=True), why, declared=True)
    return Mend(solver.installing.order((_present(solver, torch), *wanted), _index(solver, torch)), why, declared=True)


def _public(solver: Solver) -> tuple[str, ...]:
    """Return the present partners as requirements that any build of their release meets."""
    versions = ((name, solver.machine.told(f"{name}.version")) for name in COMPILED_PARTNERS)
    return tuple(f"{name}=={version.partition('+')[0]}" for name, version in versions if version)


def _triton(solver: Solver, torch: TorchBuild) -> Mend | None:
    """Install the triton that torch's own metadata asks for."""
    lines = [str(line) for line in solver.machine.items("torch.requires") if str(line).startswith("triton")]
    if not lines:
        return None
    wanted = lines[0].partition(";")[0].strip()
    order = solver.installing.order((wanted,), _index(solver, torch))
    return Mend(order, f"installs the triton that torch {torch.text} requires")


def _pins(solver: Solver, torch: TorchBuild) -> Mend:
    """Bring the CUDA libraries back to the pins of torch: the resolver compares what its requirements say."""
    order = solver.installing.order((_present(solver, torch),), _index(solver, torch))
    return Mend(order, f"brings the CUDA libraries back to what torch {torch.text} pins; other packages stay")


def _clashing(solver: Solver, torch: TorchBuild) -> Mend | None:
    """Write the files that packages of two CUDA majors share anew from the one of torch's own."""
    shared = {
        str(name)
        for row in solver.machine.items("nvidia.clashes")
        if isinstance(row, dict) and isinstance(names := row.get("packages"), list)
        for name in names
    }
    installed = solver.machine.table("nvidia.packages")
    major = (torch.cuda or "").partition(".")[0]
    wanted = sorted(name for name in shared if name in installed and _belongs(name, major))
    if not wanted:
        return None
    requirements = tuple(f"{name}=={installed[name]}" for name in wanted)
    order = solver.installing.order(requirements, _index(solver, torch), again=True)
    return Mend(order, f"puts the files of the CUDA libraries that torch {torch.text} requires back in their places")


def _numpy(solver: Solver, torch: TorchBuild) -> Mend:
    """Install a NumPy of the series this torch was compiled against."""
    why = f"installs a NumPy 1, which torch {torch.text} was compiled against; a newer torch takes NumPy 2"
    return Mend(solver.installing.order(("numpy<2",), None), why, declared=True)


def _exact(solver: Solver, torch: TorchBuild) -> str:
    """Return the requirement that names this very build on the channel's index."""
    return exactly("torch", torch.release, torch.channel or "cpu", solver.machine.wheel_platform)


def _present(solver: Solver, torch: TorchBuild) -> str:
    """Return the requirement that the torch that is there meets: on the package index no build has a tag.

    Asked for "torch==2.14.1+cu130", an installer would replace the "2.14.1" of the package index by the same build.
    """
    recorded = solver.machine.told("torch.dist_version")
    return f"torch=={torch.release}" if recorded == torch.release else _exact(solver, torch)


def _index(solver: Solver, torch: TorchBuild) -> str | None:
    return index_url(solver.base, torch.channel or "cpu", solver.machine.platform)


def _target(solver: Solver, torch: TorchBuild) -> Target:
    release = solver.matrix.release(torch.release)
    return Target(
        torch=torch.release,
        torchvision=release.torchvision if release else None,
        torchaudio=release.torchaudio if release else None,
        channel=torch.channel or "cpu",
        index_url=_index(solver, torch),
    )
