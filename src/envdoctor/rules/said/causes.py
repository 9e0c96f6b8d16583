"""Which of several defects it was: one text has several causes, and the facts of a paste decide between them.

Each function takes the text in one line and the machine, and returns the rule and whether words and facts leave no
other cause. Where nothing decides, the commonest cause that nothing speaks against stands, as an inference; None where
none of them is the cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from envdoctor.rules import cuda_start
from envdoctor.rules.said import filled, packages, questions

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

OF_EXTENSION = re.compile(
    r"vllm|flash[_-]attn|xformers|mmcv|detectron2|torch_(?:scatter|sparse|cluster|spline)|apex|deepspeed|bitsandbytes"
    r"|flashinfer|exllama|gptq|awq|causal_conv1d|mamba_ssm|sgl[_-]kernel|sageattention|pytorch3d|nvdiffrast|gsplat|torchao"
    r"|diff_gaussian|tinycudann|spconv|MinkowskiEngine|fbgemm_gpu|pyg_lib|nerfacc|transformer_engine|natten"
    r"|torchvision|torchaudio|detectron|pointnet|nvidia\.dali|cupy|warp|k2|kaolin",
    re.IGNORECASE,
)
"""Packages with kernels of their own, by the names of their modules."""


class Cause(NamedTuple):
    """The rule whose defect a text tells; `sure` where no other cause is left."""

    rule: str
    sure: bool = True


Choice: TypeAlias = Callable[[str, "Machine", "Matrix"], Cause | None]


def likely(rule: str) -> Cause:
    """Return a cause that others would explain as well."""
    return Cause(rule, sure=False)


# The driver, and the way to it.


def absent_gpu(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Why there is no driver: the place where torch runs decides, then the hardware that is named."""
    if questions.says(machine, "said.taken_elsewhere"):
        return None
    if questions.in_wsl(machine):
        return likely("wsl-driver")
    if questions.says(machine, "said.no_nvidia_gpu") and not questions.has_gpu(machine):
        return Cause("no-nvidia-gpu")
    if questions.in_container(machine):
        return likely("no-gpu-in-container")
    if re.search(r"NVML: Unknown Error|No devices were found|ERROR_UNKNOWN", text):
        return likely("driver-query-failed")
    if questions.has_only_other_gpus(machine):
        return Cause("no-nvidia-gpu")
    if questions.age_of_gpus(machine, matrix) is not None:
        return None  # looked at from a machine without that GPU; what keeps the GPU from its work is another defect
    if _only_a_command(text) and questions.has_gpu(machine):
        return None
    return Cause("driver-missing", sure=re.search(r"NVIDIA driver|NVIDIA-SMI has failed|Not Loaded", text) is not None)


def _only_a_command(text: str) -> bool:
    """Whether nothing but nvidia-smi was not found, which need not be where the driver is."""
    return re.search(r"nvidia-smi", text) is not None and "NVIDIA-SMI" not in text and "NVML" not in text


