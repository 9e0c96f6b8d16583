"""What kernels gave may be anything in a snapshot: no rule and no reporter crashes over it, and text stays text."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec.redact_report import redacted_smoke
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.model.report import Report
from envdoctor.model.smoke import Status
from envdoctor.model.smoke_report import SmokeReport
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from envdoctor.reporters import REPORTERS
from envdoctor.reporters.smoke_json import render_smoke as as_json
from envdoctor.reporters.smoke_terminal import render_smoke as as_text
from envdoctor.rules.smoke_speed import judged_speed, not_judged
from envdoctor.smoke.facts import FACTS
from hostile_texts import SHORT, assert_harmless
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
MACHINES = (
    machine_snapshot(gpus=["NVIDIA H200", "NVIDIA H200"]),
    machine_snapshot(gpus=["NVIDIA A100-SXM4-80GB"]),
)
HUGE = int(sys.float_info.max)
"""The largest whole number that is read out of a file."""

NUMBERS = st.sampled_from(
    [0, 1, -1, 0.0, 0.5, -0.0, 7.5, 1e-300, 1e300, sys.float_info.max, 5e-324, HUGE, -HUGE, 2**64]
)
WORDS = st.sampled_from(["cpu", "cuda:0", "cuda:1", "cuda", "gpu:0", "cuda:99999", "cuda:٣", *SHORT.values()])
ANY: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
DEVICES = st.sampled_from(["cpu", "cuda:0", "cuda:1", "cuda"])
FIGURES = st.dictionaries(
    st.sampled_from(["tflops", "gb_per_s", "bus_gb_per_s", "rows", "ms", "of_peak", *SHORT.values()]),
    NUMBERS | ANY,
    max_size=4,
)


def rows(**columns: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Rows with these columns or some of them, now and then of anything else."""
    row = st.fixed_dictionaries({}, optional={name: one | ANY for name, one in columns.items()})
    return st.lists(row | ANY, max_size=4) | ANY


TESTS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["import", "matmul-bf16", "copy-d2d", "nccl-all-reduce", "sort"]) | WORDS,
            "device": DEVICES | WORDS,
            "status": st.sampled_from([status.value for status in Status]),
        },
        optional={
            "figures": FIGURES, "message": WORDS, "exception": WORDS, "output": WORDS, "cuda_error": WORDS,
            "signal": WORDS, "library": WORDS, "trace": st.lists(WORDS | ANY, max_size=2), "poisoned": st.booleans(),
            "warnings": st.lists(WORDS | ANY, max_size=2), "seconds": NUMBERS, "error": NUMBERS, "bound": NUMBERS,
            "seed": NUMBERS | st.booleans(),
        },
    ),
    max_size=4,
)  # fmt: skip
SMOKED: dict[str, st.SearchStrategy[Value]] = {
    "smoke.tests": TESTS | ANY,
    "smoke.torch": st.fixed_dictionaries({}, optional={"version": ANY, "import_seconds": NUMBERS | ANY}) | ANY,
    "smoke.size": st.sampled_from(["check", "quick", "full"]) | ANY,
    "smoke.devices": rows(device=DEVICES, gpu=NUMBERS, name=st.sampled_from(["NVIDIA H200", "AMD EPYC 7742"])),
    "smoke.left_out": rows(device=DEVICES, reason=WORDS),
    "smoke.conditions": rows(
        device=DEVICES, sm_clock_mhz_min=NUMBERS, sm_clock_mhz_max=NUMBERS, temperature_c_max=NUMBERS,
        power_w_max=NUMBERS, power_limit_w=NUMBERS, power_limit_default_w=NUMBERS, processes=NUMBERS,
        throttle=st.lists(WORDS, max_size=2), throttled=FIGURES, mps=st.booleans(),
    ),
    "smoke.baseline": rows(
        test=st.sampled_from(["matmul-bf16", "copy-d2d", "sort"]), full=st.booleans(), figures=FIGURES,
        device_name=st.sampled_from(["NVIDIA H200", "2 x NVIDIA H200", "AMD EPYC 7742"]),
    ),
}  # fmt: skip
SNAPSHOTS = st.tuples(st.sampled_from(MACHINES), st.fixed_dictionaries({}, optional=SMOKED)).map(
    lambda drawn: drawn[0].having({name: Known(value, "smoke") for name, value in drawn[1].items()})
)


def test_every_fact_is_drawn() -> None:
    assert SMOKED.keys() == FACTS.keys()


@given(SNAPSHOTS)
def test_a_check_answers_and_its_reports_are_text(snapshot: Snapshot) -> None:
    diagnosis = diagnose(snapshot, MATRIX)
    assert diagnosis.crashed == ()
    plan = plan_for(diagnosis, Solver(Machine(snapshot), MATRIX, live=False))
    report = Report(snapshot, diagnosis, plan, 1, MATRIX.revision, MATRIX.newest_torch, "0.1.0")
    for form, load in REPORTERS.items():
        assert_harmless(load()(report, verbose=True), form)


@given(SNAPSHOTS)
def test_a_report_of_kernels_is_text(snapshot: Snapshot) -> None:
    machine = Machine(snapshot)
    diagnosis = diagnose(snapshot, MATRIX)
    try:
        tests, sentences = judged_speed(machine, MATRIX), not_judged(machine, MATRIX)
    except Undecidable:
        tests, sentences = (), ()
    report = SmokeReport(
        snapshot, ("cuda:0",), "quick", 1, tests, diagnosis, "", 1, MATRIX.revision, "0.1.0", not_judged=sentences
    )
    for shown in (report, redacted_smoke(report, "/home/alice", "alice", "host.example")):
        assert_harmless(as_text(shown, verbose=True), "terminal")
        text = as_json(shown)
        assert_harmless(text, "json")
        assert json.loads(text)
