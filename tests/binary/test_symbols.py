from __future__ import annotations

import glob
import itertools
import os
import platform
import random
import re
import shutil
import struct
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from elf_oracles import by_ours, by_pyelftools, by_readelf
from elf_samples import DEFINED, NOT_DEFINED, build_samples, compiled, without_sections

from envdoctor.binary.dynamic import DynamicSection, build_id_of
from envdoctor.binary.image import Image, NotElf, opened
from envdoctor.binary.symbols import Symbols, Undefined, gnu_hash, sysv_hash
from envdoctor.binary.versions import definitions_of, needs_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

needs_readelf = pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    built = build_samples(tmp_path_factory.mktemp("samples"))
    if not built:
        pytest.skip("no C compiler")
    return built


def symbols_of(data: bytes) -> Symbols:
    return Symbols(Image(data))


def test_hashes_are_those_of_the_specifications() -> None:
    # Values that binutils wrote into objects with these symbols.
    assert [gnu_hash(name) for name in (b"", b"printf", b"exit", b"syscall")] == [
        *(0x00001505, 0x156B2BB8, 0x7C967E3F, 0xBAC212A0)
    ]
    assert [sysv_hash(name) for name in (b"", b"printf", b"exit", b"syscall")] == [
        *(0, 0x077905A6, 0x0006CF04, 0x0B09985C)
    ]


@pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
@pytest.mark.parametrize("change", [bytes, without_sections], ids=["whole", "without sections"])
def test_every_kind_of_symbol(samples: dict[str, Path], style: str, change: Callable[[bytes], bytes]) -> None:
    symbols = symbols_of(change(samples[style].read_bytes()))
    assert [name for name in DEFINED if not symbols.defines(name)] == []
    assert [name for name in NOT_DEFINED if symbols.defines(name)] == []
    assert {(row.name, row.weak) for row in symbols.undefined()} == {("wanted", False), ("maybe", True)}
    # An object without versions serves a need with one.
    assert symbols.defines("plain", "V9")


def test_the_gnu_hash_is_asked_first(samples: dict[str, Path]) -> None:
    data = bytearray(samples["both"].read_bytes())
    section = DynamicSection(Image(bytes(data)))
    place = section.place(4)
    assert place is not None
    data[place : place + 8] = b"\xff" * 8
    assert symbols_of(bytes(data)).defines("plain")


@pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
def test_versions_of_a_symbol(samples: dict[str, Path], style: str) -> None:
    symbols = symbols_of(samples[f"versions-{style}"].read_bytes())
    asked = itertools.product(("answer", "other", "beside", "old_one"), (None, "V1", "V2", "V3"))
    assert [(name, version) for name, version in asked if symbols.defines(name, version)] == [
        ("answer", None),
        ("answer", "V1"),
        ("answer", "V2"),
        ("other", None),
        ("other", "V1"),
        # Of no version, it serves every need.
        *(("beside", version) for version in (None, "V1", "V2", "V3")),
    ]
    assert set(definitions_of(symbols.section).values()) == {f"versions-{style}.so", "V1", "V2"}


def test_an_object_without_definitions(samples: dict[str, Path]) -> None:
    for change in (bytes, without_sections):
        symbols = symbols_of(change(samples["needs only"].read_bytes()))
        assert list(symbols.undefined()) == [Undefined("wanted", weak=False)]
        assert not symbols.defines("wanted")
        nothing = symbols_of(change(samples["empty"].read_bytes()))
        assert list(nothing.undefined()) == []
        assert not nothing.defines("anything")


def test_a_need_names_its_library_and_version(samples: dict[str, Path]) -> None:
    with opened(str(samples["libc"])) as image:
        symbols = Symbols(image)
        (row,) = [row for row in symbols.undefined() if row.name == "puts"]
        assert row.library == "libc.so.6"
        assert row.version in {need.version for need in needs_of(symbols.section)}
        assert str(row.version).startswith("GLIBC_2.")


def with_notes(*notes: bytes, alignment: int) -> bytes:
    """The smallest program with a segment of notes."""
    body = b"".join(notes)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 4, 4, 120, 120, 120, len(body), len(body), alignment) + body


def note(kind: int, content: bytes, padding: int, owner: bytes = b"GNU\0") -> bytes:
    def padded(part: bytes) -> bytes:
        return part + bytes(-len(part) % padding)

    start = padded(struct.pack("<III", len(owner), len(content), kind) + owner)
    return start + padded(content)


