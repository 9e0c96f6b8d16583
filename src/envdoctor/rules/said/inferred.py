"""What follows from the few facts of a paste where nobody quotes an error: the commonest cause nothing speaks against.

A look at a machine tells why it has no GPU; a paste tells that `torch.cuda.is_available()` is False, and names a part
of the rest. These are inferences all: each names what it rests on, and is left to be confirmed by what is asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Unknown
from envdoctor.rules.said import questions, questions_of_packages
from envdoctor.rules.said.signs import sign_of
from envdoctor.rules.severity_table import SAID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

AVAILABLE = "said.cuda_available"
LINUX = "linux-x86_64"
"""Where pip's own index has builds with CUDA."""


class Inference(NamedTuple):
    """What is inferred of a paste: the message, the facts it rests on, and the circumstance for its severity."""

    message: str
    facts: tuple[str, ...]
    when: str = SAID


def misses_gpu(machine: Machine) -> bool:
    """Whether the paste is about a GPU that torch does not see."""
    return machine.wishes.require_gpu or questions.says(machine, "said.wants_gpu")


def is_unseen(machine: Machine) -> bool:
    """Whether torch sees no GPU, as the paste tells, and nothing in it names why."""
    if machine.snapshot.known(AVAILABLE) is True or not misses_gpu(machine):
        return False
    signs = [sign_of(text) for text in questions.texts(machine)]
    return not any(sign is not None and sign.rules for sign in signs)


def _is_elsewhere(machine: Machine) -> bool:
    """Whether it was taken on a machine without the GPU it is about."""
    return questions.says(machine, "said.taken_elsewhere")


def _no_driver(machine: Machine) -> bool:
    """Whether the tools that ask for the driver found none."""
    smi = machine.is_absent("driver.version.smi") or machine.is_absent("driver.version")
    return smi or (isinstance(machine.snapshot.facts.get("driver.version"), Unknown) and not _names_gpu(machine))


def _names_gpu(machine: Machine) -> bool:
    return bool(questions.gpu_names(machine)) and not questions.has_only_other_gpus(machine)


def cuda_init_stale(machine: Machine, matrix: Matrix) -> Inference | None:
    """CUDA that is gone since the machine was suspended."""
    del matrix
    if not is_unseen(machine) or not questions.says(machine, "said.after_suspend") or questions.is_cpu_build(machine):
        return None
    return Inference(
        "torch sees no GPU since the machine was suspended: the driver's module nvidia_uvm came back in a stale state.",
        ("said.after_suspend", AVAILABLE, "driver.version"),
    )


def driver_missing(machine: Machine, matrix: Matrix) -> Inference | None:
    """A CUDA build, no driver that a tool could collect, and no other reason."""
    del matrix
    if not is_unseen(machine) or _is_elsewhere(machine) or not _no_driver(machine):
        return None
    if questions.in_container(machine) or questions.in_wsl(machine) or machine.told("torch.cuda") is None:
        return None
    if questions.has_only_other_gpus(machine) or machine.told("host.kind") == "jetson":
        return None
    return Inference(
        f"torch is built for CUDA {machine.told('torch.cuda')} and sees no GPU, and no tool found an NVIDIA driver: it "
        "is not installed, or not loaded. A CUDA toolkit alone is not enough.",
        (AVAILABLE, "torch.cuda", "driver.version", "driver.version.smi"),
    )


def no_nvidia_gpu(machine: Machine, matrix: Matrix) -> Inference | None:
    """A GPU is missed where the only ones that are named are of other makers."""
    del matrix
    if not is_unseen(machine) or not questions.has_only_other_gpus(machine):
        return None
    if machine.told("host.os") == "macos" or questions.is_rocm(machine):
        return None
    named = ", ".join(questions.gpu_names(machine)[:3])
    what = f"The GPU that is named is no NVIDIA GPU ({named})" if named else "There is no NVIDIA GPU"
    return Inference(f"{what}, and CUDA runs on no other.", ("said.no_nvidia_gpu", "gpu.0.name", AVAILABLE))


