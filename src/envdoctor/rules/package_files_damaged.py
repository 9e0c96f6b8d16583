"""torch is recorded as installed and its files are gone, or an interrupted change left parts of it behind.

## What it means
`import torch` fails with "ModuleNotFoundError: No module named 'torch'", or imports an empty folder ("module 'torch'
has no attribute 'cuda'"), while `pip list` shows a torch and `pip install torch` answers "Requirement already
satisfied". Folders named `~orch` are what pip moved aside; beside a whole torch they are only litter. Where only the
record was moved, torch imports, and whatever asks for it by its record (pip, transformers) finds none.

## Why it happens
pip moves a package aside before it puts the new one in place: `torch` becomes `~orch`. When it is killed (Ctrl-C, a
full disk, a job at its time limit) or Windows holds a DLL open, both may stay, or neither. Cleaning
`site-packages` by hand and caches of CI that keep the records without the folders do the same.

## How to be sure
`python -m pip show -f torch` lists the recorded files; `ls` of that folder shows which are there. pip warns of the
rest: "WARNING: Ignoring invalid distribution ~orch".

## How to fix
Install the same build again over it: `python -m pip install --force-reinstall --no-deps torch==VERSION` from the same
index, then remove the folders that begin with `~`. Those beside a whole torch can be removed at once.

## Sources
The dist-info folders and the folder `torch` beside them; pip's `AdjacentTempDirectory`
(pip/_internal/utils/temp_dir.py), which names those folders; pypa/pip#11849, pypa/pip#10452.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.partner_fit import PARTNERS
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

MOST_NAMED = 3
"""Leftovers named in one message."""

TORCH = r"~(?:orch|[-~.=%0-9]rch|[-~.=%0-9]{2}ch|[-~.=%0-9]{3}h)(?P<record>-[^-]+\.(?:dist|egg)-info)?"
"""What pip may rename torch to: `~orch`, and other first letters where that name is taken already."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find a record without its package, a torch that was moved aside and never put back, and litter."""
    version = machine.text("torch.version")
    if version is not None and _recorded_alone(machine):
        # With a version.py to read the folder is there.
        lost = "has lost its `__init__.py`" if machine.is_known("torch.git") else "is not there"
        yield RULE.finding(
            machine,
            "torch",
            f"torch {version} is recorded as installed, and its folder {lost}: `import torch` fails, while pip "
            "takes the requirement for satisfied.",
            "torch.dist_version", "torch.location", "python.site_packages",
            when="torch is not whole",
            confidence=Confidence.PROVED,
        )  # fmt: skip
        return
    if not machine.is_known("packages.leftovers"):
        return  # beside a whole torch they are litter at most, and without one its absence is said anyway
    names = [str(row.get("name")) for row in machine.items("packages.leftovers") if isinstance(row, dict)]
    ours = [name for name in names if re.fullmatch(TORCH, name)]
    if version is None and ours and _interrupted(machine, ours):
        yield RULE.finding(
            machine,
            "torch",
            f"An interrupted installation moved torch aside ({_some(ours)}) and put nothing in its place: "
            "`import torch` fails.",
            "packages.leftovers", "torch.version",
            when="torch is not whole",
        )  # fmt: skip
        return
    record = _record_aside(machine) if version is not None else None
    if record:
        yield RULE.finding(
            machine,
            "torch",
            f"An interrupted change moved the record of torch {version} aside ({record[:60]}): torch imports, and pip "
            "and programs that ask for its record take it for not installed.",
            "packages.leftovers", "torch.dist_version", "torch.location",
            when="its record is moved aside",
        )  # fmt: skip
    elif names and version is not None:
        yield RULE.finding(
            machine,
            "packages",
            f"An interrupted change left folders behind that no program uses: {_some(names)}. They take space, and pip "
            "warns of them.",
            "packages.leftovers",
            when="leftovers of an interrupted change",
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _record_aside(machine: Machine) -> str | None:
    """Return the record of torch that was moved aside in the folder of a torch that has none."""
    place = machine.text("torch.location")
    if place is None or machine.text("torch.dist_version") is not None:
        return None
    for row in machine.items("packages.leftovers"):
        if isinstance(row, dict) and re.fullmatch(r"[/\\]torch", place.removeprefix(str(row.get("site")))):
            match = re.fullmatch(TORCH, str(row.get("name")))
            if match and match["record"]:
                return match[0]
    return None


def _recorded_alone(machine: Machine) -> bool:
    """Whether there is a record of torch without a package; an editable installation has its folder elsewhere."""
    return (
        machine.text("torch.dist_version") is not None
        and machine.text("torch.location") is None
        and machine.value("torch.editable") is not True
    )


def _interrupted(machine: Machine, leftovers: list[str]) -> bool:
    """Whether torch was to stay, where none is installed.

    Windows keeps a DLL that is in use after an uninstall that was wanted: then a folder stays, no record, and no
    partner that needs torch.
    """
    recorded = any((match := re.fullmatch(TORCH, name)) and match["record"] for name in leftovers)
    return recorded or any(machine.text(f"{name}.version") is not None for name in PARTNERS)


def _some(names: list[str]) -> str:
    """Name the first few, each cut to a length a line can hold."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name[:60] for name in names[:MOST_NAMED]) + more


SITE = "/home/me/venv/lib/python3.11/site-packages"

RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=(
        "torch.version", "torch.dist_version", "torch.location", "torch.editable", "torch.git", "packages.leftovers",
        "torchvision.version", "torchaudio.version",
    ),
    explains=(
        "torch-not-installed", "shared-library-missing", "torch-torchvision-mismatch", "torch-torchaudio-mismatch",
    ),
    fires=(
        Example("a record without its folder", {"torch.location": None}, says="its folder is not there"),
        Example(
            "a folder in which the package is no more",
            {"torch.location": None, "torch.git": "0f4f6ba44ff2b77bb3c2bd3a3a1a5c3e5a2b1c0d"},
            says="lost its `__init__.py`",
        ),
        Example(
            "moved aside and not put back",
            {
                "torch": None,
                "packages.leftovers": [
                    {"name": "~orch", "site": SITE}, {"name": "~orch-2.9.1.dist-info", "site": SITE},
                ],
            },
            says="~orch-2.9.1.dist-info",
        ),
        Example(
            "the folder alone, beside a torchvision that needs torch",
            {"torch": None, "torchvision": "0.24.1+cu128", "packages.leftovers": [{"name": "~-rch", "site": SITE}]},
            says="~-rch",
        ),
        Example(
            "a torch whose record was moved aside",
            {
                "torch.dist_version": None, "torch.provenance": "unknown", "torch.location": f"{SITE}/torch",
                "packages.leftovers": [{"name": "~orch-2.9.1.dist-info", "site": SITE}],
            },
            severity=Severity.WARNING,
            says="take it for not installed",
        ),
        Example(
            "litter beside a whole torch",
            {"packages.leftovers": [{"name": "~orch-2.8.0.dist-info", "site": SITE}, {"name": "~umpy", "site": SITE}]},
            severity=Severity.NOTE,
            says="~umpy",
        ),
    ),
    quiet=(
        Example("a whole torch", {}),
        Example("no torch and no trace of one", {"torch": None}),
        Example(
            "a DLL that Windows held open when torch was uninstalled",
            {"torch": None, "packages.leftovers": [{"name": "~orch", "site": SITE}]},
        ),
        Example("an editable checkout that lies elsewhere", {"torch.location": None, "torch.editable": True}),
        Example("a folder that nobody recorded, as in a container with PYTHONPATH", {"torch.dist_version": None}),
    ),
)  # fmt: skip
