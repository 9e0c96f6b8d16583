"""`envdoctor check` against `python -m torch.utils.collect_env`: wall time, memory and modules, in one run.

Both look at the same environment, in rounds that alternate, so that a machine that slows down slows both.
Prints a Markdown table. Standard library only; examines the environment, changes nothing.

    python benchmarks/collect_env_ratio.py --python /path/to/venv/bin/python [--rounds 9] [--distributions 250]

`--distributions` puts that many more installed distributions before both, in a folder on PYTHONPATH.

Without `--python`, the environment that ENVDOCTOR_TEST_CUDA_ENV names is taken. envdoctor itself is run by
the interpreter that runs this script, so call it with one that has it installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

# The aims of the project for a static check (docs/adr/0001-the-house.md says how they are reached).
MOST_RATIO = 0.1
MOST_MIB = 45.0

# One run apart from the timed ones: peak memory of the process itself and of its largest child, and what it
# imported. `ru_maxrss` is in KiB on Linux (getrusage(2)) and counts one process at a time, not their sum.
INSTRUMENTED = """
import json, resource, runpy, sys
report, module = sys.argv[1:3]
sys.argv[:3] = [module]
code = 0
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    code = end.code
peak = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
with open(report, "w") as file:
    json.dump({"code": code, "self": peak[0], "child": peak[1], "modules": len(sys.modules)}, file)
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One command: `python -m module arguments`; exit codes above `fine` end the benchmark."""

    name: str
    python: str
    module: str
    arguments: tuple[str, ...] = ()
    fine: int = 0

    @property
    def argv(self) -> list[str]:
        """What is timed."""
        return [self.python, "-m", self.module, *self.arguments]


@dataclass(slots=True)
class Measured:
    """Wall times in seconds, peaks in MiB of one process, and the length of `sys.modules`."""

    seconds: list[float] = field(default_factory=list)
    own: float = 0.0
    child: float = 0.0
    tree: float = 0.0
    modules: int = 0


def timed(contestant: Contestant, scratch: str) -> tuple[float, float]:
    """Run once: seconds, and MiB of the largest process of its tree (wait4(2) covers awaited children)."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            contestant.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=scratch,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if not 0 <= process.returncode <= contestant.fine:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()[-1:]
            sys.exit(f"{shlex.join(contestant.argv)}: exit code {process.returncode}: {''.join(said)}")
    return seconds, usage.ru_maxrss / 1024


def instrumented(contestant: Contestant, into: Measured, scratch: str) -> None:
    """Run once more inside a watcher that tells own and child peaks apart."""
    report = Path(scratch) / "report.json"
    words = [contestant.python, "-c", INSTRUMENTED, str(report), contestant.module, *contestant.arguments]
    subprocess.run(words, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False)
    seen = json.loads(report.read_text(encoding="utf-8"))
    into.own, into.child, into.modules = seen["self"] / 1024, seen["child"] / 1024, seen["modules"]


def crowd(folder: Path, number: int) -> None:
    """Record `number` distributions in `folder`, each with the files an installer leaves and a module."""
    for index in range(number):
        name = f"crowd_{index:04d}"
        info = folder / f"{name}-1.{index}.0.dist-info"
        info.mkdir(parents=True)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.{index}.0\nRequires-Dist: packaging>=20\n\n"
        (info / "METADATA").write_text(head + "A description of ordinary length.\n" * 100, encoding="utf-8")
        (info / "INSTALLER").write_text("pip\n", encoding="utf-8")
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n" * 40, encoding="utf-8")
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("", encoding="utf-8")


def torch_in(python: str) -> str:
    """The torch of the environment by its metadata; ends the benchmark where there is none."""
    asked = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('torch'))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if asked.returncode:
        sys.exit(f"{python}: no torch there, so no collect_env to compare with")
    return asked.stdout.strip()


def static_flag() -> tuple[str, ...]:
    """`--no-smoke` where this envdoctor runs kernels: they are no part of a static check."""
    asked = subprocess.run(
        [sys.executable, "-m", "envdoctor", "check", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if asked.returncode:
        sys.exit(f"{sys.executable}: `-m envdoctor check --help` failed: run this where envdoctor is installed")
    return ("--no-smoke",) if "--no-smoke" in asked.stdout else ()


def table(rows: list[tuple[Contestant, Measured]]) -> str:
    """Render the Markdown table; the ratio is to the first row's median."""
    first = statistics.median(rows[0][1].seconds)
    lines = [
        "| command | median s | min - max s | ratio | own peak MiB | largest child MiB | tree MiB | modules |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for contestant, seen in rows:
        median = statistics.median(seen.seconds)
        lines.append(
            f"| `{contestant.name}` | {median:.3f} | {min(seen.seconds):.3f} - {max(seen.seconds):.3f} "
            f"| {median / first:.3f} | {seen.own:.1f} | {seen.child:.1f} | {seen.tree:.1f} | {seen.modules} |"
        )
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    environment = os.environ.get("ENVDOCTOR_TEST_CUDA_ENV")
    parser.add_argument(
        "--python",
        default=str(Path(environment) / "bin" / "python") if environment else None,
        help="the interpreter of an environment with torch (default: that of ENVDOCTOR_TEST_CUDA_ENV)",
    )
    parser.add_argument("--rounds", type=int, default=9, help="timed runs of each command (default: 9)")
    parser.add_argument("--distributions", type=int, default=0, help="installed distributions to add (default: 0)")
    given = parser.parse_args()
    if given.python is None or not os.access(given.python, os.X_OK):
        parser.error("name an interpreter with torch: --python PATH, or set ENVDOCTOR_TEST_CUDA_ENV")
    if given.rounds < 1:
        parser.error("--rounds: at least 1")
    return given


def main() -> None:
    """Warm up, measure in alternating rounds, print."""
    given = arguments()
    # Made absolute as it is spelled: following the links of a venv would lead out of it.
    python = os.path.abspath(given.python)
    torch = torch_in(python)
    check = ("check", *static_flag(), "--python", python, "--format")
    contestants = [
        Contestant("collect_env", python, "torch.utils.collect_env"),
        Contestant("envdoctor check --format json", sys.executable, "envdoctor", (*check, "json"), 1),
        Contestant("envdoctor check --format terminal", sys.executable, "envdoctor", (*check, "terminal"), 1),
    ]
    rows = [(contestant, Measured()) for contestant in contestants]
    with tempfile.TemporaryDirectory() as scratch:
        if given.distributions:
            crowd(Path(scratch) / "crowd", given.distributions)
            os.environ["PYTHONPATH"] = str(Path(scratch) / "crowd")
        for contestant, _ in rows:
            timed(contestant, scratch)
        for turn in range(given.rounds):
            start = turn % len(rows)
            for contestant, seen in rows[start:] + rows[:start]:
                seconds, peak = timed(contestant, scratch)
                seen.seconds.append(seconds)
                seen.tree = max(seen.tree, peak)
        for contestant, seen in rows:
            instrumented(contestant, seen, scratch)
    print(
        f"torch {torch}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores; envdoctor on "
        f"Python {platform.python_version()}; {given.distributions} distributions added; {given.rounds} rounds after "
        "one warm-up, interleaved.\n"
    )
    print(table(rows))
    medians = [statistics.median(seen.seconds) for _, seen in rows]
    peaks = [seen.tree for _, seen in rows[1:]]
    print(f"\nRatio {max(medians[1:]) / medians[0]:.3f} (aim: at most {MOST_RATIO}); ", end="")
    print(f"peak {max(peaks):.1f} MiB in any one process (aim: at most {MOST_MIB:.0f}).")


if __name__ == "__main__":
    main()
