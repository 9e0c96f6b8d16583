"""A fault in any function that the tests of numbers are about is seen by the test that is about it."""

from __future__ import annotations

import pytest
from numbers_in_real_torch import environment, run_in_one_child

pytestmark = pytest.mark.real

EFFECTS = ("off by 1 %", "nan", "one wrong")

ABOUT = {
    "elementwise": "add sub mul div sqrt exp log sin cos tanh erf",
    "reductions": "sum mean norm var prod max min amax amin argmax argmin logsumexp softmax cumsum any all",
    "matmul-fp32": "matmul mm bmm einsum mv Tensor.__matmul__",
    "matmul-fp64": "matmul mm bmm einsum mv Tensor.__matmul__",
    "matmul-fp16": "matmul mm bmm einsum Tensor.__matmul__",
    "matmul-bf16": "matmul mm bmm einsum Tensor.__matmul__",
    "matmul-int8": "_int_mm",
    "cublaslt-epilogue": "addmm _addmm_activation",
    "fft": "fft.fft fft.ifft fft.rfft fft.irfft fft.fft2",
    "svd": "linalg.svd linalg.qr linalg.eigh",
    "cholesky": "linalg.cholesky linalg.solve",
    "sparse": "sparse.mm Tensor.to_dense",
    "random": "rand randperm bernoulli",
    "sort": "sort argsort topk unique searchsorted",
    "scatter": "index_select gather masked_select nonzero where nn.functional.embedding Tensor.scatter "
    "Tensor.scatter_add Tensor.index_add Tensor.index_put Tensor.masked_fill",
}


def test_each_function_is_seen_to_be_faulty_by_its_test() -> None:
    runs = [
        (name, False, 1, (function, effect))
        for name, functions in ABOUT.items()
        for function in functions.split()
        for effect in EFFECTS
    ]
    told = run_in_one_child(environment("ENVDOCTOR_TEST_CPU_ENV"), runs)
    assert len(told) == len(runs)
    assert [(one["test"], one["fault"]) for one in told if one["status"] != "wrong-numbers"] == []


def test_a_normal_distribution_that_is_too_wide_is_seen() -> None:
    # One number of a million that is another may be chance; 1 % more of each is not.
    (told,) = run_in_one_child(environment("ENVDOCTOR_TEST_CPU_ENV"), [("random", False, 1, ("randn", "off by 1 %"))])
    assert told["status"] == "wrong-numbers"
    assert "square of torch.randn" in told["message"]


def test_the_products_of_other_tests_do_not_go_through_those_under_test() -> None:
    others = [name for name in ABOUT if not name.startswith("matmul-")]
    runs = [(name, False, 1, (function, "off by 1 %")) for name in others for function in ABOUT["matmul-fp32"].split()]
    told = run_in_one_child(environment("ENVDOCTOR_TEST_CPU_ENV"), runs)
    assert [(one["test"], one["fault"]) for one in told if one["status"] != "passed"] == []
