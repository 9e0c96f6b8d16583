"""Shared objects compiled for the tests: one for each way in which linkers lay out dynamic symbols."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EVERY_KIND = """
extern int wanted(void);
extern int maybe(void) __attribute__((weak));
int plain(void) { return wanted() + (maybe ? maybe() : 0); }
int __attribute__((weak)) weakly(void) { return 1; }
__thread int of_a_thread = 7;
int variable = 3;
int zeros[64];
int __attribute__((visibility("protected"))) kept(void) { return 4; }
int __attribute__((visibility("hidden"))) unseen(void) { return 5; }
int *(*take(void))(void) { return (int *(*)(void)) unseen; }
static int chosen(void) { return 6; }
int by_choice(void) __attribute__((ifunc("choose")));
static int (*choose(void))(void) { return chosen; }
asm(".globl absolute\\n.set absolute, 0x10\\n.globl nought\\n.set nought, 0");
asm(".pushsection .data\\n.globl only_once\\n.type only_once, %gnu_unique_object\\n.size only_once, 4\\n"
    "only_once: .long 1\\n.popsection");
"""
DEFINED = (
    *("plain", "weakly", "of_a_thread", "variable", "zeros", "kept", "take", "by_choice"),
    *("absolute", "nought", "only_once"),
)
NOT_DEFINED = ("unseen", "chosen", "choose", "wanted", "maybe", "", "plai", "plainn", "x" * 5000, "\udcff")

OLD_AND_NEW = """
int old_one(void) { return 1; }
int new_one(void) { return 2; }
int other(void) { return 3; }
int beside(void) { return 4; }
asm(".symver old_one, answer@V1\\n.symver new_one, answer@@V2");
"""
VERSIONS = "V1 { global: other; local: old_one; new_one; };\nV2 { } V1;\n"


def compiled(output: Path, code: str, *options: str) -> Path:
    """Compile `code` to a shared object that needs no library but those named in `options`."""
    source = output.with_suffix(".c")
    source.write_text(code)
    command = ["cc", "-w", "-shared", "-fPIC", "-nostdlib", "-o", str(output), str(source), *options]
    subprocess.run(command, check=True, capture_output=True)
    return output


def without_sections(data: bytes) -> bytes:
    """The object as some strip it: e_shoff, e_shnum and e_shstrndx are 0."""
    changed = bytearray(data)
    struct.pack_into("<Q", changed, 40, 0)
    struct.pack_into("<HHH", changed, 58, 0, 0, 0)
    return bytes(changed)


def build_samples(folder: Path, *always: str) -> dict[str, Path]:
    """Objects by what is special in them, made with the options `always`; empty without a C compiler for ELF."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        return {}
    found = {}

    def shared(output: Path, code: str, *options: str) -> Path:
        return compiled(output, code, *options, *always)

    for style in ("gnu", "sysv", "both"):
        found[style] = shared(folder / f"{style}.so", EVERY_KIND, f"-Wl,--hash-style={style}")
        (folder / "versions").write_text(VERSIONS)
        script = f"-Wl,--version-script={folder / 'versions'}"
        name = f"versions-{style}"
        found[name] = shared(folder / f"{name}.so", OLD_AND_NEW, script, f"-Wl,--hash-style={style}")
    found["empty"] = shared(folder / "empty.so", "")
    found["needs only"] = shared(folder / "needs.so", "extern int wanted[]; static int *at = wanted;")
    found["libc"] = shared(folder / "libc.so", '#include <stdio.h>\nvoid say(void) { puts(""); }', "-lc")
    found["notes"] = shared(folder / "notes.so", "int noted;", "-Wl,--build-id=sha1", "-Wl,-z,x86-64-v2")
    found["id of four bytes"] = shared(folder / "short.so", "int noted;", "-Wl,--build-id=0xabcd1234")
    found["no id"] = shared(folder / "noid.so", "int noted;", "-Wl,--build-id=none")
    return found
