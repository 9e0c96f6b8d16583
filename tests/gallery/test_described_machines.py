"""A described machine has every fact that the probes document, and no other: what the rules are tried on is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gallery_cases import CASES

from envdoctor.model.fact import Known
from envdoctor.probes.look import PROBES
from envdoctor.rules.example_machine import HEALTHY
from envdoctor.smoke.facts import FACTS as KERNEL_FACTS
from machines import SCENARIOS, machine_snapshot, snapshot_of

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

DOCUMENTED = {name for probe in PROBES for name in probe.FACTS}
OF_A_GPU = {name for name in DOCUMENTED if ".N." in name}

ONLY_SOMETIMES = {"gpu.N.mig"}
"""Facts that are there only where they mean something."""

OF_KERNELS = set(KERNEL_FACTS)
"""Facts that are there where kernels were run, all of them."""


def documented(gpus: int) -> set[str]:
    """The names of every fact on a machine with that many listed GPUs."""
    of_gpus = {name.replace(".N.", f".{index}.") for name in OF_A_GPU for index in range(gpus)}
    return (DOCUMENTED - OF_A_GPU) | of_gpus


def assert_whole(snapshot: Snapshot) -> None:
    count = snapshot["gpu.count"]
    gpus = count.value if isinstance(count, Known) and isinstance(count.value, int) else 0
    optional = {name.replace(".N.", f".{index}.") for name in ONLY_SOMETIMES for index in range(gpus)}
    kernels = set(snapshot.facts) & OF_KERNELS
    assert kernels in (set(), OF_KERNELS)
    assert set(snapshot.facts) - optional - kernels == documented(gpus) - optional


@pytest.mark.parametrize("name", CASES)
def test_a_machine_of_the_gallery_has_every_documented_fact_and_no_other(name: str) -> None:
    assert_whole(CASES[name].snapshot)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_has_every_documented_fact_and_no_other(name: str) -> None:
    assert_whole(snapshot_of(SCENARIOS[name]))


def test_other_descriptions_are_whole() -> None:
    assert_whole(machine_snapshot(torch=None, driver=None, gpus=[]))
    assert_whole(machine_snapshot(nvml_status=18))
    assert_whole(machine_snapshot(kind="wsl2", driver="566.36"))
    assert_whole(machine_snapshot(gpus=["NVIDIA H200"] * 3, lost=[1], unlisted=[2]))


def test_the_machine_of_the_rules_examples_names_no_fact_that_no_probe_gives() -> None:
    named = {name for name in HEALTHY if "." in name}
    assert named <= DOCUMENTED | {name.replace(".N.", ".0.") for name in OF_A_GPU}
