"""`envdoctor lint` as people call it: files, folders, machines, formats, exit codes, and what it writes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from machines import Said, run_cli

if TYPE_CHECKING:
    from pathlib import Path

WRONG = "torch==2.6.0\ntorchvision==0.17.0\n"
RIGHT = "torch==2.6.0\ntorchvision==0.21.0\n"
UNSAFE = "FROM python:3.14-slim\nRUN pip install torch==2.5.1\n"
NAME = "requirements.txt"


def lint(folder: Path, *words: str, stdin: str = "") -> Said:
    said = run_cli(["lint", *words], cwd=folder, stdin=stdin)
    assert not said.shows_traceback
    return said


def document(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def put(folder: Path, text: str | bytes, name: str = NAME) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---- files and folders ----------------------------------------------------------------------------


def test_a_finding_names_the_place_and_the_corrected_line(tmp_path: Path) -> None:
    put(tmp_path, WRONG)
    said = lint(tmp_path, NAME)
    assert said.exit_code == 1
    assert said.stdout.startswith(f"{NAME}:2:1: error  torch-torchvision-mismatch (torchvision)\n")
    assert "\n  + torchvision==0.21.0\n" in said.stdout
    assert "1 line can be corrected by --fix." in said.stdout


def test_nothing_wrong_and_nothing_declared_are_said(tmp_path: Path) -> None:
    put(tmp_path, RIGHT)
    put(tmp_path, "numpy\n", "other-requirements.txt")
    said = lint(tmp_path, NAME)
    assert (said.exit_code, said.stdout) == (0, "1 file: nothing is wrong.\n")
    said = lint(tmp_path, "other-requirements.txt")
    assert said.exit_code == 0
    assert said.stdout.startswith("1 file: Nothing in these files declares a torch")


def test_a_folder_is_searched_and_what_others_declared_is_not(tmp_path: Path) -> None:
    put(tmp_path, WRONG, ".devcontainer/requirements.txt")
    put(tmp_path, WRONG, "environment/requirements.txt")
    put(tmp_path, WRONG, ".git/requirements.txt")
    put(tmp_path, WRONG, "node_modules/x/requirements.txt")
    put(tmp_path, WRONG, "mine/requirements.txt")
    put(tmp_path, "", "mine/pyvenv.cfg")
    put(tmp_path, "import torch\n", "source.py")
    (tmp_path / "environment" / "round").symlink_to(tmp_path)
    (tmp_path / "environment" / "a-requirements.txt").symlink_to("requirements.txt")
    os.mkfifo(tmp_path / "fifo-requirements.txt")
    found = document(lint(tmp_path, ".", "--format", "json"))
    names = [".devcontainer/requirements.txt", "environment/requirements.txt"]
    assert [one["file"] for one in found["lint"]["files"]] == names
    assert [one["location"]["file"] for one in found["findings"]] == names


def test_an_empty_folder_is_no_failure(tmp_path: Path) -> None:
    said = lint(tmp_path, ".")
    assert said.exit_code == 0
    assert said.stdout == "There is no file here whose name says that it declares an environment.\n"


def test_more_files_than_anybody_has(tmp_path: Path) -> None:
    for number in range(2001):
        put(tmp_path, "", f"{number}-requirements.txt")
    said = lint(tmp_path, ".")
    assert said.exit_code == 2
    assert said.stderr.strip().endswith("holds more than 2000 files to look into; name folders below it")


def test_a_file_that_cannot_be_read_does_not_silence_the_others(tmp_path: Path) -> None:
    put(tmp_path, WRONG)
    said = lint(tmp_path, "missing.txt", NAME)
    assert said.exit_code == 2
    assert "missing.txt: not read: No such file or directory\n" in said.stdout
    assert "torch-torchvision-mismatch" in said.stdout


def test_a_file_of_a_folder_that_cannot_be_parsed_is_told(tmp_path: Path) -> None:
    put(tmp_path, "[project\n", "pyproject.toml")
    put(tmp_path, RIGHT)
    said = lint(tmp_path, ".")
    assert said.exit_code == 2
    assert said.stdout.startswith("pyproject.toml: not read: ")


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 0, "Nothing in these files"),
        (bytes(range(256)) * 40, 2, "not text"),
        (b"torch==2.6.0\0\0\0\n", 2, "not text"),
        (b"x" * 20_000_001, 2, "larger than 20 MB"),
        (b"torch==" + b"1." * 500_000, 0, "Nothing in these files"),
        (b"torch " * 200_000, 0, "Nothing in these files"),
        (WRONG.encode("utf-16"), 1, "torchvision==0.21.0"),
        (WRONG.encode("utf-16-le"), 1, "torchvision==0.21.0"),
        (b"# caf\xe9\n" + WRONG.encode(), 1, "torchvision==0.21.0"),
    ],
)
def test_what_is_no_requirements_file(tmp_path: Path, content: bytes, code: int, words: str) -> None:
    put(tmp_path, content)
    said = lint(tmp_path, NAME)
    assert said.exit_code == code, said
    assert words in said.stdout
    assert said.stderr == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", "[project]\ndependencies = " + "[" * 50_000),
        ("pixi.toml", "a" + ".a" * 50_000 + "=1\n"),
        ("compose.yml", "services:\n  a: " + "[" * 20_000),
        ("x.ipynb", '{"cells":' + "[" * 100_000),
        ("Pipfile.lock", '{"a":' * 50_000),
        ("x.md", ">" * 200_000 + " pip install torch\n"),
        ("environment.yml", "a: &a [x,x]\n" + "".join(f"a{n}: &a{n} [{','.join(['*a'] * 9)}]\n" for n in range(9))),
    ],
)
def test_nesting_without_end(tmp_path: Path, name: str, content: str) -> None:
    put(tmp_path, content, name)
    said = lint(tmp_path, name)
    assert said.exit_code in (0, 2)
    assert said.stderr == ""
    assert len(said.stdout.splitlines()) <= 3


def test_a_name_with_a_line_break_stays_on_its_line(tmp_path: Path) -> None:
    put(tmp_path, WRONG, "a\nrequirements.txt")
    assert lint(tmp_path, "a\nrequirements.txt").stdout.startswith("a\\x0arequirements.txt:2:1: error")


def test_the_name_of_a_file_is_no_heading(tmp_path: Path) -> None:
    """In a list of files that could not be read it stands first."""
    put(tmp_path, "no TOML", "# x/uv.lock")
    said = lint(tmp_path, ".", "--format", "markdown")
    assert said.exit_code == 2
    assert "# x/uv.lock: not read" in said.stdout
    assert "<h1>" not in MarkdownIt("commonmark").render(said.stdout)


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_unknown_rules_are_refused(tmp_path: Path, option: str) -> None:
    put(tmp_path, WRONG)
    said = lint(tmp_path, NAME, option, "no-such-rule")
    assert said.exit_code == 2
    assert said.stderr.startswith(f"envdoctor: {option} no-such-rule: no such rule")


def test_rules_that_are_chosen(tmp_path: Path) -> None:
    put(tmp_path, WRONG)
    assert lint(tmp_path, NAME, "--ignore", "torch-torchvision-mismatch").exit_code == 0
    assert lint(tmp_path, NAME, "--select", "wrong-index-url").exit_code == 0
    assert lint(tmp_path, NAME, "--select", "torch-torchvision-mismatch").exit_code == 1
    assert lint(tmp_path, NAME, "--fail-on", "never").exit_code == 0


def test_the_reader_went_away(tmp_path: Path) -> None:
    put(tmp_path, "".join(f"pip install torch==2.6.0 torchvision==0.{n}.0\n" for n in range(5, 17)) * 40, "x.sh")
    argv = [sys.executable, "-m", "envdoctor", "lint", "x.sh"]
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode in (1, 141)


# ---- formats --------------------------------------------------------------------------------------


def test_json_holds_places_lines_and_the_diff(tmp_path: Path) -> None:
    put(tmp_path, WRONG)
    found = document(lint(tmp_path, NAME, "--format", "json"))
    (finding,) = found["findings"]
    assert finding["location"] == {"file": NAME, "line": 2, "column": 1, "end_line": 2}
    assert finding["replacement"] == "torchvision==0.21.0"
    assert found["lint"]["target"] is None
    (correction,) = found["lint"]["corrections"]
    assert (correction["lines"], correction["written"]) == (1, False)
    assert correction["diff"].endswith("-torchvision==0.17.0\n+torchvision==0.21.0\n")


def test_markdown_shows_the_line_as_it_should_be(tmp_path: Path) -> None:
    put(tmp_path, "```\npip install torch==2.6.0 torchvision==0.17.0\n```\n", "x.md")
    text = lint(tmp_path, "x.md", "--format", "markdown").stdout
    assert text.startswith("`x.md:2` error: **torch-torchvision-mismatch**\n")
    assert "\n```diff\n+pip install torch==2.6.0 torchvision==0.21.0\n```\n" in text
    assert "\n````diff\n--- x.md\n" in text, "a fence in the text ends no block of the report"


def test_a_saved_report_names_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home" / "alice"
    put(home, WRONG)
    run_cli(["lint", str(home / NAME), "-o", "json=saved.json"], cwd=tmp_path, env={"HOME": str(home), "USER": "alice"})
    assert "alice" not in (tmp_path / "saved.json").read_text(encoding="utf-8")


# ---- --fix ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "utf-8"), (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
     (b"", "utf-16-le"), (b"", "latin-1")],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_nothing_but_the_correction_is_written(tmp_path: Path, mark: bytes, encoding: str, end: str) -> None:
    text = "# café\n" + WRONG + "numpy"
    path = put(tmp_path, mark + text.replace("\n", end).encode(encoding))
    path.chmod(0o640)
    said = lint(tmp_path, NAME, "--fix")
    assert (said.exit_code, said.stdout) == (0, f"{NAME}: written, 1 line corrected\n1 file: nothing is wrong.\n")
    assert path.read_bytes() == mark + text.replace("0.17.0", "0.21.0").replace("\n", end).encode(encoding)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = path.stat().st_mtime_ns
    assert lint(tmp_path, NAME, "--fix").stdout == "1 file: nothing is wrong.\n"
    assert path.stat().st_mtime_ns == before


def test_bytes_of_no_letter_are_not_rewritten(tmp_path: Path) -> None:
    content = "# é à ü ö\n".encode() + b"# \xff\n" + WRONG.encode()
    path = put(tmp_path, content)
    said = lint(tmp_path, NAME, "--fix")
    assert said.exit_code == 2
    assert f"{NAME}: not written: " in said.stdout
    assert path.read_bytes() == content


def test_a_link_stays_one(tmp_path: Path) -> None:
    path = put(tmp_path, WRONG, "kept/real.txt")
    (tmp_path / NAME).symlink_to("kept/real.txt")
    assert lint(tmp_path, NAME, "--fix").exit_code == 0
    assert (tmp_path / NAME).is_symlink()
    assert path.read_text(encoding="utf-8") == RIGHT


def test_what_is_left_decides_the_exit_code(tmp_path: Path) -> None:
    put(tmp_path, WRONG)
    path = put(tmp_path, UNSAFE, "Dockerfile")
    said = lint(tmp_path, ".", "--fix")
    assert said.exit_code == 1
    assert f"{NAME}: written" in said.stdout
    assert "python-unsupported" in said.stdout
    assert path.read_text(encoding="utf-8") == UNSAFE


def test_there_is_nothing_to_write_on_standard_input(tmp_path: Path) -> None:
    said = lint(tmp_path, "-", "--fix", stdin=WRONG)
    assert said.exit_code == 2
    assert said.stderr.startswith("envdoctor: --fix and - exclude each other")
    assert lint(tmp_path, "-", stdin=WRONG).exit_code == 1


# ---- --target -------------------------------------------------------------------------------------


def test_a_machine_that_is_described(tmp_path: Path) -> None:
    put(tmp_path, "FROM pytorch/pytorch:2.11.0-cuda13.0-cudnn9-runtime\n", "Dockerfile")
    assert lint(tmp_path, "Dockerfile").exit_code == 0
    said = lint(tmp_path, "Dockerfile", "--driver", "535", "--gpu", "V100")
    assert said.exit_code == 1
    assert "This image will not run on driver 535, V100" in said.stdout
    assert "+ FROM pytorch/pytorch:2.11.0-cuda12.6-cudnn9-runtime" in said.stdout
    assert "against driver 535, V100" in said.stdout
    found = document(lint(tmp_path, "Dockerfile", "--driver", "535", "--gpu", "V100", "--format", "json"))
    assert found["lint"]["target"] == "driver 535, V100"
    assert found["lint"]["corrections"] == [], "another torch is nothing that is written unasked"


def test_a_machine_that_was_saved(tmp_path: Path) -> None:
    from envdoctor.codec.json_value import document_text
    from envdoctor.codec.snapshot import encode
    from machines import machine_snapshot

    put(tmp_path, document_text(encode(machine_snapshot(driver="535.104.05"))), "server.json")
    put(tmp_path, "torch==2.11.0\n")
    said = lint(tmp_path, NAME, "--target", "server.json")
    assert said.exit_code == 1
    assert "driver-too-old" in said.stdout
    assert "NVIDIA A100-SXM4-80GB" in said.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--target", "missing.json"], "missing.json: No such file"),
        (["--target", NAME], NAME),
        (["--target", "-", "-"], "would both read standard input"),
        (["--target", "x.json", "--driver", "535"], "a described machine excludes --target"),
        (["--gpu", "no such gpu"], "--gpu no such gpu: unknown"),
        (["--platform", "vax"], "--platform vax: unknown"),
    ],
)
def test_machines_that_mean_nothing(tmp_path: Path, words: list[str], says: str) -> None:
    put(tmp_path, WRONG)
    said = lint(tmp_path, NAME, *words)
    assert said.exit_code == 2
    assert said.stdout == ""
    assert says in said.stderr
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text", "corrected"),
    [
        (
            "pixi.toml",
            '[workspace]\nchannels=["conda-forge"]\nplatforms=["linux-64"]\n[dependencies]\npytorch-gpu="2.5.*"\n'
            'torchvision="0.18.*"\n',
            'torchvision= "==0.20.1"',
        ),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\npython = "^3.10"\ntorch = "2.5.1"\ntorchvision = "^0.18"\n',
            'torchvision = "==0.20.1"',
        ),
    ],
)
def test_a_correction_of_toml_is_toml(tmp_path: Path, name: str, text: str, corrected: str) -> None:
    put(tmp_path, text, name)
    assert f"\n  + {corrected}\n" in lint(tmp_path, name).stdout
