"""Which libraries the shared objects behind `import torch` need directly and the loader would not find.

The chain is followed as the loader follows it: `torch/lib/libtorch_global_deps.so` first, then
`torch/_C*.so`, then breadth first through torch's own objects. What one of them brings in is there for
all of them. Everything optional (linear algebra, nvshmem transports, image codecs) is left alone, as
healthy machines lack what those need; the libraries of the driver belong to the driver's own facts.

The ladder for a library found nowhere: it is called missing only where the loader's search is known in
full. A program of another loader (musl, Nix, a software stack with its own glibc), an index that cannot
be read, a search path that depends on the working directory: the fact is then `Unknown`.
"""

from __future__ import annotations

import posixpath
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from envdoctor.binary.dynamic import read_dynamic
from envdoctor.binary.image import NotElf, read_machine
from envdoctor.binary.ld_cache import NotCache, conf_folders, read_cache
from envdoctor.binary.soname_search import (
    Loaded,
    Places,
    default_folders,
    expand_folders,
    library_path_is_clear,
    locate,
)
from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.fact import Value

CHAIN = frozenset(
    f"{name}.so"
    for name in (
        "libtorch_global_deps",
        "libtorch",
        "libtorch_cpu",
        "libtorch_cuda",
        "libtorch_python",
        "libc10",
        "libc10_cuda",
        "libshm",
    )
)
"""torch's own objects that `import torch` cannot do without (DT_NEEDED of `torch/_C*.so`, and so on down)."""

# Provided by the driver (libcuda, the libnvidia family, video codecs), the loader itself, or the
# interpreter that is already running (libpython): never looked for here.
NOT_OURS = (
    "libcuda.so",
    "libnvidia-",
    "libnvcuvid.so",
    "libnvoptix.so",
    "libcudadebugger.so",
    "ld-linux",
    "libpython",
)

PRELOADED = (
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
"""Folders beside `torch` from which it loads libraries by path (`_preload_cuda_deps`, torch/__init__.py)."""

STANDARD_LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib64/ld-linux-aarch64.so.1",
)
"""`PT_INTERP` of a program of the system's glibc, whose cache and default folders are those read here."""

CACHE = "/etc/ld.so.cache"
CONF = "/etc/ld.so.conf"


class Files(Protocol):
    """What this probe asks of a host: files by their path on the machine examined."""

    @property
    def os(self) -> str:
        """The operating system: `linux`, `macos`, `windows`."""

    def path(self, path: str, /) -> str:
        """Where the machine's `path` really lies."""

    def exists(self, path: str, /) -> bool:
        """Whether something lies at `path`."""

    def is_file(self, path: str, /) -> bool:
        """Whether `path` is a regular file."""

    def listdir(self, path: str, /) -> list[str]:
        """The sorted names in a folder; raises OSError."""

    def read(self, path: str, /) -> str:
        """The text of a small file; raises OSError."""


@dataclass(slots=True)
class Walk:
    """One pass through the objects: what was found, what was not, what could not be read."""

    host: Files
    places: Places
    machine: int
    present: dict[str, str] = field(default_factory=dict)
    lacking: list[tuple[str, str]] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    def serves(self, path: str) -> bool:
        """Whether the loader would stop its search at `path`: a file that is not for another machine."""
        if not self.host.is_file(path):
            return False
        try:
            return read_machine(self.host.path(path)) == self.machine
        except NotElf as error:
            # A damaged file ends the loader's search too: the library is there, and bad.
            return not error.foreign and not error.reason.startswith("unreadable")

    def load(self, path: str) -> None:
        """Follow the object at machine path `path` and torch's own objects that it needs."""
        waiting: deque[tuple[str, Loaded | None]] = deque([(path, None)])
        self.present[posixpath.basename(path)] = path
        while waiting:
            here, loader = waiting.popleft()
            try:
                dynamic = read_dynamic(self.host.path(here))
            except NotElf as error:
                self.unreadable[here] = error.reason
                continue
            needer = Loaded(here, dynamic, loader)
            if dynamic.soname:
                self.present.setdefault(dynamic.soname, here)
            for soname in dynamic.needed:
                if soname in self.present or soname.startswith(NOT_OURS):
                    continue
                found = locate(soname, needer, self.places, self.serves)
                if found is None:
                    self.lacking.append((here, soname))
                    continue
                self.present[soname] = found
                if soname in CHAIN:
                    waiting.append((found, needer))


def look(host: Files, site_packages: list[str], prefix: str | None, ld_library_path: str | None) -> dict[str, Fact]:
    """Return the fact `libraries.missing`.

    `site_packages` are the interpreter's package folders in the order of its `sys.path`, `prefix` its
    `sys.prefix`, `ld_library_path` its `LD_LIBRARY_PATH`; all are paths of the machine. Known is a list
    of `{"object": path below site-packages, "library": soname}`, empty where everything is found.
    """
    return {"libraries.missing": _missing(host, site_packages, prefix, ld_library_path)}


