"""The stand-in driver libraries, asked as the real ones are: by nvidia-ml-py and by ctypes, in a child."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.probes import distributions, driver, host_system, interpreter, partners, torch_build
from envdoctor.probes import environment as environment_probe
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target
from machines import (
    SCENARIOS,
    break_torch,
    environment_of,
    machine_snapshot,
    make_environment,
    snapshot_of,
    standin_variables,
)
from standin.build import CannotCompile, compiler

if TYPE_CHECKING:
    from collections.abc import Mapping

NVML = """
import json, sys, pynvml
def said(question, *arguments):
    try:
        answer = question(*arguments)
    except pynvml.NVMLError as refused:
        return {"error": refused.value, "class": type(refused).__name__}
    except UnicodeDecodeError:
        return {"error": "UnicodeDecodeError"}
    return answer
def gpu(index):
    handle = said(pynvml.nvmlDeviceGetHandleByIndex, index)
    if isinstance(handle, dict):
        return handle
    memory = said(pynvml.nvmlDeviceGetMemoryInfo, handle)
    pci = said(pynvml.nvmlDeviceGetPciInfo, handle)
    return {
        "name": said(pynvml.nvmlDeviceGetName, handle),
        "uuid": said(pynvml.nvmlDeviceGetUUID, handle),
        "capability": said(pynvml.nvmlDeviceGetCudaComputeCapability, handle),
        "mib": memory.total >> 20,
        "pci": pci if isinstance(pci, dict) else pci.busId,
        "mig": said(pynvml.nvmlDeviceGetMigMode, handle),
    }
answers = {"init": said(pynvml.nvmlInit)}
if answers["init"] is None:
    answers["driver"] = said(pynvml.nvmlSystemGetDriverVersion)
    answers["library"] = said(pynvml.nvmlSystemGetNVMLVersion)
    answers["cuda"] = said(pynvml.nvmlSystemGetCudaDriverVersion)
    answers["libcuda"] = said(pynvml.nvmlSystemGetCudaDriverVersion_v2)
    count = said(pynvml.nvmlDeviceGetCount)
    answers["gpus"] = [gpu(index) for index in range(count)] if isinstance(count, int) else count
    answers["shutdown"] = said(pynvml.nvmlShutdown)
