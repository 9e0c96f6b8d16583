"""What a call of the API leaves behind in the program that makes it: nothing, however it ends."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from programs import living, run, start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a driver that is compiled here, signals and /proc")

HANGING = {"STANDIN_NVML_HANG": "init", "STANDIN_CUDA_HANG": "init"}

STATE = """
import gc, json, locale, os, signal, sys, threading, warnings
import envdoctor

def state():
    return {
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals()) if number < 32],
        "environ": dict(os.environ), "cwd": os.getcwd(), "umask": os.umask(os.umask(0o77)), "argv": sys.argv,
        "path": sys.path, "gc": [*gc.get_threshold(), gc.isenabled()], "recursion": sys.getrecursionlimit(),
        "threads": threading.active_count(), "locale": locale.setlocale(locale.LC_ALL),
        "hooks": [sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__],
        "streams": [sys.stdout is sys.__stdout__, sys.stdout.errors, sys.stderr.errors],
        "files": sorted(os.listdir("/proc/self/fd"))[:-1], "bytecode": sys.dont_write_bytecode,
    }
"""

LEAVES = (
    STATE
    + """
before = json.dumps(state())
seconds = float(os.environ["SECONDS"])
envdoctor.check(timeout=seconds); envdoctor.check(deep=True, require_gpu=True, timeout=seconds)
envdoctor.plan(timeout=seconds); envdoctor.snapshot(timeout=seconds)
for wrong in ({"python": "/nowhere"}, {"policy": "/nowhere"}):
    try:
        envdoctor.check(**wrong)
    except envdoctor.UnusableInput:
        pass
assert json.dumps(state()) == before, (before, json.dumps(state()))
"""
)

PLAYED = {
    "no driver": {},
    "a driver": {"STANDIN_DRIVER": "580.65.06", "STANDIN_CUDA": "13000"},
    "a driver that ends the process": {"STANDIN_CRASH": "nvml"},
    "a driver that talks": {"STANDIN_NOISE": "hello from the driver"},
    "a driver that hangs": HANGING,
}


@pytest.mark.parametrize("name", PLAYED)
def test_nothing_is_left_changed_or_printed(name: str, tmp_path: Path, standin: Path) -> None:
    code, out, error = run(
        LEAVES,
        tmp_path,
        {**PLAYED[name], "SECONDS": "1" if "HANG" in str(PLAYED[name]) else "10"},
        standin if PLAYED[name] else None,
    )
    assert (code, out, error) == (0, "", "")
    assert living(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == []


def test_the_interpreter_that_runs_is_the_one_examined(tmp_path: Path) -> None:
    program = """
import envdoctor, sys
facts = envdoctor.snapshot()
assert facts.known("python.executable") == sys.executable
assert facts.known("python.chosen_because") == "the interpreter that runs envdoctor"
"""
    assert run(program, tmp_path, {"VIRTUAL_ENV": "/nowhere"}) == (0, "", "")


def test_an_interpreter_that_does_not_know_its_place(tmp_path: Path) -> None:
    """As in a program that embeds Python."""
    program = """
import envdoctor, sys
real, sys.executable = sys.executable, ""
for call in (envdoctor.check, envdoctor.snapshot, envdoctor.plan):
    try:
        call()
    except envdoctor.UnusableInput as told:
        print(told)
assert envdoctor.snapshot(real).known("python.executable") == real
"""
    code, out, error = run(program, tmp_path)
    assert (code, error) == (0, "")
    assert (
        out.splitlines()
        == ["this Python does not tell where it is (sys.executable is empty); name one: python=PATH"] * 3
    )


def test_a_torch_that_is_imported_already_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("__version__ = '0'\n")
    program = (
        "import sys; sys.path.insert(0, '.'); import torch, envdoctor; envdoctor.check(); print(torch.__version__)"
    )
    assert run(program, tmp_path) == (0, "0\n", "")


def test_torch_is_never_imported(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    program = "import sys; sys.path.insert(0, '.'); import envdoctor; envdoctor.check(); print('torch' in sys.modules)"
    assert run(program, tmp_path) == (0, "False\n", "")


THREADS = """
import envdoctor, sys, threading
found = []
def work():
    found.append(envdoctor.check().exit_code)
    found.append(envdoctor.diagnose(envdoctor.snapshot()).verdict.value)
threads = [threading.Thread(target=work) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
print(sorted(map(str, found)))
"""


def test_threads_may_call_it(tmp_path: Path, standin: Path) -> None:
    code, out, error = run(THREADS, tmp_path, standin=standin)
    assert (code, error) == (0, "")
    assert out == "['0', '0', '0', '0', 'healthy', 'healthy', 'healthy', 'healthy']\n"


FORKED = """
import envdoctor, os, threading, time
from envdoctor.host.process import RUNNING
busy = threading.Thread(target=envdoctor.snapshot, kwargs={"timeout": 3})
envdoctor.diagnose(envdoctor.Snapshot({}))
busy.start()
while not RUNNING:
    time.sleep(0.01)
child = os.fork()
if not child:
    envdoctor.diagnose(envdoctor.Snapshot({}))
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), bool(RUNNING))
busy.join()
"""


def test_a_copy_of_the_process_neither_waits_nor_ends_what_is_not_its_own(tmp_path: Path, standin: Path) -> None:
    """A copy is made (pytest-forked, a server) while a thread looks: it has the lock, and not the thread."""
    code, out, _ = run(FORKED, tmp_path, HANGING, standin)  # Python 3.12 warns of such copies
    assert (code, out) == (0, "7 True\n")
    assert living(tmp_path) == []


def test_children_that_nobody_waits_for(tmp_path: Path, standin: Path) -> None:
    """With SIGCHLD ignored the kernel throws away how children ended: an answer is an answer all the same."""
    program = """
import envdoctor, json, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(json.dumps([envdoctor.snapshot().known(name) for name in ("driver.version", "gpu.count", "libraries.missing")]))
"""
    ordinary = program.replace("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", "")
    code, out, error = run(program, tmp_path, standin=standin)
    assert (code, error) == (0, "")
    assert json.loads(out) == json.loads(run(ordinary, tmp_path, standin=standin)[1])


def gone(folder: Path) -> list[str]:
    """What lives on once the kernel had time to bury what was killed."""
    net = time.monotonic() + 10
    while (found := living(folder)) and time.monotonic() < net:
        time.sleep(0.01)
    return found


INTERRUPTED = """
import envdoctor
print("begins", flush=True)
try:
    envdoctor.check(timeout=60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    import time; time.sleep(60)
"""


@pytest.mark.parametrize("after", [0.3, 0.6, 1.2])
def test_ctrl_c_leaves_no_child_while_the_program_goes_on(after: float, tmp_path: Path, standin: Path) -> None:
    process = start(INTERRUPTED, tmp_path, HANGING, standin)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    net = time.monotonic() + 10
    while len(living(tmp_path)) > 1 and time.monotonic() < net:
        time.sleep(0.01)
    assert len(living(tmp_path)) == 1  # the program itself, which goes on
    process.kill()
    process.communicate(timeout=60)
    assert gone(tmp_path) == []
