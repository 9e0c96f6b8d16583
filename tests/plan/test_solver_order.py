"""The order of sets states itself: one list, from which the choice and its reason are read."""

from __future__ import annotations

from itertools import pairwise

import pytest

from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.serving import need_of
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.candidates import candidates, lifted
from envdoctor.plan.ordering import ORDER, best, foremost
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

MATRIX = load_matrix()
V100 = "Tesla V100-SXM2-16GB"
H100 = "NVIDIA H100 80GB HBM3"


def solved(wishes: Wishes | None = None, **described: object) -> Plan:
    return Solver(Machine(machine_snapshot(**described), wishes), MATRIX).wheel_set()


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        (
            {"torch": "2.9.1+cu130", "driver": "535.104.05"},
            "kept torch 2.9.1, which is installed; 2.14.0+cu126 is the newest that fits",
        ),
        (
            {"torch": None, "driver": "535.104.05", "gpus": [V100]},
            "2.14.0+cu126 rather than 2.14.1+cu126: a source tells what it holds, while 2.14.1+cu126 is inferred alone",
        ),
        ({"torch": None, "driver": "470.256.02", "wish": "2.6"}, None),
        (
            {"torch": None, "driver": "580.65.06", "wish": "2.14.0"},
            "cu130 rather than cu132: the channel of a plain install",
        ),
        (
            {"torch": None, "driver": "535.104.05", "wish": "2.6.0"},
            "cu124 rather than cu126: the channel of a plain install",
        ),
        (
            {"torch": None, "driver": "535.104.05", "wish": "2.4.0", "platform": "windows-x86_64"},
            "cu124 rather than cu121: newest CUDA",
        ),
        (
            {"torch": "2.1.2+cu121", "torchaudio": "2.1.2", "driver": "595.58.03", "gpus": ["NVIDIA GeForce RTX 5090"]},
            "2.14.1+cu130 rather than 2.15.0+cu132: there is no torchaudio for the other",
        ),
    ],
)
def test_the_choice_says_by_what_it_went(described: dict[str, object], sentence: str | None) -> None:
    wish = described.pop("wish", None)
    plan = solved(Wishes(torch=str(wish)) if wish else None, **described)
    assert plan.status is Status.SOLVED
    told = [line for line in plan.because if " rather than " in line or line.startswith("kept ")]
    assert len(told) <= 2
    assert (sentence in told) if sentence else not told


def test_the_first_of_all_has_no_equal_before_it() -> None:
    """Every criterion before the one that decided was a draw: the choice is the greatest in the order as it is told."""
    machine = Machine(machine_snapshot(torch="2.9.1+cu130", driver="535.104.05"))
    need = need_of(machine, MATRIX)
    serving = [one for one in candidates(MATRIX, need) if not one.obstacles]
    merits = {one.version: tuple(by.merit(one, "2.9.1", need) for by in ORDER) for one in serving}
    left = list(serving)
    ranked = []
    while left:
        first = foremost(left, "2.9.1", need)
        assert first is not None
        left.remove(first)
        ranked.append(merits[first.version])
    assert all(before > after for before, after in pairwise(ranked))


def test_proven_sets_can_be_asked_for_alone() -> None:
    machine = Machine(machine_snapshot(torch=None, gpus=[V100], driver="535.104.05"))
    need = need_of(machine, MATRIX)
    wished = [one for one in candidates(MATRIX, need) if one.release.version == "2.14.1"]
    first = best(wished, None, need)
    assert first is not None
    assert not first.proven
    assert best(wished, None, need, proven=True) is None


def test_a_constraint_can_be_lifted() -> None:
    solver = Solver(
        Machine(machine_snapshot(torch=None, gpus=[H100], driver="535.104.05"), Wishes(torch="2.15")), MATRIX
    )
    need = need_of(solver.machine, MATRIX)
    found = candidates(MATRIX, need, solver.terms)
    assert best(found, None, need) is None
    freer = best(lifted(found, "wish:torch"), None, need)
    newer = best(lifted(found, "driver"), None, need)
    assert freer is not None
    assert newer is not None
    assert (freer.version, newer.version) == ("2.14.0+cu126", "2.15.0+cu132")


def test_what_is_not_proven_says_so_and_is_never_the_only_answer() -> None:
    plan = solved(Wishes(torch="2.14.1"), torch=None, gpus=[V100], driver="535.104.05")
    assert plan.target is not None
    assert (plan.target.torch, plan.target.channel) == ("2.14.1", "cu126")
    assert any(line.startswith("what 2.14.1+cu126 holds is inferred: ") for line in plan.because)
    others = {(way.target.torch, way.target.channel) for way in plan.alternatives if way.target}
    assert ("2.14.0", "cu126") in others
