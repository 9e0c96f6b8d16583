"""How deaths read, from what processes leave behind."""

from __future__ import annotations

import pytest

from envdoctor.model.smoke import Status
from envdoctor.smoke.endings import MOST_OUTPUT, died, flooded, ran_too_long, stack

FATAL = """Fatal Python error: Segmentation fault

Thread 0x00007f1 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait
  File "/usr/lib/python3.11/threading.py", line 1002 in _bootstrap

Current thread 0x00007f2 [python] (most recent call first):
  File "/site/torch/nn/functional.py", line 12 in conv2d
  File "<frozen importlib._bootstrap>", line 1 in <module>
  File "/x/running.py", line 90 in run_one

Extension modules: torch._C (total: 1)
"""

TIMEOUT = """Timeout (0:00:16)!
Thread 0x00007f1 (most recent call first):
  File "/a.py", line 1 in worker
  ...
Thread 0x00007f2 (most recent call first):
  File "/site/torch/cuda/__init__.py", line 7 in synchronize
  File "/x/running.py", line 90 in run_one
"""


def test_the_thread_that_failed_is_the_trace() -> None:
    assert stack("noise\n" + FATAL)[-1] == "/site/torch/nn/functional.py:12 in conv2d"
    assert len(stack(FATAL)) == 3


def test_of_all_threads_the_main_one_is_the_trace() -> None:
    assert stack(TIMEOUT) == ("/x/running.py:90 in run_one", "/site/torch/cuda/__init__.py:7 in synchronize")


@pytest.mark.parametrize("text", ["", "Thread 0x1", "Thread 0x1 (most recent call first):\n  <no Python frame>\n"])
def test_no_stack_is_none(text: str) -> None:
    assert stack(text) == ()


DEATHS = {
    -11: ("SIGSEGV", "the process died of SIGSEGV (segmentation fault)"),
    -9: ("SIGKILL", "the process died of SIGKILL"),
    -99: ("99", "the process died of signal 99"),
    0: (None, "ended the process with code 0"),
    134: (None, "ended the process with code 134"),
    0xC0000005: (None, "the process died of 0xC0000005 (access violation)"),
    0xC0FFEE00: (None, "the process died of 0xC0FFEE00 (an NTSTATUS)"),
    None: (None, "the process is gone, and the system does not tell how it ended"),
}


@pytest.mark.parametrize("status", DEATHS)
def test_each_way_has_its_words(status: int | None) -> None:
    ending = died(status, "", for_memory=False)
    assert (ending.status, ending.signal, ending.message) == (Status.CRASHED, *DEATHS[status])


def test_pythons_own_word_for_its_end_is_kept() -> None:
    said = died(1, "Fatal Python error: init_fs_encoding: failed\n", for_memory=False).message
    assert said == "ended the process with code 1: init_fs_encoding: failed"


def test_what_is_shown_is_the_end() -> None:
    ending = flooded(16 * 2**20, "\n".join(map(str, range(10_000))))
    assert len(ending.output) <= MOST_OUTPUT
    assert ending.output.endswith("9999")
    assert ending.message == "wrote more than 16 MiB of output"
    assert ran_too_long(20.0, "").message == "did not end within 20 s"
