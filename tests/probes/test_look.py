"""A whole look: every probe, each costing its own facts at most; every fact documented."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from envdoctor.host import process
from envdoctor.host.host import Host
from envdoctor.model.fact import Unknown
from envdoctor.probes import interpreter
from envdoctor.probes.look import PROBES, look
from envdoctor.probes.target import Target
from recorded_tree import Tree, lines

if TYPE_CHECKING:
    from types import ModuleType

DOCUMENTED = {name: meaning for probe in PROBES for name, meaning in probe.FACTS.items()}
OWN = Target(sys.executable, "the interpreter that runs envdoctor", own=True)
NAMED = Target("/venv/bin/python", "named by --python")


def documented(name: str) -> bool:
    return re.sub(r"^gpu\.\d+\.", "gpu.N.", name) in DOCUMENTED


class Odd(Exception):
    """Nothing that a probe foresees."""


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__.rpartition(".")[2])
def test_a_probe_documents_its_facts(probe: ModuleType) -> None:
    assert probe.FACTS
    for name, meaning in probe.FACTS.items():
        assert re.fullmatch(r"[a-z]+(\.(N|[a-z0-9_]+|[A-Z0-9_]{3,}))+", name), name
        assert len(meaning.split()) > 1, name


def test_no_fact_is_of_two_probes() -> None:
    names = [name for probe in PROBES for name in probe.FACTS]
    assert sorted(names) == sorted(set(names))


def test_on_this_machine_every_fact_is_documented_and_every_document_has_its_fact() -> None:
    facts = look(Host(), OWN).facts
    assert [name for name in facts if not documented(name)] == []
    assert {name for name in DOCUMENTED if ".N." not in name} <= set(facts)
    assert [name for name, fact in facts.items() if isinstance(fact, Unknown) and "failed:" in fact.reason] == []


def test_an_empty_recorded_machine(tree: Tree) -> None:
    facts = look(tree.host(), NAMED).facts
    assert {name for name in DOCUMENTED if ".N." not in name} == set(facts)
    assert [name for name, fact in facts.items() if isinstance(fact, Unknown) and "failed:" in fact.reason] == []


def test_gpus_of_a_recorded_machine_are_documented(tree: Tree) -> None:
    gpu = {"gpu": 0, "status": 0, "name": "A", "mig": 1, "mig_devices": ["MIG-1"]}
    tree.says("nvml", lines({"status": 0}, {"driver": "535.1"}, {"count": 2}, gpu, {"end": True}))
    facts = look(tree.host(), NAMED).facts
    assert [name for name in facts if not documented(name)] == []
    assert {name for name in facts if name.startswith("gpu.0.")} == {
        name.replace(".N.", ".0.") for name in DOCUMENTED if ".N." in name
    }


@pytest.mark.parametrize("method", ["read", "listdir", "is_dir", "is_file", "exists", "which"])
@pytest.mark.parametrize("problem", [Odd("odd"), RecursionError(), MemoryError(), KeyError("x")])
def test_a_probe_that_raises_costs_its_facts_only(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, method: str, problem: Exception
) -> None:
    def raises(self: Host, *arguments: object) -> None:
        raise problem

    tree.folder("/venv/lib/python3.11/site-packages/torch-2.9.1.dist-info")
    host = tree.host()
    monkeypatch.setattr(Host, method, raises)
    facts = look(host, NAMED).facts
    assert {name for name in DOCUMENTED if ".N." not in name} <= set(facts)
    assert not [name for name in facts if ".N." in name]
    assert [name for name in facts if not documented(name)] == []
    assert facts["env.CUDA_VISIBLE_DEVICES"] != Unknown("not looked at")


def test_the_reason_names_the_probe_and_the_problem(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    host = tree.host()

    def raises(self: Host, path: str) -> list[str]:
        raise Odd(f"at {path}")

    monkeypatch.setattr(Host, "listdir", raises)
    fact = look(host, NAMED)["pci.nvidia"]
    assert fact == Unknown("probe pci failed: Odd: at /sys/bus/pci/devices")


def test_what_is_no_python_ends_the_look_and_its_children() -> None:
    host = Host(environ={"PATH": os.environ["PATH"]})
    with pytest.raises(interpreter.NotPython):
        look(host, Target(os.devnull, "named by --python"))
    assert not process.RUNNING


def test_a_snapshot_says_when_and_by_which_version(tree: Tree) -> None:
    snapshot = look(tree.host(), NAMED)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", snapshot.taken)
    assert re.match(r"\d+\.\d+", snapshot.envdoctor)


def test_no_other_variable_of_the_environment_becomes_a_fact(tree: Tree) -> None:
    tree.set(HF_TOKEN="secret-1", PIP_INDEX_URL="https://u:secret-1@mirror.example/simple", CUDA_VISIBLE_DEVICES="0")
    assert "secret-1" not in repr(look(tree.host(), NAMED))