print(json.dumps(answers))
"""

LIBCUDA = """
import ctypes, json
cuda = ctypes.CDLL("libcuda.so.1")
version, count, text = ctypes.c_int(), ctypes.c_int(), ctypes.c_char_p()
cuda.cuDriverGetVersion(ctypes.byref(version))
answers = {"version": version.value, "init": cuda.cuInit(0), "gpus": []}
cuda.cuGetErrorName(answers["init"], ctypes.byref(text))
answers["error"] = text.value.decode()
answers["count"] = cuda.cuDeviceGetCount(ctypes.byref(count))
for ordinal in range(count.value):
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name, bus, uuid = ctypes.create_string_buffer(96), ctypes.create_string_buffer(32), (ctypes.c_ubyte * 16)()
    cuda.cuDeviceGet(ctypes.byref(device), ordinal)
    cuda.cuDeviceGetName(name, 96, device)
    cuda.cuDeviceGetPCIBusId(bus, 32, device)
    cuda.cuDeviceGetUuid_v2(uuid, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
    capability = f"{major.value}.{minor.value}"
    answers["gpus"].append([name.value.decode(), capability, bus.value.decode(), bytes(uuid).hex()])
print(json.dumps(answers))
"""

TWO_GPUS = (
    "NVIDIA GeForce RTX 4090|8.9|24564|GPU-4090aaaa-0000-4000-8000-000000000001;NVIDIA H200|9.0|143771|GPU-4200bbbb"
)
PARTITIONED = "NVIDIA A100-SXM4-80GB|8.0|81920|GPU-a100|MIG-11111111,MIG-22222222"


def child(standin: Path | None, program: str, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `program` with nothing of this process's CUDA variables and, with `standin`, its libraries."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "NVIDIA_", "STANDIN_"))}
    kept["LD_LIBRARY_PATH"] = str(standin or "")
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**kept, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def asked(standin: Path | None, program: str, **variables: str) -> Any:
    """What the program printed, read as JSON; its own failure fails the test with what it said."""
    running = child(standin, program, variables)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err.decode()
    return json.loads(out)


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.driver])
def test_nvml_answers_for_the_machine_described(standin: Path, name: str) -> None:
    scenario = SCENARIOS[name]
    answers = asked(standin, NVML, **standin_variables(scenario))
    described = snapshot_of(scenario)
    major, minor = str(scenario.cuda).split(".")
    assert answers["driver"] == scenario.driver
    assert answers["library"] == f"{major}.{scenario.driver}"
    assert answers["cuda"] == 1000 * int(major) + 10 * int(minor)
    assert [gpu["name"] for gpu in answers["gpus"]] == list(scenario.gpus)
    for index, gpu in enumerate(answers["gpus"]):
        told = {what: described[f"gpu.{index}.{what}"].value for what in ("uuid", "pci", "memory_mib")}  # type: ignore[union-attr]
        assert {"uuid": gpu["uuid"], "pci": gpu["pci"], "memory_mib": gpu["mib"]} == told
        assert ".".join(map(str, gpu["capability"])) == described[f"gpu.{index}.compute_capability"].value  # type: ignore[union-attr]
    assert answers["shutdown"] is None


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (9, "NVMLError_DriverNotLoaded"),
        (12, "NVMLError_LibraryNotFound"),
        (15, "NVMLError_GpuIsLost"),
        (18, "NVMLError_LibRmVersionMismatch"),
        (999, "NVMLError_Unknown"),
    ],
)
def test_the_error_classes_of_initialisation_stay_apart(standin: Path, code: int, name: str) -> None:
    answers = asked(standin, NVML, STANDIN_NVML_INIT=str(code))
    assert answers == {"init": {"error": code, "class": name}}


def test_a_library_that_is_not_there_is_error_12(tmp_path: Path) -> None:
    program = "import ctypes\nctypes.CDLL('libnvidia-ml.so.1')"
    running = child(tmp_path, program, {})
    running.communicate(timeout=60)
    if running.returncode == 0:
        pytest.skip("this machine has an NVIDIA driver of its own")
    assert asked(tmp_path, NVML)["init"] == {"error": 12, "class": "NVMLError_LibraryNotFound"}


def test_a_lost_gpu_leaves_the_other_one_answering(standin: Path) -> None:
    answers = asked(standin, NVML, STANDIN_GPUS=TWO_GPUS, STANDIN_LOST="0")
    assert answers["gpus"][0] == {"error": 15, "class": "NVMLError_GpuIsLost"}
    assert answers["gpus"][1]["name"] == "NVIDIA H200"
    assert asked(standin, LIBCUDA, STANDIN_GPUS=TWO_GPUS, STANDIN_LOST="0")["gpus"][0][0] == "NVIDIA H200"
    answers = asked(standin, NVML, STANDIN_GPUS=TWO_GPUS, STANDIN_LOST="1:999")
    assert answers["gpus"][1] == {"error": 999, "class": "NVMLError_Unknown"}


def test_one_function_can_fail_alone(standin: Path) -> None:
    answers = asked(standin, NVML, STANDIN_FAIL="nvmlSystemGetDriverVersion=999,nvmlDeviceGetUUID=4")
    assert answers["driver"]["class"] == "NVMLError_Unknown"
    assert answers["gpus"][0]["uuid"]["class"] == "NVMLError_NoPermission"
    assert answers["gpus"][0]["name"] == "NVIDIA A100-SXM4-80GB"


def test_a_driver_without_gpus_answers_zero(standin: Path) -> None:
    assert asked(standin, NVML, STANDIN_GPUS="")["gpus"] == []
    answers = asked(standin, LIBCUDA, STANDIN_GPUS="")
    assert (answers["init"], answers["error"]) == (100, "CUDA_ERROR_NO_DEVICE")


def test_a_name_that_is_no_text_breaks_the_decoding_of_the_binding(standin: Path) -> None:
    answers = asked(standin, NVML, STANDIN_NAME_BYTES=b"NVIDIA \xff\xfe".hex())
    assert answers["gpus"][0]["name"] == {"error": "UnicodeDecodeError"}
    escape = "\x1b]0;title\x07\x1b[31m"
    assert asked(standin, NVML, STANDIN_NAME_BYTES=escape.encode().hex())["gpus"][0]["name"] == escape


def test_a_name_longer_than_the_buffer_is_error_7(standin: Path) -> None:
    answers = asked(standin, NVML, STANDIN_NAME_BYTES=(b"A" * 200).hex())
    assert answers["gpus"][0]["name"] == {"error": 7, "class": "NVMLError_InsufficientSize"}


def test_mig_mode_and_instances(standin: Path) -> None:
    modes = {"NVIDIA A100|8.0": [0, 0], "NVIDIA A100|8.0|||none": [1, 1], PARTITIONED: [1, 1]}
    for gpus, mode in modes.items():
        assert asked(standin, NVML, STANDIN_GPUS=gpus)["gpus"][0]["mig"] == mode
    refused = asked(standin, NVML, STANDIN_GPUS="NVIDIA GeForce RTX 4090|8.9")["gpus"][0]["mig"]
    assert refused["class"] == "NVMLError_NotSupported"
    program = """
import json, pynvml
pynvml.nvmlInit()
gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
uuids = []
for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
    try:
        uuids.append(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index)))
    except pynvml.NVMLError_NotFound:
        break
