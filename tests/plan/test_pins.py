"""What a plan has to stay within: the user's constraints and what installed packages require."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.model.fact import Absent, Fact, Known, Unknown, Value
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.pin import PINNED, Pin
from envdoctor.plan.pins import MOST, pins_of, unmet
from machines import machine_snapshot

MINE = Pin("torch", ">=2.6", "constraints.txt, line 3")


def machine(dependents: Fact | Value, *pins: Pin) -> Machine:
    return Machine(machine_snapshot(overrides={"torch.dependents": dependents}), Wishes(pins=pins))


def dependent(*requires: Value) -> dict[str, Value]:
    return {"name": "vllm", "version": "0.11.0", "requires": [*requires]}


def test_the_pins_of_the_user_come_first_and_each_stands_once() -> None:
    found = pins_of(machine([dependent("torch==2.8.0", "torchaudio==2.8.0", "torch==2.8.0")], MINE, MINE))
    assert found == (MINE, Pin("torch", "==2.8.0", "vllm 0.11.0"), Pin("torchaudio", "==2.8.0", "vllm 0.11.0"))
    assert found[1].text == "vllm 0.11.0 requires torch==2.8.0"


@pytest.mark.parametrize("fact", [Unknown("/locked may not be read"), Absent("described"), Known("text", "a test")])
def test_dependents_that_are_not_known_demand_nothing(fact: Fact) -> None:
    assert pins_of(machine(fact, MINE)) == (MINE,)


@pytest.mark.parametrize(
    "requires",
    [
        "torch", "torch==", "torch==banana?", "numpy<2", "torch @ https://host.example/torch.whl", 7, None, "",
        "torch>=2; python_version > '3'", "torch>=2; " + "(" * 450, "torch>=" + "2" * 600,
    ],
)  # fmt: skip
def test_what_says_nothing_that_can_be_judged(requires: Value) -> None:
    assert pins_of(machine([dependent(requires)])) == ()


@pytest.mark.parametrize("entry", [7, "vllm", {}, {"name": 1, "version": "2", "requires": []}, dependent()])
def test_entries_of_another_form(entry: Value) -> None:
    assert pins_of(machine([entry])) == ()


def test_a_snapshot_of_a_stranger_costs_no_more_than_a_thousand() -> None:
    many: list[Value] = [{**dependent(f"torch>={number}"), "name": f"d{number}"} for number in range(5000)]
    assert len(pins_of(machine(many))) == MOST


@given(st.lists(st.text(max_size=40)))
def test_any_text_is_a_pin_or_nothing(texts: list[str]) -> None:
    for pin in pins_of(machine([dependent(*texts, *(f"torch{text}" for text in texts))])):
        assert pin.package in PINNED
        assert pin.specifier


@pytest.mark.parametrize(
    ("specifier", "met"),
    [
        ("==2.9.1", True), ("==2.9.1+cu128", True), (">=2.6,<3", True), ("==2.9.*", True),
        ("<2.9", False), ("==2.8.0", False), ("==2.9.1+cu126", False),
    ],
)  # fmt: skip
def test_pins_that_what_is_installed_does_not_meet(specifier: str, met: bool) -> None:
    pins = (Pin("torch", specifier, "a test"), Pin("torchaudio", "==0.1", "torchaudio is not installed"))
    assert unmet(machine([]), pins) == (() if met else pins[:1])


def test_a_version_that_is_none_is_no_reason() -> None:
    odd = Machine(machine_snapshot(overrides={"torch.version": "banana", "triton.version": 3}))
    assert unmet(odd, (Pin("torch", "==2", "a test"), Pin("triton", "==3", "a test"))) == ()
