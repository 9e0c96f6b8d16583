"""Every described machine through the real command line, by its driver libraries and its files on disk."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from machines import SCENARIOS, Said, Scenario, environment_of, run_cli, standin_variables
from scenarios.shipped_schemas import validate
from standin.build import CannotCompile

if TYPE_CHECKING:
    from collections.abc import Callable

    Examine = Callable[..., Said]

HAS_DRIVER = Path("/proc/driver/nvidia/version").exists()
FLOORS = (
    ("2.1.2+cu118", "450.80.02", "11.0"),
    ("2.9.1+cu128", "525.60.13", "12.0"),
    ("2.14.0+cu130", "580.65.06", "13.0"),
)


@pytest.fixture
def examine(request: pytest.FixtureRequest, tmp_path: Path) -> Examine:
    """Run `envdoctor check --python` on a scenario: the stand-in where it has a driver, nothing where it has none."""

    def run(scenario: Scenario, *options: str, variables: dict[str, str] | None = None) -> Said:
        try:
            python = environment_of(scenario, tmp_path / "venv").python
        except CannotCompile as reason:
            pytest.skip(f"no broken library: {reason}")
        extra = {"NVIDIA_PYTORCH_VERSION": "25.01"} if scenario.provenance == "ngc" else {}
        command = ["check", "--python", str(python), *options]
        if scenario.driver is None:
            if HAS_DRIVER:
                pytest.skip("this machine has an NVIDIA driver")
            return run_cli(command, {**extra, **(variables or {})})
        standin = request.getfixturevalue("standin")
        return run_cli(command, {**standin_variables(scenario), **extra, **(variables or {})}, standin=standin)

    return run


def errors(report: dict[str, Any]) -> list[str]:
    return [one["rule"] for one in report["findings"] if one["severity"] == "error"]


def warnings(report: dict[str, Any]) -> list[str]:
    return [one["rule"] for one in report["findings"] if one["severity"] == "warning"]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario, examine: Examine) -> None:
    if scenario.name == "S12" and sys.version_info >= (3, 13):
        pytest.skip("the last wheels with sm_37 and a cuDNN for it end at Python 3.12; tests/plan has the answer there")
    said = examine(scenario, "--format", "json")
    assert not said.shows_traceback
    assert said.stderr == ""
    report = said.json()
    for document in (report, report["plan"], report["snapshot"]):
        validate(document)
    assert report["verdict"] == scenario.verdict
    assert said.exit_code == report["exit_code"] == scenario.exit_code
    assert errors(report)[:1] == ([scenario.rule] if scenario.rule else [])
    assert set(errors(report)) == {*scenario.also, *([scenario.rule] if scenario.rule else [])}
    assert warnings(report) == []
    assert report["crashed"] == []
    if scenario.torch is None:
        assert [(one["rule"], one["severity"]) for one in report["findings"]] == [("torch-not-installed", "note")]
    _check_plan(scenario, report["plan"])
    if scenario.driver:
        assert report["snapshot"]["facts"]["driver.version"]["value"] == scenario.driver
        assert report["snapshot"]["facts"]["gpu.count"]["value"] == len(scenario.gpus)
    if scenario.torch:
        assert report["snapshot"]["facts"]["torch.version"]["value"] == scenario.torch


def _check_plan(scenario: Scenario, plan: dict[str, Any]) -> None:
    if scenario.torch is None and not scenario.gpus:
        assert (plan["status"], plan["target"]["channel"]) == ("solved", "cpu")
        return
    assert plan["status"] == scenario.status
    if scenario.channels:
        assert plan["target"]["channel"] in scenario.channels
        argv = plan["steps"][0]["argv"]
        assert Path(argv[0]).is_absolute()
        assert f"torch=={plan['target']['torch']}+{plan['target']['channel']}" in argv
    else:
        assert plan["target"] is None
    if scenario.status == "nothing-to-do":
        assert plan["steps"] == []


@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if one.driver or not HAS_DRIVER])
def test_terminal_and_json_say_the_same(name: str, examine: Examine, tmp_path: Path) -> None:
    report_file, text_file = tmp_path / "report.json", tmp_path / "report.txt"
    said = examine(SCENARIOS[name], "-o", f"json={report_file}", "-o", f"terminal={text_file}")
    assert said.stdout == ""
    report = json.loads(report_file.read_text(encoding="utf-8"))
    text = text_file.read_text(encoding="utf-8")
    assert "\x1b" not in text
    for finding in report["findings"]:
        assert finding["rule"] in text
        if finding["severity"] != "note":
            assert f"{finding['severity']}  {finding['rule']} ({finding['subject']})" in text
    assert text.count("error  ") == len(errors(report))
    if report["verdict"] == "healthy":
        assert "Nothing is wrong." in text
    else:
        assert f"Verdict: {report['verdict']} (exit code {report['exit_code']})." in text
    if report["plan"]["status"] != "nothing-to-do":
        for step in report["plan"]["steps"]:
            for requirement in [word for word in step["argv"] if "==" in word]:
                assert requirement in text
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("    ") and "/" not in line)


@pytest.mark.parametrize(("torch", "driver", "cuda"), FLOORS)
def test_a_driver_exactly_at_the_floor_is_healthy(torch: str, driver: str, cuda: str, examine: Examine) -> None:
    healthy = replace(SCENARIOS["S7"], torch=torch, driver=driver, cuda=cuda)
    said = examine(healthy, "--format", "json")
    report = said.json()
    assert (said.exit_code, report["verdict"]) == (0, "healthy")
    assert errors(report) == warnings(report) == []


@pytest.mark.parametrize(
    ("torch", "driver", "cuda"),
    [("2.1.2+cu118", "450.51.06", "11.0"), ("2.9.1+cu128", "525.60.11", "12.0"), ("2.14.0+cu130", "575.57.08", "12.9")],
)
def test_a_driver_right_below_the_floor_is_too_old(torch: str, driver: str, cuda: str, examine: Examine) -> None:
    broken = replace(SCENARIOS["S7"], torch=torch, driver=driver, cuda=cuda)
    said = examine(broken, "--format", "json")
    assert said.exit_code == 1
    assert errors(said.json()) == ["driver-too-old"]


def test_hidden_gpus_are_not_judged(examine: Examine) -> None:
    said = examine(SCENARIOS["S4"], "--format", "json", variables={"CUDA_VISIBLE_DEVICES": ""})
    report = said.json()
    assert (said.exit_code, report["verdict"]) == (0, "healthy")
    assert [(one["rule"], one["severity"]) for one in report["findings"]] == [("cuda-visible-devices-empty", "note")]


def test_a_machine_that_must_have_a_gpu(examine: Examine) -> None:
    said = examine(SCENARIOS["CUDA build, no GPU"], "--format", "json", "--require-gpu")
    assert said.exit_code == 1
    assert errors(said.json()) == ["no-nvidia-gpu"]


@pytest.mark.parametrize(
    ("variables", "rule", "exit_code"),
    [
        ({"STANDIN_NVML_INIT": "18", "STANDIN_CUINIT": "803"}, "nvml-driver-library-mismatch", 1),
        ({"STANDIN_NVML_INIT": "999", "STANDIN_CUINIT": "999"}, "driver-query-failed", 1),
        ({"STANDIN_LOST": "0"}, "gpu-lost", 1),
    ],
)
def test_a_driver_that_refuses(variables: dict[str, str], rule: str, exit_code: int, examine: Examine) -> None:
    said = examine(SCENARIOS["S7"], "--format", "json", variables=variables)
    assert said.exit_code == exit_code
    report = said.json()
    assert report["findings"][0]["rule"] == rule
    assert report["findings"][0]["severity"] == "error"
    assert report["plan"]["target"] is None


def test_saving_and_judging_again_gives_the_same(examine: Examine, tmp_path: Path) -> None:
    saved = tmp_path / "machine.json"
    live = examine(SCENARIOS["S3"], "--format", "json", "--save-snapshot", str(saved)).json()
    again = run_cli(["check", "--snapshot", str(saved), "--format", "json"])
    assert again.exit_code == 1
    for key in ("verdict", "exit_code", "skipped", "crashed", "matrix"):
        assert again.json()[key] == live[key]
    assert [one["message"] for one in again.json()["findings"]] == [one["message"] for one in live["findings"]]
    assert again.json()["plan"]["target"] == live["plan"]["target"]
    assert again.json()["plan"]["steps"][0]["argv"][0] == "python"