print(json.dumps(uuids))
"""
    assert asked(standin, program, STANDIN_GPUS=PARTITIONED) == ["MIG-11111111", "MIG-22222222"]


STATE = """
import json, sys, pynvml
pynvml.nvmlInit()
gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
def said(name, *more):
    try:
        return getattr(pynvml, name)(gpu, *more)
    except pynvml.NVMLError as refused:
        return type(refused).__name__
questions = {
    "ecc": ("nvmlDeviceGetEccMode",), "uncorrected": ("nvmlDeviceGetTotalEccErrors", 1, 0),
    "corrected": ("nvmlDeviceGetTotalEccErrors", 0, 0), "persistence": ("nvmlDeviceGetPersistenceMode",),
    "compute": ("nvmlDeviceGetComputeMode",), "events": ("nvmlDeviceGetCurrentClocksEventReasons",),
    "throttle": ("nvmlDeviceGetCurrentClocksThrottleReasons",), "mig": ("nvmlDeviceGetMigMode",),
    "virtualization": ("nvmlDeviceGetVirtualizationMode",),
}
answers = {key: said(*question) for key, question in questions.items()}
memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
print(json.dumps({**answers, "free": memory.free >> 20, "used": memory.used >> 20}))
"""


def test_the_state_of_a_gpu_nobody_configured(standin: Path) -> None:
    assert asked(standin, STATE) == {
        "ecc": [1, 1], "uncorrected": 0, "corrected": 0, "persistence": 0, "compute": 0, "events": 1, "throttle": 1,
        "mig": [0, 0], "virtualization": 0, "free": 81920, "used": 0,
    }  # fmt: skip
    consumer = asked(standin, STATE, STANDIN_GPUS="NVIDIA GeForce RTX 4090|8.9")
    refused = {key for key, answer in consumer.items() if answer == "NVMLError_NotSupported"}
    assert refused == {"ecc", "uncorrected", "corrected", "mig"}


def test_the_state_that_was_described(standin: Path) -> None:
    described = "ecc=0,ecc-errors=3,persistence=1,compute-mode=3,throttle=0x44,virtualization=2,mig-pending=1,free=1024"
    assert asked(standin, STATE, STANDIN_STATE=described) == {
        "ecc": [0, 0], "uncorrected": 3, "corrected": 0, "persistence": 1, "compute": 3, "events": 68, "throttle": 68,
        "mig": [0, 1], "virtualization": 2, "free": 1024, "used": 80896,
    }  # fmt: skip


def test_an_old_driver_lacks_what_came_later(standin_old: Path) -> None:
    assert asked(standin_old, NVML)["init"] == {"error": 13, "class": "NVMLError_FunctionNotFound"}
    program = """
