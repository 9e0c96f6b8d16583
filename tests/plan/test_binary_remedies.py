"""The way out of each defect that the binaries tell: exact, proved in thought, and never past what is known."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.change import Installs, Removes, SetsSearchPath
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Confidence, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.files.search_path import shortened
from envdoctor.plan.files.system_packages import OF_DEBIAN, system_package
from envdoctor.plan.predict import predicted
from envdoctor.plan.proof import prove
from envdoctor.plan.remedies import OF_BINARIES, plan_for
from envdoctor.plan.rows import rows
from envdoctor.plan.solve import Solver
from envdoctor.reporters.plan_lines import render_plan
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
SITE = "/venv/lib/python3.11/site-packages"
TOOLKIT = "/usr/local/cuda-12.1/lib64"
DRIVER = "/usr/local/nvidia/lib64"
SYMBOL = {"name": "_ZN3c104cuda9SetDeviceEi", "shown": "c10::cuda::SetDevice(int)"}
EVIDENCE = {
    "abi-undefined-symbol": "libraries.undefined",
    "ext-arch-missing": "extensions.kernels",
    "package-files-damaged": "packages.damaged",
}


def snapshot(facts: dict[str, Any], **described: Any) -> Snapshot:
    told = {"libraries.undefined": [], "libraries.shadowed": [], "libraries.loaded": [], "packages.damaged": []}
    described.setdefault("driver", "570.124.06")
    return machine_snapshot(overrides={**told, **facts}, **described)


def hidden(library: str = "libnvJitLink.so.12", folder: str = TOOLKIT, **more: Any) -> dict[str, Any]:
    return {
        "library": library, "file": f"{folder}/{library}", "how": "LD_LIBRARY_PATH", "needed_by": "x", "version": None,
        "instead_of": f"{SITE}/nvidia/lib/{library}", "instead_of_package": None, "instead_of_version": "12.8.93",
        "older": True, "lacks": [], "lacks_count": 0, "folder": folder, **more,
    }  # fmt: skip


def undefined(package: str = "flash-attn", version: str = "2.7.4", **more: Any) -> dict[str, Any]:
    return {
        "object": f"{package}.so", "package": package, "version": version, "role": "entry", "symbols": [SYMBOL],
        "count": 1, "provider": "torch", "library": None, "string_abi": None, "built_for": None,
        "source_of_built_for": None, **more,
    }  # fmt: skip


def damaged(package: str, version: str, file: str, what: str = "truncated", *, loads: bool = True) -> dict[str, Any]:
    listed = {"file": file, "what": what, "recorded": 9, "found": 5, "loads": loads}
    return {
        "package": package, "version": version, "checked": 9, "deep": False, "missing": 0, "changed": 1,
        "files": [listed],
    }  # fmt: skip


def answered(seen: Snapshot, *found: tuple[str, str], severity: Severity = Severity.ERROR, live: bool = False) -> Plan:
    """The plan for findings of these rules on these subjects."""
    findings = tuple(
        Finding(
            rule, severity, Confidence.PROVED, subject, "a test",
            tuple(Evidence(fact, None, "") for fact in [EVIDENCE.get(rule)] if fact),
        )
        for rule, subject in found
    )  # fmt: skip
    return plan_for(Diagnosis(Verdict.BROKEN, findings), Solver(Machine(seen), MATRIX, live=live))


def proved(seen: Snapshot) -> Plan:
    solver = Solver(Machine(seen), MATRIX)
    return prove(plan_for(diagnose(seen, MATRIX), solver), solver, lambda one: diagnose(one, MATRIX))


def only(plan: Plan) -> Step:
    assert plan.status is Status.SOLVED
    (step,) = plan.steps
    return step


# LD_LIBRARY_PATH and LD_PRELOAD.


@pytest.mark.parametrize(
    ("path", "argv"),
    [
        (TOOLKIT, ("unset", "LD_LIBRARY_PATH")),
        (f"{TOOLKIT}:", ("unset", "LD_LIBRARY_PATH")),
        (f"{TOOLKIT}/:{TOOLKIT}", ("unset", "LD_LIBRARY_PATH")),
        (f"/opt/a b:{TOOLKIT}:{DRIVER}", ("export", f"LD_LIBRARY_PATH=/opt/a b:{DRIVER}")),
        (f"/opt/b:{TOOLKIT}:/opt/a", ("export", "LD_LIBRARY_PATH=/opt/b:/opt/a")),
    ],
)
def test_the_folder_leaves_the_path_and_the_rest_stays_in_order(path: str, argv: tuple[str, ...]) -> None:
    seen = snapshot({"env.LD_LIBRARY_PATH": path, "libraries.shadowed": [hidden()]})
    step = only(answered(seen, ("cuda-libs-shadowed-by-ld-library-path", "libnvJitLink.so.12")))
    assert (step.applicability, step.argv) == (Applicability.SAFE, argv)
    assert step.kind == ("unset-env" if argv[0] == "unset" else "set-env")
    assert isinstance(step.change, SetsSearchPath)


def test_a_shell_takes_the_command_as_it_is_printed() -> None:
    seen = snapshot({"env.LD_LIBRARY_PATH": f"/opt/a b:{TOOLKIT}:/opt/$c", "libraries.shadowed": [hidden()]})
    plan = answered(seen, ("cuda-libs-shadowed-by-ld-library-path", "libnvJitLink.so.12"))
    (line,) = [line for line in render_plan(plan, width=60).splitlines() if line.strip().startswith("export")]
    said = subprocess.run(["sh", "-c", f'{line}; echo "$LD_LIBRARY_PATH"'], capture_output=True, text=True, check=True)
    assert said.stdout == "/opt/a b:/opt/$c\n"
    assert shlex.split(line) == list(only(plan).argv)


def test_several_rows_and_rules_are_one_step() -> None:
    other = "/sw/cudnn/lib"
    seen = snapshot(
        {
            "env.LD_LIBRARY_PATH": f"{TOOLKIT}:{other}:{DRIVER}",
            "libraries.shadowed": [hidden(), hidden("libcublas.so.12"), hidden("libcudnn_graph.so.9", other)],
        }
    )
    rules = ("cudnn-shadowed-by-ld-library-path", "cuda-libs-shadowed-by-ld-library-path")
    step = only(answered(seen, *((rule, "cuda") for rule in rules)))
    assert step.argv == ("export", f"LD_LIBRARY_PATH={DRIVER}")
    assert f"{DRIVER} stays, for the driver" in step.why


def test_the_folder_of_the_drivers_library_is_not_taken_away() -> None:
    seen = snapshot(
        {
            "env.LD_LIBRARY_PATH": TOOLKIT,
            "libraries.shadowed": [hidden()],
            "cuda.library": f"{TOOLKIT}/libcuda.so.570.124.06",
        }
    )
    step = only(answered(seen, ("cuda-libs-shadowed-by-ld-library-path", "cuda")))
    assert (step.applicability, step.argv) == (Applicability.MANUAL, ())
    assert "libcuda.so.1" in step.why


def test_a_folder_that_the_variable_does_not_hold_is_for_a_person() -> None:
    seen = snapshot({"env.LD_LIBRARY_PATH": "/elsewhere", "libraries.shadowed": [hidden()]})
    step = only(answered(seen, ("cuda-libs-shadowed-by-ld-library-path", "cuda")))
    assert (step.applicability, step.argv) == (Applicability.MANUAL, ())


def test_a_preloaded_library_is_taken_out_of_its_variable() -> None:
    file = "/opt/msccl/lib/libnccl.so.2"
    seen = snapshot(
        {
            "env.LD_PRELOAD": f"/usr/lib/libjemalloc.so {file}",
            "libraries.shadowed": [hidden("libnccl.so.2", folder=file, file=file, how="LD_PRELOAD")],
        }
    )
    step = only(answered(seen, ("nccl-version-conflict", "nccl")))
    assert step.argv == ("export", "LD_PRELOAD=/usr/lib/libjemalloc.so")


@pytest.mark.parametrize(("path", "certain"), [(TOOLKIT, True), (f"{TOOLKIT}:{DRIVER}", True), (f"{TOOLKIT}:/x", None)])
def test_it_is_proved_where_nothing_that_stays_can_hide_the_library_too(path: str, certain: bool | None) -> None:
    row = hidden(lacks=["__nvJitLinkComplete_12_4"], lacks_count=1)
    seen = snapshot({"env.LD_LIBRARY_PATH": path, "libraries.shadowed": [row]})
    plan = proved(seen)
    assert [step.kind for step in plan.steps] == ["unset-env" if path == TOOLKIT else "set-env"]
    assert plan.proved is certain
    assert any("reinstalling torch" in text for text in plan.would_not_help)


def test_reinstalling_torch_would_indeed_not_help() -> None:
    row = hidden(lacks=["__nvJitLinkComplete_12_4"], lacks_count=1)
    seen = snapshot({"env.LD_LIBRARY_PATH": TOOLKIT, "libraries.shadowed": [row]})
    again = Installs(("torch==2.9.1+cu128",), channel="cu128", again=True)
    plan = Plan(Status.SOLVED, None, (Step("install-wheels", Applicability.UNSAFE, "", change=again),))
    assert rows(predicted(seen, plan, MATRIX), "libraries.shadowed") == [row]


def test_what_is_loaded_then_is_the_environments_own() -> None:
    row = hidden("libcudnn.so.9", instead_of_version="9.10.2.21", instead_of_package="nvidia-cudnn-cu12")
    loaded = {"library": "libcudnn.so.9", "file": row["file"], "how": "LD_LIBRARY_PATH", "version": "9.1.0"}
    lacking = undefined("torch", "2.9.1", library="libcudnn.so.9", provider="cudnn")
    seen = snapshot(
        {
            "env.LD_LIBRARY_PATH": TOOLKIT, "libraries.shadowed": [{**row, "lacks": [SYMBOL["name"]]}],
            "libraries.loaded": [loaded], "cudnn.version": "9.1.0", "libraries.undefined": [lacking, undefined()],
        }
    )  # fmt: skip
    after = predicted(seen, answered(seen, ("cudnn-shadowed-by-ld-library-path", "cudnn")), MATRIX)
    assert isinstance(after["env.LD_LIBRARY_PATH"], Absent)
    assert after["cudnn.version"] == Known("9.10.2.21", "after the plan")
    assert rows(after, "libraries.loaded")[0]["file"] == row["instead_of"]
    assert [one["package"] for one in rows(after, "libraries.undefined")] == ["flash-attn"]


entries = st.lists(st.text(alphabet="/ab:; ", max_size=6), max_size=5)


@settings(max_examples=200, deadline=None)
@given(entries=entries, away=st.sampled_from(["/a", "/b", "/a/b"]))
def test_what_is_left_of_a_path_is_what_was_there_without_the_folder(entries: list[str], away: str) -> None:
    told = ":".join(entries)
    short = shortened(Machine(machine_snapshot(overrides={"env.LD_LIBRARY_PATH": told})), "LD_LIBRARY_PATH", [away])
    if short is not None:
        assert away not in short.stays
        assert short.dropped
        assert (short.value is None) == (not short.stays)
        if ";" not in told:
            assert list(short.stays) == [one for one in told.split(":") if one and one not in short.dropped]


# Damaged files.


@pytest.mark.parametrize(
    ("has_pip", "live", "words"),
    [
        (True, False, ("-m", "pip", "install", "--force-reinstall", "--no-deps")),
        (False, True, ("uv", "pip", "install", "--reinstall-package", "nvidia-nccl-cu12", "--no-deps")),
    ],
)
def test_exactly_the_damaged_distribution_is_put_there_again(has_pip: bool, live: bool, words: tuple[str, ...]) -> None:
    row = damaged("nvidia-nccl-cu12", "2.27.5", "nvidia/nccl/lib/libnccl.so.2")
    step = only(
        answered(
            snapshot(
                {"packages.damaged": [row, damaged("torchvision", "0.24.1", "x.so", "size", loads=False)]},
                has_pip=has_pip,
            ),
            ("package-files-damaged", "nvidia-nccl-cu12"),
            live=live,
        )
    )
    assert set(words) <= set(step.argv)
    assert step.argv[-1] == "nvidia-nccl-cu12==2.27.5"
    assert "https://download.pytorch.org/whl/cu128" in step.argv
    assert not any(word.startswith(("torch==", "torchvision==")) for word in step.argv)


def test_a_library_that_is_back_is_found_again() -> None:
    seen = snapshot(
        {
            "packages.damaged": [
                damaged("nvidia-cudnn-cu12", "9.10.2.21", "nvidia/cudnn/lib/libcudnn.so.9", "missing")
            ],
            "libraries.missing": [{"object": "torch/lib/libtorch_cuda.so", "library": "libcudnn.so.9"}],
        }
    )
    plan = proved(seen)
    assert plan.proved is True
    assert only(plan).argv[-1] == "nvidia-cudnn-cu12==9.10.2.21"
    assert predicted(seen, plan, MATRIX)["libraries.missing"] == Known([], "after the plan")


def test_a_damaged_torch_comes_alone_and_an_extension_from_the_package_index() -> None:
    seen = snapshot(
        {"packages.damaged": [damaged("torch", "2.9.1", "torch/nn/__init__.py"), damaged("xformers", "0.0.33", "x.so")]}
    )
    plan = answered(seen, ("package-files-damaged", "torch"), ("package-files-damaged", "xformers"))
    first, last = [step.argv for step in plan.steps]
    assert first[-1] == "torch==2.9.1+cu128"
    assert {"--force-reinstall", "--no-deps"} <= set(first)
    assert not any(word.startswith("nvidia-") for word in first)
    assert last[-1] == "xformers==0.0.33"
    assert "--index-url" not in last


def packages(*names: str) -> dict[str, str]:
    return {"torch": "2.9.1", **dict.fromkeys(names, "1")}


@pytest.mark.parametrize(
    ("libraries", "installed", "again"),
    [
        pytest.param(["libcudnn.so.9"], packages("nvidia-nccl-cu12"), False, id="its package is gone"),
        pytest.param(["libcudnn.so.9"], packages("nvidia-cudnn-cu12"), True, id="its package is recorded"),
        pytest.param(["libcudnn.so.9", "libc10.so"], packages(), True, id="so is one of torch itself"),
        pytest.param(["libcusparseLt.so.0"], packages("nvidia-cusparse-cu12"), False, id="not its namesake"),
        pytest.param(["libcudnn.so.9"], None, True, id="no records"),
    ],
)
def test_a_package_that_is_gone_is_added_and_torch_stays(
    libraries: list[str], installed: dict[str, str] | None, again: bool
) -> None:
    rows_ = [{"object": "torch/lib/libtorch_cuda.so", "library": one, "package": "torch"} for one in libraries]
    seen = snapshot({"libraries.missing": rows_, "packages.installed": installed or Unknown("not readable")})
    first, *others = [step.argv for step in answered(seen, ("shared-library-missing", "torch")).steps]
    assert ("--force-reinstall" in first) is again
    assert (others == []) is not again
    if not again:
        assert first[-1] == "torch==2.9.1"  # as its record calls it: the installed one meets that


def test_a_damaged_torch_and_a_library_whose_package_is_gone() -> None:
    row = {"object": "torch/lib/libtorch_cuda.so", "library": "libcudnn.so.9", "package": "torch"}
    facts = {
        "libraries.missing": [row],
        "packages.damaged": [damaged("torch", "2.9.1", "torch/nn/__init__.py", "missing")],
        "packages.installed": packages(),
    }
    first, second = [step.argv for step in answered(snapshot(facts), ("package-files-damaged", "torch")).steps]
    assert "--force-reinstall" in first
    assert "--force-reinstall" not in second
    assert first[-1] == second[-1] == "torch==2.9.1+cu128"


def test_a_torch_that_lacks_symbols_of_its_own_is_written_anew() -> None:
    plan = proved(snapshot({"libraries.undefined": [undefined("torch", "2.9.1")]}))
    assert "--force-reinstall" in plan.steps[0].argv
    assert "torch==2.9.1+cu128" in plan.steps[0].argv
    assert plan.proved is not False


def test_an_installer_leaves_damaged_files_of_what_it_takes_for_satisfied() -> None:
    seen = snapshot({"packages.damaged": [damaged("torch", "2.9.1", "torch/nn/__init__.py", "missing")]})

    def left(requirement: str, *, again: bool = False) -> list[Any]:
        change = Installs((requirement,), channel="cu128", again=again)
        plan = Plan(Status.SOLVED, None, (Step("install-wheels", Applicability.UNSAFE, "", (), change=change),))
        return rows(predicted(seen, plan, MATRIX), "packages.damaged")

    assert left("torch==2.9.1") != []
    assert left("torch==2.9.1", again=True) == []
    assert left("torch==2.9.1+cu128") == []  # no name of what the record calls 2.9.1
    assert left("torch==2.8.0") == []


def test_an_extension_that_is_too_new_for_the_system_asks_for_no_other_torch() -> None:
    row = {"object": "x.so", "package": "x", "role": "entry", "library": "libc.so.6", "version": "GLIBC_2.99"}
    seen = snapshot({"libraries.unmet_versions": [{**row, "file": "/lib/libc.so.6", "highest": "GLIBC_2.36"}]})
    plan = answered(seen, ("glibc-too-old", "x"))
    assert all("torch" not in word for step in plan.steps for word in step.argv)
    assert "on this system" in only(plan).why


def test_files_without_the_kernels_of_their_release_are_written_anew() -> None:
    kernels = {"files": ["torch/lib/libtorch_cuda.so"], "modules": 400, "sass": {"90": 1.0}, "ptx": {}, "flags": None}
    plan = proved(snapshot({"torch.kernels": kernels}))
    assert "--force-reinstall" in only(plan).argv
    assert only(plan).argv[-1] == "torch==2.9.1+cu128"
    assert plan.proved is True
    assert "the matrix is wrong" in only(plan).why


def test_what_is_changed_on_purpose_is_not_put_back() -> None:
    changed = damaged("nvidia-nccl-cu12", "2.27.5", "nvidia/nccl/lib/libnccl.so.2", "size", loads=False)
    torch = damaged("torch", "2.9.1", "torch/nn/__init__.py", "missing")
    plan = answered(snapshot({"packages.damaged": [changed, torch]}), ("package-files-damaged", "libraries"))
    assert "torch==2.9.1+cu128" in plan.steps[0].argv


def test_conda_writes_its_own_torch_anew() -> None:
    facts = {
        "python.environment": "conda",
        "python.manager": "conda",
        "packages.conda": {"pytorch": {"version": "2.5.1"}},
    }
    seen = snapshot(facts, torch="2.5.1", torch_cuda="12.4", provenance="conda-forge", torchvision=None)
    step = only(answered(seen, ("package-files-damaged", "torch")))
    assert step.argv == ("conda", "install", "--force-reinstall", "pytorch=2.5.1")


# Builds of extensions.


NVCC = {"toolkit.nvcc": "/usr/local/cuda/bin/nvcc", "toolkit.nvcc_version": "12.8.93"}


@pytest.mark.parametrize(
    ("nvcc", "applicability"),
    [("12.8.93", Applicability.UNSAFE), ("11.8.89", Applicability.MANUAL), (None, Applicability.MANUAL)],
)
def test_sources_are_compiled_against_this_torch(nvcc: str | None, applicability: Applicability) -> None:
    told = {**NVCC, "toolkit.nvcc_version": nvcc} if nvcc else {}
    plan = answered(snapshot({"libraries.undefined": [undefined()], **told}), ("abi-undefined-symbol", "flash-attn"))
    step = only(plan)
    assert step.argv == (
        "python", "-m", "pip", "install", "--force-reinstall", "--no-deps", "--no-cache-dir", "--no-build-isolation",
        "--no-binary", "flash-attn", "flash-attn==2.7.4",
    )  # fmt: skip
    assert step.applicability is applicability
    assert "nvcc of CUDA 12" in step.why


def test_uv_compiles_by_its_own_words() -> None:
    seen = snapshot({"libraries.undefined": [undefined("torch-scatter", "2.1.2")], **NVCC}, has_pip=False)
    step = only(answered(seen, ("abi-undefined-symbol", "torch-scatter"), live=True))
    assert step.argv == (
        "uv", "pip", "install", "--python", "/venv/bin/python", "--reinstall-package", "torch-scatter", "--no-deps",
        "--no-cache", "--no-build-isolation-package", "torch-scatter", "--no-binary", "torch-scatter",
        "torch-scatter==2.1.2",
    )  # fmt: skip


def test_a_build_of_one_s_own_is_for_a_person_and_the_same_wheel_would_not_help() -> None:
    plan = answered(snapshot({"libraries.undefined": [undefined("my-ops", "0.1")]}), ("abi-undefined-symbol", "my-ops"))
    step = only(plan)
    assert (step.applicability, step.argv, step.kind) == (Applicability.MANUAL, (), "build-extension")
    assert "torch 2.9.1+cu128" in step.why
    assert any("the same wheel of my-ops 0.1" in text for text in plan.would_not_help)


def test_the_same_wheel_would_indeed_not_help() -> None:
    seen = snapshot({"libraries.undefined": [undefined("my-ops", "0.1")]})
    again = Installs(("my-ops==0.1",), again=True)
    plan = Plan(Status.SOLVED, None, (Step("install-wheels", Applicability.UNSAFE, "", change=again),))
    assert predicted(seen, plan, MATRIX)["libraries.undefined"] == seen["libraries.undefined"]


def test_one_that_pins_torch_is_looked_for_by_the_installer() -> None:
    requires = {"vllm": {"version": "0.10.0", "requires": ["torch==2.7.1"]}}
    seen = snapshot({"libraries.undefined": [undefined("vllm", "0.10.0")], "extensions.packages": requires})
    plan = answered(seen, ("abi-undefined-symbol", "vllm"))
    assert only(plan).argv[-2:] == ("torch==2.9.1", "vllm")
    assert only(plan).change is None
    assert [way.target.torch for way in plan.alternatives if way.target] == ["2.7.1"]


@pytest.mark.parametrize(("abi", "tag"), [("old", "cxx11abiTRUE"), ("new", "cxx11abiFALSE")])
def test_the_other_string_abi_is_named(abi: str, tag: str) -> None:
    rows_ = [undefined("my-ops", "0.1", string_abi=abi)]
    assert tag in only(answered(snapshot({"libraries.undefined": rows_}), ("abi-undefined-symbol", "my-ops"))).why


def test_the_torch_it_was_built_for_is_another_way_where_it_serves() -> None:
    rows_ = [undefined(built_for="torch 2.5.1+cu124")]
    seen = snapshot({"libraries.undefined": rows_, "extensions.packages": {"flash-attn": {"version": "2.7.4"}}, **NVCC})
    plan = proved(seen)
    assert plan.proved is True
    (way,) = plan.alternatives
    assert way.target is not None
    assert (way.target.torch, way.target.channel) == ("2.5.1", "cu124")
    assert way.proved is True
    assert "was built for torch 2.5.1+cu124" in way.because[0]


def test_a_torch_that_does_not_serve_the_gpu_is_not_offered() -> None:
    rows_ = [undefined(built_for="torch 2.5.1+cu124")]
    seen = snapshot({"libraries.undefined": rows_}, gpus=["NVIDIA GeForce RTX 5090"])
    assert answered(seen, ("abi-undefined-symbol", "flash-attn")).alternatives == ()


def test_another_torch_leaves_open_what_other_extensions_make_of_it() -> None:
    known = {"flash-attn": {"version": "2.7.4"}, "natten": {"version": "0.21"}}
    rows_ = [undefined(built_for="torch 2.5.1+cu124")]
    seen = snapshot({"libraries.undefined": rows_, "extensions.packages": known})
    (way,) = answered(seen, ("abi-undefined-symbol", "flash-attn")).alternatives
    assert isinstance(predicted(seen, way, MATRIX)["libraries.undefined"], Unknown)


def test_a_partner_of_another_torch_is_replaced_and_not_compiled() -> None:
    seen = snapshot({"libraries.undefined": [undefined("torchvision", "0.18.0")]}, torchvision="0.18.0+cu121")
    step = only(answered(seen, ("abi-undefined-symbol", "torchvision")))
    assert "torchvision==0.24.1+cu128" in step.argv
    assert "--no-binary" not in step.argv


def test_no_extension_is_built_for_a_torch_that_goes() -> None:
    seen = snapshot({"libraries.undefined": [undefined()]}, gpus=["NVIDIA GeForce GTX 1080"])
    plan = answered(seen, ("gpu-arch-not-in-wheel", "gpu:0"), ("abi-undefined-symbol", "flash-attn"))
    assert plan.target is not None
    assert not any("flash-attn" in word for step in plan.steps for word in step.argv)


def test_kernels_for_a_gpu_are_compiled_by_hand() -> None:
    rows_ = [{"package": "causal-conv1d", "version": "1.4.0", "object": "x.so", "role": "entry", "modules": 4,
              "sass": {"90": 1.0}, "ptx": {}}]  # fmt: skip
    seen = snapshot({"extensions.kernels": rows_})
    plan = answered(seen, ("ext-arch-missing", "causal-conv1d"))
    step = only(plan)
    assert step.applicability is Applicability.MANUAL
    assert step.argv[:2] == ("env", "TORCH_CUDA_ARCH_LIST=8.0")
    assert any("a newer driver" in text for text in plan.would_not_help)


def test_a_library_of_another_cuda_asks_for_another_build() -> None:
    missing = [{"object": "f.so", "library": "libcudart.so.12", "package": "flash-attn", "role": "entry"}]
    facts = {"libraries.missing": missing, "packages.installed": {"flash-attn": "2.8.3"}}
    seen = snapshot(facts, torch="2.14.1+cu130", driver="580.95.05")
    plan = answered(seen, ("shared-library-missing", "flash-attn"))
    assert only(plan).argv[-1] == "flash-attn==2.8.3"
    assert [way.target.channel[:4] for way in plan.alternatives if way.target] == ["cu12"]


# Libraries of the system.


@pytest.mark.parametrize(
    ("version", "argv"),
    [
        ("debian 12", ("apt-get", "install", "libgl1", "libglib2.0-0")),
        ("debian 13", ("apt-get", "install", "libgl1", "libglib2.0-0t64")),
        ("ubuntu 22.04", ("apt-get", "install", "libgl1", "libglib2.0-0")),
        ("ubuntu 24.04", ("apt-get", "install", "libgl1", "libglib2.0-0t64")),
        ("fedora 41", ("dnf", "install", "libGL.so.1()(64bit)", "libgthread-2.0.so.0()(64bit)")),
        ("rhel 9.4", ("dnf", "install", "libGL.so.1()(64bit)", "libgthread-2.0.so.0()(64bit)")),
        ("opensuse-leap 15.6", ("zypper", "install", "libGL.so.1()(64bit)", "libgthread-2.0.so.0()(64bit)")),
        ("alpine 3.20", ("apk", "add", "so:libGL.so.1", "so:libgthread-2.0.so.0")),
        ("arch", ("pacman", "-S", "--needed", "libglvnd")),
        ("nixos 24.05", ()),
    ],
)
def test_the_package_of_a_library_by_distribution(version: str, argv: tuple[str, ...]) -> None:
    machine = Machine(snapshot({"host.version": version}))
    step = system_package(machine, ("libGL.so.1", "libgthread-2.0.so.0"), "OpenCV")
    assert step.applicability is Applicability.MANUAL
    assert step.argv == argv
    assert step.kind == "install-system-package"
    assert "libGL.so.1" in step.why


def test_a_hostile_name_of_a_library_reaches_no_command() -> None:
    machine = Machine(snapshot({"host.version": "fedora 41"}))
    assert system_package(machine, ("lib; rm -rf /", "--assumeyes=x y"), "x").argv == ()


def cv2(kind: str, **facts: Any) -> Snapshot:
    missing = [{"object": "cv2/cv2.abi3.so", "library": "libGL.so.1", "package": "opencv-python", "role": "entry"}]
    told = {
        "opencv.packages": {"opencv-python": "4.10.0.84"},
        "libraries.missing": missing,
        "host.version": "debian 12",
    }
    return snapshot({**told, **facts}, kind=kind)


def test_in_a_container_opencv_does_without_a_display() -> None:
    seen = cv2("container")
    plan = answered(seen, ("missing-libGL", "opencv-python"))
    assert [step.argv for step in plan.steps] == [
        ("python", "-m", "pip", "uninstall", "--yes", "opencv-python"),
        ("python", "-m", "pip", "install", "--force-reinstall", "--no-deps", "opencv-python-headless==4.10.0.84"),
    ]
    assert [step.applicability for step in plan.steps] == [Applicability.UNSAFE] * 2
    assert isinstance(plan.steps[0].change, Removes)
    assert plan.alternatives[0].steps[0].argv == ("apt-get", "install", "libgl1")
    after = predicted(seen, plan, MATRIX)
    assert after["libraries.missing"] == Known([], "after the plan")
    assert "opencv-python" not in str(after["opencv.packages"])


def test_elsewhere_the_library_of_the_system_comes_first() -> None:
    plan = answered(cv2("bare"), ("missing-libGL", "opencv-python"))
    assert plan.steps[0].argv == ("apt-get", "install", "libgl1")
    assert plan.alternatives[0].steps[0].kind == "uninstall-package"


def test_conda_brings_libgl_into_its_environment() -> None:
    plan = answered(cv2("bare", **{"python.environment": "conda"}), ("missing-libGL", "opencv-python"))
    assert plan.steps[0].argv == ("conda", "install", "conda-forge::libgl")


def test_a_project_is_told_what_to_name() -> None:
    facts = {"python.project_tool": "uv", "python.project": "/srv/app"}
    plan = answered(cv2("container", **facts), ("missing-libGL", "opencv-python"))
    assert "opencv-python-headless==4.10.0.84" in only(plan).why
    assert only(plan).argv == ()


def test_a_runtime_on_the_path_leaves_it_and_one_of_the_system_is_for_a_person() -> None:
    row = {"object": "torch/lib/libtorch_cpu.so", "package": "torch", "role": "entry", "library": "libstdc++.so.6",
           "version": "GLIBCXX_3.4.30", "file": "/sw/gcc/lib64/libstdc++.so.6", "highest": "GLIBCXX_3.4.9"}  # fmt: skip
    on_path = snapshot({"env.LD_LIBRARY_PATH": "/sw/gcc/lib64", "libraries.unmet_versions": [row]})
    assert only(answered(on_path, ("libstdcxx-too-old", "torch"))).argv == ("unset", "LD_LIBRARY_PATH")
    step = only(answered(snapshot({"libraries.unmet_versions": [row]}), ("libstdcxx-too-old", "torch")))
    assert (step.kind, step.argv) == ("rebuild-image", ())


def test_a_library_of_somebody_else_is_named_with_its_owner() -> None:
    loaded = {"library": "libcudnn.so.9", "file": "/usr/lib/libcudnn.so.9", "how": "ld.so.cache", "version": "9.1.1",
              "package": None}  # fmt: skip
    step = only(answered(snapshot({"libraries.loaded": [loaded]}), ("cudnn-version-mismatch", "cudnn")))
    assert step.applicability is Applicability.MANUAL
    assert "/usr/lib/libcudnn.so.9" in step.why


def test_a_version_that_torch_does_not_pin_is_brought_back_to_the_pin() -> None:
    loaded = {"library": "libcudnn.so.9", "file": "x", "how": "DT_RPATH", "package": "nvidia-cudnn-cu12"}
    seen = snapshot({"libraries.loaded": [loaded], "torch.requires": ["nvidia-cudnn-cu12==9.10.2.21"]})
    assert "torch==2.9.1" in only(answered(seen, ("cudnn-version-mismatch", "cudnn"))).argv


# A module of somebody's own.


def test_a_local_module_is_renamed_or_its_folder_leaves_pythonpath() -> None:
    row = {"module": "torch", "path": "/srv/scripts/torch/__init__.py", "from": "PYTHONPATH", "hides": f"{SITE}/torch"}
    seen = snapshot({"env.PYTHONPATH": "/srv/scripts:/srv/lib", "python.local_modules": [row]})
    plan = answered(seen, ("torch-shadowed-by-local-module", "torch"))
    assert only(plan).applicability is Applicability.MANUAL
    assert "rename /srv/scripts/torch " in only(plan).why
    assert plan.alternatives[0].steps[0].argv == ("export", "PYTHONPATH=/srv/lib")
    assert isinstance(predicted(seen, plan.alternatives[0], MATRIX)["python.local_modules"], Unknown)


def test_on_windows_the_words_are_those_of_cmd() -> None:
    row = {"module": "torch", "path": "C:\\s\\torch.py", "from": "PYTHONPATH", "hides": "x"}
    facts = {"env.PYTHONPATH": "C:/s;D:/lib", "python.local_modules": [row]}
    plan = answered(snapshot(facts, platform="windows-x86_64"), ("torch-shadowed-by-local-module", "torch"))
    assert plan.alternatives[0].steps[0].argv == ("set", "PYTHONPATH=D:/lib")


# Whatever a snapshot says.


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["torch", "libcudnn.so.9", "/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["library", "package", "folder", "file", "how", "lacks", "symbols", "object", "role", "path", "module", "from",
         "built_for", "files", "version", "count", "sass", "ptx", "string_abi", "instead_of"]), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip
FACTS = ("libraries.undefined", "libraries.shadowed", "libraries.loaded", "libraries.missing", "packages.damaged",
         "libraries.unmet_versions", "extensions.kernels", "python.local_modules", "extensions.packages")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(told=st.dictionaries(st.sampled_from(FACTS), junk), rule=st.sampled_from(sorted(OF_BINARIES)))
def test_no_snapshot_makes_a_plan_fail(told: dict[str, Any], rule: str) -> None:
    seen = snapshot({**told, "env.LD_LIBRARY_PATH": "/x:/y"})
    for subject in ("torch", "torchvision", "flash-attn", "libcudnn.so.9"):
        plan = answered(seen, (rule, subject), ("package-files-damaged", subject))
        assert plan.undecided or plan.steps or plan.because
        for way in (plan, *plan.alternatives):
            assert predicted(seen, way, MATRIX).facts
        assert render_plan(plan)


def test_each_library_of_the_table_looks_like_one() -> None:
    assert all(".so." in library for library in OF_DEBIAN)
