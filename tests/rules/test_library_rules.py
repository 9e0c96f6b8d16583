"""The rules about libraries and symbols: who speaks, who comes first, and rows that nobody foresaw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known, Unknown
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.rules.example_machine import HEALTHY, snapshot
from envdoctor.rules.rule import all_rules
from hostile_texts import EVERYTHING, SHORT

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
RULES = {rule.name: rule for rule in all_rules()}
FACTS = (
    "libraries.missing", "libraries.loaded", "libraries.shadowed", "libraries.undefined", "libraries.unmet_versions",
)  # fmt: skip
OWN = (
    "abi-undefined-symbol", "cuda-libs-shadowed-by-ld-library-path", "cudnn-shadowed-by-ld-library-path",
    "cudnn-version-mismatch", "glibc-too-old", "libstdcxx-too-old", "missing-libGL", "mixed-cu-packages",
    "nccl-version-conflict", "shared-library-missing", "torch-torchaudio-mismatch", "torch-torchvision-mismatch",
)  # fmt: skip
CUDNN_PIN = ['nvidia-cudnn-cu12==9.10.2.21; platform_system == "Linux"', "nvidia-nccl-cu12==2.27.5"]


def judged(**facts: Any) -> Diagnosis:
    """The diagnosis of the healthy example machine with other facts; `__` stands for the dot."""
    diagnosis = diagnose(
        snapshot({**HEALTHY, **{name.replace("__", "."): value for name, value in facts.items()}}), MATRIX
    )
    assert diagnosis.crashed == ()
    return diagnosis


def said(**facts: Any) -> list[tuple[str, str, str]]:
    return [(one.severity.word, one.rule, one.subject) for one in judged(**facts).findings]


def undefined(package: str = "flash-attn", role: str = "entry", **more: Value) -> Value:
    return {
        "object": f"{package}/_C.so", "package": package, "version": "1.0", "role": role, "count": 1,
        "symbols": [{"name": "_ZN3c103fooEv", "shown": "c10::foo()"}], "provider": "torch", **more,
    }  # fmt: skip


def missing(library: str, package: str = "flash-attn", role: str = "entry") -> Value:
    return {"object": f"{package}/_C.so", "library": library, "package": package, "role": role}


def shadowed(library: str, how: str = "LD_LIBRARY_PATH", **more: Value) -> Value:
    return {
        "library": library, "file": f"/opt/cuda/lib64/{library}", "how": how, "needed_by": "torch/lib/libtorch_cuda.so",
        "version": "12.1.105", "instead_of_package": "nvidia-x-cu12", "instead_of_version": "12.8.93", "older": True,
        "lacks": [], "lacks_count": 0, "folder": "/opt/cuda/lib64" if how.startswith("LD_") else None, **more,
    }  # fmt: skip


def unmet(version: str, library: str, package: str = "gsplat", role: str = "entry") -> Value:
    return {"object": f"{package}/_C.so", "package": package, "role": role, "library": library, "version": version,
            "file": None, "highest": None}  # fmt: skip


def test_the_partner_of_another_torch_is_told_by_its_own_rule_with_file_and_symbol() -> None:
    facts: dict[str, Any] = {
        "torchvision": "0.18.0+cu121",
        "torchvision.requires": ["torch==2.3.0"],
        "libraries.undefined": [undefined("torchvision")],
    }
    found = judged(**facts).findings
    assert [(one.rule, one.severity) for one in found] == [("torch-torchvision-mismatch", Severity.ERROR)]
    assert "torch==2.3.0" in found[0].message
    assert "torchvision/_C.so of torchvision 1.0 needs c10::foo()" in found[0].message
    assert found[0].confidence is Confidence.PROVED
    assert "libraries.undefined" in {one.fact for one in found[0].evidence}


@pytest.mark.parametrize("provenance", ["pypi", "conda-forge", "conda-pytorch", "ngc", "source", "unknown"])
def test_a_symbol_proves_what_no_version_tells(provenance: str) -> None:
    facts: dict[str, Any] = {
        "torchaudio": "9.9.9",
        "torch__provenance": provenance,
        "torchaudio__requires": [],
        "libraries__undefined": [undefined("torchaudio"), undefined("torchaudio", "variant")],
    }
    assert said(**facts) == [("error", "torch-torchaudio-mismatch", "torchaudio")]


def test_a_partner_that_nobody_recorded_is_told_as_any_extension() -> None:
    assert said(libraries__undefined=[undefined("torchvision")]) == [("error", "abi-undefined-symbol", "torchvision")]


def test_one_finding_a_package_by_its_worst_role() -> None:
    rows = [
        undefined("vllm", "optional"), undefined("vllm"), undefined("vllm"), undefined("vllm", "variant"),
        undefined("apex", "variant"), undefined("natten", "optional"), undefined("natten", "optional"),
    ]  # fmt: skip
    assert said(libraries__undefined=rows) == [
        ("error", "abi-undefined-symbol", "vllm"),
        ("note", "abi-undefined-symbol", "natten"),
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (undefined(provider=None, library=None), "which nothing defines."),
        (undefined(provider="cublas", library="libcublas.so.12"), "which libcublas.so.12 does not define."),
        (undefined(provider="python", library=None), "which python does not define."),
        (undefined(built_for="torch 2.5"), "it was built for torch 2.5."),
        (undefined(string_abi="new"), "does not define. It was compiled with the new std::string"),
        (undefined(string_abi="old", built_for="torch 2.5", source_of_built_for="METADATA"), "so). It was compiled"),
        (undefined(symbols=[], count=7), "needs a symbol and 6 more"),
        (undefined(symbols=[{"name": "x", "shown": f"c10::f({'int, ' * 100}int)"}]), "needs c10::f(...), which"),
        (
            undefined(symbols=[{"name": "x", "shown": f"c10::(anonymous namespace)::f({'int, ' * 100}int)"}]),
            "needs c10::(anonymous namespace)::f(...), which",
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_a_symbol(row: Value, words: str) -> None:
    (found,) = judged(libraries__undefined=[row]).findings
    assert words in found.message


@pytest.mark.parametrize(
    ("provider", "library", "rule", "subject"),
    [
        ("nccl", "libnccl.so.2", "nccl-version-conflict", "nccl"),
        ("cudnn", "libcudnn.so.9", "cudnn-version-mismatch", "cudnn"),
        ("cublas", "libcublas.so.12", "abi-undefined-symbol", "torch"),
    ],
)
def test_what_torch_itself_asks_of_the_libraries_beside_it(
    provider: str, library: str, rule: str, subject: str
) -> None:
    row = undefined("torch", provider=provider, library=library)
    assert said(libraries__undefined=[row], libraries__loaded=[]) == [("error", rule, subject)]


def test_a_partner_is_not_blamed_for_a_library_of_cuda() -> None:
    row = undefined("torchvision", provider="cudart", library="libcudart.so.12")
    facts: dict[str, Any] = {"torchvision": "0.24.1+cu128", "libraries.undefined": [row]}
    assert said(**facts) == [("error", "abi-undefined-symbol", "torchvision")]


def test_a_library_that_lacks_symbols_is_told_once() -> None:
    """The extension that asks for them is a consequence."""
    row = shadowed("libcublas.so.12", lacks=["cublasSetWorkspace_v2"], lacks_count=1)
    asks = undefined(provider="cublas", library="libcublas.so.12")
    assert said(libraries__shadowed=[row], libraries__undefined=[asks]) == [
        ("error", "cuda-libs-shadowed-by-ld-library-path", "libcublas.so.12")
    ]


def test_one_finding_a_folder_of_the_variable() -> None:
    rows = [
        shadowed("libcublas.so.12", version="12.9.1.4", older=False),
        shadowed("libnvJitLink.so.12", lacks=["__nvJitLinkComplete_12_8"], lacks_count=1),
        shadowed("libcufft.so.11", folder="/opt/other/lib"),
        shadowed("libstdc++.so.6"),
    ]
    found = judged(libraries__shadowed=rows).findings
    assert [(one.severity.word, one.subject) for one in found] == [
        ("error", "libnvJitLink.so.12"),
        ("warning", "libcufft.so.11"),
    ]
    assert "/opt/cuda/lib64" in found[0].message
    assert "2 libraries are taken from there" in found[0].message


@pytest.mark.parametrize(
    ("version", "own", "older", "expected"),
    [
        ("12.8.57", "12.8.90", True, "note"),
        ("12.8.90", "12.8.57", False, "note"),
        ("12.4.1", "12.8.90", None, "warning"),
        ("12.9", "12.8.90", None, "note"),
        (None, "12.8.90", False, "note"),
        (None, "12.8.90", None, "warning"),
        ("12", "12.8.90", None, "warning"),
        ("unheard of", None, True, "warning"),
    ],
)
def test_patch_releases_are_one_release(
    version: str | None, own: str | None, older: bool | None, expected: str
) -> None:
    row = shadowed("libnvJitLink.so.12", version=version, instead_of_version=own, older=older)
    assert [severity for severity, _, _ in said(libraries__shadowed=[row])] == [expected]
    row = shadowed("libnccl.so.2", version=version, instead_of_version=own, older=older)
    assert said(libraries__shadowed=[row]) == [(expected, "nccl-version-conflict", "nccl")]


def cudnn(*versions: tuple[str, str | None], how: str = "LD_LIBRARY_PATH", own: str = "9.10.2.21") -> list[Value]:
    return [
        shadowed(library, how, version=version, instead_of_version=own, older=None) for library, version in versions
    ]


@pytest.mark.parametrize(
    ("rows", "severity"),
    [
        (cudnn(("libcudnn.so.9", "9.1.0")), "error"),
        (cudnn(("libcudnn.so.9", "9.10.1")), "note"),
        (cudnn(("libcudnn.so.9", "9.14.0"), ("libcudnn_ops.so.9", "9.14.0")), "note"),
        (cudnn(("libcudnn.so.9", "9.14.0"), ("libcudnn_ops.so.9", "9.12.0")), "note"),
        (cudnn(("libcudnn.so.9", "9.14.0"), ("libcudnn_ops.so.9", "9.12.0"), ("libcudnn_cnn.so.9", "9.14.0")), "error"),
        (cudnn(("libcudnn_ops.so.9", "9.10.2")), "note"),
        (cudnn(("libcudnn_ops.so.9", "9.10.1")), "error"),
        (cudnn(("libcudnn_graph.so.9", "9.14.0"), ("libcudnn_ops.so.9", "9.14.0")), "note"),
        (cudnn(("libcudnn_graph.so.9", "9.9.0"), ("libcudnn_ops.so.9", "9.9.0")), "error"),
        (cudnn(("libcudnn_ops.so.9", None)), "warning"),
        (cudnn(("libcudnn.so.9", "9.14.0"), ("libcudnn_ops.so.9", None)), "warning"),
    ],
)
@pytest.mark.parametrize("how", ["LD_LIBRARY_PATH", "LD_PRELOAD"])
def test_cudnn_by_a_variable(how: str, rows: list[Value], severity: str) -> None:
    told = [{**row, "how": how} for row in rows if isinstance(row, dict)]
    own: list[Value] = [
        {"library": f"libcudnn{part}.so.9", "file": "/venv/libcudnn.so.9", "how": "DT_RPATH", "version": "9.10.2.21"}
        for part in ("", "_graph")
    ]
    # One that is named takes its parts along; where a part is named, the rest is the environment's.
    rest = [] if any(row["library"] == "libcudnn.so.9" for row in told) else own
    found = said(libraries__shadowed=told, torch__requires=CUDNN_PIN, libraries__loaded=rest)
    assert found == [(severity, "cudnn-shadowed-by-ld-library-path", "cudnn")]


def test_the_parts_beside_one_that_a_variable_names_are_its_matter_too() -> None:
    """libcudnn.so.9 by LD_LIBRARY_PATH, the parts from its own folder, as its DT_RUNPATH says."""
    rows = [*cudnn(("libcudnn.so.9", "9.1.0")), *cudnn(("libcudnn_ops.so.9", "9.1.0"), how="DT_RUNPATH")]
    found = judged(libraries__shadowed=rows, torch__requires=CUDNN_PIN).findings
    assert [one.rule for one in found] == ["cudnn-shadowed-by-ld-library-path"]
    assert "2 of its libraries are not the environment's" in found[0].message


def test_cudnn_of_the_system_without_a_variable() -> None:
    """As in pytorch#185512: a part that the package does not have is found in the system."""
    loaded = [
        {"library": "libcudnn.so.9", "file": "/venv/nvidia/cudnn/lib/libcudnn.so.9", "how": "DT_RPATH",
         "version": "9.20.0.48"},
        {"library": "libcudnn_graph.so.9", "file": "/venv/nvidia/cudnn/lib/libcudnn_graph.so.9", "how": "DT_RPATH",
         "version": "9.20.0.48"},
        {"library": "libcudnn_engines_tensor_ir.so.9", "file": "/lib/x86_64-linux-gnu/libcudnn_engines_tensor_ir.so.9",
         "how": "ld.so.cache", "version": "9.22.0"},
    ]  # fmt: skip
    found = judged(libraries__loaded=loaded).findings
    assert [(one.severity.word, one.rule) for one in found] == [("error", "cudnn-version-mismatch")]
    assert "/lib/x86_64-linux-gnu/libcudnn_engines_tensor_ir.so.9" in found[0].message
    assert said(libraries__loaded=[{**row, "version": "9.20.0"} for row in loaded]) == []


