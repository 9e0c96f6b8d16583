"""The C library of this system is older than the one torch, or a package compiled for it, was built for.

## What it means
A wheel's tag names the oldest glibc it may meet: `manylinux_2_28` needs 2.28. On an older one the loader refuses
torch's libraries: "ImportError: /lib64/libc.so.6: version 'GLIBC_2.28' not found (required by libtorch_cpu.so)".
Alpine Linux has musl in glibc's place, which no published torch wheel runs on. An extension that was compiled elsewhere
states by itself which versions it needs, and is refused in the same words.

## Why it happens
pip refuses such a wheel, so the environment came another way: it was copied or mounted from a newer system, packed by
conda-pack, installed with `--platform`, or the base image below it was changed. CentOS 7 (glibc 2.17), Amazon Linux 2
(2.26) and Ubuntu 18.04 (2.27) are older than `manylinux_2_28`, which all wheels need since torch 2.7; of 2.6 those for
CUDA 12.6, ROCm, XPU and Arm do.

Wheels named `manylinux1`, as torch's were for years, are the exception: the name promises 2.5, so that pip takes them
on CentOS 6 (2.12), and they need 2.14 at least.

An extension comes by a folder that was copied from a newer system, or by a wheel named `linux_x86_64`, whose name
promises nothing.

## How to be sure
`ldd --version` prints the system's glibc, `python -c "import os; print(os.confstr('CS_GNU_LIBC_VERSION'))"` that of
the interpreter; the file WHEEL in `torch-*.dist-info` holds the tags. `import torch` names the missing version, and
`objdump -T FILE | grep GLIBC_` lists what an object needs.

## How to fix
Run it on a newer system: Debian 10, Ubuntu 20.04, RHEL 8 or an image based on one of them (`python:3.12-slim` in
place of `python:3.12-alpine`). Else install the last torch whose wheels serve this glibc, which for 2.17 is 2.6.0 of
the channels cu118, cu124 and cpu (on Arm 2.5.1), or take Python and torch from conda-forge. Replacing the system's
glibc by hand breaks the system. An extension is compiled again on this system, or in an image as old as it.

## Sources
PEP 600 (manylinux_x_y), PEP 599 (manylinux2014 is 2.17), PEP 571 (manylinux2010), PEP 513 (manylinux1), PEP 656
(musllinux); release notes of torch 2.6; pytorch#123649, pytorch#14274, pytorch#38765; the WHEEL file of the installed
torch, and the version tables of the installed objects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.library_rows import by_package, unmet, when_loaded
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.severity_table import ALWAYS
from envdoctor.rules.smoke_examples import not_imported, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine, TorchBuild

TAG = r"manylinux_(\d{1,2})_(\d{1,3})_|(manylinux(?:1|2010|2014))_"
GLIBC = r"glibc (\d{1,2})\.(\d{1,3})"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the lowest floor of the wheel's tags with the interpreter's C library; then what the objects need."""
    torch = machine.torch
    if torch is None or machine.text("host.os") != "linux":
        return
    by_tags = list(_by_tags(machine, matrix, torch)) if torch.official else []
    yield from by_tags
    rows = [row for row in unmet(machine) if row.version.startswith("GLIBC_")]
    for package, found in by_package(rows):
        if package == "torch" and by_tags:
            continue  # that is said
        row = found[0]
        yield RULE.finding(
            machine,
            package,
            f"{row.object} of {package} needs {row.version} of {row.library}, and {row.here}: the loader refuses it.",
            "libraries.unmet_versions", "host.libc", "host.version",
            when=when_loaded(found, ALWAYS),
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _by_tags(machine: Machine, matrix: Matrix, torch: TorchBuild) -> Iterator[Finding]:
    floors = [_floor(tag, matrix) for tag in machine.items("torch.wheel_tags") if isinstance(tag, str)]
    if not floors or None in floors:
        return  # built in place, or for a platform this does not know
    floor = min(one for one in floors if one)
    libc = machine.text("host.libc")
    has = re.match(GLIBC, libc or "")
    if has and (int(has[1]), int(has[2])) >= floor:
        return
    if has is None and libc is not None and not libc.startswith("musl"):
        return
    here = f"this system has {libc}" if libc else "the C library of this system is not glibc"
    yield RULE.finding(
        machine,
        "torch",
        f"torch {torch.text} was built for glibc {floor[0]}.{floor[1]} or newer, and {here}: the loader refuses its "
        "libraries.",
        "torch.version", "torch.wheel_tags", "host.libc",
    )  # fmt: skip


def _floor(tag: str, matrix: Matrix) -> tuple[int, int] | None:
    """Return the glibc that a wheel tag promises to need at most; several platforms may stand in one tag.

    manylinux_X_Y names it; of the older names the matrix knows what torch's wheels keep.
    """
    known = matrix.glibc_floors
    found = [
        (int(match[1]), int(match[2])) if match[1] else known[match[3]]
        for match in re.finditer(TAG, tag.rpartition("-")[2])
        if match[1] or match[3] in known
    ]
    return min(found, default=None)


def _needing(version: str, role: str = "entry", thing: str = "gsplat/csrc.so") -> Value:
    return {
        "object": thing, "package": thing.partition("/")[0], "role": role, "library": "libc.so.6", "version": version,
        "file": "/lib/x86_64-linux-gnu/libc.so.6", "highest": "GLIBC_2.36",
    }  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=("torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "torch.wheel_tags",
           "host.os", "host.libc", "libraries.unmet_versions"),
    explains=("shared-library-missing", "libstdcxx-too-old"),
    fires=(
        Example("Ubuntu 18.04", {"host.libc": "glibc 2.27"}, says="glibc 2.28"),
        Example("Alpine Linux", {"host.libc": None}, says="not glibc"),
        Example(
            "a manylinux1 wheel on CentOS 6, for which its name promises too much",
            {"torch": "1.0.0", "torch.cuda": "9.0", "host.libc": "glibc 2.12", "python.version": "3.6.8",
             "torch.wheel_tags": ["cp36-cp36m-manylinux1_x86_64"]},
            says="glibc 2.14",
        ),
        Example(
            "an extension from a newer system",
            {"libraries.unmet_versions": [_needing("GLIBC_2.38")]},
            says="needs GLIBC_2.38 of libc.so.6, and /lib/x86_64-linux-gnu/libc.so.6 ends at GLIBC_2.36",
        ),
        Example(
            "a build from conda-forge that was carried to an older system",
            {
                "torch.provenance": "conda-forge",
                "libraries.unmet_versions": [_needing("GLIBC_2.38", thing="torch/lib/libtorch_cpu.so")],
            },
            says="libtorch_cpu.so",
        ),
        Example(
            "a part that is loaded when it is used",
            {"libraries.unmet_versions": [_needing("GLIBC_2.38", "optional", "torchvision/image.so")]},
            severity=Severity.NOTE,
            says="image.so",
        ),
        Example(
            "the loader says so",
            smoked(not_imported("/lib64/libc.so.6: version `GLIBC_2.38' not found (required by libc10.so)")),
            says="version 'GLIBC_2.38' not found",
        ),
    ),
    quiet=(
        Example("the oldest glibc that is fine", {"host.libc": "glibc 2.28"}),
        Example(
            "the lowest of several tags counts",
            {
                "host.libc": "glibc 2.17",
                "torch.wheel_tags": ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64"],
            },
        ),
        Example(
            "a tag that promises nothing",
            {"host.libc": "glibc 2.17", "torch.wheel_tags": ["cp311-cp311-linux_x86_64"]},
        ),
        Example("conda brings its own builds", {"host.libc": "glibc 2.17", "torch.provenance": "conda-forge"}),
        Example(
            "one variant among several",
            {"libraries.unmet_versions": [_needing("GLIBC_2.38", "variant", "torchcodec/libtorchcodec_core8.so")]},
        ),
    ),
)  # fmt: skip
