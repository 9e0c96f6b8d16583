"""The reports of MMCV (`key: value`) and of detectron2 (a table of two columns), and those that took them for a model.

Sources: `collect_env` in mmengine/utils/dl_utils/collect_env.py (earlier mmcv/utils/env.py; LMDeploy prints the same),
`collect_env_info` in detectron2/utils/collect_env.py, and sglang/check_env.py. The first two end with
`torch.__config__.show()`, which also stands by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.paste import Line

FORMAT = "collect_env of a library"

LOGGED = r"(?:[\d/:, .-]{8,30}- [\w.]{1,20} - INFO - )?"
"""What the loggers of OpenMMLab put before each line."""

ROW = Pattern(
    LOGGED
    + r"\s{0,12}(sys\.platform|Python|PyTorch|TorchVision|torchvision|torchaudio|numpy|CUDA available|GPU available"
    r"|GPU \d{1,2}(?:,\d{1,2}){0,31}(?: Compute Capability)?|CUDA_HOME|NVCC|CUDA compiler|Driver version"
    r"|CUDA Driver Version|TORCH_CUDA_ARCH_LIST|Pillow|OpenCV|cv2|GCC|MSVC|Compiler(?: \(\$CXX\))?|PyTorch debug build"
    r"|torchvision arch flags|MMCV Compiler|MMCV CUDA Compiler|C compiler|numpy_random_seed|MUSA available"
    r"|MMCV|MMEngine|MMDetection|MMSegmentation|MMPose|MMDetection3D|LMDeploy|detectron2|fvcore"
    r"|sglang|sgl_kernel|flashinfer|flashinfer_python|triton|transformers|torchao|vllm|xgrammar)"
    r"(?::\s{0,40}|\s{2,60})(\S.{0,400})"
)
CONFIG = Pattern(
    r"\s{0,8}- (CUDA Runtime|CuDNN|NVCC architecture flags|HIP Runtime|Build settings)[ :]{1,4}(\S.{0,6000})"
)
FIRST = Pattern(
    LOGGED + r"\s{0,12}(?:sys\.platform(?::|\s{2,60})|Python: \d\.\d{1,2}\.\d{1,2} .{0,120}\[)",
    words=("sys.platform", "python:"),
)
BUILT = Pattern(LOGGED + r"\s{0,12}(?:PyTorch compiling details: )?PyTorch built with:", words=("built with",))

SYSTEMS = {"linux": "linux", "linux2": "linux", "win32": "windows", "cygwin": "windows", "darwin": "macos"}
DISTRIBUTIONS = {
    "PyTorch": "torch", "TorchVision": "torchvision", "torchvision": "torchvision", "torchaudio": "torchaudio",
    "numpy": "numpy", "MMCV": "mmcv", "MMEngine": "mmengine", "MMDetection": "mmdet", "detectron2": "detectron2",
    "LMDeploy": "lmdeploy", **{name: name for name in ("sglang", "triton", "transformers", "torchao", "vllm")},
    "sgl_kernel": "sgl-kernel", "flashinfer": "flashinfer", "flashinfer_python": "flashinfer-python",
}  # fmt: skip
VERSION = Pattern(r"\d{1,3}\.\d[\w.+-]{0,80}")
MOST_FACTS = 2000
NEAR = 60
"""Lines of such a report, at most."""


def read(lines: Sequence[Line]) -> Reading:
    """Read what begins with `sys.platform` or the whole `sys.version`, and what torch says it was built with."""
    stated: list[Stated] = []
    packages: list[Package] = []
    claimed: set[int] = set()
    last_first = last_built = -NEAR
    for index, line in enumerate(lines):
        if len(stated) > MOST_FACTS:
            break
        if FIRST.match(line.text):
            last_first = index
        elif BUILT.match(line.text):
            last_built = index
            claimed.add(line.number)
        elif index - last_built < NEAR and not line.text.lstrip().startswith("- "):
            last_built = -NEAR
        found: list[Stated] = []
        row = ROW.fullmatch(line.text) if index - last_first < NEAR else None
        config = CONFIG.fullmatch(line.text) if index - last_built < NEAR else None
        if row:
            key, value = row[1], row[2].strip()
            found = [Stated(name, fact, line.number) for name, fact in _facts(key, value)]
            version = VERSION.match(value)
            if key in DISTRIBUTIONS and version:
                packages.append(Package(DISTRIBUTIONS[key], version[0], line.number))
            claimed.add(line.number)
        elif config:
            found = [Stated(name, fact, line.number) for name, fact in _config(config[1], config[2])]
        if found or index - last_built < NEAR:
            claimed.add(line.number)
        stated += found
    return Reading(FORMAT, tuple(without_libcuda(stated)), tuple(packages), claimed=frozenset(claimed))


def without_libcuda(stated: Sequence[Stated]) -> list[Stated]:
    """Return the statements without those of libcuda where torch is a build for ROCm: it says "CUDA available" too."""
    rocm = any(
        one.name == "torch.hip" or (one.name == "torch.version" and "rocm" in str(one.fact.value))
        for one in stated
        if isinstance(one.fact, Known)
    )
    return [one for one in stated if not (rocm and one.name == "cuda.init")]


def _known(value: Value) -> Known:
    return Known(value, FORMAT)


def _facts(key: str, value: str) -> Iterator[tuple[str, Fact]]:
    if key == "sys.platform" and value in SYSTEMS:
        yield "host.os", _known(SYSTEMS[value])
    elif key == "Python" and (version := re.match(r"\d\.\d{1,2}(?:\.\d{1,2})?", value)):
        yield "python.version", _known(version[0])
        if "(AMD64)" in value:
            yield "host.platform", _known("windows-x86_64")
    elif key == "PyTorch" and (version := VERSION.match(value)):
        yield "torch.version", _known(version[0])
        folder = re.search(r" @(/.{1,300})", value)
        if folder:
            yield "torch.location", _known(folder[1])
    elif key in ("CUDA available", "GPU available"):
        yes = value.lower().startswith(("true", "yes"))
        yield "said.cuda_available", _known(yes)
        if yes:
            yield "cuda.init", _known(0)
    elif key.startswith("GPU "):
        yield from _gpus(key, value)
    elif key in ("Driver version", "CUDA Driver Version") and (
        version := re.match(r"\d{3,4}\.\d{1,3}(?:\.\d{1,3})?", value)
    ):
        yield "driver.version", _known(version[0])
    elif key == "CUDA_HOME" and not value.startswith("None"):
        # The one that torch found, by the variable or without it.
        yield "toolkit.home", _known(strip_credentials(value))
    elif key == "TORCH_CUDA_ARCH_LIST":
        yield "env.TORCH_CUDA_ARCH_LIST", _known(strip_credentials(value))
    elif key in ("NVCC", "CUDA compiler"):
        version = re.search(r"(?:\bV|cuda_|CUDA )(\d{1,2}\.\d{1,2}(?:\.\d{1,4})?)", value)
        if version:
            yield "toolkit.home_version", _known(version[1])
            yield "toolkit.nvcc_version", _known(version[1])


def _gpus(key: str, value: str) -> Iterator[tuple[str, Fact]]:
    """Read "GPU 0,1   Tesla T4 (arch=7.5)": torch's own numbers, those of the GPUs it sees."""
    indexes, _, of_capability = key.removeprefix("GPU ").partition(" ")
    capability = re.search(r"(?:\(arch=|^)(\d{1,2}\.\d)(?:\)|$)", value)
    name = re.sub(r"\s{0,4}\(arch=[\d.]{1,5}\)", "", value)[:100]
    for index in indexes.split(","):
        if not of_capability:
            yield f"gpu.{int(index)}.name", _known(name)
        if capability:
            yield f"gpu.{int(index)}.compute_capability", _known(capability[1])


