"""Packages beside torch by the device code in their objects: which count, for which GPU, and what a note is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Unknown
from envdoctor.model.finding import Confidence, Severity, Verdict
from envdoctor.rules.rule import all_rules
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
RULE, FACT = "ext-arch-missing", "extensions.kernels"
RULES = tuple(rule for rule in all_rules() if rule.name in (RULE, "gpu-arch-dropped", "gpu-arch-not-in-wheel"))
PASCAL, V100, T4, A100 = "NVIDIA GeForce GTX 1080 Ti", "Tesla V100-SXM2-16GB", "Tesla T4", "NVIDIA A100-SXM4-80GB"


def part(
    shown: str, sass: str, ptx: str = "", *, role: str = "entry", some: dict[str, float] | None = None
) -> dict[str, Value]:
    return {
        "package": shown.partition("/")[0], "version": "1.0", "object": shown, "role": role, "modules": 20,
        "sass": {**dict.fromkeys(sass.split(), 1.0), **(some or {})}, "ptx": dict.fromkeys(ptx.split(), 1.0),
    }  # fmt: skip


def judged(rows: Fact | Value, *gpus: str | tuple[str, str], **described: object) -> Diagnosis:
    told: dict[str, object] = {"torch": "2.7.0+cu126", "driver": "570.124.06", "gpus": gpus, **described}
    diagnosis = diagnose(machine_snapshot(**told, overrides={FACT: rows}), MATRIX, rules=RULES)
    assert diagnosis.crashed == ()
    return diagnosis


def found(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    return [(one.rule, one.subject, one.severity.word) for one in diagnosis.findings]


def test_vllm_on_a_gpu_that_torch_still_serves() -> None:
    """vllm-project/vllm#19542."""
    diagnosis = judged([part("vllm/_C.abi3.so", "70 75 80 86 89 90")], PASCAL)
    assert found(diagnosis) == [(RULE, "vllm", "error")]
    (finding,) = diagnosis.findings
    assert finding.confidence is Confidence.PROVED
    for word in ("vllm 1.0", PASCAL, "6.1", "vllm/_C.abi3.so", "sm_70 sm_75"):
        assert word in finding.message
    assert {one.fact for one in finding.evidence} == {FACT, "gpu.0.name", "gpu.0.compute_capability"}


def test_one_finding_a_package_that_names_each_kind_of_gpu_once() -> None:
    rows = [part("vllm/_C.abi3.so", "80 90"), part("xformers/_C.so", "75 80 90a", "80"), part("apex/amp.so", "80")]
    diagnosis = judged(rows, T4, T4, V100, A100)
    assert found(diagnosis) == [(RULE, name, "warning") for name in ("apex", "vllm", "xformers")]
    assert diagnosis.findings[0].message.count("Tesla T4") == 1
    assert V100 in diagnosis.findings[0].message
    assert "Tesla T4" not in diagnosis.findings[2].message


def test_a_gpu_that_torch_does_not_serve_is_torch_s_own_matter() -> None:
    rows = [part("vllm/_C.abi3.so", "70 75 80")]
    diagnosis = judged(rows, PASCAL, torch="2.9.1+cu128")
    assert [one.rule for one in diagnosis.findings] == ["gpu-arch-dropped"]
    beside = judged([part("vllm/_C.abi3.so", "80")], PASCAL, T4, torch="2.9.1+cu128")
    assert found(beside) == [(RULE, "vllm", "error"), ("gpu-arch-dropped", "gpu:0", "warning")]
    assert PASCAL not in beside.findings[0].message


def test_a_torch_whose_kernels_nobody_knows_hides_nothing() -> None:
    told = {"torch": "2.11.0a0+git1f3c5ab", "torch_cuda": "12.8", "provenance": "source", "torchvision": None}
    assert found(judged([part("my_ops/_C.so", "80")], T4, **told)) == [(RULE, "my_ops", "error")]


@pytest.mark.parametrize(
    ("rows", "gpu"),
    [
        pytest.param([part("a/_C.so", "75 80")], T4, id="served"),
        pytest.param([part("a/_C.so", "75", "80")], ("B200", "10.0"), id="PTX that a driver may compile"),
        pytest.param([part("a/_C.so", "80", some={"75": 0.1})], T4, id="some of its modules"),
        pytest.param(
            [part("a/a_cuda118.so", "60 70", role="variant"), part("a/a_cuda128.so", "75 80", role="variant")],
            T4, id="one of its variants",
        ),
        pytest.param([part("a/_C.so", "75"), part("a/_hopper.so", "90a 100a")], T4, id="special code beside generic"),
        pytest.param([part("a/_mxfp8.so", "100", "120", role="optional")], T4, id="a single feature"),
        pytest.param([part("a/_C.so", "75"), part("a/_fa2.so", "80", "80", role="optional")], T4, id="an optional one"),
        pytest.param([part("a/_C.so", "75"), part("a/_fa2.so", "80", role="variant")], T4, id="a variant beside it"),
        pytest.param([part("a/_C.so", "80", role="of a later envdoctor")], T4, id="a role that is not known"),
        pytest.param([part("a/_C.so", "")], T4, id="no device code"),
        pytest.param([], T4, id="no packages"),
        pytest.param(Absent("not an ELF platform"), T4, id="another platform"),
    ],
)  # fmt: skip
def test_silence(rows: Fact | Value, gpu: str | tuple[str, str]) -> None:
    assert found(judged(rows, gpu, torch="2.9.1+cu128")) == []


