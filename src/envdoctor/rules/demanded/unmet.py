"""What a machine has of what a policy demands: one answer for each demand, of a property of GPUs one for each GPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.demand import BY_NAME, OF_GPU, PACKAGE, Kind
from envdoctor.model.machine import Undecidable
from envdoctor.rules.demanded.answer import NO_TORCH, Here, Unmet
from envdoctor.rules.demanded.of_host import glibc, limit, share, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

    from envdoctor.model.demand import Demand
    from envdoctor.model.machine import Gpu, Machine

NO_CUDA = "cpu-only-build"

LOST = 15
"""NVML_ERROR_GPU_IS_LOST (nvml.h): such a GPU is counted by nobody who wants to compute."""

LONGEST = 100
"""Characters of a version; what is longer was not written by a packager."""

IN_TORCH = frozenset({"torch", "torchvision", "torchaudio", "channel", "cuda", "cudnn", "nccl"})
"""Keys that an environment without torch answers by that alone."""

LABELS = {
    "python": "Python",
    "numpy": "NumPy",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "nccl": "NCCL",
    "cuda-toolkit": "CUDA toolkit",
    "cuda-driver-api": "CUDA driver API",
}
"""Names of things in a sentence, where the key is not their name."""

ABSENT = {
    "cudnn": "torch would load no cuDNN",
    "nccl": "torch would load no NCCL",
    "cuda-toolkit": "torch would find no CUDA toolkit",
    "driver": "there is no NVIDIA driver",
    "cuda-driver-api": "no libcuda answers",
}
"""What is said where a fact is absent; of a package, that it is not installed."""


def unmet(machine: Machine, demand: Demand) -> Iterator[Unmet | Undecidable]:
    """Yield what does not meet a demand, and of each thing that is not known the reason.

    Demands for kernel tests are answered by `demanded_kernels.py`.
    """
    for found in _here(machine, demand):
        if isinstance(found, Undecidable):
            yield found
            continue
        try:
            met = _meets(found, demand)
        except Undecidable as reason:
            yield reason
            continue
        if not met:
            early = _is_early(found, demand)
            aside = f", a pre-release, which comes before {early}" if early else ""
            evidence = found.evidence or machine.evidence(*found.facts)
            yield Unmet(found.subject, found.words + aside, evidence, found.cause, found.of_gpus)


def _here(machine: Machine, demand: Demand) -> Iterator[Here | Undecidable]:
    name = demand.key
    try:
        if name in OF_GPU:
            yield from _of_gpus(machine, name)
        else:
            yield _one(machine, name) if name in BY_NAME else _package(machine, demand)
    except Undecidable as reason:
        yield reason


def _meets(found: Here, demand: Demand) -> bool:
    """Whether what there is meets a demand. Raises `Undecidable` for a version that PEP 440 cannot read."""
    if found.version is None:
        return False
    key = BY_NAME.get(demand.key)
    if key is not None and key.kind is Kind.NAME:
        return found.version in demand.specifier.split(",")
    if not demand.specifier:
        return True  # any version will do
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(demand.specifier).contains(_read(found), prereleases=True)


def _read(found: Here) -> Version:
    """Read a version. Raises `Undecidable` for one that PEP 440 does not know."""
    from packaging.version import InvalidVersion, Version

    text = found.version or ""
    try:
        if len(text) <= LONGEST:
            return Version(text)
    except InvalidVersion:
        pass
    raise Undecidable(f"{text[:LONGEST]!r} is no version that can be compared", found.facts[0])


def _is_early(found: Here, demand: Demand) -> str | None:
    """Return the release that a version is a pre-release of, where that release would meet the demand.

    Images of NVIDIA hold such builds of torch: 2.9.0a0 and the commit.
    """
    key = BY_NAME.get(demand.key)
    if found.version is None or (key is not None and key.kind is not Kind.VERSION):
        return None
    from packaging.specifiers import SpecifierSet

    version = _read(found)
    released = version.is_prerelease and SpecifierSet(demand.specifier).contains(version.base_version)
    return version.base_version if released else None


def _one(machine: Machine, name: str) -> Here:
    if name == "gpus":
        return _count_of_gpus(machine)
    if name in ("cpus", "memory"):
        return share(machine, name)
    if name in ("shm", "memlock"):
        return limit(machine, name)
    if name == "platform":
        platform = machine.text("host.platform")
        return Here(name, platform, f"this is {platform}", ("host.platform",))
    if name == "glibc":
        return glibc(machine)
    return _version(machine, name)


def _version(machine: Machine, name: str) -> Here:
    """What is one fact: a version, or the channel of the wheel."""
    fact = BY_NAME[name].facts[0]
    version = machine.text(fact)
    label = LABELS.get(name, name)
    if name in IN_TORCH and (name == "torch" or version is None) and machine.text("torch.version") is None:
        return Here(name, None, "torch is not installed", ("torch.version", fact)[: 1 + (name != "torch")], NO_TORCH)
    if version is None:
        return _without(machine, name, fact)
    if name in ("channel", "cuda"):
        build = f"CUDA {version}" if name == "cuda" else version
        return Here(name, version, f"{_torch(machine)} is a build for {build}", (fact, "torch.version"))
    return Here(name, version, f"{label} {version} is here", (fact,))


def _without(machine: Machine, name: str, fact: str) -> Here:
    """What is said of a fact that is absent although torch, where it belongs to torch, is there."""
    if name == "cuda":
        hip = machine.text("torch.hip")
        built = f"for ROCm {hip}" if hip else "without CUDA"
        words, cause = f"{_torch(machine)} was built {built}", None if hip else NO_CUDA
        return Here(name, None, words, ("torch.version", fact), cause)
    if name == "channel":
        return Here(name, None, f"{_torch(machine)} belongs to no wheel channel", ("torch.version", fact))
    words = ABSENT.get(name, f"{LABELS.get(name, name)} is not installed")
    return Here(name, None, words, (fact,), of_gpus=name in ("driver", "cuda-driver-api"))


def _torch(machine: Machine) -> str:
    version = machine.told("torch.version")
    return f"torch {version}" if version else "this torch"


def _package(machine: Machine, demand: Demand) -> Here:
    name, fact = demand.key.removeprefix(PACKAGE), "packages.installed"
    told = machine.table(fact).get(name)
    version = told if isinstance(told, str) else None
    evidence = tuple(replace(one, value={name: version}) for one in machine.evidence(fact))
    words = f"{name} {version} is installed" if version else f"{name} is not installed"
    return Here(demand.subject, version, words, (fact,), evidence=evidence)


def working_gpus(machine: Machine) -> list[Gpu]:
    """Return the GPUs that CUDA programs may see and that were not lost."""
    return [gpu for gpu in machine.visible_gpus if not _is_lost(machine, gpu.index)]


def _is_lost(machine: Machine, index: int) -> bool:
    name = f"gpu.{index}.status"
    return machine.is_known(name) and machine.number(name) == LOST


def _count_of_gpus(machine: Machine) -> Here:
    count = len(working_gpus(machine))
    total = machine.number("gpu.count") or 0
    of = f" of {total}" if total > count else ""
    words = f"CUDA programs may use {count or 'none'}{of}"
    return Here("gpus", str(count), words, ("gpu.count", "gpu.visible"), of_gpus=not count or count < total)


def _of_gpus(machine: Machine, name: str) -> Iterator[Here | Undecidable]:
    """Yield one answer for each GPU that may be used."""
    gpus = working_gpus(machine)
    if not gpus:
        yield Here(name, None, "CUDA programs may use no GPU", ("gpu.count", "gpu.visible"), of_gpus=True)
    for gpu in gpus:
        try:
            yield _of_gpu(machine, name, gpu)
        except Undecidable as reason:
            yield reason


def _of_gpu(machine: Machine, name: str, gpu: Gpu) -> Here:
    fact = BY_NAME[name].facts[0].replace("N", str(gpu.index), 1)
    if machine.value(fact) is None:
        raise Undecidable("the driver does not tell it", fact)
    if name == "gpu-memory":
        count = (machine.number(fact) or 0) << 20
        version, has = str(count), f"{size(count)} of memory"
    else:
        version = machine.text(fact) or ""
        has = f"compute capability {version}"
    label = f", {gpu.name[:60]}," if gpu.name else ""
    return Here(
        f"{gpu.subject}{OF_GPU[name]}", version, f"GPU {gpu.index}{label} has {has}", (fact, f"gpu.{gpu.index}.name")
    )
