"""How fast the kernels ran: fractions wherever there is a reference, a verdict only where nothing held them down."""

from __future__ import annotations

from typing import Any

import pytest

from envdoctor.matrix.load import load_matrix
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.model.smoke import Status, TestResult
from envdoctor.rules import smoke_slow
from envdoctor.rules.smoke_speed import Share, judged_speed, not_judged
from machines import machine_snapshot

MATRIX = load_matrix()
H200 = "NVIDIA H200"
FREE: dict[str, Any] = {"device": "cuda:0", "samples": 5, "throttle": [], "mps": False}


def run(*tests: tuple[str, dict[str, Any]], name: str = H200, **facts: Any) -> Machine:
    """A GPU on which these tests, (name, figures), passed; `facts` by name with "__" for the dot."""
    rows = [{"name": one, "device": "cuda:0", "status": "passed", "figures": figures} for one, figures in tests]
    told: dict[str, Any] = {
        "smoke.size": "quick",
        "smoke.tests": rows,
        "smoke.devices": [{"device": "cuda:0", "gpu": 0, "name": name}],
        "smoke.conditions": [FREE],
    }
    told |= {key.replace("__", "."): value for key, value in facts.items()}
    return Machine(machine_snapshot(gpus=[(name, "9.0")], overrides=told))


def only(machine: Machine) -> TestResult:
    (result,) = judged_speed(machine, MATRIX)
    return result


@pytest.mark.parametrize(
    ("test", "figures", "of_peak"),
    [
        ("matmul-bf16", {"tflops": 741.75}, 0.75),
        ("matmul-fp32", {"tflops": 50.25}, 0.75),
        ("matmul-fp8", {"tflops": 989.5}, 0.5),
        ("copy-d2d", {"gb_per_s": 4320.0}, 0.9),
    ],
)
def test_the_share_of_the_peak_is_told(test: str, figures: dict[str, float], of_peak: float) -> None:
    result = only(run((test, figures)))
    assert (result.status, result.message) == (Status.PASSED, "")
    assert result.figures == {**figures, "of_peak": pytest.approx(of_peak)}


@pytest.mark.parametrize(
    ("test", "figures"),
    [
        ("sdpa-flash", {"tflops": 1.0}),
        ("convolution", {"tflops": 1.0}),
        ("matmul-fp64", {"tflops": 1.0}),
        ("copy-h2d", {"gb_per_s": 1.0}),
        ("matmul-bf16", {"ms": 900.0}),
        ("matmul-bf16", {"tflops": 0.0}),
        ("matmul-bf16", {}),
    ],
)
def test_what_has_no_reference_is_not_judged(test: str, figures: dict[str, float]) -> None:
    result = only(run((test, figures)))
    assert result.status is Status.PASSED
    assert "of_peak" not in (result.figures or {})


@pytest.mark.parametrize(
    ("test", "figures", "status"),
    [
        ("matmul-bf16", {"tflops": 296.0}, Status.SLOW),
        ("matmul-bf16", {"tflops": 297.0}, Status.PASSED),
        ("copy-d2d", {"gb_per_s": 2399.0}, Status.SLOW),
        ("copy-d2d", {"gb_per_s": 2401.0}, Status.PASSED),
        ("matmul-int8", {"tflops": 1.0}, Status.PASSED),
        ("matmul-bf16", {"tflops": 100.0, "rows": 4096}, Status.SLOW),
        ("matmul-bf16", {"tflops": 100.0, "rows": 1024}, Status.PASSED),  # 2 us at the peak
    ],
)
def test_slow_is_what_lies_below_the_stated_fraction(test: str, figures: dict[str, float], status: Status) -> None:
    assert only(run((test, figures))).status is status


HELD = {
    "MIG": ({"gpu__0__mig_mode": "on"}, "MIG"),
    "a virtual GPU": ({"gpu__0__virtualization": "vgpu"}, "virtual GPU"),
    "its host": ({"gpu__0__virtualization": "host-vgpu"}, "virtual GPU"),
    "MPS": ({"smoke__conditions": [{**FREE, "mps": True}]}, "MPS"),
    "others": ({"smoke__conditions": [{**FREE, "processes": 2}]}, "another process"),
    "a cap": (
        {"smoke__conditions": [{**FREE, "power_limit_w": 350.0, "power_limit_default_w": 700.0}]},
        "350 of 700 W",
    ),
    "heat": ({"smoke__conditions": [{**FREE, "throttled": {"matmul-bf16": ["hw-thermal"]}}]}, "hw-thermal"),
    "at some time": ({"smoke__conditions": [{"device": "cuda:0", "throttle": ["sw-thermal"]}]}, "sw-thermal"),
    "seen at other times": ({"smoke__conditions": [{**FREE, "throttled": {"copy-d2d": []}}]}, "did not tell"),
    "not told": ({"smoke__conditions": [{"device": "cuda:0", "samples": 5, "mps": False}]}, "did not tell"),
    "nobody watched": ({"smoke__conditions": []}, "did not tell"),
}


