"""`check`, `plan` and `fix` tell one plan under the policy of a project, within its demands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from machines import SCENARIOS, environment_of, run_cli

if TYPE_CHECKING:
    from machines import Said

CASES = Path(__file__).parents[1] / "cases"
POLICY = 'torch = ">=2.6,<2.9"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "envdoctor.toml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def commands(plan: Any) -> list[list[str]]:
    return [step["argv"] for step in plan["steps"]]


def asked(project: Path, *argv: str) -> Said:
    said = run_cli(argv, cwd=project)
    assert not said.shows_traceback, said.stderr
    return said


@pytest.mark.parametrize("case", ["default-wheel-on-a100", "v100-under-cuda-13", "ci-runner-with-a-cuda-build"])
def test_plan_of_a_saved_machine_is_that_of_check(project: Path, case: str) -> None:
    snapshot = str(CASES / case / "snapshot.json")
    checked = asked(project, "check", "--snapshot", snapshot, "--format", "json").json()
    planned = asked(project, "plan", "--from", snapshot, "--format", "json").json()
    assert planned["target"]["torch"] == "2.8.0"
    assert commands(planned) == commands(checked["plan"])


def test_what_is_typed_comes_before_the_policy_which_says_so(project: Path) -> None:
    snapshot = str(CASES / "default-wheel-on-a100" / "snapshot.json")
    planned = asked(project, "plan", "--from", snapshot, "--torch", "2.12", "--format", "json").json()
    assert planned["target"]["torch"].startswith("2.12.")
    assert any("The policy demands torch" in text for text in planned["because"])


def test_a_described_machine_is_not_that_of_the_project(project: Path) -> None:
    words = ("plan", "--driver", "580.95.05", "--gpu", "A100", "--format", "json")
    described = asked(project, *words).json()
    assert described["target"]["torch"] != "2.8.0"


def test_fix_carries_out_the_plan_that_check_shows(project: Path, tmp_path: Path) -> None:
    python = environment_of(SCENARIOS["CPU build, no GPU"], tmp_path / "env").python
    shown = asked(project, "check", "--no-smoke", "--python", str(python))
    assert f"envdoctor fix --python {python}" in "".join(shown.stdout.split("\n    "))
    fixed = asked(project, "fix", "--python", str(python))
    assert "requirement-not-met (torch)" in fixed.stdout
    assert "torch==2.8.0" in fixed.stdout
    # `fix` would not find a policy that was named: it is not offered for one.
    (project / "envdoctor.toml").rename(project / "other.toml")
    named = asked(project, "check", "--no-smoke", "--python", str(python), "--policy", "other.toml")
    assert "torch==2.8.0" in named.stdout
    assert "envdoctor fix" not in named.stdout


def test_a_policy_that_cannot_be_read_stops_them_as_well(project: Path) -> None:
    (project / "envdoctor.toml").write_text('troch = "2.9"\n', encoding="utf-8")
    for command in ("plan", "fix"):
        said = asked(project, command)
        assert said.exit_code == 2
        assert "troch: unknown; did you mean torch?" in said.stderr
