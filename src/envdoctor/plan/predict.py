"""The machine as it would be after a plan, in thought.

What an installer is sure to bring is known from the matrix; what cannot be known before it is there is `Unknown`.
Nothing that the old packages told may stand for the new ones, so facts of a package that is replaced and that
nobody foretells are taken away.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.change import ChangesDriver, Installs, Into, Removes, SetsSearchPath, ShowsGpus
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.plan.files import after
from envdoctor.plan.predict_torch import SOURCE, torch_facts
from envdoctor.plan.rows import package_of

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot

NOT_YET = Unknown("not known before it is installed")
NOT_AGAIN = Unknown("not known before the kernel tests run again")
NOT_OF_IMAGE = Unknown("what else the image holds is not known here")

SMOKE, GOOD = "smoke.tests", {"passed", "skipped", "slow"}

OF_PACKAGES = ("torch.", "torchvision.", "torchaudio.", "triton.", "libraries.", "nvidia.", "numpy.")
OF_ENVIRONMENT = ("packages.", "opencv.", "extensions.", "index.")
OF_SYSTEM = ("python.", "host.libc", "host.version", "cuda.compat", "toolkit.", "compiler.", "env.LD_", "env.PYTHON")
"""Beginnings of the names of facts that belong to packages, to an environment, to the system below it."""

EMPTY: dict[str, Fact] = {
    "packages.installed": Known({}, SOURCE),
    "packages.duplicates": Known([], SOURCE),
    "packages.leftovers": Known([], SOURCE),
    "packages.conda": Absent("a new environment, not conda's"),
    "extensions.packages": Known({}, SOURCE),
    **after.NEW_ENVIRONMENT,
    "opencv.packages": Known({}, SOURCE),
    "nvidia.packages": Known({}, SOURCE),
    "nvidia.clashes": Known([], SOURCE),
    "torch.version": Absent("a new environment"),
    "torch.dependents": Known([], SOURCE),
    "torchvision.version": Absent("a new environment"),
    "torchaudio.version": Absent("a new environment"),
    "triton.version": Absent("a new environment"),
    "cuda.compat": Absent("not counted on"),
}
"""What an environment tells before anything was installed into it."""

KEPT = ("torch.dependents", "torch.kernels")
"""What others demand stays, and `files/after.py` tells of the kernels."""

REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\(?\s*([=~<>!]=?=?)\s*([^,;\s)]+))?")


def predicted(snapshot: Snapshot, plan: Plan, matrix: Matrix) -> Snapshot:
    """Return the snapshot as it would be once every step was carried out; a step without a `change` changes nothing.

    What kernel tests told of the old packages and driver is told no more. Where some did not pass, nothing but running
    them again tells whether they would.
    """
    if any(step.change is not None for step in plan.steps):
        snapshot = _without_kernels(snapshot)
    for step in plan.steps:
        if isinstance(step.change, Installs):
            snapshot = _installed(snapshot, step.change, matrix)
        elif isinstance(step.change, ChangesDriver):
            snapshot = snapshot.having(_driver(snapshot, step.change.version, matrix))
        elif isinstance(step.change, ShowsGpus):
            snapshot = snapshot.having(_visible(snapshot, step.change))
        elif isinstance(step.change, Removes):
            snapshot = snapshot.having(after.removed(snapshot, step.change))
        elif isinstance(step.change, SetsSearchPath):
            snapshot = snapshot.having(after.set_path(snapshot, step.change))
    return snapshot


def _without_kernels(snapshot: Snapshot) -> Snapshot:
    statuses = {str(row.get("status")) for row in snapshot.known_rows(SMOKE)}
    told = {name: fact for name, fact in snapshot.facts.items() if not name.startswith("smoke.")}
    return replace(snapshot, facts={**told, SMOKE: NOT_AGAIN} if statuses - GOOD else told)


def _installed(snapshot: Snapshot, change: Installs, matrix: Matrix) -> Snapshot:
    if change.into is not Into.PRESENT:
        snapshot = after.without_loader(snapshot.having(_elsewhere(snapshot, change.into)))
    wanted = {match[1].lower(): (match[2], match[3]) for match in map(REQUIREMENT.match, change.requirements) if match}
    facts: dict[str, Fact] = {}
    if "torch" in wanted:
        facts |= torch_facts(
            snapshot,
            wanted["torch"][1] or "",
            matrix,
            channel=change.channel,
            cuda=change.cuda,
            of_image=change.into is Into.IMAGE,
        )
    for name in ("torchvision", "torchaudio"):
        if name in wanted:
            version = wanted[name][1]
            facts |= _partner(name, version, matrix) if version else {f"{name}.version": NOT_YET}
    if "numpy" in wanted:
        facts["numpy.version"] = _bounded(*wanted["numpy"])
    elif "torchvision" in wanted and not isinstance(snapshot["numpy.version"], Known):
        facts["numpy.version"] = NOT_YET  # torchvision requires one, of no certain release
    if "triton" in wanted:
        facts["triton.version"] = _bounded(*wanted["triton"])
    forgotten = dict.fromkeys(_foretold_by_nobody(snapshot, facts, wanted), NOT_YET)
    torch = facts if "torch" in wanted else {}
    brought = after.installed(snapshot, change, wanted, torch)
    forgotten = {name: reason for name, reason in forgotten.items() if name in brought.facts}
    changed = brought.having({**forgotten, **facts})
    return changed.having(_records(changed, wanted))


def _foretold_by_nobody(snapshot: Snapshot, facts: dict[str, Fact], wanted: dict[str, tuple[str, str]]) -> list[str]:
    """Name the facts of packages that are replaced which are not among `facts`; what is absent stays so."""
    replaced = tuple(f"{name}." for name in ("torch", "torchvision", "torchaudio") if f"{name}.version" in facts)
    if "torch" in wanted and after.is_other_build(snapshot, facts):
        replaced = (*replaced, "nvidia.")
    return [
        name
        for name, fact in snapshot.facts.items()
        if name.startswith(replaced) and name not in (*facts, *KEPT) and isinstance(fact, Known)
    ]


def _elsewhere(snapshot: Snapshot, into: Into) -> dict[str, Fact]:
    """Return what a new environment tells in the place of this one."""
    image = into is Into.IMAGE
    reason = NOT_OF_IMAGE if image else NOT_YET
    belonging = (*OF_PACKAGES, *OF_ENVIRONMENT, *(OF_SYSTEM if image else ()))
    return {name: reason for name in snapshot.facts if name.startswith(belonging)} | EMPTY


def _records(snapshot: Snapshot, wanted: dict[str, tuple[str, str]]) -> dict[str, Fact]:
    """Return the tables of distributions, with what is named exactly and what torch pins exactly in its place."""
    exact = {name: version for name, (sign, version) in wanted.items() if sign == "=="}
    pins = snapshot.known("torch.requires")
    if "torch" in wanted and isinstance(pins, list):
        for match in filter(None, (REQUIREMENT.match(str(line)) for line in pins)):
            if match[2] == "==" and "*" not in match[3] and match[1].startswith("nvidia-"):
                exact.setdefault(match[1], match[3])
    facts: dict[str, Fact] = {}
    installed, libraries = snapshot.known("packages.installed"), snapshot.known("nvidia.packages")
    if isinstance(installed, dict):
        known = isinstance(libraries, dict)  # else nobody can say which CUDA libraries the new build leaves
        kept = {name: told for name, told in installed.items() if known or not name.startswith(("nvidia-", "cuda-"))}
        facts["packages.installed"] = Known({**kept, **{name: exact[name] for name in sorted(exact)}}, SOURCE)
    if isinstance(libraries, dict):
        pinned: dict[str, Value] = {name: exact[name] for name in sorted(exact) if name.startswith("nvidia-")}
        facts["nvidia.packages"] = Known({**libraries, **pinned}, SOURCE)
    clashes = snapshot.known("nvidia.clashes")
    if isinstance(clashes, list):
        facts["nvidia.clashes"] = Known([_settled(row, exact) for row in clashes], SOURCE)
    recorded = snapshot.known("packages.duplicates")
    if isinstance(recorded, list) and any(isinstance(row, dict) and row.get("name") in exact for row in recorded):
        facts["packages.duplicates"] = Unknown("of two records an installer replaces the one it meets first")
    missing = snapshot.known("libraries.missing")
    if isinstance(missing, list):
        rows = [row for row in missing if not (isinstance(row, dict) and package_of(row) in wanted)]
        facts["libraries.missing"] = Known(rows, SOURCE)
    elif "torch" in wanted:
        facts["libraries.missing"] = Known([], SOURCE)
    return facts


def _settled(row: Value, exact: dict[str, str]) -> Value:
    """Return a clash of two packages over a file with the one that is written anew as its owner."""
    names = row.get("packages") if isinstance(row, dict) else None
    anew = [name for name in names if name in exact] if isinstance(names, list) else []
    return {**row, "owner": anew[-1]} if isinstance(row, dict) and anew else row


def _partner(name: str, version: str, matrix: Matrix) -> dict[str, Fact]:
    release, _, local = version.partition("+")
    row = matrix.partner(name, release)
    digits = local.removeprefix("cu")
    built = f"{digits[:-1]}.{digits[-1]}" if digits.isdigit() and local != digits else None
    pins: list[Value] = [f"torch{row.torch}"] if row and row.torch else []
    return {
        f"{name}.version": Known(version, SOURCE),
        f"{name}.cuda": Known(built, SOURCE) if built else Absent("a build without CUDA"),
        f"{name}.requires": Known(pins, SOURCE),
    }


def _bounded(sign: str | None, version: str | None) -> Fact:
    """Return the version that a requirement leaves: itself, the lowest of `~=`, the major below a whole `<`."""
    if version and sign in ("==", "~=", ">="):
        return Known(version.removesuffix(".*"), SOURCE)
    major = re.fullmatch(r"[1-9][0-9]{0,3}", version or "") if sign == "<" else None
    return Known(str(int(major[0]) - 1), SOURCE) if major else NOT_YET


def _driver(snapshot: Snapshot, version: str, matrix: Matrix) -> dict[str, Fact]:
    """Return what another driver tells once it is loaded: every source of its version says the same, and it answers."""
    told = Known(version, SOURCE)
    before = snapshot.known("driver.version")
    rungs = ("driver.version.proc", "driver.version.sys")  # files that only Linux has
    facts: dict[str, Fact] = {name: told for name in rungs if not isinstance(snapshot[name], Absent)}
    api = matrix.driver_cuda(version)
    facts |= {
        "driver.version": told,
        "driver.version.nvml": told,
        "driver.version.smi": Absent("not asked: NVML answers"),
        "driver.library_version": told,
        "driver.cuda_version": Known(api, SOURCE) if api else Unknown("the matrix does not know this driver branch"),
        "driver.trouble": Absent("a driver that was just installed"),
        "nvml.status": Known(0, SOURCE),
        "cuda.init": Known(0, SOURCE),
    }
    library = snapshot.known("cuda.library")
    if isinstance(snapshot["cuda.compat"], Known):
        return facts  # that libcuda stays where it is
    if isinstance(library, str) and isinstance(before, str) and before:
        facts["cuda.library"] = Known(library.replace(before, version), SOURCE)
    return {**facts, "cuda.library_version": told}


NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


def _visible(snapshot: Snapshot, change: ShowsGpus) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "env.CUDA_VISIBLE_DEVICES": Absent("unset") if change.value is None else Known(change.value, SOURCE),
        "gpu.visible": Known(list(change.visible), SOURCE),
    }
    if change.visible and snapshot.known("cuda.init") == NO_DEVICE:
        facts["cuda.init"] = Known(0, SOURCE)  # it said so because every GPU was hidden
    return facts
