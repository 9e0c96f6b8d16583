"""Words by which software tells its defects, and the rule that each proves.

The words of kernel tests (smoke_causes.SIGNS) stand here too, with more of them: what older and newer releases print,
what container runtimes, installers, loaders of other systems and extensions say, and what people report of a hang.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.rules import cuda_start
from envdoctor.rules.said import causes_of_driver as driver
from envdoctor.rules.said import causes_of_host as host
from envdoctor.rules.said import causes_of_kernels as kernels
from envdoctor.rules.said import causes_of_libraries as libraries
from envdoctor.rules.said import causes_of_packages as packages
from envdoctor.rules.said import causes_of_peers as peers

if TYPE_CHECKING:
    from envdoctor.rules.said.cause import Choice


class Sign(NamedTuple):
    """Words as a regular expression, and the rules of which one is the cause; no rule where it is no defect of these.

    `choose` decides between several by the machine and may find none. `reported` where the words are those of the
    people who met the defect, from which it is inferred. The text is searched with each white space as one blank.
    """

    rules: tuple[str, ...]
    words: str
    choose: Choice | None = None
    reported: bool = False


NO_RULE: tuple[str, ...] = ()
ABSENT = ("driver-missing", "no-gpu-in-container", "no-nvidia-gpu", "wsl-driver", "cuda-visible-devices-empty",
          "driver-query-failed")  # fmt: skip
HIDDEN = (*ABSENT, "mig", "cpu-only-build")
KERNELS = ("gpu-arch-not-in-wheel", "gpu-arch-dropped", "ext-arch-missing", "rocm-arch-unsupported",
           "cpu-only-build")  # fmt: skip
EXTENSION = ("abi-undefined-symbol", "torch-torchvision-mismatch", "torch-torchaudio-mismatch", "cpu-only-build")
NO_FILE = r"(?:cannot open shared object|No such file|not found|image not found|no such file)"
CUDA_LIBRARY = (
    r"lib(?:cudart|cublas|cublasLt|cufft|curand|cusparse|cusparseLt|cusolver|nvrtc|nvJitLink|cupti|nvToolsExt|cufile"
    r"|nvshmem_host|torch_hip|amdhip64|c10_hip|c10_cuda|torch_cuda\w{0,10})(?:-[\w.]{1,20})?\.so[.\d]{0,9}"
)
DESKTOP = (
    r"lib(?:GL|GLX|GLU|GLdispatch|EGL|OpenGL|SM|ICE|X11|Xext|Xrender|Xi|Xfixes|Xxf86vm|xcb\w{0,20}|glib-2\.0"
    r"|gthread-2\.0|gobject-2\.0)\.so[.\d]{0,9}"
)
OF_TORCH = (
    r"(?:cuda|device|Tensor|tensor|nn|randn|zeros|ones|float32|manual_seed|from_numpy|load|save|no_grad|__version__)"
)

SIGNS = (
    # Not the environment: a full memory, shapes, an assertion in a kernel, and warnings of parts that may be missing.
    Sign(NO_RULE, r"CUDA out of memory|OutOfMemoryError(?!')|CUDA error: out of memory|cudaErrorMemoryAllocation"
         r"|device-side assert|CUBLAS_STATUS_INVALID_VALUE|mat1 and mat2 shapes|size mismatch for |signal: Killed"
         r"|Failed to load image Python extension|Too many open files|received 0 items of ancdata"),
    # The driver, and the way to it.
    Sign(("nvml-driver-library-mismatch",), r"[Dd]river/library version mismatch|LIB_RM_VERSION_MISMATCH"
         r"|API mismatch: .{0,30}(?:client|kernel module)|NVML/RM version mismatch"),
    Sign(("gpu-lost",), r"GPU is lost|fallen off the bus|ERROR_GPU_IS_LOST|Unable to determine the device handle for"
         r"|Xid \([^)]{1,40}\): 79|GPU requires re(?:set|start)|ERROR_RESET_REQUIRED"),
    Sign(("driver-too-old-for-gpu",), r"NVRM: .{0,160}(?:is not supported by|ignored by|requires use of)"
         r"|installed in this system is not supported by|requires use of the NVIDIA open kernel modules"),
    Sign((cuda_start.STALE,), r"CUDA error: unspecified launch failure|cudaErrorLaunchFailure|CUDA_ERROR_LAUNCH_FAILED",
         driver.launch_failed),
    Sign(("wsl-driver",), r"GPU access blocked by the operating system|/usr/lib/wsl/lib/\S{1,60} is not a symbolic link"
         r"|dxgkio_\w{1,40}: Ioctl failed"),
    Sign((*ABSENT, "driver-too-old"), r"could not select device driver|NVIDIA Driver was not detected"
         r"|nvidia-container-cli(?:\.real)?: \w{2,20} error|unresolvable CDI devices|unsatisfied condition"
         r"|(?:unknown or invalid|Unknown) runtime (?:name|specified):? \"?nvidia|nvidia-container-runtime\W{1,6}exec"
         r"|failed to discover GPU vendor from CDI|no known GPU vendor found|Insufficient nvidia\.com/gpu"
         r"|nvidia-container-(?:runtime|cli)\"?: executable file not found", driver.container_runtime),
    Sign(("driver-too-old", "no-gpu-in-container"), r"NVIDIA driver on your system is too old"
         r"|InsufficientDriver|driver version is insufficient|insufficient (?:\w{1,10} )?driver version"
         r"|update your driver to a newer version|API call is not supported in the installed CUDA driver"
         r"|driver version \(?\S{0,12}\)? ?is (?:too old|older)|driver (?:is )?(?:too old|outdated)|driver too old"
         r"|(?:cudaGetDeviceCount|runtime error|CUDA error|CUDA_ERROR|returned|error=) ?\(?35\b", driver.old_driver),
    Sign(ABSENT, r"[Ff]ound no NVIDIA driver|couldn't communicate with the NVIDIA driver|NVIDIA-SMI has failed"
         r"|NVIDIA-SMI couldn't find|Failed to initialize NVML|Can't initialize NVML|NVML Shared Library Not Found"
         r"|NVMLError_\w{3,30}|NVML_ERROR_(?:DRIVER_NOT_LOADED|LIBRARY_NOT_FOUND|UNKNOWN|UNINITIALIZED)"
         r"|nvidia-smi\W{0,4}(?:command )?not found|not found:? \W?nvidia-smi|'nvidia-smi' is not recognized"
         r"|nvidia-smi.{0,40}(?:No such file|executable file not found)|term 'nvidia-smi' is not"
         r"|executable file not found in \$PATH.{0,40}nvidia-smi|No devices were found|Torch reports CUDA not available"
         rf"|lib(?:cuda|nvidia-ml)\.so[.\d]{{0,4}}: {NO_FILE}|Failed to load (?:libcuda|nvcuda\.dll)"
         r"|CUDA driver (?:library )?(?:was )?not found|CUDA driver could not be loaded|nvcuda\.dll.{0,40}not be found"
         r"|[Dd]river (?:is not|was not|not) (?:installed|loaded|found|detected)|CUDA driver initialization failed"
         r"|no NVIDIA (?:GPU )?driver|modprobe: FATAL: Module nvidia", driver.absent_gpu),
    Sign(HIDDEN, r"[Nn]o CUDA-capable device|No CUDA GPUs are available|cudaErrorNoDevice|CUDA_ERROR_NO_DEVICE"
         r"|(?:error|ERROR)(?: code)? ?[=(]? ?(?:38|100)\)? ?:|invalid device ordinal|CUDA_ERROR_INVALID_DEVICE"
         r"|Invalid device id|Invalid CUDA 'device=|GPUs? requested but none|No CUDA runtime is found"
         r"|requested GPUs: \[|CUDA was requested but|Failed to infer device type", driver.no_devices),
    Sign(("fabric-manager-not-running",), r"[Ee]rror:? ?802\b|system not yet initialized|System_?Not_?Ready"
         r"|SYSTEM_NOT_READY"
         r"|[Ff]abric ?[Mm]anager.{0,60}(?:not (?:installed|running|started)|inactive|failed)"
         r"|nvidia-fabricmanager.{0,60}(?:not (?:installed|running|started)|inactive|failed)"
         r"|NV_WARN_NOTHING_TO_DO", driver.not_ready),
    Sign(("compat-libcuda-mismatch", "nvml-driver-library-mismatch", "wsl-driver"),
         r"[Ee]rror:? ?80[34]\b|unsupported display driver / cuda driver|SystemDriverMismatch|SYSTEM_DRIVER_MISMATCH"
         r"|forward compatibility was attempted|CompatNotSupportedOnDevice|COMPAT_NOT_SUPPORTED_ON_DEVICE"
         r"|CUDA driver is a stub library|cudaErrorStubLibrary|CUDA_ERROR_STUB_LIBRARY", driver.driver_mismatch),
    Sign(("cuda-init-stale-driver-state", "wsl-driver", "cuda-visible-devices-empty", "no-gpu-in-container"),
         r"[Ee]rror:? ?999\b|CUDA unknown error|CUDA_ERROR_UNKNOWN|cudaErrorUnknown|cuInit.{0,20}999"
         r"|error \(?(?:999|30)\)? ?: unknown error|error=30 : unknown error|modprobe (?:-r )?nvidia[_-]uvm",
         driver.start_refused),
    # The kernels of the build.
    Sign(("rocm-arch-unsupported",), r"hipErrorNoBinaryForGpu|hipErrorInvalidDeviceFunction|hipErrorInvalidImage"
         r"|HIP error: (?:invalid device function|no kernel image|device kernel image is invalid)"
         r"|TensileLibrary\w{0,40}\.(?:dat|co|yaml|hsaco)|Unable to find code object for all current devices"
         r"|device kernel image is invalid.{0,200}(?:HIP|hip|gfx|ROCm)|gfx\w{3,5}.{0,40}(?:not|un)[ -]?supported"
         r"|rocblas_abort|unsupported.{0,30}gfx\d"),
    Sign(("gpu-too-old-for-triton",), r"too old to be supported by the triton|GPUTooOldForTriton"
         r"|Triton only supports devices of CUDA Capability >= ?7|too old for triton"),
    Sign(("ext-arch-missing",), r"FlashAttention only supports|flash[_-]?attn only supports|(?:quantization|AWQ|FP8)"
         r".{0,60}not supported for the current GPU|requires device with capability [<>]=? ?\(\d|requires A100 GPU"
         r"|requires (?:Ampere|Hopper|Blackwell) GPUs? or newer"
         r"|No compiled \w{3,60} for .{0,60}CUDA device capability"
         r"|does not support backend .{1,40} with compute capability"),
    Sign(("gpu-arch-not-in-wheel",), r"which requires CUDA_VERSION >= \d{3,5} to work properly"
         r"|invalid value for --gpu-architecture|nvrtc: error: invalid value"),
    Sign(("gpu-arch-dropped",), r"no longer supports this GPU because it is too old"
         r"|[Mm]inimum cuda capability (?:that we support|supported by this library) is"
         r"|cuDNN version \S{1,12} is not compatible with devices with SM <"),
    Sign(("gpu-arch-dropped", "gpu-arch-not-in-wheel"), r"[Mm]inimum and [Mm]aximum cuda capability supported",
         kernels.outside_range),
    Sign(KERNELS, r"CUDA capability sm_\d{2,3} is not compatible|not compatible with the current PyTorch installation"
         r"|which is of compute capability \(CC\)|install PyTorch with a following CUDA configurations"
         r"|install a PyTorch release that supports one of these CUDA versions", kernels.not_compatible),
    Sign(KERNELS, r"no kernel image is available|NoKernelImageForDevice|CUDA_ERROR_NO_BINARY_FOR_GPU"
         r"|error ?\(?[=( ]?(?:48|209|8)\)? ?: (?:no kernel|invalid device function)|invalid device function"
         r"|cudaErrorInvalidDeviceFunction|no sm_\d{2,3}a? (?:kernels?|support|code|binar)"
         r"|(?:lacks?|without|missing|no support for) sm_\d{2,3}|Value 'sm_\d{2,3}a?' is not defined for option"
         r"|sm_\d{2,3}a? (?:is )?not (?:yet )?supported", kernels.missing_kernels),
    Sign(("driver-too-old", "gpu-arch-not-in-wheel"), r"PTX was compiled with an unsupported toolchain"
         r"|UnsupportedPtxVersion|UNSUPPORTED_PTX_VERSION|PTX JIT compilation failed", kernels.unsupported_ptx),
    Sign(("cudnn-version-mismatch", "cudnn-shadowed-by-ld-library-path"), r"cuDNN version (?:incompatibility|mismatch)"
         r"|CUDNN_STATUS_(?:SUBLIBRARY_)?(?:VERSION_MISMATCH|LOADING_FAILED)|undefined symbol:? cudnn[A-Z]"
         r"|[Cc]ould not load library \W?libcudnn|[Uu]nable to (?:load|find) .{0,80}libcudnn"
         rf"|libcudnn\w{{0,30}}\.so[.\d]{{0,9}}: (?:undefined symbol|{NO_FILE})|version libcudnn\w{{0,30}}\.so"
         r"|Loaded runtime CuDNN library|Cannot load symbol cudnn|linked against \(\d{1,2}, \d"
         r"|[Cc]ould not (?:find|locate|load) \W?cudnn\w{0,30}\.dll", libraries.other_cudnn),
    Sign(("gpu-arch-not-in-wheel", "gpu-arch-dropped", "mixed-cu-packages"),
         r"CUDNN_STATUS_(?:EXECUTION_FAILED|ARCH_MISMATCH|NOT_SUPPORTED"
         r"|MAPPING_ERROR|INTERNAL_ERROR|NOT_INITIALIZED|BAD_PARAM)|CUBLAS_STATUS_(?:EXECUTION_FAILED|ARCH_MISMATCH"
         r"|NOT_SUPPORTED|NOT_INITIALIZED|INTERNAL_ERROR|ALLOC_FAILED)|cublas runtime error|valid cuDNN algorithm"
         r"|FIND was unable to find an engine|CUDA error: an illegal (?:memory access|instruction)",
         kernels.failing_library),
    Sign(("cpu-only-build", "wrong-index-url", "no-nvidia-gpu"), r"Torch not compiled with CUDA"
         r"|'torch\._C' has no attribute '_cuda_\w{2,40}'|[Tt]orch (?:is|was) not"
         r" (?:compiled|built) with CUDA|not linked with support for cuda|PyTorch (?:is|was) (?:a )?CPU"
         r"|Cannot initialize CUDA without ATen_cuda library|without CUDA support.{0,40}torch"
         r"|[Tt]orch (?:is |was )?(?:compiled|built) without CUDA", kernels.not_compiled),
    # What is installed beside torch.
    Sign(("torch-torchaudio-mismatch",), r"PyTorch and TorchAudio were compiled with different"
         r"|(?:torchaudio|_torch_sox)[\w./\\-]{0,80}: (?:undefined symbol|cannot open)"
         r"|torchaudio \S{1,30} requires torch"
         r"|torchaudio \S{1,30} has requirement torch|[Ff]ailed to initialize FFmpeg extension.{0,80}symbol"
         r"|libtorchaudio\W.{0,80}(?:could not be found|Symbol not found)|torchaudio(?:_sox)?::\w{2,30}"),
    Sign(("torch-torchvision-mismatch", "conda-pip-mix", "duplicate-torch-install"),
         r"torchvision::\w{2,30}|Couldn't load custom C\+\+ ops"
         r"|PyTorch and torchvision were compiled with different|torchvision \S{1,30} (?:requires|depends on) torch"
         r"|torchvision \S{1,30} has requirement torch|torchvision[\w./\\-]{0,80}: undefined symbol"
         r"|partially initialized module 'torchvision'|module 'torch' has no attribute 'library'"
         r"|Not compiled with GPU support.{0,80}torchvision|No module named 'torchvision\.(?:_C|ops)'"
         r"|module 'torchvision' has no attribute '(?:extension|ops)'|torch\.ops\.torchvision",
         packages.vision_operators),
    Sign(("numpy2-abi",), r"compiled using NumPy 1\.x cannot be run|_ARRAY_API not found|Numpy is not available"
         r"|Could not infer dtype of numpy|numpy\.dtype size changed|but this version of numpy is 0x2"
         r"|numpy\.core\.multiarray failed to import", packages.numpy_two),
    Sign(("triton-mismatch",), r"torch \S{1,30} (?:has requirement|requires|depends on) (?:pytorch-)?triton"
         r"|No module named '?triton ?\. ?\w|cannot import name '?\w{1,40}'? from '?triton"
         r"|module 'triton[\w.]{0,40}' has no attribute|'CompiledKernel' (?:object )?has no attribute"
         r"|cannot import name '?(?:AttrsDescriptor|triton_key)"),
    Sign(("triton-unavailable", "triton-mismatch"), r"Cannot find a working triton installation|TritonMissing"
         r"|[Nn]o module named '?triton'?(?![\w.])|matching Triton is not available"
         r"|Windows not yet supported for torch\.compile"
         r"|[Nn]o matching distribution found for (?:pytorch-)?triton|satisfies the requirement (?:pytorch-)?triton"
         r"|[Tt]riton (?:is )?not (?:installed|available|found|supported on)", packages.no_triton),
    Sign(("python-unsupported",), r"Dynamo is not supported on Python|torch\.compile is not supported on Python"
         r"|Python 3\.\d{1,2}\+? (?:is )?not (?:yet )?supported|not a supported wheel on this platform"
         r"|no wheels with a matching Python|matching Python (?:version|implementation|ABI)"
         r"|[Pp]ackage 'torch' requires a different Python|with the following Python ABI tags?"),
    Sign(("wrong-index-url", "python-unsupported", "x86-python-on-apple-silicon"),
         r"[Nn]o matching distribution found for torch\w{0,6}\b"
         r"|satisfies the requirement torch\w{0,6}\b|[Uu]nable to find installation candidates for torch"
         r"|no version of torch\w{0,6}[= ]|torch\w{0,6} was not found in the"
         r"|no wheels with a matching platform tag|None of the wheel's tags match.{0,80}torch",
         packages.no_distribution),
    Sign(("cuda-package-pin-broken",), r"torch \S{1,30} (?:has requirement|requires) nvidia-"),
    # Libraries of other releases.
    Sign(("mkl-incompatible",), r"undefined symbol:? (?:iJIT_|mkl_)|MKL FATAL ERROR|INTEL MKL ERROR"
         rf"|libmkl\w{{0,30}}\.so[.\d]{{0,4}}.{{0,40}}(?:undefined symbol|cannot load|{NO_FILE})"),
    Sign(("nccl-version-conflict", "mixed-cu-packages"), r"undefined symbol:? p?nccl[A-Z]|NCCL version mismatch"
         r"|[Mm]ismatched NCCL|version libnccl\.so", libraries.other_nccl),
    Sign(("cuda-libs-shadowed-by-ld-library-path", "mixed-cu-packages"), r"undefined symbol:? (?:__)?"
         r"(?:nvJitLink|nvrtc|cublas|cusparse|cusolver|cufft|curand|cupti|cudart|nvtx)\w?"
         r"|(?:version|symbol) lib(?:nvJitLink|cublas|cublasLt|cusparse|cusolver|cufft|curand|cupti|cudart|nvrtc)\.so"
         r"|libcu\w{2,20}\.so[.\d]{1,12}: symbol \w", libraries.other_cuda_library),
    Sign(("toolkit-build-mismatch",), r"mismatches the version that was used to compile"
         r"|does not match the version (?:torch was compiled|used to compile Pytorch)|Unsupported gpu architecture"
         r"|FlashAttention is only supported on CUDA \d|nvcc fatal|CUDA version mismatch.{0,80}(?:nvcc|torch|system)"),
    # What is compiled for torch, and what any loader says.
    Sign(("glibc-too-old",), r"GLIBC_[\d.]{1,8}\W{1,3}not found|GLIBC_[\d.]{1,8} (?:is )?(?:required|missing)"
         r"|requires glibc|glibc.{0,30}too old"),
    Sign(("libstdcxx-too-old",), r"(?:GLIBCXX|CXXABI|GCC)_[\d.]{1,10}\W{1,3}not found"),
    Sign(EXTENSION, r"undefined symbol|Symbol not found: _|symbol not found in flat namespace|was built for:? ?PyTorch"
         r"|(?:built|compiled) (?:for|with|against) (?:PyTorch|torch)[ =]?\d|can't load C\+\+/CUDA extensions"
         r"|specified procedure could not be found|[Ff]ailed to import from vllm\._C", libraries.foreign_extension),
    Sign(("missing-libGL",), rf"{DESKTOP}: {NO_FILE}"),
    Sign(("shared-library-missing", "mixed-cu-packages", "abi-undefined-symbol", "torch-torchaudio-mismatch",
          "torch-torchvision-mismatch"), rf"{CUDA_LIBRARY}: {NO_FILE}", libraries.missing_cuda_library),
    Sign(("shared-library-missing",), r"lib[^\s:'\"]{1,80}\.so[.\d]{0,12}: cannot open shared object file"
         r"|[Ll]ibrary not loaded: \S{0,80}lib(?:omp|iomp5|c10|torch|openblas)"),
    Sign(("missing-windows-runtime-dll", *EXTENSION), r"DLL load failed|WinError (?:126|127|193|1114|182)\b"
         r"|Error loading .{0,200}\.dll|(?:vcruntime|msvcp|vcomp|libomp)140\S{0,12}\.dll|not a valid Win32 application"
         r"|[Cc]ould not find module .{0,200}\.(?:dll|pyd)|Visual C\+\+ Redistributable is not installed",
         libraries.windows_loader),
    Sign(("cpu-lacks-instructions",), r"SIGILL|[Ii]llegal (?:hardware )?instruction|exit code (?:132|-4)\b|0xC000001D"
         r"|(?:requires|support for|lacks|without) AVX|(?:does not|doesn't) (?:support|have) AVX", host.illegal),
    Sign(("torch-shadowed-by-local-module",), rf"module 'torch' has no attribute '{OF_TORCH}'|'torch' is not a package"
         r"|Failed to load PyTorch C extensions|partially initialized module 'torch'"
         r"|cannot import name '\w{1,40}' from '?torch'? \(\S{0,120}[/\\]torch\.py",
         packages.shadowed),
    Sign(("duplicate-torch-install", "conda-pip-mix"),
         r"(?:module|type object) 'torch\._C[\w.]{0,80}' has no attribute '\w{2,60}'",
         packages.two_copies, reported=True),
    Sign(("package-files-damaged",), r"file too short|invalid ELF header|bad magic number|Bad CRC-32"
         r"|Ignoring invalid distribution \W?[-~]?orch|No module named 'torch\._C'|libtorch\w{0,20}\.so.{0,40}trunc"),
    Sign(("torch-not-installed",), r"No module named '?torch'?(?![\w.'])"),
    Sign(("image-tag-does-not-exist",), r"manifest (?:unknown|for \S{3,160} not found)|docker\.io/\S{3,160}: not found"
         r"|failed to resolve (?:source metadata for|reference)"),
    # Limits and the host.
    Sign(("nccl-shm-too-small",), r"failed to extend /dev/shm/nccl|creating shared memory segment|/dev/shm/nccl"
         r"|posix_fallocate failed ?: No space left|(?i:nccl).{0,160}(?:shared memory|/dev/shm)"
         r"|(?:shared memory|/dev/shm).{0,160}(?i:nccl)"),
    Sign(("nccl-shm-too-small",), r"(?i:nccl).{0,120}unhandled system error|ncclSystemError|ncclUnhandledSystemError",
         peers.system_call),
    Sign(("memlock-limit-too-low",), r"RLIMIT_MEMLOCK|ulimit -l\b|locked memory|memlock"
         r"|ibv_\w{2,30}.{0,60}Cannot allocate memory"),
    Sign(("dev-shm-too-small",), r"signal: Bus error|bus error encountered in worker|insufficient shared memory"
         r"|out of shared memory|torch_shm_manager|</?torch_\d.{0,80}(?:No space left|Cannot allocate memory)"
         r"|(?:No space left on device|Bus error).{0,120}/dev/shm|/dev/shm.{0,120}(?:No space left|Bus error)"
         r"|unable to (?:open|write to|mmap|resize) .{0,60}(?:shared memory|</?torch_)|[Bb]us error \(core dumped\)"
         r"|In \S{0,80}synchronize\.py: .{0,40}No space left on device"
         r"|No space left on device.{0,40}joblib will operate",
         host.shared_memory),
    Sign(("p2p-iommu-hang",), r"IO_PAGE_FAULT|DMAR: .{0,80}\bfault addr", peers.page_fault),
    Sign(("mig",), r"invalid literal for int\(\) with base 10: '?MIG-"),
    Sign(("p2p-iommu-hang",),
         r"\b(?:hang|hung|stuck|dead ?lock|freez|froze)|time(?:d )?out|P2P_DISABLE|iommu|IOMMU|\bACS\b"
         r"|(?:never|not|n't) returns?\b",
         peers.hang, reported=True),
    # Other platforms.
    Sign(("macos-too-old-for-mps",), r"MPS backend is supported on [Mm]ac ?OS|MPS.{0,60}requires? [Mm]ac ?OS"
         r"|not available because the [Mm]ac ?OS version", host.mac_version),
    Sign(("x86-python-on-apple-silicon",), r"have '?x86_64'?,? (?:\(?need|need|but need) '?arm64"
         r"|(?:found|built for) (?:architecture )?'?x86_64'?.{0,40}required architecture '?arm64"
         r"|under Rosetta|translated by Rosetta"),
    # What people report, in no words of software.
    Sign(("x86-python-on-apple-silicon",),
         r"(?i:apple (?:silicon|m[1-9])|\bm[1-9],? (?:mac|pro|max|ultra)).{0,200}(?:i386|x86[_-]64)"
         r"|(?:i386|x86[_-]64).{0,200}(?i:apple (?:silicon|m[1-9])|\bm[1-9],? (?:mac|pro|max|ultra))", reported=True),
    Sign(("cudnn-version-mismatch", "cudnn-shadowed-by-ld-library-path"), r"(?i:(?:own|system(?:-wide)?|host|local"
         r"|other|another|different|separate)(?: \w{1,12})? cudnn|cudnn (?:of|from|on) the (?:system|host))",
         libraries.own_cudnn, reported=True),
    Sign(("duplicate-torch-install",), r"(?i:(?:re-?install|upgrad|updat)\w{0,4} .{0,40}torch.{0,160}(?:\.__version__"
         r"|(?:old|same|previous) version|(?:shows?|reports?|says|prints?|still) (?:version )?\d{1,2}\.\d))",
         reported=True),
)  # fmt: skip
"""In this order: what is more precise comes first. Beside the sources of `smoke_causes.SIGNS`: torch/cuda/__init__.py
from torch 0.4 on, torch/_inductor/exc.py and torchaudio/_extension; the error strings of the CUDA runtime and of NVML;
libnvidia-container, the container toolkit, the daemons of Docker and containerd; NCCL (shmutils.cc, ibvwrap.cc); the
loader within cuDNN 8 and 9; ld.so, dyld and the loader of Windows; pip, uv and poetry; ROCclr and rocBLAS."""

QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "`": "'"})


def flat(text: str) -> str:
    """Return a text in one line, with straight quotation marks."""
    return " ".join(text.translate(QUOTES).split())


@lru_cache(maxsize=512)
def sign_of(text: str) -> Sign | None:
    """Return the first sign in a text, whatever the machine; None where it holds none.

    Where none stands as software prints it, people may have typed it in another case.
    """
    words = flat(text)
    found = next((sign for sign in SIGNS if re.search(sign.words, words)), None)
    return found or next((sign for sign in SIGNS if re.search(sign.words, words, re.IGNORECASE)), None)