def test_a_downgraded_cudnn_is_refused_whoever_says_so_first() -> None:
    facts: dict[str, Any] = {
        "cudnn__version": "9.1.0.70",
        "torch__requires": CUDNN_PIN,
        "packages__installed": {"torch": "2.9.1", "nvidia-cudnn-cu12": "9.1.0.70", "nvidia-nccl-cu12": "2.27.5"},
    }
    assert said(**facts) == [
        ("error", "cudnn-version-mismatch", "cudnn"),
        ("warning", "cuda-package-pin-broken", "nvidia-cudnn-cu12"),
    ]


@pytest.mark.parametrize("provenance", ["conda-forge", "conda-pytorch", "ngc", "jetson", "source", "distro"])
def test_the_matrix_says_nothing_of_the_cudnn_of_other_builders(provenance: str) -> None:
    assert said(cudnn__version="9.1.0", torch__provenance=provenance) == []


def test_files_of_another_cuda_come_before_the_nccl_they_are() -> None:
    asks = {**undefined("torch"), "provider": "nccl", "library": "libnccl.so.2"}  # type: ignore[dict-item]
    clash = {
        "file": "nvidia/nccl/lib/libnccl.so.2", "packages": ["nvidia-nccl-cu12", "nvidia-nccl-cu13"],
        "owner": "nvidia-nccl-cu13",
    }  # fmt: skip
    facts: dict[str, Any] = {
        "libraries__undefined": [asks],
        "nvidia__packages": {"nvidia-nccl-cu12": "2.27.5", "nvidia-nccl-cu13": "2.26.2"},
        "torch__requires": CUDNN_PIN,
    }
    assert said(**facts) == [("error", "nccl-version-conflict", "nccl"), ("note", "mixed-cu-packages", "nvidia")]
    found = judged(**facts, nvidia__clashes=[clash]).findings
    assert [(one.rule, one.caused_by) for one in found] == [
        ("mixed-cu-packages", None),
        ("nccl-version-conflict", "mixed-cu-packages"),
    ]


