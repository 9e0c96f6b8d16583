"""conda and pip both installed torch or its partners into one environment.

## What it means
conda records one torch, and pip put another over it, or the one brought torch and the other torchvision. conda goes
on believing its record: its next `install` or `update` puts its own files between those of pip. Partners compiled for
the one torch do not load beside the other: "operator torchvision::nms does not exist", "undefined symbol".

## Why it happens
`pip install -r requirements.txt` in a conda environment replaces torch, and conda does not learn of it; `conda install`
of another package brings conda's torch back. A conda torch whose release meets the pin lets pip install the published
torchvision beside it, which was compiled for the published torch.

## How to be sure
`conda list "torch"` names the channel of each: `pypi` is pip's. `python -c "import torch; print(torch.__version__)"`
prints a `+cu` tag for pip's builds, against `conda list pytorch`.

## How to fix
Keep one installer for torch, torchvision and torchaudio. For pip: `conda remove --force pytorch torchvision
torchaudio`, then install the three by pip in one command. For conda: `python -m pip uninstall torch torchvision
torchaudio`, then `conda install --force-reinstall` of conda's. A new environment is often quicker.

## In a file
One environment in which conda is told to install torch, and pip to install torch as well. Instructions for conda and,
in another command, for pip are alternatives and no finding.

## Sources
The records in conda-meta against the installed files; pytorch/vision issues 8101 and 8985; conda user guide, "Using
pip in an environment"; pytorch#123649 for the C++ interface of the wheels.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.versions import minor, older
from envdoctor.model.finding import Severity
from envdoctor.rules.partner_fit import PARTNERS, misfit, needs_of
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine, TorchBuild

PUBLISHED = r"[\d.]{1,20}(?P<tag>\+(?:cu\d{2,3}|cpu))?"
"""Versions of published wheels: 0.24.1+cu128, and without a tag on macOS."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Tell by whom torch and each partner were put there, and what of that cannot work."""
    recorded = machine.table("packages.conda")
    torch = machine.torch if recorded else None
    if torch is None or not _inside(machine):
        return
    by_conda = torch.provenance.startswith("conda-") or _brought(machine, recorded, torch)
    record = _version(recorded, "pytorch") or _version(recorded, "libtorch")
    replaced = record is not None and not by_conda and not _same(torch.release, record)
    mixed = [name for name in PARTNERS if _of_the_other(machine, recorded, name, torch_by_conda=by_conda)]
    broken = [name for name in mixed if _does_not_load(machine, matrix, name, torch, record if replaced else None)]
    if replaced:
        suffix = f" {_and(broken)}, which conda brought for its own, does not load." if broken else ""
        yield RULE.finding(
            machine,
            "torch",
            f"conda records pytorch {record}, and pip put torch {torch.text} over it.{suffix}",
            "packages.conda", "torch.version", "torch.installer", "torch.provenance",
            when="its partners do not load" if broken else "both installed torch",
        )  # fmt: skip
        return
    for name in mixed:
        first, second = ("conda", "pip") if by_conda else ("pip", "conda")
        what = f"torch {torch.text} comes from {first}, and {name} {machine.text(f'{name}.version')} from {second}"
        if name in broken:
            yield RULE.finding(
                machine,
                name,
                f"{what}, which was built for another torch: its compiled operators do not load.",
                "packages.conda", f"{name}.version", "torch.version", "torch.provenance",
                when="its partners do not load",
            )  # fmt: skip
        elif _other_abi(machine, matrix, recorded, name, torch):
            yield RULE.finding(
                machine,
                name,
                f"{what}. conda-forge compiles for the new C++ interface, wheels for Linux before torch "
                f"{matrix.cxx_abi.since} were compiled for the old one: its compiled operators may not load.",
                "packages.conda", f"{name}.version", "torch.version", "torch.provenance",
                when="a partner of the other installer",
            )  # fmt: skip


def _inside(machine: Machine) -> bool:
    """Whether the torch that is imported lies in conda's environment; one before it is another rule's matter."""
    place, prefix = machine.text("torch.location"), machine.text("python.prefix")
    if place is None or prefix is None:
        return False
    return place.replace("\\", "/").startswith(prefix.replace("\\", "/").rstrip("/") + "/")


