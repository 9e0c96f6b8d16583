from __future__ import annotations

import os
import shutil

import pytest
from workshop import NEW, OLD, Workshop

from envdoctor.binary.dynamic import Dynamic, read_dynamic
from envdoctor.binary.image import NotElf, read_machine
from envdoctor.binary.ld_cache import NotCache, read_cache
from envdoctor.binary.process import Process, preload_words
from envdoctor.binary.soname_search import LEVELS, How, Places, default_folders, expand_folders

X86_64 = 62


class Told:
    """Files that are described: path to what the loader reads of it, or to the path it is a link to."""

    def __init__(self, files: dict[str, Dynamic | str | NotElf]) -> None:
        self.files = files

    def identity(self, path: str) -> str | None:
        target = self.files.get(path)
        return target if isinstance(target, str) else path if target is not None else None

    def is_folder(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in self.files)

    def dynamic(self, path: str) -> Dynamic:
        found = self.files[path]
        found = self.files[found] if isinstance(found, str) else found
        if isinstance(found, NotElf):
            raise found
        assert isinstance(found, Dynamic)
        return found


def needs(*needed: str, soname: str | None = None, rpath: str | None = None, runpath: str | None = None) -> Dynamic:
    return Dynamic(X86_64, needed, soname, rpath, runpath)


def process(
    files: dict[str, Dynamic | str | NotElf], *, places: Places | None = None, assumed: tuple[str, ...] = ()
) -> Process:
    return Process(Told(files), places or Places(defaults=("/lib",)), X86_64, assumed)


def test_needs_are_followed_breadth_first() -> None:
    one = process({
        "/bin/p": needs("liba.so", "libb.so"), "/lib/liba.so": needs("libc.so"), "/lib/libb.so": needs("libd.so"),
        "/lib/libc.so": needs(), "/lib/libd.so": needs("liba.so"),
    })  # fmt: skip
    opening = one.start("/bin/p")
    assert opening.scope == ("/bin/p", "/lib/liba.so", "/lib/libb.so", "/lib/libc.so", "/lib/libd.so")
    assert opening.works
    assert [mapped.needed_by for mapped in one.loaded.values()] == [
        None, "/bin/p", "/bin/p", "/lib/liba.so", "/lib/libb.so",
    ]  # fmt: skip


def test_a_scope_is_what_is_global_and_then_the_object_with_its_needs() -> None:
    one = process({
        "/bin/p": needs("liba.so"), "/lib/liba.so": needs(), "/x/hidden.so": needs("libh.so"), "/lib/libh.so": needs(),
        "/x/shown.so": needs("libs.so", "liba.so"), "/lib/libs.so": needs(), "/x/last.so": needs("libh.so"),
    })  # fmt: skip
    one.start("/bin/p")
    assert one.open("/x/hidden.so").scope == ("/bin/p", "/lib/liba.so", "/x/hidden.so", "/lib/libh.so")
    assert one.open("/x/shown.so", everywhere=True).scope[2:] == ("/x/shown.so", "/lib/libs.so")
    assert one.open("/x/last.so").scope == (
        "/bin/p", "/lib/liba.so", "/x/shown.so", "/lib/libs.so", "/x/last.so", "/lib/libh.so",
    )  # fmt: skip


def test_what_is_lacking_is_named_with_who_lacks_it_and_stays_loaded() -> None:
    one = process(
        {"/x/a.so": needs("libgone.so.1", "libb.so"), "/lib/libb.so": needs("libgone.so.1", soname="libb.so")}
    )
    opening = one.open("/x/a.so")
    assert opening.lacking == (("/x/a.so", "libgone.so.1"), ("/lib/libb.so", "libgone.so.1"))
    assert not opening.works
    assert one.named("libb.so") is one.loaded["/lib/libb.so"]


def test_libraries_of_the_driver_are_not_missed() -> None:
    one = process({"/x/a.so": needs("libcuda.so.1")}, assumed=("libcuda.so",))
    opening = one.open("/x/a.so")
    assert opening.works
    assert opening.assumed == (("/x/a.so", "libcuda.so.1"),)
    files = {"/x/a.so": needs("libcuda.so.1"), "/lib/libcuda.so.1": needs("libnvos.so", soname="libcuda.so.1")}
    opening = process({**files}, assumed=("libcuda.so",)).open("/x/a.so")
    assert opening.works
    assert opening.assumed == (("/lib/libcuda.so.1", "libnvos.so"),)


