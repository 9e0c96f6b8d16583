"""`packages.damaged`: what counts as damage to a torch, and what slims an image."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Known, Unknown
from envdoctor.probes import (
    conda_records,
    distributions,
    environment,
    interpreter,
    nvidia_packages,
    package_files,
    torch_build,
)
from envdoctor.probes.installed.recorded_files import MOST_FILES, compare, entries, parse
from envdoctor.probes.look import _ask
from envdoctor.probes.looking import Looking
from envdoctor.probes.package_files import AT_ONCE
from envdoctor.probes.target import Target
from recorded_tree import SITE, Tree, look_at, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROBES = (interpreter, environment, distributions, conda_records, torch_build, nvidia_packages, package_files)


def shared_object(size: int = 400, *, needs_bytes: int | None = None) -> bytes:
    """An ELF shared object of `size` bytes whose one loaded segment is as long as the whole, or as `needs_bytes`."""
    head = struct.pack("<4s5B7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, needs_bytes or size, needs_bytes or size, 4096)
    return (head + segment).ljust(size, b"\x90")


TORCH: dict[str, bytes] = {
    "torch/__init__.py": b"from torch import nn\n",
    "torch/version.py": b"__version__ = '2.9.1+cu128'\ncuda = '12.8'\n",
    "torch/nn/__init__.py": b"import torch\n",
    "torch/_inductor/ir.py": b"lowering = 1\n",
    "torch/testing/_internal/common.py": b"tests = 1\n",
    "torch/include/ATen/ATen.h": b"#pragma once\n",
    "torch/bin/protoc": b"program",
    "torch/bin/torch_shm_manager": b"program",
    "torch/lib/libtorch_cuda.so": shared_object(600),
    "torch/lib/libtorch_cuda_linalg.so": shared_object(500),
    "torch/lib/libprotobuf.a": b"!<arch>\n",
    "torch/_C.cpython-311-x86_64-linux-gnu.so": shared_object(450),
    "torchgen/__init__.py": b"version = 1\n",
}


def line(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


def put(
    tree: Tree, name: str, files: Mapping[str, bytes], version: str = "2.9.1", *, more: str = "", **info: str
) -> str:
    """Install a distribution into the tree as pip does; returns its dist-info folder."""
    folder = f"{SITE}/{name.replace('-', '_')}-{version}.dist-info"
    for path, content in files.items():
        tree.file(f"{SITE}/{path}", content)
    texts = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "INSTALLER": "pip\n", **info}
    for file, text in texts.items():
        tree.file(f"{folder}/{file}", text)
    tree.file(f"{folder}/RECORD", "".join(line(path, content) for path, content in files.items()) + more)
    return folder


def rows(tree: Tree) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = value(tree.look(PROBES), "packages.damaged")
    return found


def wrongs(tree: Tree) -> list[tuple[str, str, bool]]:
    """File, what is wrong, whether it loads: of every row."""
    return [(file["file"], file["what"], file["loads"]) for row in rows(tree) for file in row["files"]]


@pytest.fixture
def torch(tree: Tree) -> Tree:
    put(tree, "torch", TORCH)
    return tree


def test_a_whole_torch_has_no_row(torch: Tree) -> None:
    assert rows(torch) == []


@pytest.mark.parametrize(
    ("path", "loads"),
    [
        ("torch/nn/__init__.py", True),
        ("torch/_C.cpython-311-x86_64-linux-gnu.so", True),
        ("torch/lib/libtorch_cuda.so", True),
        ("torch/lib/libtorch_cuda_linalg.so", False),
        ("torch/_inductor/ir.py", False),
        ("torch/bin/torch_shm_manager", True),
    ],
)
def test_a_file_that_is_gone(torch: Tree, path: str, loads: bool) -> None:
    (torch.root / SITE[1:] / path).unlink()
    (row,) = rows(torch)
    assert (row["package"], row["version"], row["missing"], row["changed"], row["deep"]) == (
        "torch",
        "2.9.1",
        1,
        0,
        False,
    )
    assert row["files"] == [
        {"file": path, "what": "missing", "recorded": len(TORCH[path]), "found": None, "loads": loads}
    ]


@pytest.mark.parametrize(
    "gone",
    ["torch/testing/_internal", "torch/include", "torch/bin/protoc", "torch/lib/libprotobuf.a", "torchgen"],
)
def test_what_slims_an_image_is_no_damage(torch: Tree, gone: str) -> None:
    there = torch.root / SITE[1:] / gone
    shutil.rmtree(there) if there.is_dir() else there.unlink()
    assert rows(torch) == []


def test_sources_taken_away_after_compiling_are_no_damage(torch: Tree) -> None:
    there = torch.root / SITE[1:] / "torch/nn/__init__.py"
    there.rename(there.with_suffix(".pyc"))
    assert rows(torch) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "truncated"),
        (shared_object(600)[:40], "truncated"),
        (shared_object(600)[:599], "truncated"),
        (b"<html>503</html>", "truncated"),
        (shared_object(500), "size"),  # stripped: whole, and shorter
        (shared_object(700), "size"),  # patchelf appends
    ],
)
def test_a_shared_object_of_another_size(torch: Tree, content: bytes, what: str) -> None:
    torch.file(f"{SITE}/torch/lib/libtorch_cuda.so", content)
    assert wrongs(torch) == [("torch/lib/libtorch_cuda.so", what, True)]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "truncated"),
        (b"\0" * 5, "truncated"),
        (b"import torch  # patched\n", "size"),
        (b"import torch\r\n", None),
    ],
)
def test_a_module_of_another_size(torch: Tree, content: bytes, what: str | None) -> None:
    torch.file(f"{SITE}/torch/nn/__init__.py", content)
    assert wrongs(torch) == ([("torch/nn/__init__.py", what, True)] if what else [])


def test_the_worst_is_named_first_and_few_are_named(torch: Tree) -> None:
    more = {f"torch/_inductor/m{number}.py": b"x" for number in range(20)}
    put(torch, "torch", {**TORCH, **more})
    for path in more:
        (torch.root / SITE[1:] / path).unlink()
    torch.file(f"{SITE}/torch/nn/__init__.py", b"# another\n")
    torch.file(f"{SITE}/torch/lib/libtorch_cuda.so", b"")
    (row,) = rows(torch)
    assert (row["missing"], row["changed"], len(row["files"])) == (20, 2, 5)
    assert row["files"][0]["file"] == "torch/lib/libtorch_cuda.so"
    assert {file["what"] for file in row["files"][1:]} == {"missing"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_a_file_that_may_not_be_read(torch: Tree) -> None:
    (torch.root / SITE[1:] / "torch/nn/__init__.py").chmod(0)
    assert wrongs(torch) == [("torch/nn/__init__.py", "unreadable", True)]


NCCL = {
    "nvidia/nccl/lib/libnccl.so.2": shared_object(900),
    "nvidia/__init__.py": b"",
    "nvidia/nccl/lib/libnccl-extra.so": shared_object(),
}
REQUIRES = "Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1\nRequires-Dist: nvidia-nccl-cu12==2.27.5\n"


def needing(tree: Tree, *sonames: str) -> None:
    """A torch whose libtorch_cuda.so needs those libraries."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tree.root / "build"
    folder.mkdir()
    flags = []
    for soname in sonames:
        subprocess.run(
            ["cc", "-shared", "-o", folder / soname, "-x", "c", os.devnull, f"-Wl,-soname,{soname}"], check=True
        )
        flags.append(str(folder / soname))
    built = folder / "libtorch_cuda.so"
    subprocess.run(
        ["cc", "-shared", "-o", built, "-x", "c", os.devnull, "-x", "none", "-Wl,--no-as-needed", *flags], check=True
    )
    put(tree, "torch", {**TORCH, "torch/lib/libtorch_cuda.so": built.read_bytes()}, METADATA=REQUIRES)


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("nvidia/nccl/lib/libnccl.so.2", None, [("nvidia/nccl/lib/libnccl.so.2", "missing", True)]),
        ("nvidia/nccl/lib/libnccl.so.2", b"\x7fELF", [("nvidia/nccl/lib/libnccl.so.2", "truncated", True)]),
        ("nvidia/nccl/lib/libnccl.so.2", shared_object(800), [("nvidia/nccl/lib/libnccl.so.2", "size", True)]),
        ("nvidia/nccl/lib/libnccl-extra.so", None, []),  # nothing needs it
        ("nvidia/__init__.py", None, []),  # shared with other packages, and empty
    ],
)
def test_a_cuda_library_that_torch_needs(
    tree: Tree, path: str, content: bytes | None, expected: list[tuple[str, str, bool]]
) -> None:
    needing(tree, "libnccl.so.2")
    put(tree, "nvidia-nccl-cu12", NCCL, "2.27.5")
    assert rows(tree) == []
    if content is None:
        (tree.root / SITE[1:] / path).unlink()
    else:
        tree.file(f"{SITE}/{path}", content)
    assert wrongs(tree) == expected


