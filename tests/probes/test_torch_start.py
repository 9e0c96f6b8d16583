from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.binary.dynamic import Dynamic
from envdoctor.binary.process import Process
from envdoctor.binary.soname_search import How, Places
from envdoctor.host.host import Host
from envdoctor.probes.loading.torch_start import Preload, Torch, find_torch, preloading

if TYPE_CHECKING:
    from pathlib import Path

X86_64 = 62

# What `_load_global_deps` does in each generation of releases, in as few lines as show it.
OF_1_13 = """
def _preload_cuda_deps():
    for path in sys.path:
        cublas_path = os.path.join(nvidia_path, 'cublas', 'lib', 'libcublas.so.11')
        cudnn_path = os.path.join(nvidia_path, 'cudnn', 'lib', 'libcudnn.so.8')

def _load_global_deps():
    try:
        ctypes.CDLL(lib_path, mode=ctypes.RTLD_GLOBAL)
    except OSError as err:
        _preload_cuda_deps()
        ctypes.CDLL(lib_path, mode=ctypes.RTLD_GLOBAL)

if (USE_RTLD_GLOBAL_WITH_LIBTORCH):
    other = ("later", "liblater.so.*[0-9]")
"""
OF_2_6 = """
def _preload_cuda_deps(lib_folder: str, lib_name: str) -> None:
    candidates = glob.glob(os.path.join(nvidia_path, lib_folder, "lib", lib_name))

def _load_global_deps() -> None:
    try:
        ctypes.CDLL(global_deps_lib_path, mode=ctypes.RTLD_GLOBAL)
        if version.cuda not in ["12.4", "12.6"]:
            return
        try:
            if "nvidia/cuda_runtime/lib/libcudart.so" not in _maps:
                return
            _preload_cuda_deps("nvjitlink", "libnvJitLink.so.*[0-9]")
        except Exception:
            pass
    except OSError as err:
        cuda_libs: dict[str, str] = {
            "cublas": "libcublas.so.*[0-9]",
            "nvtx": "libnvToolsExt.so.*[0-9]",
        }
        for lib_folder, lib_name in cuda_libs.items():
            _preload_cuda_deps(lib_folder, lib_name)
        ctypes.CDLL(global_deps_lib_path, mode=ctypes.RTLD_GLOBAL)

if (USE_RTLD_GLOBAL_WITH_LIBTORCH):
    pass
"""
OF_2_13 = """
def _get_cuda_dep_paths(path, lib_folder, lib_name):
    return []

def _preload_cuda_lib(lib_folder, lib_name, required=True):
    ctypes.CDLL(lib_path)

def _preload_cuda_deps(err=None):
    cuda_libs: list[tuple[str, str]] = [
        ("cublas", "libcublasLt.so.*[0-9]"),
        ("cudnn", "libcudnn.so.*[0-9]"),
        ("nccl", "libnccl.so.*[0-9]"),
    ]
    for lib_folder, lib_name in cuda_libs:
        _preload_cuda_lib(lib_folder, lib_name)

def _load_global_deps() -> None:
    try:
        ctypes.CDLL(global_deps_lib_path, mode=ctypes.RTLD_GLOBAL)
        try:
            if "libcudart.so" not in _maps:
                return
            _preload_cuda_deps()
        except Exception:
            pass
    except OSError as err:
        _preload_cuda_deps(err)
        ctypes.CDLL(global_deps_lib_path, mode=ctypes.RTLD_GLOBAL)

if (USE_RTLD_GLOBAL_WITH_LIBTORCH):
    pass
"""
OF_2_14 = OF_2_13.replace("            _preload_cuda_deps()\n", "            _preload_cuda_deps(required=False)\n")

BLAS, JIT = Preload("cublas", "libcublas.so.*[0-9]"), Preload("nvjitlink", "libnvJitLink.so.*[0-9]")


def test_a_torch_of_before_opens_nothing_by_path() -> None:
    assert preloading("import os\n") == preloading("") == preloading("def _preload_cuda")
    assert preloading("").always == preloading("").on_failure == ()


def test_what_1_13_opens_when_it_fails() -> None:
    told = preloading(OF_1_13)
    assert told.always == ()
    assert told.on_failure == (Preload("cublas", "libcublas.so.11"), Preload("cudnn", "libcudnn.so.8"))
    assert not told.wide


def test_what_2_6_opens_in_any_case() -> None:
    told = preloading(OF_2_6)
    assert told.always == (JIT,)
    assert told.on_failure == (BLAS, Preload("nvtx", "libnvToolsExt.so.*[0-9]"))
    assert (told.mapped, told.cuda) == ("nvidia/cuda_runtime/lib/libcudart.so", ("12.4", "12.6"))


def test_what_2_13_and_2_14_open() -> None:
    told, newer = preloading(OF_2_13), preloading(OF_2_14)
    assert [one.folder for one in told.always] == ["cublas", "cudnn", "nccl"]
    assert told.on_failure == told.always == newer.always
    assert (told.mapped, told.cuda, told.wide) == ("libcudart.so", (), True)
    assert (told.strict, newer.strict) == (True, False)


@pytest.mark.parametrize(
    "noise", ['("a' * 20_000, "'x': " * 20_000, "def _load_global_deps" * 5_000, "not in _maps" * 9_000]
)
def test_hostile_text_is_read_in_time_and_tells_nothing(noise: str) -> None:
    assert preloading(f"def _preload_cuda_deps\n{noise}").always == ()


