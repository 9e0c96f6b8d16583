"""Tells about the interpreter that runs it. Python 3.8 and the standard library, run by path.

Prints one line of JSON after a marker, because `site` hooks of the environment may print as well.
"""

from __future__ import annotations

import json
import os
import sys

MARKER = "envdoctor-interpreter:"


def describe(own_folders: tuple[str, ...]) -> dict[str, object]:
    """Return what is told.

    The first entry of sys.path is left out where it is one of `own_folders`: Python puts the folder of a
    script there, and for `-m` the working directory, unless PYTHONSAFEPATH or `-P` forbid it.
    """
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
        "path": _path(own_folders),
        "platform": sys.platform,
        "machine": os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", ""),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "libc": _libc(),
        "externally_managed": os.path.isfile(os.path.join(standard_library, "EXTERNALLY-MANAGED"))
        and sys.prefix == sys.base_prefix,
    }


def _path(own_folders: tuple[str, ...]) -> list[str]:
    """Return sys.path; hooks of `site` may have put anything into it, only text counts for `import`."""
    anything: list[object] = [*sys.path]
    entries = [entry for entry in anything if isinstance(entry, str)]
    if entries and not getattr(sys.flags, "safe_path", False) and entries[0] in own_folders:
        entries = entries[1:]
    return [entry for entry in entries if entry]


def _libc() -> str | None:
    """Return for example "glibc 2.36"; None where the C library does not tell (musl, macOS, Windows)."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None


if __name__ == "__main__":
    sys.stdout.write("\n" + MARKER + json.dumps(describe((os.path.dirname(os.path.abspath(__file__)),))) + "\n")
