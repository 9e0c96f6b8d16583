"""Where the loader of the machine examined looks, and whether that is known: what `binary/process.py` is given."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.dynamic import read_dynamic
from envdoctor.binary.image import MACHINES
from envdoctor.binary.ld_cache import NotCache, conf_folders, read_cache
from envdoctor.binary.process import Process, preload_words
from envdoctor.binary.soname_search import (
    LEVELS,
    OLDER_FOLDERS,
    Places,
    default_folders,
    expand_folders,
    library_path_is_clear,
)
from envdoctor.model.fact import Known
from envdoctor.probes.installed import pyvenv
from envdoctor.probes.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envdoctor.binary.dynamic import Dynamic
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Looking

OF_THE_DRIVER = (
    "libcuda.so",
    "libnvidia-",
    "libnvcuvid.so",
    "libnvoptix.so",
    "libcudadebugger.so",
    "ld-linux",
    "libpython",
)
"""Sonames that are not missed: those of the driver (libcuda, the libnvidia family, video codecs), which has facts of
its own; the loader itself; the interpreter that is already running (libpython)."""

BESIDE_TORCH = (
    "cublas",
    "cudnn",
    "cuda_nvrtc",
    "cuda_runtime",
    "cuda_cupti",
    "cufft",
    "curand",
    "nvjitlink",
    "cusparse",
    "cusparselt",
    "cusolver",
    "nccl",
    "nvshmem",
    "cufile",
    "nvtx",
)
"""Folders of packages from which some torch loads libraries by path (`_preload_cuda_deps`, torch/__init__.py)."""

STANDARD_LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib64/ld-linux-aarch64.so.1",
)
"""`PT_INTERP` of a program of the system's glibc, whose cache and default folders are those read here."""

LEVEL_FLAGS = {
    "x86-64-v2": frozenset({"ssse3", "sse4_1", "sse4_2", "popcnt"}),
    "x86-64-v3": frozenset({"avx2", "fma", "f16c"}),
    "x86-64-v4": frozenset({"avx512f", "avx512bw"}),
}
"""What tells the levels of x86-64 (its psABI) among the flags that fact `cpu.flags` keeps."""

CACHE = "/etc/ld.so.cache"
CONF = "/etc/ld.so.conf"
PRELOAD = "/etc/ld.so.preload"
OLDER_UNTIL = (2, 37)
LEVELS_SINCE = (2, 33)


class HostFiles:
    """The files of a host, as a process in thought asks for them."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def identity(self, path: str) -> tuple[int, int] | None:
        """Device and inode of a regular file, None for anything else."""
        try:
            info = os.stat(self.host.path(path))
        except (OSError, ValueError):
            return None
        return (info.st_dev, info.st_ino) if stat.S_ISREG(info.st_mode) else None

    def is_folder(self, path: str) -> bool:
        """Whether `path` is a folder."""
        return self.host.is_dir(path)

    def dynamic(self, path: str) -> Dynamic:
        """The dynamic section of the object at `path`; raises `NotElf`."""
        return read_dynamic(self.host.path(path))


class Loading(NamedTuple):
    """The loader of one environment: its `places`, the `program` it starts (a path without links) and `preload`.

    `bases` are the environment and the installation behind it. `cache_reason` is why there is no index. `pause` is
    called before each search (`Process`).
    """

    files: HostFiles
    machine: int
    places: Places
    bases: tuple[str, ...]
    program: str | None
    preload: tuple[str, ...]
    library_path: str | None
    cache_reason: str | None
    pause: Callable[[], None]

    def begun(self, *, plain: bool = False) -> Process:
        """A process of the interpreter; with `plain` without LD_LIBRARY_PATH and LD_PRELOAD."""
        places = self.places
        if plain:
            places = Places((), places.cache, places.defaults, places.preloaded, places.hardware)
        process = Process(self.files, places, self.machine, OF_THE_DRIVER, self.pause)
        if self.program is not None:
            process.start(self.program, () if plain else self.preload)
        return process

    @property
    def is_changed(self) -> bool:
        """Whether the environment has variables that change what is loaded."""
        return bool(self.places.library_path or self.preload)

    def own_loader(self, process: Process) -> str | None:
        """The loader of the interpreter where it is not that of the system's glibc (Nix, a software stack)."""
        loader = process.program.dynamic.interpreter if process.program else None
        return loader if loader is not None and loader not in STANDARD_LOADERS else None

    def doubt(self, process: Process) -> str | None:
        """Why the search may not be the one that the loader does, None where it is."""
        if not library_path_is_clear(self.library_path):
            return "LD_LIBRARY_PATH has entries that depend on the program or its working directory"
        own = self.own_loader(process)
        if own is not None:
            return f"the interpreter uses a loader of its own ({printable(own)})"
        if self.cache_reason is None:
            return None
        # Without the index glibc looks into its default folders alone, and it stands in one of them itself.
        if not any(self.files.identity(f"{folder}/libc.so.6") for folder in default_folders(self.machine)):
            return f"{CACHE} is {self.cache_reason} and the C library is in no default folder"
        musl = f"/lib/ld-musl-{MACHINES.get(self.machine)}.so.1"
        return f"{CACHE} is {self.cache_reason} and the C library is musl" if self.files.host.exists(musl) else None


