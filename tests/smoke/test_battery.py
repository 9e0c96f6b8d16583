"""The battery against a torch that dies, hangs, floods and meddles: the right test is blamed, the others report."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest
from stub_torch import alive, battery, by_name

from envdoctor.host import process
from envdoctor.model.smoke import IMPORT, Status
from envdoctor.smoke import watching
from envdoctor.smoke.battery import Limits, Progress
from envdoctor.smoke.endings import TIME_OVER
from standin.pythons import python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc")

PASSES = "bench.figures['answers'] = 42.0"

BRIEF = Limits(importing=30.0, test=0.5, battery=60.0)


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, no folder, no descriptor."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    yield
    net = time.monotonic() + 10
    while alive(tmp_path) and time.monotonic() < net:
        time.sleep(0.01)
    assert alive(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("envdoctor-")] == []
    assert not process.RUNNING
    assert len(os.listdir("/proc/self/fd")) == before


DEATHS = {
    "segfault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV", "the process died of SIGSEGV (segmentation fault)"),
    "abort": ("os.abort()", "SIGABRT", "the process died of SIGABRT (abort)"),
    "illegal": ("import signal; os.kill(os.getpid(), signal.SIGILL)", "SIGILL", "died of SIGILL (illegal instruction)"),
    "killed": ("import signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", "the process died of SIGKILL"),
    "leaves": ("os._exit(3)", None, "ended the process with code 3"),
    "leaves well": ("os._exit(0)", None, "ended the process with code 0"),
    "in a thread": (
        "import ctypes, threading\nthread = threading.Thread(target=ctypes.string_at, args=(0,))\n"
        "thread.start(); thread.join()",
        "SIGSEGV",
        "segmentation fault",
    ),
    "stack": (
        "import threading\nsys.setrecursionlimit(10**9)\nthreading.stack_size(2**18)\nimport ctypes\n"
        "libc = ctypes.CDLL(None)\nCOMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)\n"
        "def deeper(a, b):\n"
        "    libc.qsort((ctypes.c_int * 2)(), 2, 4, COMPARE(deeper)); return 0\n"
        "deeper(0, 0)",
        "SIGSEGV",
        "segmentation fault",
    ),
    "what a C++ exception says": (
        "os.write(2, b\"terminate called after throwing an instance of 'c10::Error'\\n  what():  CUDA error: "
        'no kernel image is available for execution on the device\\n"); os.abort()',
        "SIGABRT",
        "CUDA error: no kernel image is available for execution on the device",
    ),
}


@pytest.mark.parametrize("name", DEATHS)
def test_a_death_is_blamed_on_the_test_it_happened_in(name: str, tmp_path: Path) -> None:
    code, signal, message = DEATHS[name]
    ran = battery(tmp_path, {"before": PASSES, "bad": code, "after": PASSES})
    told = by_name(ran)
    assert [result.name for result in ran.tests] == ["before", "bad", "after"]
    assert (told["before"].status, told["after"].status) == (Status.PASSED, Status.PASSED)
    assert (told["bad"].status, told["bad"].signal) == (Status.CRASHED, signal)
    assert message in told["bad"].message
    assert ran.started
    assert not ran.trouble
    assert set(ran.windows) == {("before", "cpu"), ("bad", "cpu"), ("after", "cpu")}


def test_a_death_shows_where_it_was(tmp_path: Path) -> None:
    told = by_name(battery(tmp_path, {"before": "print('noise of another')", "bad": "os.abort()", "after": PASSES}))
    assert any(frame.endswith("run_one") for frame in told["bad"].trace)
    assert told["bad"].trace[-1] == "<bad>:1 in <module>"
    assert "Fatal Python error: Aborted" in told["bad"].output
    assert "noise" not in told["bad"].output


def test_what_a_dying_library_said_of_cuda_is_named(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"bad": DEATHS["what a C++ exception says"][0]})
    assert ran.tests[0].cuda_error == "cudaErrorNoKernelImageForDevice"


def test_where_the_import_is_slow_a_test_may_be_too(tmp_path: Path) -> None:
    """A machine under load, or files that come from afar: what takes long there does not hang."""
    slow = "import time; time.sleep({})".format
    ran = battery(tmp_path, {"slow": slow(0.8)}, importing=slow(2.0), limits=BRIEF)
    assert ran.tests[0].status is Status.PASSED


HANGS = {
    "sleeps": "import time; time.sleep(600)",
    "computes": "while True: pass",
    "deaf": (
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))\n"
        "while True: time.sleep(600)"
    ),
    "holds the interpreter": "import ctypes; ctypes.PyDLL(None).sleep(600)",
    "with children": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for _ in range(3):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
    ),
}


@pytest.mark.parametrize("name", HANGS)
def test_a_hang_is_ended_at_its_limit(name: str, tmp_path: Path) -> None:
    ran = battery(tmp_path, {"before": PASSES, "bad": HANGS[name], "after": PASSES}, limits=BRIEF)
    told = by_name(ran)
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.TIMED_OUT, Status.PASSED]
    assert told["bad"].message == "did not end within 0.5 s"
    assert told["bad"].trace[-1].startswith("<bad>:"), "the stack that was written before the end"
    begun, ended = ran.windows["bad", "cpu"]
    assert ended - begun < 0.5 + 2


def test_a_process_that_stopped_itself_is_ended_too(tmp_path: Path) -> None:
    code = "import signal; os.kill(os.getpid(), signal.SIGSTOP)"
    ran = battery(tmp_path, {"bad": code, "after": PASSES}, limits=BRIEF)
    assert [result.status for result in ran.tests] == [Status.TIMED_OUT, Status.PASSED]


def test_patience_is_counted(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"bad": HANGS["sleeps"]}, limits=BRIEF, patience=2.0)
    assert ran.tests[0].message == "did not end within 1 s"


FLOODS = {
    "prints": "while True: print('x' * 1000)",
    "errors": "while True: os.write(2, b'x' * 65536)",
    "a hundred megabytes without a line": "for _ in range(100): os.write(1, b'x' * 2**20)",
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_fails_its_test(name: str, tmp_path: Path) -> None:
    ran = battery(tmp_path, {"before": "print('x' * 10**6)", "bad": FLOODS[name], "after": PASSES})
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.FAILED, Status.PASSED]
    assert by_name(ran)["bad"].message == "wrote more than 16 MiB of output"
    assert len(by_name(ran)["bad"].output) <= 2000


FIND_CHANNEL = """
import gc
channel = next(one for one in gc.get_objects() if type(one).__name__ == 'Channel')
number = channel._number
"""

MEDDLING = {
    "garbage": "os.write(number, b'garbage without end')",
    "lines": "os.write(number, b'\\x00\\xff\\n[]\\n{}\\n5\\n\\n')",
    "a huge line": "os.write(number, b'x' * 5_000_000)",
    "deep": "os.write(number, b'[' * 100_000 + b'\\n')",
    "the end of another": 'os.write(number, b\'{"event": "end", "test": "after", "device": "cpu"}\\n\')',
    "closes": "os.close(number)",
    "closes all": "os.closerange(0, 1000)",
    "closes and hangs": "os.close(number); import time; time.sleep(600)",
    "imports again": (
        'os.write(number, b\'{"event": "begin", "test": "import", "device": "cpu"}\\n\')\n'
        'os.write(number, b\'{"event": "end", "test": "import", "device": "cpu", "status": "failed"}\\n\')'
    ),
    "begins for ever": ('while True: os.write(number, b\'{"event": "begin", "test": "bad", "device": "cpu"}\\n\')'),
    "takes its number": "os.close(number); open('/dev/null', 'w'); os.dup2(os.open('/dev/null', os.O_WRONLY), number)",
}


@pytest.mark.parametrize("name", MEDDLING)
def test_who_meddles_with_the_results_is_blamed(name: str, tmp_path: Path) -> None:
    ran = battery(tmp_path, {"before": PASSES, "bad": FIND_CHANNEL + MEDDLING[name], "after": PASSES})
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.FAILED, Status.PASSED]
    assert by_name(ran)["bad"].message in (
        "wrote into the file descriptor of the results",
        "closed the file descriptor of the results",
    )


def test_a_death_after_a_forged_begin_is_still_that_of_the_test(tmp_path: Path) -> None:
    forged = 'os.write(number, b\'{"event": "begin", "test": "x", "device": "cpu"}\\n\'); os.abort()'
    ran = battery(tmp_path, {"before": PASSES, "bad": FIND_CHANNEL + forged})
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.FAILED]


def test_a_child_that_does_not_end_after_its_last_test_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BETWEEN", 600.0)  # who waited for it would wait until the battery is over
    ran = battery(tmp_path, {"one": "os._exit = lambda code: __import__('time').sleep(600)"})
    assert (ran.tests[0].status, ran.trouble) == (Status.PASSED, "")


RAISES = {
    "error": ("raise RuntimeError('CUDA error: an illegal memory access was encountered')", "RuntimeError"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "exit": ("sys.exit(3)", "SystemExit"),
    "depth": ("def f(): f()\nf()", "RecursionError"),
    "huge": ("raise ValueError('x' * 50_000_000)", "ValueError"),
    "wordless": ("raise ValueError", "ValueError"),
    "unspeakable": ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E", "E"),
    "escapes": ("raise ValueError('\\x1b[31m\\x00\\ud800 \\N{SNOWMAN}')", "ValueError"),
    "interrupted by its words": ("class E(Exception):\n    def __str__(self): raise KeyboardInterrupt\nraise E", "E"),
    "a number without end": ("error = OSError('x'); error.error_code = 10**5000; raise error", "OSError"),
    "a number that raises": (
        "class E(Exception):\n    error_code = property(lambda self: sys.exit(3))\nraise E('x')",
        "E",
    ),
    "takes the modules": ("sys.modules.clear(); raise ValueError('x')", "ValueError"),
    "takes the streams": ("sys.stdout = sys.stderr = None; raise ValueError('x')", "ValueError"),
}


@pytest.mark.parametrize("name", RAISES)
def test_what_is_raised_is_the_answer_and_the_child_goes_on(name: str, tmp_path: Path) -> None:
    code, exception = RAISES[name]
    pid = "bench.figures['pid'] = float(os.getpid())"
    ran = battery(tmp_path, {"before": pid, "bad": code, "after": pid})
    told = by_name(ran)
    assert (told["bad"].status, told["bad"].exception) == (Status.FAILED, exception)
    assert told["bad"].message
    assert len(told["bad"].message) <= 4000
    assert told["before"].figures == told["after"].figures, "the same process"
    assert told["bad"].cuda_error == ("cudaErrorIllegalAddress" if name == "error" else None)


NUMBERS = {
    "too large for a float": "bench.figures = {'tflops': 10**400, 'ms': 2.0}; bench.error = 10**400; bench.bound = 1.0",
    "none": "bench.figures = {'tflops': float('nan'), 'ms': 2.0, 'rows': True}; bench.error = 'x'",
    "of a clock that went back": (
        "import time\nclock = time.perf_counter\ntime.perf_counter = lambda: clock() - 1e6\nbench.figures = {'ms': 2.0}"
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_left_out(name: str, tmp_path: Path) -> None:
    result = battery(tmp_path, {"one": NUMBERS[name]}).tests[0]
    assert (result.status, result.error, result.figures) == (Status.PASSED, None, {"ms": 2.0})
    assert result.seconds is None or result.seconds >= 0


GONE_ASTRAY = {
    "session": "if os.fork() == 0:\n    os.setsid(); time.sleep(600)",
    "group": "if os.fork() == 0:\n    os.setpgid(0, 0); time.sleep(600)",
    "daemon": (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        "    os.closerange(0, 1000); time.sleep(600)\nos.wait()"
    ),
    "program": "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)",
}


@pytest.mark.parametrize("name", GONE_ASTRAY)
@pytest.mark.parametrize("then", ["", "\ntime.sleep(600)", "\nos.abort()"], ids=["passes", "hangs", "dies"])
def test_what_leaves_the_group_is_ended_too(name: str, then: str, tmp_path: Path) -> None:
    """That nothing is left is what every test here looks for at its end."""
    code = f"import time\n{GONE_ASTRAY[name]}{then}"
    ran = battery(tmp_path, {"bad": code, "after": PASSES}, limits=Limits(30.0, 1.0, 60.0))
    expected = {"": Status.PASSED, "\nos.abort()": Status.CRASHED}.get(then, Status.TIMED_OUT)
    assert [result.status for result in ran.tests] == [expected, Status.PASSED]


def test_a_death_is_seen_though_a_fork_lives_on(tmp_path: Path) -> None:
    """Whoever was forked holds the pipe of the results open, as the workers of a loader of data do."""
    code = "import time\nif os.fork() == 0: time.sleep(600)\nos.abort()"
    ran = battery(tmp_path, {"before": PASSES, "bad": code, "after": PASSES})
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.CRASHED, Status.PASSED]
    assert by_name(ran)["bad"].signal == "SIGABRT"


def test_a_fork_that_returns_tells_nothing(tmp_path: Path) -> None:
    code = "import time\nif os.fork() == 0: time.sleep(0.2); raise ValueError('of the fork')"
    ran = battery(tmp_path, {"bad": code, "after": f"import time; time.sleep(0.6); {PASSES}", "last": PASSES})
    assert [result.status for result in ran.tests] == [Status.PASSED] * 3


def test_output_and_warnings_stand_with_their_test(tmp_path: Path) -> None:
    tests = {
        "one": "print('of one')",
        "two": "import warnings; warnings.warn('mind'); print('of two'); raise ValueError('no')",
        "three": "print('of three'); raise ValueError('no')",
    }
    told = by_name(battery(tmp_path, tests))
    assert [told[name].output for name in tests] == ["", "of two", "of three"]
    assert told["two"].warnings == ("mind",)


def test_a_lost_device_costs_no_other_test(tmp_path: Path) -> None:
    lost = "sys.modules['envdoctor_smoke.running']._is_lost = lambda *_: True; raise RuntimeError('CUDA error: gone')"
    pid = "bench.finish = lambda: None; bench.figures['pid'] = float(os.getpid())"
    ran = battery(tmp_path, {"before": pid, "bad": lost, "after": pid}, devices=["cuda:0"])
    told = by_name(ran)
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.FAILED, Status.PASSED]
    assert told["bad"].poisoned
    assert told["before"].figures != told["after"].figures, "a fresh process"


def test_a_gpu_that_does_not_start_is_given_up(tmp_path: Path) -> None:
    tests = {
        "start": "bench.finish = lambda: None\nif bench.device == 'cuda:0': os.abort()",
        "next": "bench.finish = lambda: None",
    }
    ran = battery(tmp_path, tests, devices=["cuda:0", "cuda:1"])
    told = [(result.name, result.device, result.status.value) for result in ran.tests]
    assert told == [
        ("start", "cuda:0", "crashed"),
        ("next", "cuda:0", "skipped"),
        ("start", "cuda:1", "passed"),
        ("next", "cuda:1", "passed"),
    ]
    assert ran.tests[1].message == "the test `start` did not pass on cuda:0"


ENDS_AT_BEGIN = """
channel = sys.modules['envdoctor_smoke.channel'].Channel
begin = channel.begin
def dies(self, test, device):
    if test == 'bad': os._exit(5)
    begin(self, test, device)
