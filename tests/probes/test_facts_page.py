"""docs/reference is what the code says of its facts, its variables and its rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from envdoctor.probes.environment import VARIABLES
from envdoctor.probes.look import PROBES
from envdoctor.rules.declared.declared_rule import all_declared
from envdoctor.rules.rule import Rule, all_rules

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "docs" / "generate_facts.py"
REFERENCE = ROOT / "docs" / "reference"


def run(generator: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(generator), *arguments], capture_output=True, text=True, check=False)


def test_the_pages_are_fresh() -> None:
    done = run(GENERATOR, "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code gives them now."""
    generator = copied(tmp_path_factory.mktemp("checkout"))
    assert run(generator).returncode == 0
    return generator.parent


def copied(checkout: Path) -> Path:
    """The generator in a checkout that holds nothing else."""
    generator = checkout / "docs" / "generate_facts.py"
    generator.parent.mkdir()
    generator.write_text(GENERATOR.read_text(encoding="utf-8"), encoding="utf-8")
    return generator


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__.rpartition(".")[2])
def test_every_fact_has_its_line(probe: object, written: Path) -> None:
    lines = (written / "reference" / "facts.md").read_text(encoding="utf-8").splitlines()
    for name, meaning in probe.FACTS.items():  # type: ignore[attr-defined]
        assert f"| `{name}` | {meaning} |" in lines


def test_every_variable_has_its_line(written: Path) -> None:
    lines = (written / "reference" / "environment.md").read_text(encoding="utf-8").splitlines()
    for name, meaning in VARIABLES.items():
        assert f"| `{name}` | {meaning} |" in lines


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_every_rule_has_its_page_and_its_line(rule: Rule, written: Path) -> None:
    text = (written / "reference" / "rules" / f"{rule.name}.md").read_text(encoding="utf-8")
    assert f"\n# {rule.name}\n\n{rule.summary}\n" in text
    for title in ("What it means", "How to be sure", "How to fix", "Sources", "Severity", "Example"):
        assert f"\n## {title}\n" in text
    for when, severity in rule.severities.items():
        assert f"| {when} | {severity.word} |" in text
    if rule.of_files_alone:
        fires = next(one.fires[0] for one in all_declared() if one.name == rule.name)
        assert f"A file with this: {fires.title}.\n\n```text\n{fires.text}```" in text
        assert re.search(rf"^({rule.worst.word}  .*{rule.name}|note  )", text, re.MULTILINE)
        assert "## Facts it reads" not in text
    else:
        assert f"A machine with this: {rule.fires[0].title}." in text
        assert re.search(rf"^({rule.fires[0].severity.word}  .*{rule.name}|note  )", text, re.MULTILINE)
    assert re.search(r"\n## It is silent about\n\n- \S", text)
    assert all(f"`{name}`" in text for name in rule.needs)
    listed = (written / "reference" / "rules.md").read_text(encoding="utf-8")
    assert listed.count(f"[`{rule.name}`](rules/{rule.name}.md)") == 1


def test_links_between_the_pages_lead_somewhere(written: Path) -> None:
    for page in (written / "reference").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"


def test_a_stale_page_is_said_with_the_command_that_mends_it(tmp_path: Path) -> None:
    generator = copied(tmp_path)
    stale = run(generator, "--check")
    assert stale.returncode == 1
    assert "docs/reference/facts.md is not what the code says" in stale.stderr
    assert "docs/reference/rules/driver-too-old.md" in stale.stderr
    assert "python docs/generate_facts.py" in stale.stderr
    assert run(generator).returncode == 0
    (tmp_path / "docs" / "reference" / "rules" / "a-rule-that-is-no-more.md").write_text("old")
    gone = run(generator, "--check")
    assert gone.returncode == 1
    assert "a-rule-that-is-no-more" in gone.stderr
    assert run(generator).returncode == 0
    assert run(generator, "--check").returncode == 0
    assert run(generator, "--unknown").returncode == 2
