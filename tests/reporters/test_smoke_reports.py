"""What the battery gave, in every format: the same facts, wrong ones first, no markup of others, nothing too wide."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from envdoctor.codec.redact_report import redacted_smoke
from envdoctor.model.fact import Known
from envdoctor.model.finding import Confidence, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.smoke import Status, TestResult, result_of, row_of
from envdoctor.model.smoke_report import SmokeReport
from envdoctor.model.snapshot import Snapshot
from envdoctor.reporters.kernel_lines import kernel_lines
from envdoctor.reporters.smoke_json import render_smoke as as_json
from envdoctor.reporters.smoke_terminal import render_smoke as as_text
from hostile_texts import SHORT, assert_harmless
from machines import machine_snapshot
from scenarios.shipped_schemas import validate

RENDER = {"terminal": as_text, "json": as_json}
GPU = "cuda:0"
TESTS = (
    TestResult("start", GPU, Status.PASSED, "CUDA runtime", 0.31),
    TestResult(
        "matmul-fp32", GPU, Status.WRONG_NUMBERS, "cuBLAS", 0.12, 1e-2, 3e-5,
        message="3 of 9 elements of a @ b differ from the reference by more than 3.0e-05", seed=7,
    ),
    TestResult(
        "matmul-bf16", GPU, Status.PASSED, "cuBLAS", 0.05, 2e-3, 4e-3,
        {"tflops": 741.2, "of_peak": 0.749, "of_baseline": 1.01},
    ),
    TestResult("copy-d2d", GPU, Status.SLOW, "CUDA runtime", 0.2, figures={"gb_per_s": 1012.4, "of_peak": 0.302}),
    TestResult(
        "convolution", GPU, Status.CRASHED, "cuDNN", 1.5, signal="SIGSEGV", message="the process was ended by SIGSEGV",
        trace=("/home/alice/venv/torch/nn/modules/conv.py:548 in forward",), output="Fatal Python error",
        warnings=("alice was here",),
    ),
    TestResult("nms", GPU, Status.SKIPPED, "torchvision", 0.0, message="torchvision is not installed"),
    TestResult("roi-align", GPU, Status.SKIPPED, "torchvision", 0.0, message="torchvision is not installed"),
    TestResult("gloo", "cpu", Status.PASSED, "gloo", 0.8),
)  # fmt: skip
FACTS = {
    "smoke.tests": Known([row_of(test) for test in TESTS], "envdoctor"),
    "smoke.torch": Known({"version": "2.9.1+cu128", "cuda": "12.8", "import_seconds": 3.2}, "torch"),
    "smoke.size": Known("quick", "envdoctor"),
    "smoke.devices": Known(
        [
            {"device": GPU, "gpu": 1, "name": "NVIDIA H200", "capability": "9.0"},
            {"device": "cpu", "gpu": None, "name": "x86_64"},
        ],
        "torch",
    ),
    "smoke.left_out": Known([{"device": "cuda:1", "reason": "in use: 2 processes compute on it"}], "envdoctor"),
    "smoke.conditions": Known(
        [
            {
                "device": GPU, "samples": 12, "sm_clock_mhz_min": 1410, "sm_clock_mhz_max": 1980,
                "temperature_c_max": 61, "power_w_max": 512.4, "power_limit_w": 600, "power_limit_default_w": 700,
                "throttle": ["sw power cap"], "throttled": {"matmul-bf16": ["sw power cap"]}, "mps": False,
            }
        ],
        "nvml",
    ),
}  # fmt: skip
FINDINGS = (
    Finding(
        "gpu-arch-not-in-wheel", Severity.ERROR, Confidence.PROVED, "gpu:1", "The wheel has no code for it.",
        (Evidence("smoke.tests", FACTS["smoke.tests"].value, "envdoctor"),),
    ),
    Finding(
        "smoke-crashed", Severity.ERROR, Confidence.PROVED, "gpu:1/convolution", "It died.",
        caused_by="gpu-arch-not-in-wheel",
    ),
)  # fmt: skip
REPORT = SmokeReport(
    snapshot=machine_snapshot(gpus=["NVIDIA H200", "NVIDIA H200"]).having(FACTS),
    devices=(GPU, "cpu"),
    size="quick",
    seed=12345,
    tests=TESTS,
    diagnosis=Diagnosis(Verdict.BROKEN, FINDINGS),
    trouble="",
    exit_code=1,
    matrix_revision="2026-11-21",
    envdoctor="0.1.0",
    not_judged=("The speed of cuda:0 is not judged: sw power cap held it down.",),
)
NOT_STARTED = replace(
    REPORT, snapshot=machine_snapshot(torch=None), devices=(), tests=(), diagnosis=Diagnosis(Verdict.HEALTHY),
    trouble="torch is not installed", exit_code=3,
)  # fmt: skip


def poisoned(text: str) -> SmokeReport:
    """A report in which every word that somebody else chooses is that text."""
    test = TestResult(
        text, GPU, Status.FAILED, text, 1.0, None, None, {}, text, text, text, text, (text,), text, (text,)
    )
    skipped = test._replace(status=Status.SKIPPED)
    table = {"version": text, "name": text, "device": GPU, "reason": text, "capability": text, "throttle": [text]}
    facts = {
        "smoke.tests": Known([row_of(test), row_of(skipped)], text),
        "smoke.torch": Known({"version": text, "file": text, "import_seconds": 1.0}, text),
        **{f"smoke.{name}": Known([{**table}], text) for name in ("devices", "left_out", "conditions")},
    }
    findings = tuple(replace(one, message=text, subject=text) for one in FINDINGS)
    return replace(
        REPORT,
        snapshot=Snapshot(facts),
        tests=(test, skipped),
        diagnosis=Diagnosis(Verdict.BROKEN, findings),
        trouble=text,
        not_judged=(text,),
    )


def test_the_terminal_tells_what_is_wrong_first() -> None:
    text = as_text(REPORT)
    assert text.endswith("3 passed, 1 wrong-numbers, 1 crashed, 1 slow, 2 skipped (exit code 1).\n")
    table = text[text.index("test ") :].splitlines()
    assert table[0].split() == ["test", "device", "status", "seconds", "error", "/", "bound", "reached"]
    named = [line.split()[0] for line in table[1:] if line and not line.startswith(" ")][:6]
    assert named == ["matmul-fp32", "copy-d2d", "convolution", "start", "matmul-bf16", "gloo"]
    assert "741.2 TFLOP/s, 75 % of peak" in as_text(REPORT, width=100)
    assert "The speed of cuda:0 is not judged: sw power cap held it down.\n" in text
    assert "skipped: nms (cuda:0), roi-align (cuda:0): torchvision is not installed\n" in text
    assert "not run on cuda:1: in use: 2 processes compute on it\n" in text
    assert "power limit 600 W instead of 700 W" in " ".join(text.split())
    assert "held down: sw power cap" in " ".join(text.split())
    assert "quick, --seed 12345" in text
    assert "error  gpu-arch-not-in-wheel (gpu:1)\n" in text
    assert "    error  smoke-crashed (gpu:1/convolution), follows from gpu-arch-not-in-wheel\n" in text
    seen = f"smoke.tests: matmul-fp32 on {GPU} wrong-numbers, copy-d2d on {GPU} slow, and 1 more"
    assert seen in " ".join(text.split())


def test_verbose_shows_where_a_test_stood() -> None:
    for words in ("signal SIGSEGV", "conv.py:548 in forward", "wrote: Fatal Python error", "seed 7"):
        assert words in as_text(REPORT, verbose=True)
        assert words not in as_text(REPORT)


def test_one_device_is_named_once() -> None:
    alone = replace(REPORT, tests=TESTS[:3])
    assert "All on cuda:0.\n" in as_text(alone)
    assert "device" not in as_text(alone).partition("\ntest ")[2].partition("\n")[0]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    text = as_text(REPORT, width=width, verbose=True)
    assert [line for line in text.splitlines() if len(line) > width and "/" not in line] == []
    assert "matmul-fp32" in text
    assert "wrong-numbers" in text


def test_colour_changes_no_word() -> None:
    coloured = as_text(REPORT, colour=True, verbose=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == as_text(REPORT, verbose=True)
    assert "\x1b[" in coloured


def test_json_is_as_the_contract_has_it() -> None:
    document = json.loads(as_json(REPORT))
    validate(document)
    assert document["device"] == GPU
    assert document["exit_code"] == 1
    bf16 = document["tests"][2]
    assert list(bf16)[:8] == ["name", "device", "status", "seconds", "error", "bound", "figures", "message"]
    assert bf16["figures"] == {"tflops": 741.2, "of_peak": 0.749, "of_baseline": 1.01}
    assert [one["rule"] for one in document["findings"]] == ["gpu-arch-not-in-wheel", "smoke-crashed"]
    assert document["torch"]["version"] == "2.9.1+cu128"
    assert document["conditions"][0]["throttled"] == {"matmul-bf16": ["sw power cap"]}
    assert document["trouble"] is None


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"tflops": 0.1988}, "199 GFLOP/s"),
        ({"tflops": 741.2, "of_peak": 0.749}, "741.2 TFLOP/s, 75 % of peak"),
        ({"gb_per_s": 6.5, "of_peak": 0.0019}, "6.5 GB/s, 0.19 % of peak"),
        ({"of_baseline": 0.45}, "45 % of the baseline"),
        ({"pairs": 2.0, "peer_pairs": 2.0}, "2 pairs of GPUs, 2 of them direct"),
        ({"gb_per_s": 2.5, "gb_per_s_of_best_pair": 4.091}, "2.5 GB/s, 4.091 GB/s between the best pair"),
        ({"of_another_day": 7.0}, "of_another_day 7"),
        ({"{0:>9}{}\x1b[31m": 7.0}, "{0:>9}{}\\x1b[31m 7"),
    ],
)
def test_figures_are_told_in_units_of_their_size(figures: dict[str, float], words: str) -> None:
    text = as_text(replace(REPORT, tests=(TESTS[2]._replace(figures=figures),)), width=120)
    assert f" {words}\n" in text


def test_all_gpus_together_are_named() -> None:
    text = as_text(replace(REPORT, tests=(TestResult("peer-copy", "cuda", Status.PASSED),)))
    assert "\ncuda: all GPUs together.\n" in text


def test_who_reads_of_a_defect_is_sent_where_the_commands_stand() -> None:
    hint = "What to type to make it right: `envdoctor check --smoke`"
    assert hint in as_text(REPORT)
    assert hint not in as_text(replace(REPORT, diagnosis=Diagnosis(Verdict.HEALTHY), tests=TESTS[:1]))


def test_what_kept_every_test_from_running_is_told_once() -> None:
    broken = TestResult("import", "cpu", Status.FAILED, message="libx.so: cannot open shared object file")
    trouble = f"torch could not be imported: {broken.message}"
    tests = (broken, *(TESTS[5]._replace(name=f"test-{number}", message=trouble) for number in range(26)))
    text = as_text(replace(REPORT, tests=tests, trouble=trouble, exit_code=3), width=200)
    assert text.count(trouble) == 1
    assert "skipped:" not in text
    assert text.endswith("1 failed, 26 skipped (exit code 3).\n")


def test_a_run_in_which_every_test_was_skipped_proves_nothing() -> None:
    text = as_text(replace(REPORT, tests=TESTS[5:7], exit_code=0))
    assert text.endswith("2 skipped (exit code 0). No test ran, so nothing is proven.\n")


def test_numbers_that_are_none_are_none_in_json() -> None:
    test = TESTS[1]._replace(error=float("inf"), figures={"tflops": float("nan"), "ms": 1.0})
    document = json.loads(as_json(replace(REPORT, tests=(test,))))
    validate(document)
    assert (document["tests"][0]["error"], document["tests"][0]["figures"]) == (None, {"ms": 1.0})


def test_a_battery_that_did_not_start_says_why() -> None:
    document = json.loads(as_json(NOT_STARTED))
    validate(document)
    assert (document["device"], document["tests"], document["torch"]) == ("cpu", [], None)
    assert document["trouble"] == "torch is not installed"
    text = as_text(NOT_STARTED)
    assert "The battery could not start: torch is not installed\n" in text
    assert text.endswith("Nothing ran (exit code 3).\n")


@pytest.mark.parametrize("form", RENDER)
@pytest.mark.parametrize("name", SHORT)
def test_what_a_kernel_says_stays_text(form: str, name: str) -> None:
    text = RENDER[form](poisoned(SHORT[name]), verbose=True)
    assert_harmless(text, form)
    assert "hunter2" not in text
    if form == "json":
        validate(json.loads(text))


def test_what_is_saved_names_nobody() -> None:
    """A person may be called like a test; her name goes out of sentences and stays in the tests' names."""
    saved = redacted_smoke(REPORT, "/home/alice", ("alice", "gloo"), "matmul")
    for text in (as_text(saved, verbose=True), as_json(saved)):
        assert "alice" not in text
        assert "gloo" in text
    rows = saved.snapshot["smoke.tests"]
    assert isinstance(rows, Known)
    assert isinstance(rows.value, list)
    assert [result_of(row).name for row in rows.value if isinstance(row, dict)] == [test.name for test in TESTS]