def test_a_cuda_package_that_torch_does_not_require_is_not_asked(torch: Tree) -> None:
    put(torch, "nvidia-nccl-cu12", NCCL, "2.27.5")
    (torch.root / SITE[1:] / "nvidia/nccl/lib/libnccl.so.2").unlink()
    assert rows(torch) == []


def test_a_file_that_another_package_wrote_over_is_that_package_s(tree: Tree) -> None:
    needing(tree, "libnccl.so.2")
    put(tree, "nvidia-nccl-cu12", NCCL, "2.27.5")
    put(tree, "triton", {"nvidia/nccl/lib/libnccl.so.2": shared_object(950), "triton/__init__.py": b"x"}, "3.5.1")
    assert rows(tree) == []


def test_variants_that_an_image_is_slimmed_of(torch: Tree) -> None:
    files = {f"bitsandbytes/libbitsandbytes_cuda{cuda}.so": shared_object() for cuda in (118, 126, 128)}
    put(torch, "bitsandbytes", {"bitsandbytes/__init__.py": b"x", **files}, "0.50.2")
    (torch.root / SITE[1:] / "bitsandbytes/libbitsandbytes_cuda118.so").unlink()
    assert rows(torch) == []
    (torch.root / SITE[1:] / "bitsandbytes/__init__.py").unlink()
    assert wrongs(torch) == [("bitsandbytes/__init__.py", "missing", True)]


