"""Two reports of one machine may not disagree: what `check` plans for a saved one is what `plan` says of it.

In this process, since the gallery has many machines, and without `cli.main`, which takes signals into its hands;
`test_commands` starts the real command line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from envdoctor.cli import Invocation, group
from scenarios.shipped_schemas import validate

CASES = {path.parent.name: path for path in (Path(__file__).parents[1] / "cases").glob("*/snapshot.json")}
PLANNED = ("status", "undecided", "target", "steps", "because", "alternatives", "conflict", "would_not_help", "proved")


def document(*args: str) -> dict[str, Any]:
    argv = [*args, "--format", "json"]
    said = CliRunner().invoke(group, argv, obj=Invocation(), catch_exceptions=False, standalone_mode=False)
    assert said.return_value in (0, 1)
    assert said.stderr == ""
    found: dict[str, Any] = json.loads(said.stdout)
    validate(found)
    return found


@pytest.mark.parametrize("name", sorted(CASES))
def test_check_and_plan_say_the_same_of_a_saved_machine(name: str) -> None:
    planned = document("plan", "--from", str(CASES[name]))
    checked = document("check", "--snapshot", str(CASES[name]))
    assert [planned.get(key) for key in PLANNED] == [checked["plan"].get(key) for key in PLANNED]