def no_gpu_in_container(machine: Machine, matrix: Matrix) -> Inference | None:
    """A container in which torch sees no GPU, and in which there is no driver either, as far as is told."""
    del matrix
    if not questions.in_container(machine) or questions.in_wsl(machine) or not is_unseen(machine):
        return None
    started_without = machine.snapshot.known("said.container_gpus") is False
    if questions.is_cpu_build(machine) or not (started_without or not _has_both(machine)):
        return None
    how = "it was started without a request for one" if started_without else "none may have been passed in"
    return Inference(
        f"torch sees no GPU in this container: {how}.",
        ("container.runtime", "said.container_gpus", AVAILABLE, "driver.version"),
    )


def _has_both(machine: Machine) -> bool:
    """Whether a driver and a GPU are told, as where nvidia-smi works."""
    return machine.told("driver.version") is not None and bool(questions.gpu_names(machine))


def wsl_driver(machine: Machine, matrix: Matrix) -> Inference | None:
    """WSL2 in which torch sees no GPU although it is built for one."""
    del matrix
    if not questions.in_wsl(machine) or not is_unseen(machine) or questions.is_cpu_build(machine):
        return None
    if _has_both(machine) and machine.snapshot.known("nvml.status") == 0:
        return None
    return Inference(
        "torch sees no GPU in WSL2: the driver of Windows, or Windows itself, is too old to lend it, or a Linux driver "
        "was installed inside WSL2 in its place.",
        ("host.wsl", AVAILABLE, "driver.version"),
    )


def cuda_visible_devices_empty(machine: Machine, matrix: Matrix) -> Inference | None:
    """A variable that does not name the first GPU, where torch sees none and nobody tells how many there are."""
    del matrix
    asked = machine.told("env.CUDA_VISIBLE_DEVICES")
    first = (asked or "").split(",")[0].strip()
    if asked is None or not is_unseen(machine) or questions.is_cpu_build(machine) or _no_driver(machine):
        return None
    if not re.fullmatch(r"[1-9]\d{0,2}|-1|", first):
        return None
    return Inference(
        f"torch sees no GPU where CUDA_VISIBLE_DEVICES is {asked!r}: the first GPU is 0, and an index that is not "
        "there hides all that follow it.",
        ("env.CUDA_VISIBLE_DEVICES", AVAILABLE, "gpu.count"),
    )


def cpu_only_build(machine: Machine, matrix: Matrix) -> Inference | None:
    """A build without CUDA where a GPU is missed, or a toolkit of CUDA is told and nothing that failed."""
    del matrix
    told = _says_cuda_of_cpu_build(machine) or _lists_gpus(machine) or questions.asks_for_cuda(machine)
    if machine.snapshot.known(AVAILABLE) is True or not (told or is_unseen(machine)):
        return None
    if questions.is_rocm(machine) or questions.has_only_other_gpus(machine) or _is_elsewhere(machine):
        return None
    if not questions.is_cpu_build(machine) or questions.by_plain_pip(machine):
        return None
    return Inference(
        f"torch {machine.told('torch.version')} was built without CUDA: it uses no GPU, whatever the driver and the "
        "toolkit are.",
        ("torch.version", "torch.cuda", "packages.conda", "gpu.0.name", "driver.version"),
    )


