"""What is newer than the matrix is unknown to it: no plan calls it impossible, or says what would not help."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.pin import Pin
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.newer import only_later
from envdoctor.plan.remedies import plan_for, plan_for_wishes
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

MATRIX = load_matrix()
YEAR_AFTER = Pin("torch", "==2.99.0", "c.txt, line 1")


def gpu(*capabilities: str) -> list[tuple[str, str]]:
    return [("", capability) for capability in capabilities]


def planned(wishes: Wishes | None = None, **described: object) -> Plan:
    snapshot = machine_snapshot(**{"torch": None, "driver": "700.10", **described})
    solver = Solver(Machine(snapshot, wishes), MATRIX)
    return plan_for_wishes(solver) if wishes else plan_for(diagnose(snapshot, MATRIX), solver)


@pytest.mark.parametrize(
    ("described", "wishes", "words"),
    [
        ({"gpus": gpu("13.0")}, None, "knows no GPU of compute capability 13.0"),
        ({"gpus": gpu("13.0"), "torch": "2.15.0+cu132"}, None, "knows no GPU of compute capability 13.0"),
        ({"gpus": gpu("13.0", "9.0")}, None, "knows no GPU of compute capability 13.0"),
        ({"gpus": gpu("13.0"), "driver": "535.104.05"}, Wishes(torch="2.9"), "compute capability 13.0"),
        ({"gpus": gpu("9.0"), "python": "3.16.0"}, None, "Python 3.16 is newer than this matrix"),
        ({"gpus": [], "driver": None, "python": "3.16.0"}, None, "Python 3.16 is newer than this matrix"),
        ({"gpus": gpu("9.0")}, Wishes(pins=(YEAR_AFTER,)), "c.txt, line 1 requires torch==2.99.0, which this matrix"),
    ],
)
def test_nothing_is_called_impossible(described: dict[str, object], wishes: Wishes | None, words: str) -> None:
    plan = planned(wishes, **described)
    assert (plan.status, plan.undecided, plan.conflict) == (Status.IMPOSSIBLE, True, None)
    assert words in plan.because[0]
    assert plan.would_not_help == ()


def test_what_would_open_it_is_said_none_the_less() -> None:
    plan = planned(gpus=gpu("9.0"), driver="580.82.07", python="3.16.0")
    assert plan.because[1] == "Python 3.16: with Python 3.11 to 3.15, torch 2.15.0+cu132 fits"


@pytest.mark.parametrize("capability", ["12.5", "10.7", "8.8"])
def test_machine_code_that_runs_on_a_newer_minor_keeps_serving(capability: str) -> None:
    assert planned(gpus=gpu(capability)).status is Status.SOLVED


@pytest.mark.parametrize(
    "described",
    [
        {"gpus": gpu("3.7"), "driver": "535.104.05", "python": "3.16.0"},
        {"gpus": gpu("13.0", "3.7"), "driver": "535.104.05"},
        {"gpus": [], "driver": None, "python": "3.16.0", "platform": "macos-x86_64"},
    ],
)
def test_what_is_known_to_be_in_the_way_stays_so(described: dict[str, object]) -> None:
    """A GPU that its driver dropped; a platform that torch has left."""
    plan = planned(**described)
    assert (plan.status, plan.undecided) == (Status.IMPOSSIBLE, False)
    assert plan.conflict is not None


@pytest.mark.parametrize(
    ("specifier", "later"),
    [
        (">2.15.0", True), (">=2.15.1", True), ("~=3.0", True), ("==2.16.*", True), ("<3,>=2.16", True),
        (">=2.15.0", False), ("<3", False), ("==2.9.1", False), ("!=2.15.0", False), ("===weird", False),
        ("==2.15.0+cu132", False),
    ],
)  # fmt: skip
def test_a_specifier_of_releases_to_come(specifier: str, later: bool) -> None:
    assert only_later(specifier, "2.15.0") is later
