"""Recorded trees for the tests of probes: files and answers of a machine, in a folder of its own."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from envdoctor.host.host import Host
from envdoctor.model.fact import Known
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import ModuleType

    from envdoctor.probes.looking import Facts

SITE = "/venv/lib/python3.11/site-packages"
MARKER = "envdoctor-interpreter:"
DRIVER_MARKER = "envdoctor-driver:"
TOLD = {"version": "3.11.7", "tag": "cp311", "prefix": "/venv", "path": [SITE], "libc": "glibc 2.36"}


def lines(*words: Mapping[str, Any]) -> str:
    """What a driver child writes: one marked line of JSON an answer."""
    return "".join(f"\n{DRIVER_MARKER}{json.dumps(one)}\n" for one in words)


class Tree:
    """A recorded machine under construction."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.machine: dict[str, Any] = {"os": "linux", "machine": "x86_64", "environ": {}, "commands": {}}
        self.folder(SITE)
        self.python(TOLD)

    def folder(self, path: str) -> Path:
        there = self.root / path.lstrip("/")
        there.mkdir(parents=True, exist_ok=True)
        return there

    def file(self, path: str, content: str | bytes = "") -> Path:
        there = self.folder(os.path.dirname(path)) / os.path.basename(path)
        there.write_bytes(content.encode() if isinstance(content, str) else content)
        return there

    def python(self, told: Mapping[str, Any]) -> None:
        self.says("interpreter", MARKER + json.dumps(told) + "\n")

    def says(self, command: str, out: str = "", *, code: int | None = 0, error: str = "", trouble: str = "") -> None:
        self.machine["commands"][command] = {"exit": code, "out": out, "error": error, "trouble": trouble}

    def set(self, **environ: str) -> None:
        self.machine["environ"].update(environ)

    def host(self) -> Host:
        (self.root / "machine.json").write_text(json.dumps(self.machine))
        return Host.recorded(str(self.root))

    def look(self, probes: Iterable[ModuleType]) -> Facts:
        return look_at(self.host(), "/venv/bin/python", probes)


def look_at(host: Host, python: str, probes: Iterable[ModuleType], *, own: bool = False, limit: float = 60) -> Facts:
    at = Looking(host, Target(python, "named by --python", own=own), deadline=time.monotonic() + limit)
    for probe in probes:
        at.facts.update(probe.look(at))
    return at.facts


def value(facts: Facts, name: str) -> Any:
    """The value of a fact that must be known."""
    fact = facts[name]
    assert isinstance(fact, Known), f"{name}: {fact}"
    return fact.value