def _brought(machine: Machine, recorded: dict[str, Value], torch: TorchBuild) -> bool:
    """Whether conda brought a torch of a channel that is not known: by its installer, or by conda's record of it.

    Packages that carry an egg-info name no installer.
    """
    if machine.is_known("torch.installer"):
        return machine.text("torch.installer") == "conda"
    record = _version(recorded, "pytorch") or _version(recorded, "libtorch")
    return record is not None and torch.local is None and _same(torch.release, record)


def _version(recorded: dict[str, Value], name: str) -> str | None:
    record = recorded.get(name)
    version = record.get("version") if isinstance(record, dict) else None
    return version if isinstance(version, str) else None


def _same(release: str, record: str) -> bool:
    """Whether a release is the recorded one; conda-forge numbers its rebuilds (2.5.1.post303)."""
    return release == record or release.startswith(f"{record}.post") or record.startswith(f"{release}.post")


def _of_the_other(machine: Machine, recorded: dict[str, Value], name: str, *, torch_by_conda: bool) -> bool:
    """Whether a partner is installed and was brought by the other installer than torch.

    It is conda's where conda records that release and the files state no tag such as `+cu126`, which the files of
    published wheels do. What is neither, as a build from source, was made for the torch that is there.
    """
    version = machine.text(f"{name}.version")
    published = re.fullmatch(PUBLISHED, version or "")
    record = _version(recorded, name)
    if version is None or (record is None and published is None):
        return False
    release = re.split(r"a\d|\+", version, maxsplit=1)[0]
    by_conda = record is not None and not (published and published["tag"]) and _same(release, record)
    return by_conda != torch_by_conda and (by_conda or published is not None)


def _does_not_load(machine: Machine, matrix: Matrix, name: str, torch: TorchBuild, replaced: str | None) -> bool:
    """Whether a partner of the other installer was built for another torch: by its pin, or for that of conda."""
    wrong = misfit(machine, matrix, name)
    if wrong is not None and wrong.when == "does not load":
        return True
    try:
        return replaced is not None and minor(replaced) != minor(torch.release)
    except ValueError:
        return False  # a development build: nothing is known against it


def _other_abi(machine: Machine, matrix: Matrix, recorded: dict[str, Value], name: str, torch: TorchBuild) -> bool:
    """Whether one of the two is conda-forge's and the other a wheel of the old C++ interface."""
    if machine.platform != "linux-x86_64":
        return False
    record = recorded.get(name if torch.official else "pytorch")
    forge = isinstance(record, dict) and "conda-forge" in str(record.get("channel"))
    try:
        return forge and older(torch.release.partition(".post")[0], matrix.cxx_abi.since)
    except ValueError:
        return False


def _and(names: list[str]) -> str:
    return " and ".join(names)


PREFIX = "/opt/conda/envs/train"
SITE = f"{PREFIX}/lib/python3.11/site-packages"
IN_CONDA: dict[str, Value] = {
    "python.prefix": PREFIX,
    "python.executable": f"{PREFIX}/bin/python",
    "python.site_packages": [SITE],
    "python.environment": "conda",
    "python.manager": "conda",
    "python.layers": [{"folder": SITE, "kind": "environment"}],
    "torch.location": f"{SITE}/torch",
    "torch.wheel_tags": None,
}


def _records(channel: str = "pytorch", **versions: str) -> dict[str, Value]:
    return {
        "packages.conda": {
            name: {"version": version, "build": "py3.11_cuda12.1_cudnn8.9.2_0", "channel": channel}
            for name, version in versions.items()
        }
    }


BY_CONDA: dict[str, Value] = {
    **IN_CONDA,
    "torch.installer": "conda",
    "torch.cuda": "12.1",
    "torch.channel": "cu121",
    "torch.provenance": "conda-pytorch",
}

RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=tuple(
        dict.fromkeys(
            (
                "packages.conda", "torch.installer", "torch.location", "python.prefix", *needs_of("torchvision"),
                *needs_of("torchaudio"),
            )
        )
    ),
    explains=(
        "torch-torchvision-mismatch", "torch-torchaudio-mismatch", "duplicate-torch-install", "shared-library-missing",
    ),
    fires=(
        Example(
            "pip's torch over another release of conda's",
            {**IN_CONDA, **_records(pytorch="2.2.1"), "torch": "2.1.2+cu121"},
            severity=Severity.WARNING,
            says="conda records pytorch 2.2.1",
        ),
        Example(
            "with the torchvision that conda brought for its own",
            {
                **IN_CONDA, **_records(pytorch="2.2.1", torchvision="0.17.1"),
                "torch": "2.1.2+cu121", "torchvision": "0.17.1", "torchvision.cuda": "12.1",
                "torchvision.requires": ["numpy", "torch==2.2.1"],
            },
            says="does not load",
        ),
        Example(
            "with one of conda-forge, whose metadata pin no torch",
            {
                **IN_CONDA, **_records("conda-forge", libtorch="2.5.1", torchvision="0.20.1"),
                "torch": "2.4.1+cu121", "torchvision": "0.20.1", "torchvision.cuda": "12.1",
                "torchvision.requires": ["torch"],
            },
            says="torchvision, which conda brought",
        ),
        Example(
            "conda's torch beside a torchvision of pip for another one",
            {
                **BY_CONDA, **_records(pytorch="2.2.1"), "torch": "2.2.1",
                "torchvision": "0.16.2+cu121", "torchvision.requires": ["torch==2.1.2"],
            },
            says="torchvision 0.16.2+cu121 from pip",
        ),
        Example(
            "conda-forge's torch beside the published torchvision of that release",
            {
                **BY_CONDA, **_records("conda-forge", pytorch="2.5.1"), "torch": "2.5.1",
                "torch.provenance": "conda-forge",
                "torchvision": "0.20.1+cu121", "torchvision.requires": ["torch==2.5.1"],
            },
            severity=Severity.WARNING,
            says="the new C++ interface",
        ),
    ),
    quiet=(
        Example(
            "all three from conda",
            {
                **BY_CONDA, **_records(pytorch="2.2.1", torchvision="0.17.1", torchaudio="2.2.1"), "torch": "2.2.1",
                "torchvision": "0.17.1", "torchvision.requires": ["torch==2.2.1"],
                "torchaudio": "2.2.1", "torchaudio.requires": ["torch==2.2.1"],
            },
        ),
        Example(
            "a rebuild of conda-forge",
            {
                **BY_CONDA, **_records("conda-forge", libtorch="2.5.1", pytorch="2.5.1", torchvision="0.20.1"),
                "torch": "2.5.1.post303", "torch.provenance": "conda-forge", "torchvision": "0.20.1",
                "torchvision.requires": ["torch"],
            },
        ),
        Example(
            "all from pip in a conda environment that records none",
            {
                **IN_CONDA, **_records("defaults", mkl="2023.1.0", numpy="1.26.4"),
                "torchvision": "0.24.1+cu128", "torchvision.requires": ["torch==2.9.1"],
            },
        ),
        Example(
            "pip's torch of the recorded release",
            {**IN_CONDA, **_records(pytorch="2.2.1"), "torch": "2.2.1+cu121"},
        ),
        Example(
            "a published partner beside the torch of the channel `pytorch`, made as the wheels are",
            {
                **BY_CONDA, **_records(pytorch="2.2.1"), "torch": "2.2.1",
                "torchvision": "0.17.1+cu121", "torchvision.requires": ["torch==2.2.1"],
            },
        ),
        Example(
            "all of a company's copy of conda-forge, in packages that name no installer",
            {
                **BY_CONDA, **_records("conda-forge-copy", pytorch="1.12.1", torchvision="0.13.1"), "torch": "1.12.1",
                "torch.installer": None, "torch.provenance": "unknown", "torch.cuda": "11.3",
                "torchvision": "0.13.1", "torchvision.requires": ["torch"],
            },
        ),
        Example("no conda", {}),
    ),
)  # fmt: skip
