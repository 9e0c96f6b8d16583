"""Where the time of a look goes: each probe's share, in one process, over several rounds.

    PYTHONPATH=src python benchmarks/probe_cost.py --python /path/to/venv/bin/python [--rounds 15] [--distributions 250]

Prints a Markdown table: median milliseconds of each probe that costs more than a hundredth of the whole, and its
share. Standard library only; examines the environment, changes nothing. What the interpreter under examination and
the driver take to answer is in the probes that wait for them (`interpreter`, `driver`).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from envdoctor.host.host import Host
from envdoctor.probes import look
from envdoctor.probes.begin import begin
from envdoctor.probes.target import Target, choose


def padded(folder: Path, count: int) -> None:
    """Records of `count` small distributions, each with a folder beside it."""
    for number in range(count):
        name = f"pad_{number}"
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\n{'text ' * 1700}\n")
        (info / "RECORD").write_text(f"{name}/__init__.py,,0\n{info.name}/RECORD,,\n")


def one_look(host: Host, target: Target) -> dict[str, float]:
    """Seconds of each probe in one whole look, by its name."""
    at = begin(host, target, timeout=10.0)
    spent: dict[str, float] = {}
    for probe in look.PROBES:
        start = time.perf_counter()
        at.facts.update(probe.look(at))
        spent[probe.__name__.rpartition(".")[2]] = time.perf_counter() - start
    for child in (*(at.driver_children or ()), at.interpreter_child):
        if child is not None:
            child.stop()
    return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--distributions", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        padded(Path(folder), options.distributions)
        if options.distributions:
            os.environ["PYTHONPATH"] = folder
        host = Host()
        target = choose(
            host, python=options.python, script=False, executable=sys.executable, prefix=sys.prefix, cwd=os.getcwd()
        )
        one_look(host, target)
        rounds = [one_look(host, target) for _ in range(options.rounds)]
    whole = statistics.median(sum(spent.values()) for spent in rounds)
    print("| probe | median ms | share |\n|---|---:|---:|")
    medians = {name: statistics.median(spent[name] for spent in rounds) for name in rounds[0]}
    for name, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        if seconds > whole / 100:
            print(f"| `{name}` | {seconds * 1000:.1f} | {seconds / whole:.2f} |")
    print(f"| all {len(medians)} | {whole * 1000:.1f} | 1.00 |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of this process: {peak:.1f} MiB.")


if __name__ == "__main__":
    main()
