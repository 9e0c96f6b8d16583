"""What the binaries would tell after a step: rows that go, and those that nobody foretells.

A package that is replaced takes its own rows with it. What the new files of torch hold is not looked at then, so that
the matrix speaks for them; what other packages lack beside another torch is not known.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.plan.predict_torch import SOURCE
from envdoctor.plan.rows import Row, cuda_major_of, package_of, rows, rows_of, said

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from envdoctor.model.change import Installs, Removes, SetsSearchPath
    from envdoctor.model.fact import Value
    from envdoctor.model.snapshot import Snapshot

NOT_YET = Unknown("not known before it is installed")
ANOTHER_FOLDER = Unknown("another entry of that variable may bring one too")

OF_PACKAGES = ("libraries.undefined", "libraries.unmet_versions", "extensions.kernels", "packages.damaged")
"""Facts with rows of one distribution each."""

OF_THE_LOADER = ("libraries.loaded", "libraries.shadowed", "cudnn.version", "nccl.version")

NEW_ENVIRONMENT: dict[str, Fact] = {name: Known([], SOURCE) for name in OF_PACKAGES}

NOT_LOOKED_AT = ("torch.kernels", *OF_THE_LOADER)
"""What a new build of torch is not asked about: its rows of the matrix tell, and no folder is put before its own."""


def installed(
    snapshot: Snapshot, change: Installs, names: Mapping[str, tuple[str, str]], torch: dict[str, Fact]
) -> Snapshot:
    """Return the snapshot once distributions were installed: name to sign and version of what is asked for.

    `torch` are the facts of a torch among them; the same build, put there again, is no other one.
    """
    other_build = bool(torch) and is_other_build(snapshot, torch)
    facts = {name: _without(snapshot[name], names, change) for name in OF_PACKAGES if name in snapshot.facts}
    if change.again:
        facts |= _restored(snapshot, names)
        if "torch" in names:  # files that the matrix contradicts are not those of the build they are called by
            snapshot = _not_asked(snapshot, ("torch.kernels",))
    if other_build:
        facts |= _beside_another_torch(snapshot.having(facts), names, torch)
        snapshot = without_loader(snapshot)
    return snapshot.having(facts)


def is_other_build(snapshot: Snapshot, torch: dict[str, Fact]) -> bool:
    """Whether facts of a torch are those of another build than the one that is there."""
    names = ("torch.version", "torch.channel")  # on Arm two builds of a release may be called alike
    return any(_text(snapshot[name]) != _text(torch.get(name)) for name in names if name in torch)


def removed(snapshot: Snapshot, change: Removes) -> dict[str, Fact]:
    """Return the facts once distributions were uninstalled."""
    facts: dict[str, Fact] = {
        name: Known(_rows(row for row in rows(snapshot, name) if package_of(row) not in change.packages), SOURCE)
        for name in (*OF_PACKAGES, "libraries.missing")
        if isinstance(snapshot[name], Known)
    }
    for name in ("packages.installed", "opencv.packages", "extensions.packages"):
        fact = snapshot[name]
        if isinstance(fact, Known) and isinstance(fact.value, dict):
            left = {package: told for package, told in fact.value.items() if package not in change.packages}
            facts[name] = Known(left, SOURCE)
    return facts


def set_path(snapshot: Snapshot, change: SetsSearchPath) -> dict[str, Fact]:
    """Return the facts once a list of folders is shorter."""
    variable: Fact = Absent("unset") if change.value is None else Known(change.value, SOURCE)
    facts: dict[str, Fact] = {f"env.{change.variable}": variable}
    if change.variable == "PYTHONPATH":
        kept = [row for row in rows(snapshot, "python.local_modules") if not _imported_from(row, change.dropped)]
        facts["python.local_modules"] = _if_settled(snapshot["python.local_modules"], kept, change)
        return facts
    dropped = {entry.rstrip("/") for entry in change.dropped}
    hidden = rows(snapshot, "libraries.shadowed")
    gone = [row for row in hidden if (said(row, "folder") or "").rstrip("/") in dropped]
    facts["libraries.shadowed"] = _if_settled(
        snapshot["libraries.shadowed"], [row for row in hidden if row not in gone], change
    )
    facts |= _loaded_instead(snapshot, gone, settled=change.settled)
    facts |= _bound_instead(snapshot, gone)
    for name in ("libraries.unmet_versions", "libraries.missing"):
        taken = any(posixpath.dirname(said(row, "file") or "") in dropped for row in rows(snapshot, name))
        if taken or (name == "libraries.missing" and not change.settled):
            facts[name] = NOT_YET
    return {name: fact for name, fact in facts.items() if name.startswith("env.") or name in snapshot.facts}


def without_loader(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with a torch that nobody looked into; what hides its libraries may go on to do so."""
    free = all(isinstance(snapshot[f"env.{name}"], Absent) for name in ("LD_LIBRARY_PATH", "LD_PRELOAD"))
    unknown = {name: NOT_YET for name in OF_THE_LOADER if name in snapshot.facts and not free}
    return _not_asked(snapshot, NOT_LOOKED_AT).having(unknown)


