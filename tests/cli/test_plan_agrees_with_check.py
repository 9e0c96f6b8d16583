"""Two reports of one machine may not disagree: what `check` plans for a saved one is what `plan` says of it.

In this process, since the gallery has many machines; `test_commands` starts the real command line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envdoctor.cli import main
from scenarios.shipped_schemas import validate

CASES = {path.parent.name: path for path in (Path(__file__).parents[1] / "cases").glob("*/snapshot.json")}
PLANNED = ("status", "undecided", "target", "steps", "because", "alternatives", "conflict", "would_not_help", "proved")


def document(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        main([*args, "--format", "json"])
    said = capsys.readouterr()
    assert ended.value.code in (0, 1)
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    validate(found)
    return found


@pytest.mark.parametrize("name", sorted(CASES))
def test_check_and_plan_say_the_same_of_a_saved_machine(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    planned = document(capsys, "plan", "--from", str(CASES[name]))
    checked = document(capsys, "check", "--snapshot", str(CASES[name]))
    assert [planned.get(key) for key in PLANNED] == [checked["plan"].get(key) for key in PLANNED]
