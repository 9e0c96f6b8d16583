"""`envdoctor smoke` and `check --smoke` by the real command line: documents, exit codes, progress, endings."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from background import marked, start
from battery_torch import FAKE, make_battery_torch

from envdoctor.smoke.child.catalogue import all_cases
from machines import HEALTHY, Environment, Said, environment_of, make_environment, run_cli, standin_variables
from scenarios.shipped_schemas import validate
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

ONE = ("--test", "start")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_battery_torch(tmp_path_factory.mktemp("battery") / "venv")


def smoke(environment: Environment, *options: str, fault: str = "", **env: str) -> Said:
    return run_cli(["smoke", "--python", str(environment.python), *options], {FAKE: fault, **env})


# ---- what is run ----------------------------------------------------------------------------------


def test_the_list_names_every_test() -> None:
    text = run_cli(["smoke", "--list"]).stdout
    rows = run_cli(["smoke", "--list", "--format", "json"]).json()
    assert [row["test"] for row in rows] == [case.name for case in all_cases()]
    assert set(rows[0]) == {"test", "on", "since", "library", "proves"}
    for case in all_cases():
        assert re.search(rf"^{case.name}\b", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80


def test_the_list_can_be_of_some_tests() -> None:
    named = ["--list", "--test", "matmul", "--test", "memory"]
    rows = run_cli(["smoke", *named, "--format", "json"]).json()
    assert {row["test"] for row in rows} == {
        case.name for case in all_cases() if case.name.startswith("matmul-") or case.name == "memory"
    }
    text = run_cli(["smoke", *named]).stdout
    assert "fft" not in text
    assert "\non: gpu is each GPU by itself" in text


def test_what_passes_is_told_and_the_exit_code_is_0(environment: Environment) -> None:
    said = smoke(environment, *ONE)
    assert said.exit_code == 0
    assert re.search(r"^start +passed +\d+\.\d\d$", said.stdout, re.MULTILINE)
    assert said.stdout.endswith("\n1 passed (exit code 0).\n")
    assert re.fullmatch(r"\[1/1\] start on cpu passed in \d+\.\d\d s\n", said.stderr)


def test_the_document_is_the_only_thing_on_standard_output(environment: Environment) -> None:
    document = smoke(environment, *ONE, "--format", "json", "--seed", "7").json()
    validate(document)
    assert (document["device"], document["exit_code"], document["seed"], document["size"]) == ("cpu", 0, 7, "quick")
    assert [(test["name"], test["device"], test["status"]) for test in document["tests"]] == [
        ("start", "cpu", "passed")
    ]
    assert document["findings"] == []
    assert document["python"] == str(environment.python)
    assert document["torch"]["version"] == "2.9.1+cpu"
    again = smoke(environment, *ONE, "--format", "json", "--seed", "7").json()
    assert again["tests"][0]["seed"] == document["tests"][0]["seed"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("wrong", "wrong-numbers"), ("raise", "failed"), ("crash", "crashed")],
)
def test_a_fault_is_named_and_the_next_test_still_runs(environment: Environment, fault: str, status: str) -> None:
    said = smoke(environment, *ONE, "--test", "random", "--format", "json", fault=fault)
    document = said.json()
    validate(document)
    assert said.exit_code == document["exit_code"] == 1
    assert [(test["name"], test["status"]) for test in document["tests"]] == [("start", status), ("random", "failed")]
    assert f"smoke-{status}" in {finding["rule"] for finding in document["findings"]}
    assert "\x1b" not in said.stdout + said.stderr


def test_what_hangs_is_ended_at_its_limit(environment: Environment, tmp_path: Path) -> None:
    said = smoke(environment, *ONE, "--timeout", "3", "--format", "json", fault="hang",
                 FAKE_TORCH_HANGS=str(tmp_path / "hangs"))  # fmt: skip
    document = said.json()
    validate(document)
    # `start` has more patience than the battery here: its own time was not over.
    assert [test["status"] for test in document["tests"]] in (["timed-out"], ["skipped"])


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [((), 1), (("--fail-on", "never"), 0), (("--ignore", "smoke-crashed"), 0), (("--select", "smoke-crashed"), 1)],
)
def test_what_fails_is_chosen(environment: Environment, options: tuple[str, ...], exit_code: int) -> None:
    said = smoke(environment, *ONE, "--format", "json", *options, fault="crash")
    assert said.exit_code == said.json()["exit_code"] == exit_code
    assert said.json()["tests"][0]["status"] == "crashed"


# ---- what cannot be run ---------------------------------------------------------------------------


def test_without_torch_the_battery_cannot_start(tmp_path: Path) -> None:
    python = str(make_environment(tmp_path / "venv", None).python)
    said = run_cli(["smoke", "--python", python])
    assert said.exit_code == 3
    assert "The battery could not start: torch is not installed; `envdoctor plan`" in said.stdout
    document = run_cli(["smoke", "--python", python, "--format", "json", "--fail-on", "never"]).json()
    validate(document)
    assert (document["exit_code"], document["tests"]) == (3, [])
    assert "envdoctor plan" in document["trouble"]
    checked = run_cli(["check", "--python", python, "--smoke"])
    assert checked.exit_code == 0
    assert "kernels: not run on any device: torch is not installed;" in checked.stdout


def test_a_folder_that_has_been_removed_is_told(environment: Environment, tmp_path: Path) -> None:
    """From there MKL ends the process that imports torch, which is not torch's fault."""
    (tmp_path / "gone").mkdir()
    program = "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]); os.execv(sys.executable, sys.argv[1:])"
    command = ["-m", "envdoctor", "smoke", "--python", str(environment.python), *ONE]
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "gone"), *command],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 3, said.stderr
    assert "The battery could not start: the current folder has been removed, " in " ".join(said.stdout.split())


