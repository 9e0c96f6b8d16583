"""The GPU architectures that compiled objects hold device code for: torch, and what is compiled against it."""

from __future__ import annotations

import posixpath
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from envdoctor.binary.fatbin import arch_flags_of, kernels_of
from envdoctor.binary.image import NotElf, opened
from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.binary.fatbin import Kernels
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "torch.kernels": "device code of torch's own libraries: `files`, how many `modules` (fat binaries, one for each "
    "CUDA source) they hold, the share of them with machine code (`sass`) and PTX for each architecture, and `flags`, "
    "what torch.cuda.get_arch_list tells; without modules where the flags alone could be read",
    "extensions.kernels": "the same for compiled objects of other packages that hold device code: package, version, "
    "object, role, modules, sass, ptx; nothing of a package one of whose objects cannot be read",
}

LIBRARIES = ("libtorch_cuda.so", "libtorch_cuda_cpp.so", "libtorch_cuda_cu.so")
"""Where `import torch` brings its kernels from: one library, three up to torch 1.13.

Not libtorch_cuda_linalg.so, which the first CUDA function of torch.linalg loads: most of its kernels are MAGMA's, which
is compiled for fewer architectures. That of torch 2.14.1 has none for 7.5, which everything else serves.
"""
PYTHON_LIBRARY = "libtorch_python.so"
"""Holds CUDA_ARCH_FLAGS (torch/csrc/cuda/Module.cpp)."""

MOST_ROWS = 500


def look(at: Looking) -> Facts:
    """Read the device code of torch and of the compiled objects that were found."""
    if at.host.os != "linux":
        return dict.fromkeys(FACTS, Absent("not an ELF platform"))
    if at.unplaced:
        return dict.fromkeys(FACTS, at.unplaced)
    objects = at.facts.get("extensions.objects")
    return {
        "torch.kernels": _of_torch(at),
        "extensions.kernels": objects if isinstance(objects, Unknown) else Known([*_of_extensions(at)], "fat binaries"),
    }


def _of_torch(at: Looking) -> Fact:
    location = at.facts.get("torch.location", Absent("torch is not installed"))
    if not isinstance(location, Known):
        return location
    folder = posixpath.join(str(location.value), "lib")
    try:
        names = at.host.listdir(folder)
    except PermissionError:
        return Unknown(f"{folder} may not be read")
    except OSError:
        names = []
    found: dict[str, Kernels] = {}
    trouble = None
    for name in LIBRARIES:
        if name not in names:
            continue
        try:
            kernels = _kernels(at.host, posixpath.join(folder, name))
        except NotElf as error:
            trouble = f"torch/lib/{name}: {error.reason}"
            break
        if kernels:
            found[f"torch/lib/{name}"] = kernels
    if not found and not trouble:
        return Absent("torch holds no device code for CUDA")
    flags = _flags(at.host, posixpath.join(folder, PYTHON_LIBRARY))
    if not trouble:
        return Known({"files": [*found], **_counted(found.values()), "flags": flags}, "fat binaries")
    if flags is None:
        return Unknown(trouble)
    return Known({"files": [], **_counted(()), "flags": flags}, f"CUDA_ARCH_FLAGS ({trouble})")


def _flags(host: Host, path: str) -> list[Value] | None:
    try:
        with opened(host.path(path)) as image:
            words = arch_flags_of(image)
    except NotElf:  # the second source; the first is what may be unknown
        return None
    return [*words] if words else None


def _of_extensions(at: Looking) -> Iterator[Value]:
    """Yield the rows, whole packages alone: half of one would say that it lacks what the other half holds."""
    left = MOST_ROWS
    for (package, version), own in groupby(at.objects, lambda one: (one.package, one.version)):
        rows: list[Value] = []
        try:
            for one in own:
                at.in_time()
                kernels = _kernels(at.host, one.path)
                if kernels:
                    told: dict[str, Value] = {"package": package, "version": version, "object": one.shown}
                    rows.append({**told, "role": one.role.value, **_counted((kernels,))})
        except NotElf:
            continue
        left -= len(rows)
        if left < 0:
            return
        yield from rows


def _kernels(host: Host, path: str) -> Kernels | None:
    """The device code of the file at the machine's `path`, None where it has none; raises `NotElf`."""
    with opened(host.path(path)) as image:
        kernels = kernels_of(image)
    return kernels if kernels and kernels.modules else None


def _counted(parts: Iterable[Kernels]) -> dict[str, Value]:
    """How many modules there are in all, and which share of them holds each architecture."""
    modules = 0
    sass: Counter[str] = Counter()
    ptx: Counter[str] = Counter()
    for part in parts:
        modules += part.modules
        sass.update(part.sass)
        ptx.update(part.ptx)
    return {"modules": modules, "sass": _shares(sass, modules), "ptx": _shares(ptx, modules)}


def _shares(counts: Counter[str], modules: int) -> dict[str, Value]:
    ordered = sorted(counts.items(), key=lambda item: (int(item[0].rstrip("af")), item[0]))
    return {architecture: round(count / modules, 4) for architecture, count in ordered}
