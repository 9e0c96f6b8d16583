"""What installed distributions cost a look: the package probes at 0 to 100,000 of them, beside a bare listing.

Run from a checkout: `PYTHONPATH=src python benchmarks/distribution_cost.py`. Prints a Markdown table of medians.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from envdoctor.host.host import Host
from envdoctor.model.fact import Known
from envdoctor.probes import (
    conda_records,
    dependents,
    distributions,
    duplicates,
    environment_kind,
    extensions,
    layers,
    nvidia_packages,
    partners,
    torch_build,
)
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = (0, 10, 250, 2_500, 100_000)
PROBES = (
    environment_kind,
    layers,
    distributions,
    duplicates,
    conda_records,
    torch_build,
    partners,
    dependents,
    nvidia_packages,
    extensions,
)

METADATA = (
    "Metadata-Version: 2.4\nName: package\n"
    + "Classifier: Programming Language :: Python :: 3\n" * 34
    + "Requires-Dist: numpy\n" * 8
    + "\n"
    + "What the package is for and how it is used.\n" * 155
)
"""As long as the mean of 299 installed distributions: a head of 1.9 kB, 8.7 kB in all."""


def populate(site: str, start: int, end: int) -> None:
    """Add entries as an installer does: for each distribution a package and a record with its files."""
    for number in range(start, end):
        os.mkdir(os.path.join(site, f"package_{number}"))
        info = os.path.join(site, f"package_{number}-1.{number % 40}.{number % 7}.dist-info")
        os.mkdir(info)
        for name in ("METADATA", "INSTALLER", "RECORD", "WHEEL") if number < 2_500 else ():
            with open(os.path.join(info, name), "w", encoding="utf-8") as file:
                file.write(METADATA if name == "METADATA" else "Metadata-Version: 2.1\n")


def look(prefix: str, site: str) -> Looking:
    """Run the package probes as a check does, with the interpreter's answer given."""
    at = Looking(Host(), Target(os.path.join(prefix, "bin", "python"), "named"), deadline=time.monotonic() + 600)
    at.facts["python.prefix"] = Known(prefix, "interpreter")
    at.facts["python.site_packages"] = Known([site], "interpreter")
    for probe in PROBES:
        at.facts.update(probe.look(at))
    return at


def milliseconds(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The median and the least of `rounds` runs, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        work()
        times.append((perf_counter() - start) * 1000)
    return median(times), min(times)


def main() -> None:
    """Fill a folder step by step, measure, print."""
    print(f"{sys.platform}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print("| distributions | probes ms | beyond none ms | us each | bare listing ms | ratio |")
    print("|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as prefix:
        site = os.path.join(prefix, "lib", "python3.11", "site-packages")
        os.makedirs(site)
        held, none = 0, 0.0
        for count in COUNTS:
            populate(site, held, count)
            held = count
            rounds = 7 if count > 10_000 else 51
            listing, _ = milliseconds(lambda: os.listdir(site), rounds)
            taken, _ = milliseconds(lambda: look(prefix, site), rounds)
            if not count:
                none = taken
            beyond = taken - none
            each = f"{beyond * 1000 / count:.1f}" if count else "-"
            print(f"| {count:,} | {taken:.2f} | {beyond:.2f} | {each} | {listing:.2f} | {taken / listing:.0f} |")


if __name__ == "__main__":
    main()