def gpu_arch_dropped(machine: Machine, matrix: Matrix) -> Inference | None:
    """A GPU of a series before Maxwell that does not do its work, where the build of torch is not told."""
    names = questions.gpu_names(machine)
    if questions.is_cpu_build(machine) or not names:
        return None
    if not (is_unseen(machine) or questions.texts(machine)):
        return None
    known, told = questions.capabilities(machine, matrix), machine.told("torch.version") or ""
    # "1.3" may be 1.3.1, the first one without 3.5; releases that are told in full are judged by the matrix.
    open_patch = told.count(".") == 1 and (questions.version(machine, "torch.version") or (0, 0)) >= (1, 3)
    if not told and not (known and known[0] < (3, 5)):
        return None
    old = known[0] < ((3, 7) if open_patch else (3, 5)) if known else questions.is_of_old_series(machine)
    if not old or any(sign_of(text) is not None for text in questions.texts(machine)):
        return None
    return Inference(
        f"{names[0]} is of a series that torch has left out of its builds since 0.4 (compute capability 3.0) and 1.3 "
        "(3.5).",
        ("gpu.0.name", "torch.version"),
    )


def _lists_gpus(machine: Machine) -> bool:
    """Whether nvidia-smi lists GPUs, and nothing is told that failed."""
    works = machine.snapshot.known("nvml.status") == 0 and _names_gpu(machine)
    return works and not questions.texts(machine) and machine.snapshot.known(AVAILABLE) is not True


def _says_cuda_of_cpu_build(machine: Machine) -> bool:
    """Whether a CUDA toolkit is told beside a CPU build, and nothing that failed."""
    names = ("toolkit.nvcc_version", "toolkit.home_version")
    toolkit = any(machine.told(name) is not None for name in names)
    return toolkit and not questions.texts(machine) and machine.snapshot.known(AVAILABLE) is not True


def mig(machine: Machine, matrix: Matrix) -> Inference | None:
    """CUDA counts one device on GPUs that are divided."""
    del matrix
    count = machine.snapshot.known("said.device_count")
    listed = [machine.snapshot.known(f"gpu.{index}.mig") for index in range(questions.MOST_GPUS)]
    instances = sum(len(of_one) for of_one in listed if isinstance(of_one, list))
    chosen = machine.told("env.CUDA_VISIBLE_DEVICES") or ""
    divided = machine.told("gpu.0.mig_mode") == "on" or instances > 0 or chosen.startswith("MIG-")
    if not divided or count not in (0, 1) or instances == 1 == count:
        return None
    return Inference(
        f"The GPU is divided by MIG and torch counts {count}: a CUDA process enumerates one instance at most, the "
        "first that CUDA_VISIBLE_DEVICES names.",
        ("gpu.0.mig", "gpu.0.mig_mode", "said.device_count", "env.CUDA_VISIBLE_DEVICES"),
        when="instances that CUDA does not enumerate",
    )


def duplicate_torch_install(machine: Machine, matrix: Matrix) -> Inference | None:
    """Python imports another torch than the one that pip lists."""
    del matrix
    listed = machine.snapshot.known("packages.installed")
    by_pip = str(listed.get("torch") or "") if isinstance(listed, dict) else ""
    imported = machine.told("torch.version") or ""
    if not by_pip or not imported or _public(by_pip) == _public(imported) or machine.is_known("packages.conda"):
        return None
    return Inference(
        f"Python imports torch {imported} and pip lists torch {by_pip}: there are two of them, in different folders.",
        ("torch.version", "packages.installed"),
        when="hides the environment's own",
    )


def conda_pip_mix(machine: Machine, matrix: Matrix) -> Inference | None:
    """Conda and pip list different releases of torch."""
    del matrix
    rows, listed = machine.snapshot.known("packages.conda"), machine.snapshot.known("packages.installed")
    row = rows.get("pytorch") if isinstance(rows, dict) else None
    by_conda = str(row.get("version") or "") if isinstance(row, dict) else ""
    by_pip = str(listed.get("torch") or "") if isinstance(listed, dict) else ""
    if not by_conda or not by_pip or _public(by_conda) == _public(by_pip):
        return None
    return Inference(
        f"conda lists torch {by_conda} and pip torch {by_pip}: each installed its own, and one lies over the other.",
        ("packages.conda", "packages.installed", "torch.version"),
        when="its partners do not load" if _left_behind(machine, rows, by_conda) else "both installed torch",
    )


