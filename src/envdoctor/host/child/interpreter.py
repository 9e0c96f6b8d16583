"""Tells about the interpreter that runs it. Python 3.8 and the standard library, run by path.

Prints one line of JSON after a marker, because `site` hooks of the environment may print as well.
"""

from __future__ import annotations

import json
import os
import sys

MARKER = "envdoctor-interpreter:"


def describe(drop_first: bool) -> dict[str, object]:
    """Return what is told; `drop_first` leaves out sys.path[0], the folder of this script."""
    version = sys.version_info
    nimble = "t" if "t" in getattr(sys, "abiflags", "") else ""
    standard_library = os.path.dirname(os.__file__)
    return {
        "executable": sys.executable,
        "version": "%d.%d.%d" % version[:3],
        "implementation": sys.implementation.name,
        "tag": ("cp%d%d%s" % (version[0], version[1], nimble))
        if sys.implementation.name == "cpython"
        else sys.implementation.name,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "path": [entry for entry in sys.path[1 if drop_first else 0 :] if entry],
        "platform": sys.platform,
        "machine": os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", ""),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "libc": _libc(),
        "externally_managed": os.path.isfile(os.path.join(standard_library, "EXTERNALLY-MANAGED"))
        and sys.prefix == sys.base_prefix,
    }


def _libc() -> str | None:
    """Return for example "glibc 2.36"; None where the C library does not tell (musl, macOS, Windows)."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None


if __name__ == "__main__":
    sys.stdout.write("\n" + MARKER + json.dumps(describe(True)) + "\n")
