"""Words of software in a paste lead to the rule that they prove; where they have several causes the facts decide.

The messages are what the programs print; versions, paths and processes in them are made up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import Machine
from envdoctor.model.paste import Line
from envdoctor.model.snapshot import Snapshot
from envdoctor.readers.paste.error_texts import read
from envdoctor.rules.rule import all_rules
from envdoctor.rules.said.shown import MEANS
from envdoctor.rules.said.signs import SIGNS, sign_of
from envdoctor.rules.severity_table import SAID, SEVERITIES

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()

ONE_CAUSE = (
    ("driver-missing", "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
    ("driver-missing", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."),
    ("driver-missing", "Failed to initialize NVML: Driver Not Loaded"),
    ("driver-missing", "ImportError: libcuda.so.1: cannot open shared object file: No such file or directory"),
    ("driver-missing", "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown"),
    ("driver-too-old", "UserWarning: The NVIDIA driver on your system is too old (found version 11040)."),
    ("driver-too-old",
     "RuntimeError: cuda runtime error (35) : CUDA driver version is insufficient for CUDA runtime version"),
    ("driver-too-old", "cudaErrorInsufficientDriver"),
    ("driver-too-old", "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain."),
    ("driver-too-old",
     "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4, please update your "
     "driver"),
    ("driver-too-old-for-gpu",
     "NVRM: The NVIDIA GPU 0000:01:00.0 installed in this system is not supported by the 535 driver"),
    ("nvml-driver-library-mismatch", "Failed to initialize NVML: Driver/library version mismatch"),
    ("nvml-driver-library-mismatch",
     "NVRM: API mismatch: the client has the version 535.1, but this kernel module has 525.2"),
    ("cuda-init-stale-driver-state",
     "RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment"),
    ("cuda-init-stale-driver-state",
     "RuntimeError: cuda runtime error (30) : unknown error at aten/src/THC/THCGeneral.cpp:50"),
    ("cuda-init-stale-driver-state", "cuInit returned 999"),
    ("fabric-manager-not-running", "Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized"),
    ("fabric-manager-not-running", "nvidia-fabricmanager.service: inactive (dead), the fabric manager is not running"),
    ("compat-libcuda-mismatch", "Error 803: system has unsupported display driver / cuda driver combination"),
    ("compat-libcuda-mismatch", "Error 804: forward compatibility was attempted on non supported HW"),
    ("gpu-lost", "Unable to determine the device handle for GPU 0000:0A:00.0: GPU is lost. Reboot the system"),
    ("gpu-lost", "NVRM: Xid (PCI:0000:0a:00): 79, GPU has fallen off the bus."),
    ("wsl-driver", "Failed to initialize NVML: GPU access blocked by the operating system"),
    ("driver-query-failed", "Failed to initialize NVML: Unknown Error"),
    ("no-gpu-in-container", 'docker: could not select device driver "" with capabilities: [[gpu]].'),
    ("no-gpu-in-container", "WARNING: The NVIDIA Driver was not detected. GPU functionality will not be available."),
    ("no-gpu-in-container", "docker: Error response from daemon: unknown or invalid runtime name: nvidia."),
    ("no-gpu-in-container", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
    ("no-gpu-in-container", "failed to inject CDI devices: unresolvable CDI devices nvidia.com/gpu=all"),
    ("cpu-only-build", "AssertionError: Torch not compiled with CUDA enabled"),
    ("gpu-arch-not-in-wheel",
     "NVIDIA GeForce RTX 5070 with CUDA capability sm_120 is not compatible with the current PyTorch "
     "installation.\nThe current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 "
     "sm_75 sm_80 sm_86 sm_90."),
    ("gpu-arch-dropped",
     "Quadro K2000 with CUDA capability sm_30 is not compatible with the current PyTorch installation.\n"
     "The current PyTorch install supports CUDA capabilities sm_37 sm_50 sm_60."),
    ("gpu-arch-not-in-wheel",
     "Found GPU0 TITAN V which requires CUDA_VERSION >= 9000 to work properly, but your PyTorch was"),
    ("gpu-arch-not-in-wheel", "nvrtc: error: invalid value for --gpu-architecture (-arch)"),
    ("gpu-arch-dropped",
     "Found GPU0 Quadro K4000 which is of cuda capability 3.0.\nPyTorch no longer supports this GPU because "
     "it is too old. The minimum cuda capability supported by this library is 3.7."),
    ("gpu-arch-dropped", "cuDNN version 91100 is not compatible with devices with SM < 7.5."),
    ("ext-arch-missing", "RuntimeError: FlashAttention only supports Ampere GPUs or newer."),
    ("gpu-too-old-for-triton", "Found Tesla P100 which is too old to be supported by the triton GPU compiler"),
    ("rocm-arch-unsupported", '"hipErrorNoBinaryForGpu: Unable to find code object for all current devices!"'),
    ("rocm-arch-unsupported", "RuntimeError: HIP error: invalid device function"),
    ("rocm-arch-unsupported",
     "rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: No such file or "
     "directory for GPU arch : gfx1036"),
    ("torch-torchvision-mismatch", "RuntimeError: operator torchvision::nms does not exist"),
    ("torch-torchvision-mismatch",
     "RuntimeError: Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision "
     "versions are incompatible"),
    ("torch-torchvision-mismatch",
     "torchvision 0.18.0 requires torch==2.3.0, but you have torch 2.5.1 which is incompatible."),
    ("torch-torchvision-mismatch",
     "AttributeError: partially initialized module 'torchvision' has no attribute 'extension'"),
    ("torch-torchvision-mismatch",
     "NotImplementedError: Could not run 'torchvision::nms' with arguments from the 'CUDA' backend."),
    ("torch-torchaudio-mismatch",
     "OSError: /env/lib/python3.10/site-packages/torchaudio/lib/libtorchaudio.so: undefined symbol: "
     "_ZNK3c104Type"),
    ("torch-torchaudio-mismatch",
     "torchaudio 2.3.0 requires torch==2.3.0, but you have torch 2.4.1 which is incompatible."),
    ("triton-mismatch",
     'torch 2.4.1 requires triton==3.0.0; platform_system == "Linux", but you have triton 3.2.0 which is '
     'incompatible.'),
    ("triton-mismatch", "ImportError: cannot import name 'AttrsDescriptor' from 'triton.compiler.compiler'"),
    ("triton-unavailable", "ModuleNotFoundError: No module named 'triton'"),
    ("triton-unavailable", "RuntimeError: Windows not yet supported for torch.compile"),
    ("numpy2-abi", "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.1.0 as it may crash."),
    ("numpy2-abi", "AttributeError: _ARRAY_API not found"),
    ("python-unsupported", "RuntimeError: Dynamo is not supported on Python 3.12+"),
    ("python-unsupported", "ERROR: torch-2.0.0-cp310-cp310-win_amd64.whl is not a supported wheel on this platform."),
    ("wrong-index-url",
     "ERROR: Could not find a version that satisfies the requirement torch==1.13.1+cu117 (from versions: "
     "1.13.1)"),
    ("abi-undefined-symbol",
     "ImportError: flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so: undefined symbol: "
     "_ZN3c104cuda9SetDeviceEi"),
    ("abi-undefined-symbol", "ImportError: dlopen(mod.so, 2): Symbol not found: __ZN2at4_ops5zeros4callE"),
    ("mkl-incompatible", "ImportError: libtorch_cpu.so: undefined symbol: iJIT_IsProfilingActive"),
    ("mkl-incompatible", "Intel MKL FATAL ERROR: Cannot load libmkl_avx2.so or libmkl_def.so."),
    ("package-files-damaged", "OSError: libtorch_cuda.so: file too short"),
    ("cuda-package-pin-broken",
     "torch 2.6.0 requires nvidia-cudnn-cu12==9.1.0.70, but you have nvidia-cudnn-cu12 9.8.0.87"),
    ("torch-shadowed-by-local-module", "AttributeError: module 'torch' has no attribute 'Tensor'"),
    ("torch-not-installed", "ModuleNotFoundError: No module named 'torch'"),
    ("cudnn-version-mismatch",
     "Could not load library libcudnn_cnn_train.so.8. Error: libcudnn_ops_train.so.8: undefined symbol: "
     "_Z1x"),
    ("cudnn-version-mismatch", "RuntimeError: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"),
    ("cudnn-shadowed-by-ld-library-path",
     "RuntimeError: cuDNN version incompatibility: PyTorch was compiled against (9, 1, 0) but found "
     "runtime version (8, 9, 7). Looks like your LD_LIBRARY_PATH contains incompatible version of cudnn."),
    ("cuda-libs-shadowed-by-ld-library-path",
     "libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"),
    ("nccl-version-conflict", "ImportError: libtorch_cuda.so: undefined symbol: ncclCommWindowRegister"),
    ("toolkit-build-mismatch",
     "RuntimeError: The detected CUDA version (12.6) mismatches the version that was used to compile "
     "PyTorch (11.8)."),
    ("toolkit-build-mismatch", "nvcc fatal   : Unsupported gpu architecture 'compute_89'"),
    ("toolkit-build-mismatch", "Installed CUDA version 12.2 does not match the version torch was compiled with 11.7"),
    ("glibc-too-old", "ImportError: /lib64/libm.so.6: version `GLIBC_2.27' not found (required by libtorch_cpu.so)"),
    ("libstdcxx-too-old", "ImportError: libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by _C.so)"),
    ("missing-libGL", "ImportError: libgthread-2.0.so.0: cannot open shared object file: No such file or directory"),
    ("missing-windows-runtime-dll",
     "ImportError: DLL load failed while importing _C: The specified module could not be found."),
    ("missing-windows-runtime-dll",
     'OSError: [WinError 1114] A dynamic link library initialization routine failed. Error loading '
     '"C:\\\\lib\\\\c10.dll"'),
    ("shared-library-missing",
     "ImportError: libcupti.so.12: cannot open shared object file: No such file or directory"),
    ("shared-library-missing", "OSError: libopenblas.so.0: cannot open shared object file: No such file or directory"),
    ("dev-shm-too-small",
     "RuntimeError: DataLoader worker (pid 41) is killed by signal: Bus error. It is possible that "
     "dataloader's workers are out of shared memory."),
    ("dev-shm-too-small", "RuntimeError: unable to write to file </torch_77_31>: No space left on device (28)"),
    ("nccl-shm-too-small", "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-k2 (size 9637888)"),
    ("nccl-shm-too-small", "misc/shmutils.cc:72 NCCL WARN Error: failed to extend /dev/shm/nccl-Zb to 33030532 bytes"),
    ("memlock-limit-too-low",
     "misc/ibvwrap.cc:278 NCCL WARN Call to ibv_reg_mr_iova2 failed with error Cannot allocate memory"),
    ("memlock-limit-too-low", "The OpenFabrics BTL failed to initialize while trying to allocate some locked memory."),
    ("cpu-lacks-instructions", "Program received signal SIGILL, Illegal instruction."),
    ("cpu-lacks-instructions", "[1]    4242 illegal hardware instruction (core dumped)  python train.py"),
    ("macos-too-old-for-mps",
     "RuntimeError: The MPS backend is supported on MacOS 12.3+. Current OS version can be queried using "
     "`sw_vers`"),
    ("x86-python-on-apple-silicon", "mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64')"),
    ("p2p-iommu-hang", "all_reduce on 2 GPUs hangs forever, with NCCL_P2P_DISABLE=1 it does not"),
)  # fmt: skip

BLACKWELL: dict[str, Value] = {
    "gpu.count": 1, "gpu.visible": [0], "gpu.0.name": "NVIDIA GeForce RTX 5080", "torch.version": "2.5.1+cu124",
    "torch.cuda": "12.4", "torch.channel": "cu124", "torch.provenance": "pytorch-index",
    "host.platform": "linux-x86_64",
}  # fmt: skip
PASCAL: dict[str, Value] = {**BLACKWELL, "gpu.0.name": "NVIDIA GeForce GTX 1080"}
NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
NO_GPU = "RuntimeError: No CUDA GPUs are available"
NO_DRIVER = "RuntimeError: Found no NVIDIA driver on your system."
DOCKER: dict[str, Value] = {"host.kind": "container", "container.runtime": "docker"}
TWO_CUDAS: dict[str, Value] = {"nvidia.packages": {"nvidia-nccl-cu12": "2.27.5", "nvidia-nccl-cu13": "2.28.9"}}

BY_FACTS: tuple[tuple[str, str, dict[str, Value]], ...] = (
    ("gpu-arch-not-in-wheel", NO_KERNEL, BLACKWELL),
    ("ext-arch-missing", NO_KERNEL, PASCAL),
    ("gpu-arch-dropped", NO_KERNEL, {**PASCAL, "torch.version": "2.9.1+cu128", "torch.cuda": "12.8",
                                     "torch.channel": "cu128"}),
    ("gpu-arch-not-in-wheel", "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", BLACKWELL),
    ("no-gpu-in-container", NO_DRIVER, DOCKER),
    ("wsl-driver", NO_DRIVER, {"host.wsl": True}),
    ("no-nvidia-gpu", NO_DRIVER, {"gpu.0.name": "AMD Radeon RX 6600", "gpu.count": 1}),
    ("no-nvidia-gpu", NO_DRIVER, {"said.no_nvidia_gpu": True}),
    ("cuda-visible-devices-empty", NO_GPU, {"env.CUDA_VISIBLE_DEVICES": "3"}),
    ("no-gpu-in-container", NO_GPU, DOCKER),
    ("no-gpu-in-container", "cuda runtime error (35) : CUDA driver version is insufficient", DOCKER),
    ("wrong-index-url", "AssertionError: Torch not compiled with CUDA enabled",
     {"host.platform": "windows-x86_64",
      "said.installs": [{"tool": "pip", "command": "pip install torch", "indexes": [], "line": 1}]}),
    ("mixed-cu-packages", "ImportError: libtorch_cuda.so: undefined symbol: ncclCommShrink", TWO_CUDAS),
    ("mixed-cu-packages", "ImportError: libcudart.so.13: cannot open shared object file: No such file", TWO_CUDAS),
    ("cudnn-shadowed-by-ld-library-path", "RuntimeError: cuDNN version incompatibility: PyTorch was compiled against",
     {"env.LD_LIBRARY_PATH": "/opt/cuda-11.4/lib64"}),
    ("conda-pip-mix", "RuntimeError: operator torchvision::nms does not exist",
     {"torch.version": "2.3.1+cu121",
      "said.installs": [{"tool": "conda", "command": "conda install pytorch torchvision", "indexes": [], "line": 1}]}),
    ("triton-mismatch", "RuntimeError: Cannot find a working triton installation.", {"triton.version": "2.0.0"}),
    ("nvml-driver-library-mismatch", "Error 803: system has unsupported display driver", {"nvml.status": 18}),
    ("python-unsupported",
     "ERROR: Could not find a version that satisfies the requirement torch==2.1.2 (from versions: "
     "2.6.0, 2.7.0)", {"python.version": "3.13.1"}),
)  # fmt: skip

QUIET: tuple[tuple[str, dict[str, Value]], ...] = (
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", {}),
    ("RuntimeError: CUDA error: device-side assert triggered", {}),
    ("RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x3 and 4x3)", {}),
    ("RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`", PASCAL),
    ("RuntimeError: DataLoader worker (pid 9) is killed by signal: Killed.", {}),
    ("RuntimeError: CUDA error: invalid device ordinal", PASCAL),
    ("UserWarning: Failed to load image Python extension: libjpeg.so.62: cannot open shared object file", {}),
    ("NCCL INFO NET/Plugin: libnccl-net.so: cannot open shared object file: No such file or directory", {}),
    ("Training hangs after the first epoch", {}),
    ("I reinstalled torch but the loss is still too high", {}),
    ("Error: wrong gradient in my own backward", {}),
    ("RuntimeError: Numpy is not available", {"numpy.version": "1.26.4"}),
    ("RuntimeError: The MPS backend is supported on MacOS 14.0+", {"host.version": "macos 26.1"}),
    (NO_DRIVER, {"said.taken_elsewhere": True}),
)  # fmt: skip


def judged(words: str, facts: dict[str, Value] | None = None) -> Diagnosis:
    """Judge a paste of these words and facts, read as a paste is."""
    lines = [Line(number, text) for number, text in enumerate(words.splitlines(), 1)]
    reading = read(lines)
    said: list[Value] = [{"text": one.text, "line": one.line} for one in reading.said]
    seen: dict[str, Fact] = {one.name: one.fact for one in reading.stated}
    seen |= {name: Known(value, "paste, line 1") for name, value in (facts or {}).items()}
    return diagnose(Snapshot({**seen, "said.texts": Known(said, "paste")}), MATRIX)


@pytest.mark.parametrize(("rule", "words"), ONE_CAUSE, ids=[f"{rule}:{words[:40]}" for rule, words in ONE_CAUSE])
def test_a_message_proves_its_rule(rule: str, words: str) -> None:
    """The first finding is the one that the message tells, an error, with the words and their line."""
    first = judged(words).findings[0]
    assert (first.rule, first.severity) == (rule, Severity.ERROR)
    assert "(line " in first.message
    assert any(one.fact == "said.texts" for one in first.evidence)


@pytest.mark.parametrize(("rule", "words", "facts"), BY_FACTS, ids=[f"{one[0]}:{one[1][:30]}" for one in BY_FACTS])
def test_the_facts_decide_between_several_causes(rule: str, words: str, facts: dict[str, Value]) -> None:
    """The same words lead to another rule where the facts of the paste say so."""
    first = judged(words, facts).findings[0]
    assert (first.rule, first.severity) == (rule, Severity.ERROR)


@pytest.mark.parametrize(("words", "facts"), QUIET, ids=[words[:50] for words, _ in QUIET])
def test_what_is_no_defect_of_the_environment_is_no_error(words: str, facts: dict[str, Value]) -> None:
    """A full memory, a wrong shape, a complaint about something else: no error at all."""
    assert not [one for one in judged(words, facts).findings if one.severity is Severity.ERROR]


def test_several_complaints_are_all_told() -> None:
    """One text is not lost behind another."""
    words = "/lib64/libc.so.6: version `GLIBC_2.28' not found\n\nAssertionError: Torch not compiled with CUDA enabled"
    assert {one.rule for one in judged(words).findings} == {"glibc-too-old", "cpu-only-build"}


def test_words_that_people_write_are_an_inference() -> None:
    """A report of a hang is believed, and proves nothing."""
    first = judged("DDP over 4 GPUs is stuck unless NCCL_P2P_DISABLE=1 is set").findings[0]
    assert (first.rule, first.confidence) == ("p2p-iommu-hang", Confidence.INFERRED)


def test_every_rule_of_a_sign_is_a_rule_with_a_severity_and_words() -> None:
    """No sign names a rule that is not there."""
    named = {rule for sign in SIGNS for rule in sign.rules}
    assert named <= {rule.name for rule in all_rules()}
    assert named <= set(MEANS)
    assert all(SEVERITIES[rule][SAID] is Severity.ERROR for rule in named)


def test_every_pattern_is_bounded() -> None:
    """A paste comes from a stranger: nothing that can match much is repeated without a bound."""
    loose = re.compile(r"\.[*+]|\)[*+]|\)\{\d+,\}")
    assert not [sign.words for sign in SIGNS if loose.search(sign.words.replace(r"\.", ""))]


def test_a_text_is_looked_at_once() -> None:
    """Each of sixty rules asks for the sign of every text."""
    words = "HIP error: invalid device function"
    assert sign_of(words) is sign_of(words)
    assert sign_of.cache_info().hits


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Tesla V100-SXM2-32GB", "gpu-arch-dropped"),
        ("NVIDIA GeForce RTX 5090", "gpu-arch-not-in-wheel"),
    ],
)
def test_torch_names_the_ends_of_what_its_kernels_are_for(name: str, rule: str) -> None:
    text = "Minimum and Maximum cuda capability supported by this version of PyTorch is\n(7.5) - (9.0)"
    sign = sign_of(text)
    assert sign is not None
    assert sign.choose is not None
    machine = Machine(
        Snapshot({"gpu.0.name": Known(name, ""), "gpu.count": Known(1, ""), "gpu.visible": Known([0], "")})
    )
    cause = sign.choose(" ".join(text.split()), machine, MATRIX)
    assert cause is not None
    assert (cause.rule, cause.sure) == (rule, True)


def test_an_index_is_judged_by_what_was_asked_of_it() -> None:
    """The builds that it has instead are named behind it, with their CUDA; they were not asked for."""
    text = "ERROR: Could not find a version that satisfies the requirement torch==2.1.0 (from versions: 2.2.0+cu118)"
    sign = sign_of(text)
    assert sign is not None
    assert sign.choose is not None
    cause = sign.choose(text, Machine(Snapshot({"python.version": Known("3.12.11", "")})), MATRIX)
    assert cause is not None
    assert cause.rule == "python-unsupported"
