"""Faults in a real torch: the right test is blamed with the right rule, every other one reports, and nothing is left.

First the battery with each function faulty in another way, then some faults through the command line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from faulty_torch import Fault, FaultyTorch, faulty_torch, state_of
from memory_cgroup import limited_memory

from envdoctor.model.smoke import GOOD, Status
from envdoctor.smoke.battery import Limits, Order, run_battery
from envdoctor.smoke.child.catalogue import all_cases
from envdoctor.smoke.order import plan_items
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

FAULTY: dict[str, str] = {
    # One function, or one spelling of it, and the tests to blame for it as a regular expression.
    "exp": "elementwise",
    "cumsum": "reductions",
    "Tensor.__matmul__": "matmul-[fb].*",
    "_int_mm": "matmul-int8",
    "addmm": "cublaslt-epilogue",
    "nn.functional.conv2d": "convolution",
    "nn.functional.scaled_dot_product_attention": "sdpa-.*",
    "fft.fft": "fft",
    "linalg.svd": "svd",
    "linalg.cholesky": "cholesky",
    "sparse.mm": "sparse",
    "bernoulli": "random",  # torch.compile calls other ones itself
    "sort": "sort",
    "Tensor.scatter_add": "scatter",
    "nn.Linear.forward": "amp-training",
}

OUTCOMES: dict[str, Status] = {
    "off by 1 %": Status.WRONG_NUMBERS,
    "nan": Status.WRONG_NUMBERS,
    "one wrong": Status.WRONG_NUMBERS,
    "raises": Status.FAILED,
    "no memory": Status.SKIPPED,
    "interrupted": Status.FAILED,
    "sys.exit": Status.FAILED,
    "recursion": Status.FAILED,
    "flood": Status.FAILED,
    "closing": Status.FAILED,
    "segfault": Status.CRASHED,
    "abort": Status.CRASHED,
    "exit": Status.CRASHED,
    "hang": Status.TIMED_OUT,
    "busy hang": Status.TIMED_OUT,
    "deaf hang": Status.TIMED_OUT,
    "threads": Status.PASSED,
}

TURNS = (0, 6, 12)
"""By how many places the effects are turned against the functions; all of `range(len(OUTCOMES))` try every pair."""

TEST_LIMIT = 8.0
IMPORT_LIMIT = 120.0

NO_IMAGE = "CUDA error: no kernel image is available for execution on the device"
ILLEGAL = "CUDA error: an illegal memory access was encountered"
ASSERTED = "CUDA error: device-side assert triggered"

RULES = {
    Status.FAILED: "smoke-failed",
    Status.WRONG_NUMBERS: "smoke-wrong-numbers",
    Status.CRASHED: "smoke-crashed",
    Status.TIMED_OUT: "smoke-timed-out",
}


@pytest.fixture(scope="module")
def torch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyTorch]:
    """An environment over the real one, which is the same when all tests are over."""
    folder = os.environ.get("ENVDOCTOR_TEST_CPU_ENV")
    if not folder:
        pytest.skip("ENVDOCTOR_TEST_CPU_ENV names no environment (make test-real makes it)")
    before = state_of(Path(folder))
    yield faulty_torch(Path(folder), tmp_path_factory.mktemp("faulty") / "env")
    assert state_of(Path(folder)) == before


class Smoked(NamedTuple):
    """What `envdoctor smoke` gave: tests by name, and findings as (rule, subject)."""

    exit_code: int
    tests: dict[str, dict[str, Any]]
    findings: list[tuple[str, str]]

    def of_status(self, status: Status) -> set[str]:
        return {name for name, test in self.tests.items() if test["status"] == status.value}

    @property
    def bad(self) -> set[str]:
        return self.tests.keys() - set().union(*(self.of_status(status) for status in GOOD))


def smoked(torch: FaultyTorch, tmp_path: Path, *options: str, before: tuple[str, ...] = ()) -> Smoked:
    """Run the real command over the environment; no process and no file may be left of it."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    for folder in (home, temporary):
        folder.mkdir()
    command = [sys.executable, "-m", "envdoctor", "smoke", "--python", str(torch.python), "--format", "json"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [*before, *command, "--device", "cpu", *options],
        env={**environ, "PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert torch.processes() == []
    assert [*temporary.iterdir(), *home.iterdir()] == []
    document = json.loads(done.stdout)
    findings = [(finding["rule"], finding["subject"]) for finding in document["findings"]]
    return Smoked(done.returncode, {test["name"]: test for test in document["tests"]}, findings)


@pytest.mark.parametrize("turn", TURNS)
def test_the_test_of_a_faulty_function_is_blamed_and_no_other(turn: int, torch: FaultyTorch) -> None:
    """Every function is faulty at once, each in a way of its own."""
    effects = [*OUTCOMES]
    faults = {name: effects[(place + turn) % len(effects)] for place, name in enumerate(FAULTY)}
    torch.inject(*(Fault(effect, (name,), NO_IMAGE) for name, effect in faults.items()))
    items = plan_items(all_cases(), ["cpu"], "quick")
    limits = Limits(IMPORT_LIMIT, TEST_LIMIT, battery=580.0)
    ran = run_battery(Order(str(torch.python), items, (), "quick", seed=turn, limits=limits))
    assert torch.processes() == []
    assert ran.started

    expected = {
        case.name: [OUTCOMES[effect] for name, effect in faults.items() if re.fullmatch(FAULTY[name], case.name)]
        for case, _ in items
    }
    assert all(any(re.fullmatch(pattern, name) for name in expected) for pattern in FAULTY.values())
    # What is not faulty passes, or this torch does not have it.
    wrong = {
        result.name: (result.status, result.message)
        for result in ran.tests
        if result.status not in (expected[result.name] or GOOD)
    }
    assert wrong == {}


def test_a_torch_without_fault_is_well(torch: FaultyTorch, tmp_path: Path) -> None:
    torch.inject()
    got = smoked(torch, tmp_path)
    assert (got.exit_code, got.bad, got.findings) == (0, set(), [])
    assert len(got.of_status(Status.PASSED)) > len(FAULTY)


def test_each_fault_is_found_by_its_rule(torch: FaultyTorch, tmp_path: Path) -> None:
    torch.inject(
        Fault("off by 1 %", ("matmul",)),
        Fault("nan", ("fft.fft",)),
        Fault("one wrong", ("nn.functional.conv2d",)),
        Fault("raises", ("sort",), ILLEGAL),
        Fault("raises", ("Tensor.scatter_add",), ASSERTED),
        Fault("segfault", ("linalg.svd",)),
        Fault("abort", ("linalg.cholesky",)),
        Fault("exit", ("sparse.mm",)),
        Fault("flood", ("exp",)),
        Fault("no memory", ("cumsum",)),
        Fault("threads", ("addmm",)),
    )
    got = smoked(torch, tmp_path)
    products = {name for name in got.tests if name.startswith("matmul-") and name != "matmul-int8"}
    assert got.exit_code == 1
    assert got.of_status(Status.WRONG_NUMBERS) == products - got.of_status(Status.SKIPPED) | {"fft", "convolution"}
    assert got.of_status(Status.FAILED) == {"elementwise", "sort", "scatter"}
    assert got.of_status(Status.CRASHED) == {"svd", "cholesky", "sparse"}
    assert "reductions" in got.of_status(Status.SKIPPED)
    assert "cublaslt-epilogue" in got.of_status(Status.PASSED)
    assert (got.tests["svd"]["signal"], got.tests["cholesky"]["signal"]) == ("SIGSEGV", "SIGABRT")
    blamed = {(RULES[Status(test["status"])], f"cpu/{name}") for name, test in got.tests.items() if name in got.bad}
    assert set(got.findings) == blamed


def test_a_text_that_proves_its_cause_is_the_cause(torch: FaultyTorch, tmp_path: Path) -> None:
    torch.inject(Fault("raises", ("sort",), "version `GLIBC_2.38' not found (required by libcufft.so.11)"))
    got = smoked(torch, tmp_path)
    assert (got.exit_code, got.bad) == (1, {"sort"})
    assert got.findings == [("glibc-too-old", "torch"), ("smoke-failed", "cpu/sort")]


def test_a_hang_costs_its_own_test_alone(torch: FaultyTorch, tmp_path: Path) -> None:
    torch.inject(Fault("deaf hang", ("sort",)))
    got = smoked(torch, tmp_path, "--test", "svd", "--test", "sort", "--test", "scatter")
    assert got.exit_code == 1
    assert (got.of_status(Status.TIMED_OUT), got.of_status(Status.PASSED)) == ({"sort"}, {"svd", "scatter"})
    assert got.findings == [("smoke-timed-out", "cpu/sort")]
    assert "in deaf_hang" in "".join(got.tests["sort"]["trace"])


def test_no_hang_holds_the_command_beyond_the_time_it_was_given(torch: FaultyTorch, tmp_path: Path) -> None:
    torch.inject(Fault("busy hang", tuple(FAULTY)))
    got = smoked(torch, tmp_path, "--timeout", "30")
    assert got.exit_code == 1
    assert 0 < len(got.bad) <= 4  # each had a quarter of the time
    assert "the time for the battery was over" in {test["message"] for test in got.tests.values()}
    assert "start" in got.of_status(Status.PASSED)
    assert got.bad == got.of_status(Status.TIMED_OUT)


def test_who_takes_all_memory_is_ended_and_named(torch: FaultyTorch, tmp_path: Path) -> None:
    torch.inject(Fault("greed", ("sort",)))
    with limited_memory(2816 * 2**20) as before:
        got = smoked(torch, tmp_path, "--test", "svd", "--test", "sort", "--test", "scatter", before=before)
    assert got.exit_code == 1
    assert (got.of_status(Status.CRASHED), got.of_status(Status.PASSED)) == ({"sort"}, {"svd", "scatter"})
    assert got.findings == [("smoke-crashed", "cpu/sort")]
    assert "memory" in got.tests["sort"]["message"]
