"""numpy, OpenCV and the extensions of torch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.names import normalised
from envdoctor.probes import distributions, extensions, interpreter
from recorded_tree import SITE, TOLD, Tree, value

if TYPE_CHECKING:
    from collections.abc import Sequence

PROBES = (interpreter, distributions, extensions)


def record(tree: Tree, name: str, version: str, requires: Sequence[str] = (), site: str = SITE) -> None:
    lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
    tree.file(f"{site}/{name}-{version}.dist-info/METADATA", f"Name: {name}\n{lines}\nRequires-Dist: torch==0\n")


def test_what_extensions_require_of_torch(tree: Tree) -> None:
    record(tree, "vllm", "0.11.0", ["torch==2.8.0", "torchvision==0.23.0", "xformers==0.0.32 ; x", "numpy", "requests"])
    record(tree, "flash_attn", "2.8.3", ["torch", "einops"])
    record(tree, "bitsandbytes", "0.48.1", ["torch <3,>=2.3", "numpy >=1.17"])
    record(tree, "liger_kernel", "0.6.2", ["torch>=2.1.2", "triton>=2.3.1", "pytorch-triton-rocm ; x"])
    record(tree, "nvidia_modelopt", "0.37", ["nvidia-ml-py>=12", "torch>=2.6"])
    record(tree, "requests", "2.32", ["numpy"])
    assert value(tree.look(PROBES), "extensions.packages") == {
        "bitsandbytes": {"version": "0.48.1", "requires": ["torch <3,>=2.3", "numpy >=1.17"]},
        "flash-attn": {"version": "2.8.3", "requires": ["torch"]},
        "liger-kernel": {"version": "0.6.2", "requires": ["torch>=2.1.2", "triton>=2.3.1", "pytorch-triton-rocm ; x"]},
        "nvidia-modelopt": {"version": "0.37", "requires": ["nvidia-ml-py>=12", "torch>=2.6"]},
        "vllm": {"version": "0.11.0", "requires": ["torch==2.8.0", "torchvision==0.23.0", "numpy"]},
    }


def test_only_the_metadata_of_known_ones_is_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(250):
        record(tree, f"package{number}", "1.0", ["torch"])
    record(tree, "xformers", "0.0.33", ["torch==2.9.0"])
    opened: list[str] = []
    read = Host.read

    def watched(self: Host, path: str, *limit: int) -> str:
        opened.append(path)
        return read(self, path, *limit)

    monkeypatch.setattr(Host, "read", watched)
    tree.look(PROBES)
    assert [path for path in opened if path.startswith(SITE)] == [f"{SITE}/xformers-0.0.33.dist-info/METADATA"]


def test_names_are_kept_in_their_normal_form() -> None:
    assert [name for name in extensions.KNOWN if name != normalised(name)] == []


@pytest.mark.parametrize("state", ["missing", "fifo", "binary", "one line of 1 MB", "a million lines"])
def test_metadata_that_tells_nothing_costs_the_requirements_alone(tree: Tree, state: str) -> None:
    folder = tree.folder(f"{SITE}/vllm-0.11.0.dist-info")
    if state == "fifo":
        os.mkfifo(folder / "METADATA")
    elif state != "missing":
        content = {
            "binary": bytes(range(256)) * 5000,
            "one line of 1 MB": b"Requires-Dist: torch" + b"=" * 1_000_000,
            "a million lines": b"Requires-Dist: torch\n" * 1_000_000,
        }[state]
        (folder / "METADATA").write_bytes(content)
    told = value(tree.look(PROBES), "extensions.packages")["vllm"]
    assert told["version"] == "0.11.0"
    assert len(told["requires"]) == (extensions.MOST if state == "a million lines" else 0)


def test_the_packages_of_opencv(tree: Tree) -> None:
    for name in ("opencv_python", "opencv_python_headless", "opencv_contrib_python"):
        record(tree, name, "4.12.0.88")
    assert value(tree.look(PROBES), "opencv.packages") == {
        "opencv-contrib-python": "4.12.0.88",
        "opencv-python": "4.12.0.88",
        "opencv-python-headless": "4.12.0.88",
    }


USER = "/user/site"
OURS, USERS = f"{SITE}/numpy", f"{USER}/numpy"


@pytest.mark.parametrize(
    ("files", "fact"),
    [
        ({}, Absent("no distribution named numpy")),
        ({f"{SITE}/numpy-2.3.0.dist-info/x": ""}, Known("2.3.0", "dist-info")),
        (
            {f"{OURS}/__init__.py": "", f"{OURS}-1.26.4.dist-info/x": "", f"{USERS}-2.3.0.dist-info/x": ""},
            Known("1.26.4", "dist-info"),
        ),
        (
            {f"{USERS}/__init__.py": "", f"{USERS}/version.py": "version = '1.24.2'\n", f"{OURS}/__init__.py": ""},
            Known("1.24.2", "numpy/version.py"),
        ),
        (
            {f"{OURS}/__init__.py": "", f"{OURS}/version.py": 'version = "2.4.6"\nfull_version = version\n'},
            Known("2.4.6", "numpy/version.py"),
        ),
        ({f"{SITE}/numpy/__init__.py": ""}, Unknown("numpy/version.py states no version")),
        (
            # What an interrupted upgrade leaves: two records, of which the files tell the one that is there.
            {
                f"{OURS}/__init__.py": "", f"{OURS}/version.py": "full_version = '2.3.0'\n",
                f"{OURS}-1.26.4.dist-info/x": "", f"{OURS}-2.3.0.dist-info/x": "",
            },
            Known("2.3.0", "numpy/version.py"),
        ),
        (
            {f"{OURS}/__init__.py": "", f"{OURS}-1.24.1.dist-info/x": "", f"{OURS}-1.24.2.dist-info/x": ""},
            Known("1.24.1", "dist-info"),
        ),
        ({f"{SITE}/numpy/notes.txt": ""}, Absent("no distribution named numpy")),
        ({f"{SITE}/numpy-1.24.2.egg-info": "Metadata-Version: 1.2\n"}, Known("1.24.2", "dist-info")),
    ],
)  # fmt: skip
def test_the_numpy_that_would_be_imported(tree: Tree, files: dict[str, str], fact: Fact) -> None:
    tree.folder(USER)
    tree.python({**TOLD, "path": [USER, SITE]})
    for path, text in files.items():
        tree.file(path, text)
    assert tree.look(PROBES)["numpy.version"] == fact


def test_nothing_is_concluded_where_a_folder_may_not_be_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.folder(USER)
    tree.python({**TOLD, "path": [USER, SITE]})
    record(tree, "vllm", "0.11.0")
    listdir = Host.listdir

    def listed(self: Host, path: str) -> list[str]:
        if path == USER:
            raise PermissionError(13, "Permission denied", path)
        return listdir(self, path)

    monkeypatch.setattr(Host, "listdir", listed)
    seen = tree.look(PROBES)
    assert {name: seen[name] for name in extensions.FACTS} == dict.fromkeys(
        extensions.FACTS, Unknown(f"{USER} may not be read")
    )
