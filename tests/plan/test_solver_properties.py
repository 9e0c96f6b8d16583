"""What holds of the solver on any machine, with any demands, and with any releases missing from the matrix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from machine_grid import broken_invariants, machine_of
from packaging.specifiers import SpecifierSet
from plan_oracle import MATRIX, Described, allowed

from envdoctor.matrix.load import read_toml
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.serving import need_of
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.pin import Pin
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.candidates import candidates
from envdoctor.plan.solve import Solver
from machines import DRIVER_CUDA, machine_snapshot

if TYPE_CHECKING:
    from envdoctor.matrix.rows import Node

WRITTEN = read_toml(Path(__file__).parents[2] / "compat_matrix.toml")
CAPABILITIES = (
    "3.5",
    "3.7",
    "5.0",
    "5.2",
    "6.0",
    "6.1",
    "7.0",
    "7.5",
    "8.0",
    "8.6",
    "8.9",
    "9.0",
    "10.0",
    "12.0",
    "12.1",
)
TORCHES = (None, "2.1.2+cu121", "2.5.1+cu118", "2.7.1+cu128", "2.9.1+cu130", "2.14.0+cu130", "2.15.0+cu132")

machines = st.builds(
    Described,
    driver=st.sampled_from(sorted(DRIVER_CUDA)).flatmap(
        lambda branch: st.sampled_from((f"{branch}.00.99", f"{branch}.65.06", f"{branch}.124.4"))
    ),
    capabilities=st.lists(st.sampled_from(CAPABILITIES), min_size=1, max_size=3, unique=True).map(tuple),
    python=st.integers(7, 16).map("3.{}.1".format),
    platform=st.sampled_from(("linux-x86_64", "linux-aarch64", "windows-x86_64")),
    wish=st.none()
    | st.tuples(st.sampled_from((">=", "<", "==", "!=", "~=")), st.sampled_from(MATRIX.versions)).map("".join),
    torch=st.sampled_from(TORCHES),
)  # fmt: skip

pins = st.builds(
    Pin,
    package=st.sampled_from(("torch", "torchvision", "torchaudio", "triton")),
    specifier=st.sampled_from(("==2.9.0", "<2.11", ">=0.22", "!=0.24.1", "==2.8.0+cu126", "~=2.6", ">=3.4")),
    by=st.sampled_from(("constraints.txt, line 1", "vllm 0.11.0", "xformers 0.0.33")),
)


def builds(solver: Solver) -> set[tuple[str, str]]:
    """The builds that a solver finds to fit, by release and channel."""
    return {(one.version.partition("+")[0], one.channel) for one in solver.weighed() if not one.reasons}


@given(machines)
def test_any_machine_is_answered_as_the_rows_say(row: Described) -> None:
    assert broken_invariants(row, Solver(machine_of(row), MATRIX).wheel_set()) == []


@given(machines, st.lists(pins, max_size=3))
def test_demands_of_others_are_never_broken(row: Described, demanded: list[Pin]) -> None:
    machine = machine_of(row)
    solver = Solver(Machine(machine.snapshot, Wishes(torch=row.wish, pins=tuple(demanded))), MATRIX)
    plan = solver.wheel_set()
    fitting = builds(solver)
    assert (plan.status is Status.SOLVED) == bool(fitting)
    if plan.target is None:
        assert plan.conflict is None or plan.conflict.constraints
        return
    target = (plan.target.torch, plan.target.channel)
    assert target in fitting & {(one.torch, one.channel) for _, one in allowed(row)}
    assert all(SpecifierSet(pin.specifier).contains("+".join(target)) for pin in demanded if pin.package == "torch")


@given(machines, st.lists(pins, max_size=2))
def test_a_demand_takes_away_and_never_adds(row: Described, demanded: list[Pin]) -> None:
    machine = machine_of(row)
    need = need_of(machine, MATRIX)
    free = Solver(Machine(machine.snapshot), MATRIX)
    bound = Solver(Machine(machine.snapshot, Wishes(torch=row.wish, pins=tuple(demanded))), MATRIX)
    for without, within in zip(
        candidates(MATRIX, need, free.terms), candidates(MATRIX, need, bound.terms), strict=True
    ):
        assert without.constraints <= within.constraints


@given(machines, st.sets(st.sampled_from(MATRIX.versions)))
def test_a_matrix_without_some_releases_answers_from_the_others(row: Described, left_out: set[str]) -> None:
    matrix = _without(left_out)
    plan = Solver(machine_of(row), matrix).wheel_set()
    possible = [release.version for release, _ in allowed(row) if release.version not in left_out]
    assert (plan.status is Status.SOLVED) == bool(possible)
    assert plan.target is None or plan.target.torch in possible
    assert left_out.isdisjoint(_named(plan))


def _without(left_out: set[str]) -> Matrix:
    rows = WRITTEN["torch"]
    assert isinstance(rows, dict)
    kept: dict[str, Node] = {version: row for version, row in rows.items() if version not in left_out}
    return Matrix({**WRITTEN, "torch": kept}, "compat_matrix.toml")


def _named(plan: Plan) -> set[str]:
    """The releases that a plan and its alternatives would install."""
    return {way.target.torch for way in (plan, *plan.alternatives) if way.target}


@given(machines)
def test_the_same_machine_gets_the_same_answer(row: Described) -> None:
    first = Solver(machine_of(row), MATRIX).wheel_set()
    assert first == Solver(machine_of(row), MATRIX).wheel_set()
    assert first == Solver(machine_of(row), _without(set())).wheel_set()


@given(machines, st.sampled_from(("2.36", "2.17", "2.12", "2.4")))
def test_an_older_c_library_never_opens_a_wheel(row: Described, glibc: str) -> None:
    snapshot = machine_snapshot(
        driver=row.driver, gpus=[("", one) for one in row.capabilities], python=row.python, platform=row.platform,
        torch=None, glibc=glibc,
    )  # fmt: skip
    solver = Solver(Machine(snapshot), MATRIX)
    assert builds(solver) <= {(one.torch, one.channel) for _, one in allowed(row._replace(wish=None))}
