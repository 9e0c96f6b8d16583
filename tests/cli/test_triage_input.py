"""`envdoctor triage` at the command line: files of every kind, where reports go, and that a paste does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from envdoctor.cli import Invocation, group
from envdoctor.commands.failure import Unusable
from envdoctor.commands.pasted import MOST_BYTES
from hostile_texts import SHORT, assert_harmless
from machines import run_cli

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.testing import Result

ROOT = Path(__file__).parents[2]
FORMATS = ("terminal", "json", "markdown")
BROKEN = """\
PyTorch version: 2.6.0+cu126
Is debug build: False
CUDA used to build PyTorch: 12.6
OS: Ubuntu 22.04.4 LTS (x86_64)
Python version: 3.11.9 (64-bit runtime)
Is CUDA available: False
GPU models and configuration: GPU 0: NVIDIA A100-SXM4-80GB
Nvidia driver version: 470.82.01
"""
FINDING = "driver-too-old"


def triage(*arguments: str, stdin: bytes = b"") -> Result:
    """The command in this process."""
    argv = ["triage", *arguments]
    return CliRunner().invoke(group, argv, obj=Invocation(), input=stdin, standalone_mode=False)


def written(folder: Path, content: str | bytes, name: str = "paste.txt") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def refused(result: Result) -> str:
    """The one line in which input is refused."""
    assert isinstance(result.exception, Unusable), result.output
    assert result.exception.exit_code == 2
    assert result.stdout == ""
    return result.exception.message


def findings(text: str) -> list[str]:
    return [one["rule"] for one in json.loads(text)["findings"]]


# ---- files of every kind --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\t\n\r\n", "empty"),
        ("\u3000\u200b\ufeff\n".encode(), "empty"),
        (b"\x1b[31m\x1b[0m\n```\n```\n", "empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "binary"),
        (bytes(10), "binary"),
        (b"x" * (MOST_BYTES + 1), "20 MB"),
    ],
    ids=["nothing", "blanks", "wide blanks", "marks alone", "ELF", "PNG", "NUL", "too long"],
)
def test_what_is_no_paste_is_one_line(content: bytes, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    said = refused(triage(path))
    assert said.startswith(f"{path}: ")
    assert words in said
    assert refused(triage("-", stdin=content)).startswith("-: ")


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("link")
    for name in ("", "pipe", "missing", "link", "paste.txt/below", "a" * 300):
        path = str(tmp_path / name)
        assert refused(triage(path)).startswith(f"{path}: ")


def test_a_name_with_a_line_break_breaks_no_line(tmp_path: Path) -> None:
    said = run_cli(["triage", str(tmp_path / "a\n::error::b\x1b[31m")])
    assert (said.exit_code, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert_harmless(said.stderr)
    path = written(tmp_path, BROKEN, "a\n::error::b\x1b[31m<b>")
    for form in FORMATS:
        assert_harmless(triage("--format", form, path).stdout, form)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
def test_a_paste_is_read_in_the_encoding_it_was_saved_in(encoding: str, tmp_path: Path) -> None:
    path = written(tmp_path, (BROKEN + "caf\xe9, no GPU is seen\n").encode(encoding))
    assert findings(triage("--format", "json", path).stdout) == [FINDING]


def test_a_saved_snapshot_is_judged_by_check(tmp_path: Path) -> None:
    saved = tmp_path / "seen.json"
    triage("--save-snapshot", str(saved), written(tmp_path, BROKEN))
    assert "check --snapshot" in refused(triage(str(saved)))
    assert "check --snapshot" in refused(triage("-", stdin=saved.read_bytes()))


# ---- where reports go -----------------------------------------------------------------------------


def test_a_saved_paste_has_the_findings_of_the_paste(tmp_path: Path) -> None:
    saved = str(tmp_path / "seen.json")
    result = triage("--format", "json", "--save-snapshot", saved, written(tmp_path, BROKEN))
    again = CliRunner().invoke(
        group, ["check", "--format", "json", "--snapshot", saved], obj=Invocation(), standalone_mode=False
    )
    assert findings(result.stdout) == findings(again.stdout) == [FINDING]
    assert result.return_value == again.return_value == 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_in_a_file_is_the_one_that_is_printed(form: str, tmp_path: Path) -> None:
    path, file = written(tmp_path, BROKEN), tmp_path / "report"
    printed = triage("--format", form, path)
    kept = triage("-o", f"{form}={file}", path)
    assert (kept.stdout, kept.return_value) == ("", printed.return_value)
    assert FINDING in printed.stdout
    kept_text = file.read_text(encoding="utf-8").replace('"redacted": true', '"redacted": false')
    assert kept_text == printed.stdout


def test_two_documents_are_not_both_printed(tmp_path: Path) -> None:
    path = written(tmp_path, BROKEN)
    assert "standard output" in refused(triage("--save-snapshot", "-", path))
    assert "standard output" in refused(triage("-o", "-", "-o", "json=-", path))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 1),
        (("--fail-on", "never"), 0),
        (("--select", FINDING), 1),
        (("--ignore", FINDING), 0),
        (("--select", "gpu-lost"), 0),
    ],
)
def test_the_exit_code_is_that_of_check(options: Sequence[str], code: int, tmp_path: Path) -> None:
    assert triage(*options, written(tmp_path, BROKEN)).return_value == code


def test_with_strict_too_little_is_no_success(tmp_path: Path) -> None:
    path = written(tmp_path, "it does not work\n")
    assert triage(path).return_value == 0
    assert triage("--strict", path).return_value == 3


def test_a_rule_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "nope" in refused(triage("--select", "nope", written(tmp_path, BROKEN)))


def test_no_colour_where_nobody_sees_it(tmp_path: Path) -> None:
    path = written(tmp_path, BROKEN)
    assert "\x1b" not in run_cli(["triage", path], {"NO_COLOR": ""}).stdout
    assert "\x1b" not in run_cli(["triage", path], {"NO_COLOR": "1", "FORCE_COLOR": "1"}).stdout


def test_a_reader_that_leaves_early_ends_it_quietly(tmp_path: Path) -> None:
    path = written(tmp_path, BROKEN)
    done = subprocess.run(
        ["sh", "-c", '"$0" -m envdoctor triage -v "$1" | head -n 1', sys.executable, path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("envdoctor ")
    assert done.stderr == ""


def test_a_closed_input_is_one_line() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m envdoctor triage - <&-', sys.executable], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "envdoctor: -: standard input is closed\n")


# ---- a paste is words -----------------------------------------------------------------------------

PLACES = """\
GPU models and configuration: GPU 0: {}
PyTorch version: 2.6.0{}
RuntimeError: CUDA error: {}
ImportError: libcudart.so.12{}: cannot open shared object file: No such file or directory
[pip3] torch{}==2.5.0
export LD_LIBRARY_PATH={}
pip install torch=={} --index-url {}
docker run pytorch/pytorch:{} nvidia-smi
Package Version
------- -------
torch 2.6.0{}
numpy {}

