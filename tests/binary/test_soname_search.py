from __future__ import annotations

import os
import shutil

import pytest
from workshop import NEW, OLD, Workshop

from envdoctor.binary.dynamic import Dynamic, read_dynamic
from envdoctor.binary.image import NotElf, read_machine
from envdoctor.binary.ld_cache import NotCache, read_cache
from envdoctor.binary.soname_search import (
    LEVELS,
    Found,
    How,
    Loaded,
    Places,
    asked_in,
    default_folders,
    expand_folders,
    library_path_is_clear,
    locate,
)

X86_64, AARCH64 = 62, 183


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, []),
        ("", []),
        ("/a:/b:/a", ["/a", "/b"]),
        ("$ORIGIN", ["/o"]),
        ("${ORIGIN}/../lib:$ORIGIN/x", ["/o/../lib", "/o/x"]),
        ("$ORIGINAL:/b", ["/b"]),
        ("$ORIGINAL/x:/a/$ORIGINAL", ["/a/$ORIGINAL"]),
        (":relative:.:/a:", ["/a"]),
        ("/a/$LIB", ["/a/lib/x86_64-linux-gnu", "/a/lib64", "/a/lib"]),
        ("/a/${PLATFORM}", ["/a/x86_64", "/a/haswell"]),
    ],
)
def test_expansion(text: str | None, expected: list[str]) -> None:
    assert expand_folders(text, X86_64, "/o") == expected


def test_expansion_is_bounded() -> None:
    assert len(expand_folders(":".join(f"/{n}/$LIB/$PLATFORM" for n in range(10_000)), X86_64, "/o")) <= 512 * 6


def test_an_unknown_origin_drops_the_entry() -> None:
    assert expand_folders("$ORIGIN/lib:/a;/b", X86_64, None, ":;") == ["/a", "/b"]


@pytest.mark.parametrize("text", [None, "", "/a", "/a:/b;/c", ":/a:", "/a/$LIB"])
def test_clear_library_paths(text: str | None) -> None:
    assert library_path_is_clear(text)


@pytest.mark.parametrize("text", ["lib", "/a:./lib", "/a;lib", "$ORIGIN/lib", "/a/${ORIGIN}"])
def test_library_paths_that_depend(text: str) -> None:
    assert not library_path_is_clear(text)


def test_default_folders_of_both_machines() -> None:
    assert "/usr/lib/aarch64-linux-gnu" in default_folders(AARCH64)
    assert {"/lib64", "/usr/lib", "/lib/x86_64-linux-gnu"} <= set(default_folders(X86_64))


def found(*present: str, needer: Loaded, places: Places, soname: str = "libx.so.1") -> str | None:
    return path_of(locate(soname, needer, places, set(present).__contains__))


def path_of(found: Found | None) -> str | None:
    return found.path if found else None


def test_the_order_of_the_rungs() -> None:
    places = Places(("/env",), {"libx.so.1": ("/stale/libx.so.1", "/cached/libx.so.1")}, ("/lib",), ("/late",))
    rungs = ["/env", "/run", "/cached", "/lib", "/late"]
    needer = Loaded("/o/a.so", Dynamic(X86_64, rpath="/never", runpath="/run"))
    for first in range(len(rungs)):
        present = [f"{folder}/libx.so.1" for folder in [*rungs[first:], "/never"]]
        assert found(*present, needer=needer, places=places) == present[0]
    assert found("/never/libx.so.1", needer=needer, places=places) is None
    needer = Loaded("/o/a.so", Dynamic(X86_64, rpath="/r"))
    assert found("/env/libx.so.1", "/r/libx.so.1", needer=needer, places=places) == "/r/libx.so.1"


