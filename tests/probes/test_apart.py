"""Probes in a copy of the process: their facts come back as they were, or Unknown where the copy was lost."""

from __future__ import annotations

import os
import signal
import time
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.forked import Forked
from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes.apart import Apart, begin_apart
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

FACTS: Facts = {
    "libraries.loaded": Known([{"library": "lib\udcff.so", "count": 3, "share": 0.5, "none": None}], "elf"),
    "cudnn.version": Absent("torch loads no cuDNN"),
    "nccl.version": Unknown("it does not tell"),
}


def probe() -> ModuleType:
    made = ModuleType("envdoctor.probes.made")
    made.FACTS = dict.fromkeys(FACTS, "")  # type: ignore[attr-defined]
    return made


@pytest.fixture
def at() -> Looking:
    found = Looking(Host(), Target("/venv/bin/python", "named by --python"), deadline=time.monotonic() + 30)
    found.facts = {"torch.location": Known("/site/torch", "sys.path"), "host.os": Known("linux", "uname")}
    return found


def tell(_: ModuleType, at: Looking) -> None:
    at.facts.update(FACTS)
    at.unreadable.append("/site/torch/lib/libc10.so")


def test_facts_come_back_as_they_were(at: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envdoctor.probes.apart.can_fork", lambda: True)  # the tests may run beside a thread
    apart = begin_apart(at, (probe(),), tell)
    assert apart is not None
    assert "cudnn.version" not in at.facts
    apart.join()
    assert {name: at.facts[name] for name in FACTS} == FACTS
    assert at.unreadable == ["/site/torch/lib/libc10.so"]
    assert at.facts["host.os"] == Known("linux", "uname")


def test_a_copy_that_died_costs_its_facts(at: Looking) -> None:
    def die() -> bytes:
        os.kill(os.getpid(), signal.SIGBUS)
        return b""

    Apart(at, (probe(),), Forked(die)).join()
    assert {at.facts[name] for name in FACTS} == {Unknown("reading the shared objects was ended by signal SIGBUS")}


def test_an_answer_cut_off_costs_its_facts(at: Looking) -> None:
    Apart(at, (probe(),), Forked(lambda: b"")).join()
    assert all(isinstance(at.facts[name], Unknown) for name in FACTS)


def test_without_torch_or_for_hashes_there_is_no_copy(at: Looking) -> None:
    at.deep = True
    assert begin_apart(at, (probe(),), tell) is None
    at.deep = False
    at.facts["torch.location"] = Absent("torch is not installed")
    assert begin_apart(at, (probe(),), tell) is None
