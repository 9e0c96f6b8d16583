"""Rows of the facts that are read out of shared objects, for machines that are described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envdoctor.model.fact import Value

SITE = "/srv/train/.venv/lib/python3.11/site-packages"
CU12 = f"{SITE}/nvidia"


def undefined(package: str, version: str, thing: str, *symbols: tuple[str, str], count: int = 0, **more: Any) -> Value:
    """An object that lacks symbols, each given as (mangled, shown)."""
    return {
        "object": thing, "package": package, "version": version, "role": "entry",
        "symbols": [{"name": name, "shown": shown} for name, shown in symbols], "count": count or len(symbols),
        "provider": "torch", "library": None, "string_abi": None, "built_for": None, "source_of_built_for": None,
        **more,
    }  # fmt: skip


def shadowed(library: str, file: str, *, folder: str | None, **more: Any) -> Value:
    """A library that another file of the same soname takes the place of, by LD_LIBRARY_PATH unless `how` says else."""
    return {
        "library": library, "file": file, "how": "LD_LIBRARY_PATH", "needed_by": "torch/lib/libtorch_cuda.so",
        "version": None, "instead_of": f"{CU12}/{library}", "instead_of_package": None, "instead_of_version": None,
        "older": None, "lacks": [], "lacks_count": 0, "folder": folder, **more,
    }  # fmt: skip


def loaded(library: str, file: str, how: str, **more: Any) -> Value:
    """A library that torch's import loads."""
    return {
        "library": library, "file": file, "how": how, "needed_by": "torch/lib/libtorch_cuda.so", "package": None,
        "version": None, **more,
    }  # fmt: skip


def device_code(
    package: str, version: str, thing: str, sass: str, ptx: str = "", *, modules: int = 40, **more: Any
) -> Value:
    """A compiled object with code for these architectures in all of its modules."""
    return {
        "package": package, "version": version, "object": thing, "role": "entry", "modules": modules,
        "sass": dict.fromkeys(sass.split(), 1.0), "ptx": dict.fromkeys(ptx.split(), 1.0), **more,
    }  # fmt: skip


def kernels(sass: str, ptx: str = "", *, some: dict[str, float] | None = None, modules: int = 475) -> Value:
    """The device code of torch itself; `some` are architectures that only a part of the modules holds."""
    return {
        "files": ["torch/lib/libtorch_cuda.so"], "modules": modules,
        "sass": {**dict.fromkeys(sass.split(), 1.0), **(some or {})}, "ptx": dict.fromkeys(ptx.split(), 1.0),
        "flags": None,
    }  # fmt: skip


def damaged(package: str, version: str, *files: tuple[str, str, int | None, int | None], loads: bool = True) -> Value:
    """A distribution with damaged files, each (path, what, recorded size, size found)."""
    gone = sum(what == "missing" for _, what, _, _ in files)
    return {
        "package": package, "version": version, "checked": 60, "deep": False, "missing": gone,
        "changed": len(files) - gone,
        "files": [{"file": path, "what": what, "recorded": recorded, "found": found, "loads": loads}
                  for path, what, recorded, found in files],
    }  # fmt: skip
