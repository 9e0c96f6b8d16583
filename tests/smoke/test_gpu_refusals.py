"""What a GPU, its libraries or torch refuse in words of their own, and nothing is broken: skipped, with the reason."""

from __future__ import annotations

import math
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from envdoctor.smoke.child.bench import Bench
from envdoctor.smoke.child.case import Unavailable
from envdoctor.smoke.child.cases import (
    attention_paths,
    compiled_code,
    decompositions,
    epilogues,
    matrix_products,
    vision_ops,
)
from envdoctor.smoke.child.running import _raised

if TYPE_CHECKING:
    from pathlib import Path

NO_PLAN = "cuDNN Frontend error: [cudnn_frontend] Error: No valid execution plans built.\nmore"


def bench_on(device: str) -> Bench:
    bench = Bench.__new__(Bench)
    bench.device, bench.full = device, False
    return bench


def torch_of(**parts: object) -> ModuleType:
    return cast("ModuleType", SimpleNamespace(**parts))


def raising(text: str) -> NoReturn:
    raise RuntimeError(text)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasLtMatmulAlgoGetHeuristic(...)`",
        "torch._scaled_mm is only supported on devices with compute capability >= 9.0",
        "_int_mm_out_cuda not compiled for this platform.",
    ],
)
def test_a_product_that_is_not_offered_is_no_failure(said: str) -> None:
    with pytest.raises(Unavailable, match="such products are not offered here: "), matrix_products._where_offered():
        raising(said)


def test_any_other_trouble_of_a_product_is_a_failure() -> None:
    with pytest.raises(RuntimeError, match="EXECUTION_FAILED"), matrix_products._where_offered():
        raising("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasLtMatmul(...)`")


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
        "CUDA error: CUSPARSE_STATUS_ALLOC_FAILED when calling `cusparseCreate(handle)`",
        "cuFFT error: CUFFT_ALLOC_FAILED",
    ],
)
def test_a_library_without_memory_is_no_failure(said: str) -> None:
    assert _raised(RuntimeError(said))["status"] == "skipped"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("decode_jpegs_cuda: torchvision not compiled with nvJPEG support", "this torchvision was built without it: "),
        ("Failed to initialize nvjpeg with hardware backend: 9", "the GPU's own decoder cannot be reached: "),
        ("Failed to decode batch: 6", None),
    ],
)
def test_a_gpu_without_a_decoder_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str | None
) -> None:
    (tmp_path / "image.so").touch()
    io = SimpleNamespace(decode_jpeg=lambda *_, **__: raising(said))
    module = SimpleNamespace(__file__=str(tmp_path / "__init__.py"), io=io)
    monkeypatch.setattr(vision_ops, "_torchvision", lambda _: module)
    with pytest.raises(Unavailable if reason else RuntimeError, match=(reason or "") + said):
        vision_ops.run_decode_jpeg(torch_of(tensor=lambda *_, **__: None, uint8=None), bench_on("cuda:0"))


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (AssertionError("libcuda.so cannot found!\nPossible files are located at []."), "does not find the driver's"),
        (FileNotFoundError(2, "No such file or directory", "/sbin/ldconfig"), "there is no ldconfig"),
    ],
)
def test_what_triton_looks_for_is_told_apart(trouble: Exception, reason: str) -> None:
    assert reason in (compiled_code._what_is_missing(bench_on("cuda:0"), trouble) or "")


@pytest.mark.parametrize("device", ["cuda:0", "cpu"])
def test_a_decomposition_in_tf32_is_not_compared(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    torch = torch_of(_C=SimpleNamespace(has_lapack=True))
    refused = pytest.raises(Unavailable, match="NVIDIA_TF32_OVERRIDE=1") if device != "cpu" else nullcontext()
    with refused:
        decompositions._needs_lapack(torch, bench_on(device))


def attend_by_cudnn(monkeypatch: pytest.MonkeyPatch, refused: str, by_itself: str) -> None:
    """Run attention by cuDNN where that says `refused`, and torch left to itself says `by_itself`, if anything."""
    for name in ("products", "heed_environment"):
        monkeypatch.setattr(attention_paths, name, lambda _: nullcontext())
    monkeypatch.setattr(attention_paths, "_only", lambda *_: nullcontext())
    monkeypatch.setattr(attention_paths, "_rounding", lambda *_: None)
    monkeypatch.setattr(attention_paths, "_operands", lambda *_: ("q", "k", "v", "slope"))
    monkeypatch.setattr(attention_paths, "_compare", lambda *_: raising(refused))
    monkeypatch.setattr(attention_paths, "_attend", lambda *_, **__: raising(by_itself) if by_itself else None)
    torch = torch_of(
        nn=SimpleNamespace(functional=SimpleNamespace(scaled_dot_product_attention=None)),
        backends=SimpleNamespace(cuda=SimpleNamespace(enable_cudnn_sdp=None)),
        autograd=SimpleNamespace(grad=lambda *_: None),
        float16="float16",
    )
    attention_paths.run(torch, bench_on("cuda:0"), "cudnn", ("float16",))


def test_attention_that_cudnn_does_not_have_is_no_failure_where_torch_takes_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Unavailable, match=r"torch takes another: .* No valid execution plans built\.$"):
        attend_by_cudnn(monkeypatch, NO_PLAN, "")


@pytest.mark.parametrize("refused", [NO_PLAN, "CUDNN_STATUS_EXECUTION_FAILED"])
def test_attention_that_fails_where_torch_chooses_is_a_failure(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    with pytest.raises(RuntimeError, match=r"CUDNN_STATUS_EXECUTION_FAILED|No valid execution plans built"):
        attend_by_cudnn(monkeypatch, refused, refused)


def test_gelu_may_be_made_of_the_tanh_of_a_gpu() -> None:
    """The allowance beside rounding covers what a kernel that takes it is off, and not one part in a hundred."""
    for step in range(-8000, 8001):
        x = step / 1000
        want = x * (1 + math.erf(x / math.sqrt(2))) / 2
        exactly = math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        allowed = epilogues.BETWEEN_FORMS + epilogues.FUNCTION * abs(x)
        for off in (1 - 2.0**-11, 1 + 2.0**-11):
            assert abs(x * (1 + exactly * off) / 2 - want) <= allowed
        if x >= 0.5:
            assert 0.01 * want > allowed