def test_a_rung_tells_its_name_and_folder() -> None:
    places = Places(("/env",), {"libx.so.1": ("/cached/libx.so.1",)}, ("/lib",), ("/late",), ("deep",))
    needer = Loaded("/o/a.so", Dynamic(X86_64, runpath="$ORIGIN/run"))
    expected = [
        Found("/env/libx.so.1", How.LIBRARY_PATH, "/env"),
        Found("/o/run/deep/libx.so.1", How.RUNPATH, "/o/run"),
        Found("/cached/libx.so.1", How.CACHE),
        Found("/lib/libx.so.1", How.DEFAULT, "/lib"),
        Found("/late/libx.so.1", How.TORCH, "/late"),
    ]
    for one in expected:
        assert locate("libx.so.1", needer, places, {one.path}.__contains__) == one
    assert locate("/a/b.so", needer, places, {"/a/b.so"}.__contains__) == Found("/a/b.so", How.PATH)


def test_the_program_lends_its_rpath_once() -> None:
    program = Loaded("/bin/p", Dynamic(X86_64, rpath="/p"))
    for needer in (Loaded("/o/a.so", Dynamic(X86_64)), Loaded("/o/a.so", Dynamic(X86_64, rpath="/a"), program)):
        answer = locate("libx.so.1", needer, Places(("/env",)), {"/p/libx.so.1"}.__contains__, program=program)
        assert answer == Found("/p/libx.so.1", How.RPATH, "/p")
    own = Loaded("/o/a.so", Dynamic(X86_64, runpath="/nowhere"), program)
    assert locate("libx.so.1", own, Places(), {"/p/libx.so.1"}.__contains__, program=program) is None


def test_no_question_below_a_folder_that_is_not_there() -> None:
    asked: list[str] = []
    needer = Loaded("/o/a.so", Dynamic(X86_64, rpath="/gone:/there"))
    places = Places(hardware=("deep", "deeper"))

    def serves(path: str) -> bool:
        asked.append(path)
        return False

    there = {"/there", "/there/deeper"}.__contains__
    within = {folder: asked_in(folder, places.hardware, there) for folder in ("/gone", "/there")}
    assert locate("libx.so.1", needer, places, serves, within=within.__getitem__) is None
    assert asked == ["/there/deeper/libx.so.1", "/there/libx.so.1"]


def test_rpath_is_inherited_and_runpath_is_not() -> None:
    top = Loaded("/top/a.so", Dynamic(X86_64, rpath="$ORIGIN/deep"))
    middle = Loaded("/mid/b.so", Dynamic(X86_64, runpath="/mid"), top)
    leaf = Loaded("/leaf/c.so", Dynamic(X86_64), middle)
    assert found("/top/deep/libx.so.1", needer=leaf, places=Places()) == "/top/deep/libx.so.1"
    assert found("/mid/libx.so.1", needer=leaf, places=Places()) is None
    assert found("/top/deep/libx.so.1", needer=middle, places=Places()) is None


def test_a_need_with_a_slash_is_not_searched() -> None:
    needer = Loaded("/o/a.so", Dynamic(X86_64))
    places = Places(defaults=("/lib",))
    assert found("/o/sub/libx.so", needer=needer, places=places, soname="$ORIGIN/sub/libx.so") == "/o/sub/libx.so"
    assert found("/lib//opt/libx.so", needer=needer, places=places, soname="/opt/libx.so") is None


def test_hardware_folders_come_first() -> None:
    needer = Loaded("/o/a.so", Dynamic(X86_64, runpath="/run:/second"))
    places = Places(hardware=LEVELS["x86_64"])
    present = [
        "/run/glibc-hwcaps/x86-64-v4/libx.so.1",
        "/run/glibc-hwcaps/x86-64-v3/libx.so.1",
        "/run/libx.so.1",
        "/second/glibc-hwcaps/x86-64-v4/libx.so.1",
    ]
    for first in range(len(present)):
        assert found(*present[first:], needer=needer, places=places) == present[first]
    assert found(present[0], needer=needer, places=Places()) is None


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = Workshop(tmp_path_factory.mktemp("workshop"))
    shop.library("stub/libneeded.so", "-Wl,-soname,libneeded.so.3")
    (shop.folder / "there").mkdir()
    shutil.copy(shop.folder / "stub/libneeded.so", shop.folder / "there/libneeded.so.3")
    # The same file in the clothes of a 32-bit one: the loader passes over it.
    (shop.folder / "foreign").mkdir()
    stub = bytearray((shop.folder / "stub/libneeded.so").read_bytes())
    stub[4] = 1
    (shop.folder / "foreign/libneeded.so.3").write_bytes(stub)
    hardware = shop.folder / "hard/glibc-hwcaps/x86-64-v2"
    hardware.mkdir(parents=True)
    shutil.copy(shop.folder / "stub/libneeded.so", hardware / "libneeded.so.3")
    return shop


