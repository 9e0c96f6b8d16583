"""The pieces of `make gpu-evidence` that can be tried without a GPU."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fat_objects
from envdoctor.binary.fatbin import kernels_of
from envdoctor.binary.image import opened
from fat_objects import PTX, Code

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture
def evidence(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu_evidence")


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("missing_architecture")


def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    program = str(ROOT / "benchmarks" / "gpu_evidence.py")
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""}
    argv = [sys.executable, program, "--python", sys.executable, "--into", str(tmp_path / "into")]
    ran = subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "no GPU that CUDA programs see is here: nothing written" in ran.stderr
    assert not (tmp_path / "into").exists()


def test_the_folder_is_named_by_gpu_and_day(evidence: ModuleType) -> None:
    assert evidence.folder_name("NVIDIA H100 80GB HBM3", "2026-11-21T10:00:00Z") == "nvidia-h100-80gb-hbm3-2026-11-21"
    assert "/" not in evidence.folder_name("../a (b)", "2026-11-21T10:00:00Z")


def test_the_gpu_is_the_one_that_cuda_counts_first(evidence: ModuleType) -> None:
    facts = {
        "gpu.cuda_order": {"value": [1, 0]},
        "gpu.1.name": {"value": "NVIDIA H200"},
        "gpu.1.compute_capability": {"value": "9.0"},
    }
    assert evidence.gpu_of(facts) == (1, "NVIDIA H200", "9.0")
    for less in ({}, {"gpu.cuda_order": {"value": []}}, {**facts, "gpu.1.name": {"state": "unknown"}}):
        with pytest.raises(evidence.NoEvidence, match="nothing written"):
            evidence.gpu_of(less)


def test_the_page_tells_what_was_measured(evidence: ModuleType) -> None:
    tests: list[dict[str, Any]] = [
        {"name": "matmul-bf16", "status": "passed", "seconds": 0.5, "error": 1e-3, "bound": 4e-3,
         "figures": {"tflops": 700.0, "of_peak": 0.708}},
        {"name": "nms", "status": "skipped", "seconds": None, "error": None, "bound": None, "figures": {}},
    ]  # fmt: skip
    page = evidence.written(
        "NVIDIA H200",
        {"taken": "2026-11-21T10:00:00Z", "facts": {"driver.version": {"value": "580.95.05"}}},
        {
            "tests": tests,
            "torch": {"version": "2.14.1+cu130"},
            "exit_code": 0,
            "conditions": [{"device": "cuda:0", "power_w_max": 690.0}],
        },
        [
            {"bf16_matmul_tflops": 690.0, "device_copy_gb_per_s": 4000.0},
            {"bf16_matmul_tflops": 710.0, "device_copy_gb_per_s": 4100.0},
        ],
        {"tests": 20, "battery_seconds": 9.0, "bare_seconds": 8.0, "ratio": 1.13, "rounds": 2},
        {
            "relabelled": {"libtorch_cuda.so": 7},
            "check": ["gpu-arch-not-in-wheel"],
            "smoke": [],
            "as_it_should_be": False,
        },
        "Nothing is wrong.\n",
    )
    for words in (
        "# NVIDIA H200, 2026-11-21",
        "1 passed, 1 skipped, exit code 0",
        "| matmul-bf16 | passed | 0.50 | 1.0e-03 | 4.0e-03 | 700 TFLOP/s | 0.71 |",
        "| nms | skipped |  |  |  |  |  |",
        "| matmul-bf16 | 700 TFLOP/s | 710 TFLOP/s | 0.986 |",
        "| copy-d2d | not measured | 4100 GB/s | |",
        "says `gpu-arch-not-in-wheel`, `smoke` nothing: NOT as it should be.",
        "## What `check` says by itself\n\n```\nNothing is wrong.\n```\n",
        "- power_w_max: 690.0",
    ):
        assert words in page


def test_what_could_not_be_measured_is_told_with_its_reason(evidence: ModuleType) -> None:
    assert evidence.overhead_told({evidence.TROUBLE: "the time was over"}) == "Not measured: the time was over"
    assert evidence.missing_told({evidence.TROUBLE: "no module named venv"}) == "Not tried: no module named venv"


def test_a_step_that_breaks_costs_itself_alone(
    evidence: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evidence, "HERE", tmp_path)
    (tmp_path / "answers.py").write_text("import json, sys; print(json.dumps({'given': sys.argv[1:]})); sys.exit(1)")
    (tmp_path / "breaks.py").write_text("raise OSError('no space left')")
    session = evidence.Session(time.monotonic() + 60, str(tmp_path))
    assert evidence.tried(session, "answers.py", "x") == {"given": ["x"]}
    assert "no space left" in evidence.tried(session, "breaks.py")[evidence.TROUBLE]
    assert "s left: " in capsys.readouterr().err


def test_a_step_that_takes_too_long_is_ended_with_its_children(
    evidence: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "HERE", tmp_path)
    # The child holds the pipe: waiting for its end would be waiting for the child.
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    (tmp_path / "hangs.py").write_text(child)
    told = evidence.tried(evidence.Session(time.monotonic() + 1, str(tmp_path)), "hangs.py")
    assert told[evidence.TROUBLE].endswith("the time was over")


def test_the_folders_of_the_system_are_cloned_too(missing: ModuleType, tmp_path: Path) -> None:
    sites = [tmp_path / "lib" / "site-packages", tmp_path / "usr" / "dist-packages"]
    for site in sites:
        (site / "both").mkdir(parents=True)
    (sites[1] / "torch" / "lib").mkdir(parents=True)
    (sites[1] / "torch" / "lib" / "libtorch_cuda.so").write_bytes(b"kernels")
    python = tmp_path / "python"
    paths = "\n".join(map(str, (tmp_path, *sites)))
    python.write_text(f"#!/bin/sh\ncat <<'END'\n{sys.executable}\n{paths}\nEND\n")
    python.chmod(0o755)
    clone, torch = missing.cloned(str(python), tmp_path)
    assert clone.exists()
    assert (torch / "lib" / "libtorch_cuda.so").read_bytes() == b"kernels"
    assert (torch.parent / "both").resolve() == sites[0] / "both"


def test_what_the_gpu_could_run_is_labelled_otherwise(missing: ModuleType, tmp_path: Path) -> None:
    modules = [
        fat_objects.module(Code("80"), Code("86"), Code("89"), Code("90"), Code("90a"), Code("90", PTX)),
        fat_objects.of(sass="75 80", ptx="80"),
        fat_objects.of(sass="100 120", ptx="120"),
    ]
    path = tmp_path / "libtorch_cuda.so"
    path.write_bytes(fat_objects.fat(modules))
    with opened(str(path)) as image:
        before = kernels_of(image)
    places = missing.places(path)
    assert before is not None
    assert [place.architecture for place in places] == [80, 86, 89, 90, 90, 90, 75, 80, 80, 100, 120, 120]
    assert missing.relabelled(path, (8, 6)) == 4  # 80, 86, then 80 and the PTX of 80
    with opened(str(path)) as image:
        after = kernels_of(image)
    assert after is not None
    assert (sorted(after.sass), sorted(after.ptx)) == (["100", "120", "75", "89", "90", "90a"], ["120", "90"])
    assert missing.relabelled(path, (8, 6)) == 0
    told = {"before": {"sass": ["80"], "ptx": []}, "after": {"sass": [*after.sass], "ptx": [*after.ptx]}}
    assert missing.holds(told, (8, 6))
    assert not missing.holds({**told, "after": told["before"]}, (8, 6))
    assert not missing.holds(told, (9, 0))


def test_a_copy_takes_the_place_of_a_link_and_the_original_stays(missing: ModuleType, tmp_path: Path) -> None:
    original, linked = tmp_path / "original", tmp_path / "linked"
    original.write_bytes(b"kernels")
    missing._linked(str(original), str(linked))
    assert linked.stat().st_ino == original.stat().st_ino
    missing.own_copy(linked)
    linked.write_bytes(b"others")
    assert original.read_bytes() == b"kernels"
