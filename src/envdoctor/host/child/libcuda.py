"""Asks the CUDA driver library that a CUDA program of this environment would load; prints marked JSON lines.

Run by path with `-I -S`. It sees devices as programs do: `CUDA_VISIBLE_DEVICES` and forward-compat
libraries on `LD_LIBRARY_PATH` have their effect. No context is created. Numbers are those of `CUresult`
and `CUdevice_attribute` (CUDA driver API reference); nothing is interpreted here.
"""

from __future__ import annotations

import ctypes
import json
import sys

MARKER = "envdoctor-driver:"

COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR = 75, 76


def say(**words: object) -> None:
    """Print one answer; the line begins anew, as a driver may have printed the start of one."""
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


def main() -> None:
    """Ask everything."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        return say(missing=str(error))
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
