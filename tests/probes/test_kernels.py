from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes import kernels
from envdoctor.probes.compiled_objects import CompiledObject, Role
from envdoctor.probes.look import look
from envdoctor.probes.looking import Facts, Looking
from envdoctor.probes.target import Target
from fat_objects import elf, fat, of, with_flags
from recorded_tree import SITE, Tree, value

LIB = f"{SITE}/torch/lib"
WITHOUT = elf([(".text", b"code")])
FLAGS = with_flags("sm_75 sm_80 compute_80")


def seen(tree: Tree, *objects: CompiledObject, **facts: Fact) -> Facts:
    at = Looking(tree.host(), Target("/venv/bin/python", "named by --python"), deadline=time.monotonic() + 60)
    at.facts["torch.location"] = Known(f"{SITE}/torch", "sys.path")
    at.facts.update({name.replace("__", "."): fact for name, fact in facts.items()})
    at.objects = objects
    return kernels.look(at)


def extension(shown: str, package: str = "", role: Role = Role.ENTRY, version: str = "1.0") -> CompiledObject:
    package = package or shown.partition("/")[0]
    return CompiledObject(f"{SITE}/{shown}", shown, package, version, role, of_torch=True)


def test_shares_are_those_of_all_modules(tree: Tree) -> None:
    tree.file(f"{LIB}/libtorch_cuda.so", fat([of("75 80"), of("75 80 90a"), of("75 80", "80")]))
    tree.file(f"{LIB}/libtorch_python.so", FLAGS)
    assert value(seen(tree), "torch.kernels") == {
        "files": ["torch/lib/libtorch_cuda.so"],
        "modules": 3,
        "sass": {"75": 1.0, "80": 1.0, "90a": 0.3333},
        "ptx": {"80": 0.3333},
        "flags": ["sm_75", "sm_80", "compute_80"],
    }


def test_a_torch_of_three_libraries(tree: Tree) -> None:
    tree.file(f"{LIB}/libtorch_cuda.so", WITHOUT)
    tree.file(f"{LIB}/libtorch_cuda_cpp.so", fat([of("37 80")]))
    tree.file(f"{LIB}/libtorch_cuda_cu.so", fat([of("37 80"), of("80", "80"), of("80")]))
    told = value(seen(tree), "torch.kernels")
    assert told["files"] == ["torch/lib/libtorch_cuda_cpp.so", "torch/lib/libtorch_cuda_cu.so"]
    assert (told["modules"], told["sass"], told["ptx"]) == (4, {"37": 0.5, "80": 1.0}, {"80": 0.25})
    assert told["flags"] is None


def test_linear_algebra_is_loaded_by_its_first_use_alone(tree: Tree) -> None:
    tree.file(f"{LIB}/libtorch_cuda.so", fat([of("75 80")]))
    tree.file(f"{LIB}/libtorch_cuda_linalg.so", fat([of("80")] * 9))
    told = value(seen(tree), "torch.kernels")
    assert (told["modules"], told["sass"]) == (1, {"75": 1.0, "80": 1.0})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (fat([of("80")])[:-100], "truncated"),
        (elf([(".nv_fatbin", of("80"))], stripped=True), "section headers"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"", "an empty file"),
        (fat([b"\x01" * 64]), "unknown layout"),
    ],
)
def test_of_a_damaged_library_the_flags_still_tell(tree: Tree, content: bytes, reason: str) -> None:
    tree.file(f"{LIB}/libtorch_cuda.so", content)
    fact = seen(tree)["torch.kernels"]
    assert isinstance(fact, Unknown)
    assert fact.reason.startswith("torch/lib/libtorch_cuda.so: ")
    assert reason in fact.reason
    tree.file(f"{LIB}/libtorch_python.so", FLAGS)
    fact = seen(tree)["torch.kernels"]
    assert isinstance(fact, Known)
    assert fact.value == {
        "files": [], "modules": 0, "sass": {}, "ptx": {}, "flags": ["sm_75", "sm_80", "compute_80"]
    }  # fmt: skip
    assert "CUDA_ARCH_FLAGS" in fact.source
    assert reason in fact.source


def test_half_of_what_a_torch_holds_is_not_told(tree: Tree) -> None:
    tree.file(f"{LIB}/libtorch_cuda_cpp.so", fat([of("80")]))
    tree.file(f"{LIB}/libtorch_cuda_cu.so", fat([of("37 80")])[:-100])
    assert isinstance(seen(tree)["torch.kernels"], Unknown)