def test_a_library_of_another_cuda_says_for_which_it_was_built() -> None:
    cuda_13: dict[str, Any] = {"torch": "2.14.1+cu130", "driver": "580.95.05 13.0"}
    (found,) = judged(**cuda_13, libraries__missing=[missing("libcufft.so.11"), missing("libcudart.so.12")]).findings
    assert "needs libcudart.so.12 and 1 more" in found.message
    assert "It is of CUDA 12, and torch here is built with CUDA 13.0" in found.message
    (found,) = judged(**cuda_13, libraries__missing=[missing("libcudart.so.13")]).findings
    assert "another CUDA" not in found.message
    (found,) = judged(**cuda_13, libraries__missing=[missing("libcudart.so.12", "torch")]).findings
    assert "`import torch` fails" in found.message


def test_libraries_of_the_desktop_have_a_rule_of_their_own() -> None:
    rows = [
        missing("libGL.so.1", "opencv-python"),
        missing("libodd.so.1", "opencv-python"),
        missing("libGL.so.1", "vtk"),
    ]
    assert said(libraries__missing=rows, opencv__packages={"opencv-python": "4.10.0.84"}) == [
        ("error", "missing-libGL", "opencv-python"),
        ("error", "missing-libGL", "vtk"),
        ("error", "shared-library-missing", "opencv-python"),
    ]
    optional = [missing("libGL.so.1", "vtk", "optional"), missing("libGL.so.1", "open3d", "variant")]
    assert said(libraries__missing=optional) == [("note", "shared-library-missing", "vtk")]


