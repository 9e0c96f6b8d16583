"""Tells about the interpreter that runs it. Python 3.8 and the standard library, run by path.

Prints one line of JSON after a marker, because `site` hooks of the environment may print as well. Its keys:

- `executable`, `base_executable` (the interpreter a virtual environment was made with), `version`,
  `implementation`, `tag`, `bits`, `machine` (architecture of this process), `platform` (`sys.platform`)
- `prefix`, `base_prefix`, `prefixes` (those two and `exec_prefix`, `base_exec_prefix` by name)
- `path`: sys.path as `import` uses it; `user_site`: the user's own folder where it is on sys.path, else null
- `flags`: `no_user_site`, `isolated`, `safe_path`, each true or false
- `externally_managed`: whether the distribution keeps pip out (PEP 668); `libc`: "glibc 2.36", null elsewhere
- `os_version`: "14.5" on macOS, "10.0.22631" on Windows, null on Linux, whose files tell
- `translated`: whether this process runs under Rosetta; `arm64`: whether the hardware is Apple silicon; both
  null outside macOS
- `cpu_brand`: name of the processor on macOS and Windows, null on Linux
- `memory`: bytes of memory on macOS and Windows, null on Linux
- `affinity`: number of processors this process may use
"""

from __future__ import annotations

import json
import os
import re
import sys

MARKER = "envdoctor-interpreter:"

VERSION_FILES = (
    "/System/Library/CoreServices/.SystemVersionPlatform.plist",
    "/System/Library/CoreServices/SystemVersion.plist",
)
"""Where macOS states its version. The kernel shows programs built for old systems, or started with
SYSTEM_VERSION_COMPAT=1, another file in place of the second, which says 10.16; the first is never replaced."""

COMPATIBILITY_VERSION = "10.16"

CPU_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


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
        "base_executable": getattr(sys, "_base_executable", None) or None,
        "version": "%d.%d.%d" % version[:3],
        "implementation": sys.implementation.name,
        "tag": ("cp%d%d%s" % (version[0], version[1], nimble))
        if sys.implementation.name == "cpython"
        else sys.implementation.name,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "prefixes": {name: getattr(sys, name) for name in ("prefix", "base_prefix", "exec_prefix", "base_exec_prefix")},
        "path": _path(own_folders),
        "user_site": _user_site(),
        "flags": {name: bool(getattr(sys.flags, name, 0)) for name in ("no_user_site", "isolated", "safe_path")},
        "platform": sys.platform,
        "machine": os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", ""),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "libc": _libc(),
        "externally_managed": os.path.isfile(os.path.join(standard_library, "EXTERNALLY-MANAGED"))
        and sys.prefix == sys.base_prefix,
        "affinity": _affinity(),
        **_system(),
    }


def _path(own_folders: tuple[str, ...]) -> list[str]:
    """Return sys.path; hooks of `site` may have put anything into it, only text counts for `import`."""
    anything: list[object] = [*sys.path]
    entries = [entry for entry in anything if isinstance(entry, str)]
    if entries and not getattr(sys.flags, "safe_path", False) and entries[0] in own_folders:
        entries = entries[1:]
    return [entry for entry in entries if entry]


def _user_site() -> str | None:
    """Return the user's site-packages as `site` put it on sys.path; `site` is asked only where it ran."""
    folder = getattr(sys.modules.get("site"), "USER_SITE", None)
    return folder if isinstance(folder, str) and folder in sys.path else None


def _libc() -> str | None:
    """Return for example "glibc 2.36"; None where the C library does not tell (musl, macOS, Windows)."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None


def _affinity() -> int | None:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()


def _system() -> dict[str, object]:
    """Return what no file tells on macOS and Windows; on Linux, whose files do, nothing is asked."""
    told: dict[str, object] = dict.fromkeys(("os_version", "translated", "arm64", "cpu_brand", "memory"))
    if sys.platform == "darwin":
        told.update(_macos())
    elif sys.platform == "win32":
        told.update(_windows())
    return told


def _macos() -> dict[str, object]:
    brand = _sysctl("machdep.cpu.brand_string").rstrip(b"\0").decode("utf-8", "replace")
    memory = _sysctl("hw.memsize")
    # Both are missing before macOS 11, where there was neither Rosetta nor Apple silicon.
    return {
        "os_version": _macos_version(),
        "translated": any(_sysctl("sysctl.proc_translated")),
        "arm64": any(_sysctl("hw.optional.arm64")),
        "cpu_brand": brand or None,
        "memory": int.from_bytes(memory, sys.byteorder) if memory else None,
    }


def _macos_version() -> str | None:
    """Return the version of macOS, also where the system pretends to be 10.16."""
    for name in VERSION_FILES:
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                text = file.read(65536)
        except OSError:
            continue
        said = re.search(r"<key>ProductVersion</key>\s*<string>(\d+(?:\.\d+)*)</string>", text)
        if said and said.group(1) != COMPATIBILITY_VERSION:
            return said.group(1)
    # Darwin 20 is macOS 11, and so on to 24; with Darwin 25 Apple went from 15 to 26.
    darwin = re.match(r"\d+", os.uname().release) if hasattr(os, "uname") else None
    number = int(darwin.group()) if darwin else 0
    return str(number - 9 if number < 25 else number + 1) if number >= 20 else None


def _sysctl(name: str) -> bytes:
    """Return a value of the kernel as it stands in memory, nothing where there is none of that name."""
    try:
        import ctypes

        ask = ctypes.CDLL(None).sysctlbyname
    except (ImportError, OSError, AttributeError):
        return b""
    value = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(value))
    if ask(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return b""
    return value.raw[: min(size.value, len(value))]


def _windows() -> dict[str, object]:
    """Return the version, processor and memory; `machine` and `bits` are told for every system."""
    version = getattr(sys, "getwindowsversion", lambda: None)()
    return {
        "os_version": "%d.%d.%d" % (version.major, version.minor, version.build) if version else None,
        "cpu_brand": _windows_cpu() or os.environ.get("PROCESSOR_IDENTIFIER") or None,
        "memory": _windows_memory(),
    }


def _windows_cpu() -> str | None:
    """Return the processor's name out of the registry."""
    if sys.platform != "win32":
        return None
    try:
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, CPU_KEY) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except (ImportError, OSError, AttributeError):
        return None


def _windows_memory() -> int | None:
    """Return the bytes of memory, second field of 64 bits in MEMORYSTATUSEX, which begins with its own size."""
    if sys.platform != "win32":
        return None
    try:
        import ctypes

        status = (ctypes.c_uint64 * 8)()
        status[0] = ctypes.sizeof(status)
        answered = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    except (ImportError, OSError, AttributeError):
        return None
    return status[1] if answered else None


if __name__ == "__main__":
    # Past sys.stdout: PYTHONIOENCODING may ask for UTF-16, and a hook of `site` may have put something in its place.
    told = "\n" + MARKER + json.dumps(describe((os.path.dirname(os.path.abspath(__file__)),))) + "\n"
    sys.stdout.flush()
    os.write(1, told.encode("ascii"))
