"""Every path for GPUs, run to its end on pretended ones; and what the battery makes of their errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pretend_cuda import pretending

from envdoctor.model.smoke import Status, TestResult
from envdoctor.smoke.battery import Limits, Order, run_battery
from envdoctor.smoke.child.catalogue import all_cases
from envdoctor.smoke.order import plan_items

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENT = Limits(importing=300.0, test=300.0, battery=3000.0)
"""Pretended GPUs are as slow as the processor, and this is no test of time."""

NEEDS = {
    # The least compute capability of what a test is about; where a GPU has less, it is skipped.
    "matmul-tf32": (8, 0),
    "matmul-fp8": (8, 9),
}


@pytest.fixture(params=["CUDA", "CPU"])
def python(request: pytest.FixtureRequest) -> str:
    return _python(request.param)


def _python(kind: str) -> str:
    folder = os.environ.get(f"ENVDOCTOR_TEST_{kind}_ENV")
    if not folder:
        pytest.skip(f"ENVDOCTOR_TEST_{kind}_ENV names no environment (make test-real makes it)")
    return str(Path(folder) / "bin" / "python")


def _run(
    python: str, environ: dict[str, str], size: str, devices: Sequence[str], names: Sequence[str] = ()
) -> dict[tuple[str, str], TestResult]:
    """Run what belongs to GPUs, and nothing that runs on the processor."""
    items = tuple(item for item in plan_items(all_cases(), devices, size, names) if item[1] != "cpu")
    ran = run_battery(Order(python, items, tuple(devices), size, 1, PATIENT, {**os.environ, **environ}))
    assert ran.started, ran.trouble
    return {(result.name, result.device): result for result in ran.tests}


@pytest.mark.real
@pytest.mark.parametrize("capability", ["7.0", "8.0", "9.0", "12.0"])
def test_every_test_for_gpus_passes_on_pretended_ones(capability: str, tmp_path: Path) -> None:
    results = _run(_python("CUDA"), pretending(tmp_path, capability=capability), "quick", ["cuda:0"])
    _all_good(results, "cuda:0", capability)


@pytest.mark.real
def test_a_gpu_that_is_not_the_first_is_measured(tmp_path: Path) -> None:
    environ = pretending(tmp_path, gpus=2)
    results = _run(_python("CUDA"), environ, "quick", ["cuda:1"], ("start", "matmul-fp32", "convolution"))
    assert {told.status for told in results.values()} == {Status.PASSED}


@pytest.mark.real
def test_every_test_for_gpus_passes_at_full_size(python: str, tmp_path: Path) -> None:
    results = _run(python, pretending(tmp_path, memory_mib=1024), "full", ["cuda:0"])
    _all_good(results, "cuda:0", "9.0")


def _all_good(results: dict[tuple[str, str], TestResult], device: str, capability: str) -> None:
    assert {key: told for key, told in results.items() if told.status not in (Status.PASSED, Status.SKIPPED)} == {}
    major, minor = capability.split(".")
    for (name, _), told in results.items():
        if name in NEEDS:
            assert (told.status is Status.SKIPPED) == ((int(major), int(minor)) < NEEDS[name]), told.message
    for name in ("start", "elementwise", "cuda-graph", "streams", "copy-h2d", "copy-d2h", "copy-d2d", "nccl-single"):
        assert results[name, device].status is Status.PASSED


@pytest.mark.real
def test_what_all_gpus_do_together(python: str, tmp_path: Path) -> None:
    names = ("peer-access", "peer-copy", "nccl-all-reduce", "nccl-all-gather")
    environ = pretending(tmp_path, gpus=3)
    results = _run(python, environ, "quick", ["cuda:0", "cuda:1", "cuda:2"], names)
    assert {key: told.status for key, told in results.items()} == {(name, "cuda"): Status.PASSED for name in names}
    assert results["peer-access", "cuda"].figures == {"pairs": 6.0, "peer_pairs": 6.0}
    for name, figure in (("peer-copy", "gb_per_s"), ("nccl-all-reduce", "bus_gb_per_s")):
        figures = results[name, "cuda"].figures
        assert figures is not None
        assert figures[figure] > 0


@pytest.mark.real
def test_an_error_that_takes_the_context_ends_the_child_and_the_battery_goes_on(python: str, tmp_path: Path) -> None:
    """Each test starts in a fresh context, and only the one that does what is forbidden is blamed."""
    environ = pretending(tmp_path, raises={"sort": "cudaErrorIllegalAddress"})
    names = ("start", "elementwise", "sort", "scatter", "copy-d2d")
    results = _run(python, environ, "quick", ["cuda:0"], names)
    bad = results.pop(("sort", "cuda:0"))
    assert bad.status is Status.FAILED
    assert bad.poisoned
    assert bad.cuda_error == "cudaErrorIllegalAddress"
    assert {told.status for told in results.values()} == {Status.PASSED}


@pytest.mark.real
@pytest.mark.parametrize("error", ["cudaErrorNoKernelImageForDevice", "cudaErrorSystemNotReady"])
def test_an_error_that_leaves_the_context_is_told_by_its_name(error: str, tmp_path: Path) -> None:
    environ = pretending(tmp_path, raises={"tanh": error})
    results = _run(_python("CPU"), environ, "quick", ["cuda:0"], ("start", "elementwise"))
    assert results["elementwise", "cuda:0"].cuda_error == error
    assert not results["elementwise", "cuda:0"].poisoned
    assert results["start", "cuda:0"].status is Status.PASSED


@pytest.mark.real
def test_a_gpu_without_free_memory_is_no_defect(tmp_path: Path) -> None:
    results = _run(_python("CPU"), pretending(tmp_path, memory_mib=1), "quick", ["cuda:0"], ("streams", "copy-d2d"))
    assert {told.status for told in results.values()} == {Status.SKIPPED}
    assert all("out of memory" in told.message for told in results.values())