def no_devices(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Why CUDA counts no device: hidden by a variable, by MIG, or not there."""
    if "No CUDA runtime is found" in text and questions.says(machine, "said.xpu_available"):
        return None  # what torch's compiler of extensions prints without CUDA, where it works on a GPU of Intel's
    if any("driver on your system is too old" in told for told in questions.texts(machine)):
        return None  # another text of the same paste names the reason
    if "invalid device ordinal" in text and machine.told("gpu.0.mig_mode") == "on":
        return likely("mig")
    if "invalid device ordinal" in text and questions.leaves_every_gpu(machine):
        return None  # the program asks for a GPU that the machine does not have
    if machine.told("env.CUDA_VISIBLE_DEVICES") is not None or "CUDA_VISIBLE_DEVICES=" in text:
        return likely("cuda-visible-devices-empty")
    if questions.is_cpu_build(machine):
        return likely("cpu-only-build")
    if machine.is_known("gpu.0.mig") or machine.told("gpu.0.mig_mode") == "on":
        return likely("mig")
    if re.search(r"invalid device ordinal|INVALID_DEVICE|Invalid (?:device id|CUDA 'device=)|requested GPUs", text):
        return None  # the program asks for a GPU that the machine does not have
    if questions.has_gpu(machine) and not questions.in_container(machine) and not questions.in_wsl(machine):
        # The GPU and its driver are there, so it is torch: the commonest reason, where no CUDA of it is told.
        return likely("cpu-only-build") if machine.told("torch.cuda") is None else None
    return absent_gpu(text, machine, matrix)


def container_runtime(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A container runtime refuses: without its toolkit, or because the host's own driver is missing or too old."""
    del matrix
    if "unsatisfied condition" in text:
        return Cause("driver-too-old")
    if re.search(r"driver not loaded|libnvidia-ml|driver rpc error|no adapters were found", text):
        return likely("wsl-driver" if questions.in_wsl(machine) else "driver-missing")
    return Cause("no-gpu-in-container")


def old_driver(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """An old driver; a container without any says the same, for it has none that is new enough."""
    del matrix
    if "your system is too old" not in text and not machine.is_known("driver.version"):
        if questions.in_container(machine):
            return likely("no-gpu-in-container")
        return likely("driver-too-old")
    return Cause("driver-too-old")


def start_refused(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """CUDA does not start for a reason it does not know; where the driver answers, its modules are in a bad state."""
    del matrix
    if questions.in_wsl(machine):
        return likely("wsl-driver")
    if machine.snapshot.known("nvml.status") not in (0, None):
        return None
    if any("driver on your system is too old" in told for told in questions.texts(machine)):
        return None  # another try of the same paste names the reason
    if machine.told("env.CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return likely("cuda-visible-devices-empty")
    known_without = machine.is_absent("driver.version") or machine.snapshot.known("said.container_gpus") is False
    if known_without and questions.in_container(machine):
        return likely("no-gpu-in-container")
    return None if "illegal memory" in text else likely(cuda_start.STALE)


def launch_failed(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A kernel that ends without a reason is the program's own matter, unless it began when the machine woke up."""
    del text, matrix
    return likely(cuda_start.STALE) if questions.says(machine, "said.after_suspend") else None


def not_ready(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Error 802: systems with NVSwitches alone wait for somebody to set them up."""
    del text
    return Cause(cuda_start.FABRIC) if questions.may_have_nvswitch(machine, matrix) else None


def driver_mismatch(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Errors 803 and 804, stubs: a libcuda that is not the driver's; where NVML says so too, the driver was changed."""
    del text, matrix
    if machine.snapshot.known("nvml.status") == 18:
        return Cause("nvml-driver-library-mismatch")
    return likely("wsl-driver") if questions.in_wsl(machine) else Cause(cuda_start.COMPAT)


# The kernels of the build.


def missing_kernels(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Whose kernels are missing: torch's, for a newer or an older GPU, or those of what is built for torch."""
    if questions.is_rocm(machine):
        return Cause("rocm-arch-unsupported")
    age = questions.age_of_gpus(machine, matrix)
    if age is not None:
        return Cause("gpu-arch-dropped" if age == "older" else "gpu-arch-not-in-wheel")
    if re.search(r"Value 'sm_\d{2,3}[af]?' is not defined", text):
        return _unknown_to_ptxas(machine)
    served = questions.serves_every_gpu(machine, matrix) or questions.compiled_for_others(machine, matrix)
    if served or OF_EXTENSION.search(_source(text)):
        return likely("ext-arch-missing")
    cuda, torch = questions.version(machine, "torch.cuda"), questions.version(machine, "torch.version")
    found = questions.capabilities(machine, matrix)
    if not found and questions.is_of_old_series(machine):
        return likely("gpu-arch-dropped")
    if found and cuda is None:
        return likely("gpu-arch-dropped" if _is_old(found[0], torch) else "gpu-arch-not-in-wheel")
    # Builds with CUDA 12.8 hold all GPUs up to today's and no longer the oldest; before it was the other way round.
    return likely("gpu-arch-dropped" if cuda is not None and cuda >= (12, 8) else "gpu-arch-not-in-wheel")


def _unknown_to_ptxas(machine: Machine) -> Cause:
    """A ptxas that is older than the GPU: triton's own, where torch is of a CUDA that holds all of today's GPUs."""
    cuda = questions.version(machine, "torch.cuda")
    return likely("ext-arch-missing" if cuda is not None and cuda >= (12, 8) else "gpu-arch-not-in-wheel")


def _is_old(capability: tuple[int, int], torch: tuple[int, int] | None) -> bool:
    """Whether a GPU is rather below than above what a torch of unknown CUDA was built for."""
    if torch is None:
        return capability < (7, 5)
    return capability < ((3, 7) if torch < (1, 11) else (5, 0) if torch < (2, 8) else (7, 5))


def _frame(text: str) -> str:
    """Return the file in which a text was raised, where that is told."""
    found = re.match(r"In (\S{1,300}): ", text)
    return found[1] if found else ""


def _source(text: str) -> str:
    """Return the file in which a text was raised, or the CUDA source that the text itself names."""
    found = re.search(r"(?<!\S)(\S{1,300}\.cuh?)\b", text)
    return _frame(text) or (found[1] if found else "")


def not_compatible(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Torch's own warning names the GPU's architecture and those it has: above them or below."""
    own = re.search(r"CUDA capability sm_(\d{2,3})", text)
    listed = [int(one) for one in re.findall(r"sm_(\d{2,3})", text.partition("supports CUDA capabilities")[2])]
    if own and listed:
        return Cause("gpu-arch-dropped" if int(own[1]) < min(listed) else "gpu-arch-not-in-wheel")
    if own and int(own[1]) >= 80 and questions.age_of_gpus(machine, matrix) != "older":
        return Cause("gpu-arch-not-in-wheel")
    return missing_kernels("", machine, matrix)


def outside_range(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Torch 2.8 and newer name the lowest and the highest capability of their kernels: the GPU is below or above."""
    ends = [(int(major), int(minor)) for major, minor in re.findall(r"\((\d{1,2})\.(\d{1,2})\)", text)]
    found = questions.capabilities(machine, matrix)
    if len(ends) < 2 or not found:
        return missing_kernels("", machine, matrix)
    if min(found) < ends[0]:
        return Cause("gpu-arch-dropped")
    # Machine code runs on later GPUs of one major: that of 12.0 on 12.1, which torch warns of all the same.
    return Cause("gpu-arch-not-in-wheel") if max(found)[0] > ends[1][0] else None


def unsupported_ptx(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A driver older than the PTX; where torch has nothing else for the GPU, that is the defect."""
    del text
    newer = questions.age_of_gpus(machine, matrix) == "newer"
    return Cause("gpu-arch-not-in-wheel" if newer else "driver-too-old")


def failing_library(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A CUDA library that fails for no reason it names: on a GPU beyond its build it has no kernels; else nothing."""
    del text
    age = questions.age_of_gpus(machine, matrix)
    if age is None and questions.libraries_are_older(machine, matrix):
        return likely("gpu-arch-not-in-wheel")
    if age is None:
        return likely("mixed-cu-packages") if questions.has_mixed_cu_packages(machine) else None
    return likely("gpu-arch-dropped" if age == "older" else "gpu-arch-not-in-wheel")


def not_compiled(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A build without CUDA: by choice, or because pip's own index has no other for this system."""
    del matrix
    if "Error getting cuda arch" in text:
        return None  # a line that torch.compile logs where it works for the CPU: it asks for no GPU
    if questions.has_only_other_gpus(machine):
        return likely("no-nvidia-gpu")
    return likely("wrong-index-url") if questions.by_plain_pip(machine) else Cause("cpu-only-build")


# What is installed beside torch.


def vision_operators(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Torchvision's operators are gone: it is of another torch; by two installers, where conda's is not imported."""
    demanded = re.search(r"requires|depends on|has requirement", text)
    told = " ".join(questions.texts(machine)) if demanded else ""
    asked = re.findall(r"\btorch ?\(?={0,2}(\d{1,2}\.\d{1,2}\.\d{1,2})", told)
    if len(asked) > 1 and len(set(asked)) == 1:
        return None  # one release, with and without its CUDA, that a resolver takes for two
    if packages.is_of_listed_torch(machine, matrix, "torchvision"):
        return likely("duplicate-torch-install")
    return likely("conda-pip-mix") if _conda_asked_pip_used(machine) else Cause("torch-torchvision-mismatch")


def _conda_asked_pip_used(machine: Machine) -> bool:
    """Whether conda was asked for torch and torchvision, while the torch that is imported is one of pip's."""
    imported = machine.told("torch.version") or ""
    return "+" in imported and questions.by_conda(machine) and not machine.is_known("torchvision.version")


def numpy_two(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """NumPy 2 under what was built for NumPy 1; where NumPy is not there at all, the words tell no release of it."""
    del matrix
    numpy, torch = questions.version(machine, "numpy.version"), questions.version(machine, "torch.version")
    if numpy is not None and numpy < (2, 0):
        return None
    if numpy is not None or re.search(r"NumPy 1\.x|_ARRAY_API|0x2", text):
        return Cause("numpy2-abi")
    return likely("numpy2-abi") if torch is None or torch < (2, 3) else None


def no_triton(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """No triton, or one that torch finds too old; what an installer did not find is not there, whatever was asked."""
    del matrix
    asked_in_vain = re.search(r"matching distribution|satisfies the requirement", text)
    here = machine.told("triton.version") is not None and not asked_in_vain
    return Cause("triton-mismatch" if here else "triton-unavailable")


def no_distribution(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """No wheel for what was asked: of an index that does not hold it, or of a Python that has none of that release."""
    wanted = text.partition("(from versions")[0]  # what the index holds instead tells nothing of what was asked
    local = re.search(r"\+(?:cu|rocm|cpu)\d{0,4}", wanted) is not None
    asked = re.search(r"torch ?(?:==|~=|<=) ?(\d{1,2}\.\d{1,2}\.\d{1,2})", text)
    python = questions.version(machine, "python.version")
    release = filled.release_of(matrix, asked[1]) if asked else None
    if asked and packages.asked_for_intel_mac(text, asked[1], machine, matrix):
        return likely("x86-python-on-apple-silicon")
    if release is not None and python is not None:
        platform = machine.told("host.platform")
        tags = {tag for name, tags in release.pythons.items() if platform in (None, name) for tag in tags}
        if f"cp{python[0]}{python[1]}" not in tags:
            return Cause("python-unsupported", sure=not local)
        return likely("wrong-index-url")
    if re.search(r"\(from versions:? ?0\.1\.2(?:,? 0\.1\.2\.?post\d){0,2}\)?$", text.partition(" ERROR")[0].strip()):
        return likely("python-unsupported")  # releases of a name without files, which is all that this Python may have
    if local or "platform tag" in text or packages.lacks_a_partner_alone(wanted, machine):
        return likely("wrong-index-url")
    return likely("wrong-index-url" if machine.is_known("index.settings") else "python-unsupported")


# Libraries of other releases, and what is compiled for torch.


def other_cudnn(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Another cuDNN than torch's own; the variable that puts it there, where it is told."""
    del matrix
    if re.search(r"LD_LIBRARY_PATH contains|is in your LD_LIBRARY_PATH|in LD_LIBRARY_PATH", text):
        return Cause("cudnn-shadowed-by-ld-library-path")
    by_path = re.search(r"cuda|cudnn", machine.told("env.LD_LIBRARY_PATH") or "", re.IGNORECASE)
    return Cause("cudnn-shadowed-by-ld-library-path" if by_path else "cudnn-version-mismatch", sure=bool(by_path))


def other_cuda_library(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A CUDA library of another release is loaded before torch's own, by the variable or by the system's paths."""
    del text, matrix
    if questions.has_mixed_cu_packages(machine) and machine.told("env.LD_LIBRARY_PATH") is None:
        return likely("mixed-cu-packages")
    return Cause("cuda-libs-shadowed-by-ld-library-path", sure=machine.told("env.LD_LIBRARY_PATH") is not None)


def other_nccl(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Another NCCL: of two packages for two CUDAs in one folder, or of somebody else."""
    del text, matrix
    mixed = questions.has_mixed_cu_packages(machine, "nccl")
    return likely("mixed-cu-packages") if mixed else Cause("nccl-version-conflict")


def missing_cuda_library(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A CUDA library is asked for that is nowhere: of packages of two CUDAs, or for an extension of another CUDA."""
    del matrix
    library = re.search(r"lib(\w{2,20})(?:-[\w.]{1,20})?\.so(?:\.(\d{1,2}))?", text)
    if library and re.match(r"torch_cuda_c", library[1]) and not _is_of_partner(text, machine):
        return likely("abi-undefined-symbol")  # a part of torch 1.8 to 1.12, and of what was compiled for them
    if library and re.match(r"(?:torch_hip|c10_hip|amdhip64|c10_cuda|torch_cuda(?:_\w{2,8})?)$", library[1]):
        vision = "torchvision" in text
        return Cause("torch-torchvision-mismatch", sure=False) if vision else likely("torch-torchaudio-mismatch")
    if questions.has_mixed_cu_packages(machine):
        return likely("mixed-cu-packages")
    cuda = questions.version(machine, "torch.cuda")
    if library and library[2] and cuda is not None and int(library[2]) != cuda[0]:
        for partner in ("torchvision", "torchaudio"):
            if partner in text:
                return likely(f"torch-{partner}-mismatch")
        return likely("abi-undefined-symbol")
    if cuda is None and packages.lacks_cudart_of_another(text, machine):
        return likely("abi-undefined-symbol")
    return Cause("shared-library-missing")


def _is_of_partner(text: str, machine: Machine) -> bool:
    """Whether torchvision or torchaudio is named where something fails."""
    return any(partner in one for one in (text, *questions.texts(machine)) for partner in ("torchvision", "torchaudio"))


def foreign_extension(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Something that was compiled for another torch; the partners of torch have rules of their own.

    xformers tells both: where they are one release, and the one that is here has no CUDA, that is the defect.
    """
    del machine, matrix
    both = re.search(r"PyTorch (\d[\d.]{2,10})\+cu\d{3} .{0,40}\(you have (\d[\d.]{2,10})\+cpu\)", text)
    if both and both[1] == both[2]:
        return Cause("cpu-only-build")
    words = text.replace("_torch_sox", "torchaudio")
    for partner in ("torchvision", "torchaudio"):
        where = _frame(words) if partner in _frame(words) else words
        others = where.replace("torchvision", "").replace("torchaudio", "")
        if packages.blames(where, partner) and not OF_EXTENSION.search(others):
            return Cause(f"torch-{partner}-mismatch")
    return Cause("abi-undefined-symbol")


def windows_loader(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A library that Windows does not load: of the system, or of a partner that was built for another torch."""
    del machine, matrix
    for partner in ("torchvision", "torchaudio"):
        if packages.blames(text, partner):
            return likely(f"torch-{partner}-mismatch")
    if "127" in text and OF_EXTENSION.search(text):
        return likely("abi-undefined-symbol")
    if re.search(r"torch|%1|WinError|specified module|_C\b|\(operating system", text) is None:
        return likely("missing-windows-runtime-dll")
    return Cause("missing-windows-runtime-dll")


def illegal(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """An instruction that the processor does not have; that of a GPU's kernel is another thing."""
    del matrix
    if re.search(r"CUDA error|cudaError|CUDA_ERROR", text):
        return None
    flags = machine.snapshot.known("cpu.flags")
    known_good = isinstance(flags, list) and "avx2" in flags
    return likely("cpu-lacks-instructions") if known_good or "SIGILL" not in text else Cause("cpu-lacks-instructions")


def shadowed(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A torch without its own names is a file of another; which file, the text may tell."""
    del machine, matrix
    if re.search(r"torch[/\\]+__init__", text):
        return None  # the package itself, within a circle of its own or with a part that is not there
    return Cause("torch-shadowed-by-local-module", sure="torch.py" in text or "is not a package" in text)


def two_copies(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A torch whose compiled part is of another release than its modules: two of them, or of two installers."""
    del text, matrix
    return likely("conda-pip-mix" if packages.has_two_installers(machine) else "duplicate-torch-install")


# Limits, the host, other platforms.


def shared_memory(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Shared memory that is full; a bus error that names no worker may come of a damaged file too."""
    del machine, matrix
    return Cause("dev-shm-too-small", sure=re.search(r"shm|shared memory|worker|</?torch_", text) is not None)


HANGING = re.compile(
    r"\b(?:hang|hung|stuck|dead ?lock|freez|froze)|time(?:d )?out|(?:never|not|n't) returns?\b", re.IGNORECASE
)
OF_PEERS = re.compile(r"P2P_DISABLE ?= ?1|P2P_DISABLE.{0,20}\b1\b|iommu|\bACS\b|p2pBandwidth", re.IGNORECASE)
FROM_GPU_TO_GPU = re.compile(r"nccl|all_?reduce|\bDDP\b|DataParallel|multi-?\s?gpu|GPUs\b|\d ?[xX]|P2P", re.IGNORECASE)


def hang(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A hang between GPUs that goes away without direct transfers; the two may be told in different sentences."""
    del text, matrix
    told = "\n".join(questions.texts(machine))
    by_variable = machine.told("env.NCCL_P2P_DISABLE") == "1"
    if HANGING.search(told) and FROM_GPU_TO_GPU.search(told) and (by_variable or OF_PEERS.search(told)):
        return likely("p2p-iommu-hang")
    return None


def mac_version(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """What torch prints of an old macOS, it prints as well where Metal shows it no device: the version decides."""
    del matrix
    needed = re.search(r"[Mm]ac ?OS (?:version )?(\d{2})\.?(\d{1,2})?", text)
    here = re.match(r"macos (\d{2})(?:\.(\d{1,2}))?", machine.told("host.version") or "")
    if needed is None or here is None:
        return likely("macos-too-old-for-mps")
    if (int(here[1]), int(here[2] or 0)) >= (int(needed[1]), int(needed[2] or 0)) and int(here[1]) >= 14:
        return None
    return Cause("macos-too-old-for-mps")


def own_cudnn(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A cuDNN of the system beside torch's own, where something fails."""
    fails = re.search(r"fail|error|crash|cannot|can't|not load|undefined|mismatch|incompatib", text, re.IGNORECASE)
    return other_cudnn(text, machine, matrix) if fails else None