BUILD_ID = bytes(range(20))


@pytest.mark.parametrize("padding", [4, 8])
def test_a_build_id_behind_other_notes(padding: int) -> None:
    before = [note(5, b"\1" * 12, padding), note(3, b"not this one", padding, b"Go\0\0"), note(3, b"", padding)]
    data = with_notes(*before[:2], note(3, BUILD_ID, padding), alignment=padding)
    assert build_id_of(Image(data)) == BUILD_ID.hex()
    assert build_id_of(Image(with_notes(*before, alignment=padding))) is None
    # Notes of both kinds in one segment, as old linkers wrote them.
    mixed = with_notes(note(1, b"\0" * 4, 4), note(3, BUILD_ID, 4), alignment=8)
    assert build_id_of(Image(mixed)) == BUILD_ID.hex()


def test_notes_that_lie() -> None:
    for words in ((0xFFFFFFFF, 20, 3), (4, 0xFFFFFFFF, 3), (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)):
        data = with_notes(struct.pack("<III", *words) + b"GNU\0" + BUILD_ID, alignment=4)
        with suppress(NotElf):
            assert len(build_id_of(Image(data)) or "") <= 128


def agreement(path: str, sample: random.Random, most: int = 300) -> list[str]:
    """What our readers say otherwise than readelf and pyelftools of one object."""
    ours, (theirs, defined), others = by_ours(path), by_readelf(path), by_pyelftools(path)
    wrong = [
        f"{path}: {field}: {str(said)[:300]} for {str(true)[:300]}"
        for field, said, true in [
            ("dynamic", ours.dynamic, others.dynamic),
            ("build id", ours.build_id, theirs.build_id),
            ("build id", ours.build_id, others.build_id),
            ("needs", ours.needs, theirs.needs),
            ("needs", ours.needs, others.needs),
            ("definitions", ours.definitions, theirs.definitions),
            ("definitions", ours.definitions, others.definitions),
            ("undefined", ours.undefined, theirs.undefined),
        ]
        if said != true
    ]
    taken = sample.sample(defined, min(most, len(defined)))
    everything = {name for name, _, _ in defined}
    with opened(path) as image:
        symbols = Symbols(image)
        for name, version, default in taken:
            asked = {
                "it": symbols.defines(name, version),
                "by default": symbols.defines(name) or not default,
                "in another version": version is None or not symbols.defines(name, version + "_9"),
                "another": name + "_9" in everything or not symbols.defines(name + "_9"),
                "the start of its name": name[:-1] in everything or not symbols.defines(name[:-1]),
            }
            wrong += [f"{path}: {name}@{version}: {what}" for what, right in asked.items() if not right]
        absent = [row.name for row in ours.undefined if row.name not in everything]
        wrong += [f"{path}: {name} is undefined" for name in absent if symbols.defines(name)]
    return wrong


@needs_readelf
def test_readelf_and_pyelftools_agree(samples: dict[str, Path]) -> None:
    sample = random.Random(5)
    # A copy without section headers is none that they could read.
    wrong = [line for path in samples.values() for line in agreement(str(path), sample)]
    assert wrong == []


@pytest.mark.real
@needs_readelf
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_real_objects_agree_with_readelf_and_pyelftools(variable: str) -> None:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    objects = sorted(glob.glob(f"{os.environ[variable]}/lib/**/*.so*", recursive=True))
    assert objects
    sample = random.Random(5)
    assert [line for path in objects for line in agreement(path, sample)] == []


# The loader itself as the judge of what serves a need


