"""How long the shipped matrix takes to load: compiled JSON against TOML, and one question against all rows.

Run from a checkout: `PYTHONPATH=src python benchmarks/matrix_load.py`. Prints medians in milliseconds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from envdoctor.matrix.compile import compiled
from envdoctor.matrix.load import load_matrix, read_json, read_toml
from envdoctor.matrix.matrix import Matrix

if TYPE_CHECKING:
    from collections.abc import Callable

WRITTEN = Path(__file__).resolve().parent.parent / "compat_matrix.toml"
ROUNDS = 30


def milliseconds(work: Callable[[], object]) -> float:
    """The median of `ROUNDS` runs, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        work()
        times.append((perf_counter() - start) * 1000)
    return median(times)


def ask(matrix: Matrix) -> None:
    """What a check of one machine asks."""
    matrix.release("2.14.0")
    matrix.wheel("2.14.0", "cu126", "linux-x86_64")
    matrix.driver_floor("12.6", "linux")
    matrix.gpu_driver_floor((8, 6))
    matrix.cudnn_serves("9.10.2.21", (8, 6))


def all_rows(matrix: Matrix) -> None:
    """Every release and wheel, as the planner reads them."""
    for release in matrix.releases:
        matrix.wheels(release.version)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "compat_matrix.json"
        target.write_text(compiled(WRITTEN), encoding="utf-8")
        document = read_json(target)
        toml, json = milliseconds(lambda: read_toml(WRITTEN)), milliseconds(lambda: read_json(target))
        size = WRITTEN.stat().st_size, target.stat().st_size
    print(f"TOML            {toml:7.2f} ms  ({size[0]} bytes)")
    print(f"compiled JSON   {json:7.2f} ms  ({size[1]} bytes)")
    print(f"ratio           {toml / json:7.1f}")
    print(f"one check asks  {milliseconds(lambda: ask(Matrix(document, 'x'))):7.2f} ms")
    print(f"every wheel     {milliseconds(lambda: all_rows(Matrix(document, 'x'))):7.2f} ms")
    print(f"all laws        {milliseconds(lambda: load_matrix(WRITTEN)):7.2f} ms  (TOML parsing included)")


if __name__ == "__main__":
    main()
