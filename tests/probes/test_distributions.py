"""The installed distributions, by the names of their dist-info and egg-info entries."""

from __future__ import annotations

import os

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import distributions, host_system, interpreter, loader, partners, torch_build
from envdoctor.probes.distributions import Distribution
from envdoctor.probes.installed.records import installer, requirements
from recorded_tree import SITE, TOLD, Tree, value

PROBES = (interpreter, distributions)


def installed(tree: Tree) -> dict[str, str]:
    return value(tree.look(PROBES), "packages.installed")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("entry", "name", "version"),
    [
        ("torch-2.9.1+cu128.dist-info", "torch", "2.9.1+cu128"),
        ("torch-2.16.0.dev20261101+cu132.dist-info", "torch", "2.16.0.dev20261101+cu132"),
        ("torch-2.6.0a0+ecf3bae40a.nv25.1.dist-info", "torch", "2.6.0a0+ecf3bae40a.nv25.1"),
        ("nvidia_cublas_cu12-12.8.4.1.dist-info", "nvidia-cublas-cu12", "12.8.4.1"),
        ("ruamel.yaml-0.18.dist-info", "ruamel-yaml", "0.18"),
        ("zope.interface-6.0-py3.9.egg-info", "zope-interface", "6.0"),
        ("Foo__Bar-1!2.0.post1.dist-info", "foo-bar", "1!2.0.post1"),
        ("my-dashed-1.0.dist-info", "my-dashed", "1.0"),
        ("odd-unknown.dist-info", "odd", "unknown"),
        ("torch-1.12.1-py3.9.egg-info", "torch", "1.12.1"),
        ("numpy-1.24.2.egg-info", "numpy", "1.24.2"),
        ("torch-1.12.1-py3.9-linux-x86_64.egg-info", "torch", "1.12.1"),
    ],
)
def test_an_entry_tells_name_and_version(tree: Tree, entry: str, name: str, version: str) -> None:
    tree.folder(f"{SITE}/{entry}")
    assert installed(tree) == {name: version}


@pytest.mark.parametrize(
    "entry",
    [
        "~orch-2.9.1.dist-info",
        "-orch-2.9.1.dist-info",
        "torch.dist-info",
        "torch-.dist-info",
        "torch-2.0",
        "torch.egg-info",
        "torch-1.12.1-linux.egg-info",
        "_torch-2.0.dist-info",
        "torch-2.0.dist-info.bak",
        "-info",
        ".dist-info",
        ".egg-info",
        "torch-2.0\n.dist-info",
        "torch-2.0\x1b[31m.dist-info",
        "t\u00f6rch-2.0.dist-info",
    ],
)
def test_what_pip_does_not_take_for_an_installation_is_none(tree: Tree, entry: str) -> None:
    tree.folder(f"{SITE}/{entry}")
    assert installed(tree) == {}


def test_names_that_are_no_text_are_passed_over(tree: Tree) -> None:
    site = os.fsencode(tree.folder(SITE))
    for entry in (b"\xff-1.0.dist-info", b"torch-2.0\xff.dist-info", b"click-8.1.dist-info"):
        os.mkdir(os.path.join(site, entry))
    assert installed(tree) == {"click": "8.1"}


def test_the_first_on_sys_path_wins(tree: Tree) -> None:
    tree.folder("/user/site/torch-2.5.1.dist-info")
    tree.folder(f"{SITE}/torch-2.9.1.dist-info")
    tree.python({**TOLD, "path": ["/user/site", SITE, "/user/site"]})
    assert installed(tree) == {"torch": "2.5.1"}


def test_the_libraries_of_cuda_are_listed_apart(tree: Tree) -> None:
    for entry in ("nvidia_cudnn_cu12-9.1", "cuda_bindings-13.0", "cudatoolkit-1", "pip-25.2"):
        tree.folder(f"{SITE}/{entry}.dist-info")
    assert value(tree.look(PROBES), "nvidia.packages") == {"nvidia-cudnn-cu12": "9.1", "cuda-bindings": "13.0"}


def test_a_folder_that_cannot_be_listed_is_unknown_where_it_is_all(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Host, path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Host, "listdir", denied)
    fact = tree.look(PROBES)["packages.installed"]
    assert isinstance(fact, Unknown)
    assert fact.reason == f"{SITE} may not be read"


EXAMINERS = (host_system, interpreter, distributions, torch_build, partners, loader)
EXAMINED = ("torch.version", "torch.cuda", "torch.provenance", "torchvision.version", "triton.version")


