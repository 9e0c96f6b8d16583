"""What plain torch reaches, without envdoctor: to be run by the interpreter under examination.

    python benchmarks/smoke_bare.py speed --device cuda:0
    python benchmarks/smoke_bare.py tests --device cpu [--size quick] [--seed 1]

`speed` measures a large bf16 product and a copy within the GPU in a plain loop between two events. `tests` runs the
tests of the battery one after the other in this process: no child, no limits, nothing watched. Prints one JSON object.
Standard library and torch only.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
import zlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CHILD = Path(__file__).resolve().parents[1] / "src" / "envdoctor" / "smoke" / "child"
PACKAGE = "bare_battery"
ROWS, COPIED = 8192, 2**30
"""Rows and columns of the product; bytes of the block that is copied."""
LOOP, ROUNDS = 10, 7


def speed(torch: Any, device: str) -> dict[str, float]:
    """Return the TFLOP/s of a bf16 product and the GB/s, read and written, of a copy: medians of several loops."""
    left, right = (torch.randn(ROWS, ROWS, device=device, dtype=torch.bfloat16) for _ in range(2))
    block = torch.ones(COPIED, device=device, dtype=torch.uint8)
    there = torch.empty_like(block)
    once = seconds(torch, lambda: torch.matmul(left, right))
    copied = seconds(torch, lambda: there.copy_(block))
    return {"bf16_matmul_tflops": 2 * ROWS**3 / once / 1e12, "device_copy_gb_per_s": 2 * COPIED / copied / 1e9}


def seconds(torch: Any, work: Callable[[], object]) -> float:
    """Return the median seconds of one piece of work, timed a loop at a time by events of the device."""
    for _ in range(LOOP):
        work()
    rounds = []
    for _ in range(ROUNDS):
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begun.record()
        for _ in range(LOOP):
            work()
        ended.record()
        ended.synchronize()
        rounds.append(begun.elapsed_time(ended) / 1e3 / LOOP)
    return statistics.median(rounds)


def tests(torch: Any, device: str, size: str, seed: int, folder: str | None) -> dict[str, Any]:
    """Run every test that belongs to a size on one device; return the seconds and what came of each.

    `folder` is an empty one for tests that write files.
    """
    spec = importlib.util.spec_from_file_location(
        PACKAGE, CHILD / "__init__.py", submodule_search_locations=[str(CHILD)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules[PACKAGE] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    case, bench, catalogue = (import_module(f"{PACKAGE}.{name}") for name in ("case", "bench", "catalogue"))
    kind = case.CPU if device == "cpu" else case.GPU
    ran = {}
    for one in catalogue.all_cases():
        if not one.belongs_to(size) or not (kind in one.on or one.on == (case.CPU,)):
            continue
        begun, came = time.perf_counter(), "passed"
        where = device if kind in one.on else "cpu"
        mixed = (seed ^ zlib.crc32(one.name.encode())) & 0x7FFFFFFF
        try:
            given = bench.Bench(torch, where, devices=[device], full=size == "full", seed=mixed, folder=folder)
            one.run(torch, given)
            given.finish()
        except case.Unavailable:
            came = "skipped"
        # A test may raise anything; what it is worth is the doctor's business.
        except Exception as trouble:
            came = type(trouble).__name__
        ran[one.name] = {"seconds": time.perf_counter() - begun, "came": came}
    return {"tests": ran, "seconds": sum(one["seconds"] for one in ran.values())}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "tests"))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--size", default="quick", choices=("check", "quick", "full"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="an empty folder for tests that write files")
    options = parser.parse_args()
    # The folder of this script is no place from which torch should find modules.
    sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]
    begun = time.perf_counter()
    torch = import_module("torch")
    told: dict[str, Any] = {"torch": str(torch.__version__), "import_seconds": time.perf_counter() - begun}
    if options.what == "speed":
        told.update(speed(torch, options.device))
    else:
        told.update(tests(torch, options.device, options.size, options.seed, options.folder))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
