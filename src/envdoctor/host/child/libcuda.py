"""Asks the CUDA driver library that a CUDA program of this environment would load; prints marked JSON lines.

Run by path with `-I -S`. It sees devices as programs do: `CUDA_VISIBLE_DEVICES` and forward-compat
libraries on `LD_LIBRARY_PATH` have their effect; `library` is the file that was loaded. No context is created.
Numbers are those of `CUresult` and `CUdevice_attribute` (CUDA driver API reference); nothing is interpreted here.
"""

from __future__ import annotations

import ctypes
import sys

MARKER = "envdoctor-driver:"
NOWHERE = "libcuda.so.1: cannot open shared object file: No such file or directory"
"""What glibc's loader says on a machine without a driver."""

COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR = 75, 76
LAUNCHING = ("cuMemAlloc_v2", "cuLaunchKernel")
"""Functions without which no kernel runs: every driver has them, a library that stands in for one may not."""


def say(**words: object) -> None:
    """Print one answer; the line begins anew, as a driver may have printed the start of one."""
    import json  # a third of the start of this child, which a machine without a driver need not pay

    sys.stdout.write("\n" + MARKER + json.dumps(words) + "\n")
    sys.stdout.flush()


def integer(function: ctypes._NamedFuncPointer, *arguments: object) -> int | None:
    """Call `function(int *, ...)` and return its integer, None when it refuses."""
    number = ctypes.c_int(-1)
    return number.value if function(ctypes.byref(number), *arguments) == 0 else None


def attribute(cuda: ctypes.CDLL, which: int, handle: object) -> int | None:
    """Return one device attribute."""
    return integer(cuda.cuDeviceGetAttribute, ctypes.c_int(which), handle)


def uuid(cuda: ctypes.CDLL, handle: object) -> str | None:
    """Return the UUID of a device in NVML's spelling, None when the library is too old to tell."""
    raw = (ctypes.c_ubyte * 16)()
    function = getattr(cuda, "cuDeviceGetUuid_v2", None) or getattr(cuda, "cuDeviceGetUuid", None)
    if function is None or function(ctypes.byref(raw), handle) != 0:
        return None
    digits = bytes(raw).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def device(cuda: ctypes.CDLL, ordinal: int) -> None:
    """Say what libcuda tells of one device."""
    number = integer(cuda.cuDeviceGet, ctypes.c_int(ordinal))
    if number is None:
        return say(device=ordinal)
    handle = ctypes.c_int(number)
    name = ctypes.create_string_buffer(256)
    named = cuda.cuDeviceGetName(name, 256, handle) == 0
    bus = ctypes.create_string_buffer(64)
    placed = cuda.cuDeviceGetPCIBusId(bus, 64, handle) == 0
    major = attribute(cuda, COMPUTE_CAPABILITY_MAJOR, handle)
    minor = attribute(cuda, COMPUTE_CAPABILITY_MINOR, handle)
    return say(
        device=ordinal,
        name=name.value.decode("utf-8", "replace") if named else None,
        capability="%d.%d" % (major, minor) if major is not None and minor is not None else None,
        uuid=uuid(cuda, handle),
        pci=bus.value.decode("ascii", "replace") if placed else None,
    )


MAPS = "/proc/self/maps"


def loaded_from(cuda: ctypes.CDLL) -> str | None:
    """Return the file this library was loaded from, links resolved where the system tells; None where it does not."""
    address = ctypes.cast(cuda.cuInit, ctypes.c_void_p).value or 0
    try:
        with open(MAPS, "rb") as maps:
            for line in maps:  # 7f0c1a000000-7f0c1b000000 r-xp 00000000 08:01 1234   /usr/lib/libcuda.so.535.104.05
                words = line.rstrip(b"\n").split(None, 5)
                first, _, last = words[0].partition(b"-")
                if len(words) == 6 and int(first, 16) <= address < int(last, 16):
                    return words[5].decode("utf-8", "replace")
    except (OSError, ValueError):
        pass
    return named_by_windows(cuda) if sys.platform == "win32" else named_by_loader(address)


class Place(ctypes.Structure):
    """`Dl_info` of dlfcn.h."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def named_by_loader(address: int) -> str | None:
    """Return the file that holds an address by the name the loader opened it with (dladdr(3))."""
    function = getattr(ctypes.CDLL(None), "dladdr", None)
    place = Place()
    if function is None or not function(ctypes.c_void_p(address), ctypes.byref(place)) or not place.file:
        return None
    return str(place.file.decode("utf-8", "replace"))


def named_by_windows(cuda: ctypes.CDLL) -> str | None:
    """Return the file of a loaded library by its handle (GetModuleFileNameW)."""
    if sys.platform != "win32":
        return None
    name = ctypes.create_unicode_buffer(1024)
    length = ctypes.windll.kernel32.GetModuleFileNameW(ctypes.c_void_p(cuda._handle), name, len(name))
    return name.value if length else None


def main() -> None:
    """Ask everything."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        if str(error) == NOWHERE:
            print("\n" + MARKER + '{"missing": "' + NOWHERE + '"}')
            return None
        return say(missing=str(error))
    say(library=loaded_from(cuda), launches=all(hasattr(cuda, name) for name in LAUNCHING))
    version = integer(cuda.cuDriverGetVersion)
    if version is not None:
        say(version=version)
    code = cuda.cuInit(0)
    say(init=code)
    if code != 0:
        return None
    count = integer(cuda.cuDeviceGetCount)
    say(count=count)
    for ordinal in range(count or 0):
        device(cuda, ordinal)
    return say(end=True)


if __name__ == "__main__":
    main()