def _config(key: str, value: str) -> Iterator[tuple[str, Fact]]:
    """Read a line of `torch.__config__.show()`: the CUDA it was built for, the cuDNN it loaded, its architectures."""
    version = re.match(r"\d{1,2}\.\d{1,3}(?:\.\d{1,4})?", value)
    if key == "CUDA Runtime" and version:
        yield "torch.cuda", _known(version[0])
    elif key == "HIP Runtime" and version:
        yield "torch.hip", _known(version[0])
    elif key == "CuDNN" and version:
        yield "cudnn.version", _known(_cudnn(version[0]))
    elif key == "NVCC architecture flags":
        flags: list[Value] = [*dict.fromkeys(re.findall(r"code=((?:sm|compute)_\d{2,3}a?)\b", value))]
        if flags:
            kernels: Value = {"files": [], "modules": 0, "sass": {}, "ptx": {}, "flags": flags}
            yield "torch.kernels", _known(kernels)
    elif key == "Build settings" and "USE_CUDA=OFF" in value and "USE_ROCM=OFF" in value:
        yield "torch.cuda", Absent("torch was built with USE_CUDA=OFF, by its own settings")


def _cudnn(shown: str) -> str:
    """Return the version that torch means: it divides 90501 as if it were of cuDNN 8, and shows 90.5.1 for 9.5.1."""
    parts = [int(part) for part in [*shown.split("."), "0", "0"][:3]]
    number = parts[0] * 1000 + parts[1] * 100 + parts[2]
    return f"{number // 10000}.{number % 10000 // 100}.{number % 100}" if parts[0] >= 90 else shown
