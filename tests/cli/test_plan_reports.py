"""What `plan` writes: the table of what was weighed, files without names, the age of the matrix."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.codec.plan import encode
from envdoctor.codec.redact_report import redacted_plan
from envdoctor.commands import planning
from envdoctor.matrix.load import load_matrix
from envdoctor.model.plan import Applicability, Conflict, Edit, Plan, Status, Step, Target, Weighed
from machines import machine_snapshot, make_environment, run_cli
from scenarios.shipped_schemas import validate

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix

HEALTHY = Path(__file__).parents[1] / "cases" / "default-wheel-on-a100" / "snapshot.json"
A100 = ("--driver", "470.256.02", "--gpu", "A100")
MATRIX = load_matrix()


@pytest.mark.parametrize("args", [A100, ("--from", str(HEALTHY)), ("--driver", "100.14", "--gpu", "A100")])
def test_json_lists_every_candidate_with_its_reasons(args: tuple[str, ...]) -> None:
    plan = run_cli(["plan", *args, "--format", "json"]).json()
    validate(plan)
    listed = plan["candidates"]
    assert len(listed) > 20
    assert all(one["fits"] == (not one["reasons"]) for one in listed)
    assert MATRIX.newest_torch == listed[-1]["version"].partition("+")[0]
    if plan["status"] == "solved":
        assert {"version": "2.6.0+cu118", "fits": True} in [
            {key: one[key] for key in ("version", "fits")} for one in listed
        ]
    if plan["status"] == "impossible":
        assert not any(one["fits"] for one in listed)


def test_the_terminal_lists_them_where_all_is_asked_for() -> None:
    short = run_cli(["plan", *A100]).stdout
    whole = run_cli(["plan", *A100, "-v"]).stdout
    assert whole.startswith(short)
    rows = [line.split()[0] for line in whole[len(short) :].splitlines() if line.startswith("  2.")]
    assert rows[0].startswith(f"{MATRIX.newest_torch}+")
    assert rows.index("2.7.1+cu118") < rows.index("2.6.0+cu118")
    assert run_cli(["plan", "--from", str(HEALTHY), "-v"]).stdout.startswith("Nothing to do: ")


def test_files_in_both_forms(tmp_path: Path) -> None:
    said = run_cli(["plan", *A100, "-o", "json=plan.json", "-o", "terminal=plan.txt"], cwd=tmp_path)
    assert (said.exit_code, said.stdout) == (0, "")
    document = json.loads((tmp_path / "plan.json").read_text())
    validate(document)
    assert document["candidates"]
    assert (tmp_path / "plan.txt").read_text() == run_cli(["plan", *A100]).stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-o", ""], "empty"), (["-o", "json="], "no file name"), (["-o", "-", "-o", "json=-"], "both write"),
        (["-o", "/nowhere/plan.json"], "cannot be written"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_written(args: list[str], words: str) -> None:
    said = run_cli(["plan", *A100, *args])
    assert (said.exit_code, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert words in said.stderr


def test_a_file_holds_no_names_of_people(tmp_path: Path) -> None:
    home = tmp_path / "home" / "alice"
    python = make_environment(home / "venv", None).python
    command = ["plan", "--python", str(python)]
    printed = run_cli(command, {"USER": "alice"}, home=home)
    assert "alice" in printed.stdout
    run_cli([*command, "-o", "json=plan.json", "-o", "plan.txt"], {"USER": "alice"}, home=home, cwd=tmp_path)
    for name in ("plan.json", "plan.txt"):
        text = (tmp_path / name).read_text()
        assert "venv" in text
        assert "alice" not in text


def test_no_part_of_a_plan_keeps_a_name() -> None:
    name = "/home/alice/c.txt"
    plan = Plan(
        Status.IMPOSSIBLE,
        Target("2.9.1", None, None, "cu128", f"file://{name}"),
        (Step("install-wheels", Applicability.UNSAFE, name, (name,), Edit("pyproject.toml", name)),),
        because=(name,),
        would_not_help=(name,),
        conflict=Conflict((name,), (name,)),
        candidates=(Weighed("2.9.1+cu128", "cu128", (name,), "sourced"),),
    )
    plan = replace(plan, alternatives=(plan,))
    hidden = json.dumps(encode(redacted_plan(plan, machine_snapshot(), "/home/alice", "alice", None)))
    assert "alice" not in hidden
    assert json.dumps(encode(plan)).count("alice") == 18
    assert hidden.count("c.txt") == 18


@pytest.mark.parametrize(("revision", "told"), [("2020-01-01", True), ("2999-01-01", False), ("no date", False)])
def test_an_old_matrix_is_told_on_standard_error(revision: str, told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    planning.tell_age(_dated(revision))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"envdoctor: note: the compatibility matrix is of {revision}, ") == told
    assert said.err.count("\n") == told


def test_the_note_does_not_disturb_the_document(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "compat_matrix.toml").read_text(encoding="utf-8")
    day = "2026-01-01"
    earlier = re.sub(r'"(20[0-9]{2}-[0-9]{2}-[0-9]{2})"', lambda match: f'"{min(match[1], day)}"', text)
    old = tmp_path / "old.toml"
    old.write_text(earlier, encoding="utf-8")
    said = run_cli(["plan", *A100, "--matrix", str(old), "--format", "json"])
    assert said.exit_code == 0, said.stderr
    assert said.json()["status"] == "solved"
    assert f"of {day}, " in said.stderr


def _dated(revision: str) -> Matrix:
    """The shipped matrix as one of another day."""
    dated = load_matrix()
    dated.root.cells["revision"] = revision  # type: ignore[index]
    return dated


def test_help_teaches() -> None:
    said = run_cli(["plan", "--help"]).stdout
    for word in (
        "envdoctor plan --from friend.json",
        "--driver 535.104.05 --gpu 'RTX 4090'",
        "-c constraints.txt",
        "Exit code",
    ):
        assert word in said