@pytest.mark.parametrize("why", HELD)
def test_what_may_have_been_held_down_is_said_and_never_a_verdict(why: str) -> None:
    facts, words = HELD[why]
    machine = run(("matmul-bf16", {"tflops": 100.0}), smoke__baseline=before(700.0), **facts)
    result = only(machine)
    assert result.status is Status.PASSED
    assert "not judged: " in result.message
    assert words in result.message
    assert [*smoke_slow.judge(machine, MATRIX)] == []
    assert words in not_judged(machine, MATRIX)[0]


@pytest.mark.parametrize(
    "conditions",
    [
        {"throttled": {"copy-d2d": ["sw-power-cap"], "matmul-bf16": []}, "throttle": ["sw-power-cap"]},
        {"power_limit_w": 699.9, "power_limit_default_w": 700.0},
        {"processes": 1},
    ],
)
def test_what_held_down_another_test_or_nothing_is_no_excuse(conditions: dict[str, Any]) -> None:
    machine = run(("matmul-bf16", {"tflops": 100.0}), smoke__conditions=[{**FREE, **conditions}])
    assert only(machine).status is Status.SLOW


def test_passthrough_is_a_whole_gpu() -> None:
    machine = run(("matmul-bf16", {"tflops": 100.0}), gpu__0__virtualization="passthrough")
    assert only(machine).status is Status.SLOW


@pytest.mark.parametrize("name", ["NVIDIA H100", "NVIDIA GeForce RTX 9090", "NVIDIA A100-SXM4-40GB MIG 1g.5gb"])
def test_a_gpu_whose_figures_nobody_read(name: str) -> None:
    machine = run(("matmul-bf16", {"tflops": 1.0}), name=name)
    assert only(machine).figures == {"tflops": 1.0}
    assert not_judged(machine, MATRIX) == (
        f"The matrix has no figures of {name} (cuda:0): its speed is told and not judged by them.",
    )


def before(number: float, **changed: Any) -> list[dict[str, Any]]:
    row = {"test": "matmul-bf16", "device_name": H200, "full": False, "figures": {"tflops": number}}
    return [{**row, **changed}]


@pytest.mark.parametrize(("now", "status"), [(524.0, Status.SLOW), (526.0, Status.PASSED), (900.0, Status.PASSED)])
def test_what_the_card_reached_before(now: float, status: Status) -> None:
    result = only(run(("matmul-bf16", {"tflops": now}), smoke__baseline=before(700.0)))
    assert result.status is status
    assert (result.figures or {})["of_baseline"] == pytest.approx(now / 700.0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"device_name": "NVIDIA H100 80GB HBM3"}, "of NVIDIA H100 80GB HBM3, not of NVIDIA H200"),
        ({"full": True}, "with --full"),
        ({"test": "matmul-fp16"}, None),
        ({"figures": {"gb_per_s": 9.0}}, None),
        ({"figures": {}}, "no figures"),
        ({"figures": "many"}, None),
        ({"figures": {"tflops": 9000.0, "rows": 8192}}, None),
    ],
)
def test_a_baseline_of_something_else_is_not_compared(changed: dict[str, Any], words: str | None) -> None:
    machine = run(("matmul-bf16", {"tflops": 400.0}), smoke__baseline=before(9000.0, **changed))
    assert only(machine).status is Status.PASSED
    assert "of_baseline" not in (only(machine).figures or {})
    said = not_judged(machine, MATRIX)
    assert (words is None and said == ()) or (words is not None and words in said[0])


def test_what_goes_over_the_bus_may_vary_more() -> None:
    rows = before(0, test="copy-h2d", figures={"gb_per_s": 50.0})
    assert only(run(("copy-h2d", {"gb_per_s": 26.0}), smoke__baseline=rows)).status is Status.PASSED
    assert only(run(("copy-h2d", {"gb_per_s": 24.0}), smoke__baseline=rows)).status is Status.SLOW


