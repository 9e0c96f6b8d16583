"""What a host has of what a policy demands: its C library, and how much a process may use of what it shares out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.demand import BY_NAME
from envdoctor.model.fact import Absent
from envdoctor.model.machine import Undecidable
from envdoctor.rules.demanded.answer import Here

if TYPE_CHECKING:
    from envdoctor.model.machine import Machine

UNLIMITED = "unlimited"
"""The reason for which the size of /dev/shm is absent where nothing bounds it (`probes/limits.py`)."""

ENDLESS = "1" + "0" * 30
"""A size above all that somebody writes, for what has no limit."""


def share(machine: Machine, name: str) -> Here:
    """What the process may use of processors or memory: all of the machine, or what its control group allows."""
    own, group = facts = BY_NAME[name].facts
    whole, share = _amount(machine, own), _amount(machine, group)
    if whole is None:
        raise Undecidable("the system does not tell it", own)
    least = whole if share is None else min(whole, share)
    if name == "memory":
        words, version = f"the process may use {size(int(least))}", str(int(least))
    else:
        version = f"{least:.3f}".rstrip("0").rstrip(".")
        words = f"the process may use {version} processor{'s' * (version != '1')}"
    return Here(name, version, words, facts)


def _amount(machine: Machine, name: str) -> float | None:
    value = machine.value(name)
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1 << 63):
        return value
    raise Undecidable(f"{name} is not an amount in this snapshot", name)


def limit(machine: Machine, name: str) -> Here:
    """The size of /dev/shm, or the memory that may be locked; either may be without a limit."""
    fact = BY_NAME[name].facts[0]
    number = machine.number(fact)
    subject, what = ("/dev/shm", "/dev/shm has") if name == "shm" else (name, "a process may lock")
    if number is not None:
        return Here(subject, str(number), f"{what} {size(number)}", (fact,))
    absent = machine.snapshot[fact]
    if name == "shm" and not (isinstance(absent, Absent) and absent.reason == UNLIMITED):
        return Here(subject, None, "there is no /dev/shm", (fact,))
    return Here(subject, ENDLESS, f"{what} any amount", (fact,))


def glibc(machine: Machine) -> Here:
    """The C library is told as "glibc 2.36"; musl, or what macOS and Windows have, is none."""
    libc = machine.text("host.libc")
    found = re.fullmatch(r"glibc (\d[\w.+-]{0,40})", libc or "")
    if found:
        return Here("glibc", found[1], f"this system has {libc}", ("host.libc",))
    words = "the C library of this system is not glibc" if libc is None else f"this system has {libc[:40]}"
    return Here("glibc", None, words, ("host.libc", "host.platform"))


def size(count: int) -> str:
    """Write a number of bytes for a reader, never more than there is: 34359738367 is "31.99 GiB"."""
    for unit, bits in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << bits:
            hundredths = (count * 100) >> bits
            return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{count} bytes"
