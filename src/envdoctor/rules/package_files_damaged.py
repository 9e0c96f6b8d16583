"""Files of torch or of its CUDA libraries are gone, cut short, or not those that were installed.

## What it means
`import torch` fails while `pip list` shows a torch and `pip install torch` answers "Requirement already satisfied":
"ModuleNotFoundError: No module named 'torch'" (or 'torch.nn'), "module 'torch' has no attribute 'cuda'" for a folder
that is left empty, "libnccl.so.2: file too short", "libcudnn.so.9: cannot open shared object file". Folders named
`~orch` are what pip moved aside; beside a whole torch they are only litter. Where only the record was moved, torch
imports, and whatever asks for it by its record (pip, transformers) finds none. A file that has
other content than was recorded, and was not cut short, is a note: somebody stripped, patched or edited it, or, where
only its hash differs, the disk or a copy changed some of its bytes.

## Why it happens
A disk that filled up, a job killed at its time limit or a copy that broke off leaves files short or empty; cleaning
jobs of clusters delete what was not used for weeks. pip moves a package aside before it puts the new one in place:
`torch` becomes `~orch`, and when it is killed, or Windows holds a DLL open, both may stay, or neither. Removing one
flavour of a CUDA library (`nvidia-cudnn-cu12`) takes files with it that the other one put into the same folder.

## How to be sure
`python -m pip show -f torch` lists the recorded files, RECORD in its dist-info folder their sizes; `ls -l` shows what
is there. `envdoctor check --deep` compares their content too. pip warns of the rest: "WARNING: Ignoring invalid
distribution ~orch".

## How to fix
Install the same build again over it: `python -m pip install --force-reinstall --no-deps torch==VERSION` from the same
index (or the package that is named in place of torch), then remove the folders that begin with `~`. Those beside a
whole torch can be removed at once. A full disk (`df -h`) has to be emptied first.

## Sources
The dist-info folders and the files their RECORD lists ("Recording installed projects", PyPA specifications), the
program headers of shared objects; pip's `AdjacentTempDirectory` (pip/_internal/utils/temp_dir.py), which names those
folders; pypa/pip#11849, pypa/pip#10452.
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
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

MOST_NAMED = 3
"""Leftovers named in one message."""

TORCH = r"~(?:orch|[-~.=%0-9]rch|[-~.=%0-9]{2}ch|[-~.=%0-9]{3}h)(?P<record>-[^-]+\.(?:dist|egg)-info)?"
"""What pip may rename torch to: `~orch`, and other first letters where that name is taken already."""


UNUSABLE = ("missing", "truncated", "unreadable")
"""What may be wrong with a file that makes it useless; otherwise it is whole, and another one than was installed."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find what an interrupted change left behind, and then the single files that are not as recorded."""
    yield from _of_records(machine)
    if not machine.looked_at("packages.damaged") or machine.text("torch.version") is None:
        return
    for row in machine.rows("packages.damaged"):
        files = row.get("files")
        named = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
        if named and not (row.get("package") == "torch" and _recorded_alone(machine)):
            yield _of_files(machine, row, named)


def _of_files(machine: Machine, row: dict[str, Value], files: list[dict[str, Value]]) -> Finding:
    """Judge one package by its files, the worst of which come first."""
    package = str(row.get("package"))[:100]
    called = f"{package} {str(row.get('version'))[:60]}"
    useless = [file for file in files if file.get("what") in UNUSABLE]
    vital = next((file for file in useless if _breaks_torch(machine, package, file)), None)
    if vital is not None:
        message = (
            f"{called} is not whole: {_wrong(vital)}{_further(row)}. `import torch` cannot do without it, and fails."
        )
        when = "torch is not whole"
    elif useless:
        message = f"Files of {called} are damaged: {_wrong(useless[0])}{_further(row)}. What uses them fails."
        when = "files are gone"
    else:
        wrong = f"{_wrong(files[0])}{_further(row)}"
        message = f"Files of {called} are not those that were installed: {wrong}. {_reason(files[0])}."
        when = "changed since it was installed"
    return RULE.finding(machine, package, message, "packages.damaged", when=when, confidence=Confidence.PROVED)


def _breaks_torch(machine: Machine, package: str, file: dict[str, Value]) -> bool:
    """Whether torch cannot be imported without that file; a library may be found somewhere else."""
    if file.get("loads") is not True or not (package == "torch" or package.startswith(("nvidia-", "cuda-"))):
        return False
    if package == "torch" or file.get("what") != "missing" or not machine.is_known("libraries.missing"):
        return True
    library = str(file.get("file")).rpartition("/")[2]
    return any(row.get("library") == library for row in machine.rows("libraries.missing"))