channel.begin = dies
"""


def test_a_death_between_two_tests_happens_once(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"before": ENDS_AT_BEGIN, "bad": PASSES, "after": PASSES})
    assert [result.status for result in ran.tests] == [Status.PASSED] * 3


def test_a_death_before_the_same_test_again_is_its_fault(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"before": PASSES, "bad": PASSES, "after": PASSES}, importing=ENDS_AT_BEGIN)
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.CRASHED, Status.PASSED]
    said = "the process ended before this test could begin: ended the process with code 5"
    assert by_name(ran)["bad"].message == said


def test_the_time_of_the_battery_skips_what_is_left(tmp_path: Path) -> None:
    tests = {"before": PASSES, "long": HANGS["sleeps"], "after": PASSES}
    ran = battery(tmp_path, tests, limits=Limits(importing=30.0, test=30.0, battery=3.0, importing_counts=False))
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.SKIPPED, Status.SKIPPED]
    assert {result.message for result in ran.tests[1:]} == {TIME_OVER}
    assert ran.started


def test_the_import_counts_or_does_not(tmp_path: Path) -> None:
    slow, short = "import time; time.sleep(1)", Limits(importing=30.0, test=30.0, battery=0.5)
    ran = battery(tmp_path, {"one": PASSES}, importing=slow, limits=short)
    assert (ran.started, ran.tests[0].status) == (False, Status.SKIPPED)
    assert ran.trouble == "the time for the battery was over before torch was imported"
    free = Limits(importing=30.0, test=30.0, battery=30.0, importing_counts=False)
    assert battery(tmp_path, {"one": PASSES}, importing=slow, limits=free).tests[0].status is Status.PASSED


IMPORTS = {
    "raises": (
        "raise ImportError('libcudart.so.13: cannot open shared object file')",
        Status.FAILED,
        "libcudart.so.13",
    ),
    "exits": ("sys.exit('no')", Status.FAILED, "no"),
    "leaves": ("os._exit(7)", Status.CRASHED, "code 7"),
    "crashes": ("import ctypes; ctypes.string_at(0)", Status.CRASHED, "SIGSEGV"),
    "hangs": ("import time; time.sleep(600)", Status.TIMED_OUT, "did not end within 1 s"),
    "floods": ("while True: print('x' * 1000)", Status.FAILED, "16 MiB"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_that_fails_is_a_row_of_its_own(name: str, tmp_path: Path) -> None:
    code, status, message = IMPORTS[name]
    ran = battery(tmp_path, {"one": PASSES}, importing=code, limits=Limits(1.0 if name == "hangs" else 30.0))
    assert [(result.name, result.status) for result in ran.tests] == [(IMPORT, status), ("one", Status.SKIPPED)]
    assert message in ran.tests[0].message
    assert ran.tests[1].message == ran.trouble == f"torch could not be imported: {ran.tests[0].message}"
    assert not ran.started


def test_an_import_that_prints_is_none_of_the_tests(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"bad": "raise ValueError"}, importing="print('hello'); os.write(2, b'there')")
    assert (ran.tests[0].name, ran.tests[0].output) == ("bad", "")


def test_an_import_that_fails_later_skips_the_rest(tmp_path: Path) -> None:
    once = (
        f"if os.path.exists({str(tmp_path / 'seen')!r}): raise OSError('gone')\nopen({str(tmp_path / 'seen')!r}, 'w')"
    )
    ran = battery(tmp_path, {"one": PASSES, "bad": "os.abort()", "after": PASSES}, importing=once)
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.CRASHED, Status.SKIPPED]
    assert ran.tests[2].message == "torch could not be imported again: gone"
    assert ran.started


def test_what_torch_itself_imports_may_be_missing(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"one": PASSES}, source="import does_not_exist_anywhere")
    assert (ran.tests[0].name, ran.tests[0].exception) == (IMPORT, "ModuleNotFoundError")


INTERPRETERS = {
    "missing": "could not be started: No such file or directory",
    "folder": "could not be started: Permission denied",
    "other": "did not come to import torch: ended the process with code 0",
    "speaks": "did not come to import torch: cannot work like this",
}


@pytest.mark.parametrize("name", INTERPRETERS)
def test_an_interpreter_that_is_none(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for script, code in (("other", "exit 0"), ("speaks", "echo first; echo cannot work like this >&2; exit 3")):
        (tmp_path / script).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / script).chmod(0o755)
    ran = battery(tmp_path, {"one": PASSES}, python=str(tmp_path / name))
    assert ran.trouble == f"{tmp_path / name} {INTERPRETERS[name]}"
    assert not ran.started
    assert [(result.name, result.status, result.message) for result in ran.tests] == [
        ("one", Status.SKIPPED, ran.trouble)
    ]


def test_a_wrapper_around_the_interpreter_is_ended_with_it(tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\n')
    wrapper.chmod(0o755)
    ran = battery(tmp_path, {"one": PASSES, "bad": HANGS["sleeps"]}, python=str(wrapper), limits=BRIEF)
    assert [result.status for result in ran.tests] == [Status.PASSED, Status.TIMED_OUT]


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_every_python_runs_the_child(version: str, tmp_path: Path) -> None:
    tests = {"one": PASSES, "bad": "os.abort()", "hang": HANGS["sleeps"], "wrong": "bench.true(False, 'off')"}
    ran = battery(tmp_path, tests, python=python(version), limits=Limits(importing=30.0, test=1.0, battery=60.0))
    states = [Status.PASSED, Status.CRASHED, Status.TIMED_OUT, Status.WRONG_NUMBERS]
    assert [result.status for result in ran.tests] == states
    assert ran.tests[1].trace[-1] == "<bad>:1 in <module>"
    assert ran.tests[2].trace[-1] == "<hang>:1 in <module>"
    assert ran.torch["version"] == "9.9.9+stub"


def test_an_interpreter_too_old_says_so_in_a_line(tmp_path: Path) -> None:
    ran = battery(tmp_path, {"one": PASSES}, python=python("3.6"))
    assert "SyntaxError" in ran.trouble
    assert not ran.started


def test_the_environment_is_the_users_and_nothing_is_written_to_it(tmp_path: Path) -> None:
    tests = {
        "one": (
            "import tempfile\n"
            "assert os.listdir(bench.folder) == []\n"
            "place = os.path.dirname(bench.folder)\n"
            "assert tempfile.gettempdir().startswith(place)\n"
            "assert os.environ['TORCHINDUCTOR_CACHE_DIR'].startswith(place)\n"
            "assert os.environ['TRITON_CACHE_DIR'].startswith(place)\n"
            "assert sys.dont_write_bytecode and not sys.flags.isolated\n"
            "assert sys.stdin.read() == ''\n"
            "assert os.getsid(0) == os.getpid()\n"
            "open(os.path.join(bench.folder, 'left'), 'w').write('x')\n"
        ),
        "bad": "os.abort()",
        "after": "assert os.listdir(bench.folder) == []",
    }
    ran = battery(tmp_path, tests)
    assert [result.message for result in ran.tests if result.status is Status.FAILED] == []
    assert list((tmp_path / "stub").rglob("*.pyc")) == []


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    code = "import resource; assert resource.getrlimit(resource.RLIMIT_CORE)[0] <= 1"
    assert battery(tmp_path, {"one": code}).tests[0].status is Status.PASSED


def test_progress_tells_begin_and_end_of_each(tmp_path: Path) -> None:
    told: list[Progress] = []
    battery(tmp_path, {"one": PASSES, "bad": "os.abort()"}, tell=told.append)
    seen = [(one.done, one.of, one.test, one.result and one.result.status) for one in told]
    assert seen == [
        (0, 2, "one", None),
        (1, 2, "one", Status.PASSED),
        (1, 2, "bad", None),
        (2, 2, "bad", Status.CRASHED),
    ]


def test_who_listens_may_end_it(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def tell(progress: Progress) -> None:
        if progress.test == "long":
            raise Enough

    with pytest.raises(Enough):
        battery(tmp_path, {"one": PASSES, "long": HANGS["with children"]}, tell=tell)


def test_no_folder_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    ran = battery(tmp_path, {"one": "assert bench.folder is None"})
    assert ran.tests[0].status is Status.PASSED


INTERRUPTED = """
import sys
from pathlib import Path
from envdoctor import cli
import stub_torch

def run(*_args, **_options):
    tests = {"one": "pass", "long": sys.argv[2]}
    stub_torch.battery(Path(sys.argv[1]), tests, tell=lambda told: print(told.test, flush=True))

cli.group.main = run
cli.main(["smoke"])
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_an_end_from_outside_leaves_nothing(how: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C takes all away; who is killed cannot, but his child dies with him."""
    place = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    child = "import time; time.sleep(600)" if how is signal.SIGKILL else HANGS["with children"]
    doctor = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path), child],
        env={**os.environ, "PYTHONPATH": place, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert doctor.stdout
    while doctor.stdout.readline().strip() not in ("long", ""):
        pass
    doctor.send_signal(how)
    error = doctor.communicate(timeout=60)[1]
    if how is signal.SIGKILL:
        for folder in tmp_path.glob("envdoctor-smoke-*"):
            shutil.rmtree(folder)
    else:
        assert (doctor.returncode, error) == (128 + how, "envdoctor: interrupted\n")
