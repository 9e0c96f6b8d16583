"""The kernel rules by what the files hold: whoever built torch, with which GPU, and beside which row of the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Unknown
from envdoctor.model.finding import Confidence, Severity, Verdict
from envdoctor.rules.rule import all_rules
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
NAMES = ("ext-arch-missing", "gpu-arch-dropped", "gpu-arch-not-in-wheel", "matrix-row-contradicted")
RULES = tuple(rule for rule in all_rules() if rule.name in NAMES)
FROM_ELSEWHERE = ("ngc", "jetson", "source", "conda-forge", "conda-pytorch", "nightly", "unknown")
T4, V100, A100, ORIN = "Tesla T4", "Tesla V100-SXM2-16GB", "NVIDIA A100-SXM4-80GB", "Orin"
DROPPED, NOT_IN_WHEEL = "gpu-arch-dropped", "gpu-arch-not-in-wheel"


def held(sass: str, ptx: str = "", *, some: dict[str, float] | None = None, flags: Value = None) -> dict[str, Value]:
    return {
        "files": ["torch/lib/libtorch_cuda.so"], "modules": 475, "flags": flags,
        "sass": {**dict.fromkeys(sass.split(), 1.0), **(some or {})}, "ptx": dict.fromkeys(ptx.split(), 1.0),
    }  # fmt: skip


def judged(
    kernels: Fact | Value,
    *gpus: str | tuple[str, str],
    provenance: str = "source",
    cuda: str = "12.8",
    extensions: Value = None,
    **described: object,
) -> Diagnosis:
    """A build of `provenance` that no row speaks for, unless `torch` is described."""
    overrides: dict[str, Fact | Value] = {"torch.kernels": kernels, "extensions.kernels": extensions or []}
    told: dict[str, object] = {"torch": "2.11.0a0+git1f3c5ab", "torch_cuda": cuda, "driver": "595.58.03"}
    told |= {"provenance": provenance, "torchvision": None, "triton": None, "gpus": gpus, **described}
    diagnosis = diagnose(machine_snapshot(**told, overrides=overrides), MATRIX, rules=RULES)
    assert diagnosis.crashed == ()
    return diagnosis


def found(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(one.rule, one.subject) for one in diagnosis.findings if one.severity > Severity.NOTE]


@pytest.mark.parametrize("provenance", FROM_ELSEWHERE)
def test_the_file_speaks_for_every_house(provenance: str) -> None:
    assert found(judged(held("80 90"), A100, provenance=provenance)) == []
    lacking = judged(held("80 90"), V100, provenance=provenance)
    assert found(lacking) == [(DROPPED, "gpu:0")]
    assert lacking.findings[0].confidence is Confidence.PROVED
    assert {one.fact for one in lacking.findings[0].evidence} >= {"torch.kernels", "gpu.0.compute_capability"}
    assert found(judged(held("80 90"), ("B200", "10.0"), provenance=provenance)) == [(NOT_IN_WHEEL, "gpu:0")]


@pytest.mark.parametrize(
    ("sass", "gpu", "rule"),
    [
        ("75 80 86 90 100 120", "NVIDIA GeForce RTX 4090", None),
        ("75 80 86 90 100 120", "NVIDIA GH200 480GB", None),
        ("75 80 86 90 100 120", "NVIDIA B300 SXM6 AC", None),
        ("75 80 86 90 100 120", "NVIDIA GB10", None),
        ("75 80 86 90 100 120", "NVIDIA Thor", NOT_IN_WHEEL),
        ("80 90 100f 120f", "NVIDIA B300 SXM6 AC", None),
        ("80 90 100a 120f", "NVIDIA B300 SXM6 AC", NOT_IN_WHEEL),
        ("80 90 110", "NVIDIA Thor", None),
        ("80 90 110f", "NVIDIA Thor", None),
        ("80 90 121a", "NVIDIA GB10", None),
        ("80 90 121a", "NVIDIA GeForce RTX 5090", NOT_IN_WHEEL),
        ("90a", "NVIDIA H100 80GB HBM3", None),
        ("90a", A100, DROPPED),
        ("87", ORIN, None),
        ("72 87", ORIN, None),
        ("86 89", A100, DROPPED),
    ],
)
def test_gpus_of_these_years(sass: str, gpu: str, rule: str | None) -> None:
    assert found(judged(held(sass), gpu)) == ([(rule, "gpu:0")] if rule else [])


def test_an_orin_under_code_for_servers_is_refused_with_cuda_12_and_disputed_with_13() -> None:
    refused = judged(held("80 90"), ORIN, cuda="12.6")
    disputed = judged(held("80 90"), ORIN, cuda="13.0")
    assert [(one.severity, one.confidence) for one in refused.findings] == [(Severity.ERROR, Confidence.PROVED)]
    assert [(one.severity, one.confidence) for one in disputed.findings] == [(Severity.WARNING, Confidence.INFERRED)]


def test_what_a_few_modules_hold_does_not_serve_and_is_said() -> None:
    diagnosis = judged(held("90", some={"100a": 0.1242, "103f": 0.1242}), ("B200", "10.0"))
    assert found(diagnosis) == [(NOT_IN_WHEEL, "gpu:0")]
    assert "hold sm_90. All but 12.4% of its modules fail" in diagnosis.findings[0].message


def test_what_half_of_the_modules_hold_is_no_verdict_on_that_gpu_and_hides_no_other() -> None:
    kernels = held("90", some={"70": 0.5})
    unclear = judged(kernels, V100)
    assert unclear.findings == ()
    assert {(one.rule, one.fact) for one in unclear.skipped} == {(DROPPED, None), (NOT_IN_WHEEL, None)}
    assert unclear.verdict is Verdict.HEALTHY
    beside = judged(kernels, V100, "Tesla K80", ("B200", "10.0"))
    assert [(one.rule, one.subject, one.severity) for one in beside.findings] == [
        (DROPPED, "gpu:1", Severity.ERROR), (NOT_IN_WHEEL, "gpu:2", Severity.ERROR),
    ]  # fmt: skip


@pytest.mark.parametrize(("flags", "served"), [(["sm_70", "sm_90"], True), (["sm_90"], False)])
def test_its_own_list_settles_what_half_of_the_modules_hold(flags: list[Value], served: bool) -> None:
    assert found(judged(held("90", some={"70": 0.5}, flags=flags), V100)) == ([] if served else [(DROPPED, "gpu:0")])


@pytest.mark.parametrize(("torch", "driver", "served"), [("2.9.1+cu128", "580.95.05", True),
                                                         ("2.14.1+cu130", "580.95.05", False)])  # fmt: skip
def test_the_row_settles_it_where_no_list_does(torch: str, driver: str, served: bool) -> None:
    kernels = held("80 86 90 100 120", some={"70": 0.5, "75": 0.9})
    diagnosis = judged(kernels, V100, torch=torch, torch_cuda=None, provenance=None, driver=driver)
    assert found(diagnosis) == ([] if served else [(DROPPED, "gpu:0")])


def test_the_list_alone_is_a_source() -> None:
    stated = {"files": [], "modules": 0, "sass": {}, "ptx": {}, "flags": ["sm_80", "compute_80"]}
    assert found(judged(stated, ("RTX 5090", "12.0"), cuda="12.8")) == []
    diagnosis = judged(stated, T4)
    assert found(diagnosis) == [(DROPPED, "gpu:0")]
    assert "state that it was built for sm_80 compute_80" in diagnosis.findings[0].message


def test_ptx_that_the_driver_cannot_compile_serves_nothing() -> None:
    kernels = held("80", "80")
    assert found(judged(kernels, ("H100", "9.0"), driver="570.124.06")) == []
    refused = judged(kernels, ("H100", "9.0"), driver="535.104.05")
    assert found(refused) == [(NOT_IN_WHEEL, "gpu:0")]
    assert "holds no kernels" in refused.findings[0].message
    assert "newer CUDA than this driver can compile" in refused.findings[0].message


def test_ptx_of_an_older_cuda_leaves_the_libraries_without_code() -> None:
    diagnosis = judged(held("80", "80"), ("NVIDIA GeForce RTX 5090", "12.0"), cuda="12.4")
    assert [(one.severity, one.confidence) for one in diagnosis.findings] == [(Severity.WARNING, Confidence.INFERRED)]
    assert "only PTX" in diagnosis.findings[0].message


def test_a_file_that_nobody_could_read_leaves_it_to_the_row() -> None:
    unread = Unknown("libtorch_cuda.so ends before its sections")
    public = {"torch_cuda": None, "provenance": None}
    assert found(judged(unread, V100, torch="2.14.1+cu130", **public)) == [(DROPPED, "gpu:0")]
    assert found(judged(unread, V100, torch="2.10.0+cu128", driver="570.124.06", **public)) == []
    silent = judged(unread, V100)
    assert silent.findings == ()
    assert all(one.fact is None for one in silent.skipped)


def test_a_gpu_known_by_its_name_alone_is_inferred() -> None:
    overrides: dict[str, Fact | Value] = {
        "torch.kernels": held("80 90"), "gpu.0.compute_capability": Unknown("the driver did not say"),
    }  # fmt: skip
    snapshot = machine_snapshot(
        gpus=[V100], torch="2.11.0a0+git1f3c5ab", torch_cuda="12.8", provenance="source", torchvision=None, triton=None,
        driver="570.124.06", overrides=overrides,
    )  # fmt: skip
    diagnosis = diagnose(snapshot, MATRIX, rules=RULES)
    assert [(one.rule, one.confidence) for one in diagnosis.findings] == [(DROPPED, Confidence.INFERRED)]


def test_a_nightly_that_the_matrix_does_not_know_is_judged_by_its_file() -> None:
    told = {"torch": "2.16.0.dev20261101+cu132", "torch_cuda": None, "provenance": "nightly"}
    assert found(judged(held("75 80 86 90 100 120"), T4, **told)) == []
    assert found(judged(held("80 86 90 100 120"), T4, **told)) == [(DROPPED, "gpu:0")]


def test_a_row_and_a_file_that_differ_are_both_named() -> None:
    public = {"torch": "2.9.1+cu128", "torch_cuda": None, "provenance": None, "driver": "570.124.06"}
    diagnosis = judged(held("75 80 86 90 100 120"), A100, **public)
    assert [one.rule for one in diagnosis.findings] == ["matrix-row-contradicted"]
    assert diagnosis.verdict is Verdict.HEALTHY
    message = diagnosis.findings[0].message
    assert "built for sm_70 sm_75" in message
    assert "hold sm_75 sm_80" in message
    serves_less = judged(held("75 80 86 90 100 120"), V100, **public)
    assert [one.rule for one in serves_less.findings] == [DROPPED, "matrix-row-contradicted"]


@pytest.mark.parametrize(
    ("torch", "kernels"),
    [
        # As they were read in the wheels of the package index.
        ("2.14.1+cu130", held("75 80 86 90 100 120", some={
            "89": 0.0021, "90a": 0.0084, "100a": 0.1242, "103f": 0.1242, "120a": 0.0021, "121a": 0.0021,
        }, flags=["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"])),
        ("2.5.1+cu124", held("50 60 70 75 80 86 90", some={"90a": 0.0029})),
        ("2.0.1+cu117", held("37 50 60 70 75 80 86")),
        ("1.13.1+cu117", held("", some={
            "35": 0.1693, "37": 0.7448, "50": 0.9141, "60": 0.9193, "70": 0.9271, "75": 0.8854, "80": 0.9609,
            "86": 0.8958,
        })),
        ("1.10.2+cu102", held("", some={
            "35": 0.473, "37": 0.4253, "50": 0.8647, "60": 0.8744, "61": 0.2626, "70": 0.9257, "75": 0.4916,
        }, flags=["sm_37", "sm_50", "sm_60", "sm_70"])),
    ],
)  # fmt: skip
def test_published_files_and_rows_agree_on_every_gpu(torch: str, kernels: dict[str, Value]) -> None:
    gpus = [
        ("Tesla K40c", "3.5"), "Tesla K80", ("Tesla M40", "5.2"), "Tesla P100-PCIE-16GB", "NVIDIA GeForce GTX 1080",
        V100, T4, A100, "NVIDIA GeForce RTX 3090", ORIN, "NVIDIA GeForce RTX 4090", "NVIDIA H200", ("B200", "10.0"),
        "NVIDIA B300 SXM6 AC", "NVIDIA Thor", "NVIDIA GeForce RTX 5090", "NVIDIA GB10",
    ]  # fmt: skip
    public = {"torch": torch, "torch_cuda": None, "provenance": "pytorch-index"}
    by_file, by_row = (judged(source, *gpus, **public) for source in (kernels, Unknown("not read in this description")))
    assert "matrix-row-contradicted" not in {one.rule for one in by_file.findings}
    assert sorted(found(by_file)) == sorted(found(by_row))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["sass", "ptx", "flags", "80", "90a", "package", "version", "object", "role", "x"]), inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(json, json)
@settings(deadline=None, max_examples=150)
def test_facts_of_any_shape_are_no_bug(kernels: Value, extensions: Value) -> None:
    diagnosis = judged(kernels, A100, extensions=extensions)
    assert all(one.message.endswith(".") and len(one.message) < 1000 for one in diagnosis.findings)
    if not isinstance(kernels, dict) or not {"sass", "ptx"} <= set(kernels):
        assert {one.rule for one in diagnosis.skipped} >= {DROPPED, NOT_IN_WHEEL}


capabilities = st.tuples(st.integers(3, 12), st.integers(0, 9))
keys = st.builds(
    lambda pair, special: f"{pair[0]}{pair[1]}{special}", capabilities, st.sampled_from(["", "", "a", "f"])
)
tables = st.dictionaries(keys, st.sampled_from([0.001, 0.1, 0.4, 0.7, 1.0]), max_size=6)


@given(tables, tables, st.lists(capabilities, min_size=1, max_size=4), st.sampled_from(["12.6", "13.0"]))
@settings(deadline=None, max_examples=150)
def test_a_gpu_is_served_or_one_rule_speaks_or_none_decides(
    sass: dict[str, float], ptx: dict[str, float], gpus: list[tuple[int, int]], cuda: str
) -> None:
    kernels = held("", some=sass) | {"ptx": {**ptx}}
    named = [(f"GPU of {major}.{minor}", f"{major}.{minor}") for major, minor in gpus]
    diagnosis = judged(kernels, *named, cuda=cuda)
    spoken = [one.subject for one in diagnosis.findings if one.rule in (DROPPED, NOT_IN_WHEEL)]
    assert len(spoken) == len(set(spoken))
    for index, gpu in enumerate(gpus):
        if f"{gpu[0]}{gpu[1]}" in sass and sass[f"{gpu[0]}{gpu[1]}"] == 1.0:
            assert f"gpu:{index}" not in spoken
