"""The whole grid of machines that the planner is held to: solved in one process, every invariant checked.

Run from a checkout: `PYTHONPATH=src:tests:tests/plan python benchmarks/plan_grid.py`. Prints a Markdown table; ends
with status 1 where an invariant is broken, and says for which machine.
"""

from __future__ import annotations

import sys
from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING

from machine_grid import broken_invariants, broken_when_judged, judged, machine_of, solve, whole

if TYPE_CHECKING:
    from plan_oracle import Described

MOST_SHOWN = 20
WORK = ("described", "solved", "checked against the rows", "diagnosed and planned, where a torch is installed")


def main() -> int:
    """Solve and check machine by machine; each kind of work is timed by itself."""
    seconds: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    broken: list[tuple[str, Described]] = []
    for row in whole():
        marks = [perf_counter()]
        machine = machine_of(row)
        marks.append(perf_counter())
        plan = solve(machine)
        marks.append(perf_counter())
        broken += [(one, row) for one in broken_invariants(row, plan)]
        marks.append(perf_counter())
        if row.torch:
            broken += [(one, row) for one in broken_when_judged(row, judged(machine))]
            marks.append(perf_counter())
        for work, start, end in zip(WORK, marks, marks[1:], strict=False):
            seconds[work] += end - start
            counted[work] += 1
        statuses[plan.status.value] += 1
    print("| work | machines | seconds | ms each |\n|---|---:|---:|---:|")
    for work in WORK:
        print(f"| {work} | {counted[work]} | {seconds[work]:.1f} | {1000 * seconds[work] / counted[work]:.2f} |")
    print(f"\n{', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}; {len(broken)} broken")
    for one, row in broken[:MOST_SHOWN]:
        print(f"{one}: {row}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
