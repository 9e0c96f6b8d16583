"""`torch.compile`: a function is traced, turned into a kernel by triton (on a GPU) or C++ (on the CPU), and run.

Bound: each element is a sum of n terms that were rounded three times, in any order: gamma_(n+3) of the sum of their
absolute values (Higham, Accuracy and Stability of Numerical Algorithms, 3.1); a compiler may contract a product and a
sum, which only spares a rounding.

What has to be there beside torch may be missing without anything being broken: then the test is skipped, told apart by
the words of whoever missed it.
"""

from __future__ import annotations

import os
import sysconfig
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Iterator, Optional

from ..case import Case, Unavailable
from ..reference import exact, gamma

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

SWITCHED_OFF = ("TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE")

MISSING = (
    ("not supported on Python", "torch cannot compile with this Python"),
    ("not yet supported for torch.compile", "torch cannot compile here"),  # Windows, and Python 3.11 with torch 2.0
    ("too old to be supported by the triton", "triton has no code for this GPU"),
    ("InvalidCxxCompiler", "there is no C++ compiler"),
    ("Failed to find C compiler", "there is no C compiler, which triton needs"),
    ("libcuda.so cannot found", "triton does not find the driver's libcuda.so where ldconfig lists libraries"),
    ("'/sbin/ldconfig'", "there is no ldconfig, by which triton looks for the driver's libcuda.so"),
    ("Python.h: No such file", "Python's headers are not installed"),  # gcc
    ("'Python.h' file not found", "Python's headers are not installed"),  # clang
    ("execvp: No such file", "the C++ compiler is not whole"),  # gcc without g++, or no PATH at all
    ("posix_spawnp: No such file", "the C++ compiler is not whole"),  # gcc 14
    ("unrecognized command", "the C++ compiler is too old for this torch"),  # -std=c++20 before gcc 10
    ("error: invalid value 'c++", "the C++ compiler is too old for this torch"),  # clang
    ("cannot find -lgomp", "the library of OpenMP is not installed"),
    ("cannot find -lomp", "the library of OpenMP is not installed"),
    ("'ascii' codec can't", "the locale is for ASCII alone, and torch's own files are not"),
    ("omp.h: No such file", "the headers of OpenMP are not installed"),
    ("'omp.h' file not found", "the headers of OpenMP are not installed"),
    ("Read-only file system", "the folder for what is compiled cannot be written to"),
    ("No space left on device", "the disk is full"),
    ("File size limit exceeded", "a limit (ulimit -f) keeps files too small for what is compiled"),
    ("Killed signal terminated program", "memory ran out for the compiler"),  # gcc
    ("out of memory allocating", "memory ran out for the compiler"),
    ("virtual memory exhausted", "memory ran out for the compiler"),
    ("failed to map segment from shared object", "the folder for what is compiled forbids to run it"),
)
"""Words of torch, triton, a compiler or the system, and what is missing where they stand in an error."""


def run(torch: ModuleType, bench: Bench) -> None:
    """Compile a function, call it twice, at the full size for other shapes too."""
    bench.needs(hasattr(torch, "compile"), "torch.compile came with torch 2.0")
    for name in SWITCHED_OFF:
        bench.needs(os.environ.get(name, "0") == "0", f"{name}={os.environ.get(name)} switches torch.compile off")
    if bench.on_gpu:
        bench.needs(find_spec("triton"), "triton is not installed")
    try:
        _stay_here(bench)
        compiled = torch.compile(_function, fullgraph=True)
        for rows, columns in ((64, 200), (64, 200), (48, 1000)) if bench.full else ((64, 200), (64, 200)):
            _compare(torch, bench, compiled, rows, columns)
    # Compilers raise what they like; who is missed is read from the words.
    except Exception as trouble:
        reason = _what_is_missing(bench, trouble)
        if reason is None:
            raise
        raise Unavailable(reason) from trouble


def _function(x: Any, y: Any) -> Any:
    return ((x * y + 1.0).abs() - x).sum(1)


def _compare(torch: ModuleType, bench: Bench, compiled: Any, rows: int, columns: int) -> None:
    x, y = bench.normal(rows, columns), bench.normal(rows, columns)
    exact_x, exact_y = exact(torch, x), exact(torch, y)
    size = ((exact_x * exact_y).abs() + 1.0 + exact_x.abs()).sum(1)
    unit = 2.0**-24
    bench.poison_memory(rows)
    got = compiled(x, y)
    what = f"a compiled function of {rows} x {columns} numbers"
    bench.check(got, _function(exact_x, exact_y), unit, floor=size * (gamma(columns + 3, unit) / unit), what=what)


def _stay_here(bench: Bench) -> None:
    """Keep what is compiled in the folder of the test, and the compiler in this process."""
    if bench.folder is not None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(bench.folder, "inductor")
        os.environ["TRITON_CACHE_DIR"] = os.path.join(bench.folder, "triton")
    settings: Any = import_module("torch._inductor.config")  # before the rest, which starts workers when it is imported
    settings.compile_threads = 1
    if not bench.full and hasattr(settings.cpp, "vec_isa_ok"):
        # Else a program is compiled for every set of vector instructions: two thirds of the time.
        settings.cpp.vec_isa_ok = False
    if hasattr(settings, "cpp_cache_precompile_headers"):
        settings.cpp_cache_precompile_headers = False  # pays from the second kernel on


def _what_is_missing(bench: Bench, trouble: BaseException) -> Optional[str]:
    """Return what was not there, None where nothing is known to be missing."""
    for text in _texts(trouble):
        for words, reason in MISSING:
            if words in text:
                return f"{reason}: {_line_with(words, text)}"
    # triton runs the C compiler, whose words go to standard error.
    headers = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    if bench.on_gpu and not os.path.exists(headers) and any("non-zero exit" in text for text in _texts(trouble)):
        return f"Python's headers are not installed: there is no {headers}, which triton needs"
    return None


def _texts(trouble: Optional[BaseException]) -> Iterator[str]:
    """Yield kind and words of an exception, then of those it came from."""
    seen = set()
    while trouble is not None and id(trouble) not in seen:
        seen.add(id(trouble))
        yield f"{type(trouble).__name__}: {trouble}"
        trouble = getattr(trouble, "inner_exception", None) or trouble.__cause__ or trouble.__context__


def _line_with(words: str, text: str) -> str:
    return next(line.strip() for line in text.splitlines() if words in line)


CASES = (
    Case("compile", "torch.compile makes code that is right", "TorchInductor", run, patience=4.0),
)  # fmt: skip
