"""Where nothing serves: the smallest conflict, and what to give up."""

from __future__ import annotations

import copy
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.matrix import Matrix
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Conflict, Status
from envdoctor.plan.hitting import smallest_hitting
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

MATRIX = load_matrix()


def conflict(wishes: Wishes | None = None, **described: object) -> Conflict:
    plan = Solver(Machine(machine_snapshot(**{"torch": None, **described}), wishes), MATRIX).wheel_set()
    assert plan.status is Status.IMPOSSIBLE
    assert plan.conflict is not None
    return plan.conflict


def gpu(*capabilities: str) -> list[tuple[str, str]]:
    return [("", capability) for capability in capabilities]


@pytest.mark.parametrize(
    ("described", "wish", "constraints", "relax"),
    [
        (
            {"driver": "580.65.06", "gpus": gpu("7.0")},
            "2.15",
            ("kernels for compute capability 7.0", "--torch 2.15"),
            ("--torch 2.15: without it, torch 2.14.0+cu126 fits",),
        ),
        (
            {"driver": "535.104.05", "gpus": gpu("12.0")},
            None,
            ("a GPU of compute capability 12.0 on driver 535.104.05",),
            (
                "a GPU of compute capability 12.0 on driver 535.104.05: with driver 570 or newer, "
                "torch 2.10.0+cu128 fits",
            ),
        ),
        (
            {"driver": "590.44.01", "gpus": gpu("7.0", "9.0")},
            None,
            ("a GPU of compute capability 7.0 on driver 590.44.01",),
            ("a GPU of compute capability 7.0 on driver 590.44.01: with driver branch 580, torch 2.14.0+cu126 fits",),
        ),
        (
            {"driver": "580.65.06", "python": "3.8.18", "gpus": gpu("9.0")},
            "2.14",
            ("Python 3.8", "--torch 2.14"),
            (
                "Python 3.8: with Python 3.10 to 3.14, torch 2.14.1+cu130 fits",
                "--torch 2.14: without it, torch 2.4.1+cu121 fits",
            ),
        ),
        (
            {"driver": "535.104.05", "gpus": gpu("8.0"), "glibc": "2.17"},
            "2.14",
            ("glibc 2.17", "--torch 2.14"),
            None,
        ),
        # Nothing that could be changed opens one: an old GPU and a new one have no wheel in common.
        ({"driver": "580.65.06", "gpus": gpu("5.2", "12.0"), "python": "3.12.1"}, "2.15", None, None),
        (
            {"driver": "440.33.01", "gpus": gpu("8.0")},
            None,
            # A wheel of CUDA 10.2 runs on this driver.
            ("kernels for compute capability 8.0", "driver 440.33.01"),
            ("driver 440.33.01: with driver 580.65.06 or newer, torch 2.15.0+cu132 fits",),
        ),
    ],
)
def test_the_smallest_conflict_is_named_with_what_would_open_a_wheel(
    described: dict[str, object],
    wish: str | None,
    constraints: tuple[str, ...] | None,
    relax: tuple[str, ...] | None,
) -> None:
    found = conflict(Wishes(torch=wish), **described)
    assert constraints is None or found.constraints == constraints
    assert relax is None or set(found.relax) == set(relax)
    assert len(found.relax) <= 3


def test_a_gpu_is_never_to_be_given_up() -> None:
    found = conflict(driver="470.256.02", gpus=gpu("3.7", "12.0"))
    assert found.constraints == ("a GPU of compute capability 12.0 on driver 470.256.02",)
    assert found.relax == ()


def test_a_missing_c_library_is_named() -> None:
    found = conflict(driver="580.65.06", gpus=gpu("9.0"), overrides={"host.libc": "musl 1.2"})
    assert found.constraints == ("a system without glibc",)
    assert "on a system with glibc" in found.relax[0]


def test_partners_that_do_not_exist_are_a_wish_to_give_up() -> None:
    found = conflict(
        Wishes(torch="2.15", partners=("torchaudio",)), driver="595.58.03", gpus=gpu("9.0"), python="3.12.1"
    )
    assert found.constraints == ("--torch 2.15", "--with torchaudio")
    assert "--with torchaudio: without it, torch 2.15.0+cu132 fits" in found.relax


def test_an_orin_is_told_of_its_kernels_and_of_nvidias_builds() -> None:
    described = {"driver": "540.3.0", "cuda": "12.6", "platform": "linux-aarch64-jetson", "kind": "jetson"}
    snapshot = machine_snapshot(torch=None, gpus=["Orin"], **described)
    plan = Solver(Machine(snapshot), MATRIX).wheel_set()
    assert plan.conflict is not None
    assert plan.conflict.constraints == ("kernels for compute capability 8.7",)
    assert plan.conflict.relax == ()
    assert ["NVIDIA's Jetson AI Lab index" in way.steps[0].why for way in plan.alternatives] == [True]
    assert all(way.target is None for way in plan.alternatives)


SETS = st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1), max_size=12)


def by_letter(element: str) -> tuple[int, str]:
    return 0, element


@given(SETS)
def test_the_hitting_set_is_smallest(sets: list[frozenset[str]]) -> None:
    found = smallest_hitting(sets, by_letter)
    assert all(set(found) & one for one in sets)
    smaller = combinations("abcdefgh", len(found) - 1) if found else ()
    assert not any(all(set(few) & one for one in sets) for few in smaller)


def test_of_two_smallest_sets_the_preferred_one_is_taken() -> None:
    assert smallest_hitting([frozenset("ab"), frozenset("bac")], by_letter) == ("a",)
    assert smallest_hitting([frozenset("ab")], lambda element: (-ord(element), element)) == ("b",)


def test_a_thousand_demands_do_not_take_long_to_weigh() -> None:
    many = frozenset(str(number) for number in range(1000))
    sets = [many - {str(number)} for number in range(60)]
    assert len(smallest_hitting(sets, by_letter)) == 1
    spread = [frozenset({str(number), f"{number}'", "last"} - {"last" if number % 7 else ""}) for number in range(60)]
    assert smallest_hitting(spread, by_letter)


def test_a_conflict_over_withheld_releases_says_why_they_are() -> None:
    document = copy.deepcopy(dict(MATRIX.root.cells))
    for number, release in enumerate(("2.12.1", "2.13.0", "2.14.0", "2.14.1", "2.15.0")):
        document["torch"][release]["withheld"] = f"reason {number}"
    matrix = Matrix(document, "a test")
    one = Machine(machine_snapshot(torch=None, driver="580.82.07", gpus=gpu("9.0")), Wishes(torch=">=2.12.1"))
    found = Solver(one, matrix).wheel_set().conflict
    assert found is not None
    assert found.constraints == (
        "torch releases that are not withheld (2.15.0: reason 4; 2.14.1: reason 3; 2.14.0: reason 2; 2 more)",
        "--torch >=2.12.1",
    )
