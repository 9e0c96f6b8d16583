"""What names of symbols tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.probes.binding.names import CUDA_BEGINNINGS, LIBRARIES, other_string, provider_of, string_abi
from tiny_torch import CHECK_FAIL, CHECK_FAIL_OLD, NEW


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("_ZN3c105ErrorC2ENS_14SourceLocationESs", "torch"),
        ("_ZNK2at10TensorBase8toStringEv", "torch"),
        ("_ZNKR5torch8autograd8Variable4gradEv", "torch"),
        ("_ZTVN5torch8autograd4NodeE", "torch"),
        ("_ZTIN3c105ErrorE", "torch"),
        ("_ZThn16_N3c1010TensorImplD1Ev", "torch"),
        ("_ZGVN6caffe28TypeMeta9instancesE", "torch"),
        ("_Z16THPVariable_WrapRKN2at10TensorBaseE", "torch"),
        ("THPVariableClass", "torch"),
        ("aoti_torch_empty_strided", "torch"),
        ("torch_call_dispatcher", "torch"),
        ("_ZNSt6vectorIN2at6TensorESaIS1_EED1Ev", None),
        ("_ZN6vision3nmsERKN2at6TensorE", None),
        ("_ZN8c10_like4nameEv", None),
        ("_ZN2atE", "torch"),
        ("torchvision_nms", None),
        ("THPeng", None),
        ("PyObject_Call", None),
        ("memcpy", None),
        ("cuMemAlloc_v2", None),
        ("cudaMalloc", "cudart"),
        ("__cudaRegisterFatBinary", "cudart"),
        ("cublasSgemm_v2", "cublas"),
        ("cublasLtMatmul", "cublasLt"),
        ("cusparseLtInit", "cusparseLt"),
        ("cusparseSpMM", "cusparse"),
        ("cusolverDnSgeqrf", "cusolver"),
        ("cudnnBackendFinalize", "cudnn"),
        ("ncclCommShrink", "nccl"),
        ("pncclAllReduce", "nccl"),
        ("nvrtcCompileProgram", "nvrtc"),
        ("__nvJitLinkComplete_12_4", "nvJitLink"),
        ("nvJitLinkComplete", "nvJitLink"),
        ("curandCreateGenerator", "curand"),
        ("cufftPlan2d", "cufft"),
        ("ncclient", None),
    ],
)
def test_who_should_define_it(name: str, provider: str | None) -> None:
    assert provider_of(name) == provider


def test_the_first_sorting_keeps_all_names_of_cuda() -> None:
    names = [f"{library}Thing" for library in LIBRARIES]
    for name in (*names, "pncclThing", "__nvJitLinkThing", "cudaThing", "__cudaThing"):
        assert provider_of(name) not in (None, "torch")
        assert name.encode().startswith(CUDA_BEGINNINGS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (CHECK_FAIL_OLD, CHECK_FAIL),
        ("_ZN3c105ErrorC2ENS_14SourceLocationESs", f"_ZN3c105ErrorC2ENS_14SourceLocationE{NEW}"),
        ("_ZN3c106DeviceC1ERKSs", f"_ZN3c106DeviceC1ERK{NEW}"),
        ("_ZNK2at10TensorBase8toStringEv", "_ZNK2at10TensorBase8toStringB5cxx11Ev"),
        ("_ZN2at14RecordFunction6beforeESsl", f"_ZN2at14RecordFunction6beforeE{NEW}l"),
    ],
)
def test_the_same_function_with_the_other_string(old: str, new: str) -> None:
    assert ("old", new) in [*other_string(old)]
    assert ("new", old) in [*other_string(new)]
    assert string_abi([old], {new}.__contains__) == ("old", old)
    assert string_abi([new], {old}.__contains__) == ("new", new)
    assert string_abi([old, new], {old[1:], new[1:]}.__contains__) == (None, None)


@pytest.mark.parametrize(
    "name",
    [
        f"_ZN3c104joinERK{NEW}S7_",
        "_ZN3c104joinERKSsS1_",
        "_ZN3c1010SsNamesakeEi",
        "_ZN2at4_ops4relu4callERKNS_6TensorE",
    ],
)
def test_names_that_cannot_be_rebuilt_with_certainty(name: str) -> None:
    assert [*other_string(name)] == []


@given(st.text(max_size=80) | st.from_regex(r"_ZN3c10[A-Za-z0-9_]{0,40}", fullmatch=True))
def test_any_name(name: str) -> None:
    provider_of(name)
    for abi, other in other_string(name):
        assert abi in ("old", "new")
        assert other != name