def deny(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Refuse to list one folder; the tests may run as root, whom permissions do not stop."""
    listdir = Host.listdir

    def listed(self: Host, path: str) -> list[str]:
        if path == folder:
            raise PermissionError(13, "Permission denied", path)
        return listdir(self, path)

    monkeypatch.setattr(Host, "listdir", listed)


def test_what_may_lie_in_a_folder_that_may_not_be_read_is_not_called_absent(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.folder("/user/site")
    tree.folder(f"{SITE}/click-8.1.dist-info")
    tree.python({**TOLD, "path": ["/user/site", SITE]})
    deny(monkeypatch, "/user/site")
    seen = tree.look(EXAMINERS)
    assert value(seen, "packages.installed") == {"click": "8.1"}
    for name in (*EXAMINED, "libraries.missing"):
        assert seen[name] == Unknown("/user/site may not be read"), name


@pytest.mark.parametrize("order", ["torch first", "denied first"])
def test_a_torch_is_known_where_no_folder_before_it_is_denied(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    tree.folder("/user/site")
    tree.file(f"{SITE}/torch/__init__.py")
    tree.file(f"{SITE}/torch/version.py", "__version__ = '2.9.1+cu128'\ncuda = '12.8'\n")
    for entry in ("torch-2.9.1", "torchvision-0.24.1+cu128", "triton-3.5.1"):
        tree.folder(f"{SITE}/{entry}.dist-info")
    path = [SITE, "/user/site"]
    tree.python({**TOLD, "path": path if order == "torch first" else path[::-1]})
    deny(monkeypatch, "/user/site")
    seen = tree.look(EXAMINERS)
    for name in EXAMINED:
        assert isinstance(seen[name], Known if order == "torch first" else Unknown), name
    assert seen["torchaudio.version"] == Unknown("/user/site may not be read")
    assert seen["libraries.missing"] == Unknown("/user/site may not be read")


def test_a_folder_below_one_that_may_not_be_entered_is_denied_too(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.python({**TOLD, "path": ["/closed/site", SITE]})
    deny(monkeypatch, "/closed/site")
    seen = tree.look(EXAMINERS)
    assert value(seen, "python.site_packages") == ["/closed/site", SITE]
    assert isinstance(seen["torch.version"], Unknown)


def test_a_folder_that_went_away_or_is_none_denies_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.file("/bundle.zip")
    monkeypatch.setattr(Host, "is_dir", lambda self, path: True)
    tree.python({**TOLD, "path": ["/gone", "/bundle.zip", SITE]})
    seen = tree.look(EXAMINERS)
    assert {type(seen[name]) for name in EXAMINED} == {Absent}


def test_an_interpreter_that_did_not_answer_leaves_the_packages_unknown(tree: Tree) -> None:
    tree.says("interpreter", code=None, trouble="did not answer within 10 s")
    seen = tree.look(PROBES)
    assert all(isinstance(seen[name], Unknown) for name in distributions.FACTS)


def test_the_list_is_bounded(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"p{number}-1.0.dist-info" for number in range(100_000)]
    monkeypatch.setattr(Host, "listdir", lambda self, path: names)
    assert len(installed(tree)) == distributions.MOST


def test_torch_counts_in_a_crowd_and_the_crowd_of_torches_is_bounded(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = [f"a{number}-1.0.dist-info" for number in range(distributions.MOST)]
    torches = [f"nvidia_x{number}-1.0.dist-info" for number in range(5000)]
    names = [*crowd, *torches, "torch-2.9.1.dist-info"]
    monkeypatch.setattr(Host, "listdir", lambda self, path: names)
    seen = installed(tree)
    assert len(seen) == distributions.MOST + distributions.MOST_OF_FAMILY
    monkeypatch.setattr(Host, "listdir", lambda self, path: [*crowd, "torch-2.9.1.dist-info", *crowd])
    assert installed(tree)["torch"] == "2.9.1"


def test_a_hundred_thousand_real_entries(tree: Tree) -> None:
    site = str(tree.folder(SITE))
    for number in range(100_000):
        os.mkdir(f"{site}/p{number}-1.0.dist-info")
    os.mkdir(f"{site}/torch-2.9.1.dist-info")
    seen = installed(tree)
    assert len(seen) == distributions.MOST + 1
    assert seen["torch"] == "2.9.1"


def test_an_egg_info_that_is_a_file_and_one_that_is_a_fifo(tree: Tree) -> None:
    tree.file(f"{SITE}/numpy-1.24.2.egg-info", "Metadata-Version: 1.2\n")
    os.mkfifo(tree.folder(SITE) / "torch-1.12.1.egg-info")
    os.mkfifo(tree.folder(f"{SITE}/torchvision.egg-info") / "PKG-INFO")
    assert installed(tree) == {"numpy": "1.24.2", "torch": "1.12.1"}


def test_a_checkout_is_read_for_torch_and_its_family_alone(tree: Tree) -> None:
    for name in ("torch", "demo"):
        tree.file(f"{SITE}/{name}.egg-info/PKG-INFO", f"Name: {name}\nVersion: 2.9.0\n\nVersion: 1\n")
    assert installed(tree) == {"torch": "2.9.0"}


def test_no_record_is_opened_for_the_list(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(250):
        tree.file(f"{SITE}/p{number}-1.0.dist-info/METADATA", "Name: p\n")
    host = tree.host()

    def refused(self: Host, path: str, *limit: int) -> str:
        raise AssertionError(path)

    monkeypatch.setattr(Host, "read", refused)
    assert len([*distributions.installed_in(host, [SITE], [], [])]) == 250


METADATA = "Metadata-Version: 2.1\nName: torch\nRequires-Dist: numpy\nRequires-Dist:  triton==3.5.1 ; x == 'y'\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_requirements_are_read_from_the_head(tree: Tree, end: str) -> None:
    text = METADATA + "\nRequires-Dist: a line of the description\n\nRequires-Dist: another\n"
    tree.file(f"{SITE}/torch-2.dist-info/METADATA", text.replace("\n", end))
    dist = Distribution("torch", "2", f"{SITE}/torch-2.dist-info", SITE)
    assert requirements(tree.host(), dist) == ["numpy", "triton==3.5.1 ; x == 'y'"]


def test_metadata_that_is_missing_binary_or_no_file(tree: Tree) -> None:
    dist = Distribution("torch", "2", f"{SITE}/torch-2.dist-info", SITE)
    host = tree.host()
    assert requirements(host, dist) is None
    assert installer(host, dist) is None
    os.mkfifo(tree.folder(dist.folder) / "METADATA")
    assert requirements(host, dist) is None
    os.unlink(tree.folder(dist.folder) / "METADATA")
    tree.file(f"{dist.folder}/METADATA", bytes(range(256)) * 20_000)
    assert requirements(host, dist) == []
    tree.file(f"{dist.folder}/INSTALLER", "uv\n")
    assert installer(host, dist) == "uv"