import ctypes, json
print(json.dumps(hasattr(ctypes.CDLL("libcuda.so.1"), "cuDeviceGetUuid")))
"""
    assert asked(standin_old, program) is False


@pytest.mark.parametrize(
    ("visible", "ordinals"),
    [
        (None, [0, 1]),
        ("", []),
        ("0", [0]),
        ("1,0", [1, 0]),
        (" 1 , 0", [1, 0]),
        ("0,-1,1", [0]),
        ("-1", []),
        ("7,0", []),
        ("1,junk,0", [1]),
        ("0gpu,1", [0, 1]),
        ("0,0", []),
        ("NoDevFiles", []),
        ("all", []),
        ("GPU-4090", [0]),
        ("GPU-42,GPU-4090aaaa-0000", [1, 0]),
        ("GPU-4", []),
        ("GPU-42,0", [1]),
        ("0,GPU-42", [0]),
        ("gpu-42", []),
    ],
)
def test_libcuda_reads_cuda_visible_devices(standin: Path, visible: str | None, ordinals: list[int]) -> None:
    hidden = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    answers = asked(standin, LIBCUDA, STANDIN_GPUS=TWO_GPUS, **hidden)
    buses = ["0000:01:00.0", "0000:02:00.0"]
    assert [gpu[2] for gpu in answers["gpus"]] == [buses[index] for index in ordinals]
    assert answers["init"] == (0 if ordinals else 100)
    assert answers["count"] == (0 if ordinals else 3)  # CUDA_ERROR_NOT_INITIALIZED


def test_libcuda_counts_fastest_first_unless_told_otherwise(standin: Path) -> None:
    described = {"STANDIN_GPUS": TWO_GPUS, "STANDIN_CUDA_ORDER": "1,0"}
    fastest = asked(standin, LIBCUDA, **described)
    assert [gpu[0] for gpu in fastest["gpus"]] == ["NVIDIA H200", "NVIDIA GeForce RTX 4090"]
    assert fastest["gpus"][1][3] == "4090aaaa000040008000000000000001"
    by_bus = asked(standin, LIBCUDA, CUDA_DEVICE_ORDER="PCI_BUS_ID", **described)
    assert [gpu[1] for gpu in by_bus["gpus"]] == ["8.9", "9.0"]


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, ["11111111"]),
        ("MIG-22222222", ["22222222"]),
        ("MIG-22222222,MIG-11111111", ["22222222"]),
        ("MIG-33333333", []),
        ("0", ["11111111"]),
    ],
)
def test_libcuda_enumerates_one_mig_instance(standin: Path, visible: str | None, uuids: list[str]) -> None:
    hidden = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    answers = asked(standin, LIBCUDA, STANDIN_GPUS=PARTITIONED, **hidden)
    assert [gpu[3].rstrip("0") for gpu in answers["gpus"]] == uuids


def test_libcuda_enumerates_no_gpu_in_mig_mode_without_instances(standin: Path) -> None:
    assert asked(standin, LIBCUDA, STANDIN_GPUS="NVIDIA A100|8.0|||none")["init"] == 100


@pytest.mark.parametrize("code", [100, 802, 803, 804, 999])
def test_cuinit_fails_as_told_and_the_version_is_still_answered(standin: Path, code: int) -> None:
    answers = asked(standin, LIBCUDA, STANDIN_CUINIT=str(code), STANDIN_CUDA="12080")
    assert (answers["init"], answers["version"], answers["count"]) == (code, 12080, 3)
    assert answers["error"].startswith("CUDA_ERROR_")


def test_a_compatibility_libcuda_answers_another_version(standin: Path) -> None:
    described = {"STANDIN_CUDA": "12020", "STANDIN_LIBCUDA": "12080"}
    assert asked(standin, LIBCUDA, **described)["version"] == 12080
    answers = asked(standin, NVML, **described)
    assert (answers["cuda"], answers["libcuda"]) == (12020, 12080)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the signal mask of a child from /proc")
@pytest.mark.parametrize(
    ("program", "variables"),
    [
        (NVML, {"STANDIN_NVML_HANG": "init"}),
        (NVML, {"STANDIN_NVML_HANG": "driver"}),
        (NVML, {"STANDIN_NVML_HANG": "device"}),
        (NVML, {"STANDIN_NVML_HANG": "nvmlDeviceGetMigMode"}),
        (LIBCUDA, {"STANDIN_CUDA_HANG": "init"}),
    ],
)
def test_a_hang_ends_by_sigkill_alone(standin: Path, program: str, variables: dict[str, str]) -> None:
    running = child(standin, program, variables)
    try:
        net = time.monotonic() + 60
        while not blocks_sigterm(running.pid):
            assert running.poll() is None, "the child ended instead of hanging"
            assert time.monotonic() < net, "the child never reached the hang"
            time.sleep(0.01)
        running.terminate()
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == -signal.SIGKILL


def blocks_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk"))
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    ("program", "word"), [(NVML, "nvml"), (NVML, "nvmlDeviceGetName"), (LIBCUDA, "cuda"), (LIBCUDA, "cuDeviceGet")]
)
def test_a_crash_ends_the_process_by_a_signal(standin: Path, program: str, word: str) -> None:
    running = child(standin, program, {"STANDIN_CRASH": word})
    out, _ = running.communicate(timeout=60)
    assert (running.returncode, out) == (-signal.SIGABRT, b"")


def test_noise_comes_before_the_answer(standin: Path) -> None:
    running = child(standin, NVML, {"STANDIN_NOISE": "NVRM: hello\n"})
    out, err = running.communicate(timeout=60)
    assert out.startswith(b"NVRM: hello\n{")
    assert err == b"NVRM: hello\n"


@pytest.mark.parametrize(
    ("torch", "torch_says", "torchvision_says"),
    [("2.14.1+cu130", "2.14.1", "0.29.1"), ("2.9.1+cu126", "2.9.1+cu126", "0.24.1+cu126")],
)
def test_a_stub_environment_looks_installed_and_cannot_be_imported(
    tmp_path: Path, torch: str, torch_says: str, torchvision_says: str
) -> None:
    environment = make_environment(tmp_path / "venv", torch)
    program = """