def said(*tests: TestResult, left_out: tuple[tuple[str, str], ...] = ()) -> list[str]:
    facts = {"smoke.tests": Known([row_of(test) for test in tests], "envdoctor")} if tests else {}
    rows = [{"device": device, "reason": reason} for device, reason in left_out]
    seen = Snapshot({**FACTS, "smoke.left_out": Known([*rows], "envdoctor"), "smoke.tests": Known([], ""), **facts})
    return [" ".join(statement) for statement in kernel_lines(seen)]


def test_the_head_of_a_report_counts_the_kernels() -> None:
    passed = [TESTS[0]._replace(name=f"test-{number}", seconds=0.1) for number in range(12)]
    assert said(*passed, *TESTS[5:7]) == [
        "kernels: 12 passed on gpu:1 in 1.2 s, 2 skipped (torchvision is not installed)"
    ]
    other = TESTS[5]._replace(name="fft", message="the time for the battery was over")
    assert said(*passed, TESTS[5], other) == [
        "kernels: 12 passed on gpu:1 in 1.2 s, 2 skipped",
        "kernels: 1 not reached in time; `envdoctor smoke` gives them more",
    ]
    assert said(*TESTS) == [
        "kernels: 3 passed on 2 devices in 3.0 s, 1 wrong-numbers, 1 crashed, 1 slow, 2 skipped (torchvision is not "
        "installed)"
    ]
    together = TestResult("peer-copy", "cuda", Status.PASSED, seconds=1.0)
    assert said(together) == ["kernels: 1 passed on all GPUs in 1.0 s"]
    assert said(TESTS[0], together) == ["kernels: 2 passed on gpu:1 in 1.3 s"]
    second = TESTS[0]._replace(device="cuda:1")
    assert said(TESTS[0], second, together) == ["kernels: 3 passed on 2 GPUs in 1.6 s"]
    assert said(TESTS[7]) == ["kernels: 1 passed on cpu in 0.8 s"]
    assert said(TESTS[5]) == ["kernels: 1 skipped (torchvision is not installed), none ran"]
    broken = TestResult("import", "cpu", Status.FAILED, message="no")
    assert said(broken, TESTS[5]._replace(message="no torch")) == [
        "kernels: none ran, because torch could not be imported"
    ]
    assert said(left_out=(("cuda:0", "busy"), ("cuda:1", "busy"), ("cuda:2", "in MIG mode"))) == [
        "kernels: not run on cuda:0, cuda:1: busy",
        "kernels: not run on cuda:2: in MIG mode",
    ]


def test_rows_that_are_none_are_passed_over() -> None:
    broken = {"smoke.tests": Known([1, {"name": 2}, {"name": "a", "device": "cpu", "status": "odd"}], "")}
    assert list(kernel_lines(Snapshot(broken))) == []
    assert list(kernel_lines(Snapshot({"smoke.tests": Known("text", "")}))) == []
