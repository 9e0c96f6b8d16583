"""A CUDA library beside torch is not the release that torch pins.

## What it means
torch was built and tested with one release of each nvidia-* package and says so in its metadata. A newer one of
the same major mostly works. An older one may lack a symbol ("undefined symbol: ncclCommResume") or be refused ("cuDNN
version incompatibility: PyTorch was compiled against (9, 10, 2) but found runtime version (9, 1, 0)").

## Why it happens
Another package asked for its own release of cuDNN or NCCL, one was changed by hand to work around a bug, or torch was
changed with `--no-deps` while its libraries stayed.

## How to be sure
`python -m pip check` prints each requirement that is not met.

## How to fix
Install the release that torch pins: `python -m pip install nvidia-cudnn-cu12==9.10.2.21`, with the name and version
of the message. Keep a newer one where it was chosen on purpose.

## In a file
A pin on nvidia-cudnn-cuXX or nvidia-nccl-cuXX that contradicts the pin of the torch wheel beside it. An installer
refuses the two. Only where the wheel is certain: one release, from the default index or a channel of PyTorch's.

## Sources
Requires-Dist in the METADATA of the installed torch and of cuda-toolkit, through whose extras torch pins most
libraries since 2.11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.requirement import bounds_of, named_in, satisfied
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

TOOLKIT = "cuda-toolkit"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Compare each pinned library that is installed with its pin; one that is missing is not this rule's matter."""
    if machine.text("torch.version") is None:
        return
    installed = machine.table("packages.installed")
    told_of: set[str] = set()
    for line, extra in _pins(machine):
        name = named_in(line)
        version = installed.get(name) if name else None
        if (
            not name
            or name in told_of
            or not isinstance(version, str)
            or satisfied(line, version, machine, extra) is not False
            or any(satisfied(line, other, machine, extra) for other in _also_recorded(machine, name))
        ):
            continue
        told_of.add(name)
        newer = _newer(version, bounds_of(line))
        told = "torch was built with the older one" if newer else "symbols that torch needs may be missing from it"
        asks = f"cuda-toolkit {installed.get(TOOLKIT)}" if extra else f"torch {machine.text('torch.version')}"
        yield RULE.finding(
            machine,
            name,
            f"{asks} requires {line.partition(';')[0].strip()}, and {name} {version} is installed: {told}.",
            "nvidia.toolkit_requires" if extra else "torch.requires", "nvidia.packages", "torch.version",
            when="newer than the pin" if newer else "older than the pin, or of another CUDA",
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _also_recorded(machine: Machine, name: str) -> list[str]:
    """Return the versions of a library that is recorded more than once; whose files are there they do not tell."""
    rows = [row for row in machine.items("packages.duplicates") if isinstance(row, dict)]
    return [str(row.get("version")) for row in rows if row.get("name") == name]


def _pins(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield torch's requirement lines on CUDA libraries, each with the extra of cuda-toolkit that it stands behind."""
    extras: list[str] = []
    for line in machine.items("torch.requires"):
        name = named_in(line)
        if name == TOOLKIT:
            listed = re.search(r"\[([^\]]{0,1000})\]", str(line))
            extras = [one.strip() for one in listed[1].split(",")] if listed else []
        if name == TOOLKIT or (name or "").startswith("nvidia-"):
            yield str(line), ""
    if not extras:
        return
    for line in machine.items("nvidia.toolkit_requires"):
        behind = re.search(r"extra\s*==\s*['\"]([^'\"]{1,60})['\"]", str(line))
        if behind and behind[1] in extras and (named_in(line) or "").startswith("nvidia-"):
            yield str(line), behind[1]


def _newer(version: str, bounds: str) -> bool:
    """Whether a version that does not meet the bounds is above all of them, in the same major."""
    from packaging.version import InvalidVersion, Version

    try:
        installed = Version(version)
        named = [Version(bound.lstrip("=<>!~").removesuffix(".*")) for bound in bounds.split(",") if bound]
    except InvalidVersion:
        return False
    highest = max(named, default=installed)
    return installed > highest and installed.major == highest.major


def _beside(pin: str, name: str, version: str) -> dict[str, Value]:
    """A torch with one pin, and what is installed for it."""
    return {
        "torch.requires": [pin],
        "packages.installed": {"torch": "2.9.1", name: version},
        "nvidia.packages": {name: version},
    }


SITE = "/home/me/venv/lib/python3.11/site-packages"
CUDNN = 'nvidia-cudnn-cu12==9.10.2.21; platform_system == "Linux"'
TOOLKIT_PINNED: dict[str, Value] = {
    "torch": "2.14.1+cu130",
    "driver": "580.95.05 13.0",
    "torch.requires": ['cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"'],
    "nvidia.toolkit_requires": [
        'nvidia-cublas==13.1.1.3.*; (sys_platform == "linux" or sys_platform == "win32") and extra == "cublas"',
        'nvidia-cublas==13.1.1.3.*; sys_platform == "linux" and extra == "cudart"',
        'nvidia-npp==13.0.1.2; sys_platform == "linux" and extra == "npp"',
    ],
}

RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=(
        "torch.version", "torch.requires", "nvidia.toolkit_requires", "packages.installed",
        "packages.duplicates", "python.version", "host.os", "host.platform",
    ),
    fires=(
        Example(
            "an older cuDNN",
            _beside(CUDNN, "nvidia-cudnn-cu12", "9.1.0.70"),
            severity=Severity.WARNING,
            says="9.10.2.21",
        ),
        Example(
            "a library of another CUDA under the same name",
            _beside('nvidia-cublas<=13.1.1.3,>=13.1.0.3; platform_system == "Linux"', "nvidia-cublas", "14.0.0.1"),
            severity=Severity.WARNING,
            says="14.0.0.1",
        ),
        Example(
            "an older library behind the toolkit's extras",
            {
                **TOOLKIT_PINNED,
                "packages.installed": {"cuda-toolkit": "13.0.3", "nvidia-cublas": "13.0.2.14", "nvidia-npp": "13.0"},
            },
            severity=Severity.WARNING,
            says="cuda-toolkit 13.0.3 requires nvidia-cublas",
        ),
        Example(
            "a newer cuDNN", _beside(CUDNN, "nvidia-cudnn-cu12", "9.11.0.98"), severity=Severity.NOTE, says="older one"
        ),
    ),
    quiet=(
        Example("the pinned release", _beside(CUDNN, "nvidia-cudnn-cu12", "9.10.2.21")),
        Example(
            "the upper end of a range",
            _beside("nvidia-cublas<=13.1.1.3,>=13.1.0.3", "nvidia-cublas", "13.1.1.3"),
        ),
        Example(
            "what the toolkit pins, and an extra that torch did not ask for",
            {
                **TOOLKIT_PINNED,
                "packages.installed": {"cuda-toolkit": "13.0.3", "nvidia-cublas": "13.1.1.3", "nvidia-npp": "13.0.0.1"},
            },
        ),
        Example(
            "the record of an older one that an interrupted upgrade left",
            {
                **_beside(CUDNN, "nvidia-cudnn-cu12", "9.1.0.70"),
                "packages.duplicates": [
                    {"name": "nvidia-cudnn-cu12", "version": version, "site": SITE, "kind": "environment",
                     "installer": "pip"}
                    for version in ("9.1.0.70", "9.10.2.21")
                ],
            },
        ),
        Example("a pinned library that is not installed", {"torch.requires": [CUDNN]}),
        Example(
            "a pin for another platform",
            _beside('nvidia-cudnn-cu12==9.10.2.21; platform_machine == "aarch64"', "nvidia-cudnn-cu12", "9.1.0.70"),
        ),
        Example("no torch", {"torch": None}),
    ),
)  # fmt: skip
