"""What the name of a symbol tells: who should define it, and with which std::string it was compiled.

C++ names are those of the Itanium C++ ABI ("Mangling"); the CUDA libraries put their own name first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SPECIAL = r"(?:T[VTIS]|T[hv]n?\d+_(?:n?\d+_)?|Tc(?:[hv]n?\d+_(?:n?\d+_)?){2}|G[VR]|T[WH])?"
"""Tables, type information, thunks, guards: names made of another's name."""
TORCH = re.compile(
    rf"_Z{SPECIAL}N[rVK]*[RO]?(?:3c10|2at|5torch|6caffe2)"
    r"|aoti_torch_|torch_[a-z]|THP[A-Z]|_Z\d+THP[A-Z]"
)
"""Namespaces c10, at, torch and caffe2; the C interface to torch (`torch/csrc/inductor/aoti_torch/c/shim.h`,
`torch/csrc/stable/c/shim.h`); the classes of `libtorch_python`."""

LIBRARIES = (
    "nccl",
    "cudnn",
    "cublasLt",
    "cublas",
    "cusparseLt",
    "cusparse",
    "cusolverMg",
    "cusolver",
    "cufft",
    "curand",
    "nvrtc",
    "nvJitLink",
)
"""Libraries of CUDA whose symbols begin with their name; the driver's (`cuMemAlloc`) are not among them."""
CUDA = re.compile(rf"p?(?P<library>{'|'.join(LIBRARIES)})[A-Z]|__(?P<hidden>nvJitLink)[A-Z]|(?:__)?cuda[A-Z]")
CUDA_BEGINNINGS = tuple(name.encode() for name in (*LIBRARIES, "pnccl", "__nvJitLink", "cuda", "__cuda"))
"""How all of them begin, for a first sorting out."""

OLD_STRING = "Ss"
NEW_STRING = "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
"""std::string before and since GCC 5 (Itanium C++ ABI, "Compression": `Ss`; libstdc++ manual, "Dual ABI")."""
OLD_IN_NAME = re.compile(r"(?<=[EKRPO_a-z])Ss(?=[a-zA-Z0-9_]*$)")


def provider_of(name: str) -> str | None:
    """Who should define a symbol: "torch" or a library of CUDA ("nccl"); None where the name does not say."""
    if TORCH.match(name):
        return "torch"
    match = CUDA.match(name)
    return (match["library"] or match["hidden"] or "cudart") if match else None


def string_abi(lacking: Iterable[str], defined: Callable[[str], bool]) -> tuple[str | None, str | None]:
    """With which std::string an object was compiled, and the symbol that shows it; (None, None) where none does.

    "old" or "new" is said only where torch defines the very same function with the other one.
    """
    for name in lacking:
        for abi, other in other_string(name):
            if defined(other):
                return abi, name
    return None, None


def other_string(name: str) -> Iterator[tuple[str, str]]:
    """Yield which std::string a mangled name is compiled with, and the same name with the other one.

    Nothing is yielded for a name whose later parts refer to earlier ones (`S1_`), as those are numbered anew: among
    the functions that every extension calls (`c10::detail::torchCheckFail`, `c10::Error::Error`) are enough others.
    """
    start, found, rest = name.partition(NEW_STRING)
    if found:
        if not re.search(r"S[0-9A-Z]*_", rest):
            yield "new", start + OLD_STRING + rest
    elif "B5cxx11" in name:
        yield "new", name.replace("B5cxx11", "", 1)
    else:
        for match in OLD_IN_NAME.finditer(name):
            rest = name[match.end() :]
            if not re.search(r"S[0-9A-Z]*_", rest):
                yield "old", name[: match.start()] + NEW_STRING + rest
        if name.endswith("Ev") and name.startswith("_ZN"):
            yield "old", name[:-2] + "B5cxx11Ev"
