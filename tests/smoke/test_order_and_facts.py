"""What runs where, and what came of it as facts that survive a file."""

from __future__ import annotations

import json

import pytest

from envdoctor.model.fact import Known, Unknown
from envdoctor.model.machine import Machine
from envdoctor.model.smoke import Status, TestResult, result_of
from envdoctor.model.snapshot import Snapshot
from envdoctor.smoke.battery import Ran
from envdoctor.smoke.child.case import CHECK, CPU, FULL, GPU, GPUS, QUICK, Case
from envdoctor.smoke.child.catalogue import all_cases
from envdoctor.smoke.facts import FACTS, facts_of
from envdoctor.smoke.manners import LeftOut
from envdoctor.smoke.order import plan_items


def no_run(torch: object, bench: object) -> None: ...


CASES = (
    Case("start", "", "", no_run, since=CHECK),
    Case("tf32", "", "", no_run, on=(GPU,)),
    Case("nccl", "", "", no_run, on=(GPUS,)),
    Case("gloo", "", "", no_run, on=(CPU,)),
    Case("memory", "", "", no_run, since=FULL),
)

PLANS = {
    ("cpu", "check"): "start@cpu",
    ("cpu", "quick"): "start@cpu gloo@cpu",
    ("cpu", "full"): "start@cpu gloo@cpu memory@cpu",
    ("cuda:1", "check"): "start@cuda:1",
    ("cuda:1", "quick"): "gloo@cpu start@cuda:1 tf32@cuda:1",
    ("cuda:0 cuda:1", "quick"): "gloo@cpu start@cuda:0 tf32@cuda:0 start@cuda:1 tf32@cuda:1 nccl@cuda",
    ("cpu cuda:0", "quick"): "start@cpu gloo@cpu start@cuda:0 tf32@cuda:0",
}


@pytest.mark.parametrize(("devices", "size"), PLANS)
def test_what_runs_where(devices: str, size: str) -> None:
    items = plan_items(CASES, devices.split(), size)
    assert " ".join(f"{case.name}@{device}" for case, device in items) == PLANS[devices, size]


def test_who_names_tests_gets_those() -> None:
    items = plan_items(CASES, ["cuda:0"], QUICK, ("tf32", "memory"))
    assert [(case.name, device) for case, device in items] == [("tf32", "cuda:0")]


def test_no_test_is_ordered_twice() -> None:
    items = [(case.name, device) for case, device in plan_items(all_cases(), ["cpu", "cuda:0", "cuda:1"], FULL)]
    assert len(items) == len(set(items))


RAN = Ran(
    tests=(
        TestResult("start", "cuda:0", Status.PASSED, "CUDA runtime", 0.1, figures={"ms": 1.0}),
        TestResult("sort", "cuda:0", Status.PASSED, "CUB", 0.0, error=0.0, bound=0.0, seed=0),
        TestResult(
            "fft", "cuda:0", Status.CRASHED, signal="SIGSEGV", trace=("a:1 in f",), message="died", poisoned=True
        ),
    ),
    torch={"version": "2.15.0", "import_seconds": 2.0},
    devices=({"device": "cuda:0", "name": "H100", "uuid": "GPU-b", "memory_mib": 81559},),
    started=True,
    trouble="",
    windows={},
)


def test_facts_survive_a_file() -> None:
    facts = facts_of(RAN, "quick", (LeftOut("cuda:1", "in use"),), [{"device": "cuda:0"}], [])
    assert facts.keys() == FACTS.keys()
    tests = facts["smoke.tests"]
    assert isinstance(tests, Known)
    assert isinstance(tests.value, list)
    assert tuple(result_of(row) for row in json.loads(json.dumps(tests.value))) == RAN.tests
    assert facts["smoke.left_out"] == Known([{"device": "cuda:1", "reason": "in use"}], "smoke")


def test_a_battery_that_did_not_start_knows_nothing_of_torch() -> None:
    ran = RAN._replace(started=False, trouble="torch could not be imported: no", torch={}, devices=())
    assert facts_of(ran, "quick")["smoke.torch"] == Unknown("torch could not be imported: no")


def test_the_drivers_number_of_a_device_is_found_by_its_uuid() -> None:
    seen = {"gpu.count": 2, "gpu.visible": [0, 1], "gpu.0.uuid": "GPU-a", "gpu.1.uuid": "GPU-b"}
    machine = Machine(Snapshot({name: Known(value, "nvml") for name, value in seen.items()}))
    for given, gpu in ((machine, 1), (None, None)):
        rows = facts_of(RAN, "quick", machine=given)["smoke.devices"]
        assert isinstance(rows, Known)
        assert isinstance(rows.value, list)
        assert rows.value[0] == {**RAN.devices[0], "gpu": gpu}