{}@{}:~$ nvidia-smi
Failed to initialize NVML: {}
| NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4 |
|   0  NVIDIA {} On   | 00000000:07:00.0 Off |                    0 |
my GPU is a {} with driver {} and CUDA {}
"""
"""Where words of a stranger stand."""


@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT.keys())
@pytest.mark.parametrize("form", FORMATS)
def test_words_of_a_paste_are_never_more_than_words(form: str, text: str, tmp_path: Path) -> None:
    # Enough plain lines before them, for a text in which one letter of a hundred is a control is binary.
    paste = BROKEN + "step 1, loss 0.1\n" * 400 + PLACES.replace("{}", text)
    result = triage("-v", "--format", form, written(tmp_path, paste.encode("utf-8", "surrogatepass")))
    assert result.return_value == 1, result.exception
    assert_harmless(result.stdout, form)
    assert "hunter2" not in result.stdout


SECRETS = """\
alice@wonderland:~/work$ pip install torch --index-url https://alice:hunter2@mirror.example/simple?token=hunter2
(base) [alice@wonderland work]$ nvidia-smi
alice@wonderland:~/work$ nvidia-smi -> Failed to initialize NVML: Driver/library version mismatch
HF_TOKEN=hf_hunter2hunter2hunter2 python train.py
export LD_LIBRARY_PATH=/home/alice/cuda/lib64
ERROR: Could not fetch URL https://alice:hunter2@mirror.example/simple/torch/: connection error
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-0f0f0f0f-1111-2222-3333-444444444444)
RuntimeError: CUDA error in /home/alice/work/train.py: no kernel image is available for execution on the device
"""


@pytest.mark.parametrize("form", FORMATS)
def test_secrets_are_nowhere_and_names_not_in_files(form: str, tmp_path: Path) -> None:
    home = tmp_path / "home" / "alice"
    home.mkdir(parents=True)
    path = written(home, BROKEN + SECRETS)
    report, saved = tmp_path / "report", tmp_path / "saved"
    printed = triage("-v", "--format", form, path).stdout
    triage("-v", "-o", f"{form}={report}", "--save-snapshot", str(saved), path)
    kept = report.read_text(encoding="utf-8") + saved.read_text(encoding="utf-8")
    assert "hunter2" not in printed + kept
    assert "wonderland" not in printed + kept
    assert "0f0f0f0f-1111" not in kept
    assert "alice" not in kept


HEARD = """
import os, sys, sysconfig

