"""What `envdoctor triage` costs as a process: a post of ordinary length, and 20 MB of what wants to cost the most.

Run with an installed wheel, for its compiled matrix: `python benchmarks/triage_speed.py`. Prints processor time (user
and system), wall time and the largest resident set; of the ordinary post the median of nine. Linux, for the last.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

ROUNDS = 9
SIZE = 19_900_000

POST = """\
After I upgraded torch it does not see my two RTX 3090 any more, on Ubuntu 22.04.

I installed it with `pip install torch torchvision --index-url https://download.pytorch.org/whl/cu126`.

>>> torch.cuda.is_available()
False

RuntimeError: The NVIDIA driver on your system is too old (found version 11040).

PyTorch version: 2.6.0+cu126
Is debug build: False
CUDA used to build PyTorch: 12.6
OS: Ubuntu 22.04.4 LTS (x86_64)
Python version: 3.11.9 (main, Apr  6 2024, 17:59:24) [GCC 11.4.0] (64-bit runtime)
Python platform: Linux-5.15.0-105-generic-x86_64-with-glibc2.35
Is CUDA available: False
CUDA runtime version: 12.2.140
GPU models and configuration:
GPU 0: NVIDIA GeForce RTX 3090
GPU 1: NVIDIA GeForce RTX 3090
Nvidia driver version: 470.82.01

[pip3] numpy==1.26.4
[pip3] nvidia-cudnn-cu12==9.5.1.17
[pip3] torch==2.6.0+cu126
[pip3] torchvision==0.21.0+cu126

| NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     |
|   0  NVIDIA GeForce ...  On   | 00000000:07:00.0 Off |                  N/A |
| N/A   31C    P0    61W / 350W |      2MiB / 24268MiB |      0%      Default |
"""

LARGE = {
    "a log of training": "2026-11-22 10:00:00 INFO step 1 | loss 0.123 | lr 1e-4 | mem 10000MiB\n",
    "one line": "x",
    "reports": POST,
    "tracebacks": 'Traceback (most recent call last):\n  File "/a/b.py", line 1, in f\nRuntimeError: CUDA error: x\n',
    "pip's log": "Requirement already satisfied: a in /opt/lib/python3.11/site-packages (from torch==2.1.0) (1.0)\n",
    "sentences": "I have an RTX 3090 with driver 535.104 and torch 2.1.0 on Ubuntu, but the GPU is not found. ",
    "lines of sentences": "My RTX 3090 with driver 535.104 and torch 2.1.0 in docker does not work with CUDA 12.1.\n",
    "sessions": '>>> torch.cuda.is_available(), torch.__version__\n(True, "2.1.0")\n$ export CUDA_VISIBLE_DEVICES=0\n',
    "quotes": "> " * 100 + "torch 2.1.0\n",
    "colours": "\x1b[31m\x1b[0;1mtorch\x1b[0m \x1b]0;title\x07 2.1.0\n",
    "entities": "&gt;&lt;&amp;torch&nbsp;2.1.0&#39;\n",
    "tags": "<br><details>torch 2.1.0</p><pre>\n",
    "tables": "| torch | 2.1.0 | CUDA | 12.1 | [x](http://a@b) |\n",
    "braces": "{" * 100 + "}" * 100 + "\n",
    "folders": "LD_LIBRARY_PATH=" + "/opt/a/b/c:" * 300 + "\n",
    "many alphabets": "显卡驱动 нет CUDA ошибка \U0001f642 torch 2.1.0\n",
}


class Cost(NamedTuple):
    """Seconds of processor and of the clock, and MiB."""

    processor: float
    wall: float
    memory: int


def cost(path: Path) -> Cost:
    """Run the command once; its own process tells the resident set, that of this one stands aside."""
    begin, before = perf_counter(), os.times()
    done = subprocess.run([sys.executable, "-c", RUN, str(path)], capture_output=True, text=True, check=True)
    wall, after = perf_counter() - begin, os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return Cost(spent, wall, int(done.stderr.split()[-1]) // 1024)


RUN = """
import sys
sys.argv[:1] = ["envdoctor", "triage"]
try:
    from envdoctor.start import script
    script()
except SystemExit:
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak, file=sys.stderr)
"""


def shown(name: str, one: Cost) -> str:
    """One row of the table."""
    return f"{name:20} {one.processor:6.2f} s processor  {one.wall:6.2f} s wall  {one.memory:4d} MiB"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paste.txt"
        path.write_text(POST, encoding="utf-8")
        several = [cost(path) for _ in range(ROUNDS)]
        middle = Cost(median(one.processor for one in several), median(one.wall for one in several), several[0].memory)
        print(shown("an ordinary post", middle))
        for name, piece in LARGE.items():
            content = piece.encode()
            path.write_bytes(content * (SIZE // len(content)))
            print(shown(name, cost(path)), flush=True)


if __name__ == "__main__":
    main()