EDITABLE = json.dumps({"url": "file:///src/pytorch", "dir_info": {"editable": True}})


@pytest.mark.parametrize(
    "info",
    [{"INSTALLER": "conda\n"}, {"INSTALLER": "rpm\n"}, {"direct_url.json": EDITABLE}],
    ids=["conda", "rpm", "editable"],
)
def test_records_that_their_builder_does_not_keep(tree: Tree, info: dict[str, str]) -> None:
    put(tree, "torch", TORCH, **info)
    tree.file(f"{SITE}/torch/lib/libtorch_cuda.so", b"")
    assert rows(tree) == []


def test_of_two_records_in_one_folder_that_of_the_version_in_the_files_counts(tree: Tree) -> None:
    put(tree, "torch", {**TORCH, "torch/nn/__init__.py": b"of another release"}, "2.8.0")
    put(tree, "torch", TORCH)
    assert rows(tree) == []


def test_a_record_without_sizes_tells_what_is_gone(tree: Tree) -> None:
    folder = put(tree, "torch", TORCH)
    tree.file(f"{folder}/RECORD", "".join(f"{path},,\n" for path in TORCH))
    tree.file(f"{SITE}/torch/lib/libtorch_cuda.so", b"")
    (tree.root / SITE[1:] / "torch/nn/__init__.py").unlink()
    assert wrongs(tree) == [("torch/nn/__init__.py", "missing", True)]


def test_no_record_no_row(tree: Tree) -> None:
    folder = put(tree, "torch", TORCH)
    (tree.root / folder[1:] / "RECORD").unlink()
    (tree.root / SITE[1:] / "torch/nn/__init__.py").unlink()
    assert rows(tree) == []


def test_links_are_followed(torch: Tree) -> None:
    """Bazel, Nix and uv make environments of links."""
    there = torch.root / SITE[1:] / "torch/lib/libtorch_cuda.so"
    store = torch.folder("/store") / "object"
    there.rename(store)
    there.symlink_to("/store/object")
    assert rows(torch) == []
    store.write_bytes(b"")
    assert wrongs(torch) == [("torch/lib/libtorch_cuda.so", "truncated", True)]


def test_a_closed_folder_of_packages_is_unknown(tree: Tree) -> None:
    tree.says("interpreter", "", code=None, trouble="did not answer within 10 s")
    assert isinstance(tree.look(PROBES)["packages.damaged"], Unknown)


# Content.


def deep(tree: Tree) -> tuple[list[tuple[str, str]], list[tuple[int, int]]]:
    """What is wrong, and what was told on the way."""
    told: list[tuple[int, int]] = []
    at = Looking(tree.host(), Target("/venv/bin/python", "named by --python"), deadline=1e12, deep=True)
    at.progress = lambda done, of: told.append((done, of))
    for probe in PROBES:
        at.facts.update(probe.look(at))
    found = value(at.facts, "packages.damaged")
    assert all(row["deep"] is True for row in found)
    return [(file["file"], file["what"]) for row in found for file in row["files"]], told