FOLDERS = (*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix, sys.argv[2])
OWN = tuple(os.path.realpath(folder) for folder in FOLDERS)
paste = os.path.realpath(sys.argv[1])
wrong = []

def hear(event, found):
    if event.startswith(("subprocess.", "socket.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
                         "pty.", "ctypes.dlopen", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")):
        wrong.append((event, str(found)))
    elif event == "open" and isinstance(found[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(found[0]))
        writes = isinstance(found[1], str) and set(found[1]) & set("wax+")
        if writes and not path.endswith((".pyc", "/dev/null")) and "__pycache__" not in path:
            wrong.append(("written", path))
        elif path != paste and not path.startswith(OWN):
            wrong.append(("read", path))
    elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.chmod", "os.symlink"):
        if "__pycache__" not in str(found):
            wrong.append((event, str(found)))

from envdoctor.cli import main
sys.argv = ["envdoctor", "triage", *sys.argv[3:], sys.argv[1]]
sys.addaudithook(hear)
try:
    main()
except SystemExit as ended:
    print("ended", ended.code, file=sys.stderr)
for one in wrong:
    print(one, file=sys.stderr)
"""
"""Runs a triage and tells on standard error what it opened, started or connected to beyond its own files."""


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_of_a_paste_is_run_opened_or_fetched(form: str, tmp_path: Path) -> None:
    bait = written(tmp_path, "PyTorch version: 1.0.0\n", "bait.txt")
    marker = tmp_path / "marker"
    paste = BROKEN + (
        f"$ touch {marker}\n$(touch {marker}) `touch {marker}` ; touch {marker}\n>>> open('{marker}', 'w')\n"
        f"pip install -r {bait} --index-url http://127.0.0.1:9/simple\nconda env create -f {bait}\n"
        f"ldd {bait}:\n    libcudart.so.12 => not found\nLD_PRELOAD={bait} LD_LIBRARY_PATH={tmp_path} python x.py\n"
        f"ImportError: {bait}: undefined symbol: x\n@import '{bait}' file://{bait} {{0.__class__}} !include {bait}\n"
        f"toolkit: {tmp_path}/cuda/version.json CUDA_HOME={tmp_path}\nMarkdown ![x](file://{bait})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", HEARD, written(tmp_path, paste), str(ROOT), "--format", form],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stderr == "ended 1\n"
    assert FINDING in done.stdout
    assert not marker.exists()


def test_ctrl_c_while_a_paste_is_awaited_is_one_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", AWAITED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"envdoctor: interrupted\n")


AWAITED = """
import os, signal, sys
from envdoctor import start
from envdoctor.commands import examine

def content(name, most):
    os.kill(os.getpid(), signal.SIGINT)
    return sys.stdin.buffer.read(most)

examine.content = content
sys.argv = ["envdoctor", "triage", "-"]
start.script()
"""
"""Interrupts itself at the moment when it would wait for its input."""


def test_the_largest_paste_is_read_within_its_memory(tmp_path: Path) -> None:
    line = "2026-11-22 10:00:00 | step 1 | loss 0.1 | caf\xe9 \U0001f600\n"
    path = written(tmp_path, BROKEN + line * (MOST_BYTES // len(line.encode()) - 10))
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    assert "The first and last lines were read" in done.stdout
    assert int(done.stderr) < 200 * 1024


PEAK = """
import sys
from envdoctor.cli import main
sys.argv = ["envdoctor", "triage", sys.argv[1]]
try:
    main()
except SystemExit:
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""
"""Tells the largest resident set in KiB; getrusage(2) would count that of the process which started this one."""