def _not_asked(snapshot: Snapshot, names: Collection[str]) -> Snapshot:
    kept = {name: fact for name, fact in snapshot.facts.items() if name not in names}
    return type(snapshot)(kept, snapshot.taken, snapshot.envdoctor, snapshot.redacted)


def _without(fact: Fact, names: Mapping[str, tuple[str, str]], change: Installs) -> Fact:
    """Return a fact without the rows of what is installed."""
    if not isinstance(fact, Known):
        return fact
    found = rows_of(fact)
    kept = [row for row in found if package_of(row) not in names or _stays(row, names[package_of(row)], change)]
    return fact if len(kept) == len(found) else Known(_rows(kept), SOURCE)


def _stays(row: Row, asked: tuple[str, str], change: Installs) -> bool:
    """Whether a row holds on: of what an installer takes for satisfied, and of the same wheel put there again.

    That one lacks what it lacked, but its files are whole then, and no published torch lacks symbols of its own.
    """
    if change.again:
        return not change.compiled and "checked" not in row and package_of(row) != "torch"
    sign, wanted = asked
    present = said(row, "version") or ""
    return "checked" in row and sign == "==" and wanted in (present, present.partition("+")[0])


def _restored(snapshot: Snapshot, names: Collection[str]) -> dict[str, Fact]:
    """Return what files that are written anew put right: a library of theirs that was nowhere, symbols it defines."""
    files = {
        posixpath.basename(str(one.get("file")))
        for row in rows(snapshot, "packages.damaged")
        if package_of(row) in names and isinstance(listed := row.get("files"), list)
        for one in listed
        if isinstance(one, dict)
    }
    facts: dict[str, Fact] = {}
    for name in ("libraries.missing", "libraries.undefined"):
        if isinstance(snapshot[name], Known) and files:
            left = [row for row in rows(snapshot, name) if said(row, "library") not in files]
            facts[name] = Known(_rows(left), SOURCE)
    return facts


def _beside_another_torch(snapshot: Snapshot, names: Collection[str], torch: dict[str, Fact]) -> dict[str, Fact]:
    """Return how other packages stand to a torch that is replaced: known of those that were built for it."""
    version, cuda = _text(torch.get("torch.version")), _text(torch.get("torch.cuda"))
    extensions = snapshot["extensions.packages"]
    others = (
        set(extensions.value) - set(names)
        if isinstance(extensions, Known) and isinstance(extensions.value, dict)
        else set()
    )
    facts: dict[str, Fact] = {}
    if isinstance(snapshot["libraries.undefined"], Known):
        found = rows(snapshot, "libraries.undefined")
        meant = {package_of(row) for row in found if _is_for(said(row, "built_for"), version)}
        left = [row for row in found if package_of(row) not in meant]
        open_ = left or others - meant
        facts["libraries.undefined"] = NOT_YET if open_ else Known([], SOURCE)
    if isinstance(snapshot["libraries.missing"], Known):
        left = [row for row in rows(snapshot, "libraries.missing") if cuda_major_of(row) != cuda.partition(".")[0]]
        facts["libraries.missing"] = Known(_rows(left), SOURCE)
    return facts


