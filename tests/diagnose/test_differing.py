"""What differs between two machines, and which difference decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.differing import differing, explain, kind_of, ranked
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.snapshot import Snapshot
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.difference import Explained

MATRIX = load_matrix()
A100 = "NVIDIA A100-SXM4-80GB"


def explained(a: Snapshot, b: Snapshot) -> tuple[Explained, ...]:
    return explain(a, b, MATRIX)[2]


def test_the_driver_that_decides_is_named_alone() -> None:
    """Everything else that differs with it (a longer NumPy, another folder) explains nothing."""
    here = machine_snapshot(driver="580.95.05", torch="2.14.0+cu130")
    there = machine_snapshot(driver="550.54.15", torch="2.14.0+cu130").having({"numpy.version": Known("1.26.4", "")})
    (one,) = explained(here, there)
    assert (one.side, one.finding.rule, one.alone) == ("b", "driver-too-old", True)
    assert set(one.because) <= {"driver.version", "driver.cuda_version"}


def test_the_other_side_is_explained_as_well() -> None:
    sick, well = machine_snapshot(driver="470.256.02"), machine_snapshot(driver="535.104.05")
    assert [(one.side, one.finding.rule) for one in explained(sick, well)] == [("a", "driver-too-old")]
    assert [(one.side, one.finding.rule) for one in explained(well, sick)] == [("b", "driver-too-old")]


def test_what_only_changes_together_is_named_together() -> None:
    """Two torches with their partners: neither the one nor the other package alone ends the mismatch."""
    well = machine_snapshot(torch="2.9.1+cu128", torchvision="0.24.1+cu128")
    sick = machine_snapshot(torch="2.9.1+cu128", torchvision="0.23.0+cu128")
    (one,) = [one for one in explained(well, sick) if one.finding.rule == "torch-torchvision-mismatch"]
    assert one.because
    assert all(name.startswith("torchvision.") for name in one.because)


def test_a_gpu_that_the_wheel_does_not_serve_is_the_difference() -> None:
    here = machine_snapshot(gpus=[A100], torch="2.5.1+cu124", driver="570.124.06")
    there = machine_snapshot(gpus=["NVIDIA GeForce RTX 5090"], torch="2.5.1+cu124", driver="570.124.06")
    (one,) = [one for one in explained(here, there) if one.finding.rule == "gpu-arch-not-in-wheel"]
    assert any(name.startswith("gpu.0.") for name in one.because)


def test_a_defect_of_both_is_no_difference() -> None:
    a = machine_snapshot(driver="470.256.02")
    b = machine_snapshot(driver="470.57.02")
    assert explained(a, b) == ()
    assert "driver.version" in differing(a, b)[0]


def test_not_being_able_to_tell_is_no_cure() -> None:
    """A machine of which less is known does not explain the defect of one of which more is."""
    sick = machine_snapshot(driver="470.256.02")
    unsure = Snapshot({name: fact for name, fact in sick.facts.items() if not name.startswith("driver.")})
    unsure = unsure.having({"driver.version": Unknown("not told"), "driver.cuda_version": Unknown("not told")})
    (one,) = [one for one in explained(unsure, sick) if one.finding.rule == "driver-too-old"]
    assert one.because == ()


def test_answers_of_the_moment_are_counted_and_left_out() -> None:
    a = machine_snapshot().having({"gpu.0.utilization": Known(3, "nvml"), "shm.free_bytes": Known(1, "")})
    b = machine_snapshot().having({"gpu.0.utilization": Known(98, "nvml"), "shm.free_bytes": Known(2, "")})
    assert differing(a, b) == ({}, 2)


@pytest.mark.parametrize(("one", "other"), [(Absent("no folder"), Absent("gone")), (Unknown("a"), Unknown("b"))])
def test_two_absences_are_one_answer_whatever_the_reason(one: Absent, other: Absent) -> None:
    assert differing(Snapshot({"env.CUDA_HOME": one}), Snapshot({"env.CUDA_HOME": other}))[0] == {}


def test_a_mapping_is_shown_by_the_entries_that_differ() -> None:
    a = Snapshot({"packages.installed": Known({"torch": "2.9.1", "numpy": "2.0", "pip": "24"}, "dist-info")})
    b = Snapshot({"packages.installed": Known({"torch": "2.9.1", "numpy": "1.26", "uv": "1"}, "dist-info")})
    rows = ranked(differing(a, b)[0], ())
    assert [row.name for row in rows] == [f"packages.installed[{name}]" for name in ("numpy", "pip", "uv")]
    assert isinstance(rows[1].b, Absent)


def test_what_turns_a_verdict_comes_first() -> None:
    a = machine_snapshot(driver="535.104.05").having({"compiler.version": Known("12", "")})
    b = machine_snapshot(driver="470.256.02").having({"compiler.version": Known("13", "")})
    rows = ranked(differing(a, b)[0], explained(a, b))
    assert rows[0].turns == ("driver-too-old",)
    assert not rows[-1].turns


def test_every_fact_has_a_kind() -> None:
    assert kind_of("gpu.3.name") == "driver and GPUs"
    assert kind_of("torchvision.cuda") == "torch"
    assert kind_of("env.LD_LIBRARY_PATH") == "settings"
    assert kind_of("host.os") == "system"