NEEDERS = {
    None: "extern int answer(void); int ask(void) { return answer(); }",
    "V1": 'extern int answer(void); asm(".symver answer, answer@V1"); int ask(void) { return answer(); }',
    "V2": 'extern int answer(void); asm(".symver answer, answer@V2"); int ask(void) { return answer(); }',
    "V3": 'extern int answer(void); asm(".symver answer, answer@V3"); int ask(void) { return answer(); }',
}
PLAIN = "int answer(void) { return 1; }"
OLD = 'int old_one(void) { return 1; } asm(".symver old_one, answer@%s");'
TWO = OLD % "V1" + ' int new_one(void) { return 2; } asm(".symver new_one, answer@@V2");'
DEFINERS = {
    "without versions": (PLAIN, ""),
    "with needs alone": (PLAIN + " extern int printf(); int say(void) { return printf(); }", "-lc"),
    "in V1": (PLAIN, "V1 { answer; }; V2 { }; V3 { };"),
    "in V2": (PLAIN, "V1 { other; }; V2 { answer; }; V3 { };"),
    "in V3": (PLAIN, "V1 { other; }; V2 { }; V3 { answer; };"),
    "in V3, others not there": (PLAIN, "V3 { answer; };"),
    "in none of its versions": (PLAIN, "V1 { other; }; V2 { }; V3 { };"),
    "hidden in V1": (OLD % "V1", "V1 { local: old_one; }; V2 { }; V3 { };"),
    "hidden in V2": (OLD % "V2", "V1 { local: old_one; }; V2 { }; V3 { };"),
    "old and new": (TWO, "V1 { local: old_one; new_one; }; V2 { }; V3 { };"),
    "old and new, numbers turned": (TWO, "V3 { local: old_one; new_one; }; V2 { }; V1 { };"),
    "weak": ("__attribute__((weak)) " + PLAIN, ""),
    "protected": ('__attribute__((visibility("protected"))) ' + PLAIN, ""),
    "hidden": ('__attribute__((visibility("hidden"))) ' + PLAIN, ""),
    "not at all": ("int other;", ""),
    "not at all, with versions": ("int other;", "V1 { other; }; V2 { }; V3 { };"),
    "by a variable": ("int answer = 5;", ""),
    "by an absolute nought": ('asm(".globl answer\\n.set answer, 0");', ""),
    "for each thread": ("__thread int answer = 5;", ""),
}
LOADS = """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **words) {
    if (dlopen(words[1], RTLD_NOW)) return 0;
    puts(dlerror());
    return 1;
}
"""


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `load`, which opens an object, and needers of `answer` in each version of "libdefiner.so"."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("loading")
    (folder / "load.c").write_text(LOADS)
    subprocess.run(["cc", "-o", folder / "load", folder / "load.c", "-ldl"], check=True, capture_output=True)
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another loader than glibc's")
    named = "-Wl,-soname,libdefiner.so"
    for version, code in NEEDERS.items():
        script = "".join(f"V{number} {{ {'answer;' if version == f'V{number}' else ''} }};\n" for number in (1, 2, 3))
        (folder / "script").write_text(script)
        options = [f"-Wl,--version-script={folder / 'script'}"] if version else []
        stub = compiled(folder / "libdefiner.so", PLAIN, named, *options)
        compiled(folder / f"needer-{version}.so", code, str(stub), "-Wl,--no-as-needed")
        stub.unlink()
    return folder


@pytest.mark.parametrize("how", DEFINERS)
@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_the_loader_of_this_machine_finds_what_we_find(loading: Path, how: str, style: str, tmp_path: Path) -> None:
    code, script = DEFINERS[how]
    options = [script] if script.startswith("-") else []
    if script and not options:
        (tmp_path / "script").write_text(script.replace("; V", ";\nV"))
        options = [f"-Wl,--version-script={tmp_path / 'script'}"]
    definer = compiled(
        tmp_path / "libdefiner.so", code, "-Wl,-soname,libdefiner.so", f"-Wl,--hash-style={style}", *options
    )
    found, judged = {}, {}
    for version in NEEDERS:
        needer = str(loading / f"needer-{version}.so")
        environment = {"LD_LIBRARY_PATH": str(tmp_path)}
        done = subprocess.run([loading / "load", needer], env=environment, capture_output=True, text=True, timeout=60)
        judged[version] = done.stdout.strip()
        with opened(needer) as asking, opened(str(definer)) as asked:
            (row,) = [row for row in Symbols(asking).undefined() if row.name == "answer"]
            assert row.version == version
            symbols = Symbols(asked)
            own = definitions_of(symbols.section).values()
            missing = [need.version for need in needs_of(DynamicSection(asking)) if own and need.version not in own]
            if missing:
                found[version] = f"version `{missing[0]}' not found"
            else:
                found[version] = "" if symbols.defines(row.name, row.version) else "undefined symbol: answer"
    reasons = re.compile("version `.*' not found|undefined symbol: \\w+")
    assert found == {version: match[0] if (match := reasons.search(text)) else text for version, text in judged.items()}