def loading(at: Looking, machine: int, sites: list[str]) -> Loading:
    """Learn how libraries are found for an interpreter of `e_machine` `machine` with these folders of packages."""
    host = at.host
    bases = _bases(at)
    levels = _levels(at, machine)
    older = OLDER_FOLDERS.get(MACHINES.get(machine, ""), ()) if _glibc(at) < OLDER_UNTIL else ()
    try:
        cache, reason = read_cache(host.path(CACHE), levels and tuple(posixpath.basename(one) for one in levels)), None
        listed: tuple[str, ...] = ()
    except NotCache as error:
        cache, reason = {}, error.reason
        listed = conf_folders(CONF, host.read, host.listdir)
    library_path = at.text("env.LD_LIBRARY_PATH")
    places = Places(
        library_path=tuple(expand_folders(library_path, machine, None, ":;")),
        cache=cache,
        defaults=(*default_folders(machine), *listed),
        preloaded=(*_beside_torch(host, sites), *(f"{base}/lib" for base in bases)),
        hardware=((LEVELS.get(MACHINES.get(machine, ""), ()) if levels is None else levels) + older),
    )
    program = next((path for path in _programs(at, bases) if host.is_file(path)), None)
    return Loading(
        HostFiles(host), machine, places, tuple(bases), _without_links(host, program) if program else None,
        _preload(at), library_path, reason, at.in_time,
    )  # fmt: skip


def _programs(at: Looking, bases: list[str]) -> list[str]:
    told = at.text("python.executable")
    return [*([told] if told else []), *(f"{base}/bin/python3" for base in bases)]


def _without_links(host: Host, path: str) -> str:
    """The path that `/proc/self/exe` would show, from which the loader takes the program's `$ORIGIN`."""
    real = os.path.realpath(host.path(path))
    if host.root == "/":
        return real
    root = os.path.realpath(host.root)
    return real[len(root) :] if real.startswith(root + "/") else path


def _bases(at: Looking) -> list[str]:
    """The environment and, for a venv, the installation behind it (`home` in pyvenv.cfg, a folder `bin`)."""
    prefix = at.text("python.prefix")
    if prefix is None:
        return []
    home = (pyvenv.read(at.host, prefix) or {}).get("home", "")
    return [prefix, posixpath.dirname(home.rstrip("/"))] if home.startswith("/") else [prefix]


def _beside_torch(host: Host, sites: Iterable[str]) -> list[str]:
    """Folders in which torch finds CUDA libraries itself."""
    found = []
    for site in sites:
        try:
            names = host.listdir(f"{site}/nvidia")
        except OSError:
            names = []
        found += [f"{site}/nvidia/{name}/lib" for name in names]
        found += [f"{site}/{name}/lib" for name in BESIDE_TORCH]
    return found


def _preload(at: Looking) -> tuple[str, ...]:
    """The words of LD_PRELOAD, then those of the system's own list (ld.so(8), `/etc/ld.so.preload`)."""
    try:
        listed = at.host.read(PRELOAD, 65536)
    except (OSError, ValueError):
        listed = ""
    words = (line.partition("#")[0] for line in listed.splitlines())
    return (*preload_words(at.text("env.LD_PRELOAD")), *preload_words(" ".join(words).replace("\t", " ")))


def _glibc(at: Looking) -> tuple[int, ...]:
    """The version of glibc; (0,) where it is not known."""
    said = re.fullmatch(r"glibc (\d{1,3})\.(\d{1,3})(?:\..*)?", at.text("host.libc") or "")
    return (int(said[1]), int(said[2])) if said else (0,)


def _levels(at: Looking, machine: int) -> tuple[str, ...] | None:
    """The `glibc-hwcaps` subfolders the processor is good for, the best first; None where that is not known."""
    every = LEVELS.get(MACHINES.get(machine, ""), ())
    if (0,) < _glibc(at) < LEVELS_SINCE:
        return ()
    fact = at.facts.get("cpu.flags")
    if not isinstance(fact, Known) or not isinstance(fact.value, list):
        return None
    flags = {flag for flag in fact.value if isinstance(flag, str)}
    good: list[str] = []
    for folder in reversed(every):
        if not LEVEL_FLAGS[posixpath.basename(folder)] <= flags:
            break
        good.insert(0, folder)
    return tuple(good)