def test_rows_of_old_snapshots_name_neither_package_nor_role() -> None:
    rows = [{"object": "torch/lib/libtorch_cuda.so", "library": "libcudart.so.12"}]
    assert said(libraries__missing=rows) == [("error", "shared-library-missing", "torch")]
    rows = [{"object": "torchvision/_C.so", "library": "libtorch_hip.so"}]
    assert said(libraries__missing=rows, torchvision="0.24.1+cu128") == [
        ("error", "torch-torchvision-mismatch", "torchvision")
    ]


@pytest.mark.parametrize(
    ("version", "library", "rule"),
    [
        ("GLIBC_2.38", "libc.so.6", "glibc-too-old"),
        ("GLIBC_2.38", "libm.so.6", "glibc-too-old"),
        ("GLIBC_2.34", "ld-linux-x86-64.so.2", "glibc-too-old"),
        ("GLIBCXX_3.4.33", "libstdc++.so.6", "libstdcxx-too-old"),
        ("CXXABI_1.3.15", "libstdc++.so.6", "libstdcxx-too-old"),
        ("GCC_14.0.0", "libgcc_s.so.1", "libstdcxx-too-old"),
        ("OPENSSL_3.0.0", "libcrypto.so.3", None),
    ],
)
def test_whose_version_is_not_met(version: str, library: str, rule: str | None) -> None:
    rows = [unmet(version, library)]
    assert said(libraries__unmet_versions=rows) == ([("error", rule, "gsplat")] if rule else [])
    assert said(libraries__unmet_versions=[unmet(version, library, role="variant")]) == []


