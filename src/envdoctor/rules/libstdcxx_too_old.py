"""The C++ library that would be loaded is older than the one a compiled package was built with.

## What it means
"ImportError: /lib/x86_64-linux-gnu/libstdc++.so.6: version 'GLIBCXX_3.4.32' not found (required by ...so)", or the same
of CXXABI_1.3.15 or of libgcc_s and GCC_12.0.0. Each version of GCC adds such a name: GLIBCXX_3.4.29 came with GCC 11.1,
3.4.30 with 12.1, 3.4.31 with 13.1, 3.4.32 with 13.2 and 3.4.33 with 14.1.

## Why it happens
The extension was compiled on a newer system, or here with a newer compiler than the system's. Or the newer library is
there and another one is met first: the system's, in a conda environment whose Python was started without it, or the
older one of a conda environment or of a program on LD_LIBRARY_PATH before the system's. A process has one libstdc++, so
that what was imported before decides too.

## How to be sure
`strings FILE | grep GLIBCXX_3` with the file of the message lists what it has; `LD_DEBUG=libs python -c "import NAME"
2>&1 | grep "calling init.*stdc"` shows which one is loaded.

## How to fix
Compile the extension again on this system, or take a wheel of it, which is built for older ones. In a conda environment
`conda install -c conda-forge "libstdcxx>=14"` brings a newer library. Where LD_LIBRARY_PATH names the older one, take
that folder out of it. Replacing the system's libstdc++ by hand breaks other programs; a newer release of the system has
a newer one.

## Sources
The version tables of the files that are named; the manual of libstdc++, "ABI Policy and Guidelines", for the versions
of GCC; pytorch#157709, pytorch#87279, numpy#26986.
"""

from __future__ import annotations

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
    from envdoctor.model.machine import Machine

VERSIONS = ("GLIBCXX_", "CXXABI_", "GCC_")
"""How the versions of libstdc++.so.6 and of libgcc_s.so.1 begin."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Name the object, the version and the file, one finding a package."""
    if machine.text("host.os") != "linux":
        return
    rows = [row for row in unmet(machine) if row.version.startswith(VERSIONS)]
    for package, found in by_package(rows):
        row = found[0]
        yield RULE.finding(
            machine,
            package,
            f"{row.object} of {package} needs {row.version} of {row.library}, and {row.here}: the loader refuses it.",
            "libraries.unmet_versions", "host.version",
            when=when_loaded(found, ALWAYS),
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _needing(version: str, highest: str | None, **more: Value) -> dict[str, Value]:
    return {
        "libraries.unmet_versions": [
            {
                "object": "gsplat/csrc.so", "package": "gsplat", "role": "entry", "library": "libstdc++.so.6",
                "version": version, "file": "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "highest": highest, **more,
            }
        ]
    }  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=("host.os", "libraries.unmet_versions"),
    fires=(
        Example(
            "an extension of GCC 13 on Debian 12",
            _needing("GLIBCXX_3.4.32", "GLIBCXX_3.4.30"),
            says="libstdc++.so.6 ends at GLIBCXX_3.4.30",
        ),
        Example(
            "a part that is loaded when it is used",
            _needing("CXXABI_1.3.15", None, role="optional"),
            severity=Severity.NOTE,
            says="does not have it",
        ),
        Example(
            "the loader says so",
            smoked(not_imported("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by libtorch.so)")),
            says="the C++ library that was loaded is too old for it",
        ),
    ),
    quiet=(
        Example("everything is there", {}),
        Example("one variant among several", _needing("GLIBCXX_3.4.32", "GLIBCXX_3.4.30", role="variant")),
        Example("another system", {"host.os": "macos", "host.platform": "macos-arm64", "host.libc": None, "gpus": None,
                                   "torch": "2.9.1", "driver": None}),
    ),
)  # fmt: skip