def _wrong(file: dict[str, Value]) -> str:
    """Say what is wrong with one file."""
    name, recorded, found = str(file.get("file"))[:200], file.get("recorded"), file.get("found")
    if file.get("what") == "missing":
        return f"{name} is gone"
    if file.get("what") == "unreadable":
        return f"{name} may not be read by this user"
    if not isinstance(recorded, int) or not isinstance(found, int):
        return f"{name} is another file"
    if recorded == found:
        return f"{name} has other content than was recorded"
    return f"{name} has {found:,} bytes, and {recorded:,} were installed"


def _reason(file: dict[str, Value]) -> str:
    """Say how a file that was not cut short may have come by other content."""
    if file.get("what") == "hash":
        return "They have their full length: somebody edited them, or the disk or a copy changed them"
    return "They are whole: somebody edited, stripped or patched them"


def _further(row: dict[str, Value]) -> str:
    """Say how many files more there are, as one line cannot name them all."""
    counts = [count for count in (row.get("missing"), row.get("changed")) if isinstance(count, int)]
    more = sum(counts) - 1
    return f", and {more:,} more" if more > 0 else ""


def _of_records(machine: Machine) -> Iterator[Finding]:
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


def _damaged(package: str, *files: tuple[str, str, int | None, int | None], loads: bool = True) -> dict[str, Value]:
    """Return the facts of a package with such files: path, what, bytes recorded, bytes found."""
    named: list[Value] = [
        {"file": path, "what": what, "recorded": recorded, "found": found, "loads": loads}
        for path, what, recorded, found in files
    ]
    missing = sum(what == "missing" for _, what, _, _ in files)
    row: Value = {
        "package": package, "version": "2.9.1", "checked": 2400, "deep": False, "missing": missing,
        "changed": len(files) - missing, "files": named,
    }  # fmt: skip
    return {"packages.damaged": [row]}


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=(
        "torch.version", "torch.dist_version", "torch.location", "torch.editable", "torch.git", "packages.leftovers",
        "packages.damaged", "libraries.missing", "torchvision.version", "torchaudio.version",
    ),
    explains=(
        "torch-not-installed", "shared-library-missing", "torch-torchvision-mismatch", "torch-torchaudio-mismatch",
        "abi-undefined-symbol", "cudnn-version-mismatch", "nccl-version-conflict",
        "cudnn-shadowed-by-ld-library-path", "cuda-libs-shadowed-by-ld-library-path",
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
        Example(
            "a module that the import runs is gone",
            _damaged("torch", ("torch/nn/__init__.py", "missing", 2428, None), ("torch/hub.py", "missing", 9, None)),
            says="torch/nn/__init__.py is gone, and 1 more",
        ),
        Example(
            "NCCL cut short by a full disk",
            _damaged("nvidia-nccl-cu12", ("nvidia/nccl/lib/libnccl.so.2", "truncated", 426_785_344, 209_715_200)),
            says="libnccl.so.2 has 209,715,200 bytes, and 426,785,344 were installed",
        ),
        Example(
            "cuDNN removed with its other flavour",
            {
                **_damaged("nvidia-cudnn-cu12", ("nvidia/cudnn/lib/libcudnn.so.9", "missing", 104_664, None)),
                "libraries.missing": [{"object": "torch/lib/libtorch_cuda.so", "library": "libcudnn.so.9"}],
            },
            says="libcudnn.so.9 is gone",
        ),
        Example(
            "the same, and the system has one that is found",
            _damaged("nvidia-cudnn-cu12", ("nvidia/cudnn/lib/libcudnn.so.9", "missing", 104_664, None)),
            severity=Severity.WARNING,
            says="libcudnn.so.9 is gone",
        ),
        Example(
            "a library that this user may not read",
            _damaged("torch", ("torch/lib/libtorch_cpu.so", "unreadable", 450_000_000, None)),
            says="may not be read by this user",
        ),
        Example(
            "modules of the compiler are gone",
            _damaged("torch", ("torch/_inductor/ir.py", "missing", 370_000, None), loads=False),
            severity=Severity.WARNING,
            says="torch/_inductor/ir.py is gone",
        ),
        Example(
            "a torchvision that is not whole",
            _damaged("torchvision", ("torchvision/_C.so", "truncated", 8_000_000, 0)),
            severity=Severity.WARNING,
            says="torchvision/_C.so has 0 bytes",
        ),
        Example(
            "libraries without their symbols",
            _damaged("torch", ("torch/lib/libtorch_python.so", "size", 31_000_000, 22_000_000)),
            severity=Severity.NOTE,
            says="They are whole",
        ),
        Example(
            "a content that only its hash tells",
            _damaged("torch", ("torch/lib/libc10_cuda.so", "hash", 1_200_000, 1_200_000)),
            severity=Severity.NOTE,
            says="other content than was recorded",
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
        Example(
            "no torch, and what is left of its libraries",
            {
                "torch": None,
                **_damaged("nvidia-cudnn-cu12", ("nvidia/cudnn/lib/libcudnn.so.9", "missing", 104_664, None)),
            },
        ),
        Example("a folder that nobody recorded, as in a container with PYTHONPATH", {"torch.dist_version": None}),
    ),
)  # fmt: skip
