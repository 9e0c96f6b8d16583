"""Which libraries the loader would not find for torch, its partners and what is compiled against it.

Every object is opened in thought as `import` opens it (`torch_start.py`), and what it needs is followed to the end.
What torch and cuDNN open later by name is optional and not missed, as healthy machines lack what some of it needs;
the libraries of the driver belong to the driver's own facts.

A library found nowhere is called missing only where the loader's search is known in full. A program of another loader
(musl, Nix, a software stack with its own glibc), an index that cannot be read, a search path that depends on the
working directory: the fact is then `Unknown`.
"""

from __future__ import annotations

import posixpath
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Fact, Known, Unknown
from envdoctor.probes.loading.library_versions import origin
from envdoctor.probes.loading.torch_start import CHAIN
from envdoctor.probes.printable import below, printable

if TYPE_CHECKING:
    from envdoctor.binary.process import Opening, Process
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.loading.torch_start import Torch
    from envdoctor.probes.looking import Looking

MOST_ROWS = 200
MOST_FOLDERS = 2000


class Lack(NamedTuple):
    """The object `needer` needs `soname`, which is nowhere; `package` and `role` of what was opened."""

    needer: str
    soname: str
    package: str
    role: str


def open_partners(at: Looking, torch: Torch, process: Process) -> list[Lack]:
    """Open, after torch, its partners and the extensions; add them to `at.openings`; return what was not found.

    Each package of extensions begins with the process that torch and its partners leave.
    """
    lacks: list[Lack] = []
    found = torch.partners
    partners = {path: process.open(path) for _, path in found}
    for package, path in found:
        lacks += lacks_of(process, {path: partners[path]}, package, "entry")
    at.openings |= partners
    after = process.state
    gaps: list[Lack] = []
    for package, objects in groupby(at.objects, lambda one: one.package):
        opened = {one.path: (process.open(one.path), one.role.value) for one in objects if one.path not in at.openings}
        for path, (opening, role) in opened.items():
            gaps += lacks_of(process, {path: opening}, package, role)
            at.openings[path] = opening
        process.back_to(after)
    brought = _brought(at.host, torch.sites, {gap.soname for gap in gaps})
    return [*lacks, *(gap for gap in gaps if gap.soname not in brought)]


def lacks_of(process: Process, openings: dict[str, Opening], package: str, role: str) -> list[Lack]:
    """What openings lack; a need that one of them meets for another, later, is no lack: errors go towards silence."""
    return [
        Lack(needer, soname, package, role)
        for opening in openings.values()
        for needer, soname in opening.lacking
        if process.named(soname) is None
    ]


def _brought(host: Host, sites: tuple[str, ...], sonames: set[str]) -> set[str]:
    """Those of `sonames` of which a package holds a file, which the code of an extension may open by its path first."""
    found: set[str] = set()
    # Each folder is listed once: an extension for every CUDA there is lacks dozens of libraries in as many objects.
    for site in sites if sonames else ():
        for package in _names(host, site)[:MOST_FOLDERS]:
            folder = f"{site}/{package}"
            names = _names(host, folder)
            inner = {f"{folder}/lib": _names(host, f"{folder}/lib")} if "lib" in names else {}
            for place, held in {folder: names, **inner}.items():
                found |= {soname for soname in sonames.intersection(held) if host.is_file(f"{place}/{soname}")}
    return found


def _names(host: Host, folder: str) -> list[str]:
    try:
        return host.listdir(folder)
    except OSError:
        return []


def missing(at: Looking, found: list[Lack], doubt: str | None, sites: list[str]) -> Fact:
    """The fact `libraries.missing`; `doubt` is why the search may not be the one that the loader does."""
    extensions = {one.path for one in at.objects}
    for opening in at.openings.values():
        for path, reason in opening.unreadable.items():
            if posixpath.basename(path) in CHAIN or (path == opening.path and path not in extensions):
                return Unknown(f"{below(path, sites)}: {reason}")
    if found and doubt:
        return Unknown(f"{printable(found[0].soname)} was not found, but {doubt}")
    rows: dict[tuple[str, str], Value] = {}
    for lack in found:
        row = below(lack.needer, sites), printable(lack.soname)
        if row not in rows and len(rows) < MOST_ROWS:
            opened = any(lack.needer == path for path in at.openings)
            package = lack.package if opened else _package(at, lack, sites)
            rows[row] = {"object": row[0], "library": row[1], "package": package, "role": lack.role}
    return Known([*rows.values()], "elf")


def _package(at: Looking, lack: Lack, sites: list[str]) -> str:
    """Whose an object is that was not opened itself; that of what was, where it is nobody's."""
    name = posixpath.basename(lack.needer)
    return origin(at, lack.needer, name, sites).package or lack.package
