"""What software says in kernel tests, and the rule that it proves: real texts, one cause each, and those with none."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known, Unknown
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.model.smoke import ALL_GPUS, IMPORT, Status, TestResult
from envdoctor.rules.example_machine import HEALTHY, snapshot
from envdoctor.rules.rule import all_rules
from envdoctor.rules.severity_table import SEVERITIES, SHOWN
from envdoctor.rules.smoke_causes import ILLEGAL, SIGNS, cause, results, sign_of
from envdoctor.rules.smoke_examples import failed, not_imported, passed, smoked
from envdoctor.rules.smoke_shown import MEANS

MATRIX = load_matrix()
RULES = {rule.name: rule for rule in all_rules()}
V100: dict[str, object] = {"torch": "2.14.0+cu130", "driver": "580.95.05 13.0", "gpus": ["Tesla V100-SXM2-32GB 7.0"]}
RTX_5090: dict[str, object] = {"torch": "2.5.1+cu124", "driver": "570.124.06 12.8", "gpus": ["RTX 5090 12.0"]}
NO_KERNEL = (
    "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be asynchronously "
    "reported at some other API call, so the stacktrace below might be incorrect."
)
COUNT = (
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
    "might have already set an error? Error "
)
LD_PATH = {"env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}
CUDNN_REFUSED = (
    "cuDNN version incompatibility: PyTorch was compiled  against (9, 10, 2) but found runtime version (9, 1, 0). "
    "PyTorch already comes bundled with cuDNN. One option to resolving this error is to ensure PyTorch can find the "
    "bundled cuDNN. "
)


def machine(*tests: TestResult, **facts: object) -> Machine:
    return Machine(snapshot({**HEALTHY, **smoked(*tests), **facts}))  # type: ignore[dict-item]


TEXTS = [
    # text, facts, the cause
    (NO_KERNEL, {}, "gpu-arch-not-in-wheel"),
    (NO_KERNEL, RTX_5090, "gpu-arch-not-in-wheel"),
    (NO_KERNEL, V100, "gpu-arch-dropped"),
    (NO_KERNEL, {**V100, "torch.provenance": "ngc"}, "gpu-arch-dropped"),
    (NO_KERNEL, {"gpu.0.compute_capability": None, "gpu.0.name": None}, "gpu-arch-not-in-wheel"),
    ("cuDNN version 91002 is not compatible with devices with SM < 7.5. Please install", {}, "gpu-arch-dropped"),
    ("HIP error: no kernel image is available for execution on the device", {}, "rocm-arch-unsupported"),
    ("CUDA error: the provided PTX was compiled with an unsupported toolchain.", {}, "driver-too-old"),
    ("CUDA error: the provided PTX was compiled with an unsupported toolchain.", RTX_5090, "gpu-arch-not-in-wheel"),
    ("The NVIDIA driver on your system is too old (found version 11040).", {}, "driver-too-old"),
    ("CUDA driver version is insufficient for CUDA runtime version", {}, "driver-too-old"),
    (f"{COUNT}802: system not yet initialized", {"gpus": ["NVIDIA H200 9.0"]}, "fabric-manager-not-running"),
    (f"{COUNT}802: system not yet initialized", {"gpus": ["NVIDIA GeForce RTX 4090 8.9"]}, None),
    (f"{COUNT}803: system has unsupported display driver / cuda driver combination", {}, "compat-libcuda-mismatch"),
    (f"{COUNT}804: forward compatibility was attempted on non supported HW", {}, "compat-libcuda-mismatch"),
    ("CUDA error: CUDA driver is a stub library", {}, "compat-libcuda-mismatch"),
    ("CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable "
     "CUDA_VISIBLE_DEVICES after program start.", {}, "cuda-init-stale-driver-state"),
    (f"{COUNT}999: unknown error", {"gpu.0.status": 999}, None),
    (f"{COUNT}999: unknown error", {"nvml.status": 18}, None),
    ("Torch not compiled with CUDA enabled", {}, "cpu-only-build"),
    (CUDNN_REFUSED, {}, "cudnn-version-mismatch"),
    (f"{CUDNN_REFUSED}Looks like your LD_LIBRARY_PATH contains incompatible version of cudnn.", LD_PATH,
     "cudnn-shadowed-by-ld-library-path"),
    ("cuDNN error: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", {}, "cudnn-version-mismatch"),
    ("libtorch_cuda.so: undefined symbol: cudnnGetLastErrorString", {}, "cudnn-version-mismatch"),
    ("/opt/lib/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12", LD_PATH,
     "cuda-libs-shadowed-by-ld-library-path"),
    ("/opt/lib/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12", {},
     "abi-undefined-symbol"),
    ("libtorch_cuda.so: undefined symbol: ncclCommRegister", {}, "nccl-version-conflict"),
    ("libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent", {}, "mkl-incompatible"),
    ("_C.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs", {}, "abi-undefined-symbol"),
    ("libcudnn.so.9: cannot open shared object file: No such file or directory", {}, "shared-library-missing"),
    ("libGL.so.1: cannot open shared object file: No such file or directory", {}, "missing-libGL"),
    ("/lib64/libc.so.6: version `GLIBC_2.28' not found (required by libtorch_cpu.so)", {}, "glibc-too-old"),
    ("libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by _C.so)", {}, "libstdcxx-too-old"),
    ("operator torchvision::nms does not exist", {}, "torch-torchvision-mismatch"),
    ("Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision versions are incompatible", {},
     "torch-torchvision-mismatch"),
    ("Detected that PyTorch and torchvision were compiled with different CUDA major versions.", {},
     "torch-torchvision-mismatch"),
    ("Numpy is not available", {"numpy.version": "2.0.0"}, "numpy2-abi"),
    ("Numpy is not available", {}, None),
    ("Numpy is not available", {"numpy.version": "1.26.4"}, None),
    ("Cannot find a working triton installation. Either the package is not installed", {}, "triton-unavailable"),
    ("Cannot find a working triton installation.", {"triton.version": "2.1.0"}, "triton-mismatch"),
    ("No module named 'triton.common'", {"triton.version": "3.1.0"}, "triton-mismatch"),
    ("Found Tesla P100 which is too old to be supported by the triton GPU compiler", {}, "gpu-too-old-for-triton"),
    ("Dynamo is not supported on Python 3.13+", {}, "python-unsupported"),
    ("NCCL Error 2\nLast error:\nError while creating shared memory segment /dev/shm/nccl-pZafXL (size 7340384)", {},
     "nccl-shm-too-small"),
    ("Error while creating shared memory segment /dev/shm/nccl-WU88OE (size 9637888), error: No space left on device "
     "(28)", {}, "nccl-shm-too-small"),
    ("shm.h:48 NCCL WARN Error while creating shared memory segment nccl-shm-recv-250a7c-0-1-3 (size 9637888)",
     {}, "nccl-shm-too-small"),
    ("NCCL WARN Call to posix_fallocate failed : No space left on device", {}, "nccl-shm-too-small"),
    ("GPU is lost", {}, "gpu-lost"),
    # What proves nothing.
    ("Error while creating shared memory segment /dev/shm/nccl-WU88OE (size 9637888), error: Permission denied (13)",
     {}, None),
    ("CUDA error: unspecified launch failure", {}, None),
    ("CUDA error: an illegal memory access was encountered", {}, None),
    ("CUDA error: unknown error", {}, None),
    ("CUDA error: uncorrectable ECC error encountered", {}, None),
    ("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemv(...)`", {}, None),
    ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", {}, None),
    ("CUDA error: all CUDA-capable devices are busy or unavailable", {}, None),
    ("CUDA error: invalid device function", {}, None),
    ("Found no NVIDIA driver on your system.", {}, None),
    ("No module named 'torch._C'", {}, None),
    ("No module named 'typing_extensions'", {}, None),
    ("expected scalar type Half but found Float", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts", "rule"), TEXTS, ids=[f"{rule}: {text[:60]}" for text, _, rule in TEXTS])
def test_one_text_has_one_cause(text: str, facts: dict[str, object], rule: str | None) -> None:
    on = machine(failed("convolution", text), **facts)
    (result,) = results(on)
    assert cause(result, on, MATRIX) == rule
    found = diagnose(on.snapshot, MATRIX)
    assert found.crashed == ()
    smoke = next(one for one in found.findings if one.rule == "smoke-failed")
    assert smoke.caused_by == rule
    if rule is not None:
        root = found.findings[0]
        assert (root.rule, root.severity, root.confidence) == (rule, Severity.ERROR, Confidence.PROVED)
        assert root.caused_by is None
        assert [one.fact for one in root.evidence].count("smoke.tests") == 1


@pytest.mark.parametrize(("text", "facts", "rule"), TEXTS, ids=[f"{rule}: {text[:60]}" for text, _, rule in TEXTS])
def test_whoever_hears_of_a_text_reads_what_it_says_it_needs(
    text: str, facts: dict[str, object], rule: str | None
) -> None:
    for name in {name for sign in SIGNS for name in sign.rules} | {"smoke-failed"}:
        on = machine(failed("nms", text), **facts)
        try:
            found = [*RULES[name].judged(on, MATRIX)]
        except Undecidable:
            found = []
        assert not any(one.rule != name for one in found)
        patterns = [re.sub(r"\bN\b", "[0-9]*", need) for need in RULES[name].needs]
        assert [one for one in on.read if not any(fnmatchcase(one, pattern) for pattern in patterns)] == [], name


@pytest.mark.parametrize("status", [Status.PASSED, Status.SKIPPED, Status.SLOW, Status.WRONG_NUMBERS, Status.TIMED_OUT])
def test_words_beside_another_ending_prove_nothing(status: Status) -> None:
    assert sign_of(failed("fft", NO_KERNEL)._replace(status=status)) is None


def test_every_cause_is_a_rule_that_may_be_shown_and_has_its_meaning() -> None:
    told_by_themselves = {"nccl-shm-too-small"}
    named = {rule for sign in (*SIGNS, ILLEGAL) for rule in sign.rules}
    assert named <= set(RULES)
    assert named - told_by_themselves == {rule for rule, row in SEVERITIES.items() if SHOWN in row} == set(MEANS)


def test_every_sign_is_tried_here() -> None:
    tried = [text for text, _, _ in TEXTS]
    heard = {id(sign_of(failed("fft", text))) for text in [*tried, "No module named 'torch'"]}
    assert [sign.words for sign in SIGNS if id(sign) not in heard] == []


def test_the_name_of_the_error_tells_as_well_as_its_words() -> None:
    on = machine(failed("fft", "something else")._replace(cuda_error="cudaErrorNoKernelImageForDevice"))
    assert cause(results(on)[0], on, MATRIX) == "gpu-arch-not-in-wheel"


def test_what_is_printed_beside_a_failure_is_not_taken_for_it() -> None:
    """A library that was looked for in vain, a warning of NumPy: torch goes on after both."""
    printed = (
        "libibverbs.so: cannot open shared object file\n_ARRAY_API not found\nCUDA unknown error - this may be due"
    )
    on = machine(failed("fft", "an error of its own")._replace(output=printed, warnings=(NO_KERNEL,)))
    assert cause(results(on)[0], on, MATRIX) is None
    on = machine(TestResult("fft", "cuda:0", Status.CRASHED, message="the process died of SIGSEGV", output=printed))
    assert cause(results(on)[0], on, MATRIX) is None


def test_the_last_words_of_a_process_are_heard() -> None:
    what = f"terminate called after throwing an instance of 'c10::Error'\n  what():  {NO_KERNEL}"
    lookup = "python: symbol lookup error: /opt/libtorch_cuda.so: undefined symbol: ncclCommRegister"
    for output, rule in ((what, "gpu-arch-not-in-wheel"), (lookup, "nccl-version-conflict")):
        on = machine(TestResult("fft", "cuda:0", Status.CRASHED, message="the process died of SIGABRT", output=output))
        assert cause(results(on)[0], on, MATRIX) == rule
        found = diagnose(on.snapshot, MATRIX).findings
        assert [(one.rule, one.caused_by) for one in found] == [(rule, None), ("smoke-crashed", rule)]


def test_an_illegal_instruction_is_the_processor_s() -> None:
    on = machine(TestResult("svd", "cpu", Status.CRASHED, message="the process died of SIGILL", signal="SIGILL"))
    assert cause(results(on)[0], on, MATRIX) == "cpu-lacks-instructions"
    on = machine(TestResult("svd", "cpu", Status.CRASHED, message="the process died of SIGSEGV", signal="SIGSEGV"))
    assert cause(results(on)[0], on, MATRIX) is None


def test_torchvision_without_kernels_is_judged_beside_torch() -> None:
    alone = machine(failed("nms", NO_KERNEL))
    beside = machine(passed("elementwise"), failed("nms", NO_KERNEL))
    on_the_cpu = machine(passed("elementwise", "cpu"), failed("nms", NO_KERNEL))
    assert cause(results(alone)[-1], alone, MATRIX) == "gpu-arch-not-in-wheel"
    assert cause(results(beside)[-1], beside, MATRIX) == "ext-arch-missing"
    assert cause(results(on_the_cpu)[-1], on_the_cpu, MATRIX) == "gpu-arch-not-in-wheel"


def test_what_the_files_told_is_proved_by_the_test() -> None:
    found = diagnose(machine(failed("start", NO_KERNEL), failed("fft", NO_KERNEL), **V100).snapshot, MATRIX).findings
    assert [(one.rule, one.subject, one.caused_by) for one in found] == [
        ("gpu-arch-dropped", "gpu:0", None),
        ("smoke-failed", "gpu:0", "gpu-arch-dropped"),
    ]
    assert found[0].confidence is Confidence.PROVED
    assert found[0].message.endswith(
        '2 kernel tests (start, fft) failed on NVIDIA A100-SXM4-80GB (cuda:0) with "CUDA error: no kernel image is '
        'available for execution on the device".'
    )


def test_of_two_gpus_the_one_that_fails_is_named_by_the_driver_s_index() -> None:
    gpus = ["NVIDIA A100-SXM4-80GB 8.0", "Tesla V100-SXM2-32GB 7.0"]
    told = smoked(passed("start", "cuda:0"), failed("start", NO_KERNEL, "cuda:1"))
    told["smoke.devices"] = [{"device": "cuda:0", "gpu": 1, "name": "V"}, {"device": "cuda:1", "gpu": 0, "name": "A"}]
    on = Machine(snapshot({**HEALTHY, "gpus": gpus, **told}))  # type: ignore[dict-item]
    shown = {(one.rule, one.subject) for one in diagnose(on.snapshot, MATRIX).findings}
    assert shown == {("gpu-arch-not-in-wheel", "gpu:0"), ("smoke-failed", "gpu:0/start")}


TWO = ("cuda:0", "cuda:1")
HOST = [passed(name, device) for device in TWO for name in ("elementwise", "copy-h2d", "copy-d2h")]
HANGS = TestResult("peer-copy", ALL_GPUS, Status.TIMED_OUT, message="did not end within 20 s")
RING = HANGS._replace(name="nccl-all-reduce")


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        ([*HOST, HANGS], {"p2p-iommu-hang"}),
        ([*HOST, HANGS, RING], {"p2p-iommu-hang"}),
        ([*HOST, HANGS._replace(status=Status.WRONG_NUMBERS)], {"p2p-iommu-hang"}),
        ([*HOST, RING], set()),  # a hang of NCCL alone has many causes
        ([*HOST, passed("peer-copy", ALL_GPUS), RING], set()),
        ([HANGS], set()),  # the way through the host was not tried
        ([*HOST[:3], HANGS], set()),
        ([*HOST, failed("fft", "CUDA error: unspecified launch failure"), HANGS], set()),
        ([*HOST[:-1], HOST[-1]._replace(status=Status.WRONG_NUMBERS), HANGS], set()),
        ([*HOST, HANGS._replace(status=Status.CRASHED)], set()),
        ([*HOST, HANGS._replace(status=Status.FAILED)], set()),
    ],
)
def test_only_what_goes_astray_between_sound_gpus_is_the_bus(tests: list[TestResult], found: set[str]) -> None:
    judged = diagnose(machine(*tests).snapshot, MATRIX)
    assert {one.rule for one in judged.findings if not one.rule.startswith("smoke-")} == found
    bad = [one for one in judged.findings if one.rule.startswith("smoke-") and one.subject.startswith("gpus")]
    assert all((one.caused_by in found) if found else one.caused_by is None for one in bad)


def test_an_import_that_fails_is_about_torch() -> None:
    found = diagnose(machine(not_imported("libcudnn.so.9: cannot open shared object file")).snapshot, MATRIX).findings
    assert [(one.rule, one.subject) for one in found] == [
        ("shared-library-missing", "torch"),
        ("smoke-failed", "torch"),
    ]
    gone = machine(failed(IMPORT, "No module named 'torch'", "cpu", exception="ModuleNotFoundError"), torch=None)
    assert [one.rule for one in diagnose(gone.snapshot, MATRIX).findings] == ["torch-not-installed", "smoke-failed"]


def test_kernels_that_nobody_knows_of_leave_what_the_files_tell() -> None:
    told = machine(**V100).snapshot.having({"smoke.tests": Unknown("not known before it runs again")})
    found = diagnose(told, MATRIX)
    assert [one.rule for one in found.findings] == ["gpu-arch-dropped"]
    skipped = {one.rule for one in found.skipped if one.fact == "smoke.tests"}
    assert {"smoke-failed", "smoke-crashed", "smoke-timed-out", "smoke-wrong-numbers", "p2p-iommu-hang"} <= skipped


@pytest.mark.parametrize("rows", ["text", [1], [{"name": "fft"}], [{"name": "a", "device": "b", "status": "gone"}]])
def test_a_row_of_another_shape_is_no_verdict(rows: object) -> None:
    told = machine().snapshot.having({"smoke.tests": Known(rows, "by hand")})  # type: ignore[arg-type]
    found = diagnose(told, MATRIX)
    assert found.crashed == ()
    assert found.findings == ()
    assert "smoke-failed" in {one.rule for one in found.skipped if one.fact == "smoke.tests"}


def test_whoever_is_left_out_is_no_cause() -> None:
    told = machine(failed("start", NO_KERNEL)).snapshot
    (left,) = diagnose(told, MATRIX, ignore={"gpu-arch-not-in-wheel"}).findings
    assert (left.rule, left.caused_by) == ("smoke-failed", None)