import importlib.metadata, json
from pathlib import Path
found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
torch = importlib.metadata.distribution("torch")
stated = {}
exec(Path(torch.locate_file("torch/version.py")).read_text(), stated)
intact = all(Path(f.locate()).stat().st_size == f.size for f in torch.files if f.size)
try:
    import torch
except SystemExit as reason:
    print(json.dumps([found, stated["__version__"], stated["cuda"], intact, str(reason)]))
"""
    done = subprocess.run([environment.python, "-I", "-c", program], capture_output=True, check=True)
    found, version, cuda, intact, reason = json.loads(done.stdout)
    assert (found["torch"], found["torchvision"], version, intact) == (torch_says, torchvision_says, torch, True)
    assert cuda == f"{torch[-3:-1]}.{torch[-1]}"
    assert reason == "torch was imported"


def test_the_loader_refuses_a_broken_torch(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv", "2.9.1+cu128")
    try:
        break_torch(environment, "libenvdoctor_nowhere.so.12")
    except CannotCompile as reason:
        pytest.skip(str(reason))
    library = environment.site_packages / "torch" / "lib" / "libtorch_cuda.so"
    program = f"import ctypes\ntry:\n    ctypes.CDLL({str(library)!r})\nexcept OSError as refused:\n    print(refused)"
    done = subprocess.run([environment.python, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("libenvdoctor_nowhere.so.12: cannot open shared object file")


def test_every_scenario_has_the_facts_of_a_full_look() -> None:
    names = {name for name in machine_snapshot().facts if not name.startswith("gpu.")}
    for scenario in SCENARIOS.values():
        facts = snapshot_of(scenario).facts
        assert names <= set(facts), scenario.name
        assert {f"gpu.{index}.name" for index in range(len(scenario.gpus))} <= set(facts), scenario.name


@pytest.mark.parametrize("name", ["S1", "S4", "S6", "NGC"])
def test_a_look_at_a_described_machine_sees_the_facts_described(standin: Path, tmp_path: Path, name: str) -> None:
    scenario = SCENARIOS[name]
    environment = environment_of(scenario, tmp_path / "venv")
    environ = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(standin), **standin_variables(scenario)}
    target = Target(str(environment.python), "named by --python")
    at = Looking(Host(environ=environ), target, deadline=time.monotonic() + 60)
    for probe in (host_system, environment_probe, interpreter, distributions, torch_build, partners, driver):
        at.facts.update(probe.look(at))
    seen = at.facts
    described = snapshot_of(scenario).facts
    depends_on_place = {"torch.location", "driver.version.proc", "driver.version.sys", "driver.library_version"}
    depends_on_place |= {"cuda.library", "cuda.library_version", "torch.wheel_tags"}
    depends_on_place.add("cuda.can_launch")  # these machines can, and no kernel runs on what stands in for them
    subjects = ("torch", "torchvision", "torchaudio", "triton", "nvidia", "packages", "driver", "nvml", "cuda", "gpu")
    names = {fact for fact in set(seen) & set(described) if fact.partition(".")[0] in subjects} - depends_on_place
    assert {"torch.requires", "torchvision.version", "packages.installed", "gpu.0.pci", "cuda.init"} <= names
    for fact in names:
        assert type(seen[fact]) is type(described[fact]), fact
        assert getattr(seen[fact], "value", None) == getattr(described[fact], "value", None), fact


def test_libraries_are_compiled_once(standin: Path) -> None:
    assert compiler()
    assert sorted(path.name for path in standin.iterdir()) == ["libcuda.so.1", "libnvidia-ml.so.1"]
