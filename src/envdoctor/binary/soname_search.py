"""Where the dynamic loader of glibc would find a library that an object needs: which file wins.

The ladder (ld.so(8), "When resolving shared object dependencies"; `_dl_map_object` in glibc `elf/dl-load.c`):

1. a need with a slash in it is a path, and nothing is searched;
2. unless the object has a `DT_RUNPATH`: `DT_RPATH` of the object, then of what loaded it, and so on up, then of
   the program; an object's own `DT_RPATH` counts for nothing beside a `DT_RUNPATH` of its own;
3. `LD_LIBRARY_PATH`;
4. `DT_RUNPATH` of the object, for its direct needs alone;
5. `ld.so.cache`;
6. the default folders;
7. here only: further folders whose libraries the program loads by path before they are needed.

In each folder the subfolders for this processor come first. At each rung a file for another machine is passed
over. Names already loaded are the business of `process.py`. Paths are those of the machine examined; whether one
is there is asked of an injected `serves`, so nothing here touches a file.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.image import MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envdoctor.binary.dynamic import Dynamic

TOKEN = r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))"
MOST_ENTRIES = 512
LONGEST_CHAIN = 64

LEVELS = {
    "x86_64": ("glibc-hwcaps/x86-64-v4", "glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2"),
    "aarch64": (),
}
OLDER_FOLDERS = {
    "x86_64": ("tls/haswell", "tls/x86_64", "tls", "haswell", "x86_64"),
    "aarch64": ("tls/atomics", "tls/aarch64", "tls", "atomics", "aarch64"),
}
"""Subfolders tried inside each folder (ld.so(8), "Hardware capabilities"), the best first; the older ones until
glibc 2.37."""


class How(str, Enum):
    """By which rung of the ladder, or in which other way, an object came into a process; the text stands in facts."""

    RPATH = "DT_RPATH"
    LIBRARY_PATH = "LD_LIBRARY_PATH"
    RUNPATH = "DT_RUNPATH"
    CACHE = "ld.so.cache"
    DEFAULT = "default folder"
    PRELOAD = "LD_PRELOAD"
    PATH = "path"
    TORCH = "torch"


class Found(NamedTuple):
    """Where a search ended: the `path` as the loader spells it, the rung, and the `entry` of the search path.

    `entry` is the folder as the rung names it (without a hardware subfolder), None for a path and for the cache.
    """

    path: str
    how: How
    entry: str | None = None


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

    `cache` maps sonames to paths (`parse_cache`); `preloaded` is rung 7; `hardware` are the subfolders, the best
    first, that this machine's loader tries in every folder.
    """

    library_path: tuple[str, ...] = ()
    cache: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: tuple[str, ...] = ()
    preloaded: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()


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


def locate(
    soname: str,
    needer: Loaded,
    places: Places,
    serves: Callable[[str], bool],
    *,
    program: Loaded | None = None,
    within: Callable[[str], Iterable[str]] | None = None,
) -> Found | None:
    """Return where the loader would find `soname` for `needer`, None where it would not.

    `serves(path)` says whether the search ends at a machine path: with a file, be it damaged, that is not for another
    machine. `program` is what the process began with. `within(folder)` is what `asked_in` returns, for a caller that
    keeps it (by default every folder is there). Bounded by the number of folders named; raises nothing of its own.
    """
    if "/" in soname:
        path = re.sub(TOKEN, lambda match: needer.folder if "ORIGIN" in match[0] else match[0], soname)
        return Found(path, How.PATH) if serves(path) else None
    asked: set[str] = set()

    def searched(folders: Iterable[str], how: How) -> Found | None:
        for folder in folders:
            if folder not in asked:
                asked.add(folder)
                for start in within(folder) if within else asked_in(folder, places.hardware, bool):
                    if serves(path := start + soname):
                        return Found(path, how, folder)
        return None

    machine, own = needer.dynamic.machine, needer.dynamic
    found = searched(_inherited(needer, program), How.RPATH) if own.runpath is None else None
    found = found or searched(places.library_path, How.LIBRARY_PATH)
    found = found or searched(expand_folders(own.runpath, machine, needer.folder), How.RUNPATH)
    if found is None:
        cached = next((path for path in places.cache.get(soname, ()) if serves(path)), None)
        found = Found(cached, How.CACHE) if cached else None
    return found or searched(places.defaults, How.DEFAULT) or searched(places.preloaded, How.TORCH)


def asked_in(folder: str, hardware: Iterable[str], is_folder: Callable[[str], bool]) -> tuple[str, ...]:
    """What a search in `folder` puts before a name, in order: its `hardware` subfolders that are there, then itself.

    Nothing where there is no such folder.
    """
    if not is_folder(folder):
        return ()
    inner = [posixpath.join(folder, name, "") for name in hardware if is_folder(posixpath.join(folder, name))]
    return (*inner, posixpath.join(folder, ""))


def _inherited(needer: Loaded, program: Loaded | None) -> Iterator[str]:
    """The folders of rung 2."""
    loader: Loaded | None = needer
    for _ in range(LONGEST_CHAIN):
        if loader is None:
            break
        if loader is program:
            program = None
        yield from _rpath(loader)
        loader = loader.loader
    if program is not None:
        yield from _rpath(program)


def _rpath(loaded: Loaded) -> list[str]:
    dynamic = loaded.dynamic
    return expand_folders(dynamic.rpath, dynamic.machine, loaded.folder) if dynamic.runpath is None else []
