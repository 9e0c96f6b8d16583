"""What the doctor adds to the tests it runs: the battery in its children, beside the same tests in a plain script.

    PYTHONPATH=src python benchmarks/smoke_overhead.py --python /path/to/venv/bin/python [--device cpu] [--rounds 5]

Both start an interpreter, import torch and run the same tests with the same seed, in turns; the battery adds a channel,
limits, a watch on memory and clocks, and processes that may die. Prints a Markdown row of medians: seconds by the
clock, which other work on the machine stretches, and seconds of processors, which it stretches less.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from envdoctor.smoke.battery import CACHES, Limits, Order, run_battery
from envdoctor.smoke.child.catalogue import all_cases
from envdoctor.smoke.conditions import Watch
from envdoctor.smoke.order import plan_items

BARE = Path(__file__).with_name("smoke_bare.py")
LONG = 900.0
"""Seconds that nothing here comes near."""


class Spent(NamedTuple):
    """Seconds by the clock, and of processors: ours and those of children that have ended."""

    clock: float
    processors: float

    @classmethod
    def until_now(cls) -> Spent:
        """Return what was spent since this process began."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used))

    def since(self, begun: Spent) -> Spent:
        """Return what was spent between two moments."""
        return Spent(self.clock - begun.clock, self.processors - begun.processors)


def battery(python: str, device: str, size: str, seed: int) -> tuple[Spent, dict[str, str]]:
    """Return what a battery cost as the command runs it, and how each test ended."""
    items = plan_items(all_cases(), [device], size)
    begun = Spent.until_now()
    watch = Watch([device])
    try:
        ran = run_battery(Order(python, items, (device,), size, seed, Limits(LONG, LONG, LONG)))
    finally:
        watch.stop()
    watch.seen(ran.windows, ran.devices)
    if not ran.started:
        sys.exit(f"{python}: {ran.trouble}")
    clock = time.perf_counter()
    _reap()
    spent = Spent(clock, Spent.until_now().processors).since(begun)
    return spent, {test.name: test.status.value for test in ran.tests}


def _reap() -> None:
    """Wait for children that take their time to be gone: only then is counted what they used, and the GPU is free."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def bare(python: str, device: str, size: str, seed: int) -> tuple[Spent, dict[str, Any]]:
    """Return what the same tests cost in a plain script, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="smoke-bare-") as folder:
        # As the battery has it: what is compiled is compiled anew, in one thread.
        environ = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        environ |= {variable: os.path.join(folder, name) for variable, name in CACHES.items()}
        words = ("--device", device, "--size", size, "--seed", str(seed), "--folder", folder)
        argv = [python, "-B", str(BARE), "tests", *words]
        begun = Spent.until_now()
        ran = subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=LONG, check=False)
        spent = Spent.until_now().since(begun)
    if ran.returncode:
        sys.exit(f"{python}: the plain script ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return spent, told


def measured(python: str, device: str, size: str, rounds: int, seconds: float = math.inf) -> dict[str, Any]:
    """Return medians of both, in turns, and their ratio; the first round, which reads files from disk, is left out.

    After so many `seconds` no further round begins, once there is one that counts.
    """
    pairs = []
    begun = time.monotonic()
    for seed in range(1, rounds + 2):
        if len(pairs) > 1 and time.monotonic() - begun > seconds:
            break
        told = battery(python, device, size, seed)
        plain = bare(python, device, size, seed)
        pairs.append((told[0], plain[0]))
    pairs = pairs[1:]
    tests = told[1]
    ours, other = (Spent(*map(statistics.median, zip(*column, strict=True))) for column in zip(*pairs, strict=True))
    return {
        "device": device,
        "size": size,
        "rounds": len(pairs),
        "tests": len(tests),
        "passed": sum(status == "passed" for status in tests.values()),
        "battery_seconds": ours.clock,
        "bare_seconds": other.clock,
        "ratio": statistics.median(one.clock / two.clock for one, two in pairs),
        "battery_cpu_seconds": ours.processors,
        "bare_cpu_seconds": other.processors,
        "cpu_ratio": statistics.median(one.processors / two.processors for one, two in pairs),
        "torch": plain[1]["torch"],
    }


def row(told: dict[str, Any]) -> str:
    """Return the Markdown row of one measurement."""
    return (
        f"| {told['torch']} | {told['device']} | {told['size']} | {told['tests']} | {told['passed']} | "
        f"{told['battery_seconds']:.2f} | {told['bare_seconds']:.2f} | {told['ratio']:.2f} | "
        f"{told['battery_cpu_seconds']:.2f} | {told['bare_cpu_seconds']:.2f} | {told['cpu_ratio']:.2f} |"
    )


HEAD = (
    "| torch | device | size | tests | passed | battery s | bare s | ratio | battery CPU s | bare CPU s | ratio |\n"
    "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="quick", choices=("check", "quick", "full"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=math.inf, help="after which no further round begins")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args()
    told = measured(options.python, options.device, options.size, options.rounds, options.seconds)
    print(json.dumps(told) if options.json else f"{HEAD}\n{row(told)}")


if __name__ == "__main__":
    main()
