"""Drivers that refuse, compat libraries, MIG and vGPU through the real command line and the stand-in libraries."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from machines import SCENARIOS, environment_of, run_cli, standin_variables
from scenarios.shipped_schemas import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Examine = Callable[..., dict[str, Any]]

A100, H200 = "NVIDIA A100-SXM4-80GB|8.0", "NVIDIA H200|9.0"


@pytest.fixture
def examine(standin: Path, tmp_path: Path) -> Examine:
    """Run `envdoctor check` on a scenario's environment and driver, changed by variables; return its report."""

    def run(name: str, *options: str, **variables: str) -> dict[str, Any]:
        scenario = SCENARIOS[name]
        python = environment_of(scenario, tmp_path / "venv").python
        command = ["check", "--python", str(python), "--format", "json", *options]
        said = run_cli(command, {**standin_variables(scenario), **variables}, standin=standin)
        assert not said.shows_traceback
        report: dict[str, Any] = said.json()
        for document in (report, report["plan"], report["snapshot"]):
            validate(document)
        assert said.exit_code == report["exit_code"]
        assert report["crashed"] == []
        return report

    return run


def serious(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["severity"], one["rule"]) for one in report["findings"] if one["severity"] != "note"]


def fact(report: dict[str, Any], name: str) -> Any:
    return report["snapshot"]["facts"][name]["value"]


@pytest.mark.parametrize(
    ("init", "rule", "step"),
    [
        ("802", "fabric-manager-not-running", "start-service"),
        ("803", "compat-libcuda-mismatch", "set-env"),
        ("804", "compat-libcuda-mismatch", "set-env"),
        ("304", "driver-query-failed", "reboot"),
    ],
)
def test_each_refusal_of_cuda_has_its_rule_and_its_step(examine: Examine, init: str, rule: str, step: str) -> None:
    report = examine("S7", STANDIN_CUINIT=init)
    assert (report["exit_code"], serious(report)) == (1, [("error", rule)])
    assert [one["kind"] for one in report["plan"]["steps"]] == [step]
    assert all(one["argv"] == [] for one in report["plan"]["steps"])


def test_unknown_error_behind_a_driver_that_answers(examine: Examine) -> None:
    report = examine("S7", STANDIN_CUINIT="999")
    assert serious(report) == [("error", "cuda-init-stale-driver-state")]
    assert serious(examine("S7", STANDIN_CUINIT="999", STANDIN_NVML_INIT="999")) == [("error", "driver-query-failed")]


def compat_folder(standin: Path, place: Path, version: str) -> Path:
    """A forward-compat folder with the stand-in's libcuda under the name a package would give it."""
    folder = place / "cuda-13.0" / "compat"
    folder.mkdir(parents=True)
    shutil.copy(standin / "libcuda.so.1", folder / f"libcuda.so.{version}")
    (folder / "libcuda.so.1").symlink_to(f"libcuda.so.{version}")
    return folder


def test_forward_compat_libraries_in_effect(examine: Examine, standin: Path, tmp_path: Path) -> None:
    """S10 is driver 570 under CUDA 13: too old by itself, and fine behind the libcuda of driver 580."""
    assert serious(examine("S10")) == [("error", "driver-too-old")]
    folder = compat_folder(standin, tmp_path, "580.65.06")
    shutil.rmtree(tmp_path / "venv")
    report = examine("S10", LD_LIBRARY_PATH=f"{folder}:{standin}", STANDIN_LIBCUDA="13000")
    assert (report["verdict"], serious(report)) == ("healthy", [])
    assert fact(report, "cuda.library_version") == "580.65.06"
    assert fact(report, "cuda.compat").endswith("/cuda-13.0/compat")
    assert [one["version"] for one in fact(report, "cuda.compat_folders")] == ["580.65.06"]


