"""Symbols that nobody defines: told where the real loader refuses the object, and nowhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envdoctor.binary.dynamic import DynamicSection
from envdoctor.binary.image import Image
from envdoctor.binary.process import Opening
from envdoctor.binary.relocations import DT_JMPREL, DT_PLTRELSZ, RELOCATION, names_asked_for
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import symbols
from tiny_torch import (
    CHECK_FAIL,
    CHECK_FAIL_OLD,
    EMPTY,
    NEW,
    RELU,
    STABLE,
    SUFFIX,
    TORCH,
    TinyTorch,
    calling,
    cc,
    defining,
    opened,
    rows,
)

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Facts


@pytest.fixture
def torch(tmp_path: Path) -> TinyTorch:
    return TinyTorch(tmp_path / "site")


def undefined(facts: Facts) -> list[dict[str, object]]:
    return rows(facts, "libraries.undefined")


def test_an_object_that_binds_has_no_row(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([EMPTY, CHECK_FAIL, STABLE], weak=[RELU]))
    torch.record("ops", "1", [path.name])
    facts = torch.symbols()
    assert torch.truth(path) == ["loads"]
    assert (undefined(facts), rows(facts, "libraries.unmet_versions")) == ([], [])


def test_a_function_that_this_torch_does_not_have(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([EMPTY, RELU]))
    torch.record("ops", "2.5.0+cu12torch2.5", [path.name])
    (said,) = torch.truth(path)
    assert said.endswith(f"undefined symbol: {RELU}")
    assert undefined(torch.symbols()) == [
        {
            "object": path.name,
            "package": "ops",
            "version": "2.5.0+cu12torch2.5",
            "role": "entry",
            "symbols": [{"name": RELU, "shown": "at::_ops::relu::call(at::Tensor const&)"}],
            "count": 1,
            "provider": "torch",
            "library": None,
            "string_abi": None,
            "built_for": "torch 2.5+cu12",
            "source_of_built_for": "its version",
        }
    ]


def test_of_a_long_declaration_the_name_alone_is_told(torch: TinyTorch) -> None:
    long = "_ZN3c1012_GLOBAL__N_14pickE" + "i" * 200
    path = torch.extension(f"ops{SUFFIX}", calling([EMPTY, long]))
    torch.record("ops", "1", [path.name])
    (row,) = undefined(torch.symbols())
    assert row["symbols"] == [{"name": long, "shown": "c10::(anonymous namespace)::pick(...)"}]


@pytest.mark.parametrize(
    "name", ["aoti_torch_get_later_thing", "torch_list_reverse", "_ZTIN3c105ErrorE", "THPEventClass"]
)
def test_other_kinds_of_names_are_torchs_too(torch: TinyTorch, name: str) -> None:
    path = torch.extension(f"ops{SUFFIX}", f"extern char {name}; char *use(void) {{ return &{name}; }}\n")
    torch.record("ops", "1", [path.name])
    assert torch.truth(path)[0].endswith(f"undefined symbol: {name}")
    (row,) = undefined(torch.symbols())
    assert (row["provider"], row["symbols"][0]["name"]) == ("torch", name)  # type: ignore[index]


@pytest.mark.parametrize(
    ("compiled", "of_torch", "abi"), [(CHECK_FAIL_OLD, CHECK_FAIL, "old"), (CHECK_FAIL, CHECK_FAIL_OLD, "new")]
)
def test_the_other_string(tmp_path: Path, compiled: str, of_torch: str, abi: str) -> None:
    torch = TinyTorch(tmp_path / "site", {**TORCH, "libc10.so": (of_torch,)})
    path = torch.extension(f"ops{SUFFIX}", calling([RELU, compiled]))
    torch.record("ops", "1", [path.name])
    assert "undefined symbol" in torch.truth(path)[0]
    (row,) = undefined(torch.symbols())
    assert (row["string_abi"], row["count"]) == (abi, 2)
    assert row["symbols"][0]["name"] == compiled  # type: ignore[index]


def test_a_string_alone_proves_nothing(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling(["_ZN3c106detail8goneAwayERKSs", f"_ZN2at9vanishingE{NEW}"]))
    torch.record("ops", "1", [path.name])
    (row,) = undefined(torch.symbols())
    assert (row["string_abi"], row["count"]) == (None, 2)


def test_a_symbol_that_no_relocation_asks_for_harms_nobody(torch: TinyTorch, tmp_path: Path) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([EMPTY, RELU]))
    data = bytearray(path.read_bytes())
    section = DynamicSection(Image(bytes(data)))
    start = section.place(DT_JMPREL)
    assert start is not None
    for place in range(start, start + section.tags[DT_PLTRELSZ], RELOCATION.size):
        data[place + 8 : place + 16] = bytes(8)  # R_X86_64_NONE of no symbol
    path.write_bytes(data)
    torch.record("ops", "1", [path.name])
    assert [*names_asked_for(DynamicSection(Image(bytes(data))))] == []
    assert torch.truth(path) == ["loads"]
    assert undefined(torch.symbols()) == []


@pytest.mark.parametrize(
    "name", ["PyLong_AsLong2", "_ZNSt6vectorIN2at6TensorEE4pushEv", "_ZN8facebook5thingEv", "cuMemAlloc_v9", "memcpy2"]
)
def test_symbols_of_unknown_hosts_are_not_judged(torch: TinyTorch, name: str) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([EMPTY, name]))
    torch.record("ops", "1", [path.name])
    assert undefined(torch.symbols()) == []


def test_where_a_library_is_lacking_that_is_the_story(torch: TinyTorch) -> None:
    cc(torch.lib / "libgone.so", "int gone;\n", "-Wl,-soname,libgone.so.7")
    path = torch.extension(f"ops{SUFFIX}", calling([RELU]), "-l:libgone.so")
    torch.record("ops", "1", [path.name])
    (torch.lib / "libgone.so").unlink()
    assert "libgone.so.7" in torch.truth(path)[0]
    assert undefined(torch.symbols()) == []


def test_nor_is_one_judged_whose_companion_lacks_a_library(torch: TinyTorch) -> None:
    """A library that was loaded first, and did not: what it would bring in is in nobody's scope."""
    cc(torch.lib / "libgone.so", "int gone;\n", "-Wl,-soname,libgone.so.7")
    host = torch.extension("ops/libhost.so", calling([EMPTY]), "-l:libgone.so", "-Wl,-soname,libhost.so")
    module = torch.extension(f"ops/_C{SUFFIX}", calling([RELU]), f"-L{host.parent}", "-l:libhost.so")
    torch.record("ops", "1", ["ops/libhost.so", f"ops/{module.name}"])
    (torch.lib / "libgone.so").unlink()
    assert undefined(torch.symbols()) == []