def test_a_newer_system_explains_its_newer_compiler() -> None:
    rows = [unmet("GLIBCXX_3.4.33", "libstdc++.so.6"), unmet("GLIBC_2.38", "libc.so.6")]
    found = judged(libraries__unmet_versions=rows).findings
    assert [(one.rule, one.caused_by) for one in found] == [
        ("glibc-too-old", None),
        ("libstdcxx-too-old", "glibc-too-old"),
    ]


def test_torch_itself_is_said_once_to_need_a_newer_glibc() -> None:
    rows = [unmet("GLIBC_2.28", "libc.so.6", "torch"), unmet("GLIBC_2.38", "libc.so.6")]
    assert said(host__libc="glibc 2.27", libraries__unmet_versions=rows) == [
        ("error", "glibc-too-old", "gsplat"),
        ("error", "glibc-too-old", "torch"),
    ]


@pytest.mark.parametrize("name", OWN)
def test_a_snapshot_from_before_these_facts_is_judged_by_what_it_holds(name: str) -> None:
    whole = snapshot(HEALTHY)
    old = {fact: value for fact, value in whole.facts.items() if fact not in FACTS[1:]}
    machine = Machine(type(whole)(old))
    assert list(RULES[name].judge(machine, MATRIX)) == []


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        ("libraries.missing", "shared-library-missing"),
        ("libraries.missing", "missing-libGL"),
        ("libraries.loaded", "cudnn-version-mismatch"),
        ("libraries.shadowed", "cuda-libs-shadowed-by-ld-library-path"),
        ("libraries.shadowed", "cudnn-shadowed-by-ld-library-path"),
        ("libraries.shadowed", "nccl-version-conflict"),
        ("libraries.undefined", "abi-undefined-symbol"),
        ("libraries.unmet_versions", "glibc-too-old"),
        ("libraries.unmet_versions", "libstdcxx-too-old"),
    ],
)
@pytest.mark.parametrize("value", [Unknown("a loader of its own"), Known("text", "test"), Known([1, "x"], "test")])
def test_what_could_not_be_found_out_is_no_verdict(fact: str, rule: str, value: Unknown | Known) -> None:
    machine = Machine(snapshot(HEALTHY).having({fact: value}))
    with pytest.raises(Undecidable) as reason:
        list(RULES[rule].judge(machine, MATRIX))
    assert reason.value.fact == fact


