"""`plan --constraint`: what a constraint file demands of the torch set, by file and line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.commands.constraints import MOST_FILES, Constraints
from envdoctor.commands.failure import Unusable
from envdoctor.model.machine import Machine
from envdoctor.model.pin import Pin
from machines import Environment, machine_snapshot, make_environment, run_cli

if TYPE_CHECKING:
    from pathlib import Path

LINUX = Machine(machine_snapshot(python="3.11.7"))
DESCRIBED = ("--driver", "535.104.05", "--gpu", "A100", "--python-version", "3.11")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that files are called by their names alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(content: str | bytes, folder: Path, machine: Machine = LINUX, name: str = "c.txt") -> Constraints:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = Constraints()
    found.read(name, machine)
    return found


def pins(content: str | bytes, folder: Path) -> list[tuple[str, str, str]]:
    return [(pin.package, pin.specifier, pin.by) for pin in read(content, folder).pins]


def refusal(content: str | bytes, folder: Path) -> str:
    with pytest.raises(Unusable) as problem:
        read(content, folder)
    return problem.value.message


def test_lines_on_the_torch_set_become_pins_with_their_place(folder: Path) -> None:
    text = "# of the cluster\n\nnumpy<2\ntorch==2.6.0\nTorchVision >= 0.21, < 0.22  # as above\nrequests\ntorchaudio\n"
    assert pins(text, folder) == [
        ("torch", "==2.6.0", "c.txt, line 4"),
        ("torchvision", "<0.22,>=0.21", "c.txt, line 5"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"torch==2.6.0\r\n", b"\xef\xbb\xbftorch==2.6.0\n", b"torch==2.6.0 # caf\xe9\n",
        "torch==2.6.0\n".encode("utf-16"), b"torch==2.6.0", b"torch==2.6.0\r", b"  torch  ==2.6.0  ",
        b"torch\\\n==2.6.0", b"torch==2.6.0 --hash=sha256:0123 \\\n    --hash=sha256:4567\n",
        b"torch==2.6.0 ; python_version >= '3.9' and sys_platform == 'linux'",
        b"--index-url https://host.example/simple\ntorch==2.6.0",
    ],
)  # fmt: skip
def test_the_ways_a_line_is_written(content: bytes, folder: Path) -> None:
    assert [(package, specifier) for package, specifier, _ in pins(content, folder)] == [("torch", "==2.6.0")]


@pytest.mark.parametrize(
    "text",
    [
        "torch==2.6.0; python_version < '3.9'", "torch==2.6.0; sys_platform == 'win32'", "#torch==2.6.0", "torch",
        "--index-url https://host.example/torch==2", "-e ./torch", "./wheels/torch-2.6.0-cp311-cp311-linux_x86_64.whl",
        "torch-2.6.0-cp311-cp311-linux_x86_64.whl", "git+https://host.example/torch.git@v2", "torchmetrics==1.0", "",
        "C:\\wheels\\torch.whl", "--only-binary :all:", ".",
    ],
)  # fmt: skip
def test_what_demands_nothing(text: str, folder: Path) -> None:
    found = read(text, folder)
    assert (found.pins, found.notes) == ([], [])


def test_an_address_cannot_be_judged_and_is_said(folder: Path) -> None:
    found = read("numpy @ https://host.example/n.whl\ntorch @ https://u:secret@host.example/t.whl\n", folder)
    assert found.pins == []
    assert found.notes == ["c.txt, line 2: torch at an address cannot be judged"]


def test_a_marker_that_asks_for_a_python_nobody_named(folder: Path) -> None:
    (folder / "c.txt").write_text("torch<2.9; python_version < '3.10'\ntorch<3; sys_platform == 'linux'\n")
    said = run_cli(["plan", "--driver", "535.104.05", "--gpu", "A100", "-c", "c.txt", "--format", "json"], cwd=folder)
    assert said.exit_code == 0
    assert any("c.txt, line 1: python_version" in line for line in said.json()["because"])


def test_files_that_name_files(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "more.txt").write_text("torch<2.9\n--constraint=last.txt\n-r ../c.txt\n")
    (folder / "sub" / "last.txt").write_text("torchvision<1\n-clast.txt\n")
    found = pins("-c sub/more.txt\n-r sub/more.txt # once more\ntorch>=2\n", folder)
    assert found == [
        ("torch", "<2.9", f"{os.path.join('sub', 'more.txt')}, line 1"),
        ("torchvision", "<1", f"{os.path.join('sub', 'last.txt')}, line 1"),
        ("torch", ">=2", "c.txt, line 3"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("numpy\ntorch=2.6.0\n", "c.txt, line 2: not a requirement: torch=2.6.0; did you mean torch==2.6.0?"),
        ("torch 2.6.0", "c.txt, line 1: not a requirement: torch 2.6.0"),
        ("torch>=", "c.txt, line 1: not a requirement: torch>="),
        ("a\n\n\\\nhello world", "c.txt, line 3: not a requirement: hello world"),
        ("torch; " + "(" * 1500, "c.txt, line 1: not a requirement: torch; (((("),
        ("x" * 5000, "c.txt, line 1: longer than 2000 characters"),
        ("\\\n".join(["torch"] * 1000), "longer than 2000 characters"),
        (b"torch==2\0.6", "c.txt, line 1: not text"),
        (b"\x7fELF\x02\x01\x01\0\0", "c.txt, line 1: not text"),
        ("-c https://host.example/c.txt", "c.txt, line 1: https://host.example/c.txt is an address; only files"),
        ("\n-r missing.txt", "c.txt, line 2: missing.txt: No such file or directory"),
        ("-r .", "not a regular file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_by_its_line(content: str | bytes, said: str, folder: Path) -> None:
    assert said in refusal(content, folder)


def test_files_without_end(folder: Path) -> None:
    for number in range(MOST_FILES + 5):
        (folder / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    assert f"more than {MOST_FILES} constraint files" in refusal("-r 0.txt", folder)


def test_a_file_without_end(folder: Path) -> None:
    with open(folder / "c.txt", "wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(Unusable, match="larger than any constraint file"):
        Constraints().read("c.txt", LINUX)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.txt"
    file.write_bytes(content)
    found, said = Constraints(), ""
    try:
        found.read(str(file), LINUX)
    except Unusable as problem:
        said = problem.message
    assert said == "" or str(file) in said
    assert all(isinstance(pin, Pin) and pin.specifier for pin in found.pins)


# ---- the command ----------------------------------------------------------------------------------


def test_a_plan_stays_within_a_constraint_file(folder: Path) -> None:
    (folder / "c.txt").write_text("torch<2.7\n")
    free = run_cli(["plan", *DESCRIBED, "--format", "json"]).json()["target"]["torch"]
    said = run_cli(["plan", *DESCRIBED, "--constraint", str(folder / "c.txt"), "--format", "json"])
    assert said.exit_code == 0
    assert said.json()["target"]["torch"].startswith("2.6.")
    assert not free.startswith("2.6.")


def test_a_conflict_names_the_line(folder: Path) -> None:
    (folder / "c.txt").write_text("torch<2.7\n\ntorch>2.9\n")
    said = run_cli(["plan", *DESCRIBED, "-c", "c.txt"], cwd=folder)
    assert said.exit_code == 1
    text = " ".join(said.stdout.split())
    assert "c.txt, line 1 requires torch<2.7" in text
    assert "c.txt, line 3 requires torch>2.9" in text


@pytest.mark.parametrize(("name", "words"), [("none.txt", "No such file"), (".", "not a regular file"), (" ", "empty")])
def test_a_constraint_file_that_is_none(name: str, words: str, folder: Path) -> None:
    said = run_cli(["plan", *DESCRIBED, "-c", name], cwd=folder)
    assert (said.exit_code, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert words in said.stderr


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_environment(tmp_path_factory.mktemp("environment") / "venv", None)


@pytest.mark.parametrize("variable", ["PIP_CONSTRAINT", "UV_CONSTRAINT"])
def test_the_variables_of_pip_and_uv_count_for_this_machine(variable: str, empty: Environment, folder: Path) -> None:
    (folder / "c.txt").write_text("torch<2.7\n")
    (folder / "d.txt").write_text("torch>=2.6\n")
    both = {variable: "c.txt d.txt"}
    live = run_cli(["plan", "--python", str(empty.python), "--format", "json"], both, cwd=folder).json()
    assert live["target"]["torch"].startswith("2.6.")
    checked = run_cli(["check", "--python", str(empty.python), "--format", "json"], both, cwd=folder).json()
    assert checked["plan"]["target"] == live["target"]
    described = run_cli(["plan", *DESCRIBED, "--format", "json"], both, cwd=folder).json()
    assert not described["target"]["torch"].startswith("2.6.")


def test_a_variable_that_names_no_file_is_told_and_no_reason_to_give_up(empty: Environment, folder: Path) -> None:
    said = run_cli(["plan", "--python", str(empty.python)], {"PIP_CONSTRAINT": "none.txt"}, cwd=folder)
    assert said.exit_code == 0
    assert "PIP_CONSTRAINT: none.txt: No such file or directory" in " ".join(said.stdout.split())