class Stubs:
    """Files that are there for `Host` and hold what a table says."""

    def __init__(self, host: Host, told: dict[str, Dynamic]) -> None:
        self.host, self.told = host, told

    def identity(self, path: str) -> str | None:
        return path if self.host.is_file(path) else None

    def is_folder(self, path: str) -> bool:
        return self.host.is_dir(path)

    def dynamic(self, path: str) -> Dynamic:
        return self.told.get(path.rpartition("/")[2], Dynamic(X86_64, soname=path.rpartition("/")[2]))


CUDART = "libcudart.so.13"


class Tree:
    def __init__(self, root: Path, text: str, cuda: str, *files: str) -> None:
        for file in ("torch/lib/libtorch_global_deps.so", "torch/_C.so", *files):
            (root / "site" / file).parent.mkdir(parents=True, exist_ok=True)
            (root / "site" / file).touch()
        (root / "site/torch/__init__.py").write_text(text)
        host = Host(str(root), os_name="linux", environ={})
        found = find_torch(host, ["/nowhere", "/site"], cuda)
        assert found is not None
        self.torch: Torch = found
        needs = {
            "libtorch_global_deps.so": Dynamic(X86_64, (CUDART,), "libtorch_global_deps.so", rpath="$ORIGIN/near"),
            "_C.so": Dynamic(X86_64, ("libcudnn.so.9",), rpath="$ORIGIN/lib/near"),
        }
        self.process = Process(Stubs(host, needs), Places(("/env",)), X86_64)

    def start(self) -> dict[str, How]:
        self.torch.start(self.process)
        return {path.removeprefix("/site/"): one.how for path, one in self.process.loaded.items()}


WHEELS = ("torch/lib/near/libcudart.so.13", "nvidia/cu13/lib/libcublasLt.so.13", "nvidia/nccl/lib/libnccl.so.2")


def test_2_14_takes_the_packages_that_are_there(tmp_path: Path) -> None:
    started = Tree(tmp_path, OF_2_14, "13.0", *WHEELS, "torch/lib/near/libcudnn.so.9").start()
    assert [*started] == [
        "torch/lib/libtorch_global_deps.so", WHEELS[0], *WHEELS[1:], "torch/_C.so", "torch/lib/near/libcudnn.so.9",
    ]  # fmt: skip
    assert [started[path] for path in WHEELS] == [How.RPATH, How.TORCH, How.TORCH]


def test_2_13_stops_at_the_first_that_is_not_there(tmp_path: Path) -> None:
    started = Tree(tmp_path, OF_2_13, "13.0", *WHEELS, "torch/lib/near/libcudnn.so.9").start()
    assert WHEELS[1] in started
    assert WHEELS[2] not in started


def test_nothing_is_opened_by_path_without_cuda(tmp_path: Path) -> None:
    tree = Tree(tmp_path, OF_2_14, "13.0", *WHEELS[1:])
    tree.process = Process(Stubs(tree.torch.host, {}), Places(), X86_64)
    assert not set(WHEELS) & tree.start().keys()


@pytest.mark.parametrize(("cuda", "opened"), [("12.4", True), ("12.1", False)])
def test_2_6_takes_nvjitlink_for_some_releases_of_cuda(tmp_path: Path, cuda: str, opened: bool) -> None:
    library = "nvidia/nvjitlink/lib/libnvJitLink.so.12"
    tree = Tree(tmp_path, OF_2_6, cuda, library, "nvidia/cuda_runtime/lib/libcudart.so.13")
    needs = Dynamic(X86_64, (CUDART,), rpath="$ORIGIN/../../nvidia/cuda_runtime/lib")
    tree.process = Process(Stubs(tree.torch.host, {"libtorch_global_deps.so": needs}), Places(), X86_64)
    assert (library in tree.start()) == opened


def test_what_came_with_a_failure_is_searched_anew(tmp_path: Path) -> None:
    """After the failure cuDNN is opened by path, and the one on LD_LIBRARY_PATH is not loaded again."""
    tree = Tree(tmp_path, OF_2_14, "13.0", "cudnn/lib/libcudnn.so.9", "nvidia/cublas/lib/libcublasLt.so.13")
    (tmp_path / "env").mkdir()
    (tmp_path / "env/libcudnn.so.9").touch()
    needs = {
        "libtorch_global_deps.so": Dynamic(X86_64, ("libcudnn.so.9", "libcublasLt.so.13")),
        "_C.so": Dynamic(X86_64, ("libcudnn.so.9",)),
    }
    tree.process = Process(Stubs(tree.torch.host, needs), Places(("/env",)), X86_64)
    openings = tree.torch.start(tree.process)
    found = tree.process.named("libcudnn.so.9")
    assert found is not None
    assert (found.path, found.how) == ("/site/cudnn/lib/libcudnn.so.9", How.TORCH)
    assert all(opening.works for opening in openings.values())
    assert not any(one.path.startswith("/env/") for one in tree.process.present)


def test_without_torch(tmp_path: Path) -> None:
    assert find_torch(Host(str(tmp_path), os_name="linux", environ={}), ["/site"], None) is None


def test_the_torch_that_is_known_to_be_imported_comes_first(tmp_path: Path) -> None:
    for site in ("first", "second"):
        (tmp_path / site / "torch").mkdir(parents=True)
        (tmp_path / site / "torch/__init__.py").touch()
    host = Host(str(tmp_path), os_name="linux", environ={})
    sites = ["/first", "/second"]
    found = [find_torch(host, sites, None, known) for known in (None, "/second", "/nowhere")]
    assert [one and one.site for one in found] == ["/first", "/second", "/first"]