def test_the_processor_needs_nobody_to_watch_it() -> None:
    row = {"name": "matmul-fp32", "device": "cpu", "status": "passed", "figures": {"tflops": 0.2}}
    machine = run(
        smoke__tests=[row],
        smoke__devices=[{"device": "cpu", "gpu": None, "name": "a processor"}],
        smoke__baseline=before(1.0, test="matmul-fp32", device_name="a processor"),
    )
    assert only(machine).status is Status.SLOW
    (finding,) = smoke_slow.judge(machine, MATRIX)
    assert finding.subject == "cpu/matmul-fp32"


def test_all_gpus_together_are_compared_as_such() -> None:
    row = {"name": "nccl-all-reduce", "device": "cuda", "status": "passed", "figures": {"bus_gb_per_s": 100.0}}
    devices = [{"device": f"cuda:{n}", "gpu": n, "name": H200} for n in range(2)]
    rows = before(0, test="nccl-all-reduce", device_name=f"2 x {H200}", figures={"bus_gb_per_s": 400.0})
    facts = {"smoke__tests": [row], "smoke__devices": devices, "smoke__baseline": rows}
    both = [FREE, {**FREE, "device": "cuda:1"}]
    assert only(run(smoke__conditions=both, **facts)).status is Status.SLOW
    hot = [FREE, {**FREE, "device": "cuda:1", "throttled": {"nccl-all-reduce": ["hw-thermal"]}}]
    result = only(run(smoke__conditions=hot, **facts))
    assert (result.status, "not judged: cuda:1: its clocks" in result.message) == (Status.PASSED, True)


def test_only_what_passed_is_judged() -> None:
    row = {"name": "matmul-bf16", "device": "cuda:0", "status": "wrong-numbers", "figures": {"tflops": 1.0}}
    result = only(run(smoke__tests=[row]))
    assert (result.status, result.figures) == (Status.WRONG_NUMBERS, {"tflops": 1.0})


def test_several_slow_tests_of_a_gpu_are_one_finding() -> None:
    machine = run(("matmul-bf16", {"tflops": 100.0}), ("copy-d2d", {"gb_per_s": 100.0}))
    (finding,) = smoke_slow.judge(machine, MATRIX)
    assert finding.subject == "gpu:0"
    assert "matmul-bf16 reached 100 TFLOP/s, 10% of the 989 TFLOP/s" in finding.message
    assert "copy-d2d reached" in finding.message
    (finding,) = smoke_slow.judge(run(("matmul-bf16", {"tflops": 100.0})), MATRIX)
    assert finding.subject == "gpu:0/matmul-bf16"


@pytest.mark.parametrize("odd", ["text", 5, [5], {"a": 1}, [{"device": 5, "name": [], "throttle": 7, "mps": "yes"}]])
def test_facts_of_another_shape_are_no_reference_and_no_crash(odd: Any) -> None:
    facts = {f"smoke__{name}": odd for name in ("conditions", "baseline")}
    result = only(run(("matmul-bf16", {"tflops": 1.0}), smoke__size=odd if isinstance(odd, str) else "quick", **facts))
    assert result.status in (Status.PASSED, Status.SLOW)
    with pytest.raises(Undecidable):
        judged_speed(run(smoke__tests=odd), MATRIX)


def test_what_is_small_is_told_in_its_own_size() -> None:
    copy = Share("of_peak", 6.584, "GB/s", 3350.0, 0.5, "that its maker states")
    assert copy.sentence == "6.584 GB/s, 0.20% of the 3350 GB/s that its maker states"
    product = Share("of_baseline", 0.0216, "TFLOP/s", 0.172, 0.4, "of the baseline")
    assert product.sentence == "21.6 GFLOP/s, 13% of the 172 GFLOP/s of the baseline"


def test_evidence_of_a_slow_gpu_is_of_that_gpu() -> None:
    rows: list[Any] = [
        {"device": f"cuda:{number}", "samples": 9, "throttle": [], "mps": False, "temperature_c_max": 40 + number}
        for number in range(2)
    ]
    seen = machine_snapshot(
        gpus=["NVIDIA H200", "NVIDIA H200"],
        overrides={
            "smoke.size": "quick",
            "smoke.tests": [
                {"name": "copy-d2d", "device": "cuda:1", "status": "passed", "figures": {"gb_per_s": 100.0}}
            ],
            "smoke.devices": [
                {"device": f"cuda:{number}", "gpu": number, "name": "NVIDIA H200"} for number in range(2)
            ],
            "smoke.conditions": rows,
        },
    )
    (found,) = smoke_slow.RULE.judge(Machine(seen), MATRIX)
    assert found.subject == "gpu:1/copy-d2d"
    assert [one.value for one in found.evidence if one.fact == "smoke.conditions"] == [rows[1:]]
