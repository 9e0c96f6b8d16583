"""What lets a library compute less exactly is off as long as a test needs it, in every torch's way to say so."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from envdoctor.smoke.child.bench import Bench
from envdoctor.smoke.child.case import Unavailable
from envdoctor.smoke.child.large_product import FULL, HALF, QUICK, SMALLEST, TRIED, fitting_size
from envdoctor.smoke.child.strictness import heed_environment, needs_whole_sums, products


class Settings:
    """`torch.backends.cuda.matmul`: knows its names, and refuses others with the error of its release."""

    def __init__(self, refusal: type[Exception], **values: object) -> None:
        self.__dict__.update(values, _refusal=refusal)

    def __getattr__(self, name: str) -> object:
        raise self.__dict__["_refusal"]("Unknown attribute " + name)

    def now(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_refusal"}


def torch_with(settings: Settings) -> ModuleType:
    return cast("ModuleType", SimpleNamespace(backends=SimpleNamespace(cuda=SimpleNamespace(matmul=settings))))


OLD = {"allow_tf32": True}
MIDDLE = {**OLD, "allow_fp16_reduced_precision_reduction": True, "allow_bf16_reduced_precision_reduction": True}
NEW = {**MIDDLE, "allow_fp16_accumulation": True, "fp32_precision": "none"}


@pytest.mark.parametrize(("refusal", "before"), [(AssertionError, OLD), (AttributeError, MIDDLE)])
@pytest.mark.parametrize("tf32", [False, True])
def test_an_old_torch_is_asked_by_its_one_switch(
    refusal: type[Exception], before: dict[str, object], tf32: bool
) -> None:
    settings = Settings(refusal, **before)
    with products(torch_with(settings), tf32=tf32):
        assert settings.now() == {**dict.fromkeys(before, False), "allow_tf32": tf32}
    assert settings.now() == before


@pytest.mark.parametrize(("tf32", "precision"), [(False, "ieee"), (True, "tf32")])
def test_a_new_torch_is_asked_by_the_new_name_alone(tf32: bool, precision: str) -> None:
    settings = Settings(AttributeError, **NEW)
    with products(torch_with(settings), tf32=tf32):
        now = settings.now()
        assert now.pop("fp32_precision") == precision
        assert now.pop("allow_tf32") is True  # never touched: mixing both makes later readings raise
        assert not any(now.values())
    assert settings.now() == NEW


def test_a_test_that_fails_leaves_everything_as_it_was() -> None:
    settings = Settings(AttributeError, **NEW)
    with pytest.raises(ZeroDivisionError), products(torch_with(settings)):
        raise ZeroDivisionError
    assert settings.now() == NEW


def bench_on(device: str, **more: object) -> Bench:
    return cast("Bench", SimpleNamespace(on_gpu=device != "cpu", device=device, **more))


@pytest.mark.parametrize(
    ("device", "tf32", "name", "value", "refused"),
    [
        ("cuda:0", True, "NVIDIA_TF32_OVERRIDE", "0", True),
        ("cuda:0", False, "NVIDIA_TF32_OVERRIDE", "0", False),
        ("cuda:0", False, "NVIDIA_TF32_OVERRIDE", "1", True),
        ("cpu", False, "NVIDIA_TF32_OVERRIDE", "1", False),
        ("cpu", False, "ONEDNN_DEFAULT_FPMATH_MODE", "bf16", True),
        ("cpu", False, "DNNL_DEFAULT_FPMATH_MODE", "BF16", True),
        ("cpu", False, "DNNL_DEFAULT_FPMATH_MODE", "strict", False),
        ("cuda:0", False, "DNNL_DEFAULT_FPMATH_MODE", "BF16", False),
    ],
)
def test_what_the_environment_asks_for_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, device: str, tf32: bool, name: str, value: str, refused: bool
) -> None:
    for other in ("NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    if refused:
        with pytest.raises(Unavailable, match=f"{name}={value}"):
            heed_environment(bench_on(device), tf32=tf32)
    else:
        heed_environment(bench_on(device), tf32=tf32)


@pytest.mark.parametrize(("version", "offered"), [("2.3.1+cu121", False), ("2.4.0", True), ("10.0.0a0+git1", True)])
def test_half_precision_on_a_cpu_is_compared_where_it_is_summed_in_float32(version: str, offered: bool) -> None:
    torch = cast("ModuleType", SimpleNamespace(__version__=version))
    bench = Bench.__new__(Bench)
    bench.device = "cpu"
    if offered:
        needs_whole_sums(torch, bench, "bfloat16")
    else:
        with pytest.raises(Unavailable, match="products of bfloat16"):
            needs_whole_sums(torch, bench, "bfloat16")


@pytest.mark.parametrize(("kind", "offered"), [("float16", True), ("bfloat16", False)])
def test_half_precision_on_a_gpu_is_compared_where_torch_has_the_switch(kind: str, offered: bool) -> None:
    settings = Settings(AssertionError, allow_tf32=True, allow_fp16_reduced_precision_reduction=True)  # torch 1.13
    bench = Bench.__new__(Bench)
    bench.device = "cuda:0"
    if offered:
        needs_whole_sums(torch_with(settings), bench, kind)
    else:
        with pytest.raises(Unavailable, match=f"cannot be asked to sum {kind}"):
            needs_whole_sums(torch_with(settings), bench, kind)


class Matrix:
    """Random numbers of so many bytes each."""

    dtype = "some"

    def __init__(self, bytes_each: int) -> None:
        self.bytes_each = bytes_each

    def element_size(self) -> int:
        return self.bytes_each

    def as_strided(self, *_: object) -> Matrix:
        return self

    def contiguous(self) -> Matrix:
        return self

    def view(self, _: object) -> Matrix:
        return self


@pytest.mark.parametrize(
    ("tera", "full", "bytes_each", "free_mib", "size"),
    [
        (50.0, False, 4, 80000, QUICK),
        (50.0, True, 4, 80000, FULL),
        (700.0, True, 2, 1000, QUICK),  # three of 8192 x 8192 are 768 MiB
        (700.0, False, 2, 500, HALF),
        (4.0, False, 4, 80000, HALF),
        (0.1, False, 8, 80000, TRIED),
        (0.1, True, 8, 80000, SMALLEST),
    ],
)
def test_a_product_is_as_large_as_time_and_memory_allow(
    tera: float, full: bool, bytes_each: int, free_mib: int, size: int
) -> None:
    tried: list[int] = []

    def seconds(_: object, **__: object) -> float:
        return 2 * tried[-1] ** 3 / (tera * 1e12) + 1e-5

    def draw(count: int) -> Matrix:
        tried.append(next(one for one in (TRIED, SMALLEST, HALF, QUICK, FULL) if count == 128 * one))
        return Matrix(bytes_each)

    memory: Any = SimpleNamespace(mem_get_info=lambda _: (free_mib * 2**20, 0))
    torch = cast("ModuleType", SimpleNamespace(cuda=memory, int8="int8"))
    bench = bench_on("cuda:0", full=full, seconds=seconds)
    assert fitting_size(torch, bench, lambda left, right: None, draw) == size
