"""Plans stay within what the user, constraint files and installed distributions demand of the torch set."""

from __future__ import annotations

import pytest
from change_in_thought import requirements

from envdoctor.matrix.load import load_matrix
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.pin import Pin
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.solve import Solver
from envdoctor.plan.terms import admits, terms_of, wished
from machines import machine_snapshot

MATRIX = load_matrix()
V100 = "Tesla V100-SXM2-16GB"
VLLM = {"name": "vllm", "version": "0.11.0", "requires": ["torch==2.9.0"]}


def machine(*, dependents: list[object] | None = None, wishes: Wishes | None = None, **described: object) -> Machine:
    return Machine(machine_snapshot(overrides={"torch.dependents": dependents or []}, **described), wishes)


def solved(one: Machine) -> Plan:
    return Solver(one, MATRIX).wheel_set()


def reasons(one: Machine, version: str) -> tuple[str, ...]:
    return next(row.reasons for row in Solver(one, MATRIX).weighed() if row.version == version)


def test_a_wish_drops_the_others_and_says_so() -> None:
    one = machine(torch=None, wishes=Wishes(torch="2.9"))
    plan = solved(one)
    assert plan.target is not None
    assert plan.target.torch == "2.9.1"
    assert reasons(one, "2.9.1+cu126") == ()
    assert reasons(one, "2.10.0+cu126") == ("--torch 2.9 excludes torch 2.10.0+cu126",)


def test_a_wish_for_one_build_gets_that_build() -> None:
    plan = solved(machine(torch=None, driver="595.58.03", wishes=Wishes(torch="2.14.0+cu126")))
    assert plan.target is not None
    assert (plan.target.torch, plan.target.channel) == ("2.14.0", "cu126")


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("2.9", "==2.9.*"),
        ("2.9.1", "==2.9.1"),
        ("2.9.1+cu126", "==2.9.1+cu126"),
        ("2.9+cu126", "==2.9+cu126"),
        (">=2.6,<2.9", ">=2.6,<2.9"),
        ("2", "==2.*"),
    ],
)
def test_a_wish_is_read_as_people_write_it(text: str, specifier: str) -> None:
    assert wished(text) == specifier


@pytest.mark.parametrize(
    ("specifier", "version", "met"),
    [
        ("==2.9.0", "2.9.0+cu126", True),
        ("==2.9.0+cu128", "2.9.0+cu126", False),
        ("<=2.9.0", "2.9.0+cu126", True),
        ("!=2.9.0", "2.9.0+cu126", False),
        (">=2.9", "2.10.0a0+gitabcdef", True),
        (">=2.9", "not a version", False),
    ],
)
def test_local_parts_and_nightlies_are_judged_as_installers_do(specifier: str, version: str, *, met: bool) -> None:
    assert admits(specifier, version) is met


def test_a_line_of_a_constraint_file_is_kept_to() -> None:
    pin = Pin("torch", "<2.9", "constraints.txt, line 3")
    plan = solved(machine(torch=None, wishes=Wishes(pins=(pin,))))
    assert plan.target is not None
    assert plan.target.torch == "2.8.0"
    assert "constraints.txt, line 3 requires torch<2.9" in plan.because


def test_a_pin_on_a_partner_counts_where_that_partner_comes_along() -> None:
    pin = Pin("torchvision", "==0.24.0", "constraints.txt, line 3")
    one = machine(torch=None, torchvision=None, wishes=Wishes(pins=(pin,)))
    plan = solved(one)
    assert requirements(plan.steps[0].argv)[:2] == ["torch==2.9.0+cu128", "torchvision==0.24.0+cu128"]
    text = "constraints.txt, line 3 requires torchvision==0.24.0, and torch 2.10.0 has 0.25.0"
    assert text in reasons(one, "2.10.0+cu126")
    alone = machine(torch=None, torchvision=None, wishes=Wishes(pins=(Pin("torchaudio", "==2.4.0", "c.txt, line 1"),)))
    assert all("c.txt" not in reason for row in Solver(alone, MATRIX).weighed() for reason in row.reasons)


def test_a_pin_on_triton_counts_where_torch_pins_one_release() -> None:
    one = machine(torch=None, wishes=Wishes(pins=(Pin("triton", "==3.4.0", "c.txt, line 1"),)))
    plan = solved(one)
    assert plan.target is not None
    release = MATRIX.release(plan.target.torch)
    assert release is not None
    # What asks for `~=3.8.0` may get any of many, which nobody can judge.
    assert release.triton == "==3.4.0" or not str(release.triton).startswith("==")
    assert reasons(one, "2.9.0+cu126") == ("c.txt, line 1 requires triton==3.4.0, and torch 2.9.0 has 3.5.0",)


def test_what_an_installed_distribution_requires_is_kept_where_it_holds_now() -> None:
    one = machine(gpus=[V100], torch="2.9.0+cu130", driver="580.65.06", dependents=[VLLM])
    plan = solved(one)
    assert plan.target is not None
    assert (plan.target.torch, plan.target.channel) == ("2.9.0", "cu128")
    assert reasons(one, "2.14.0+cu126") == ("vllm 0.11.0 requires torch==2.9.0",)