def _left_behind(machine: Machine, rows: object, torch: str) -> bool:
    """Whether the torchvision that is there is conda's still, for a torch of another release than is imported."""
    row = rows.get("torchvision") if isinstance(rows, dict) else None
    record = str(row.get("version") or "") if isinstance(row, dict) else ""
    imported = machine.told("torch.version") or ""
    stays = bool(record) and _public(machine.told("torchvision.version") or "") == _public(record)
    return stays and torch.split(".")[:2] != imported.split(".")[:2]


def _public(version: str) -> str:
    return version.partition("+")[0]


def torch_torchaudio_mismatch(machine: Machine, matrix: Matrix) -> Inference | None:
    """A published torchaudio beside a torch that NVIDIA built for its own boards and images."""
    del matrix
    return _foreign_partner(machine, "torchaudio")


def torch_torchvision_mismatch(machine: Machine, matrix: Matrix) -> Inference | None:
    """A published torchvision beside a torch that NVIDIA built for its own boards and images."""
    del matrix
    return _foreign_partner(machine, "torchvision")


def _foreign_partner(machine: Machine, partner: str) -> Inference | None:
    builder = machine.told("torch.provenance")
    version = machine.told(f"{partner}.version") or ""
    if builder not in ("jetson", "ngc") or not re.fullmatch(r"\d{1,2}\.\d{1,3}\.\d{1,2}", version):
        return None
    complained = any(partner in text.lower() for text in questions.texts(machine))
    return Inference(
        f"{partner} {version} is a published wheel, beside torch {machine.told('torch.version')} that NVIDIA built "
        f"({builder}): their compiled parts are not made for one another.",
        (f"{partner}.version", "torch.version", "torch.provenance"),
        when=SAID if complained else "may not load",
    )


def wrong_index_url(machine: Machine, matrix: Matrix) -> Inference | None:
    """A CPU build that plain pip gave, on a system for which its own index has no other; or an index that is none."""
    never = questions_of_packages.channel_that_never_was(machine, matrix)
    elsewhere = machine.told("host.platform") not in (None, LINUX) and is_unseen(machine)
    if never and (elsewhere or questions.is_cpu_build(machine)):
        return Inference(
            f"pip was asked for torch from whl/{never}, which PyTorch's index does not have: no torch was published "
            "for that CUDA, so what came is of pip's own index, which has CPU builds for this system.",
            ("said.installs", "host.platform", AVAILABLE),
        )
    open_build = is_unseen(machine) and "torch.cuda" not in machine.snapshot.facts
    if not open_build and not (questions.is_cpu_build(machine) and (misses_gpu(machine) or _lists_gpus(machine))):
        return None
    if not questions.by_plain_pip(machine):
        return None
    asked = "pip was asked" if machine.is_known("said.installs") else "It seems that pip was asked"
    return Inference(
        f"{asked} for torch without an index of PyTorch's, and its own has CPU builds alone for this system.",
        ("said.installs", "host.platform", "torch.version"),
    )


INFERENCES: Mapping[str, Callable[[Machine, Matrix], Inference | None]] = {
    "conda-pip-mix": conda_pip_mix,
    "cpu-only-build": cpu_only_build,
    "cuda-init-stale-driver-state": cuda_init_stale,
    "cuda-visible-devices-empty": cuda_visible_devices_empty,
    "driver-missing": driver_missing,
    "duplicate-torch-install": duplicate_torch_install,
    "gpu-arch-dropped": gpu_arch_dropped,
    "mig": mig,
    "no-gpu-in-container": no_gpu_in_container,
    "no-nvidia-gpu": no_nvidia_gpu,
    "torch-torchaudio-mismatch": torch_torchaudio_mismatch,
    "torch-torchvision-mismatch": torch_torchvision_mismatch,
    "wrong-index-url": wrong_index_url,
    "wsl-driver": wsl_driver,
}
"""By the name of the rule; asked where neither its own judge nor words of the software found anything."""
