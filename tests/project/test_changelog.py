"""The changelog names every rule, and what README and changelog say of their number is so."""

from __future__ import annotations

import re
from pathlib import Path

from envdoctor.rules.rule import all_rules

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
RULES = [rule.name for rule in all_rules()]
TENS = {20: "Twenty", 30: "Thirty", 40: "Forty", 50: "Fifty", 60: "Sixty", 70: "Seventy"}
ONES = ("", "-one", "-two", "-three", "-four", "-five", "-six", "-seven", "-eight", "-nine")


def test_every_rule_is_named() -> None:
    """Names of rules are the public interface; a new one is a change that a user can see."""
    assert [name for name in RULES if f"`{name}`" not in CHANGELOG] == []


def test_the_number_of_rules() -> None:
    word = TENS[len(RULES) // 10 * 10] + ONES[len(RULES) % 10]
    assert f"- {word} rules:" in CHANGELOG
    assert re.search(rf"^{len(RULES)} defects,", README, re.MULTILINE)


def test_the_size_of_the_gallery() -> None:
    said = re.search(r"more\s+than (\d+) machines, most of them healthy", README)
    assert said
    machines = [path for path in (ROOT / "tests" / "cases").iterdir() if path.is_dir()]
    works = [path for path in machines if "\nerror  " not in (told := _told(path)) and "\nwarning  " not in told]
    assert len(machines) > int(said[1])
    assert len(works) * 2 > len(machines)


def _told(machine: Path) -> str:
    return (machine / "terminal.txt").read_text(encoding="utf-8")
