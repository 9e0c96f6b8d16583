"""torch is installed more than once where this Python looks, and another one than meant may be imported.

## What it means
Python imports the first torch on `sys.path`; pip, uv and conda change another one. "I upgraded torch and
`torch.__version__` is still the old one" is mostly this. Two records in one folder mean that files of two releases may
be mixed there, and that programs which ask for the version by metadata get either answer.

## Why it happens
`pip install --user`, or pip without write access to the environment, installs into `~/.local/lib/python3.X`, which
comes before the environment's own packages in conda environments and system Pythons. PYTHONPATH puts folders
before everything. Two records in one folder come from an interrupted upgrade or from two installers. A virtual
environment with `--system-site-packages` that holds a torch of its own before the system's is in order.

## How to be sure
`python -c "import torch; print(torch.__version__, torch.__file__)"`, and `python -m pip uninstall torch`, which
names the folder before it asks. `python -s` starts without the user's folder.

## How to fix
Uninstall the one that is not meant: `python -m pip uninstall torch` takes the first, so run it until the environment's
own is next. `PYTHONNOUSERSITE=1` leaves the user's folder out. Two records in one folder: uninstall torch twice, then
install it once.

## Sources
The dist-info folders on `sys.path` in its order (Python documentation, module `site`; PEP 370); conda issue 8770.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.partner_fit import PARTNERS, misfit, needs_of
from envdoctor.rules.requirement import named, satisfied
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

FAMILY = ("torch", "torchvision", "torchaudio")
OF_THE_SYSTEM = frozenset({"system", "dist-packages"})
CALLED = {
    "user": "the user's folder",
    "environment": "the environment",
    "other": "a folder of PYTHONPATH or a .pth file",
}


class Record(NamedTuple):
    """One record of a package: `site` is the folder it lies in, `kind` that of the layer of sys.path."""

    version: str
    site: str
    kind: str

    @property
    def place(self) -> str:
        """How a sentence names it."""
        return f"{CALLED.get(self.kind, 'the system')} ({self.site})"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Judge torch and its partners, each by the order in which their records are met."""
    records = _records(machine)
    for name in FAMILY:
        found = records.get(name, [])
        if len(found) < 2:
            continue
        loaded, others = _loaded(machine, name, found)
        together = next((one for one in others if one.site == loaded.site and one.version != loaded.version), None)
        hidden = next((one for one in others if one.site != loaded.site and not _twin(one, loaded)), None)
        if together is not None:
            yield RULE.finding(
                machine,
                name,
                f"Two releases of {name} are recorded in {loaded.site}: {loaded.version} and {together.version}. Files "
                "of both may lie there, and what is asked of the records may be told either.",
                "packages.duplicates", f"{name}.version",
                when="twice in one folder",
                confidence=Confidence.PROVED,
            )  # fmt: skip
        elif hidden is not None:
            yield RULE.finding(
                machine,
                name,
                f"{name} {loaded.version} in {loaded.place} is imported, and {name} {hidden.version} in "
                f"{hidden.place}, which comes later on sys.path, is not.{_consequence(machine, matrix, name, hidden)}",
                "packages.duplicates", f"{name}.version", "python.user_site",
                when=_circumstance(machine, matrix, name, loaded, hidden),
                confidence=Confidence.PROVED,
            )  # fmt: skip


def _records(machine: Machine) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in machine.items("packages.duplicates"):
        if isinstance(row, dict) and row.get("name") in FAMILY:
            record = Record(str(row.get("version"))[:60], str(row.get("site"))[:300], str(row.get("kind")))
            found.setdefault(str(row["name"]), []).append(record)
    return found


def _loaded(machine: Machine, name: str, found: list[Record]) -> tuple[Record, list[Record]]:
    """Return the record of what is imported and the others: a record without its folder hides nothing."""
    place = machine.text("torch.location") if name == "torch" else None
    sites = [one.site for one in found]
    folder = posixpath.dirname(place.replace("\\", "/")) if place else ""
    at = next((index for index, site in enumerate(sites) if site.replace("\\", "/").rstrip("/") == folder), 0)
    version = machine.text(f"{name}.version") or ""
    # Of two records in that folder the one that is really there is told by the version in the files.
    same = [index for index, site in enumerate(sites) if site == sites[at]]
    at = next((index for index in same if _is(version, found[index].version)), at)
    return found[at], [one for index, one in enumerate(found) if index != at]


def _twin(one: Record, other: Record) -> bool:
    """Whether two records may be one: `lib64` of a virtual environment is a link to its `lib` on Fedora."""
    return one.kind == other.kind and one.version == other.version


def _is(version: str, recorded: str) -> bool:
    return version == recorded or version.partition("+")[0] == recorded


