"""Files as people write them, broken and consistent ones: what `envdoctor lint` says of each, and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from envdoctor.cli import Invocation, group

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parents[1] / "declarations"
EXPECTED: dict[str, Any] = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))
FILES = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file() and path.name != "expected.toml"
)


def said_of(name: str) -> list[dict[str, Any]]:
    """What lint says above a note."""
    argv = ["lint", str(FOLDER / name), "--format", "json", "--fail-on", "never"]
    result = CliRunner().invoke(group, argv, obj=Invocation(), catch_exceptions=False, standalone_mode=False)
    assert result.return_value == 0
    report = json.loads(result.stdout)
    assert report["crashed"] == []
    return [one for one in report["findings"] if one["severity"] != "note"]


@pytest.mark.parametrize("name", FILES)
def test_what_is_said_of_a_file(name: str) -> None:
    expected = EXPECTED.get(name, {"found": []})["found"]
    said = said_of(name)
    assert sorted((one["rule"], one["location"]["line"]) for one in said) == sorted(
        (one["rule"], one["line"]) for one in expected
    )
    for one in expected:
        where = [each for each in said if (each["rule"], each["location"]["line"]) == (one["rule"], one["line"])]
        assert any(one["correction"] in f"{each['replacement'] or ''}\n{each['message']}" for each in where)


def test_every_file_that_is_expected_is_there() -> None:
    assert set(EXPECTED) <= set(FILES)
    assert len(FILES) - len(EXPECTED) >= 20, "consistent files, of which nothing is said"