def test_one_of_two_modules_is_a_note() -> None:
    diagnosis = judged([part("a/_C.so", "75 80"), part("a/_fused.so", "80"), part("a/_more.so", "80")], T4)
    assert found(diagnosis) == [(RULE, "a", "note")]
    assert "a/_fused.so holds sm_80" in diagnosis.findings[0].message
    assert diagnosis.verdict is Verdict.HEALTHY


@pytest.mark.parametrize("package", ["torchaudio", "torchcodec"])
def test_a_package_with_kernels_for_few_functions_is_a_note(package: str) -> None:
    rows = [part(f"{package}/lib{core}.so", "75 80", role=role) for core, role in (("4", "variant"), ("5", "variant"))]
    assert found(judged(rows, V100)) == [(RULE, package, "note")]
    assert found(judged(rows, T4, V100)) == [(RULE, package, "note")]
    assert found(judged(rows, T4)) == []


def test_special_code_alone_is_all_the_package_has() -> None:
    assert found(judged([part("deep_ops/_C.so", "90a")], A100)) == [(RULE, "deep_ops", "error")]
    assert found(judged([part("deep_ops/_C.so", "90a")], "NVIDIA H200")) == []


def test_what_reports_differ_on_is_no_finding_of_the_package() -> None:
    told = {"platform": "linux-aarch64-jetson", "kind": "jetson", "driver": "595.58.03", "torchvision": None}
    disputed = judged([part("a/_C.so", "80")], "Orin", torch="2.11.0+cu130", **told)
    assert [(one.rule, one.severity) for one in disputed.findings] == [("gpu-arch-not-in-wheel", Severity.WARNING)]
    without = judged([part("a/_C.so", "90")], "Orin", torch="2.11.0+cu130", **told)
    assert [one.rule for one in without.findings] == [RULE, "gpu-arch-not-in-wheel"]


def test_it_is_a_consequence_where_torch_itself_has_only_ptx() -> None:
    kernels: Value = {"files": [], "modules": 475, "sass": {"80": 1.0}, "ptx": {"80": 1.0}, "flags": None}
    snapshot = machine_snapshot(
        torch="2.5.0a0+git1f3c5ab", torch_cuda="12.4", provenance="source", torchvision=None, triton=None,
        driver="570.124.06", gpus=[A100, ("NVIDIA GeForce RTX 5090", "12.0")],
        overrides={"torch.kernels": kernels, FACT: [part("a/_C.so", "80")]},
    )  # fmt: skip
    causes = {one.rule: one.caused_by for one in diagnose(snapshot, MATRIX, rules=RULES).findings}
    assert causes == {"gpu-arch-not-in-wheel": None, RULE: "gpu-arch-not-in-wheel"}


def test_what_could_not_be_looked_at_is_undecided() -> None:
    diagnosis = judged(Unknown("the interpreter did not say where its packages are"), T4)
    assert [(one.rule, one.fact) for one in diagnosis.skipped] == [(RULE, FACT)]


@pytest.mark.parametrize("torch", [None, "2.13.0+cpu"])
def test_without_a_torch_for_cuda_there_is_nothing_to_compare(torch: str | None) -> None:
    assert found(judged([part("a/_C.so", "80")], T4, torch=torch, torchvision=None)) == []


ROW = part("a/_C.so", "80")
HOSTILE: tuple[Value, ...] = (
    "text", {"a": 1}, [3], [[]], [None], [{}], [{**ROW, "package": 3}], [{**ROW, "version": None}],
    [{**ROW, "object": []}], [{**ROW, "role": True}], [{**ROW, "sass": []}], [{**ROW, "ptx": None}],
    [{**ROW, "sass": {"80": "all"}}], [{**ROW, "sass": {"sm_80": 1.0}}], [ROW, "text"],
)  # fmt: skip


@pytest.mark.parametrize("rows", HOSTILE, ids=repr)
def test_rows_of_another_shape_are_undecidable(rows: Value) -> None:
    diagnosis = judged(rows, T4)
    assert [(one.rule, one.fact) for one in diagnosis.skipped] == [(RULE, FACT)]
    assert diagnosis.findings == ()


def test_long_names_are_cut_and_many_objects_counted() -> None:
    rows = [{**part("a/_C.so", "80"), "object": f"{number}" * 5000} for number in range(9)]
    (finding,) = judged([*rows], T4).findings
    assert "and 6 more hold sm_80." in finding.message
    assert len(finding.message) < 800