def test_back_to_an_earlier_state() -> None:
    one = process({"/x/a.so": needs(soname="liba.so"), "/x/b.so": needs("liba.so")})
    before = one.state
    one.open("/x/a.so", everywhere=True)
    assert one.open("/x/b.so").works
    assert [mapped.path for mapped in one.present] == ["/x/a.so", "/x/b.so"]
    one.back_to(before)
    assert one.present == []
    opening = one.open("/x/b.so")
    assert opening.lacking == (("/x/b.so", "liba.so"),)
    assert opening.scope == ("/x/b.so",)


def test_files_that_are_no_objects() -> None:
    one = process({"/x/a.so": needs("libb.so"), "/lib/libb.so": NotElf("an empty file")})
    opening = one.open("/x/a.so")
    assert opening.unreadable == {"/lib/libb.so": "an empty file"}
    assert opening.lacking == ()
    assert one.open("/x/gone.so").unreadable == {"/x/gone.so": "no such file"}
    # Those that may not be read, and those of other machines, are passed over.
    for passed in (NotElf("unreadable: Permission denied"), NotElf("a 32-bit ELF file", foreign=True)):
        one = process({"/x/a.so": needs("libb.so"), "/lib/libb.so": passed})
        assert one.open("/x/a.so").lacking == (("/x/a.so", "libb.so"),)


def test_a_circle_of_needs_ends() -> None:
    one = process({"/x/a.so": needs("libb.so"), "/lib/libb.so": needs("libc.so"), "/lib/libc.so": needs("libb.so")})
    assert one.open("/x/a.so").scope == ("/x/a.so", "/lib/libb.so", "/lib/libc.so")


def test_what_calls_dlopen_lends_its_rpath_to_the_name_alone() -> None:
    one = process({
        "/bin/p": needs("libcaller.so"), "/lib/libcaller.so": needs(rpath="/deep"),
        "/deep/libb.so": needs("libd.so"), "/deep/libd.so": needs(),
    })  # fmt: skip
    one.start("/bin/p")
    opening = one.open_name("libb.so", "/lib/libcaller.so")
    assert opening.path == "/deep/libb.so"
    assert opening.lacking == (("/deep/libb.so", "libd.so"),)
    found = one.loaded["/deep/libb.so"]
    assert (found.how, found.entry, found.needed_by) == (How.RPATH, "/deep", "/lib/libcaller.so")
    assert one.open_name("libgone.so", "/lib/libcaller.so").lacking == (("/lib/libcaller.so", "libgone.so"),)


def test_how_each_came() -> None:
    places = Places(("/env",), {"libc.so": ("/cached/libc.so",)}, ("/lib",))
    one = process({
        "/bin/p": needs("libr.so", "libe.so", "libc.so", "libl.so"), "/pre.so": needs(), "/env/libe.so": needs(),
        "/lib/libr.so": needs("libu.so", runpath="$ORIGIN/run"), "/lib/run/libu.so": needs(),
        "/cached/libc.so": needs(), "/lib/libl.so": needs(), "/x/a.so": needs(),
    }, places=places)  # fmt: skip
    one.start("/bin/p", preload_words("/pre.so:libnowhere.so"))
    one.open("/x/a.so", how=How.TORCH)
    assert {path: mapped.how.value for path, mapped in one.loaded.items()} == {
        "/bin/p": "path", "/pre.so": "LD_PRELOAD", "/lib/libr.so": "default folder", "/env/libe.so": "LD_LIBRARY_PATH",
        "/cached/libc.so": "ld.so.cache", "/lib/libl.so": "default folder", "/lib/run/libu.so": "DT_RUNPATH",
        "/x/a.so": "torch",
    }  # fmt: skip
    assert [path for path, mapped in one.loaded.items() if mapped.dlopened] == ["/x/a.so"]


def test_words_of_ld_preload() -> None:
    assert [*preload_words("/a.so libb.so:/c.so  ")] == ["/a.so", "libb.so", "/c.so"]
    assert [*preload_words(None)] == []


