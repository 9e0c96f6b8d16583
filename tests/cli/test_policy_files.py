"""Policies, profiles and locks around the working directory, by the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from machines import run_cli

CASES = Path(__file__).parents[1] / "cases"
HEALTHY = str(CASES / "default-wheel-on-a100" / "snapshot.json")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "policy.toml"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "src").mkdir()
    return tmp_path / "repo"


def check(cwd: Path, *options: str, snapshot: str = HEALTHY, **variables: str) -> tuple[int, str, list[str]]:
    """The exit code, what was said on stderr, and the rules of the findings."""
    said = run_cli(["check", "--snapshot", snapshot, "--format", "json", *options], variables, cwd=cwd)
    assert not said.shows_traceback
    return said.exit_code, said.stderr, [one["rule"] for one in said.json()["findings"]] if said.stdout else []


def test_a_policy_in_a_pyproject_above_is_held(repo: Path) -> None:
    (repo / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.envdoctor]\ntorch = "1.13"\n')
    code, said, rules = check(repo / "src")
    assert (code, said) == (1, "")
    assert "requirement-not-met" in rules


def test_a_policy_that_is_met_is_silent(repo: Path) -> None:
    (repo / "envdoctor.toml").write_text('torch = ">=2"\ngpus = ">=1"\ncompute-capability = "8.0"\n')
    assert check(repo) == (0, "", [])


def test_a_url_that_is_taken_for_a_file_tells_no_password(repo: Path) -> None:
    url = "https://me:hunter2@mirror.example/policy.toml"
    for said in (check(repo, "--policy", url), check(repo, ENVDOCTOR_POLICY=url)):
        assert said[:2] == (2, said[1])
        assert said[1].endswith(" https://mirror.example/policy.toml: no such file\n")
        assert said[1].count("\n") == 1


MISTAKES = {
    'torhc = "2"\n': "envdoctor: envdoctor.toml, line 1: torhc: unknown; did you mean torch?\n",
    "torch = 2.10\n": (
        'envdoctor: envdoctor.toml, line 1: torch: a number with a point needs quotes; write torch = "2.10" (without '
        "quotes 2.10 would be 2.1)\n"
    ),
    '[severity]\ndriver-to-old = "note"\n': (
        'envdoctor: envdoctor.toml, line 2: severity: no rule is called "driver-to-old"; did you mean driver-too-old '
        "or driver-too-old-for-gpu or matrix-too-old?\n"
    ),
    'smoke = ["matmul", "matmull"]\n': (
        'envdoctor: envdoctor.toml, line 1: smoke: no test of a check is called "matmull"; did you mean matmul or '
        "matmul-fp8 or matmul-tf32?\n"
    ),
    '"\\u001b]0;x\\u0007" = 1\n': (
        "envdoctor: envdoctor.toml: \\x1b]0;x\\x07: unknown; a distribution stands below [packages]; "
        "docs/reference/policy.md has all keys\n"
    ),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(repo: Path, text: str) -> None:
    (repo / "envdoctor.toml").write_text(text)
    assert check(repo) == (2, MISTAKES[text], [])


def test_the_variable_names_a_policy_and_the_option_comes_before_it(repo: Path) -> None:
    (repo / "never.toml").write_text('fail-on = "never"\ntorch = "1.13"\n')
    (repo / "held.toml").write_text('torch = "1.13"\n')
    (repo / "envdoctor.toml").write_text("not TOML, and not asked\n")
    assert check(repo, ENVDOCTOR_POLICY="never.toml")[0] == 0
    assert check(repo, "--policy", "held.toml", ENVDOCTOR_POLICY="never.toml")[0] == 1
    assert check(repo, ENVDOCTOR_POLICY="nix.toml")[:2] == (2, "envdoctor: ENVDOCTOR_POLICY nix.toml: no such file\n")
    assert check(repo, ENVDOCTOR_POLICY=" ")[:2] == (2, "envdoctor: ENVDOCTOR_POLICY: the value is empty\n")


def test_the_command_line_is_nearer_than_the_file(repo: Path) -> None:
    (repo / "envdoctor.toml").write_text('torch = "1.13"\nfail-on = "never"\n')
    assert check(repo)[0] == 0
    assert check(repo, "--fail-on", "error")[0] == 1


def test_where_a_policy_demands_something_its_selection_leaves_that_in(repo: Path) -> None:
    (repo / "envdoctor.toml").write_text('torch = "1.13"\nselect = ["driver-too-old"]\n')
    assert check(repo) == (1, "", ["requirement-not-met"])
    assert check(repo, "--select", "driver-too-old") == (0, "", [])


def test_a_profile_of_the_team_and_one_that_is_not_there(repo: Path) -> None:
    profiles = repo / ".envdoctor" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "nodes.toml").write_text('profile = "gpu"\ngpus = 8\n')
    code, _, rules = check(repo / "src", "--profile", "nodes")
    assert (code, rules) == (1, ["requirement-not-met"])
    said = '--profile: "node" is no profile that is here; did you mean nodes? there are core, cpu, gpu, nodes'
    assert check(repo, "--profile", "node")[:2] == (2, f"envdoctor: {said}\n")


def test_a_lock_that_is_not_there(repo: Path) -> None:
    said = f"envdoctor: --locked: no envdoctor.lock here or above, up to {repo}; `envdoctor lock` writes one\n"
    assert check(repo / "src", "--locked")[:2] == (2, said)


def test_the_user_s_settings_do_not_govern_a_check_beside_them(repo: Path) -> None:
    settings = repo / "envdoctor" / "envdoctor.toml"
    settings.parent.mkdir()
    settings.write_text('index-base = "https://mirror.example/whl"\n')
    assert check(settings.parent, XDG_CONFIG_HOME=str(repo)) == (0, "", [])
    assert check(settings.parent)[1].startswith("envdoctor: envdoctor.toml, line 1: index-base: unknown; a policy does")


def test_a_paste_is_not_judged_by_a_policy_nearby(repo: Path) -> None:
    (repo / "envdoctor.toml").write_text("not TOML\n")
    said = run_cli(["triage", "-"], cwd=repo, stdin="torch 2.9.1+cu128\n")
    assert said.exit_code in (0, 1), said.stderr


def test_a_profile_that_looks_at_less_leaves_no_gap(tmp_path: Path) -> None:
    """Every probe that may be left out, at once, on this very machine: no bug, no new finding, no gap."""
    from envdoctor.policy.keys import PROBES

    (tmp_path / "less.toml").write_text(f"without = {json.dumps([*PROBES])}\n")
    options = ["check", "--no-smoke", "--format", "json", "--strict"]
    less = run_cli([*options, "--profile", "./less.toml"], cwd=tmp_path)
    whole = run_cli(options, cwd=tmp_path)
    assert not less.shows_traceback
    facts = less.json()["snapshot"]["facts"]
    assert [name for name, one in facts.items() if " failed: " in one.get("reason", "")] == []
    assert {one["rule"] for one in less.json()["findings"]} <= {one["rule"] for one in whole.json()["findings"]}
    assert less.json()["crashed"] == []
    assert less.exit_code <= whole.exit_code


def test_the_example_of_the_guide_is_read() -> None:
    said = run_cli(["check", "--snapshot", HEALTHY, "--policy", str(EXAMPLE), "--format", "json"])
    assert said.exit_code == 1, said.stderr
    missing = {one["subject"] for one in said.json()["findings"] if one["rule"] == "requirement-not-met"}
    assert "gpus" in missing


GUIDE = EXAMPLE.parents[1] / "how-to" / "policy.md"
IGNORE = """[[ignore]]
rule = "mig"
subject = "gpu:0"
reason = "The instances are made tonight, ticket ML-311."
expires = {day}
"""
SHOWN = {
    'torch = ">=2.6,<2.10"\ngpus = 8\n': "default-wheel-on-a100",
    'torch = ">=2.6,<2.10"\ngpu = 8\n': "default-wheel-on-a100",
    IGNORE.format(day="9999-12-31"): "mig-without-instances",
    IGNORE.format(day="2026-11-20"): "mig-without-instances",
}
"""Policies of the guide, each with the machine it is shown on."""


@pytest.mark.parametrize("text", SHOWN, ids=["demanded", "misspelt", "ignored", "expired"])
def test_the_guide_shows_what_is_said(repo: Path, text: str) -> None:
    (repo / "envdoctor.toml").write_text(text)
    said = run_cli(["check", "--snapshot", str(CASES / SHOWN[text] / "snapshot.json")], cwd=repo)
    lines = (said.stdout + said.stderr).replace("9999-12-31", "2026-11-30").splitlines()
    blocks = [block.partition("```")[0] for block in GUIDE.read_text().split("```console\n")[1:]]
    shown = [[line for line in block.splitlines() if line and line[0] != "$" and line != "..."] for block in blocks]
    assert any(block and all(line in lines for line in block) for block in shown), f"not in the guide: {lines}"
