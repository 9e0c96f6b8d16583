"""A check that runs kernels unasked: a driver that says it can run them, a GPU that is free, a torch that is whole."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from battery_torch import FAKE, make_battery_torch

from machines import HEALTHY, Environment, Said, run_cli, standin_variables
from scenarios.shipped_schemas import validate
from standin.build import SOURCES, build_shared_object, compiler

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = next(one for one in HEALTHY.values() if one.driver and len(one.gpus) == 1)
LAUNCHING = "".join(
    f'__attribute__((visibility("default"))) int {name}(void) {{ return 1; }}\n'
    for name in ("cuMemAlloc_v2", "cuLaunchKernel")
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A torch for CUDA with a compiled object that finds its libraries."""
    made = make_battery_torch(tmp_path_factory.mktemp("gpu") / "venv", "2.9.1+cu128")
    core = made.site_packages / "torch" / "lib" / "libtorch_global_deps.so"
    build_shared_object(core, ("libc.so.6", "libstdc++.so.6"))
    return made


@pytest.fixture(scope="module")
def driver(standin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in libraries, with the functions that run kernels."""
    folder = tmp_path_factory.mktemp("driver") / "lib"
    shutil.copytree(standin, folder)
    extra = folder / "extra.c"
    extra.write_text(LAUNCHING)
    flags = ("-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-soname,libcuda.so.1")
    subprocess.run(
        [compiler(), *flags, "-o", folder / "libcuda.so.1", SOURCES / "cuda.c", extra], check=True, capture_output=True
    )
    return folder


def check(environment: Environment, driver: Path, *options: str, **env: str) -> Said:
    command = ["check", "--python", str(environment.python), *options]
    return run_cli(command, {**standin_variables(SCENARIO), FAKE: "", **env}, standin=driver)


def test_the_kernels_of_a_check_are_run_and_judged(environment: Environment, driver: Path) -> None:
    said = check(environment, driver, "--format", "json")
    document = said.json()
    validate(document)
    facts = document["snapshot"]["facts"]
    assert facts["smoke.size"]["value"] == "check"
    first = facts["smoke.tests"]["value"][0]
    assert (first["name"], first["device"], first["status"]) == ("start", "cuda:0", "passed")
    # This torch is no whole one: what it fails is told as everywhere.
    assert "smoke-failed" in {finding["rule"] for finding in document["findings"]}
    assert said.stderr == ""


def test_the_head_of_the_report_says_so(environment: Environment, driver: Path) -> None:
    assert "\nkernels: 1 passed on cuda:0 in " in check(environment, driver).stdout


def test_never_is_never(environment: Environment, driver: Path) -> None:
    said = check(environment, driver, "--no-smoke", **{FAKE: "crash"})
    assert said.exit_code == 0
    assert "kernels" not in said.stdout


def test_a_gpu_in_use_is_left_alone_and_that_is_said(environment: Environment, driver: Path) -> None:
    said = check(environment, driver, STANDIN_STATE="processes=2")
    assert said.exit_code == 0
    assert "\nkernels: not run on cuda:0: in use: 2 processes compute on it\n" in said.stdout
    document = check(environment, driver, "--format", "json", STANDIN_STATE="processes=2").json()
    assert "smoke.tests" not in document["snapshot"]["facts"]
    assert document["verdict"] == "healthy"


def test_where_the_look_finds_an_error_nothing_is_run(environment: Environment, driver: Path) -> None:
    said = check(environment, driver, "--format", "json", STANDIN_DRIVER="470.256.02", STANDIN_CUDA="11040")
    assert said.exit_code == 1
    assert not [name for name in said.json()["snapshot"]["facts"] if name.startswith("smoke.")]
