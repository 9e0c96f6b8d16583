"""Machines that work, near to a defect of the kind that stands in the headers of shared objects."""

# fmt: off
from __future__ import annotations

from binary_rows import CU12, damaged, device_code, kernels, loaded, shadowed, undefined
from described_machine import machine
from gallery_case import Case
from gallery_layers import A100, H100, ROCKY_8, RTX_4090, RTX_5090, UBUNTU

HEALTHY_BINARIES = (
    Case(
        "kernels-read-from-the-file",
        "The default wheel of torch 2.14.1, whose file holds a few kernels for further architectures",
        "What only some modules hold serves no GPU and troubles none.",
        machine(UBUNTU, driver="580.95.05", gpus=[RTX_4090], torch="2.14.1+cu130", overrides={"torch.kernels": kernels(
            "75 80 86 90 100 120", some={"89": 0.0021, "90a": 0.0084, "100a": 0.1242, "103f": 0.1242, "120a": 0.0021,
                                         "121a": 0.0021})}),
        boundary_of=("gpu-arch-not-in-wheel", "gpu-arch-dropped", "matrix-row-contradicted"),
    ),
    Case(
        "source-build-for-this-gpu",
        "torch compiled here for the H100 alone",
        "No row of the matrix speaks for it; its own file does.",
        machine(UBUNTU, driver="570.124.06", gpus=[H100], torch="2.11.0a0+git1f3c5ab", torch_cuda="12.8",
                provenance="source", torchvision=None, triton=None, nvidia={}, requires=["filelock"],
                tags=["TAG-linux_x86_64"], overrides={"torch.channel": "cu128", "torch.kernels": kernels("90")}),
        boundary_of=("gpu-arch-not-in-wheel", "gpu-arch-dropped"),
    ),
    Case(
        "vllm-on-a-gpu-it-serves",
        "RTX 5090 under vLLM, one module of which is for the H100 alone",
        "The modules that run here hold code for it.",
        machine(UBUNTU, driver="570.124.06", gpus=[RTX_5090], packages={"vllm": "0.11.2"}, overrides={
            "extensions.packages": {"vllm": {"version": "0.11.2", "requires": ["torch==2.9.1"]}},
            "extensions.kernels": [
                device_code("vllm", "0.11.2", "vllm/_C.abi3.so", "75 80 86 89 90 100 120"),
                device_code("vllm", "0.11.2", "vllm/_flashmla_C.abi3.so", "90a", modules=4)]}),
        boundary_of=("ext-arch-missing",),
    ),
    Case(
        "bitsandbytes-with-all-its-variants",
        "bitsandbytes with a library for each CUDA, of which one is chosen at run time",
        "The others need a CUDA that is not here, and are not loaded.",
        machine(UBUNTU, driver="570.124.06", packages={"bitsandbytes": "0.48.2"}, overrides={
            "extensions.packages": {"bitsandbytes": {"version": "0.48.2", "requires": ["torch<3,>=2.3"]}},
            "libraries.missing": [
                {"object": f"bitsandbytes/libbitsandbytes_cuda{cuda}.so", "library": f"libcudart.so.{cuda[:2]}",
                 "package": "bitsandbytes", "role": "variant"} for cuda in ("118", "130")]}),
        boundary_of=("shared-library-missing", "abi-undefined-symbol"),
    ),
    Case(
        "optional-codec-of-another-release",
        "torchvision whose image codec needs another libjpeg",
        "Reading JPEG files does not work; torchvision does.",
        machine(UBUNTU, overrides={"libraries.undefined": [undefined(
            "torchvision", "0.24.1", "torchvision/image.so",
            ("_ZN3c104impl3cow11is_cow_dataEv", "c10::impl::cow::is_cow_data()"),
            role="optional")]}),
        first="abi-undefined-symbol", severity="note",
    ),
    Case(
        "newer-cuda-on-ld-library-path",
        "LD_LIBRARY_PATH with a newer CUDA 12 than torch's",
        "Libraries of one CUDA major keep what older programs need.",
        machine(ROCKY_8, driver="550.54.14", torch="2.5.1+cu124", torchvision=None, triton="3.1.0", nvidia={},
                requires=["filelock", "triton==3.1.0"], env={"LD_LIBRARY_PATH": "/sw/cuda/12.6/lib64"}, overrides={
            "libraries.shadowed": [shadowed(
                "libnvJitLink.so.12", "/sw/cuda/12.6/lib64/libnvJitLink.so.12", folder="/sw/cuda/12.6/lib64",
                version="12.6.77", needed_by="nvidia/cusparse/lib/libcusparse.so.12",
                instead_of=f"{CU12}/nvjitlink/lib/libnvJitLink.so.12", instead_of_package="nvidia-nvjitlink-cu12",
                instead_of_version="12.4.127", older=False)]}),
        first="cuda-libs-shadowed-by-ld-library-path", severity="note",
        boundary_of=("cuda-libs-shadowed-by-ld-library-path",),
    ),
    Case(
        "whole-newer-cudnn-on-ld-library-path",
        "LD_LIBRARY_PATH with a whole cuDNN 9.12 beside a torch compiled with 9.10",
        "cuDNN 9 serves what was compiled with an earlier 9.",
        machine(ROCKY_8, driver="570.124.06", env={"LD_LIBRARY_PATH": "/sw/cudnn/9.12/lib"}, overrides={
            "cudnn.version": "9.12.0",
            "libraries.loaded": [
                loaded(library, f"/sw/cudnn/9.12/lib/{library}", "LD_LIBRARY_PATH", version="9.12.0")
                for library in ("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9")],
            "libraries.shadowed": [shadowed(
                library, f"/sw/cudnn/9.12/lib/{library}", folder="/sw/cudnn/9.12/lib", version="9.12.0",
                instead_of=f"{CU12}/cudnn/lib/{library}", instead_of_package="nvidia-cudnn-cu12",
                instead_of_version="9.10.2.21", older=False)
                for library in ("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9")]}),
        first="cudnn-shadowed-by-ld-library-path", severity="note",
        boundary_of=("cudnn-shadowed-by-ld-library-path", "cudnn-version-mismatch"),
    ),
    Case(
        "nccl-of-the-cluster",
        "A cluster's newer NCCL with its own network plugin, on LD_LIBRARY_PATH",
        "It has all that torch needs of it.",
        machine(ROCKY_8, driver="570.124.06", gpus=[A100] * 4, env={"LD_LIBRARY_PATH": "/sw/nccl/2.28/lib"}, overrides={
            "nccl.version": "2.28.3",
            "libraries.shadowed": [shadowed(
                "libnccl.so.2", "/sw/nccl/2.28/lib/libnccl.so.2.28.3", folder="/sw/nccl/2.28/lib", version="2.28.3",
                instead_of=f"{CU12}/nccl/lib/libnccl.so.2", instead_of_package="nvidia-nccl-cu12",
                instead_of_version="2.27.5", older=False)]}),
        first="nccl-version-conflict", severity="note",
        boundary_of=("nccl-version-conflict",),
    ),
    Case(
        "stripped-libraries",
        "An image whose builder ran strip over the shared objects",
        "Their sizes differ from the record, and they are whole.",
        machine(UBUNTU, overrides={"packages.damaged": [damaged(
            "torch", "2.9.1", ("torch/lib/libtorch_python.so", "size", 31_000_000, 22_000_000), loads=True)]}),
        first="package-files-damaged", severity="note",
        boundary_of=("package-files-damaged",),
    ),
)