def test_a_damaged_object_of_the_scope_silences(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([RELU]))
    torch.record("ops", "1", [path.name])
    at = torch.look({"libraries.missing": Known([], "elf")})
    opened(at, str(torch.torch_c))
    (torch.lib / "libtorch.so").write_bytes(b"\x7fELF")
    assert undefined(symbols.look(at)) == []


def test_what_another_object_of_the_package_defines_is_its_own_business(torch: TinyTorch) -> None:
    """Its code may load that one first, for everybody (RTLD_GLOBAL)."""
    torch.extension("ops/libkernels.so", defining([RELU]))
    module = torch.extension(f"ops/_C{SUFFIX}", calling([RELU]))
    torch.record("ops", "1", ["ops/libkernels.so", f"ops/{module.name}"])
    assert undefined(torch.symbols()) == []


def test_what_is_global_serves_everybody(torch: TinyTorch, tmp_path: Path) -> None:
    module = torch.extension(f"ops{SUFFIX}", calling([RELU]))
    torch.record("ops", "1", [module.name])
    first = cc(tmp_path / "libfirst.so", defining([RELU]))
    assert undefined(torch.symbols(first)) == []
    assert len(undefined(torch.symbols())) == 1


def test_an_object_needs_what_its_own_libraries_bring(torch: TinyTorch) -> None:
    host = torch.extension("ops/libkernels.so", defining([RELU]), "-Wl,-soname,libkernels.so")
    path = ("-Wl,-rpath,$ORIGIN", f"-L{host.parent}", "-l:libkernels.so")
    module = cc(
        torch.site / f"ops_c{SUFFIX}", calling([RELU]), "-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN/ops", *path[1:]
    )
    torch.record("ops", "1", [module.name])
    assert torch.truth(module) == ["loads"]
    assert undefined(torch.symbols()) == []