def test_what_is_broken_already_is_preferred_and_no_obstacle() -> None:
    described = {"gpus": [V100], "torch": "2.14.0+cu130", "driver": "580.65.06"}
    assert terms_of(machine(dependents=[VLLM], **described), ()).loose == (Pin("torch", "==2.9.0", "vllm 0.11.0"),)
    plan = solved(machine(dependents=[VLLM], **described))
    assert plan.target is not None
    assert plan.target.torch == "2.9.0"
    unmet = {"name": "old", "version": "1.0", "requires": ["torch==1.0.0"]}
    plan = solved(machine(dependents=[unmet], **described))
    assert plan.target is not None
    assert plan.target.torch == "2.14.0"
    assert "old 1.0 requires torch==1.0.0, which the present set does not meet either" in plan.because


def test_what_a_distribution_requires_is_kept_where_there_is_no_torch() -> None:
    plan = solved(machine(torch=None, dependents=[VLLM]))
    assert plan.target is not None
    assert plan.target.torch == "2.9.0"


def test_a_line_of_the_user_is_kept_to_although_the_present_torch_breaks_it() -> None:
    pins = (Pin("torch", "==2.8.0", "c.txt, line 1"),)
    plan = solved(machine(gpus=[V100], torch="2.14.0+cu130", driver="580.65.06", wishes=Wishes(pins=pins)))
    assert plan.target is not None
    assert plan.target.torch == "2.8.0"


def test_demands_that_exclude_each_other_are_the_conflict() -> None:
    pins = (Pin("torch", "==2.8.0", "c.txt, line 1"), Pin("torch", "==2.9.0", "c.txt, line 2"))
    plan = solved(machine(torch=None, wishes=Wishes(pins=pins)))
    assert plan.status is Status.IMPOSSIBLE
    assert plan.conflict is not None
    assert plan.conflict.constraints == ("c.txt, line 1 requires torch==2.8.0", "c.txt, line 2 requires torch==2.9.0")
    assert plan.conflict.relax[0].startswith("c.txt, line 1 requires torch==2.8.0: without it, torch 2.9.0+")


def test_announced_builds_are_weighed_and_never_chosen() -> None:
    one = machine(torch=None, driver="580.65.06")
    assert reasons(one, "2.15.0+cu130") == ("announced, not seen on the index",)
    plan = solved(machine(torch=None, driver="580.65.06", wishes=Wishes(torch="2.15.0+cu130")))
    assert plan.status is Status.IMPOSSIBLE


def test_every_weighed_set_has_reasons_exactly_where_it_does_not_fit() -> None:
    one = machine(torch=None, driver="535.104.05", gpus=[V100], wishes=Wishes(torch=">=2.8"))
    rows = Solver(one, MATRIX).weighed()
    fitting = [row.version for row in rows if not row.reasons]
    assert fitting[-1] == "2.14.1+cu126"
    assert len({row.version for row in rows}) == len(rows)
    dropped = next(row for row in rows if row.version == "2.7.1+cu118")
    assert dropped.reasons == ("--torch >=2.8 excludes torch 2.7.1+cu118",)
    several = next(row for row in rows if row.version == "2.14.0+cu130")
    assert len(several.reasons) == 3
    assert next(row for row in rows if row.version == "2.14.1+cu126").certainty == "inferred"


def test_a_partner_without_a_wheel_for_this_python_does_not_come_along() -> None:
    """Of torchvision 0.20 there is none for Python 3.13, where torch 2.5 has one."""
    plan = solved(machine(torch=None, torchvision=None, python="3.13.0", wishes=Wishes(torch="2.5")))
    assert [word.partition("==")[0] for word in requirements(plan.steps[0].argv)] == ["torch"]
    assert "torchvision 0.20.1, which goes with torch 2.5.1+cu124, has no wheel for this Python" in plan.because
    plan = solved(machine(torch=None, torchvision=None, python="3.12.0", wishes=Wishes(torch="2.5")))
    assert [word.partition("==")[0] for word in requirements(plan.steps[0].argv)] == ["torch", "torchvision"]


@pytest.mark.parametrize(
    ("specifier", "against"),
    [
        ("==3.5.1", "~=3.8.0"), ("==3.9.0", "~=3.8.0"), ("==3.8.0", None), ("==3.8.4", None),
        ("==3.5.*", "~=3.8.0"), ("<3.6", "~=3.8.0"), (">=3.4,<3.5", "~=3.8.0"),
        # Ranges that meet: what an installer would take is not known.
        (">=3.5", None), ("==3.8.*", None), (">3.8.0,<3.9", None),
    ],
)  # fmt: skip
def test_a_pinned_triton_outside_the_range_that_a_release_requires(specifier: str, against: str | None) -> None:
    pin = Pin("triton", specifier, "c.txt, line 1")
    one = machine(torch=None, driver="580.82.07", wishes=Wishes(pins=(pin,)))
    text = f"c.txt, line 1 requires triton{specifier}, and torch 2.14.0 has {against}"
    assert reasons(one, "2.14.0+cu130") == ((text,) if against else ())
