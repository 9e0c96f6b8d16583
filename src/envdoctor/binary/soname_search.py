"""Where the dynamic loader of glibc would find a library that an object needs.

The ladder (ld.so(8), "When resolving shared object dependencies"; `_dl_map_object` in glibc `elf/dl-load.c`):

1. a need with a slash in it is a path, and nothing is searched;
2. `DT_RPATH` of the object, then of what loaded it, and so on up, unless the object has a `DT_RUNPATH`;
   an object's own `DT_RPATH` counts for nothing beside a `DT_RUNPATH` of its own;
3. `LD_LIBRARY_PATH`;
4. `DT_RUNPATH` of the object, for its direct needs alone;
5. `ld.so.cache`;
6. the default folders;
7. here only: further folders whose libraries the program loads by path before they are needed.

At each rung a file for another machine is passed over. Names already loaded are the caller's to know.
Paths are those of the machine examined; whether one is there is asked of an injected `serves`, so
nothing here touches a file.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.binary.image import MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envdoctor.binary.dynamic import Dynamic

TOKEN = r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))"
MOST_ENTRIES = 512
LONGEST_CHAIN = 64

HARDWARE_FOLDERS = {
    "x86_64": (
        "glibc-hwcaps/x86-64-v4",
        "glibc-hwcaps/x86-64-v3",
        "glibc-hwcaps/x86-64-v2",
        "haswell",
        "tls/x86_64",
        "x86_64",
        "tls",
    ),
    "aarch64": ("tls/aarch64", "aarch64", "atomics", "tls"),
}
"""Subfolders tried inside each folder (ld.so(8), "Hardware capabilities"; short ones until glibc 2.37)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An object in a process: `path` as the loader opened it (links not resolved), and who asked for it."""

    path: str
    dynamic: Dynamic
    loader: Loaded | None = None

    @property
    def folder(self) -> str:
        """What `$ORIGIN` stands for in this object."""
        return posixpath.dirname(self.path)


@dataclass(frozen=True, slots=True)
class Places:
    """Where one machine's loader looks beyond what objects say, each as absolute machine folders.

    `cache` maps sonames to paths (`parse_cache`); `preloaded` is rung 7.
    """

    library_path: tuple[str, ...] = ()
    cache: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: tuple[str, ...] = ()
    preloaded: tuple[str, ...] = ()


def default_folders(machine: int) -> tuple[str, ...]:
    """Every folder that a common distribution's glibc searches by default for this `e_machine`.

    Debian and Ubuntu: the multiarch folders, then `/lib` and `/usr/lib`. Fedora, RHEL, SUSE: `/lib64`
    and `/usr/lib64`. Arch: `/usr/lib`. The union is taken, so that none is called empty wrongly.
    """
    name = MACHINES.get(machine)
    multiarch = (f"/lib/{name}-linux-gnu", f"/usr/lib/{name}-linux-gnu") if name else ()
    return (*multiarch, "/lib64", "/usr/lib64", "/lib", "/usr/lib")


def expand_folders(text: str | None, machine: int, origin: str | None, separators: str = ":") -> list[str]:
    """Return the absolute folders of a search path text, tokens replaced, in order.

    `$ORIGIN` becomes `origin` (an entry using it is dropped where that is None). `$LIB` and `$PLATFORM`
    differ by distribution and processor: an entry becomes one folder for each value they may have.
    Empty and relative entries, which mean the working directory, are dropped.
    """
    if not text:
        return []
    name = MACHINES.get(machine, "")
    libs = (f"lib/{name}-linux-gnu", "lib64", "lib") if name else ("lib64", "lib")
    platforms = ("x86_64", "haswell") if name == "x86_64" else (name,)
    folders: dict[str, None] = {}
    for entry in re.split(f"[{separators}]", text, maxsplit=MOST_ENTRIES)[:MOST_ENTRIES]:
        tokens = {match[1] or match[2] for match in re.finditer(TOKEN, entry)}
        if "ORIGIN" in tokens and origin is None:
            continue
        for lib in libs if "LIB" in tokens else ("",):
            for platform in platforms if "PLATFORM" in tokens else ("",):
                folder = _replaced(entry, {"ORIGIN": origin or "", "LIB": lib, "PLATFORM": platform})
                if folder.startswith("/"):
                    folders[folder] = None
    return list(folders)


def _replaced(entry: str, values: Mapping[str, str]) -> str:
    return re.sub(TOKEN, lambda match: values[match[1] or match[2]], entry)


def library_path_is_clear(text: str | None) -> bool:
    """Whether an `LD_LIBRARY_PATH` means the same folders for every program and working directory.

    An empty entry (a colon left over) means the working directory and is let pass: it stands in many
    shell profiles, and no one keeps libraries there on purpose.
    """
    entries = [entry for entry in re.split("[:;]", text or "") if entry]
    return all(entry.startswith("/") and "$ORIGIN" not in entry.replace("{", "") for entry in entries)


def locate(soname: str, needer: Loaded, places: Places, serves: Callable[[str], bool]) -> str | None:
    """Return the path at which the loader would find `soname` for `needer`, or None.

    `serves(path)` says whether a file of the right machine is at a machine path. Bounded by the number
    of folders named; raises nothing of its own.
    """
    machine = needer.dynamic.machine
    if "/" in soname:
        path = re.sub(TOKEN, lambda match: needer.folder if "ORIGIN" in match[0] else match[0], soname)
        return path if serves(path) else None
    folders = list(dict.fromkeys(_before_cache(needer, places.library_path)))
    for folder in folders:
        if serves(path := posixpath.join(folder, soname)):
            return path
    for path in places.cache.get(soname, ()):
        if serves(path):
            return path
    behind = (*places.defaults, *places.preloaded)
    for folder in behind:
        if serves(path := posixpath.join(folder, soname)):
            return path
    # The loader looks into these first; as presence is the question, they are asked last, on a miss alone.
    for folder in dict.fromkeys((*folders, *behind)):
        for hardware in HARDWARE_FOLDERS.get(MACHINES.get(machine, ""), ()):
            if serves(path := posixpath.join(folder, hardware, soname)):
                return path
    return None


def _before_cache(needer: Loaded, library_path: tuple[str, ...]) -> Iterator[str]:
    """Rungs 2 to 4."""
    dynamic = needer.dynamic
    if dynamic.runpath is None:
        loader: Loaded | None = needer
        for _ in range(LONGEST_CHAIN):
            if loader is None:
                break
            if loader.dynamic.runpath is None:
                yield from expand_folders(loader.dynamic.rpath, dynamic.machine, loader.folder)
            loader = loader.loader
    yield from library_path
    yield from expand_folders(dynamic.runpath, dynamic.machine, needer.folder)