def test_partners_are_judged_by_their_versions_where_their_files_are_not_known() -> None:
    gone = {fact: Unknown("a loader of its own") for fact in FACTS}
    facts: dict[str, Any] = {"torchvision": "0.18.0+cu121", "torchvision.requires": ["torch==2.3.0"]}
    found = diagnose(snapshot({**HEALTHY, **facts}).having(gone), MATRIX)
    assert [one.rule for one in found.findings] == ["torch-torchvision-mismatch"]


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(allow_nan=False), st.text(max_size=12),
    st.sampled_from(
        ["entry", "variant", "optional", "torch", "nccl", "torchvision", "opencv-python", "libcudnn.so.9", "libGL.so.1",
         "libcudnn_ops.so.9", "libnccl.so.2", "libnvJitLink.so.12", "libcudart.so.12", "libtorch_hip.so", "9.1.0",
         "12.8", "LD_LIBRARY_PATH", "LD_PRELOAD", "ld.so.cache", "GLIBC_2.99", "GLIBCXX_3.4.99", "old", "new",
         *SHORT.values()]
    ),
    st.lists(st.one_of(st.text(max_size=5), st.none(), st.dictionaries(st.text(max_size=3), st.none())), max_size=3),
    st.lists(st.fixed_dictionaries({"name": st.text(max_size=5), "shown": st.sampled_from(list(SHORT.values()))}),
             max_size=3),
)  # fmt: skip
KEYS = (
    "object", "package", "version", "role", "library", "symbols", "count", "provider", "string_abi", "built_for",
    "source_of_built_for", "file", "highest", "how", "needed_by", "instead_of", "instead_of_package",
    "instead_of_version", "older", "lacks", "lacks_count", "folder",
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), CELLS, max_size=len(KEYS)), max_size=4)


@given(st.fixed_dictionaries(dict.fromkeys(FACTS, ROWS)), st.sampled_from(["2.9.1+cu128", "2.14.1+cu130", "2.9.1+cpu"]))
def test_no_row_makes_a_rule_fail(rows: dict[str, Value], torch: str) -> None:
    told = snapshot(
        {**HEALTHY, "torch": torch, "torchvision": "0.24.1", "opencv.packages": {"opencv-python": "4"}, **rows}
    )
    found = diagnose(told, MATRIX, rules=tuple(RULES[name] for name in OWN))
    assert found.crashed == ()
    assert all(one.reason for one in found.skipped)
    assert all(len(one.message) < 4000 for one in found.findings)


def test_texts_without_an_end_are_cut() -> None:
    long = EVERYTHING * 500
    facts: dict[str, Any] = {
        "libraries.missing": [missing(long, long)],
        "libraries.loaded": [{**shadowed("libcudnn.so.9"), "file": long, "version": long}],  # type: ignore[dict-item]
        "libraries.shadowed": [
            shadowed(f"{library}{long}", how, lacks=[long], needed_by=long, instead_of_package=long, folder=long)
            for library in ("libcudnn", "libnccl.so", "libcu") for how in ("LD_PRELOAD", "ld.so.cache")
        ],
        "libraries.undefined": [undefined(long, symbols=[{"name": long, "shown": long}], built_for=long, library=long)],
        "libraries.unmet_versions": [{**unmet(f"GLIBC_{long}", long), "file": long, "highest": long}],  # type: ignore[dict-item]
    }  # fmt: skip
    found = judged(**facts).findings
    assert len(found) >= 5
    assert max(len(one.message) for one in found) < 4000


def test_a_great_many_rows_are_bounded() -> None:
    rows = [undefined(f"package-{number}") for number in range(100_000)]
    assert len(judged(libraries__undefined=rows).findings) <= 1000
