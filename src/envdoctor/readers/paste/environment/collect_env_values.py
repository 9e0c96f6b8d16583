"""What the values of PyTorch's report mean, key by key.

A CUDA of None ("Could not collect", and "None" where nothing of NVIDIA answered) is what the imported torch says of
itself; everything is "N/A" where torch could not be imported; the driver is the word of nvidia-smi.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.readers.paste.environment import system_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envdoctor.model.fact import Fact, Value

SOURCE = "collect_env"

NOT_TOLD = frozenset({"", "n/a", "none", "could not collect", "no cuda", "not available", "unknown"})
HIP_KEYS = ("rocm used to build pytorch", "hip used to build pytorch")

COULD_NOT = Unknown("collect_env could not collect it")


def known(value: Value) -> Known:
    """Return a fact of this report."""
    return Known(value, SOURCE)


def is_told(value: str) -> bool:
    """Whether a value says something at all."""
    return value.lower() not in NOT_TOLD


def _torch(value: str) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"v?(\d{1,3}\.\d[\w.+!-]{0,80})", value)
    if version:
        yield "torch.version", known(version[1])
    elif value.upper().startswith("N/A"):
        yield "torch.version", Unknown("collect_env could not import torch")


def _imported(told: Mapping[str, str]) -> bool:
    """Whether the report is of a torch that could be imported."""
    torch = told.get("pytorch version")
    return torch is not None and torch[:1].isdigit()


def _cuda(value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"(?:CUDA )?(\d{1,2}\.\d{1,2}(?:\.\d{1,4})?)", value)
    word = value.lower()
    if version:
        yield "torch.cuda", known(version[1])
    elif word in ("none", "could not collect"):
        # Printed of an imported torch alone: the other is N/A.
        yield "torch.cuda", Absent("torch.version.cuda is None, by collect_env")
    elif word == "n/a" and _imported(told):
        yield "torch.cuda", Absent("collect_env found a build for ROCm")


def _hip(value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"\d{1,2}\.\d{1,2}[\w.-]{0,40}", value)
    if version:
        yield "torch.hip", known(version[0])
    elif value.lower() == "n/a" and _imported(told):
        yield "torch.hip", Absent("collect_env found a build without ROCm")


def _system(value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    # The build of Windows and the kernel stand in Python's own name of the platform; where both tell, the first wins.
    platform = told.get("python platform")
    python = told.get("python version")
    named = dict(system_words.system(value))
    by_python = dict(system_words.python_platform(platform)) if platform else {}
    more = named.get("host.os") == "windows" or by_python.get("host.platform") == "linux-aarch64-jetson"
    for name, one in ({**named, **by_python} if more else {**by_python, **named}).items():
        yield name, known(one)
    if named.get("host.os") == "windows" and python is not None and "host.platform" not in named:
        told_there = system_words.processor_in(python)
        if told_there in ("x86_64", "arm64"):
            yield "host.platform", known(f"windows-{told_there}")
            yield "python.machine", known(told_there)


def _platform(value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    if "os" not in told:
        for name, one in system_words.python_platform(value):
            yield name, known(one)
    glibc = system_words.glibc_of_platform(value)
    if glibc and "libc version" not in told and _python_of(told) >= (3, 9):
        yield "host.libc", known(glibc)


def _libc(value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    """Before Python 3.8 this was what the executable asks for at least (bpo-35389): 2.17 of conda, 2.9 of others."""
    version = re.match(r"glibc-(\d\.\d{1,2})", value)
    if version and _python_of(told) >= (3, 8):
        yield "host.libc", known(f"glibc {version[1]}")


def _python_of(told: Mapping[str, str]) -> tuple[int, int]:
    python = told.get("python version")
    version = re.match(r"(\d)\.(\d{1,2})", python) if python else None
    return (int(version[1]), int(version[2])) if version else (0, 0)


def _python(value: str) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"(?:Python )?(\d\.\d{1,2}(?:\.\d{1,2})?(?:(?:a|b|rc)\d{1,2})?)", value)
    if version is None:
        return
    yield "python.version", known(version[1])
    bits = re.search(r"\((32|64)-bit runtime\)", value)
    if bits:
        yield "python.bits", known(int(bits[1]))
    if "free-threading" in value:
        yield "python.tag", known("cp" + "".join(version[1].split(".")[:2]) + "t")


def _available(value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    word = value.lower()
    if word.startswith(("true", "yes")):
        yield "said.cuda_available", known(True)
        if not any(told.get(key, "")[:1].isdigit() for key in HIP_KEYS):
            # A build for ROCm says the same of an AMD GPU, and there is no libcuda.
            yield "cuda.init", known(0)
    elif word.startswith(("false", "no")) and not word.startswith("not"):
        yield "said.cuda_available", known(False)


def _xpu(value: str) -> Iterator[tuple[str, Fact]]:
    if value.lower() in ("true", "false"):
        yield "said.xpu_available", known(value.lower() == "true")


def _nvcc(value: str) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"V?(\d{1,2}\.\d{1,2}(?:\.\d{1,4})?)", value)
    if version:
        yield "toolkit.nvcc_version", known(version[1])
    elif value and not is_told(value):
        yield "toolkit.nvcc_version", COULD_NOT


def _driver(value: str) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"\d{3,4}\.\d{1,3}(?:\.\d{1,3})?", value)
    if version:
        yield "driver.version", known(version[0])
    elif value and not is_told(value):
        yield "driver.version", COULD_NOT


def _partner(name: str) -> Callable[[str], Iterator[tuple[str, Fact]]]:
    def read(value: str) -> Iterator[tuple[str, Fact]]:
        version = re.match(r"v?(\d{1,3}\.\d[\w.+!-]{0,80})", value)
        if version:
            yield f"{name}.version", known(version[1])

    return read


def _allocator(value: str) -> Iterator[tuple[str, Fact]]:
    if not is_told(value):
        return
    named = re.findall(r"'(PYTORCH_(?:CUDA_)?ALLOC_CONF)': '([^']{1,300})'", value)
    for name, setting in named or [("PYTORCH_CUDA_ALLOC_CONF", value[:300])]:
        yield f"env.{name}", known(setting)


BY_KEY: Mapping[str, Callable[[str], Iterator[tuple[str, Fact]]]] = {
    "pytorch version": _torch,
    "python version": _python,
    "is xpu available": _xpu,
    "cuda runtime version": _nvcc,
    "nvidia driver version": _driver,
    "caching allocator config": _allocator,
    # Reports of projects that took PyTorch's over.
    "torchvision version": _partner("torchvision"),
    "torchaudio version": _partner("torchaudio"),
}

BY_KEY_IN_REPORT: Mapping[str, Callable[[str, Mapping[str, str]], Iterator[tuple[str, Fact]]]] = {
    "cuda used to build pytorch": _cuda,
    "rocm used to build pytorch": _hip,
    "hip used to build pytorch": _hip,
    "is cuda available": _available,
    "is cuda available (pytorch)": _available,
    "os": _system,
    "python platform": _platform,
    "libc version": _libc,
}
"""Keys whose value means something other beside those of the same report, which come as key to value."""


def facts(key: str, value: str, told: Mapping[str, str]) -> Iterator[tuple[str, Fact]]:
    """Yield what a value states; `told` are all keys of its report."""
    if key in BY_KEY:
        yield from BY_KEY[key](value)
    elif key in BY_KEY_IN_REPORT:
        yield from BY_KEY_IN_REPORT[key](value, told)
