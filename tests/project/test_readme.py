"""What README and docs tell to type: `make` first, and until publication only ever from a checkout."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAME = PROJECT["project"]["name"]

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "docker/**/*",
        ".github/**/*.yml",
        "action.yml",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
)
SOURCES = sorted((ROOT / "src").rglob("*.py"))

INSTALLER = re.compile(
    r"\b(?:pip3?\s+(?:install|download|wheel)|uv\s+(?:add|tool\s+(?:install|run))|uvx|pipx\s+(?:install|run)"
    r"|(?:conda|mamba|micromamba)\s+install|(?:poetry|pdm|pixi)\s+add)\b(?P<words>(?:(?!\s#)[^\n`;|&])*)"
)


def spelled(word: str) -> str:
    """A requirement's bare name, normalised as in the packaging guide's "Names and normalization"."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~@;, ]", word.strip("'\""))[0]).lower()


def bare_installs(text: str) -> list[str]:
    """The install commands in a text that name our distribution, or the similarly named one."""
    ours = {spelled(NAME), "env-doctor"}
    return [
        match[0].strip()
        for match in INSTALLER.finditer(text)
        if any(spelled(word) in ours for word in match["words"].split())
    ]


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_install_line_is_from_a_checkout(path: Path) -> None:
    found = bare_installs(path.read_text(encoding="utf-8"))
    assert found == [], "not published yet (docs/adr/0002-the-name.md): install from a checkout"


@pytest.mark.parametrize(
    "line",
    [
        f"pip install {NAME}",
        f"python -m pip install --upgrade '{NAME}[torch]'",
        f"pip install {NAME}==0.1.0",
        f"uv tool install {NAME}",
        f"uvx {NAME} check",
        f"pipx run {NAME}",
        f"uv pip install {NAME}",
        f"`pip install {NAME.replace('d', '-d', 1)}`",
    ],
)
def test_a_bare_install_is_seen(line: str) -> None:
    assert bare_installs(f"Run\n\n    {line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "pip install .",
        "pip install ./envdoctor",
        "uv tool install .",
        "pip install git+https://example.org/envdoctor.git",
        "pip install '.[torch]' # then run envdoctor",
        "pip install torch; envdoctor check",
    ],
)
def test_an_install_from_a_checkout_is_not(line: str) -> None:
    assert bare_installs(line) == []


def test_make_doctor_and_make_test_stand_at_the_top_of_the_readme() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    top = "\n".join(lines[:30])
    assert "make doctor" in top
    assert "make test" in top


def test_the_name_of_the_distribution_stands_in_one_place() -> None:
    """Extras and groups do not refer to it; code that wants it asks the installed metadata."""
    groups = PROJECT.get("dependency-groups", {})
    extras = PROJECT["project"].get("optional-dependencies", {})
    wanted = [entry for entries in (*groups.values(), *extras.values()) for entry in entries]
    assert spelled(NAME) not in {spelled(entry) for entry in wanted if isinstance(entry, str)}

    asking = {"version", "distribution", "metadata", "requires", "files"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                given = node.args[0].value
                assert called not in asking or given != NAME, f"{path.name}:{node.lineno} writes the name out"