def test_a_torch_without_device_code(tree: Tree) -> None:
    assert isinstance(seen(tree)["torch.kernels"], Absent), "no folder of libraries"
    tree.file(f"{LIB}/libtorch_cpu.so", WITHOUT)
    tree.file(f"{LIB}/libtorch_hip.so", fat([of("80")]))
    tree.file(f"{LIB}/libtorch_python.so", FLAGS)
    assert isinstance(seen(tree)["torch.kernels"], Absent), "ROCm"
    tree.file(f"{LIB}/libtorch_cuda.so", WITHOUT)
    assert isinstance(seen(tree)["torch.kernels"], Absent), "a stub"
    tree.file(f"{LIB}/libtorch_cuda.so", fat([bytes(64)]))
    assert isinstance(seen(tree)["torch.kernels"], Absent), "nothing but padding"


def test_what_is_not_known_of_torch_is_not_known_of_its_kernels(tree: Tree) -> None:
    unknown, absent = Unknown("/venv may not be read"), Absent("no distribution named torch")
    assert seen(tree, torch__location=unknown)["torch.kernels"] == unknown
    assert seen(tree, torch__location=absent)["torch.kernels"] == absent
    told = seen(tree, python__site_packages=Unknown("no answer"))
    assert [type(fact) for fact in told.values()] == [Unknown, Unknown]
    assert seen(tree, extensions__objects=unknown)["extensions.kernels"] == unknown


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tree: Tree) -> None:
    folder = tree.folder(LIB)
    folder.chmod(0)
    try:
        assert isinstance(seen(tree)["torch.kernels"], Unknown)
    finally:
        folder.chmod(0o755)


def test_other_systems_have_no_such_files(tree: Tree) -> None:
    tree.machine["os"] = "windows"
    assert [type(fact) for fact in seen(tree).values()] == [Absent, Absent]


def test_objects_with_device_code_are_listed(tree: Tree) -> None:
    tree.file(f"{SITE}/torchvision/_C.so", fat([of("75 80", "80"), of("80", "80")]))
    tree.file(f"{SITE}/torchvision/image.so", WITHOUT)
    tree.file(f"{SITE}/bitsandbytes/libbitsandbytes_cuda130.so", fat([of("90a")]))
    objects = (
        extension("torchvision/_C.so"),
        extension("torchvision/image.so", role=Role.OPTIONAL),
        extension("bitsandbytes/libbitsandbytes_cuda130.so", role=Role.VARIANT, version="0.50.2"),
    )
    assert value(seen(tree, *objects), "extensions.kernels") == [
        {"package": "torchvision", "version": "1.0", "object": "torchvision/_C.so", "role": "entry",
         "modules": 2, "sass": {"75": 0.5, "80": 1.0}, "ptx": {"80": 1.0}},
        {"package": "bitsandbytes", "version": "0.50.2", "object": "bitsandbytes/libbitsandbytes_cuda130.so",
         "role": "variant", "modules": 1, "sass": {"90a": 1.0}, "ptx": {}},
    ]  # fmt: skip
    assert value(seen(tree), "extensions.kernels") == []


def test_a_package_is_told_whole_or_not_at_all(tree: Tree) -> None:
    tree.file(f"{SITE}/one/_C.so", fat([of("80")]))
    tree.file(f"{SITE}/one/_D.so", fat([of("80")])[:-50])
    tree.file(f"{SITE}/two/_C.so", fat([of("90")]))
    objects = (extension("one/_C.so"), extension("one/_D.so"), extension("one/_E.so"), extension("two/_C.so"))
    assert [row["object"] for row in value(seen(tree, *objects), "extensions.kernels")] == ["two/_C.so"]


def test_rows_are_bounded(tree: Tree) -> None:
    tree.file(f"{SITE}/one/_C.so", fat([of("80")]))
    objects = [extension("one/_C.so", package=f"package-{number // 50}") for number in range(2 * kernels.MOST_ROWS)]
    assert len(value(seen(tree, *objects), "extensions.kernels")) == kernels.MOST_ROWS


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_real_wheels(variable: str) -> None:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    facts = look(Host(), Target(str(Path(folder) / "bin" / "python"), "named by --python"), timeout=60).facts
    if "CPU" in variable:
        assert isinstance(facts["torch.kernels"], Absent)
        assert value(dict(facts), "extensions.kernels") == []
        return
    told = value(dict(facts), "torch.kernels")
    assert (told["files"], told["modules"], told["ptx"]) == (["torch/lib/libtorch_cuda.so"], 475, {})
    assert told["flags"] == ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    few = {"89": 0.0021, "90a": 0.0084, "100a": 0.1242, "103f": 0.1242, "120a": 0.0021, "121a": 0.0021}
    assert told["sass"] == {**dict.fromkeys(("75", "80", "86", "90", "100", "120"), 1.0), **few}
    assert list(told["sass"])[:5] == ["75", "80", "86", "89", "90"]
    (row,) = value(dict(facts), "extensions.kernels")
    assert (row["package"], row["object"], row["role"]) == ("torchvision", "torchvision/_C_stable.so", "entry")
    assert (list(row["sass"]), row["ptx"]) == (["75", "80", "86", "90", "100", "120"], {"120": 1.0})
