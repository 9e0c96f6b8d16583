"""Every machine of the gallery: what is said of it, and that its committed files are what the program says."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from gallery_cases import CASES
from gallery_files import FOLDER, REFRESH, diagnosis, differences, said, table, terminal, written

from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Wishes
from envdoctor.rules.rule import all_rules
from envdoctor.rules.severity_table import SEVERITIES
from machines import run_cli

if TYPE_CHECKING:
    from gallery_case import Case

MATRIX = load_matrix()
HEALTHY = {name: case for name, case in CASES.items() if case.healthy}

PROVENANCES = {
    "pypi", "pytorch-index", "conda-forge", "conda-pytorch", "ngc", "jetson", "distro", "source", "rocm", "xpu", "mps",
    "unknown",
}  # fmt: skip
KINDS = {"bare", "vm-vgpu", "wsl2", "container", "jetson", "sbsa", "macos", "windows"}


@pytest.fixture(scope="module", autouse=True)
def refreshed() -> None:
    """Write the gallery anew where ENVDOCTOR_REFRESH is set; what no case stands for is taken away."""
    if not os.environ.get("ENVDOCTOR_REFRESH"):
        return
    for case in CASES.values():
        folder = FOLDER / case.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "snapshot.json").write_text(written(case.snapshot), encoding="utf-8")
        (folder / "terminal.txt").write_text(terminal(case), encoding="utf-8")
        (folder / "diagnosis.json").write_text(diagnosis(case), encoding="utf-8")
    for folder in FOLDER.iterdir():
        if folder.is_dir() and folder.name not in CASES:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
    (FOLDER / "README.md").write_text(table(CASES.values()), encoding="utf-8")


def mend(found: dict[str, Any]) -> str:
    return f"{found}\nif the new one is right, run: {REFRESH}"


def findings(case: Case) -> list[tuple[str, str]]:
    """(severity, rule) of every finding, in the order they are told."""
    found = diagnose(case.snapshot, MATRIX, Wishes(require_gpu="--require-gpu" in case.options))
    assert found.crashed == ()
    return [(one.severity.word, one.rule) for one in found.findings]


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_and_the_first_finding(name: str) -> None:
    case = CASES[name]
    found = diagnose(case.snapshot, MATRIX, Wishes(require_gpu="--require-gpu" in case.options))
    assert found.crashed == ()
    told = [(one.severity.word, one.rule) for one in found.findings]
    undecided = {one.rule: (one.fact, one.reason) for one in found.skipped if one.fact is not None}
    assert found.verdict.value == case.verdict, (told, undecided)
    assert (told[0] if told else None) == ((case.severity, case.first) if case.first else None), told
    beside = {rule for severity, rule in told if severity != "note"} - {case.first}
    assert beside <= set(case.also), told


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_machine_is_judged_whole(name: str) -> None:
    """No rule that may find an error lacked a fact: silence is an answer here, and not a gap."""
    case = HEALTHY[name]
    found = diagnose(case.snapshot, MATRIX)
    worst = {rule.name: rule.worst for rule in all_rules()}
    assert [one for one in found.skipped if one.fact is not None and worst[one.rule] is Severity.ERROR] == []
    assert all(one.severity is Severity.NOTE for one in found.findings)


@pytest.mark.parametrize("name", CASES)
def test_the_committed_snapshot_is_the_described_machine(name: str) -> None:
    found = differences(f"{name}/snapshot.json", written(CASES[name].snapshot))
    assert found == {}, mend(found)
    path = FOLDER / name / "snapshot.json"
    assert load_snapshot(path.read_bytes(), str(path)) == CASES[name].snapshot


@pytest.mark.parametrize("name", CASES)
def test_what_the_terminal_shows_is_the_committed_text(name: str) -> None:
    found = differences(f"{name}/terminal.txt", terminal(CASES[name]))
    assert found == {}, mend(found)


@pytest.mark.parametrize("name", CASES)
def test_the_json_is_the_committed_one(name: str) -> None:
    case = CASES[name]
    found = differences(f"{name}/diagnosis.json", diagnosis(case))
    assert found == {}, mend(found)
    document = json.loads((FOLDER / name / "diagnosis.json").read_text(encoding="utf-8"))
    assert (document["verdict"], document["exit_code"]) == (case.verdict, case.exit_code)


def test_the_table_is_the_committed_one() -> None:
    found = differences("README.md", table(CASES.values()))
    assert found == {}, mend(found)


def test_no_folder_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} == set(CASES), f"run: {REFRESH}"


@pytest.mark.parametrize("name", ["default-wheel-on-a100", "cuda-12-on-driver-470", "gpu-required-where-none-is"])
def test_a_process_of_its_own_says_the_same(name: str) -> None:
    case = CASES[name]
    argv = ["check", "--snapshot", str(FOLDER / name / "snapshot.json"), *case.options]
    alone = run_cli(argv)
    assert (alone.exit_code, alone.stdout) == said(case)
    assert alone.stderr == ""


def test_the_gallery_is_large_and_mostly_healthy() -> None:
    assert len(CASES) >= 60
    assert len(HEALTHY) * 2 >= len(CASES)


def healthy_values(fact: str) -> set[Any]:
    facts = [case.snapshot[fact] for case in HEALTHY.values()]
    return {one.value for one in facts if isinstance(one, Known)}


def test_there_is_a_healthy_machine_of_every_provenance() -> None:
    assert healthy_values("torch.provenance") == PROVENANCES


def test_there_is_a_healthy_machine_of_every_kind() -> None:
    assert healthy_values("host.kind") == KINDS


OF_MACHINES = [rule.name for rule in all_rules() if not rule.of_files_alone]
OF_POLICIES = "requirement-not-met"
"""No machine has this defect without a policy, and those of the gallery have none: tests/gate lays policies on them."""


@pytest.mark.parametrize("rule", [rule for rule in OF_MACHINES if rule != OF_POLICIES])
def test_every_rule_fires_in_the_gallery(rule: str) -> None:
    """As the first finding of one machine at least."""
    assert [name for name, case in CASES.items() if case.first == rule and rule in {one for _, one in findings(case)}]


@pytest.mark.parametrize("rule", OF_MACHINES)
def test_every_rule_is_quiet_at_its_boundary(rule: str) -> None:
    """On a machine of the gallery that is its nearest healthy neighbour, or in a quiet example of its own."""
    neighbours = [case for case in CASES.values() if rule in case.boundary_of]
    examples = [example for one in all_rules() if one.name == rule for example in one.quiet]
    assert neighbours or examples
    for case in neighbours:
        told = findings(case)
        assert all(severity == "note" for severity, one in told if one == rule), told


@pytest.mark.parametrize("name", CASES)
def test_a_case_states_what_it_may(name: str) -> None:
    case = CASES[name]
    assert set(case.boundary_of) | set(case.also) | ({case.first} - {None}) <= set(SEVERITIES)
    assert case.why.endswith(".")
    assert not case.what.endswith(".")
    # A neighbour of a defect is a machine that works.
    assert case.healthy or not case.boundary_of