# What follows is asked of this machine's loader too.

THERE = "-Wl,-rpath,$ORIGIN/../there:$ORIGIN/there"


class Disk:
    """The files of this machine."""

    def identity(self, path: str) -> tuple[int, int] | None:
        if not os.path.isfile(path):
            return None
        info = os.stat(path)
        return info.st_dev, info.st_ino

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path)

    def dynamic(self, path: str) -> Dynamic:
        return read_dynamic(path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Libraries: a leaf in several folders, a middle that needs it, and a caller of dlopen, each in several tags."""
    shop = Workshop(tmp_path_factory.mktemp("process"))
    top = shop.folder
    leaf = shop.library("there/libleaf.so.3", "-Wl,-soname,libleaf.so.3")
    for folder in ("env", "env2", "hard/glibc-hwcaps/x86-64-v2", "hard", "mid"):
        (top / folder).mkdir(parents=True, exist_ok=True)
        if folder != "mid":
            shutil.copy(leaf, top / folder / "libleaf.so.3")
    for name, tags in (("plain", []), ("old", [OLD, THERE]), ("new", [NEW, THERE])):
        shop.library(f"mid/lib{name}.so", f"-Wl,-soname,lib{name}.so", str(leaf), *tags)
        caller = ["-Wl,-soname,libcaller.so", *tags, "-lc"]
        shop.library(f"caller/{name}.so", *caller, source=str(top / "caller.c"))
    mid = "-Wl,-rpath,$ORIGIN/../mid:$ORIGIN/../there"
    for name in ("plain", "old", "new"):
        for kind, tag in (("old", OLD), ("new", NEW)):
            shop.library(f"outer/{kind}-{name}.so", str(top / f"mid/lib{name}.so"), tag, mid)
    shop.library("outer/bare.so", str(leaf))
    shop.library("outer/slash.so", "-Wl,-soname,libslash.so", str(leaf), NEW, "-Wl,-rpath,/nowhere")
    # Another name of the same file.
    os.symlink(top / "there/libleaf.so.3", top / "there/libalias.so")
    stub = shop.library("stub/libalias.so", "-Wl,-soname,libalias.so")
    shop.library("outer/alias.so", str(leaf), str(stub), OLD, THERE)
    shop.program("opener-old", OLD, THERE)
    shop.program("opener-new", NEW, THERE)
    shop.program("opener-linked", str(top / "mid/libplain.so"), OLD, "-Wl,-rpath,$ORIGIN/mid:$ORIGIN/there")
    shop.program("opener-caller", str(top / "caller/old.so"), "-Wl,-rpath-link," + str(top / "caller"))
    return shop


def in_thought(
    shop: Workshop, *arguments: str, library_path: str = "", preload: str = "", program: str = "opener"
) -> list[str] | None:
    """The objects of the workshop that would be in the process, in order, as `Workshop.really` tells them."""
    path = str(shop.folder / program)
    machine = read_machine(path)
    try:
        cache = read_cache("/etc/ld.so.cache")
    except NotCache:
        cache = {}
    places = Places(
        tuple(expand_folders(library_path, machine, str(shop.folder), ":;")), cache, default_folders(machine), (),
        LEVELS["x86_64"] if machine == X86_64 else (),
    )  # fmt: skip
    one = Process(Disk(), places, machine)
    openings = [one.start(path, preload_words(preload))]
    for argument in arguments:
        name, called, _ = argument.partition("@")
        if called:
            caller = one.named("libcaller.so")
            assert caller is not None
            openings.append(one.open(name) if "/" in name else one.open_name(name, caller.path))
        else:
            openings.append(one.open(argument.removeprefix("+"), everywhere=argument.startswith("+")))
    if not all(opening.works for opening in openings):
        return None
    return [path for path in one.loaded if path.startswith(str(shop.folder)) and path != str(shop.folder / program)]


OUTER = [f"{{top}}/outer/{kind}-{name}.so" for kind in ("old", "new") for name in ("plain", "old", "new")]


@pytest.mark.parametrize("program", ["opener", "opener-old", "opener-new"])
@pytest.mark.parametrize(
    "library_path", ["", "{top}/env", "/nowhere;{top}/env2:{top}/env", "{top}/hard", "$ORIGIN/env"]
)
@pytest.mark.parametrize("outer", OUTER)
def test_chains(shop: Workshop, outer: str, library_path: str, program: str) -> None:
    """RPATH of an object, of what loaded it and of the program; RUNPATH; the variable; hardware folders."""
    same(shop, [outer], library_path, program=program)


@pytest.mark.parametrize(
    ("arguments", "library_path", "preload"),
    [
        # A name that is loaded already is not searched again, whoever needs it.
        (["{top}/there/libleaf.so.3", "{top}/outer/bare.so"], "{top}/env", ""),
        (["+{top}/outer/old-plain.so", "{top}/outer/new-new.so"], "{top}/env", ""),
        (["{top}/outer/new-new.so", "{top}/outer/old-old.so"], "{top}/env", ""),
        # One file under two names, and two files under one.
        (["{top}/there/libalias.so", "{top}/outer/alias.so"], "", ""),
        (["{top}/outer/alias.so"], "{top}/env", ""),
        (["{top}/env/libleaf.so.3", "{top}/env2/libleaf.so.3", "{top}/outer/old-old.so"], "", ""),
        # LD_PRELOAD by path, by name, of what is nowhere, of what brings others.
        (["{top}/outer/old-old.so"], "", "{top}/env/libleaf.so.3"),
        (["{top}/outer/old-old.so"], "{top}/env2", "libleaf.so.3"),
        (["{top}/outer/old-old.so"], "", "libnowhere.so.7 {top}/env/libleaf.so.3"),
        (["{top}/outer/bare.so"], "", "{top}/mid/libold.so:{top}/env/libleaf.so.3"),
        # dlopen in a library: by name with its RPATH or RUNPATH, by path, for what that needs.
        (["+{top}/caller/old.so", "libleaf.so.3@opens"], "{top}/env", ""),
        (["+{top}/caller/new.so", "libleaf.so.3@opens"], "{top}/env", ""),
        (["+{top}/caller/new.so", "libleaf.so.3@opens"], "", ""),
        (["+{top}/caller/plain.so", "libleaf.so.3@opens"], "", ""),
        (["+{top}/caller/plain.so", "libleaf.so.3@opens"], "{top}/env", ""),
        (["+{top}/caller/old.so", "{top}/outer/bare.so@opens"], "", ""),
        (["+{top}/caller/new.so", "{top}/outer/bare.so@opens"], "", ""),
        (["+{top}/caller/old.so", "{top}/outer/slash.so@opens"], "", ""),
        (["{top}/outer/bare.so"], "", ""),
    ],
)
def test_orders(shop: Workshop, arguments: list[str], library_path: str, preload: str) -> None:
    same(shop, arguments, library_path, preload)


@pytest.mark.parametrize("argument", ["{top}/outer/bare.so", "{top}/outer/slash.so", "{top}/outer/new-old.so"])
@pytest.mark.parametrize("library_path", ["", "{top}/env"])
def test_a_program_with_libraries(shop: Workshop, argument: str, library_path: str) -> None:
    same(shop, [argument], library_path, program="opener-linked")
    same(shop, [argument], library_path, "{top}/env2/libleaf.so.3", program="opener-linked")


def same(
    shop: Workshop, arguments: list[str], library_path: str = "", preload: str = "", program: str = "opener"
) -> None:
    top = str(shop.folder)
    given = [argument.replace("{top}", top) for argument in arguments]
    library_path, preload = library_path.replace("{top}", top), preload.replace("{top}", top)
    thought = in_thought(shop, *given, library_path=library_path, preload=preload, program=program)
    really = shop.really(*given, library_path=library_path, preload=preload, program=program)
    assert thought == (None if really is None else [path for path in really if path.startswith(top)])


def test_the_comparison_sees_another_order_of_folders(shop: Workshop) -> None:
    top = str(shop.folder)
    outer = f"{top}/outer/new-new.so"
    really = shop.really(outer, library_path=f"{top}/env:{top}/env2")
    assert really is not None
    thought = in_thought(shop, outer, library_path=f"{top}/env2:{top}/env")
    assert thought != [path for path in really if path.startswith(top)]
