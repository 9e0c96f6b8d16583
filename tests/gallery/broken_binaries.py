"""Broken machines whose defect stands in the headers of their shared objects."""

# fmt: off
from __future__ import annotations

from binary_rows import CU12, SITE, damaged, device_code, kernels, loaded, shadowed, undefined
from described_machine import machine
from gallery_case import Case
from gallery_layers import A100, CENTOS_7, DEBIAN, DOCKER, H100, ROCKY_8, UBUNTU

CHECK_FAIL = ("_ZN3c106detail14torchCheckFailEPKcS2_jRKSs",
              "c10::detail::torchCheckFail(char const*, char const*, unsigned int, std::string const&)")
SET_DEVICE = ("_ZN3c104cuda9SetDeviceEi", "c10::cuda::SetDevice(int)")
PASCAL = ("NVIDIA GeForce GTX 1080 Ti", "6.1")
FLASH = "flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so"

BROKEN_BINARIES = (
    Case(
        "flash-attn-of-another-torch",
        "torch 2.9.1 with the flash-attn that was compiled for torch 2.5",
        "Its compiled module needs functions that later releases of torch no longer have.",
        machine(UBUNTU, driver="570.124.06", packages={"flash-attn": "2.7.4.post1"}, overrides={
            "extensions.packages": {"flash-attn": {"version": "2.7.4.post1", "requires": ["torch", "einops"]}},
            "libraries.undefined": [undefined(
                "flash-attn", "2.7.4.post1", FLASH, SET_DEVICE, count=9, built_for="torch 2.5",
                source_of_built_for="the local version of the wheel")]}),
        first="abi-undefined-symbol",
        source="vllm-project/vllm#4072",
    ),
    Case(
        "flash-attn-of-the-other-string-abi",
        "torch 2.2.0 with the flash-attn wheel for the new C++11 ABI",
        "torch's wheels had the old std::string until 2.6; a wheel named cxx11abiTRUE needs the new one.",
        machine(UBUNTU, driver="570.124.06", torch="2.2.0+cu121", torchvision=None, triton="2.2.0", nvidia={},
                requires=["filelock"], packages={"flash-attn": "2.5.5"}, overrides={
            "extensions.packages": {"flash-attn": {"version": "2.5.5", "requires": ["torch", "einops"]}},
            "libraries.undefined": [undefined(
                "flash-attn", "2.5.5", FLASH,
                ("_ZN3c105ErrorC2ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
                 "c10::Error::Error(c10::SourceLocation, std::__cxx11::basic_string<char, std::char_traits<char>, "
                 "std::allocator<char> >)"), string_abi="new")]}),
        first="abi-undefined-symbol",
        source="Dao-AILab/flash-attention#853",
    ),
    Case(
        "vllm-without-kernels-for-pascal",
        "GTX 1080 Ti under torch 2.6.0 for CUDA 12.4, with vLLM compiled from 7.0 on",
        "torch has kernels for the card and vLLM has none.",
        machine(UBUNTU, driver="550.54.14", gpus=[PASCAL], torch="2.6.0+cu124", torchvision=None, triton="3.2.0",
                nvidia={}, requires=["filelock", "triton==3.2.0"], packages={"vllm": "0.8.5"}, overrides={
            "extensions.packages": {"vllm": {"version": "0.8.5", "requires": ["torch==2.6.0"]}},
            "torch.kernels": kernels("50 60 70 75 80 86 90"),
            "extensions.kernels": [
                device_code("vllm", "0.8.5", "vllm/_C.abi3.so", "70 75 80 86 89 90", "90"),
                device_code("vllm", "0.8.5", "vllm/_moe_C.abi3.so", "70 75 80 86 89 90"),
                device_code("vllm", "0.8.5", "vllm/_flashmla_C.abi3.so", "90a", modules=4)]}),
        first="ext-arch-missing",
        source="vllm-project/vllm#18929",
    ),
    Case(
        "vllm-for-one-of-two-gpus",
        "H100 beside a GTX 1080 Ti under a vLLM that begins at 7.0",
        "The H100 is served.",
        machine(UBUNTU, driver="550.54.14", gpus=[H100, PASCAL], torch="2.6.0+cu124", torchvision=None, triton="3.2.0",
                nvidia={}, requires=["filelock", "triton==3.2.0"], packages={"vllm": "0.8.5"}, overrides={
            "extensions.packages": {"vllm": {"version": "0.8.5", "requires": ["torch==2.6.0"]}},
            "torch.kernels": kernels("50 60 70 75 80 86 90"),
            "extensions.kernels": [device_code("vllm", "0.8.5", "vllm/_C.abi3.so", "70 75 80 86 89 90")]}),
        first="ext-arch-missing", severity="warning",
    ),
    Case(
        "file-that-differs-from-the-matrix",
        "torch 2.9.1 whose file holds one architecture less than the matrix says",
        "The file is what runs; the matrix is what is to be mended.",
        machine(UBUNTU, overrides={"torch.kernels": kernels("75 80 86 90 100 120")}),
        first="matrix-row-contradicted", severity="note",
    ),
    Case(
        "source-build-for-another-gpu",
        "torch compiled here for the A100, on a machine with an H100",
        "No row of the matrix speaks for it; its own file does.",
        machine(UBUNTU, driver="570.124.06", gpus=[("NVIDIA GeForce RTX 2080 Ti", "7.5")],
                torch="2.11.0a0+git1f3c5ab", torch_cuda="12.8", provenance="source", torchvision=None, triton=None,
                nvidia={}, requires=["filelock"], tags=["TAG-linux_x86_64"],
                overrides={"torch.channel": "cu128", "torch.kernels": kernels("80")}),
        first="gpu-arch-dropped",
    ),
    Case(
        "module-torch-on-pythonpath",
        "PYTHONPATH with a folder of scripts, one of them called torch.py",
        "`import torch` loads that file in every program.",
        machine(UBUNTU, env={"PYTHONPATH": "/srv/scripts"}, overrides={"python.local_modules": [
            {"module": "torch", "path": "/srv/scripts/torch.py", "from": "PYTHONPATH", "hides": f"{SITE}/torch"}]}),
        first="torch-shadowed-by-local-module",
    ),
    Case(
        "module-torch-beside-the-script",
        "A folder of experiments with a file torch.py in it",
        "Programs that are started there import it.",
        machine(UBUNTU, overrides={"python.local_modules": [
            {"module": "torch", "path": "/srv/experiments/torch.py", "from": "working directory",
             "hides": f"{SITE}/torch"}]}),
        first="torch-shadowed-by-local-module", severity="warning",
    ),
    Case(
        "nvjitlink-of-an-older-toolkit",
        "LD_LIBRARY_PATH with CUDA 12.1, under a torch for CUDA 12.4 whose cuSPARSE has a DT_RUNPATH",
        "cuSPARSE gets the toolkit's libnvJitLink.so.12, which lacks a function it needs.",
        machine(UBUNTU, driver="550.54.14", torch="2.5.1+cu124", torchvision=None, triton="3.1.0", nvidia={},
                requires=["filelock", "triton==3.1.0"], env={"LD_LIBRARY_PATH": "/usr/local/cuda-12.1/lib64:"},
                overrides={"libraries.shadowed": [shadowed(
                    "libnvJitLink.so.12", "/usr/local/cuda-12.1/lib64/libnvJitLink.so.12",
                    folder="/usr/local/cuda-12.1/lib64", version="12.1.105",
                    needed_by="nvidia/cusparse/lib/libcusparse.so.12",
                    instead_of=f"{CU12}/nvjitlink/lib/libnvJitLink.so.12", instead_of_package="nvidia-nvjitlink-cu12",
                    instead_of_version="12.4.127", older=True, lacks=["__nvJitLinkComplete_12_4"], lacks_count=6)]}),
        first="cuda-libs-shadowed-by-ld-library-path",
        source="infiniflow/ragflow#4466",
    ),
    Case(
        "cudnn-parts-of-a-module",
        "LD_LIBRARY_PATH with some parts of cuDNN 9.3, under a torch whose cuDNN 9.1 has a DT_RUNPATH",
        "Parts of two releases refuse one another.",
        machine(ROCKY_8, driver="550.54.14", torch="2.5.1+cu124", torchvision=None, triton="3.1.0", nvidia={},
                requires=["filelock", "triton==3.1.0"], env={"LD_LIBRARY_PATH": "/sw/cudnn/9.3.0/lib"}, overrides={
            "cudnn.version": "9.1.0.70",
            "libraries.loaded": [
                loaded("libcudnn.so.9", f"{CU12}/cudnn/lib/libcudnn.so.9", "DT_RPATH", version="9.1.0.70",
                       package="nvidia-cudnn-cu12"),
                loaded("libcudnn_ops.so.9", f"{CU12}/cudnn/lib/libcudnn_ops.so.9", "DT_RUNPATH", version="9.1.0.70",
                       package="nvidia-cudnn-cu12", needed_by="nvidia/cudnn/lib/libcudnn.so.9"),
                loaded("libcudnn_graph.so.9", "/sw/cudnn/9.3.0/lib/libcudnn_graph.so.9", "LD_LIBRARY_PATH",
                       version="9.3.0", needed_by="nvidia/cudnn/lib/libcudnn.so.9")],
            "libraries.shadowed": [shadowed(
                "libcudnn_graph.so.9", "/sw/cudnn/9.3.0/lib/libcudnn_graph.so.9", folder="/sw/cudnn/9.3.0/lib",
                version="9.3.0", needed_by="nvidia/cudnn/lib/libcudnn.so.9",
                instead_of=f"{CU12}/cudnn/lib/libcudnn_graph.so.9", instead_of_package="nvidia-cudnn-cu12",
                instead_of_version="9.1.0.70", older=False)]}),
        first="cudnn-shadowed-by-ld-library-path",
    ),
    Case(
        "older-cudnn-on-ld-library-path",
        "torch 1.12 for CUDA 11.3 whose libraries have a DT_RUNPATH, and cuDNN 8.0.3 on LD_LIBRARY_PATH",
        "torch refuses a cuDNN that is older than the one it was compiled with.",
        machine(CENTOS_7, driver="470.82.01", torch="1.12.0+cu113", torchvision=None, triton=None, nvidia={},
                requires=["typing-extensions"], python="3.8.18", tags=["TAG-linux_x86_64"],
                env={"LD_LIBRARY_PATH": "/public/apps/cudnn/v8.0.3.33/lib64"}, overrides={
            "cudnn.version": "8.0.3",
            "libraries.loaded": [loaded("libcudnn.so.8", "/public/apps/cudnn/v8.0.3.33/lib64/libcudnn.so.8",
                                        "LD_LIBRARY_PATH", version="8.0.3")],
            "libraries.shadowed": [shadowed(
                "libcudnn.so.8", "/public/apps/cudnn/v8.0.3.33/lib64/libcudnn.so.8",
                folder="/public/apps/cudnn/v8.0.3.33/lib64", version="8.0.3",
                instead_of="/srv/train/.venv/lib/python3.8/site-packages/torch/lib/libcudnn.so.8",
                instead_of_package="torch", instead_of_version="8.3.2", older=True)]}),
        first="cudnn-shadowed-by-ld-library-path",
        source="pytorch/pytorch#80637",
    ),
    Case(
        "cudnn-of-the-system-is-older",
        "torch compiled here against cuDNN 9.10, and ldconfig finds 9.1",
        "The cuDNN that the loader takes is of an older minor release than its headers were.",
        machine(UBUNTU, driver="570.124.06", nvidia={}, overrides={
            "cudnn.version": "9.1.1",
            "libraries.loaded": [loaded("libcudnn.so.9", "/usr/lib/x86_64-linux-gnu/libcudnn.so.9", "ld.so.cache",
                                        version="9.1.1")]}),
        first="cudnn-version-mismatch",
        source="pytorch/pytorch#119989",
    ),
    Case(
        "nccl-of-another-program",
        "torch 2.9.1 with an older NCCL in LD_PRELOAD",
        "libtorch_cuda.so needs functions which that NCCL does not have.",
        machine(UBUNTU, driver="570.124.06", gpus=[A100, A100], env={"LD_PRELOAD": "/opt/msccl/lib/libnccl.so.2"},
                overrides={
            "nccl.version": "2.17.1",
            "libraries.shadowed": [shadowed(
                "libnccl.so.2", "/opt/msccl/lib/libnccl.so.2", folder="/opt/msccl/lib/libnccl.so.2", how="LD_PRELOAD",
                version="2.17.1", instead_of=f"{CU12}/nccl/lib/libnccl.so.2", instead_of_package="nvidia-nccl-cu12",
                instead_of_version="2.27.5", older=True, lacks=["ncclCommRegister", "ncclCommDeregister"],
                lacks_count=4)]}),
        first="nccl-version-conflict",
        source="pytorch/pytorch#119932",
    ),
    Case(
        "extension-of-a-newer-compiler",
        "An extension that was compiled with GCC 14 and copied to Ubuntu 22.04",
        "The system's libstdc++ has no GLIBCXX_3.4.32.",
        machine(UBUNTU, driver="570.124.06", packages={"gsplat": "1.5.2"}, overrides={
            "extensions.packages": {"gsplat": {"version": "1.5.2", "requires": ["torch"]}},
            "libraries.unmet_versions": [
                {"object": "gsplat/csrc.so", "package": "gsplat", "role": "entry", "library": "libstdc++.so.6",
                 "version": "GLIBCXX_3.4.32", "file": "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                 "highest": "GLIBCXX_3.4.30"}]}),
        first="libstdcxx-too-old",
    ),
    Case(
        "extension-of-a-newer-system",
        "An extension that was compiled on Ubuntu 24.04 and copied to Ubuntu 22.04",
        "Its module needs GLIBC_2.38; here is 2.35.",
        machine(UBUNTU, driver="570.124.06", packages={"gsplat": "1.5.2"}, overrides={
            "extensions.packages": {"gsplat": {"version": "1.5.2", "requires": ["torch"]}},
            "libraries.unmet_versions": [
                {"object": "gsplat/csrc.so", "package": "gsplat", "role": "entry", "library": "libc.so.6",
                 "version": "GLIBC_2.38", "file": "/lib/x86_64-linux-gnu/libc.so.6", "highest": "GLIBC_2.35"}]}),
        first="glibc-too-old",
    ),
    Case(
        "opencv-without-libgl",
        "Slim container with opencv-python",
        "`import cv2` fails: libGL.so.1 is nowhere.",
        machine(DEBIAN, DOCKER, driver="570.124.06", packages={"opencv-python": "4.10.0.84"}, overrides={
            "opencv.packages": {"opencv-python": "4.10.0.84"},
            "libraries.missing": [{"object": "cv2/cv2.abi3.so", "library": "libGL.so.1", "package": "opencv-python",
                                   "role": "entry"}]}),
        first="missing-libGL",
        source="pytorch/ignite#1615",
    ),
    Case(
        "extension-of-cuda-12-under-cuda-13",
        "torch 2.14.1 for CUDA 13 with a flash-attn compiled for CUDA 12",
        "Its module needs libcudart.so.12, and CUDA 13 brings libcudart.so.13.",
        machine(UBUNTU, driver="580.95.05", torch="2.14.1+cu130", packages={"flash-attn": "2.8.3"}, overrides={
            "extensions.packages": {"flash-attn": {"version": "2.8.3", "requires": ["torch", "einops"]}},
            "libraries.missing": [{"object": FLASH, "library": "libcudart.so.12", "package": "flash-attn",
                                   "role": "entry"}]}),
        first="shared-library-missing",
    ),
    Case(
        "nccl-cut-short",
        "A full disk while NVIDIA's NCCL package was installed",
        "libnccl.so.2 is shorter than its record says: `import torch` ends with \"file too short\".",
        machine(UBUNTU, driver="570.124.06", overrides={"packages.damaged": [damaged(
            "nvidia-nccl-cu12", "2.27.5", ("nvidia/nccl/lib/libnccl.so.2", "truncated", 426_785_344, 209_715_200))]}),
        first="package-files-damaged",
    ),
    Case(
        "half-of-torch-deleted",
        "torch 2.9.1 after a cleaning job of the cluster deleted old files",
        "Modules that its import runs are gone.",
        machine(UBUNTU, driver="570.124.06", overrides={"packages.damaged": [damaged(
            "torch", "2.9.1", ("torch/nn/__init__.py", "missing", 2_428, None),
            ("torch/nn/functional.py", "missing", 259_480, None))]}),
        first="package-files-damaged",
    ),
)