def flip(tree: Tree, path: str) -> None:
    there = tree.root / SITE[1:] / path
    content = bytearray(there.read_bytes())
    content[-1] ^= 0xFF
    there.write_bytes(bytes(content))


def test_content_is_compared_on_request_alone(torch: Tree) -> None:
    flip(torch, "torch/lib/libtorch_cuda.so")
    flip(torch, "torch/_inductor/ir.py")
    assert rows(torch) == []
    found, told = deep(torch)
    assert found == [("torch/lib/libtorch_cuda.so", "hash"), ("torch/_inductor/ir.py", "hash")]
    assert told[-1][0] == told[-1][1] > 0


def test_a_whole_torch_compared_to_its_hashes(torch: Tree) -> None:
    assert deep(torch)[0] == []


def test_a_library_whose_blocks_were_never_written(torch: Tree) -> None:
    torch.file(f"{SITE}/torch/lib/libtorch_cuda.so", bytes(600))
    assert deep(torch)[0] == [("torch/lib/libtorch_cuda.so", "truncated")]


def test_a_library_that_the_loader_cannot_read_is_compared_without_being_asked(torch: Tree) -> None:
    path = f"{SITE}/torch/lib/libtorch_cuda.so"
    for content, expected in ((bytes(600), ["truncated"]), (TORCH["torch/lib/libtorch_cuda.so"], [])):
        torch.file(path, content)
        at = Looking(torch.host(), Target("/venv/bin/python", "named by --python"), deadline=time.monotonic() + 60)
        for probe in PROBES[:-1]:
            at.facts.update(probe.look(at))
        at.unreadable = [path]
        fact = package_files.look(at)["packages.damaged"]
        assert isinstance(fact, Known)
        assert [file["what"] for row in fact.value for file in row["files"]] == expected  # type: ignore[union-attr, index, call-overload]


def test_no_look_goes_on_when_the_time_is_over(torch: Tree) -> None:
    at = Looking(torch.host(), Target("/venv/bin/python", "named by --python"), deadline=time.monotonic() + 60)
    for probe in PROBES[:-1]:
        at.facts.update(probe.look(at))
    at.deadline = time.monotonic() - 1
    _ask(package_files, at)
    fact = at.facts["packages.damaged"]
    assert isinstance(fact, Unknown)
    assert "--timeout" in fact.reason


def test_line_ends_alone_are_no_damage_to_the_content_either(torch: Tree) -> None:
    torch.file(f"{SITE}/torch/nn/__init__.py", b"import torch\r\n")
    assert deep(torch)[0] == []


def test_a_file_that_two_packages_record_with_other_contents_is_told_of_neither(torch: Tree) -> None:
    path = "torch/nn/__init__.py"
    put(torch, "triton", {path: TORCH[path].upper(), "triton/__init__.py": b"x"}, "3.5.1")
    assert deep(torch)[0] == []


def test_digests_of_other_kinds_are_passed_over(tree: Tree) -> None:
    folder = put(tree, "torch", TORCH)
    lines = "".join(f"{path},md5=x,{len(content)}\n" for path, content in TORCH.items())
    tree.file(f"{folder}/RECORD", lines)
    assert deep(tree)[0] == []


# Hostile records.


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd.py", "../../../outside.py", "torch/../../outside.py", "torch/..", "C:/outside.py", "a\0b.py",
        "torch\\..\\outside.py", '"quoted, with a comma.py"', "\udcff.py", "../../bin/x.py", ".py",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder_of_packages(path: str, tree: Tree) -> None:
    tree.file("/outside.py", b"")
    put(tree, "torch", TORCH)
    record = next((tree.root / SITE[1:]).glob("torch-*.dist-info/RECORD"))
    record.write_bytes(record.read_bytes() + f"{path},sha256=x,7\n".encode(errors="surrogateescape"))
    expected = [(".py", "missing", False)] if path == ".py" else []
    assert [one for one in wrongs(tree) if one not in expected] == []
    assert all("outside" not in one.path and not one.path.startswith("/") for one in parse(record.read_bytes()))


def test_windows_separators(tree: Tree) -> None:
    data = rb"torch\nn\__init__.py,sha256=x,9" + b"\r\n"
    assert [one.path for one in parse(data, windows=True)] == ["torch/nn/__init__.py"]
    assert parse(data) == []