def serves(path: str) -> bool:
    try:
        return os.path.isfile(path) and read_machine(path) == read_machine(os.path.realpath("/proc/self/exe"))
    except NotElf as error:
        return not error.foreign


@pytest.mark.parametrize(
    ("options", "library_path"),
    [
        ([], ""),
        ([], "{top}/there"),
        ([], "/nowhere;{top}/there"),
        ([], "{top}/foreign"),
        ([], "{top}/foreign:{top}/there"),
        ([OLD, "-Wl,-rpath,$ORIGIN/../there"], ""),
        ([OLD, "-Wl,-rpath,${{ORIGIN}}/../there"], ""),
        ([OLD, "-Wl,-rpath,$ORIGIN/../foreign:$ORIGIN/../there"], "{top}/nowhere"),
        ([OLD, "-Wl,-rpath,$ORIGINAL/../there"], ""),
        ([OLD, "-Wl,-rpath,/nowhere"], "{top}/there"),
        ([NEW, "-Wl,-rpath,$ORIGIN/../there"], ""),
        ([NEW, "-Wl,-rpath,$ORIGIN/../there"], "{top}/foreign"),
        ([NEW, "-Wl,-rpath,$ORIGIN/../stub"], ""),
    ],
)
def test_agrees_with_the_real_loader(workshop: Workshop, options: list[str], library_path: str) -> None:
    top = str(workshop.folder)
    options = [option.format(top=top) for option in options]
    library_path = library_path.format(top=top)
    needy = workshop.library("needy/needy.so", f"{top}/stub/libneeded.so", *options)
    dynamic = read_dynamic(str(needy))
    assert dynamic.needed == ("libneeded.so.3",)
    places = Places(
        tuple(expand_folders(library_path, dynamic.machine, None, ":;")), {}, default_folders(dynamic.machine)
    )
    answer = path_of(locate("libneeded.so.3", Loaded(str(needy), dynamic), places, serves))
    really = workshop.really(needy, library_path=library_path)
    assert (answer is None) == (really is None)
    if really is not None:
        assert answer in really


def test_an_inherited_rpath_agrees_with_the_real_loader(workshop: Workshop) -> None:
    top = workshop.folder
    for tags, works in ((OLD, True), (NEW, False)):
        inner = workshop.library("inner/libinner.so", f"{top}/stub/libneeded.so")
        rpath = "-Wl,-rpath,$ORIGIN/../inner:$ORIGIN/../there"
        # ld must be told to leave the needs of the inner library unresolved.
        free = "-Wl,--allow-shlib-undefined"
        outer = workshop.library("outer/outer.so", f"-L{top}/inner", "-linner", rpath, tags, free)
        loaded = Loaded(str(outer), read_dynamic(str(outer)))
        path = path_of(locate("libinner.so", loaded, Places(), serves))
        assert path == f"{top}/outer/../inner/libinner.so"
        answer = locate("libneeded.so.3", Loaded(path, read_dynamic(str(inner)), loaded), Places(), serves)
        assert (answer is not None) == works == (workshop.really(outer) is not None)


def test_every_library_of_the_c_library_is_found(workshop: Workshop) -> None:
    dynamic = read_dynamic(str(workshop.folder / "opener"))
    try:
        cache = read_cache("/etc/ld.so.cache")
    except NotCache:
        cache = {}
    places = Places((), cache, default_folders(dynamic.machine))
    answers = {name: locate(name, Loaded("/x/opener", dynamic), places, serves) for name in dynamic.needed}
    assert answers
    assert None not in answers.values()
