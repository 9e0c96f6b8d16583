"""What the facts of a paste say where words alone decide nothing; no question here raises `Undecidable`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.rules import cuda_start, wheel_kernels
from envdoctor.rules.said import filled

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix

MOST_GPUS = 64

OTHER_MAKERS = re.compile(
    r"\b(?:Intel|Iris|UHD|Arc|AMD|ATI|Radeon|Vega|FirePro|Matrox|ASPEED|llvmpipe|VMware|VirtualBox|Apple|Mali|Adreno)\b"
    r"|\bgfx\d{3,4}",
    re.IGNORECASE,
)
NVIDIA = re.compile(r"NVIDIA|GeForce|\b(?:[RG]TX|Tesla|Quadro|TITAN|Jetson|MX\d{3}|GT ?\d{3,4})\b", re.IGNORECASE)


def version(machine: Machine, name: str) -> tuple[int, int] | None:
    """Return major and minor of a version that is told."""
    fact = machine.snapshot.known(name)
    found = re.match(r"(\d{1,3})\.(\d{1,3})", fact) if isinstance(fact, str) else None
    return (int(found[1]), int(found[2])) if found else None


def says(machine: Machine, name: str) -> bool:
    """Whether a fact is known to be true."""
    return machine.snapshot.known(name) is True


def in_container(machine: Machine) -> bool:
    """Whether torch runs in a container, as far as is told."""
    return machine.told("host.kind") == "container" or machine.is_known("container.runtime")


def in_wsl(machine: Machine) -> bool:
    """Whether torch runs in WSL2, as far as is told."""
    return machine.told("host.kind") == "wsl2" or says(machine, "host.wsl")


def is_rocm(machine: Machine) -> bool:
    """Whether torch is a build for AMD, or an AMD GPU alone is told."""
    hip = machine.told("torch.hip") is not None
    return hip or (machine.is_known("amd.gpus") and machine.told("torch.cuda") is None and not gpu_names(machine))


def is_cpu_build(machine: Machine) -> bool:
    """Whether the torch that is told has no CUDA."""
    return machine.told("torch.version") is not None and machine.is_absent("torch.cuda") and not is_rocm(machine)


def gpu_names(machine: Machine) -> tuple[str, ...]:
    """The GPUs that are named, of whatever maker."""
    found = (machine.told(f"gpu.{index}.name") for index in range(MOST_GPUS))
    return tuple(name for name in found if name)


def has_only_other_gpus(machine: Machine) -> bool:
    """Whether the hardware that is named is of other makers alone, or it was said that there is none of NVIDIA."""
    if says(machine, "said.no_nvidia_gpu"):
        return True
    named = gpu_names(machine)
    if named:
        return all(OTHER_MAKERS.search(name) and not NVIDIA.search(name) for name in named)
    if machine.told("driver.version") is not None:
        return False
    return machine.told("host.os") == "macos" or machine.is_known("amd.gpus")


def has_gpu(machine: Machine) -> bool:
    """Whether a GPU of NVIDIA, or its driver, is told."""
    return machine.told("driver.version") is not None or bool(gpu_names(machine) and not has_only_other_gpus(machine))


def age_of_gpus(machine: Machine, matrix: Matrix) -> str | None:
    """Say whether a named GPU is "older" or "newer" than what torch was built for; None where neither, or not told."""
    answers = {_age(whole, matrix) for whole in filled.machines(machine, matrix)}
    return answers.pop() if len(answers) == 1 else None


def _age(machine: Machine, matrix: Matrix) -> str | None:
    try:
        beyond = wheel_kernels.reach(machine, matrix)
        if beyond is not None:
            return "newer" if beyond.too_new else "older" if beyond.too_old else None
        seen = wheel_kernels.kernels(machine, matrix)
    except Undecidable:
        return None
    for _, capability in seen.unserved if seen and seen.code.best else ():
        return "older" if seen and capability < seen.lowest else "newer"
    return "newer" if seen and seen.by_old_ptx else None


def serves_every_gpu(machine: Machine, matrix: Matrix) -> bool:
    """Whether torch holds code for every GPU that is named, by its file or the matrix.

    Where its CUDA is told and no release, every release with that CUDA must.
    """
    cuda = version(machine, "torch.cuda")
    tried = [machine]
    if cuda is not None and not machine.is_known("torch.version"):
        named = [one.version for one in matrix.releases for wheel in matrix.wheels(one.version)
                 if wheel.channel == f"cu{cuda[0]}{cuda[1]}"]  # fmt: skip
        facts = [{"torch.version": Known(f"{one}+cu{cuda[0]}{cuda[1]}", "assumed")} for one in dict.fromkeys(named)]
        tried = [Machine(machine.snapshot.having(one), machine.wishes) for one in facts] or tried
    return all(_serves(whole, matrix) for one in tried for whole in filled.machines(one, matrix))


def compiled_for_others(machine: Machine, matrix: Matrix) -> bool:
    """Whether TORCH_CUDA_ARCH_LIST, for which extensions are compiled, leaves out every GPU that is named."""
    asked = re.findall(r"(\d{1,2})\.(\d)[af]?(\+PTX)?", machine.told("env.TORCH_CUDA_ARCH_LIST") or "")
    found = capabilities(machine, matrix)
    built = [(int(major), int(minor), bool(ptx)) for major, minor, ptx in asked]
    served = [one for one in found for major, minor, ptx in built
              if (major, minor) <= one and (ptx or major == one[0])]  # fmt: skip
    return bool(built and found) and not served


def libraries_are_older(machine: Machine, matrix: Matrix) -> bool:
    """Whether a GPU is of a later major CUDA than torch, whose libraries do not know it then."""
    cuda = version(machine, "torch.cuda")
    first = [matrix.first_toolkit(capability) for capability in capabilities(machine, matrix)]
    return cuda is not None and any(one is not None and int(one.partition(".")[0]) > cuda[0] for one in first)


def _serves(machine: Machine, matrix: Matrix) -> bool:
    try:
        seen = wheel_kernels.kernels(machine, matrix)
    except Undecidable:
        return False
    return seen is not None and bool(seen.code.best) and not seen.unserved and not seen.unclear


def capabilities(machine: Machine, matrix: Matrix) -> list[tuple[int, int]]:
    """The compute capabilities of the GPUs that are named, lowest first."""
    found = []
    try:
        gpus = machine.gpus
    except Undecidable:
        return []
    for gpu in gpus:
        model = matrix.gpu(gpu.name or "")
        capability = gpu.capability or (model.capability if model else None)
        if capability:
            found.append(capability)
    return sorted(found)


OLD_SERIES = re.compile(
    r"\b(?:GT|GTX|GTS) ?[2-7]\d{2}M?\b|\bQuadro (?:K\d{3,4}|NVS|FX|[2-6]000\b)|\bTesla [CMSK]\d|\bNVS \d"
)
"""Series up to Kepler, by their names alone."""


def is_of_old_series(machine: Machine) -> bool:
    """Whether a GPU that the matrix does not know is of a series that releases since torch 1.3 leave out."""
    return any(OLD_SERIES.search(name) for name in gpu_names(machine))


def may_have_nvswitch(machine: Machine, matrix: Matrix) -> bool:
    """Whether no GPU that is named rules NVSwitches out."""
    try:
        return cuda_start.may_have_nvswitch(machine, matrix)
    except Undecidable:
        return True


def leaves_every_gpu(machine: Machine) -> bool:
    """Whether CUDA_VISIBLE_DEVICES counts from 0 on, as far as GPUs are told: it hides none of them."""
    asked = machine.told("env.CUDA_VISIBLE_DEVICES")
    entries = [entry.strip() for entry in asked.split(",")] if asked is not None else []
    told = max(1, len(gpu_names(machine)))
    return entries == [str(index) for index in range(len(entries))] and 0 < len(entries) <= told


def has_mixed_cu_packages(machine: Machine, library: str = "") -> bool:
    """Whether packages of one NVIDIA library for two CUDAs are installed side by side."""
    packages = machine.snapshot.known("nvidia.packages")
    suffixes: dict[str, set[str]] = {}
    for name in packages if isinstance(packages, dict) else ():
        found = re.fullmatch(r"nvidia-([a-z0-9-]{2,40}?)(-cu\d{2})?", name)
        if found and library in found[1]:
            suffixes.setdefault(found[1], set()).add(found[2] or "")
    return any(len(found) > 1 for found in suffixes.values())


def texts(machine: Machine) -> list[str]:
    """All that software said in the paste."""
    return [str(row.get("text")) for row in machine.snapshot.known_rows("said.texts")]


def by_plain_pip(machine: Machine) -> bool:
    """Whether torch was installed by pip from its own index, on a system for which that holds CPU builds alone."""
    if machine.told("host.platform") not in ("windows-x86_64", "linux-aarch64", "linux-aarch64-jetson"):
        return False
    rows = [row for row in machine.snapshot.known_rows("said.installs") if "torch" in str(row.get("command"))]
    if not rows and machine.told("host.platform") == "linux-aarch64":
        return is_cpu_build(machine) and _is_a_wheel(machine)  # who asks for CUDA there names its index
    by_pip = [row for row in rows if row.get("tool") in ("pip", "uv")]
    elsewhere = any(row.get("indexes") or "+cu" in str(row.get("command")) for row in by_pip)
    return bool(by_pip) and len(by_pip) == len(rows) and not elsewhere


def _is_a_wheel(machine: Machine) -> bool:
    """Whether torch is a release that pip installed, as far as is told."""
    listed = machine.snapshot.known("packages.conda")
    of_conda = isinstance(listed, dict) and "pytorch" in listed
    return not of_conda and machine.told("torch.provenance") in ("pypi", "pytorch-index")


def asks_for_cuda(machine: Machine) -> bool:
    """Whether CUDA was asked for with torch: by a command, or by a package of conda beside it."""
    rows = machine.snapshot.known_rows("said.installs")
    if any(re.search(r"(?:cudatoolkit|pytorch-cuda)=|[/+]cu\d{2,3}\b|pytorch-gpu", str(row)) for row in rows):
        return True
    listed = machine.snapshot.known("packages.conda")
    return isinstance(listed, dict) and bool({"cudatoolkit", "pytorch-cuda"} & {*listed})


def by_conda(machine: Machine) -> bool:
    """Whether conda was asked for torch."""
    tools = {row.get("tool") for row in machine.snapshot.known_rows("said.installs")
             if "torch" in str(row.get("command"))}  # fmt: skip
    return bool(tools & {"conda", "mamba", "micromamba"})
