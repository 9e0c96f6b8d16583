"""`envdoctor diff` as people call it: snapshots, reports and pastes, formats and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from machines import Said, run_cli
from scenarios.shipped_schemas import validate

CASES = Path(__file__).parent.parent / "cases"
WELL = CASES / "default-wheel-on-a100" / "snapshot.json"
OLD = CASES / "cuda-13-on-driver-550" / "snapshot.json"
PASTE = """\
torch 2.14.1+cu130, Tesla T4
RuntimeError: The NVIDIA driver on your system is too old (found version 12040).
driver 550.54.15
"""


def diff(folder: Path, *words: str, stdin: str = "") -> Said:
    said = run_cli(["diff", *words], cwd=folder, stdin=stdin)
    assert not said.shows_traceback
    return said


def test_what_decides_is_said_and_the_exit_code_tells_of_it(tmp_path: Path) -> None:
    said = diff(tmp_path, str(OLD), str(WELL))
    assert said.exit_code == 1
    assert "A is broken, B is healthy." in said.stdout
    assert "A fails because torch.cuda is 13.0 (in B 12.8): driver-too-old." in said.stdout
    assert diff(tmp_path, str(OLD), str(WELL), "--fail-on", "never").exit_code == 0


def test_the_same_machine_twice(tmp_path: Path) -> None:
    said = diff(tmp_path, str(OLD), str(OLD))
    assert said.exit_code == 0
    assert "A and B are the same in everything that lasts." in said.stdout


def test_a_paste_beside_a_snapshot_and_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "paste.txt").write_text(PASTE)
    by_file = diff(tmp_path, "paste.txt", str(WELL))
    by_stdin = diff(tmp_path, "-", str(WELL), stdin=PASTE)
    assert by_file.exit_code == by_stdin.exit_code == 1
    assert "A fails because torch.cuda is 13.0 (in B 12.8): driver-too-old." in by_file.stdout
    assert by_stdin.stdout == by_file.stdout.replace("A: paste.txt", "A: -", 1)


def test_a_report_of_check_is_a_machine_too(tmp_path: Path) -> None:
    report = run_cli(["check", "--snapshot", str(OLD), "--format", "json"], cwd=tmp_path).stdout
    (tmp_path / "report.json").write_text(report)
    assert diff(tmp_path, "report.json", str(OLD)).exit_code == 0
    assert diff(tmp_path, "report.json", str(WELL)).exit_code == 1


@pytest.mark.parametrize("b", [WELL, OLD, CASES / "jetson-orin" / "snapshot.json"], ids=lambda path: path.parent.name)
def test_the_document_is_what_its_schema_says(tmp_path: Path, b: Path) -> None:
    document = json.loads(diff(tmp_path, str(OLD), str(b), "--format", "json").stdout)
    assert document["schema"] == "envdoctor.diff/1"
    validate(document)
    assert document["exit_code"] == diff(tmp_path, str(OLD), str(b)).exit_code


def test_a_table_to_post(tmp_path: Path) -> None:
    said = diff(tmp_path, str(OLD), str(WELL), "--format", "markdown")
    assert said.exit_code == 1
    assert "| fact | A | B | decides |\n|---|---|---|---|\n" in said.stdout
    assert "| driver-too-old |" in said.stdout


@pytest.mark.parametrize(
    ("words", "stdin", "says"),
    [
        (("-", "-"), "", "both standard input"),
        (("missing.json", "-"), PASTE, "missing.json: No such file"),
        (("empty.txt", "-"), PASTE, "empty.txt: empty"),
        (("binary", "-"), PASTE, "binary: it is binary"),
        (("other.json", "-"), PASTE, "other.json: not an envdoctor document"),
        (("cut.json", "-"), PASTE, "cut.json: "),
        (("only-one",), "", "Missing argument"),
    ],
    ids=["both stdin", "missing", "empty", "binary", "another document", "cut", "one alone"],
)
def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, words: tuple[str, ...], stdin: str, says: str) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "other.json").write_text('{"name": "x"}')
    (tmp_path / "cut.json").write_bytes(WELL.read_bytes()[:500])
    said = diff(tmp_path, *words, stdin=stdin)
    assert said.exit_code == 2
    assert said.stdout == ""
    assert says in said.stderr


def test_a_file_holds_no_names(tmp_path: Path) -> None:
    """Of people, and of the folders in which the two lie."""
    home = "/home/marianne/venv/lib/python3.11/site-packages"
    (tmp_path / "paste.txt").write_text(
        f"{PASTE}$ pip show torch\nName: torch\nVersion: 2.14.1+cu130\nLocation: {home}\n"
    )
    assert "marianne" in diff(tmp_path, str(tmp_path / "paste.txt"), str(WELL), "-v").stdout
    said = diff(tmp_path, str(tmp_path / "paste.txt"), str(WELL), "-v", "-o", "diff.md", "--format", "markdown")
    written = (tmp_path / "diff.md").read_text()
    assert said.exit_code == 1
    assert "marianne" not in written
    assert str(tmp_path) not in written
    assert "- A: paste.txt\n- B: snapshot.json\n" in written
