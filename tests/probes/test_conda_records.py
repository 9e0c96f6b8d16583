"""The records of conda: names, channels, and nothing else of them."""

from __future__ import annotations

import json
import os

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Unknown
from envdoctor.probes import conda_records, environment_kind, interpreter, layers
from envdoctor.probes.conda_records import channel_name, parse_name
from recorded_tree import TOLD, Tree, value

PROBES = (interpreter, environment_kind, layers, conda_records)


def record(tree: Tree, entry: str, channel: str, prefix: str = "/venv", **more: object) -> None:
    name, version, build = entry.rsplit("-", 2)
    told = {"build": build, "channel": channel, "files": ["lib/x"], "name": name, "version": version, **more}
    tree.file(f"{prefix}/conda-meta/{entry}.json", json.dumps(told, indent=2, sort_keys=True))


def test_what_torch_is_built_on_is_read_and_nothing_else(tree: Tree) -> None:
    record(tree, "pytorch-2.5.1-cuda126_py311_300", "https://mirror.example/conda-forge/linux-64")
    record(tree, "mkl-2024.2.2-ha957f24_16", "https://mirror.example/conda-forge/linux-64")
    record(tree, "pytorch-mutex-1.0-cuda", "pytorch")
    record(tree, "cuda-version-12.6-h7480c83_3", "conda-forge")
    record(tree, "python-3.11.7-hab00c5b_1_cpython", "conda-forge")
    tree.file("/venv/conda-meta/history", "==> 2026-01-01 <==\n")
    assert value(tree.look(PROBES), "packages.conda") == {
        "cuda-version": {"version": "12.6", "build": "h7480c83_3", "channel": "conda-forge"},
        "mkl": {"version": "2024.2.2", "build": "ha957f24_16", "channel": "conda-forge"},
        "pytorch": {"version": "2.5.1", "build": "cuda126_py311_300", "channel": "conda-forge"},
        "pytorch-mutex": {"version": "1.0", "build": "cuda", "channel": "pytorch"},
    }


def test_only_the_wanted_records_are_opened(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        record(tree, f"other{number}-1.0-0", "conda-forge")
    record(tree, "numpy-2.3.0-py311_0", "conda-forge")
    opened = []
    read = Host.read

    def watched(self: Host, path: str, *limit: int) -> str:
        opened.append(path)
        return read(self, path, *limit)

    monkeypatch.setattr(Host, "read", watched)
    tree.look(PROBES)
    assert [path for path in opened if "conda-meta" in path] == ["/venv/conda-meta/numpy-2.3.0-py311_0.json"]


@pytest.mark.parametrize("order", ["sorted", "as rattler writes", "channel last"])
def test_a_record_of_megabytes(tree: Tree, order: str) -> None:
    files = [f"lib/python3.11/site-packages/torch/include/{number:06}.h" for number in range(40_000)]
    told = {"build": "0", "name": "pytorch", "version": "2.5.1"}
    if order == "channel last":
        told |= {"files": files, "channel": "pytorch"}
    else:
        told |= {"channel": "pytorch", "files": files}
    tree.file("/venv/conda-meta/pytorch-2.5.1-0.json", json.dumps(told, sort_keys=order == "sorted"))
    assert value(tree.look(PROBES), "packages.conda")["pytorch"]["channel"] == "pytorch"


@pytest.mark.parametrize(
    ("content", "channel"),
    [
        ("", None),
        ("{", None),
        ("[]", None),
        ('{"channel": 7}', None),
        ('{"channel": "' + "x" * 5000 + '"}', None),
        ('{"channel": "\\u001b[31m"}', None),
        ('{"channel": "a\x1b[31mb"}', "unknown"),
        (b"\xff\xfe" * 1000, None),
    ],
)
def test_a_record_of_another_form(tree: Tree, content: str | bytes, channel: str | None) -> None:
    tree.file("/venv/conda-meta/pytorch-2.5.1-0.json", content)
    assert value(tree.look(PROBES), "packages.conda") == {
        "pytorch": {"version": "2.5.1", "build": "0", "channel": channel}
    }


def test_a_fifo_and_a_loop_of_links_cost_their_channel(tree: Tree) -> None:
    folder = tree.folder("/venv/conda-meta")
    os.mkfifo(folder / "pytorch-2.5.1-0.json")
    (folder / "numpy-2.3.0-0.json").symlink_to("numpy-2.3.0-0.json")
    channels = [row["channel"] for row in value(tree.look(PROBES), "packages.conda").values()]
    assert channels == [None, None]


def test_no_conda_at_all_and_one_that_may_not_be_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tree.look(PROBES)["packages.conda"] == Absent("the environment has no conda-meta")
    tree.file("/venv/conda-meta")
    assert isinstance(tree.look(PROBES)["packages.conda"], Absent)
    listdir = Host.listdir

    def listed(self: Host, path: str) -> list[str]:
        if path.endswith("conda-meta"):
            raise PermissionError(13, "Permission denied", path)
        return listdir(self, path)

    monkeypatch.setattr(Host, "listdir", listed)
    assert tree.look(PROBES)["packages.conda"] == Unknown("/venv/conda-meta cannot be read: Permission denied")


@pytest.mark.parametrize(("seen", "found"), [("true", {"numpy"}), ("false", set())])
def test_conda_behind_a_virtual_environment(tree: Tree, seen: str, found: set[str]) -> None:
    tree.python({**TOLD, "base_prefix": "/opt/conda"})
    tree.file("/venv/pyvenv.cfg", f"include-system-site-packages = {seen}\n")
    record(tree, "numpy-2.3.0-0", "conda-forge", prefix="/opt/conda")
    fact = tree.look(PROBES)["packages.conda"]
    assert set(getattr(fact, "value", ())) == found


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("conda-forge", "conda-forge"),
        ("https://mirror.example/conda-forge/linux-64", "conda-forge"),
        ("https://mirror.example/conda-forge/noarch/", "conda-forge"),
        ("https://mirror.example/conda-forge/label/broken/win-64", "conda-forge"),
        ("https://user:word@mirror.example/t/tk-1234/pytorch/osx-arm64", "pytorch"),
        ("https://mirror.example/anaconda/cloud/pytorch-nightly", "pytorch-nightly"),
        ("https://mirror.example/pkgs/main/linux-64", "defaults"),
        ("https://mirror.example/anaconda/pkgs/free/linux-64", "defaults"),
        ("pkgs/main", "defaults"),
        ("defaults", "defaults"),
        ("file:///home/u/conda-bld/linux-64", "conda-bld"),
        ("<unknown>", "<unknown>"),
        ("https://mirror.example", "unknown"),
        ("https://mirror.example/t/tk-1234/", "unknown"),
        ("https://user:word@mirror.example", "unknown"),
        ("", "unknown"),
        ("x" * 200, "unknown"),
        ("https://mirror.example/\x1b[31m/::error", "unknown"),
    ],
)
def test_a_channel_is_named_without_what_opens_it(address: str, name: str) -> None:
    assert channel_name(address) == name


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("pytorch-2.5.1-py3.11_cuda12.4_cudnn9.1.0_0.json", ("pytorch", "2.5.1", "py3.11_cuda12.4_cudnn9.1.0_0")),
        ("pytorch-cuda-12.4-hc786d27_7.json", ("pytorch-cuda", "12.4", "hc786d27_7")),
        ("history", None),
        ("x.json", None),
        ("--.json", None),
        ("numpy-1\x1b[31m-0.json", None),
    ],
)
def test_the_name_of_a_record(entry: str, told: tuple[str, str, str] | None) -> None:
    assert parse_name(entry) == told
