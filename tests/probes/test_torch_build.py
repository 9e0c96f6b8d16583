"""The installed torch and its partners, of every builder and in every state of decay."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import (
    conda_records,
    container,
    distributions,
    duplicates,
    environment,
    environment_kind,
    host_system,
    interpreter,
    layers,
    loader,
    partners,
    torch_build,
)
from envdoctor.probes.installed import version_file
from recorded_tree import SITE, TOLD, Tree, value

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

PROBES = (
    container,
    host_system,
    environment,
    interpreter,
    environment_kind,
    layers,
    distributions,
    conda_records,
    torch_build,
    partners,
)
GIT = "0f4f6ba44ff2b77bb3c2bd3a3a1a5c3e5a2b1c0d"


def version_text(version: str, cuda: str | None = None, hip: str | None = None, xpu: str | None = None) -> str:
    """torch/version.py as tools/generate_torch_version.py of torch 2.6 and later writes it."""
    return (
        "from typing import Optional\n\n"
        "__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'xpu']\n"
        f"__version__ = '{version}'\ndebug = False\ncuda: Optional[str] = {cuda!r}\ngit_version = '{GIT}'\n"
        f"hip: Optional[str] = {hip!r}\nxpu: Optional[str] = {xpu!r}\n"
    )


def torch(tree: Tree, text: str | bytes | None, dist: str | None, *, site: str = SITE, installer: str = "pip") -> None:
    """Install a torch: `text` of its version.py, version of its dist-info; None leaves either out."""
    if text is not None:
        tree.file(f"{site}/torch/__init__.py")
        tree.file(f"{site}/torch/version.py", text)
    if dist is not None:
        tree.file(f"{site}/torch-{dist}.dist-info/METADATA", "Name: torch\nRequires-Dist: sympy\n")
        if installer:
            tree.file(f"{site}/torch-{dist}.dist-info/INSTALLER", installer)


def look(tree: Tree) -> Facts:
    return tree.look(PROBES)


def known(facts: Facts, *names: str) -> dict[str, object]:
    """The values of facts of torch; None for an absent one, a failure for an unknown one."""
    seen = {}
    for name in names:
        fact = facts[f"torch.{name}"]
        assert not isinstance(fact, Unknown), f"{name}: {fact.reason}"
        seen[name] = fact.value if isinstance(fact, Known) else None
    return seen


@pytest.mark.parametrize(
    ("text", "dist", "provenance", "channel", "cuda"),
    [
        (version_text("2.14.1+cu130", "13.0"), "2.14.1", "pypi", "cu130", "13.0"),
        (version_text("2.9.1+cu126", "12.6"), "2.9.1+cu126", "pytorch-index", "cu126", "12.6"),
        (version_text("2.13.0+cpu"), "2.13.0+cpu", "pytorch-index", "cpu", None),
        (version_text("2.9.1+cpu"), "2.9.1", "pypi", "cpu", None),
        (
            version_text("2.16.0.dev20261101+cu132", "13.2"),
            "2.16.0.dev20261101+cu132",
            "pytorch-index",
            "cu132",
            "13.2",
        ),
        (version_text("2.9.1+rocm6.4", hip="6.4.43482"), "2.9.1+rocm6.4", "rocm", "rocm6.4", None),
        (version_text("2.9.1+xpu", xpu="20250201"), "2.9.1+xpu", "xpu", "xpu", None),
        (version_text("2.6.0a0+ecf3bae40a.nv25.1", "12.8"), "2.6.0a0+ecf3bae40a.nv25.1", "ngc", "cu128", "12.8"),
        (version_text("2.8.0a0+git1a2b3c4", "12.8"), "2.8.0a0+git1a2b3c4", "source", "cu128", "12.8"),
        (version_text("2.3.0a0+unknown", "12.1"), "2.3.0a0+unknown", "source", "cu121", "12.1"),
        (
            version_text("2.0.1+cu117.with.pypi.cudnn", "11.7"),
            "2.0.1+cu117.with.pypi.cudnn",
            "pytorch-index",
            "cu117",
            "11.7",
        ),
        (version_text("2.3.1+cpu.cxx11.abi"), "2.3.1+cpu.cxx11.abi", "pytorch-index", "cpu", None),
        (version_text("2.1.0.post0+cxx11.abi"), "2.1.0.post0+cxx11.abi", "xpu", "cpu", None),
        (version_text("2.6.0+rocm6.4.1.git1ded221d", hip="6.4.4"), "2.6.0+rocm6.4.1.git1ded221d", "rocm", None, None),
        (version_text("0.3.0.post4"), "0.3.0.post4", "pypi", "cpu", None),
        # The default wheels state no tag up to 1.8.0: what says 1.8.1 without one was built by somebody else.
        (version_text("1.7.1", "10.2"), "1.7.1", "pypi", "cu102", "10.2"),
        (version_text("1.0.1.post2", "9.0.176"), "1.0.1.post2", "pypi", "cu90", "9.0.176"),
        (version_text("1.8.0", "10.2"), "1.8.0", "pypi", "cu102", "10.2"),
        (version_text("1.8.1", "10.2"), "1.8.1", "source", "cu102", "10.2"),
        (version_text("2.7.0+computecanada", "12.6"), "2.7.0+computecanada", "unknown", "cu126", "12.6"),
        (version_text("2.9.1+cu128", "12.8"), None, "unknown", "cu128", "12.8"),
    ],
)
def test_who_built_it_and_for_which_channel(
    tree: Tree, text: str, dist: str | None, provenance: str, channel: str, cuda: str | None
) -> None:
    torch(tree, text, dist)
    version = text.partition("__version__ = '")[2].partition("'")[0]
    seen = known(look(tree), "version", "dist_version", "provenance", "channel", "cuda", "git", "location")
    assert seen == {
        "version": version,
        "dist_version": dist,
        "provenance": provenance,
        "channel": channel,
        "cuda": cuda,
        "git": GIT,
        "location": f"{SITE}/torch",
    }


@pytest.mark.parametrize(
    ("text", "version", "cuda"),
    [
        (
            "__version__ = '1.12.1+cu102'\ndebug = False\ncuda: Optional[str] = '10.2'\ngit_version = 'a'\n"
            "hip: Optional[str] = None\n",
            "1.12.1+cu102",
            "10.2",
        ),
        ("__version__ = '1.7.1'\ndebug = False\ncuda = '10.2'\ngit_version = 'b'\nhip = None\n", "1.7.1", "10.2"),
        ('__version__: str = "2.9.1+cu128"  # a comment\ncuda = "12.8"\n', "2.9.1+cu128", "12.8"),
        ("__version__ = '1'\n__version__ = '2.0'\r\ncuda = None\ncuda = '11.8'\n", "2.0", "11.8"),
        ("    __version__ = '1'\n__version__ = '2'\n", "2", None),
        ("__version__ = '2.9.1\ncuda = os.environ['X']\n", None, None),
    ],
)
def test_layouts_of_version_py(text: str, version: str | None, cuda: str | None) -> None:
    written = version_file.parse(text.replace("\r\n", "\n"))
    assert (written.version, written.cuda) == (version, cuda)


def test_a_version_py_that_runs_code_does_not_run(tree: Tree) -> None:
    torch(tree, "import os\nos._exit(1)\n" + version_text("2.9.1+cu128", "12.8"), "2.9.1")
    assert known(look(tree), "version")["version"] == "2.9.1+cu128"


def conda_record(tree: Tree, name: str, channel: str) -> None:
    told = {"build": "x", "channel": channel, "name": "pytorch", "files": ["a"] * 100}
    tree.file(f"/venv/conda-meta/{name}.json", json.dumps(told, indent=2))


@pytest.mark.parametrize(
    ("record", "channel", "version", "provenance"),
    [
        (
            "pytorch-2.5.1-cuda126_py311_300",
            "https://mirror.example/conda-forge/linux-64",
            "2.5.1.post3",
            "conda-forge",
        ),
        (
            "pytorch-2.5.1-py3.11_cuda12.4_cudnn9.1.0_0",
            "https://mirror.example/pytorch/linux-64",
            "2.5.1",
            "conda-pytorch",
        ),
        ("pytorch-2.5.1-py3.11_0", "pytorch", "2.5.1", "conda-pytorch"),
        ("pytorch-2.5.1-py3.11_0", "https://mirror.example/pytorch-nightly", "2.5.1", "conda-pytorch"),
        (
            "pytorch-2.5.1-py3.11_0",
            "https://mirror.example/t/secret/conda-forge/label/x/osx-arm64",
            "2.5.1",
            "conda-forge",
        ),
        ("libtorch-2.5.1-cuda126_h1_300", "conda-forge", "2.5.1", "conda-forge"),
        ("pytorch-2.5.1-gpu_cuda124py311h_0", "https://mirror.example/pkgs/main/linux-64", "2.5.1", "unknown"),
        ("pytorch-2.5.1-py311_0", "https://mirror.example/intel/linux-64", "2.5.1", "unknown"),
    ],
)
def test_conda_says_which_channel_it_came_from(
    tree: Tree, record: str, channel: str, version: str, provenance: str
) -> None:
    torch(tree, version_text(version, "12.4"), version, installer="conda")
    tree.file("/venv/conda-meta/pytorch-mutex-1.0-cuda.json", '{"channel": "elsewhere"}')
    conda_record(tree, record, channel)
    assert known(look(tree), "provenance", "channel") == {"provenance": provenance, "channel": "cu124"}


@pytest.mark.parametrize("version", ["2.9.1+cu128", "2.5.1+cu124"])
def test_a_torch_of_pip_over_one_of_conda_is_of_pip(tree: Tree, version: str) -> None:
    torch(tree, version_text(version, "12.8"), version)
    conda_record(tree, "pytorch-2.5.1-py3.11_0", "https://mirror.example/pytorch/linux-64")
    assert known(look(tree), "provenance") == {"provenance": "pytorch-index"}


def test_a_wheel_without_tag_over_one_of_conda_is_of_pip(tree: Tree) -> None:
    tree.machine["os"] = "macos"
    torch(tree, version_text("2.5.1"), "2.5.1", installer="pip")
    conda_record(tree, "pytorch-2.5.1-py3.11_0", "https://mirror.example/conda-forge/osx-arm64")
    assert known(look(tree), "provenance") == {"provenance": "pypi"}


def test_conda_below_a_virtual_environment_that_sees_its_packages(tree: Tree) -> None:
    site = "/opt/conda/lib/python3.11/site-packages"
    tree.python({**TOLD, "base_prefix": "/opt/conda", "path": [SITE, site]})
    tree.file("/venv/pyvenv.cfg", "include-system-site-packages = true\n")
    tree.file("/opt/conda/conda-meta/pytorch-2.5.1-cuda126_py311_300.json", '{"channel": "conda-forge"}')
    torch(tree, version_text("2.5.1", "12.6"), "2.5.1", site=site, installer="conda")
    assert known(look(tree), "provenance") == {"provenance": "conda-forge"}


def test_a_torch_outside_the_prefix_of_conda_is_not_its(tree: Tree) -> None:
    site = "/home/u/.local/lib/python3.11/site-packages"
    tree.python({**TOLD, "path": [site, SITE]})
    conda_record(tree, "pytorch-2.5.1-py3.11_0", "https://mirror.example/pytorch/linux-64")
    torch(tree, version_text("2.5.1", "12.4"), "2.5.1", site=site, installer="")
    assert known(look(tree), "provenance") == {"provenance": "source"}


def test_a_package_that_only_conda_records(tree: Tree) -> None:
    torch(tree, version_text("1.0.1", "10.0"), None)
    conda_record(tree, "pytorch-1.0.1-py3.7_cuda10.0.130_cudnn7.4.2_2", "pytorch")
    seen = known(look(tree), "version", "dist_version", "provenance")
    assert seen == {"version": "1.0.1", "dist_version": None, "provenance": "conda-pytorch"}


def test_an_old_package_of_conda_has_an_egg_info(tree: Tree) -> None:
    torch(tree, version_text("1.12.1", "11.6"), None)
    tree.folder(f"{SITE}/torch-1.12.1-py3.9.egg-info")
    conda_record(tree, "pytorch-1.12.1-py3.9_cuda11.6_0", "https://mirror.example/pytorch/linux-64")
    seen = look(tree)
    assert known(seen, "provenance", "dist_version") == {"provenance": "conda-pytorch", "dist_version": "1.12.1"}
    assert isinstance(seen["torch.requires"], Absent)


def test_a_package_of_the_distribution(tree: Tree) -> None:
    site = "/usr/lib/python3/dist-packages"
    tree.python({**TOLD, "path": [site], "prefix": "/usr"})
    torch(tree, version_text("2.6.0"), "2.6.0", site=site, installer="")
    assert known(look(tree), "provenance") == {"provenance": "distro"}


@pytest.mark.parametrize(
    ("site", "version", "installer"),
    [
        ("/usr/lib/python3/dist-packages", "1.13.0a0+gitunknown", ""),  # Debian 12
        ("/usr/lib/python3/dist-packages", "2.6.0+debian", ""),
        ("/usr/lib64/python3.13/site-packages", "2.5.1a0+gita8d6afb", "rpm"),  # Fedora
        ("/usr/lib/python3.13/site-packages", "2.9.1", "installer"),  # Arch
        ("/nix/store/x-python3-3.13-env/lib/python3.13/site-packages", "2.9.1", "installer"),
        ("/nix/store/x-python3-3.13-env/lib/python3.13/site-packages", "2.9.1+cu128", ""),
        ("/gnu/store/x-profile/lib/python3.11/site-packages", "2.9.1", ""),
    ],
)
def test_packages_of_other_distributions(tree: Tree, site: str, version: str, installer: str) -> None:
    tree.python({**TOLD, "path": [site], "prefix": "/usr"})
    torch(tree, version_text(version), version, site=site, installer=installer)
    assert known(look(tree), "provenance") == {"provenance": "distro"}


@pytest.mark.parametrize(
    ("version", "cuda", "installer", "provenance"),
    [
        ("2.6.0+cu124", "12.4", "uv", "pytorch-index"),  # Colab
        ("2.6.0", "12.4", "pip", "source"),  # Kaggle built its own for some years
        ("2.6.0a0+ecf3bae40a.nv25.1", "12.8", "pip", "ngc"),
        ("2.6.0", "12.4", "", "source"),
    ],
)
def test_what_images_put_below_usr_local(tree: Tree, version: str, cuda: str, installer: str, provenance: str) -> None:
    site = "/usr/local/lib/python3.11/dist-packages"
    tree.python({**TOLD, "path": [site, "/usr/lib/python3/dist-packages"], "prefix": "/usr", "base_prefix": "/usr"})
    torch(tree, version_text(version, cuda), version, site=site, installer=installer)
    assert known(look(tree), "provenance") == {"provenance": provenance}


@pytest.mark.parametrize(
    ("site", "installer", "provenance"),
    [
        ("/usr/lib/python3/dist-packages", "", "distro"),
        ("/usr/local/lib/python3.11/dist-packages", "pip", "pypi"),
        ("/home/u/.pyenv/versions/3.11.7/lib/python3.11/site-packages", "uv", "pypi"),
    ],
)
def test_a_torch_of_the_system_below_an_environment_that_sees_it(
    tree: Tree, site: str, installer: str, provenance: str
) -> None:
    tree.python({**TOLD, "base_prefix": site.partition("/lib/")[0], "path": [SITE, site]})
    tree.file("/venv/pyvenv.cfg", "include-system-site-packages = true\n")
    torch(tree, version_text("2.6.0+cu124", "12.4"), "2.6.0", site=site, installer=installer)
    seen = known(look(tree), "provenance", "location")
    assert seen == {"provenance": provenance, "location": f"{site}/torch"}


@pytest.mark.parametrize(
    ("machine", "version", "provenance"),
    [("x86_64", "2.4.0", "source"), ("x86_64", "1.4.0", "pypi"), ("aarch64", "2.4.0", "pypi")],
)
def test_a_cpu_build_for_linux_without_a_tag_is_of_none_of_the_published_wheels(
    tree: Tree, machine: str, version: str, provenance: str
) -> None:
    tree.machine["machine"] = machine
    torch(tree, version_text(version), version)
    assert known(look(tree), "provenance") == {"provenance": provenance}


def test_a_profile_of_guix_is_a_folder_of_links(tree: Tree) -> None:
    profile = "/home/u/.guix-profile/lib/python3.11/site-packages"
    store = "/gnu/store/0a1b-python-pytorch-2.4.0/lib/python3.11/site-packages"
    torch(tree, version_text("2.4.0+cpu"), "2.4.0", site=store)
    tree.folder(profile)
    for name in ("torch", "torch-2.4.0.dist-info"):
        os.symlink(f"{store}/{name}", tree.root / profile.lstrip("/") / name)
    tree.python({**TOLD, "prefix": "/gnu/store/9f-python-3.11.10", "path": [profile]})
    seen = look(tree)
    assert seen["torch.provenance"] == Known("distro", "/gnu/store/")


def test_a_tag_that_only_the_record_has_is_named(tree: Tree) -> None:
    torch(tree, version_text("2.5.1", "12.2"), "2.5.1+computecanada")
    fact = look(tree)["torch.provenance"]
    assert isinstance(fact, Known)
    assert "'computecanada'" in fact.source


def test_pip_in_the_same_folder_is_not_the_distribution(tree: Tree) -> None:
    site = "/usr/local/lib/python3.11/dist-packages"
    tree.python({**TOLD, "path": [site], "prefix": "/usr"})
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1", site=site)
    assert known(look(tree), "provenance") == {"provenance": "pypi"}


def jetson(tree: Tree) -> None:
    tree.machine["machine"] = "aarch64"
    tree.file("/etc/nv_tegra_release", "# R36 (release), REVISION: 3.0\n")


@pytest.mark.parametrize(
    ("version", "cuda", "provenance"),
    [
        ("2.3.0a0+ebedce2.nv24.02", "12.2", "jetson"),
        ("2.8.0", "12.6", "jetson"),  # the board's own index: no tag
        ("2.9.1+cpu", None, "pytorch-index"),
        ("2.9.1+cu130", "13.0", "pytorch-index"),
    ],
)
def test_builds_of_nvidia_are_told_apart_by_the_machine(
    tree: Tree, version: str, cuda: str | None, provenance: str
) -> None:
    torch(tree, version_text(version, cuda), version)
    jetson(tree)
    assert known(look(tree), "provenance") == {"provenance": provenance}


@pytest.mark.parametrize("mark", ["/.dockerenv", "/run/.containerenv"])
def test_a_container_on_a_jetson_holds_its_builds(tree: Tree, mark: str) -> None:
    torch(tree, version_text("2.8.0", "12.6"), "2.8.0")
    jetson(tree)
    tree.file(mark)
    assert known(look(tree), "provenance") == {"provenance": "jetson"}


def test_an_ordinary_wheel_in_an_image_of_nvidia_stays_one(tree: Tree) -> None:
    tree.set(NVIDIA_PYTORCH_VERSION="25.01")
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1+cu128")
    assert known(look(tree), "provenance") == {"provenance": "pytorch-index"}


def test_an_editable_checkout_on_sys_path(tree: Tree) -> None:
    tree.python({**TOLD, "path": [SITE, "/home/u/pytorch"]})
    torch(tree, version_text("2.9.0", "12.8"), None, site="/home/u/pytorch")
    torch(tree, None, "2.9.0")
    direct = {"dir_info": {"editable": True}, "url": "file:///home/u/pytorch"}
    tree.file(f"{SITE}/torch-2.9.0.dist-info/direct_url.json", json.dumps(direct))
    assert known(look(tree), "location", "provenance") == {"location": "/home/u/pytorch/torch", "provenance": "source"}


def test_an_editable_checkout_behind_an_import_hook(tree: Tree) -> None:
    torch(tree, version_text("2.9.0a0+gitabc", "12.8"), None, site="/home/u/pytorch")
    torch(tree, None, "2.9.0a0+gitabc")
    finder = "MAPPING: dict[str, str] = {'torchgen': '/home/u/pytorch/torchgen', 'torch': '/home/u/pytorch/torch'}\n"
    tree.file(f"{SITE}/__editable___torch_2_9_0a0_gitabc_finder.py", finder)
    seen = known(look(tree), "location", "cuda", "provenance")
    assert seen == {"location": "/home/u/pytorch/torch", "cuda": "12.8", "provenance": "source"}


@pytest.mark.parametrize(
    ("finder", "text"),
    [
        ("_torch_editable.py", "install({'torch': '/home/u/pytorch/torch/__init__.py'}, {}, None)\n"),
        (
            "_editable_skbc_torch.py",
            "install({'torch.x': '/y/torch/x.py', 'torch': '/home/u/pytorch/torch/__init__.py'})\n",
        ),
    ],
)
def test_an_editable_checkout_built_by_scikit_build_core(tree: Tree, finder: str, text: str) -> None:
    torch(tree, version_text("2.15.0a0+gitabc", "13.0"), None, site="/home/u/pytorch")
    torch(tree, None, "2.15.0a0+gitabc")
    tree.file(f"{SITE}/torch/lib/libtorch_cuda.so")  # the compiled objects are installed
    tree.file(f"{SITE}/{finder}", text)
    seen = known(look(tree), "location", "provenance", "editable")
    assert seen == {"location": "/home/u/pytorch/torch", "provenance": "source", "editable": True}


def test_the_libraries_of_a_hooked_checkout_are_those_of_the_checkout(tree: Tree) -> None:
    torch(tree, version_text("2.9.0a0+gitabc", "12.8"), None, site="/home/u/pytorch")
    torch(tree, None, "2.9.0a0+gitabc")
    assert isinstance(tree.look((*PROBES, loader))["libraries.missing"], Absent)
    tree.file(f"{SITE}/__editable___torch_2_9_0a0_gitabc_finder.py", "{'torch': '/home/u/pytorch/torch'}")
    assert tree.look((*PROBES, loader))["libraries.missing"] == Known([], "torch holds no compiled object")


def test_a_checkout_that_setup_py_develop_linked(tree: Tree) -> None:
    tree.python({**TOLD, "path": [SITE, "/home/u/pytorch"]})
    torch(tree, version_text("2.3.0a0+git0f4f6ba", "12.1"), None, site="/home/u/pytorch")
    tree.file(f"{SITE}/torch.egg-link", "/home/u/pytorch\n.")
    tree.file(
        "/home/u/pytorch/torch.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: torch\nVersion: 2.3.0a0+git0f4f6ba\n"
    )
    tree.file("/home/u/pytorch/torch.egg-info/requires.txt", "filelock\nsympy\n\n[opt]\noptree\n")
    seen = look(tree)
    assert known(seen, "location", "dist_version", "provenance", "editable") == {
        "location": "/home/u/pytorch/torch",
        "dist_version": "2.3.0a0+git0f4f6ba",
        "provenance": "source",
        "editable": True,
    }
    assert value(seen, "torch.requires") == ["filelock", "sympy"]


@pytest.mark.parametrize("path", [[SITE, "/home/u/pytorch"], ["/home/u/pytorch", SITE]])
@pytest.mark.parametrize("installer", ["pip", None])
def test_a_checkout_with_what_its_build_left(tree: Tree, path: list[str], installer: str | None) -> None:
    tree.python({**TOLD, "path": path})
    torch(tree, version_text("2.9.0", None), None, site="/home/u/pytorch")
    tree.file("/home/u/pytorch/torch.egg-info/PKG-INFO", "Name: torch\nVersion: 2.8.0\n")
    if installer:
        torch(tree, None, "2.9.0", installer=installer)
        direct = {"dir_info": {"editable": True}, "url": "file:///home/u/pytorch"}
        tree.file(f"{SITE}/torch-2.9.0.dist-info/direct_url.json", json.dumps(direct))
    seen = tree.look((*PROBES, duplicates))
    assert value(seen, "packages.duplicates") == []
    assert known(seen, "provenance", "installer", "editable", "dist_version", "location") == {
        "provenance": "source",
        "installer": installer,
        "editable": True if installer else None,
        "dist_version": "2.9.0" if installer else "2.8.0",
        "location": "/home/u/pytorch/torch",
    }


def test_an_egg_that_setup_py_install_made(tree: Tree) -> None:
    egg = f"{SITE}/torch-1.13.0a0+gitabc-py3.11-linux-x86_64.egg"
    tree.python({**TOLD, "path": [egg, SITE]})
    torch(tree, version_text("1.13.0a0+gitabc", "11.7"), None, site=egg)
    tree.file(f"{egg}/EGG-INFO/PKG-INFO", "Name: torch\n")
    seen = known(look(tree), "location", "dist_version", "provenance", "editable")
    assert seen == {
        "location": f"{egg}/torch",
        "dist_version": "1.13.0a0+gitabc",
        "provenance": "source",
        "editable": None,
    }


def test_what_a_wheel_says_of_itself(tree: Tree) -> None:
    torch(tree, version_text("2.14.1+cu130", "13.0"), "2.14.1", installer="uv\n")
    tags = "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_27_x86_64\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
    tree.file(f"{SITE}/torch-2.14.1.dist-info/WHEEL", tags)
    assert known(look(tree), "wheel_tags", "installer", "editable") == {
        "wheel_tags": ["cp311-cp311-manylinux_2_27_x86_64", "cp311-cp311-manylinux_2_28_x86_64"],
        "installer": "uv",
        "editable": None,
    }


@pytest.mark.parametrize("entry", ["WHEEL", "INSTALLER", "METADATA", "direct_url.json"])
def test_records_that_are_fifos_cost_their_facts_only(tree: Tree, entry: str) -> None:
    torch(tree, version_text("2.14.1+cu130", "13.0"), "2.14.1")
    path = tree.root / f"{SITE}/torch-2.14.1.dist-info/{entry}".lstrip("/")
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    seen = known(look(tree), "version", "provenance", "wheel_tags", "requires")
    assert (seen["version"], seen["provenance"]) == ("2.14.1+cu130", "pypi")
    assert seen["wheel_tags"] is None
    assert (seen["requires"] is None) is (entry == "METADATA")


def test_a_wheel_installed_by_its_address_is_no_checkout(tree: Tree) -> None:
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1+cu128")
    url = {"archive_info": {}, "url": "https://download.pytorch.org/whl/cu128/torch-2.9.1.whl"}
    tree.file(f"{SITE}/torch-2.9.1+cu128.dist-info/direct_url.json", json.dumps(url))
    assert known(look(tree), "provenance") == {"provenance": "pytorch-index"}


@pytest.mark.parametrize(
    ("url", "provenance"),
    [
        ("https://download.pytorch.org/whl/cu128/torch-2.9.1.whl", "pytorch-index"),
        ("https://DOWNLOAD.pytorch.org:443/whl/torch-2.9.1.whl", "pytorch-index"),
        ("file:///srv/wheels/torch-2.9.1.whl", "pytorch-index"),
        ("https://user:s3cret@mirror.example/torch-2.9.1.whl", "unknown"),
        ("https://download.pytorch.org@mirror.example/torch-2.9.1.whl", "unknown"),
        ("https://mirror.example/download.pytorch.org/torch-2.9.1.whl", "unknown"),
        ("https://notpytorch.org/torch-2.9.1.whl", "unknown"),
    ],
)
def test_a_wheel_of_another_host_is_of_nobody_known(tree: Tree, url: str, provenance: str) -> None:
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1+cu128")
    direct = {"archive_info": {"hashes": {"sha256": "0"}}, "url": url}
    tree.file(f"{SITE}/torch-2.9.1+cu128.dist-info/direct_url.json", json.dumps(direct))
    fact = look(tree)["torch.provenance"]
    assert isinstance(fact, Known)
    assert fact.value == provenance
    if provenance == "unknown":
        assert fact.source == "installed from another place"


def test_no_torch(tree: Tree) -> None:
    tree.folder(f"{SITE}/torchgen")
    seen = look(tree)
    assert {type(seen[name]) for name in torch_build.FACTS} == {Absent}
    assert {type(seen[name]) for name in partners.FACTS} == {Absent}


@pytest.mark.parametrize("leftover", ["torch/lib/libtorch.so", "torch/__pycache__/x.pyc", "torch/notes.txt"])
def test_a_folder_of_that_name_is_no_torch(tree: Tree, leftover: str) -> None:
    tree.file(f"{SITE}/{leftover}")
    tree.folder(f"{SITE}/~orch-2.9.1.dist-info")
    assert isinstance(look(tree)["torch.version"], Absent)


def test_a_folder_of_that_name_does_not_hide_the_torch_behind_it(tree: Tree) -> None:
    tree.file("/project/torch/notes.txt")
    tree.python({**TOLD, "path": ["/project", SITE]})
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1")
    assert known(look(tree), "location") == {"location": f"{SITE}/torch"}


def test_of_two_the_first_on_sys_path_counts(tree: Tree) -> None:
    tree.python({**TOLD, "path": ["/user/site", SITE]})
    torch(tree, version_text("2.5.1+cu124", "12.4"), "2.5.1+cu124", site="/user/site")
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1")
    seen = known(look(tree), "version", "dist_version", "provenance", "location")
    assert seen == {
        "version": "2.5.1+cu124",
        "dist_version": "2.5.1+cu124",
        "provenance": "pytorch-index",
        "location": "/user/site/torch",
    }


def test_the_record_beside_the_package_counts_before_an_earlier_one(tree: Tree) -> None:
    tree.python({**TOLD, "path": ["/stale", SITE]})
    torch(tree, None, "1.0", site="/stale")
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1")
    assert known(look(tree), "dist_version") == {"dist_version": "2.9.1"}


@pytest.mark.parametrize("state", ["missing", "empty", "binary", "fifo", "folder", "sparse"])
def test_a_version_py_that_tells_nothing(tree: Tree, state: str) -> None:
    torch(tree, "", "2.9.1+cu128")
    path = tree.root / SITE.lstrip("/") / "torch" / "version.py"
    path.unlink()
    if state == "fifo":
        os.mkfifo(path)
    elif state == "folder":
        path.mkdir()
    elif state == "sparse":
        with open(path, "wb") as file:
            file.truncate(1 << 30)
    elif state != "missing":
        path.write_bytes(bytes(range(256)) * 100 if state == "binary" else b"")
    seen = look(tree)
    assert known(seen, "version", "channel") == {"version": "2.9.1+cu128", "channel": "cu128"}
    for name in ("cuda", "hip", "git"):
        fact = seen[f"torch.{name}"]
        assert isinstance(fact, Unknown)
        assert fact.reason.startswith("torch/version.py"), fact


def test_a_version_py_that_tells_nothing_and_no_record(tree: Tree) -> None:
    torch(tree, "", None)
    fact = look(tree)["torch.version"]
    assert isinstance(fact, Unknown)
    assert fact.reason


def test_a_record_whose_folder_is_gone(tree: Tree) -> None:
    torch(tree, None, "2.9.1+cu128")
    seen = look(tree)
    assert known(seen, "version", "location") == {"version": "2.9.1+cu128", "location": None}
    assert seen["torch.cuda"] == Unknown("torch is recorded as installed, but its folder is missing")


@pytest.mark.parametrize("left", ["version.py", "lib/libtorch_cpu.so"])
def test_a_recorded_folder_without_its_package_is_nothing_to_import(tree: Tree, left: str) -> None:
    torch(tree, None, "2.9.1+cu128")
    tree.file(f"{SITE}/torch/{left}", version_text("2.9.1+cu128", "12.8") if left == "version.py" else b"")
    seen = look(tree)
    assert known(seen, "version") == {"version": "2.9.1+cu128"}
    assert seen["torch.location"] == Absent("the folder torch has lost its __init__.py")


def test_a_folder_that_may_not_be_read_is_not_called_empty(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    torch(tree, None, "2.9.1+cu128")
    tree.folder(f"{SITE}/torch")
    listdir = Host.listdir

    def listed(self: Host, path: str) -> list[str]:  # the tests may run as root, whom permissions do not stop
        if path == f"{SITE}/torch":
            raise PermissionError(13, "Permission denied", path)
        return listdir(self, path)

    monkeypatch.setattr(Host, "listdir", listed)
    assert look(tree)["torch.location"] == Unknown(f"{SITE}/torch may not be read")


def test_a_partner_is_read_where_it_would_be_imported(tree: Tree) -> None:
    tree.python({**TOLD, "path": ["/src/vision", SITE]})
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1")
    partner(tree, "torchvision", "0.18.1", version_text("0.18.1+cu121", "12.1"))
    tree.file(f"{SITE}/torchvision/__init__.py")
    tree.file("/src/vision/torchvision/__init__.py")
    tree.file("/src/vision/torchvision/version.py", version_text("0.25.0a0+2ebb1f1", "12.8"))
    seen = look(tree)
    assert seen["torchvision.version"] == Known("0.25.0a0+2ebb1f1", "torchvision/version.py")
    assert seen["torchvision.cuda"] == Known("12.8", "torchvision/version.py")
    assert isinstance(seen["torchvision.requires"], Absent)


@pytest.mark.parametrize("stale", ["2.8.0", "2.10.0"])
def test_of_two_records_in_one_folder_the_one_of_the_files_counts(tree: Tree, stale: str) -> None:
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1")
    tree.file(f"{SITE}/torch-{stale}.dist-info/METADATA", f"Name: torch\nRequires-Dist: triton=={stale}\n")
    partner(tree, "torchvision", "0.24.1", version_text("0.24.1+cu128", "12.8"))
    tree.file(f"{SITE}/torchvision-0.2.0.dist-info/METADATA", "Name: torchvision\nRequires-Dist: torch==1.0\n")
    seen = look(tree)
    assert known(seen, "dist_version", "requires") == {"dist_version": "2.9.1", "requires": ["sympy"]}
    assert seen["torchvision.version"] == Known("0.24.1+cu128", "torchvision/version.py")
    assert seen["torchvision.requires"] == Known(["torch==2.9.1"], "dist-info")


def partner(tree: Tree, name: str, dist: str, text: str | None) -> None:
    tree.file(f"{SITE}/{name}-{dist}.dist-info/METADATA", f"Name: {name}\nRequires-Dist: torch==2.9.1\n")
    if text is not None:
        tree.file(f"{SITE}/{name}/version.py", text)


@pytest.mark.parametrize(
    ("dist", "text", "version", "cuda"),
    [
        ("0.24.1", "__version__ = '0.24.1+cu128'\ngit_version = 'a'\n", "0.24.1+cu128", Known("12.8", "local version")),
        ("0.24.1+cu126", None, "0.24.1+cu126", Known("12.6", "local version")),
        ("0.10.0+cu92", None, "0.10.0+cu92", Known("9.2", "local version")),
        ("0.24.1+cpu", None, "0.24.1+cpu", Absent("its version says +cpu")),
        ("0.24.1+rocm6.4", None, "0.24.1+rocm6.4", Absent("its version says +rocm6.4")),
        ("0.20.1", "__version__ = '0.20.1'\ncuda = '12.4'\n", "0.20.1", Known("12.4", "torchvision/version.py")),
        ("0.20.1", None, "0.20.1", Unknown("its files do not say for which CUDA it was built")),
        ("0.20.1", "", "0.20.1", Unknown("its files do not say for which CUDA it was built")),
    ],
)
def test_what_a_partner_was_built_for(
    tree: Tree, dist: str, text: str | None, version: str, cuda: Known | Absent | Unknown
) -> None:
    partner(tree, "torchvision", dist, text)
    seen = look(tree)
    assert value(seen, "torchvision.version") == version
    assert seen["torchvision.cuda"] == cuda
    assert value(seen, "torchvision.requires") == ["torch==2.9.1"]
    assert isinstance(seen["torchaudio.version"], Absent)


def test_triton_by_its_record(tree: Tree) -> None:
    tree.folder(f"{SITE}/triton-3.5.1.dist-info")
    assert value(look(tree), "triton.version") == "3.5.1"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("pytorch_triton", "3.6.0+git9844da95"),
        ("pytorch_triton_rocm", "3.5.1"),
        ("pytorch_triton_xpu", "3.5.0"),
        ("triton_rocm", "3.6.0"),
        ("triton_windows", "3.5.1.post21"),
    ],
)
def test_triton_by_another_name(tree: Tree, name: str, version: str) -> None:
    tree.folder(f"{SITE}/{name}-{version}.dist-info")
    fact = look(tree)["triton.version"]
    assert fact == Known(version, f"dist-info of {name.replace('_', '-')}")


def test_of_two_tritons_the_first_on_sys_path_counts(tree: Tree) -> None:
    tree.python({**TOLD, "path": ["/user/site", SITE]})
    tree.folder("/user/site/pytorch_triton-3.6.0.dist-info")
    tree.folder(f"{SITE}/triton-3.5.1.dist-info")
    assert value(look(tree), "triton.version") == "3.6.0"


def test_nothing_is_concluded_where_the_interpreter_did_not_answer(tree: Tree) -> None:
    torch(tree, version_text("2.9.1+cu128", "12.8"), "2.9.1")
    tree.says("interpreter", code=None, trouble="did not answer within 10 s")
    seen = look(tree)
    assert all(isinstance(seen[name], Unknown) for name in (*torch_build.FACTS, *partners.FACTS))
