"""Input that cannot be used: one clear line on stderr, the contract's exit code, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from background import MARK, marked, start

from hostile_texts import assert_harmless
from machines import Said, make_environment, run_cli
from standin.command import CHECKOUT, KEPT

if TYPE_CHECKING:
    from collections.abc import Callable

LINUX = sys.platform == "linux"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def refused(said: Said, *words: str, exit_code: int = 2) -> None:
    assert not said.shows_traceback
    assert said.exit_code == exit_code, said
    assert said.stdout == ""
    lines = said.stderr.splitlines()
    assert len(lines) == 1, said.stderr
    assert lines[0].startswith("envdoctor: ")
    for word in words:
        assert word in lines[0]


def script(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


# ---- the command line itself ----------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "--no-such", "--timeout=", "--python="])
def test_what_was_typed_acts_in_no_answer_to_it(before: str) -> None:
    """Click repeats it: the name of a branch, say, that a job put there."""
    hostile = "\x1b[31m\n::error::x\u202e##[error]"
    said = run_cli(["check", f"{before}{hostile}"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert_harmless(said.stderr)


# ---- saved snapshots ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(64), ""),
        (b"\xff\xfe\x00\xd8", ""),
        (b"not json at all", "not JSON"),
        (b"[1, 2]", "list"),
        (b"{}", "schema"),
        (b'{"schema": "envdoctor.snapshot/2", "facts": {}}', "newer envdoctor"),
        (b'{"schema": "envdoctor.snapshot/0", "facts": {}}', "never was"),
        (b'{"schema": "envdoctor.plan/1", "facts": {}}', "envdoctor.plan/1"),
        (b'{"schema": "envdoctor.snapshot/1"}', "facts"),
        (b'{"schema": "envdoctor.snapshot/1", "facts": []}', "facts"),
        (b'{"schema": "envdoctor.snapshot/1", "facts": {"a": {"state": "maybe"}}}', "state"),
        (b"[" * 100_000, ""),
        (b'{"schema": "envdoctor.snapshot/1", "facts": {"a": NaN}}', "NaN"),
        ("not JSON é\x1b[31m".encode(), "not JSON"),
    ],
)
@pytest.mark.parametrize("command", [["check", "--snapshot"], ["plan", "--from"]])
def test_a_file_that_is_no_snapshot(command: list[str], content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_bytes(content)
    said = run_cli([*command, str(file)])
    refused(said, str(file), words)
    assert "\x1b" not in said.stderr


def test_a_snapshot_larger_than_any_machine(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with open(file, "wb") as stream:
        stream.truncate(60_000_000)
    refused(run_cli(["check", "--snapshot", str(file)]), "larger")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: os.mkfifo(path), "not a regular file"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: None, "No such file"),
    ],
    ids=["folder", "FIFO", "loop", "device", "missing"],
)
def test_a_snapshot_that_is_no_file(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    make(tmp_path / "machine.json")
    refused(run_cli(["check", "--snapshot", str(tmp_path / "machine.json")]), words)


def test_an_unreadable_snapshot_from_standard_input() -> None:
    refused(run_cli(["check", "--snapshot", "-"], stdin="hello"), "-: not JSON")


def test_a_snapshot_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_text("{}")
    file.chmod(0)
    refused(without_privilege(["check", "--snapshot", str(file)]), "Permission denied")


def test_a_folder_without_permission(tmp_path: Path) -> None:
    locked = tmp_path / "venv" / "bin"
    locked.mkdir(parents=True)
    (locked / "python").symlink_to(sys.executable)
    locked.parent.chmod(0)
    try:
        refused(without_privilege(["check", "--python", str(locked.parent)]), str(locked.parent))
        refused(without_privilege(["check", "--python", str(locked / "python")]), str(locked / "python"))
        refused(without_privilege(["snapshot", "-o", str(locked / "out.json")]), "cannot be written")
    finally:
        locked.parent.chmod(0o700)


def without_privilege(args: list[str]) -> Said:
    """Run the command line so that file permissions hold: root gives up its right to ignore them."""
    prefix: list[str] = []
    if ROOT:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root ignores permissions, and there is no setpriv to stop that")
        prefix = [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": "/nonexistent", "PYTHONPATH": str(CHECKOUT / "src")}
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "envdoctor", *args],
        capture_output=True, text=True, env=environment, cwd="/", check=False, timeout=60,
    )  # fmt: skip
    if done.stderr.startswith("setpriv:"):
        pytest.skip(f"root may not give up its privilege here: {done.stderr.strip()}")
    return Said(done.returncode, done.stdout, done.stderr)


# ---- interpreters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["true", "cat", "false", "echo"])
def test_a_program_that_is_no_python(program: str) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} on PATH")
    refused(run_cli(["check", "--python", found]), found, "not a Python")


@pytest.mark.parametrize(
    ("name", "words"),
    [("notes.txt", "not a Python"), ("folder", "holds no bin/python"), ("missing/bin/python", "no such file")],
)
def test_a_path_that_is_no_interpreter(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    refused(run_cli(["check", "--python", str(tmp_path / name)]), words)


def test_a_command_that_is_not_on_path() -> None:
    refused(run_cli(["check", "--python", "python-of-nowhere"]), "no such command on PATH")


def old_pythons() -> list[Path]:
    homes = [Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"]
    found = [path for home in homes for old in ("2.7", "3.6", "3.7") for path in home.glob(f"{old}*/bin/python")]
    named = [shutil.which(name) for name in ("python2.7", "python3.6", "python3.7")]
    return [*found, *(Path(name) for name in named if name and "shims" not in name)]


@pytest.mark.parametrize("python", old_pythons() or [None], ids=lambda path: path.parts[-3] if path else "none")
def test_a_python_too_old_to_be_examined(python: Path | None) -> None:
    if python is None:
        pytest.skip("no Python older than 3.8 on this machine")
    refused(run_cli(["check", "--python", str(python)]), str(python), "Python 3.8 and newer")


def test_an_interpreter_that_hangs_costs_its_facts(tmp_path: Path) -> None:
    hung = script(tmp_path / "python", "#!/bin/sh\nexec sleep 600\n")
    mark = f"hung-python-{os.getpid()}"
    said = run_cli(["check", "--python", str(hung), "--timeout", "1", "--format", "json"], {MARK: mark})
    assert not said.shows_traceback
    report = said.json()
    assert report["verdict"] == "undetermined"
    assert said.exit_code == 0
    assert report["snapshot"]["facts"]["torch.version"]["state"] == "unknown"
    assert "did not answer" in report["snapshot"]["facts"]["python.version"]["reason"]
    assert not LINUX or marked(mark) == []
    strict = run_cli(["check", "--python", str(hung), "--timeout", "1", "--strict"])
    assert strict.exit_code == 3


def test_an_interpreter_that_floods_its_output(tmp_path: Path) -> None:
    flood = script(tmp_path / "python", "#!/bin/sh\nexec yes envdoctor-interpreter:\n")
    mark = f"flood-{os.getpid()}"
    said = run_cli(["check", "--python", str(flood), "--timeout", "2"], {MARK: mark})
    assert not said.shows_traceback
    assert said.exit_code in (0, 2)
    assert not LINUX or marked(mark) == []


def test_a_grandchild_that_holds_the_pipe_does_not_hold_the_doctor(tmp_path: Path) -> None:
    real = make_environment(tmp_path / "venv", None).python
    wrapper = script(tmp_path / "python", f'#!/bin/sh\nsleep 600 &\nexec "{real}" "$@"\n')
    mark = f"grandchild-{os.getpid()}"
    said = run_cli(["check", "--python", str(wrapper), "--timeout", "2", "--format", "json"], {MARK: mark})
    assert said.exit_code == 0
    assert said.json()["snapshot"]["facts"]["python.version"]["state"] == "known"
    assert not LINUX or marked(mark) == []


def test_an_interpreter_with_hostile_words_cannot_paint_the_terminal(tmp_path: Path) -> None:
    text = r"\033[31m\033]0;owned\007::error::x"
    hostile = script(tmp_path / "python", f"#!/bin/sh\nprintf '{text}\\n' >&2\nexit 1\n")
    said = run_cli(["check", "--python", str(hostile)])
    refused(said, "not a Python")
    assert "\x1b" not in said.stderr
    assert "\x07" not in said.stderr


# ---- the driver -----------------------------------------------------------------------------------


def test_a_hung_driver_costs_its_facts(standin: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv").python
    mark = f"hung-nvml-{os.getpid()}"
    command = ["check", "--python", str(python), "--timeout", "2", "--format", "json"]
    said = run_cli(command, {"STANDIN_NVML_HANG": "init", MARK: mark}, standin=standin)
    assert not said.shows_traceback
    assert said.stderr == ""
    report = said.json()
    assert report["verdict"] == "undetermined"
    assert said.exit_code == 0
    assert [(one["rule"], one["severity"]) for one in report["findings"]] == [("driver-query-failed", "warning")]
    assert report["snapshot"]["facts"]["torch.version"]["state"] == "known"
    assert not LINUX or marked(mark) == []


def test_both_driver_libraries_hung(standin: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv").python
    hung = {"STANDIN_NVML_HANG": "init", "STANDIN_CUDA_HANG": "init"}
    said = run_cli(["check", "--python", str(python), "--timeout", "1", "--strict"], hung, standin=standin)
    assert not said.shows_traceback
    assert said.exit_code == 3
    assert "did not answer" in said.stdout


def test_a_driver_library_that_crashes(standin: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv").python
    said = run_cli(["check", "--python", str(python), "--format", "json"], {"STANDIN_CRASH": "nvml"}, standin=standin)
    assert not said.shows_traceback
    report = said.json()
    assert "driver-query-failed" in [one["rule"] for one in report["findings"]]
    assert "SIGABRT" in json.dumps(report)
    assert report["crashed"] == []


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_ctrl_c_during_a_hung_driver_leaves_one_line_and_no_child(standin: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv").python
    mark = f"interrupted-{os.getpid()}"
    command = ["check", "--python", str(python), "--timeout", "600"]
    process = start(command, mark, {"STANDIN_NVML_HANG": "init"}, standin)
    patience = time.monotonic() + 60
    while time.monotonic() < patience and not _hangs_in_nvml(mark, process.pid):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    # A shell calls both 130. CPython ends itself by the signal where the interrupt passed through an `exec` of text,
    # as the making of a dataclass is, even though it was handled.
    assert process.returncode in (130, -signal.SIGINT)
    assert out == b""
    assert error.strip() == b"envdoctor: interrupted"  # a line break first, because terminals show ^C
    assert marked(mark) == []


def _hangs_in_nvml(mark: str, parent: int) -> bool:
    """Whether the NVML child blocks every signal it can: the stand-in has begun to hang."""
    for pid in marked(mark):
        if pid == parent:
            continue
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        blocked = next((line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")), "0")
        # Asleep as well: between vfork and exec a child blocks every signal too, and runs.
        if int(blocked, 16) & (1 << (signal.SIGINT - 1)) and "State:\tS" in status:
            return True
    return False


# ---- where the report goes ------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A saved healthy machine, so that nothing has to be looked at."""
    file = tmp_path / "machine.json"
    file.write_text(
        json.dumps({"schema": "envdoctor.snapshot/1", "taken": "", "envdoctor": "0.1.0", "redacted": True, "facts": {}})
    )
    return file


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing/out.json", "No such file"), ("folder", "Is a directory"), ("machine.json/out", "Not a directory")],
)
@pytest.mark.parametrize("form", ["", "json="])
def test_an_output_that_cannot_be_written(name: str, words: str, form: str, machine: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    said = run_cli(["check", "--snapshot", str(machine), "-o", f"{form}{tmp_path / name}"])
    refused(said, "cannot be written", words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "machine.json"]


def test_an_output_on_a_full_device(machine: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    refused(run_cli(["check", "--snapshot", str(machine), "-o", "/dev/full"]), "No space left")


def test_several_outputs_at_once(machine: Path, tmp_path: Path) -> None:
    said = run_cli(
        ["check", "--snapshot", str(machine), "-o", f"json={tmp_path / 'a=b.json'}", "-o", f"terminal={tmp_path / 't'}"]
    )
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "")
    assert json.loads((tmp_path / "a=b.json").read_text())["schema"] == "envdoctor.diagnosis/1"
    assert (tmp_path / "t").read_text().startswith("envdoctor ")


def test_a_prefix_that_is_no_format_belongs_to_the_name(machine: Path, tmp_path: Path) -> None:
    run_cli(["check", "--snapshot", str(machine), "-o", str(tmp_path / "yaml=x")])
    assert (tmp_path / "yaml=x").exists()


@pytest.mark.parametrize(
    "args", [["rules"], ["check", "--help"], ["explain", "driver-too-old"], ["rules", "--format", "json"]]
)
def test_a_reader_that_leaves_early_is_no_error_of_ours(args: list[str]) -> None:
    process = start(args, f"pipe-{os.getpid()}", {"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.wait(60)
    assert b"Traceback" not in error
    assert b"Exception ignored" not in error
    assert error == b""


# ---- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["check", "--select", "driver-to-old"], "did you mean driver-too-old"),
        (["check", "--ignore", "nonsense-without-match"], "no such rule"),
        (["check", "--snapshot", "x", "--python", "y"], "exclude"),
        (["check", "--smoke", "--snapshot", "x"], "a saved machine runs nothing"),
        (["smoke", "--test", "matmull"], "did you mean matmul"),
        (["smoke", "--test", "nonsense-without-match"], "`envdoctor smoke --list` names them"),
        (["smoke", "--device", "gpu"], "it is a number, cuda:N or cpu"),
        (["smoke", "--device", "-1"], "it is a number, cuda:N or cpu"),
        (["smoke", "--timeout", "nan"], "not a number of seconds"),
        (["smoke", "--baseline", "/nonexistent/file"], "cannot be read"),
        (["smoke", "--format", "jsn"], "did you mean json?"),
        (["smoke", "-o", "-", "-o", "-"], "would both write to standard output"),
        (["check", "--format", "jsn"], "did you mean json?"),
        (["check", "--format", "yaml"], "it is one of terminal, json"),
        (["check", "--fail-on", "everything"], "it is one of error, warning, note, never"),
        (["explain", "driver-too-olt"], "did you mean driver-too-old"),
        (["plan", "--driver", "soon"], "not a driver version"),
        (["plan", "--gpu", "RTX 9999 Ti"], "unknown to this matrix"),
        (["plan", "--compute-capability", "eight"], "write it like 8.6"),
        (["plan", "--python-version", "4.1"], "write it like 3.11"),
        (["plan", "--glibc", "musl"], "write it like 2.28"),
        (["plan", "--torch", "latest!", "--driver", "535"], "not a version or specifier"),
        (["plan", "--torch", " ", "--driver", "535"], "empty"),
        (["plan", "--with", "torchtext", "--driver", "535"], "torchvision and torchaudio"),
        (["plan", "--driver", "535", "--from", "x"], "excludes"),
        (["plan", "--driver", "535", "--index-base", "ftp.example"], "not a URL"),
        (["plan", "--driver", "535", "--index-base", "https://"], "not a URL"),
        (["plan", "--driver", "535", "--index-base", "https://host.example/a b"], "not a URL"),
        (["plan", "--driver", "535", "-c", "https://host.example/c.txt"], "is an address; only files are read"),
        (["plan", "--driver", "535", "--platform", "macos-arm64"], "no NVIDIA driver for it"),
    ],
)
def test_an_option_that_means_nothing(args: list[str], words: str) -> None:
    refused(run_cli(args), words)


@pytest.mark.parametrize(
    "args",
    [
        ["check", "--no-such-option"],
        ["check", "--timeout", "0"],
        ["check", "--timeout", "soon"],
        ["smoke", "--timeout", "0"],
        ["smoke", "--seed", "-1"],
        ["smoke", "surplus"],
        ["chekc"],
        ["explain", "mig", "surplus"],
        ["check", "surplus"],
    ],
)
def test_a_wrong_command_line_is_usage(args: list[str]) -> None:
    said = run_cli(args)
    assert said.exit_code == 2
    assert said.stdout == ""
    assert said.stderr.splitlines()[-1].startswith("Error: ")
    assert not said.shows_traceback


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no row"),
        (b"not toml [", ""),
        (b"\xff\xfe\x00", ""),
        (b"revision = 7\n", ""),
        (b'schema = 1\nrevision = "2026-11-21"\n[torch."2.9.1"]\nreleased = 3\n', ""),
    ],
)
def test_a_broken_matrix_file(content: bytes, words: str, machine: Path, tmp_path: Path) -> None:
    file = tmp_path / "matrix.toml"
    file.write_bytes(content)
    refused(run_cli(["check", "--snapshot", str(machine), "--matrix", str(file)]), "matrix.toml", words)


def test_a_matrix_file_that_is_not_there(machine: Path) -> None:
    refused(run_cli(["check", "--snapshot", str(machine), "--matrix", "/nowhere/matrix.toml"]), "/nowhere/matrix.toml")


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--select", "driver-too-odl"], "driver-too-old"), (["--matrix", "nowhere.toml"], "nowhere.toml")],
)
def test_what_is_named_wrongly_is_told_before_anything_is_looked_at(
    tmp_path: Path, options: list[str], words: str
) -> None:
    python = script(tmp_path / "python", f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    refused(run_cli(["check", "--python", str(python), *options], cwd=tmp_path), words)
    assert not (tmp_path / "asked").exists()