def test_a_long_record_is_read_in_part(tree: Tree) -> None:
    data = b"".join(b"a/m%d.py,sha256=x,1\n" % number for number in range(MOST_FILES + 50))
    assert len(parse(data)) == MOST_FILES


def test_numbers_and_lines_of_any_length() -> None:
    data = (
        b"a.py,sha256=x," + b"9" * 5000 + b"\n" + b"x" * 100_000 + b".py,s,1\nb.py,sha256=" + b"y" * 900 + b",1\nc.py,,"
    )
    assert [one.path for one in parse(data) if len(one.path) < 100] == ["c.py"]


def test_what_lies_in_place_of_a_file_neither_blocks_nor_is_opened(torch: Tree) -> None:
    folder = torch.root / SITE[1:] / "torch"
    (folder / "nn/__init__.py").unlink()
    os.mkfifo(folder / "nn/__init__.py")
    (folder / "lib/libtorch_cuda.so").unlink()
    (folder / "lib/libtorch_cuda.so").mkdir()
    assert {(path, what) for path, what, _ in wrongs(torch)} == {
        ("torch/nn/__init__.py", "unreadable"),
        ("torch/lib/libtorch_cuda.so", "unreadable"),
    }


def test_a_fifo_in_place_of_a_record_does_not_block(torch: Tree) -> None:
    record = next((torch.root / SITE[1:]).glob("torch-*.dist-info/RECORD"))
    record.unlink()
    os.mkfifo(record)
    assert rows(torch) == []


def test_a_path_that_would_move_the_cursor_is_escaped(tree: Tree) -> None:
    put(tree, "torch", {**TORCH, "torch/\x1b[2J.py": b"x"})
    (tree.root / SITE[1:] / "torch/\x1b[2J.py").unlink()
    assert [path for path, _, _ in wrongs(tree)] == ["torch/\\x1b[2J.py"]


# Real wheels.


def real(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    return Path(folder)


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_wheels_as_pip_installs_them(variable: str) -> None:
    seen = look_at(Host(), str(real(variable) / "bin" / "python"), PROBES)
    assert value(seen, "packages.damaged") == []


MODULES = """
import json, sys, torch
print(json.dumps([file for file in (getattr(module, "__file__", None) for module in sys.modules.values()) if file]))
"""


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_modules_said_to_be_imported_at_once_are(variable: str) -> None:
    python = real(variable) / "bin" / "python"
    done = subprocess.run([python, "-B", "-c", MODULES], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout))
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    listed = entries(Host(), str(next(site.glob("torch-*.dist-info"))))
    assert listed is not None
    claimed = [one.path for one in listed if AT_ONCE.fullmatch(one.path)]
    assert len(claimed) > 80
    assert [path for path in claimed if str(site / path) not in imported] == []
    assert list(compare(Host(), str(site), listed)) == []


@pytest.mark.real
@pytest.mark.parametrize(
    "break_it",
    [
        lambda at: shutil.rmtree(at / "torch/nn"),
        lambda at: (at / "torch/functional.py").unlink(),
        lambda at: (at / "torch/bin/torch_shm_manager").unlink(),
        lambda at: next(at.glob("torch/_C.*.so")).unlink(),
        lambda at: _rewrite(at / "torch/lib/libc10.so", lambda content: content[: len(content) // 2]),
        lambda at: _rewrite(at / "torch/nn/functional.py", lambda _: b""),
    ],
    ids=["folder", "module", "program", "extension", "library", "emptied"],
)
def test_what_is_said_to_break_the_import_does(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    python = real("ENVDOCTOR_TEST_CPU_ENV") / "bin" / "python"
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    fresh = tmp_path / "env"
    # Hard links: the wheels hold gigabytes.
    shutil.copytree(python.parent.parent, fresh, symlinks=True, copy_function=os.link)
    copy = fresh / site.relative_to(python.parent.parent)
    for cached in copy.glob("torch/**/__pycache__"):
        shutil.rmtree(cached)
    break_it(copy)
    done = subprocess.run(
        [fresh / "bin" / "python", "-B", "-c", "import torch; torch.nn.functional.relu"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    row = value(look_at(Host(), str(fresh / "bin" / "python"), PROBES), "packages.damaged")[0]
    assert (row["package"], row["files"][0]["loads"]) == ("torch", True)
    assert row["files"][0]["what"] in ("missing", "truncated")


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Put changed content in place of a file, without writing through a hard link."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(change(content))
