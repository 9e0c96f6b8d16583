"""What other distributions demand of torch, read from the heads of their METADATA."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.host.host import Host
from envdoctor.model.fact import Known, Unknown
from envdoctor.probes import dependents, distributions, host_system, interpreter
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target
from recorded_tree import SITE, TOLD, Tree, value

PROBES = (host_system, interpreter, distributions, dependents)


def installed(tree: Tree, name: str, version: str, *requires: str, site: str = SITE, after: str = "") -> None:
    head = "".join(f"Requires-Dist: {line}\n" for line in requires)
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{head}\n{after}"
    tree.file(f"{site}/{name}-{version}.dist-info/METADATA", metadata)


def told(tree: Tree) -> list[dict[str, Any]]:
    return value(tree.look(PROBES), "torch.dependents")  # type: ignore[no-any-return]


def demanded(tree: Tree, *requires: str) -> list[str]:
    installed(tree, "vllm", "0.11.0", *requires)
    rows = told(tree)
    return rows[0]["requires"] if rows else []


def test_who_pins_torch_is_named_with_what_it_demands(tree: Tree) -> None:
    installed(tree, "vllm", "0.11.0", "regex", "torch==2.8.0", "torchaudio==2.8.0", "torchvision==0.23.0")
    installed(tree, "lightning", "2.5.5", "torch<4.0,>=2.1.0", "torchmetrics<3.0,>0.7.0")
    installed(tree, "numpy", "2.3.0")
    assert told(tree) == [
        {"name": "lightning", "version": "2.5.5", "requires": ["torch<4.0,>=2.1.0"]},
        {"name": "vllm", "version": "0.11.0", "requires": ["torch==2.8.0", "torchaudio==2.8.0", "torchvision==0.23.0"]},
    ]


def test_the_torch_set_itself_is_no_dependent(tree: Tree) -> None:
    installed(tree, "torch", "2.9.1+cu128", "triton==3.5.1")
    installed(tree, "torchvision", "0.24.1+cu128", "torch==2.9.1")
    installed(tree, "torchaudio", "2.9.1", "torch==2.9.1")
    installed(tree, "pytorch_triton", "3.5.1", "torch; extra == 'tests'")
    assert told(tree) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch", ["torch"]),
        ("Torch (>=1.13)", ["torch>=1.13"]),
        ("torch >= 2.0 , < 3", ["torch>=2.0,<3"]),
        ("torch[opt-einsum]~=2.6", ["torch~=2.6"]),
        ("torch==2.9.0+cu128", ["torch==2.9.0+cu128"]),
        ("torch!=2.6.*", ["torch!=2.6.*"]),
        ("triton==3.5.0 ; platform_system == 'Linux' and platform_machine == 'x86_64'", ["triton==3.5.0"]),
        ("triton==3.5.0; platform_system == 'Windows'", []),
        ("torch>=2.4; python_version >= '3.11'", ["torch>=2.4"]),
        ("torch>=2.4; python_version < '3.10'", []),
        ("torch>=2.4; implementation_name == 'cpython' and os_name == 'posix'", ["torch>=2.4"]),
        ("torch>=2.4; extra == 'gpu'", []),
        ("torch>=2.4; python_version >= '3.8' and extra == 'gpu'", []),
        ("torch @ https://user:secret@host.example/torch.whl", []),
        ("torch==", []),
        ("torch>=2.4; no marker at all", []),
        ("torch>=2.4; " + "(" * 400, []),
        ("torch>=2.4; platform_release ~= 'x'", []),
        ("torchmetrics>=1", []),
        ("torch-geometric==2.6", []),
        ("torch\x1b[31m==2", []),
    ],
)
def test_a_line(tree: Tree, line: str, expected: list[str]) -> None:
    assert demanded(tree, line) == expected


def test_a_line_that_stands_twice_demands_once(tree: Tree) -> None:
    assert demanded(tree, "torch>=2", "torch>=2 ; python_version > '3'") == ["torch>=2"]


def test_markers_are_those_of_the_interpreter_that_is_examined(tree: Tree) -> None:
    tree.python({**TOLD, "version": "3.9.18", "tag": "cp39", "machine": "aarch64"})
    lines = ["torch<2.9; python_version < '3.10'", "triton>=3; platform_machine == 'x86_64'"]
    assert demanded(tree, *lines) == ["torch<2.9"]


def test_what_follows_the_head_is_a_description(tree: Tree) -> None:
    installed(tree, "guide", "1.0", "numpy", after="Requires-Dist: torch==1.0\n\nHow to use torch\n")
    installed(tree, "other", "1.0", "numpy", "triton>=2", after="Requires-Dist: torch==1.0\n")
    assert told(tree) == [{"name": "other", "version": "1.0", "requires": ["triton>=2"]}]


def test_line_ends_of_windows(tree: Tree) -> None:
    tree.file(
        f"{SITE}/vllm-0.11.0.dist-info/METADATA",
        b"Name: vllm\r\nRequires-Dist: torch==2.8.0\r\n\r\nRequires-Dist: torch",
    )
    assert told(tree) == [{"name": "vllm", "version": "0.11.0", "requires": ["torch==2.8.0"]}]


def test_an_egg_info_has_its_requirements_in_another_file(tree: Tree) -> None:
    tree.file(f"{SITE}/fairseq-0.12.2-py3.11.egg-info/PKG-INFO", "Name: fairseq\nVersion: 0.12.2\n")
    tree.file(f"{SITE}/fairseq-0.12.2-py3.11.egg-info/requires.txt", "torch>=1.13\n\n[dev]\ntorchaudio\n")
    assert told(tree) == [{"name": "fairseq", "version": "0.12.2", "requires": ["torch>=1.13"]}]


def test_of_two_records_the_one_that_import_meets_counts(tree: Tree) -> None:
    user = "/home/u/.local/lib/python3.11/site-packages"
    tree.python({**TOLD, "path": [SITE, user]})
    installed(tree, "vllm", "0.11.0", "torch==2.8.0")
    installed(tree, "vllm", "0.10.0", "torch==2.7.1", site=user)
    assert [row["version"] for row in told(tree)] == ["0.11.0"]


def test_metadata_that_is_missing_a_folder_or_no_text(tree: Tree) -> None:
    tree.folder(f"{SITE}/empty-1.0.dist-info")
    tree.folder(f"{SITE}/folder-1.0.dist-info/METADATA")
    tree.file(f"{SITE}/bytes-1.0.dist-info/METADATA", bytes(range(256)) * 300 + b"torch")
    os.mkfifo(tree.folder(f"{SITE}/pipe-1.0.dist-info") / "METADATA")
    installed(tree, "vllm", "0.11.0", "torch==2.8.0")
    assert [row["name"] for row in told(tree)] == ["vllm"]


def test_a_head_without_end_is_read_in_part(tree: Tree) -> None:
    installed(tree, "first", "1.0", "torch>=2", *["x" * 900] * 5000)
    installed(tree, "last", "1.0", *["x" * 900] * 5000, "torch>=2")
    assert [row["name"] for row in told(tree)] == ["first"]


def test_what_may_be_in_a_folder_that_may_not_be_read_is_not_known(tmp_path: Any) -> None:
    at = Looking(Host(), Target("/venv/bin/python", "named"), deadline=0.0)
    at.denied = ("/locked",)
    assert dependents.look(at)["torch.dependents"] == Unknown("/locked may not be read")


def test_an_interpreter_that_did_not_answer(tree: Tree) -> None:
    tree.says("interpreter", code=None, trouble="did not answer in time")
    assert isinstance(tree.look(PROBES)["torch.dependents"], Unknown)


@given(st.text(max_size=200), st.sampled_from(["torch", "torch==2", "triton;", "torch>=2; ", "torch[", "torch ("]))
def test_any_line_is_read_or_left_out(text: str, start: str) -> None:
    at = Looking(Host(), Target("/venv/bin/python", "named"), deadline=0.0)
    at.facts["python.version"] = Known("3.11.7", "a test")
    for demand in dependents.demands(start + text, at):
        assert demand.startswith(("torch", "triton"))
        assert demand.isascii()
        assert demand.isprintable()
        assert len(demand) < 300