def test_a_library_of_cuda_that_is_too_old_for_torch(tmp_path: Path) -> None:
    """An object of torch itself is judged against what comes from other packages: here NCCL."""
    nccl = tmp_path / "site" / "torch" / "lib" / "libnccl.so.2"
    cc(nccl, defining(["ncclAllReduce", "ncclCommShrink"]), "-Wl,-soname,libnccl.so.2")
    torch = TinyTorch(tmp_path / "site")
    torch.library(
        "libtorch_cuda.so", calling(["ncclAllReduce", "ncclCommShrink", "_ZN2at7unknownEv"]), f"-L{torch.lib}",
        "-l:libnccl.so.2", "-Wl,-soname,libtorch_cuda.so", "-Wl,--allow-shlib-undefined", "-Wl,-rpath,$ORIGIN",
    )  # fmt: skip
    torch.torch_c = cc(
        torch.torch_c, "int torch_module;\n", f"-L{torch.lib}", "-l:libtorch_cuda.so", "-Wl,--allow-shlib-undefined",
        "-Wl,--no-as-needed", "-l:libtorch_cuda.so", "-Wl,-rpath,$ORIGIN/lib",
    )  # fmt: skip
    assert undefined(torch.symbols()) == []
    cc(nccl, defining(["ncclAllReduce"]), "-Wl,-soname,libnccl.so.2")
    (row,) = undefined(torch.symbols())
    assert (row["object"], row["package"], row["provider"]) == ("torch/lib/libtorch_cuda.so", "torch", "nccl")
    assert (row["library"], row["count"]) == ("libnccl.so.2", 1)
    assert row["symbols"] == [{"name": "ncclCommShrink", "shown": "ncclCommShrink"}]


def test_variants_and_optional_parts_keep_their_role(torch: TinyTorch) -> None:
    names = ["pkg/_C.so", "pkg/image.so", "pkg/libcore4.so", "pkg/libcore5.so"]
    for name in names:
        torch.extension(name, calling([RELU]))
    torch.record("pkg", "1", names)
    assert {row["object"]: row["role"] for row in undefined(torch.symbols())} == {
        "pkg/_C.so": "entry",
        "pkg/image.so": "optional",
        "pkg/libcore4.so": "variant",
        "pkg/libcore5.so": "variant",
    }


def test_five_symbols_are_told_and_all_are_counted(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([f"_ZN2at5gone{number}Ev" for number in range(9)]))
    torch.record("ops", "1", [path.name])
    (row,) = undefined(torch.symbols())
    assert (len(row["symbols"]), row["count"]) == (5, 9)  # type: ignore[arg-type]


def test_a_search_in_doubt_makes_no_verdict(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([RELU]))
    torch.record("ops", "1", [path.name])
    at = torch.look({"libraries.missing": Known([], "elf"), "libraries.loaded": Unknown("a loader of its own")})
    opened(at, str(torch.torch_c))
    facts = symbols.look(at)
    assert facts["libraries.undefined"] == Unknown("a loader of its own")
    assert facts["libraries.unmet_versions"] == Known([], "elf")


@pytest.mark.parametrize("missing", [Absent("torch is not installed"), Unknown("torch/lib/libc10.so is truncated")])
def test_without_a_process_the_reason_is_the_loaders(torch: TinyTorch, missing: Absent | Unknown) -> None:
    at = torch.look({"libraries.missing": missing})
    assert set(symbols.look(at).values()) == {missing}
    at.facts["libraries.missing"] = Known([], "elf")
    assert all(isinstance(fact, Unknown) for fact in symbols.look(at).values())


def test_an_object_that_changed_since_it_was_opened(torch: TinyTorch) -> None:
    path = torch.extension(f"ops{SUFFIX}", calling([RELU]))
    torch.record("ops", "1", [path.name])
    at = torch.look({"libraries.missing": Known([], "elf")})
    opened(at, str(torch.torch_c))
    os.truncate(path, 100)
    facts = symbols.look(at)
    assert (undefined(facts), rows(facts, "libraries.unmet_versions")) == ([], [])
    at.openings[str(path)] = Opening(str(path), unreadable={str(path): "truncated"})
    assert undefined(symbols.look(at)) == []