def test_compat_libraries_that_do_not_fit_are_named(examine: Examine, standin: Path, tmp_path: Path) -> None:
    folder = compat_folder(standin, tmp_path, "470.256.02")
    report = examine("S7", LD_LIBRARY_PATH=f"{folder}:{standin}", STANDIN_LIBCUDA="11040", STANDIN_CUINIT="803")
    assert serious(report)[0] == ("error", "compat-libcuda-mismatch")
    assert "libcuda.so.470.256.02" in report["findings"][0]["message"]
    assert "535.104.05" in report["findings"][0]["message"]


@pytest.mark.parametrize(
    ("gpus", "hidden", "found"),
    [
        (f"{A100}|||none", None, [("warning", "mig")]),
        (f"{A100};{A100}|||none", None, [("warning", "mig")]),
        (f"{A100};{A100}|||none", "0", []),
        (f"{A100}|||MIG-1111,MIG-2222", None, []),
        (f"{A100}|||MIG-1111,MIG-2222", "MIG-2222", []),
        (f"{A100}|||MIG-1111,MIG-2222", "MIG-3333", [("warning", "cuda-visible-devices-empty")]),
        (f"{A100}|||none", "0", [("warning", "mig"), ("warning", "cuda-visible-devices-empty")]),
        (f"{A100}|||none", "", []),
    ],
)
def test_mig(examine: Examine, gpus: str, hidden: str | None, found: list[tuple[str, str]]) -> None:
    variables = {} if hidden is None else {"CUDA_VISIBLE_DEVICES": hidden}
    report = examine("S7", STANDIN_GPUS=gpus, **variables)
    assert serious(report) == found
    assert (report["verdict"], report["exit_code"]) == ("warnings" if found else "healthy", 0)


def test_instances_that_cuda_does_not_enumerate(examine: Examine) -> None:
    report = examine("S7", STANDIN_GPUS=f"{A100}|||MIG-1111", STANDIN_CUINIT="100")
    assert serious(report) == [("warning", "mig")]
    assert "enumerates none" in report["findings"][0]["message"]


@pytest.mark.parametrize("name", ["GRID A100D-40C", "NVIDIA A10-8Q", "\x1b[31mNVIDIA X\x07"])
def test_a_virtual_gpu_of_an_unknown_name_is_healthy(examine: Examine, name: str) -> None:
    gpus = f"{name}|8.0|40960"
    report = examine("S7", STANDIN_GPUS=gpus, STANDIN_STATE="virtualization=2,ecc=-1,persistence=1")
    assert (report["verdict"], serious(report)) == ("healthy", [])
    assert fact(report, "gpu.0.virtualization") == "vgpu"


@pytest.mark.parametrize(
    "function",
    ["nvmlDeviceGetEccMode", "nvmlDeviceGetVirtualizationMode", "nvmlDeviceGetMigMode", "nvmlDeviceGetComputeMode"],
)
def test_a_question_that_a_gpu_refuses_leaves_a_healthy_machine_healthy(examine: Examine, function: str) -> None:
    report = examine("S7", STANDIN_FAIL=f"{function}=999")
    assert (report["verdict"], serious(report)) == ("healthy", [])


def test_gpus_that_a_batch_system_withholds(examine: Examine) -> None:
    two = f"{A100};{A100}"
    report = examine("S7", STANDIN_GPUS=two, STANDIN_LOST="0:4")
    assert (report["verdict"], serious(report), fact(report, "gpu.visible")) == ("healthy", [], [1])
    none_left = {"STANDIN_GPUS": two, "STANDIN_LOST": "0:4,1:4", "STANDIN_CUINIT": "100"}
    assert examine("S7", **none_left)["verdict"] == "healthy"
    assert serious(examine("S7", "--require-gpu", **none_left)) == [("error", "no-nvidia-gpu")]


def test_nvml_that_refuses_while_cuda_works(examine: Examine) -> None:
    report = examine("S7", STANDIN_NVML_INIT="999")
    assert (report["verdict"], serious(report)) == ("warnings", [("warning", "driver-query-failed")])


def test_the_stub_of_a_toolkit_in_place_of_libcuda(examine: Examine) -> None:
    report = examine("S7", STANDIN_CUINIT="34")
    assert serious(report) == [("error", "compat-libcuda-mismatch")]
    assert "stub" in report["findings"][0]["message"]