def _circumstance(machine: Machine, matrix: Matrix, name: str, loaded: Record, hidden: Record) -> str:
    if name == "torch" and _broken_partner(machine, matrix, hidden) is not None:
        return "its partners do not load"
    if loaded.kind in ("environment", *OF_THE_SYSTEM):
        return "hidden behind the environment's own"  # a layer over another one, which is what layers are for
    if loaded.version == hidden.version:
        return "hidden behind the environment's own"  # whichever is imported, it is the same
    if hidden.kind in OF_THE_SYSTEM and _older(hidden.version, loaded.version):
        return "a newer one before the system's"  # how one who may not change the system gets a newer torch
    return "hides the environment's own"


def _consequence(machine: Machine, matrix: Matrix, name: str, hidden: Record) -> str:
    partner = _broken_partner(machine, matrix, hidden) if name == "torch" else None
    return f" {partner} was built for the one that is not imported, and does not load." if partner else ""


def _broken_partner(machine: Machine, matrix: Matrix, hidden: Record) -> str | None:
    """Return the partner that does not fit the torch that is imported and would fit the hidden one."""
    for name in PARTNERS:
        if machine.text(f"{name}.version") is None:
            continue
        wrong = misfit(machine, matrix, name)
        pins = list(named("torch", machine.items(f"{name}.requires")))
        if wrong and wrong.when == "does not load" and any(satisfied(pin, hidden.version, machine) for pin in pins):
            return name
    return None


def _older(version: str, other: str) -> bool:
    """Whether the release of one version text comes before that of another; False where that is not certain."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,6}", re.split(r"[+a-z]", version, maxsplit=1)[0])[:6]]


USER = "/home/me/.local/lib/python3.11/site-packages"
CONDA = "/opt/conda/lib/python3.11/site-packages"
VENV = "/home/me/venv/lib/python3.11/site-packages"
DEBIAN = "/usr/lib/python3/dist-packages"


def _twice(first: tuple[str, str, str], second: tuple[str, str, str], name: str = "torch") -> dict[str, Value]:
    """Two records, each of version, kind and site, in the order of sys.path; the first one's files are imported."""
    rows: list[Value] = [
        {"name": name, "version": version, "kind": kind, "site": site, "installer": "pip"}
        for version, kind, site in (first, second)
    ]
    imported: dict[str, Value] = {"torch": f"{first[0]}+cu128", "torch.location": f"{first[2]}/torch"}
    return {**(imported if name == "torch" else {}), "packages.duplicates": rows}


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=tuple(
        dict.fromkeys(
            (
                "packages.duplicates", "torch.location", *needs_of("torchvision"), *needs_of("torchaudio"),
            )
        )
    ),
    explains=("torch-torchvision-mismatch", "torch-torchaudio-mismatch", "shared-library-missing"),
    fires=(
        Example(
            "the user's torch before that of a conda environment",
            {
                **_twice(("2.7.1", "user", USER), ("2.9.1", "environment", CONDA)),
                "python.user_site": USER,
                "python.environment": "conda",
            },
            severity=Severity.WARNING,
            says="the user's folder",
        ),
        Example(
            "an older one of the user before the system's",
            _twice(("2.7.1", "user", USER), ("2.9.1", "dist-packages", DEBIAN)),
            severity=Severity.WARNING,
            says="2.7.1",
        ),
        Example(
            "a torchvision that was built for the hidden torch",
            {
                **_twice(("2.7.1", "user", USER), ("2.9.1", "environment", CONDA)),
                "torchvision": "0.24.1+cu128",
                "torchvision.requires": ["torch==2.9.1"],
            },
            says="torchvision was built for the one that is not imported",
        ),
        Example(
            "two releases in one folder",
            _twice(("2.9.1", "environment", VENV), ("2.8.0", "environment", VENV)),
            severity=Severity.WARNING,
            says="2.9.1 and 2.8.0",
        ),
        Example(
            "a venv with a torch of its own before the system's",
            {
                **_twice(("2.9.1", "environment", VENV), ("2.7.1", "dist-packages", DEBIAN)),
                "python.system_site": True,
            },
            severity=Severity.NOTE,
            says="comes later on sys.path",
        ),
        Example(
            "a newer one of the user before the system's",
            _twice(("2.9.1", "user", USER), ("2.7.1", "dist-packages", DEBIAN)),
            severity=Severity.NOTE,
            says="2.9.1",
        ),
    ),
    quiet=(
        Example("one torch", {}),
        Example(
            "one release recorded twice in one folder, by an egg-info and a dist-info",
            _twice(("2.9.1", "environment", CONDA), ("2.9.1", "environment", CONDA)),
        ),
        Example(
            "one folder under two names, as lib and lib64 on Fedora",
            _twice(("2.9.1", "environment", VENV), ("2.9.1", "environment", VENV.replace("/lib/", "/lib64/"))),
        ),
        Example(
            "two NumPy, which every conda environment with a user's folder has",
            _twice(("1.26.4", "user", USER), ("2.1.3", "environment", CONDA), "numpy"),
        ),
    ),
)  # fmt: skip
