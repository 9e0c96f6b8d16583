"""The gate's truth table: machines x policy x --fail-on x --strict, each exit code as the contract says.

What is expected is derived by hand from the contract's sentences (`expected`), and not from any code of the program.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from gate_machines import Kind, document, machines, one_of_each_kind

from envdoctor.cli import Invocation, group
from envdoctor.commands.checking import Wanted, check
from envdoctor.diagnose.verdict import exit_code
from envdoctor.rules.severity_table import SEVERITIES

if TYPE_CHECKING:
    from pathlib import Path

MACHINES = machines()
FAIL_ON = ("error", "warning", "note", "never")
GATES = [(fail_on, strict) for fail_on in FAIL_ON for strict in (False, True)]

SOFT = {Kind.SILENT: Kind.SILENT, Kind.NOTED: Kind.NOTED, Kind.WARNED: Kind.NOTED, Kind.BROKEN: Kind.NOTED}
NOTHING = dict.fromkeys((Kind.SILENT, Kind.NOTED, Kind.WARNED, Kind.BROKEN), Kind.SILENT)
WITH_GAP = {
    Kind.BROKEN_BESIDE_A_GAP: Kind.BROKEN,
    Kind.UNDETERMINED: Kind.SILENT,
    Kind.UNDETERMINED_NOTED: Kind.NOTED,
    Kind.UNDETERMINED_WARNED: Kind.WARNED,
}
"""What is known of a machine beside its gap."""

EVERY_RULE = "".join(f'{rule} = "note"\n' for rule in sorted(SEVERITIES))


def ignoring(until: str = "") -> str:
    return "".join(
        f'[[ignore]]\nrule = "{rule}"\nreason = "known since spring"\n{until}\n' for rule in sorted(SEVERITIES)
    )


POLICIES = {
    "none": "",
    "everything is a note": f"[severity]\n{EVERY_RULE}",
    "everything is ignored": ignoring(),
    "ignored until a day to come": ignoring("expires = 9999-12-31"),
    "ignored until a day that is over": ignoring("expires = 2020-01-31"),
    "a demand that is met": 'platform = ["linux-x86_64", "linux-aarch64", "linux-aarch64-jetson", "macos-arm64"]\n',
    "a demand that is not met": 'python = ">=9"\n',
}


TAKEN_OUT = ("everything is ignored", "ignored until a day to come")


def weighed(kind: Kind, policy: str) -> tuple[Kind, bool]:
    """What a machine of a kind is to its gate under a policy, and whether a fact that an error hangs on is unknown."""
    gap = kind in WITH_GAP
    known = WITH_GAP.get(kind, kind)
    if policy == "everything is a note":
        return SOFT[known], False  # what may have been missed is a note at worst
    if policy in TAKEN_OUT:
        return NOTHING[known], False  # what may have been missed would not count
    if policy == "a demand that is not met":
        return Kind.BROKEN, gap
    return known, gap


def expected(kind: Kind, policy: str, fail_on: str, strict: bool) -> tuple[str, int]:
    """The verdict and the exit code of the contract."""
    worst, gap = weighed(kind, policy)
    verdict = {
        Kind.SILENT: "healthy",
        Kind.NOTED: "healthy",
        Kind.WARNED: "warnings",
        Kind.BROKEN: "broken",
    }[worst]  # fmt: skip
    if gap and verdict != "broken":
        verdict = "undetermined"
    fails = {
        "error": (Kind.BROKEN,),
        "warning": (Kind.BROKEN, Kind.WARNED),
        "note": (Kind.BROKEN, Kind.WARNED, Kind.NOTED),
        "never": (),
    }[fail_on]
    if worst in fails:
        return verdict, 1
    return verdict, 3 if strict and verdict == "undetermined" else 0


def test_the_table_is_as_large_as_it_says() -> None:
    assert len(MACHINES) >= 30
    assert set(MACHINES.values()) == set(Kind)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", MACHINES)
def test_exit_codes(name: str, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gate on what `check` finds, and one of them by the command line: each machine and each policy meets all."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machine.json").write_text(json.dumps(document(name)), encoding="utf-8")
    if POLICIES[policy]:
        (tmp_path / "envdoctor.toml").write_text(POLICIES[policy], encoding="utf-8")
    report = check(Wanted(snapshot="machine.json"), Invocation())
    for fail_on, strict in GATES:
        verdict, code = expected(MACHINES[name], policy, fail_on, strict)
        assert report.diagnosis.verdict.value == verdict, (fail_on, strict)
        assert exit_code(report.diagnosis, fail_on=fail_on, strict=strict) == code, (fail_on, strict)
    ignored = rules_without_policy(tmp_path) if policy in TAKEN_OUT else set()
    fail_on, strict = GATES[(list(MACHINES).index(name) + list(POLICIES).index(policy)) % len(GATES)]
    words = ["check", "--snapshot", "machine.json", "--fail-on", fail_on, "--format", "json"]
    ran = CliRunner().invoke(group, [*words, *(["--strict"] * strict)], obj=Invocation(), standalone_mode=False)
    assert ran.exception is None, ran.output
    said = json.loads(ran.stdout)
    verdict, code = expected(MACHINES[name], policy, fail_on, strict)
    assert (said["verdict"], said["exit_code"], ran.return_value) == (verdict, code, code), (fail_on, strict)
    assert {one["finding"]["rule"] for one in said["ignored"]} == ignored


def rules_without_policy(folder: Path) -> set[str]:
    """The rules that find something where nothing is ignored."""
    elsewhere = folder / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        words = ["check", "--snapshot", str(folder / "machine.json"), "--format", "json"]
        ran = CliRunner().invoke(group, words, obj=Invocation(), standalone_mode=False)
    return {one["rule"] for one in json.loads(ran.stdout)["findings"]}


@pytest.mark.parametrize("name", one_of_each_kind())
def test_a_policy_says_what_fails_and_the_command_line_says_it_over_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machine.json").write_text(json.dumps(document(name)), encoding="utf-8")
    for said in FAIL_ON:
        (tmp_path / "envdoctor.toml").write_text(f'fail-on = "{said}"\nstrict = true\n', encoding="utf-8")
        for typed in (None, *FAIL_ON):
            words = ["check", "--snapshot", "machine.json", *(["--fail-on", typed] if typed else [])]
            ran = CliRunner().invoke(group, words, obj=Invocation(), standalone_mode=False)
            assert ran.return_value == expected(MACHINES[name], "none", typed or said, True)[1], (said, typed)
