"""What would be a green gate that judged nothing of what its author meant: each is refused, fails, or says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from gate_machines import document

from envdoctor.cli import Invocation, group
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from pathlib import Path

HEALTHY = "a100-whose-kernels-passed"
NO_TORCH = "no-torch-yet"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    for name in (HEALTHY, NO_TORCH):
        (tmp_path / f"{name}.json").write_text(json.dumps(document(name)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    """The exit code and standard output."""
    ran = CliRunner().invoke(group, words, obj=Invocation(), standalone_mode=False)
    assert ran.exception is None, ran.exception
    return int(ran.return_value), ran.stdout


def check(name: str, *words: str) -> tuple[int, str]:
    return run("check", "--snapshot", f"{name}.json", *words)


def refused(*words: str) -> str:
    """What is said of a command line that cannot be used."""
    ran = CliRunner().invoke(group, words, obj=Invocation(), standalone_mode=False)
    assert isinstance(ran.exception, Unusable), ran.output
    return ran.exception.message


def refusal_of_check(*words: str) -> str:
    return refused("check", "--snapshot", f"{HEALTHY}.json", *words)


@pytest.mark.parametrize("table", ["envdoctor", "tools.envdoctor", "tool.EnvDoctor"])
def test_a_table_that_is_ours_but_for_a_slip(repo: Path, table: str) -> None:
    (repo / "pyproject.toml").write_text(f"[project]\nname = 'it'\n\n[{table}]\ngpus = 8\n", encoding="utf-8")
    assert refusal_of_check() == f"pyproject.toml, line 4: [{table}]: did you mean [tool.envdoctor]?"


def test_tables_of_others_are_left_alone(repo: Path) -> None:
    (repo / "pyproject.toml").write_text(
        '[project]\nname = "envdoctor"\n[tool.poetry.envdoctor]\n[tool.env-doctor]\n[tools]\n', encoding="utf-8"
    )
    assert check(HEALTHY)[0] == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_project_file_of_a_windows_shell(repo: Path, encoding: str) -> None:
    (repo / "pyproject.toml").write_bytes("[tool.envdoctor]\r\ngpus = 8\r\n".encode(encoding))
    assert refusal_of_check() in ("pyproject.toml: not UTF-8 text", "pyproject.toml, line 1: not TOML")


def test_a_project_file_that_is_a_link_to_nowhere(repo: Path) -> None:
    (repo / "pyproject.toml").symlink_to("shared/pyproject.toml")
    assert refusal_of_check() == "pyproject.toml: no such file"


@pytest.mark.parametrize("command", [("check", "--snapshot", f"{HEALTHY}.json"), ("lint", "requirements.txt")])
def test_no_rule_is_left(repo: Path, command: tuple[str, ...]) -> None:
    (repo / "requirements.txt").write_text("torch==2.9.1\n", encoding="utf-8")
    assert refused(*command, "--select", "mig", "--ignore", "mig").startswith("no rule is left to run: ")
    (repo / "envdoctor.toml").write_text('select = ["mig"]\nleave-out = ["mig"]\n', encoding="utf-8")
    assert refused(*command).startswith("no rule is left to run: ")
    (repo / "envdoctor.toml").write_text('gpus = 8\nleave-out = ["requirement-not-met"]\n', encoding="utf-8")
    assert refused(*command) == ("leave-out: requirement-not-met: nothing of what the policy demands would be judged")


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        ('device = "cuda"\n', ["torch-not-installed"]),
        ('device = "cpu"\n', ["torch-not-installed"]),
        ("smoke = true\n", ["torch-not-installed"]),
        ('smoke = ["matmul"]\n', ["torch-not-installed", "requirement-not-met"]),
        ("gpus = 1\n", []),
    ],
)
def test_an_environment_without_the_torch_that_is_to_compute(repo: Path, policy: str, rules: list[str]) -> None:
    (repo / "envdoctor.toml").write_text(policy, encoding="utf-8")
    code, text = check(NO_TORCH, "--format", "json")
    found = json.loads(text)["findings"]
    assert [one["rule"] for one in found if one["severity"] == "error"] == rules
    assert code == bool(rules)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "envdoctor.lock: demands nothing; `envdoctor lock` writes it anew"),
        ("# all taken out\n", "envdoctor.lock: demands nothing; `envdoctor lock` writes it anew"),
        *(
            (f'torch = "*"\n{line}\n', f"envdoctor.lock, line 2: {key}: a lock demands, and says nothing else")
            for key, line in {
                "fail-on": 'fail-on = "never"',
                "select": 'select = ["mig"]',
                "profile": 'profile = "cpu"',
                "severity": '[severity]\nmig = "note"',
                "ignore": '[[ignore]]\nrule = "mig"\nreason = "it is late"',
            }.items()
        ),
    ],
)
def test_a_lock_that_was_weakened_by_hand(repo: Path, text: str, said: str) -> None:
    (repo / "envdoctor.lock").write_text(text, encoding="utf-8")
    assert refusal_of_check("--locked").startswith(said)


def test_a_lock_does_not_keep_the_policy_s_kernels_from_being_run(repo: Path) -> None:
    (repo / "envdoctor.toml").write_text("smoke = true\n", encoding="utf-8")
    (repo / "envdoctor.lock").write_text('torch = "*"\nsmoke = false\n', encoding="utf-8")
    assert check(NO_TORCH, "--locked")[0] == 1


@pytest.mark.parametrize("form", ["terminal", "markdown", "github", "github-summary", "sarif", "junit", "prometheus"])
def test_rules_that_were_not_run_are_told_in_every_format_that_has_room(repo: Path, form: str) -> None:
    said = {
        "terminal": "; 2 were left out.",
        "markdown": "2 rules left out",
        "github": "2 rules left out.",
        "github-summary": "2 rules left out",
        "sarif": "what the profile does not look at: cpu-only-build, mig.",
        "junit": "left out by --select or --ignore",
        "prometheus": 'envdoctor_check_status{check="mig",status="skipped"} 1',
    }
    code, text = check(HEALTHY, "--ignore", "mig", "--ignore", "cpu-only-build", "--format", form)
    assert code == 0
    assert said[form] in text
    assert said[form] not in check(HEALTHY, "--format", form)[1]


def test_lint_says_what_a_policy_keeps_it_from_finding(repo: Path) -> None:
    (repo / "requirements.txt").write_text("torch==2.9.1\ntorchvision==0.20.0\n", encoding="utf-8")
    (repo / "envdoctor.toml").write_text('select = ["mig"]\n', encoding="utf-8")
    code, text = run("lint", "requirements.txt")
    assert code == 0
    assert "nothing is wrong by the rules that were run; " in text
    assert text.rstrip().endswith(" rules left out.")