def _is_for(built: str | None, version: str) -> bool:
    """Whether "torch 2.5" or "torch 2.5.1+cu121" is said of this torch, as far as it is said."""
    told = (built or "").removeprefix("torch ")
    release, _, local = told.partition("+")
    here, _, channel = version.partition("+")
    return bool(told) and f"{here}.".startswith(f"{release}.") and (not local or local == channel)


def _loaded_instead(snapshot: Snapshot, gone: list[Row], *, settled: bool) -> dict[str, Fact]:
    """Return what is loaded where a file no longer hides the environment's own."""
    if not settled:
        return dict.fromkeys((name for name in OF_THE_LOADER if name != "libraries.shadowed"), NOT_YET)
    own = {said(row, "library"): row for row in gone}
    loaded: list[Value] = []
    for row in rows(snapshot, "libraries.loaded"):
        mine = own.get(said(row, "library"))
        taken: Row = {}
        if mine is not None:
            kept = {"file": "instead_of", "package": "instead_of_package", "version": "instead_of_version"}
            taken = {**{name: mine.get(told) for name, told in kept.items()}, "how": None}
        loaded.append({**row, **taken})
    facts: dict[str, Fact] = {"libraries.loaded": Known(loaded, SOURCE)}
    for name, beginning in (("cudnn.version", "libcudnn.so"), ("nccl.version", "libnccl.so")):
        for row in gone:
            if str(row.get("library")).startswith(beginning):
                version = said(row, "instead_of_version")
                facts[name] = Known(version, SOURCE) if version else NOT_YET
    return facts if isinstance(snapshot["libraries.loaded"], Known) else {**facts, "libraries.loaded": NOT_YET}


def _bound_instead(snapshot: Snapshot, gone: list[Row]) -> dict[str, Fact]:
    """Return the objects that still lack symbols; those that the environment's own file defines are bound then."""
    if not isinstance(snapshot["libraries.undefined"], Known):
        return {}
    libraries = {said(row, "library") for row in gone}
    defined = {str(name) for row in gone if isinstance(lacks := row.get("lacks"), list) for name in lacks}
    found = rows(snapshot, "libraries.undefined")
    theirs = [row for row in found if said(row, "library") in libraries]
    if not all(set(_symbols(row)) <= defined and row.get("count") == len(_symbols(row)) for row in theirs):
        return {"libraries.undefined": NOT_YET}
    return {"libraries.undefined": Known(_rows(row for row in found if row not in theirs), SOURCE)}


def _symbols(row: Row) -> list[str]:
    symbols = row.get("symbols")
    return [str(one.get("name")) for one in symbols if isinstance(one, dict)] if isinstance(symbols, list) else []


def _imported_from(row: Row, folders: tuple[str, ...]) -> bool:
    path = (said(row, "path") or "").replace("\\", "/").removesuffix("/__init__.py")
    return said(row, "from") == "PYTHONPATH" and posixpath.dirname(path) in {one.rstrip("/") for one in folders}


def _if_settled(fact: Fact, kept: list[Row], change: SetsSearchPath) -> Fact:
    if not isinstance(fact, Known):
        return fact
    return Known(_rows(kept), SOURCE) if change.settled else ANOTHER_FOLDER


def _rows(found: Iterable[Row]) -> list[Value]:
    return [*found]


def _text(fact: Fact | None) -> str:
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else ""
