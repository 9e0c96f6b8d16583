"""Which files of the CUDA libraries `import torch` would load, and which of the environment's own lose to others.

The process is built twice where variables change what is loaded: as it would be, and without LD_LIBRARY_PATH and
LD_PRELOAD. What the environment brings and only the second process loads is shadowed: also by a file that was found
beside one of the variable's folder. So is a package that torch itself requires where the system's file of that name
wins. A file of the same build or release takes nothing away.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from envdoctor.binary.image import NotElf, opened
from envdoctor.binary.soname_search import How
from envdoctor.binary.symbols import Symbols
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.distributions import required_name
from envdoctor.probes.loading.library_versions import compared, origin, same_build
from envdoctor.probes.printable import below, printable

if TYPE_CHECKING:
    from envdoctor.binary.process import Mapped, Process
    from envdoctor.binary.symbols import Undefined
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Looking

OF_CUDA = re.compile(
    r"lib(?:cudart|cublas|cublasLt|cudnn(?:_\w{1,40})?|cufft|curand|cusolver|cusparse|cusparseLt|nccl|nvJitLink|nvrtc"
    r"|cupti|nvshmem_host|cufile|nvToolsExt)(?:[-.][0-9a-f]{8})?\.so(?:\.[\d.]{1,20})?"
)
STANDARD_CXX = "libstdc++.so.6"
MOST_ROWS = 64
MOST_LACKS = 5
MOST_NEEDERS = 64


class Libraries:
    """The libraries that are in one process in thought now, for rows of facts. `sites` are its folders of packages."""

    def __init__(self, at: Looking, process: Process, sites: list[str]) -> None:
        self.at = at
        self.process = process
        self.sites = sites
        prefix = at.text("python.prefix")
        own = [prefix] if prefix and at.host.is_dir(f"{prefix}/conda-meta") else []
        self.roots = [*sites, *own]
        self.mapped = process.present
        self.by_soname: dict[str, Mapped] = {}
        for one in self.mapped:
            name = one.dynamic.soname or posixpath.basename(one.path)
            if OF_CUDA.fullmatch(name) or name == STANDARD_CXX:
                self.by_soname.setdefault(name, one)
        self._wants: dict[str, list[Undefined]] = {}

    def loaded(self) -> Fact:
        """The rows of `libraries.loaded`."""
        rows: list[Value] = []
        for soname, one in [*self.by_soname.items()][:MOST_ROWS]:
            whose = origin(self.at, one.path, soname, self.sites)
            rows.append(
                {"library": printable(soname), "file": printable(posixpath.normpath(one.path)), "how": one.how.value,
                 "needed_by": self._needed_by(soname, one), "package": whose.package, "version": whose.version}
            )  # fmt: skip
        return Known(rows, "elf")

    def version(self, start: str, what: str) -> Fact:
        """The version of the library whose soname begins with `start`."""
        found = next(((name, one) for name, one in self.by_soname.items() if name.startswith(start)), None)
        if found is None:
            return Absent(f"torch loads no {what}")
        whose = origin(self.at, found[1].path, found[0], self.sites)
        if whose.version is None:
            return Unknown(f"{below(found[1].path, self.sites)} does not tell its version")
        return Known(whose.version, whose.source)

    def shadowed(self, plain: Process | None) -> Fact:
        """The rows of `libraries.shadowed`; `plain` is the process without variables, None where there are none."""
        rows: list[Value] = []
        for soname, one in self.by_soname.items():
            instead = self._instead(soname, one, plain)
            if instead is not None and len(rows) < MOST_ROWS:
                row = self._shadowed(soname, one, instead)
                rows += [row] if row else []
        return Known(rows, "elf")

    def _instead(self, soname: str, one: Mapped, plain: Process | None) -> str | None:
        """The environment's own file of that name, where `one` takes its place."""
        without = plain.named(soname) if plain else None
        if without is not None and self._is_own(without.path):
            return without.path
        return None if self._is_own(one.path) else self._required(soname)

    def _is_own(self, path: str) -> bool:
        """Whether a file is one of the environment's packages."""
        path = posixpath.normpath(path)
        return any(path.startswith(posixpath.normpath(root) + "/") for root in self.roots)

    def _required(self, soname: str) -> str | None:
        """The file of that name in a package that torch's own metadata requires."""
        required = set(map(required_name, self.at.texts("torch.requires")))
        for folder in self.process.places.preloaded:
            path = f"{folder}/{soname}"
            if self._is_own(path) and self.process.files.identity(path) is not None:
                package = origin(self.at, path, soname, self.sites).package
                return path if package in required else None
        return None

    def _shadowed(self, soname: str, one: Mapped, instead: str) -> dict[str, Value] | None:
        host, files = self.at.host, self.process.files
        if files.identity(one.path) == files.identity(instead) or same_build(host.path(one.path), host.path(instead)):
            return None
        here, there = (origin(self.at, path, soname, self.sites) for path in (one.path, instead))
        order = compared(here.version, there.version)
        if order == 0:
            return None
        lacks = self._lacks(soname, one.path, instead)
        shown: list[Value] = [printable(name) for name in lacks[:MOST_LACKS]]
        folder = {How.LIBRARY_PATH: one.entry, How.PRELOAD: one.path}.get(one.how)
        return {
            "library": printable(soname),
            "file": printable(posixpath.normpath(one.path)),
            "how": one.how.value,
            "needed_by": self._needed_by(soname, one),
            "version": here.version,
            "instead_of": printable(posixpath.normpath(instead)),
            "instead_of_package": there.package,
            "instead_of_version": there.version,
            "older": None if order is None else order < 0,
            "lacks": shown,
            "lacks_count": len(lacks),
            "folder": printable(folder) if folder else None,
        }

    def _needed_by(self, soname: str, one: Mapped) -> str | None:
        """Who asks for a library: the first that does, the first that needs it, or torch itself."""
        if one.needed_by is not None and one.how is not How.PRELOAD:
            return below(one.needed_by, self.sites)
        needers = (other.path for other in self.mapped if soname in other.dynamic.needed)
        first = next(needers, None)
        return below(first, self.sites) if first else ("torch/__init__.py" if one.how is How.TORCH else None)

    def _lacks(self, soname: str, winner: str, instead: str) -> list[str]:
        """The symbols that objects of this process want, that `instead` defines and `winner` does not."""
        needers = [one.path for one in self.mapped if soname in one.dynamic.needed][:MOST_NEEDERS]
        found: dict[str, None] = {}
        try:
            with opened(self.at.host.path(winner)) as here, opened(self.at.host.path(instead)) as there:
                has, had = Symbols(here), Symbols(there)
                for needer in needers:
                    for want in self._wanted(needer):
                        if had.defines(want.name, want.version) and not has.defines(want.name, want.version):
                            found[want.name] = None
        except NotElf:
            return []
        return [*found]

    def _wanted(self, path: str) -> list[Undefined]:
        """The strong symbols an object wants of others."""
        if path not in self._wants:
            with opened(self.at.host.path(path)) as image:
                self._wants[path] = [one for one in Symbols(image).undefined() if not one.weak]
        return self._wants[path]
