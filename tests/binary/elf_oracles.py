"""What binutils and pyelftools say of an object, in the words of our readers."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from envdoctor.binary.dynamic import Dynamic, DynamicSection, build_id_of, dynamic_of
from envdoctor.binary.image import opened
from envdoctor.binary.symbols import Symbols, Undefined
from envdoctor.binary.versions import definitions_of, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW = re.compile(r"^ *\d+: [0-9a-f]+ +\S+ \w+ +(\w+) +(\w+) +(?:\[.*\] +)?(\w+) ?(.*)$")
BINDABLE = ("GLOBAL", "WEAK", "UNIQUE")


@dataclass
class Told:
    """One object: what it needs, names and versions, sorted where the order means nothing."""

    dynamic: Dynamic | None = None
    build_id: str | None = None
    needs: list[tuple[str, str]] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    undefined: list[Undefined] = field(default_factory=list)


def readelf(option: str, path: str) -> Iterator[str]:
    command = ["readelf", "-W", option, path]
    environment = {**os.environ, "LC_ALL": "C"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True, errors="surrogateescape"
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            yield line.rstrip("\n")


def by_readelf(path: str) -> tuple[Told, list[tuple[str, str | None, bool]]]:
    """What readelf says, and the symbols that others may bind to: name, version, whether it is the default one."""
    told, defined = Told(), []
    library, libraries = "", {}
    for line in readelf("-V", path):
        if match := re.search(r"Version: 1 +File: (.*?) +Cnt: \d+", line):
            library = match[1]
        elif match := re.search(r"^  0x[0-9a-f]+: +Name: (.*?) +Flags: (.*?) +Version: (\d+)", line):
            told.needs.append((library, match[1]))
            libraries[int(match[3])] = library
        elif match := re.search(r"^  (?:0x)?[0-9a-f]+: Rev: .*  Cnt: \d+  Name: (.*)$", line):
            told.definitions.append(match[1])
    for line in readelf("--dyn-syms", path):
        match = ROW.match(line)
        if match is None or not match[4]:
            continue
        binding, visibility, section, text = match.groups()
        if section == "UND":
            parts = re.match(r"(.*?)(?:@(\S+) \((\d+)\))?$", text)
            assert parts is not None
            row = Undefined(parts[1], binding == "WEAK", parts[2], libraries[int(parts[3])] if parts[3] else None)
            told.undefined.append(row)
        elif binding in BINDABLE and visibility in ("DEFAULT", "PROTECTED"):
            name, at, version = text.partition("@")
            default = not at or version.startswith("@")
            defined.append((name, version.lstrip("@") or None, default))
    for line in readelf("-n", path):
        if match := re.search(r"Build ID: ([0-9a-f]+)", line):
            told.build_id = told.build_id or match[1]
    told.needs.sort()
    told.definitions.sort()
    return told, defined


def by_pyelftools(path: str) -> Told:
    """What pyelftools says; it finds tables by section headers, which our readers do not ask."""
    told = Told()
    with open(path, "rb") as file:
        elf = ELFFile(file)
        needed, named = [], {}
        for tag in elf.get_section_by_name(".dynamic").iter_tags():
            if tag.entry.d_tag == "DT_NEEDED":
                needed.append(tag.needed)
            for kind in ("soname", "rpath", "runpath"):
                if tag.entry.d_tag == f"DT_{kind.upper()}":
                    named[kind] = getattr(tag, kind)
        machine = {"EM_X86_64": 62, "EM_AARCH64": 183}[elf["e_machine"]]
        interpreter = next((s.get_interp_name() for s in elf.iter_segments() if s["p_type"] == "PT_INTERP"), None)
        told.dynamic = Dynamic(machine, tuple(needed), interpreter=interpreter, **named)
        for segment in elf.iter_segments():
            for note in segment.iter_notes() if segment["p_type"] == "PT_NOTE" else ():
                if note["n_type"] == "NT_GNU_BUILD_ID" and told.build_id is None:
                    told.build_id = note["n_desc"]
        for section in elf.iter_sections():
            if section["sh_type"] == "SHT_GNU_verneed":
                told.needs = sorted(
                    (need.name, entry.name) for need, entries in section.iter_versions() for entry in entries
                )
            elif section["sh_type"] == "SHT_GNU_verdef":
                told.definitions = sorted(next(iter(names)).name for _, names in section.iter_versions())
    return told


def by_ours(path: str) -> Told:
    with opened(path) as image:
        section = DynamicSection(image)
        return Told(
            dynamic_of(image),
            build_id_of(image),
            sorted((need.library, need.version) for need in needs_of(section)),
            sorted(definitions_of(section).values()),
            list(Symbols(image, section).undefined()),
        )