def _missing(host: Files, site_packages: list[str], prefix: str | None, library_path: str | None) -> Fact:
    if host.os != "linux":
        return Absent("not an ELF platform")
    site = next((folder for folder in site_packages if _is_torch(host, folder)), None)
    if site is None:
        return Absent("torch is not installed")
    objects = _torch_objects(host, site)
    if not objects:
        return Known([], "torch holds no compiled object")
    try:
        machine = read_machine(host.path(objects[0]))
    except NotElf as error:
        return Unknown(f"{_below(objects[0], site_packages)} is {error.reason}")

    bases = _bases(host, prefix)
    try:
        cache, cache_reason = read_cache(host.path(CACHE)), None
        listed: tuple[str, ...] = ()
    except NotCache as error:
        cache, cache_reason = {}, error.reason
        listed = conf_folders(CONF, host.read, host.listdir)
    places = Places(
        library_path=tuple(expand_folders(library_path, machine, None, ":;")),
        cache=cache,
        defaults=(*default_folders(machine), *listed),
        preloaded=tuple(_preloaded(host, site_packages, bases)),
    )
    walk = Walk(host, places, machine)
    for path in (*objects, *_partners(host, site_packages)):
        if posixpath.basename(path) not in walk.present:
            walk.load(path)

    # An object may need what a later one brings in; a search that errs, errs towards silence.
    lacking = [(path, soname) for path, soname in walk.lacking if soname not in walk.present]
    if walk.unreadable:
        path, reason = next(iter(walk.unreadable.items()))
        return Unknown(f"{_below(path, site_packages)}: {reason}")
    if lacking:
        doubt = _doubt(host, walk, bases, library_path, cache_reason)
        if doubt:
            return Unknown(f"{_shown(lacking[0][1])} was not found, but {doubt}")
    rows: list[Value] = [{"object": _below(path, site_packages), "library": _shown(soname)} for path, soname in lacking]
    return Known(rows, "elf")


def _is_torch(host: Files, folder: str) -> bool:
    """A folder `torch` with nothing but leftovers in it is what pip leaves of an uninstalled torch."""
    return host.is_file(f"{folder}/torch/__init__.py")


def _torch_objects(host: Files, site: str) -> list[str]:
    """The objects of torch that its import loads, in loading order; of a torch half gone, those that are left."""
    library = f"{site}/torch/lib"
    first = f"{library}/libtorch_global_deps.so"
    rest = [path for path in _named(host, library, "lib") if posixpath.basename(path) in CHAIN and path != first]
    return [path for path in (first, *_named(host, f"{site}/torch", "_C."), *rest) if host.is_file(path)]


def _named(host: Files, folder: str, start: str) -> list[str]:
    """The paths of shared objects in `folder` whose names begin with `start`; none where it cannot be listed."""
    try:
        names = host.listdir(folder)
    except OSError:
        return []
    return [f"{folder}/{name}" for name in names if name.startswith(start) and name.endswith(".so")]


def _partners(host: Files, site_packages: list[str]) -> list[str]:
    """The compiled modules of torchvision and torchaudio that load with them, in loading order."""
    found = []
    for site in site_packages:
        found += [
            path
            for path in _named(host, f"{site}/torchvision", "_C")
            if posixpath.basename(path).startswith(("_C.", "_C_stable."))
        ]
        # torchaudio loads the first by path, then imports the second, which needs it by name.
        found += _named(host, f"{site}/torchaudio/lib", "libtorchaudio.")
        found += _named(host, f"{site}/torchaudio/lib", "_torchaudio.")
    return found


def _bases(host: Files, prefix: str | None) -> list[str]:
    """The environment and, for a venv, the installation behind it (`home` in pyvenv.cfg, a folder `bin`)."""
    if prefix is None:
        return []
    bases = [prefix]
    try:
        text = host.read(f"{prefix}/pyvenv.cfg")
    except (OSError, ValueError):
        return bases
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "home" and value.strip().startswith("/"):
            bases.append(posixpath.dirname(value.strip().rstrip("/")))
    return bases


def _preloaded(host: Files, site_packages: Iterable[str], bases: Iterable[str]) -> Iterable[str]:
    """Where torch finds CUDA libraries itself, then `lib` of the environment (RPATH of a conda interpreter)."""
    for site in site_packages:
        try:
            names = host.listdir(f"{site}/nvidia")
        except OSError:
            names = []
        yield from (f"{site}/nvidia/{name}/lib" for name in names)
        yield from (f"{site}/{name}/lib" for name in PRELOADED)
    yield from (f"{base}/lib" for base in bases)


def _doubt(host: Files, walk: Walk, bases: list[str], library_path: str | None, cache_reason: str | None) -> str | None:
    """Why the search above may not be the one the loader does, None where it is."""
    if not library_path_is_clear(library_path):
        return "LD_LIBRARY_PATH has entries that depend on the program or its working directory"
    for base in reversed(bases):
        python = f"{base}/bin/python3"
        if not host.is_file(python):
            continue
        try:
            loader = read_dynamic(host.path(python)).interpreter
        except NotElf:
            continue
        if loader is not None and loader not in STANDARD_LOADERS:
            return f"the interpreter uses a loader of its own ({_shown(loader)})"
        break
    if cache_reason is None:
        return None
    # Without the index glibc looks into its default folders alone, and it stands in one of them itself.
    if not any(walk.serves(f"{folder}/libc.so.6") for folder in default_folders(walk.machine)):
        return f"{CACHE} is {cache_reason} and the C library is in no default folder"
    musl = f"/lib/ld-musl-{'aarch64' if walk.machine == 183 else 'x86_64'}.so.1"
    if host.exists(musl):
        return f"{CACHE} is {cache_reason} and the C library is musl"
    return None


def _below(path: str, site_packages: list[str]) -> str:
    """The path below the package folder it is in, `..` resolved; the whole path for one outside."""
    path = posixpath.normpath(path)
    for site in site_packages:
        start = posixpath.normpath(site) + "/"
        if path.startswith(start):
            return _shown(path[len(start) :])
    return _shown(path)


def _shown(text: str) -> str:
    """Text from a file that can be printed: bytes that are no UTF-8 stand as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