def test_a_parent_that_ignores_its_children_is_no_trouble(environment: Environment) -> None:
    """Then the kernel would keep nothing of how a child ended, and our own children would inherit that."""
    program = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = ["-m", "envdoctor", "smoke", "--python", str(environment.python), *ONE]
    said = subprocess.run(
        [sys.executable, "-c", program, *command],
        env={**os.environ, FAKE: "crash", "PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1, said.stderr
    assert "the process died of SIGABRT" in said.stdout


@pytest.mark.parametrize("fault", ["import-fails", "import-exits"])
def test_a_torch_that_cannot_be_imported(environment: Environment, fault: str) -> None:
    said = smoke(environment, *ONE, "--format", "json", fault=fault)
    document = said.json()
    validate(document)
    assert said.exit_code == document["exit_code"] == 3
    assert [(test["name"], test["status"] in ("failed", "crashed")) for test in document["tests"]] == [
        ("import", True),
        ("start", False),
    ]
    # One line says why; the others were skipped for the same reason.
    told = smoke(environment, fault=fault).stderr
    assert re.fullmatch(r"\[ 1/\d\d\] start on cpu skipped: torch could not be imported: [^\n]*\n", told)
    assert document["findings"]
    checked = run_cli(["check", "--python", str(environment.python), "--smoke"], {FAKE: fault})
    assert checked.exit_code == 1
    assert "kernels: none ran, because torch could not be imported\n" in checked.stdout
    if fault == "import-exits":
        assert "install the module that the error names" in " ".join(checked.stdout.split())
        assert "restart" not in checked.stdout


def test_what_is_not_there_is_told_before_anything_is_run(environment: Environment) -> None:
    for options, words in (
        (("--device", "cuda:3"), "--device cuda:3: not there; here is cpu"),
        (("--gpu", "0"), "--device cuda:0: not there; here is cpu"),
        (("--test", "matmul-tf32"), "nothing of it runs on cpu alone"),
        (("--device", ""), "--device: the value is empty"),
    ):
        said = smoke(environment, *options, FAKE_TORCH="crash")
        assert (said.exit_code, said.stdout) == (2, "")
        assert words in said.stderr
        assert len(said.stderr.splitlines()) == 1


def test_a_recorded_machine_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text("{}")
    recorded = {"ENVDOCTOR_SYSROOT": str(tmp_path)}
    for command in (["smoke"], ["check", "--smoke"]):
        said = run_cli(command, recorded)
        assert (said.exit_code, said.stdout) == (2, "")
        assert len(said.stderr.splitlines()) == 1


# ---- check ----------------------------------------------------------------------------------------


def test_a_check_runs_kernels_where_it_is_asked_to(environment: Environment) -> None:
    command = ["check", "--python", str(environment.python), "--format", "json", "--smoke"]
    # Beside `start` no test passes with this torch: what the report must tell is an error.
    document = run_cli(command, {FAKE: ""}).json()
    validate(document)
    rows = {row["name"]: row["status"] for row in document["snapshot"]["facts"]["smoke.tests"]["value"]}
    assert rows["start"] == "passed"
    assert (document["verdict"], document["exit_code"]) == ("broken", 1)
    saved = run_cli(["check", "--snapshot", "-", "--format", "json"], stdin=json.dumps(document["snapshot"])).json()
    told = [(one["rule"], one["subject"], one["message"]) for one in document["findings"]]
    assert [(one["rule"], one["subject"], one["message"]) for one in saved["findings"]] == told


@pytest.mark.parametrize("options", [(), ("--no-smoke",)], ids=["by itself", "never"])
def test_a_check_runs_none_where_no_gpu_is(environment: Environment, options: tuple[str, ...]) -> None:
    said = run_cli(["check", "--python", str(environment.python), "--format", "json", *options], {FAKE: "crash"})
    assert said.exit_code == 0
    assert said.stderr == ""
    assert not [name for name in said.json()["snapshot"]["facts"] if name.startswith("smoke.")]


def test_a_driver_that_runs_no_kernels_is_not_smoked(tmp_path: Path, standin: Path) -> None:
    """The stand-in answers questions and no more, as a library that is none would."""
    healthy = next(one for one in HEALTHY.values() if one.driver)
    python = environment_of(healthy, tmp_path / "venv").python
    said = run_cli(["check", "--python", str(python), "--format", "json"], standin_variables(healthy), standin=standin)
    facts = said.json()["snapshot"]["facts"]
    assert said.exit_code == 0
    assert facts["cuda.can_launch"] == {"state": "known", "value": False, "source": "libcuda"}
    assert not [name for name in facts if name.startswith("smoke.")]


# ---- files ----------------------------------------------------------------------------------------


def test_what_is_saved_names_nobody(environment: Environment, tmp_path: Path) -> None:
    written = [tmp_path / "smoke.json", tmp_path / "smoke.txt"]
    said = smoke(environment, *ONE, "-v", "-o", f"json={written[0]}", "-o", str(written[1]), fault="raise",
                 USER="alice", LOGNAME="alice")  # fmt: skip
    assert (said.exit_code, said.stdout) == (1, "")
    validate(json.loads(written[0].read_text()))
    for file in written:
        assert "kernel" in file.read_text()
        assert "alice" not in file.read_text()
        assert "\x1b" not in file.read_text()


# ---- a terminal, and Ctrl-C -----------------------------------------------------------------------


def in_terminal(environment: Environment, term: str, *command: str) -> str:
    """What a command writes to standard error that is a terminal, while its output goes elsewhere."""
    variables = {**os.environ, "TERM": term, FAKE: "", "PYTHONPATH": str(CHECKOUT / "src")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "envdoctor", *command, "--python", str(environment.python)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env=variables,
    )
    os.close(theirs)
    blocks: list[bytes] = []
    while select.select([ours], [], [], 60)[0]:
        try:
            block = os.read(ours, 65536)
        except OSError:  # Linux answers EIO once the other end is closed
            break
        if not block:
            break
        blocks.append(block)
    process.wait(60)
    os.close(ours)
    return b"".join(blocks).decode()


def test_a_terminal_sees_one_live_line_that_goes_away(environment: Environment) -> None:
    text = in_terminal(environment, "xterm", "smoke", *ONE)
    assert text == "importing torch\x1b[K\r[1/1] start on cpu\x1b[K\r\x1b[K\r"
    # A check by itself has nothing to show where no GPU is.
    assert in_terminal(environment, "xterm", "check") == ""


def test_a_dumb_terminal_sees_plain_lines(environment: Environment) -> None:
    text = in_terminal(environment, "dumb", "smoke", *ONE)
    assert re.fullmatch(r"\[1/1\] start on cpu passed in \d+\.\d\d s\r\n", text)


@pytest.mark.skipif(sys.platform != "linux", reason="finds what lives on by /proc")
def test_ctrl_c_leaves_one_line_and_nothing_else(environment: Environment, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children inherit an ignored one
    hangs, scratch, mark = tmp_path / "hangs", tmp_path / "scratch", f"smoke-ctrl-c-{os.getpid()}"
    scratch.mkdir()
    try:
        process = start(
            ["smoke", "--python", str(environment.python), *ONE],
            mark,
            {FAKE: "hang", "FAKE_TORCH_HANGS": str(hangs), "TMPDIR": str(scratch)},
        )
        net = time.monotonic() + 60
        while not hangs.exists() and time.monotonic() < net:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (process.returncode, out, error) == (130, b"", b"envdoctor: interrupted\n")
    net = time.monotonic() + 10
    while marked(mark) and time.monotonic() < net:
        time.sleep(0.02)
    assert marked(mark) == []
    assert list(scratch.iterdir()) == []


def test_a_family_of_rules_is_named_whole() -> None:
    said = run_cli(["explain", "smoke"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert {word for word in said.stderr.split() if word.startswith("smoke-")} >= {"smoke-crashed", "smoke-failed"}
    assert "smoke-timed-out" in said.stderr
