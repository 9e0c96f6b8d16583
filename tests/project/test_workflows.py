"""The workflows: the systems they run on, what they may do, and the versions of the actions they use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_three_systems_and_the_oldest_and_newest_python_are_covered() -> None:
    text = (FOLDER / "systems.yml").read_text(encoding="utf-8")
    systems = re.search(r"system: \[(.*)\]", text)
    pythons = re.search(r"python: \[(.*)\]", text)
    assert systems
    assert pythons
    assert systems[1].split(", ") == ["ubuntu-latest", "windows-latest", "macos-latest"]
    assert pythons[1].split(", ") == ['"3.10"', '"3.13"', '"3.14"']
    assert "envdoctor check\n" in text
    assert "python -m pytest" in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_workflow_may_read_and_nothing_else(path: Path) -> None:
    found = lines(path)
    assert found[found.index("permissions:") + 1] == "  contents: read"
    assert sum("permissions:" in line for line in found) == 1
    assert not any("secrets." in line or "pull_request_target" in line for line in found)
    checkouts = [number for number, line in enumerate(found) if "actions/checkout@" in line]
    assert checkouts
    assert all(found[number + 2].strip() == "persist-credentials: false" for number in checkouts)
    assert any(line.strip().startswith("timeout-minutes:") for line in found)


def test_every_workflow_uses_the_same_commit_of_an_action() -> None:
    used = {line.split("uses:")[1].strip() for path in FILES for line in lines(path) if "uses:" in line}
    others = [one for one in used if not one.startswith("./ ")]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in others), sorted(others)
    names = [one.partition("@")[0] for one in used]
    assert len(names) == len(set(names)), sorted(used)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_workflow_is_spelt_as_yaml_wants_it(path: Path) -> None:
    """No tabs, even steps of indentation, and no bare number that YAML would read as 3.1."""
    for line in lines(path):
        assert "\t" not in line
        assert (len(line) - len(line.lstrip(" "))) % 2 == 0
    versions = re.findall(r"python(?:-version)?: (.*)", path.read_text(encoding="utf-8"))
    assert all(not re.search(r"(?<![\"\d.])3\.\d+(?!\")", version) for version in versions)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_yaml_reader_reads_it(path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="no YAML reader is installed")
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "permissions", "jobs"} <= set(read)
    assert all(job["steps"] and job["timeout-minutes"] for job in read["jobs"].values())
