"""`envdoctor check` in a repository with a policy, by the real command line: what it says and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from machines import Said, run_cli

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def check(repository: Path, policy: str, case: str, *options: str) -> Said:
    (repository / "envdoctor.toml").write_text(policy, encoding="utf-8")
    said = run_cli(["check", "--snapshot", str(CASES / case / "snapshot.json"), *options], cwd=repository)
    assert not said.shows_traceback, said.stderr
    return said


def test_a_machine_that_meets_its_policy_is_told_in_one_line(repository: Path) -> None:
    policy = 'torch = "2.9"\ngpus = ">=1"\ncompute-capability = ">=8.0"\ndriver = ">=535"\nchannel = "cu128"\n'
    said = check(repository, policy, "default-wheel-on-a100")
    assert said.exit_code == 0
    assert "policy envdoctor.toml: 5 demands, all met" in said.stdout.splitlines()
    assert "Nothing is wrong." in said.stdout
    assert said.stderr == ""


def test_a_machine_that_does_not_is_told_line_by_line_with_a_plan_within_the_policy(repository: Path) -> None:
    policy = 'gpus = ">=1"\ntorch = ">=2.6,<2.9"\n'
    said = check(repository, policy, "default-wheel-on-a100", "--format", "json")
    assert said.exit_code == 1
    report = said.json()
    (finding,) = report["findings"]
    assert (finding["rule"], finding["subject"]) == ("requirement-not-met", "torch")
    assert "(envdoctor.toml, line 2)" in finding["message"]
    assert report["plan"]["target"]["torch"] == "2.8.0"
    assert report["policy"]["files"] == ["envdoctor.toml"]
    assert [one["location"]["line"] for one in report["policy"]["demands"]] == [2, 1]  # as the keys are documented


def test_the_plan_of_another_defect_stays_within_the_policy(repository: Path) -> None:
    free = check(repository, "", "v100-under-cuda-13", "--format", "json").json()
    bound = check(repository, 'torch = ">=2.6,<2.9"\n', "v100-under-cuda-13", "--format", "json").json()
    assert free["findings"][0]["rule"] == bound["findings"][0]["rule"] == "gpu-arch-dropped"
    assert bound["plan"]["target"]["torch"] == "2.8.0"
    assert free["plan"]["target"]["torch"] != "2.8.0"


IGNORING = """torch = "<2.9"
[[ignore]]
rule = "requirement-not-met"
subject = "torch"
reason = "OPS-12 moves us"
expires = {day}
"""


def test_an_ignored_finding_is_told_and_fails_nothing_until_its_last_day_is_over(repository: Path) -> None:
    said = check(repository, IGNORING.format(day="2999-12-31"), "default-wheel-on-a100", "--strict")
    assert said.exit_code == 0
    assert "Nothing else is wrong; 1 finding is ignored by policy." in said.stdout
    told = "ignored  error  requirement-not-met (torch) - OPS-12 moves us, until 2999-12-31"
    assert told in said.stdout.splitlines()
    assert "pip install" not in said.stdout
    over = check(repository, IGNORING.format(day="2026-01-31"), "default-wheel-on-a100")
    assert over.exit_code == 1
    assert "It was ignored until 2026-01-31: OPS-12 moves us." in " ".join(over.stdout.split())


def test_what_is_demanded_and_not_known_is_a_gap_that_strict_fails(repository: Path) -> None:
    policy = 'smoke = ["matmul"]\n'
    said = check(repository, policy, "default-wheel-on-a100")
    assert said.exit_code == 0
    assert "1 demand, not all could be judged" in said.stdout
    assert "Nothing is wrong." not in said.stdout
    assert check(repository, policy, "default-wheel-on-a100", "--strict").exit_code == 3
    assert check(repository, policy, "a100-whose-kernels-passed", "--strict").exit_code == 0


def test_a_report_saved_under_a_policy_is_a_saved_machine(repository: Path) -> None:
    saved = repository / "report.json"
    check(repository, 'torch = "<2"\n', "default-wheel-on-a100", "-o", f"json={saved}")
    assert json.loads(saved.read_text(encoding="utf-8"))["policy"]["demands"]
    (repository / "envdoctor.toml").unlink()
    said = run_cli(["check", "--snapshot", str(saved)], cwd=repository)
    assert said.exit_code == 0
    assert "policy" not in said.stdout


@pytest.mark.parametrize(
    ("policy", "case", "code"),
    [
        ('device = "cuda"\n', "docker-run-without-gpus", 1),
        ('device = "cpu"\n', "cpu-build-on-a-gpu-laptop", 0),
        ('profile = "cpu"\n', "cpu-build-on-a-gpu-laptop", 0),
        ("", "cpu-build-on-a-gpu-laptop", 1),
        ('torch = ">=2"\n', "no-torch-yet", 1),
        ("", "no-torch-yet", 0),
        ('[severity]\ncpu-only-build = "warning"\n', "cpu-build-on-a-gpu-laptop", 0),
        ('fail-on = "warning"\n[severity]\ncpu-only-build = "warning"\n', "cpu-build-on-a-gpu-laptop", 1),
    ],
)
def test_what_a_policy_says_decides_the_exit_code(repository: Path, policy: str, case: str, code: int) -> None:
    said = check(repository, policy, case)
    assert said.exit_code == code, said.stdout
