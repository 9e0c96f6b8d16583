"""The arithmetic that a bound is stated for: what lets a library compute less exactly is switched off meanwhile."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, List, Tuple

from .case import Unavailable

if TYPE_CHECKING:
    from types import ModuleType

    from .bench import Bench

REDUCED = (
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)
"""Sums of products in less than float32, as torch names them. 1.10.2 has none of them, 1.13.1 the first."""

SUMS_IN_FLOAT32 = (2, 4)
"""The release from which on the loops that torch has for CPUs without such instructions sum float16 and bfloat16 in
float32: 2.4.1 does; 1.10.2 and 1.13.1 do not, and are off by half of a sum."""

TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE"
"""At 0 NVIDIA's libraries never use TF32, whatever they are asked; what else it may be is reserved."""

FPMATH = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
"""What oneDNN may round float32 to, STRICT where unset (oneDNN, "Floating-point Math Mode")."""


@contextmanager
def products(torch: ModuleType, *, tf32: bool = False) -> Iterator[None]:
    """Multiply float32 in float32, or in TF32, and sum in float32 as long as the context lasts.

    Everything is as before afterwards: from torch 2.9 on, what was set through the new name must not stay, because
    reading the old one raises then, and torch's own compiler reads it.
    """
    chosen = torch.backends.cuda.matmul
    settings: List[Tuple[str, Any]] = [(name, False) for name in REDUCED if _has(chosen, name)]
    if _has(chosen, "fp32_precision"):
        settings.append(("fp32_precision", "tf32" if tf32 else "ieee"))
    else:
        settings.append(("allow_tf32", tf32))
    before = [(name, getattr(chosen, name)) for name, _ in settings]
    try:
        for name, value in settings:
            setattr(chosen, name, value)
        yield
    finally:
        for name, value in before:
            setattr(chosen, name, value)


def needs_whole_sums(torch: ModuleType, bench: Bench, kind: str) -> None:
    """Raise `Unavailable` where products of "float16" or "bfloat16" may be summed in less than float32.

    On a GPU that is an old torch without the switch: cuBLAS may add the parts of a sum in the type of the result.
    """
    if bench.on_gpu:
        switch = REDUCED[("float16", "bfloat16").index(kind)]
        bench.needs(_has(torch.backends.cuda.matmul, switch), f"this torch cannot be asked to sum {kind} in float32")
    else:
        major, minor = str(torch.__version__).split(".")[:2]
        whole = (int(major), int(minor)) >= SUMS_IN_FLOAT32
        bench.needs(whole, f"before torch 2.4, products of {kind} are summed in {kind} itself on some CPUs")


def _has(chosen: Any, name: str) -> bool:
    """Whether torch knows the setting; an old one asserts where a new one has no such attribute."""
    try:
        getattr(chosen, name)
    except (AttributeError, AssertionError):
        return False
    return True


def heed_environment(bench: Bench, *, tf32: bool = False) -> None:
    """Raise `Unavailable` where the user has asked for less, or more, than the arithmetic of a test in float32."""
    if bench.on_gpu:
        asked = os.environ.get(TF32_OVERRIDE, "")
        if asked == ("0" if tf32 else "1"):
            raise Unavailable(f"{TF32_OVERRIDE}={asked} asks for other arithmetic than this test is about")
        return
    for name in FPMATH:
        if os.environ.get(name, "STRICT").upper() not in ("", "STRICT"):
            raise Unavailable(f"{name}={os.environ[name]} lets float32 be rounded to less")
