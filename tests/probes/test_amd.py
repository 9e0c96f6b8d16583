"""AMD GPUs by the kernel's topology, and what a ROCm build carries, in recorded trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import amd, environment, host_system, interpreter, torch_build
from envdoctor.probes.amd import architecture
from recorded_tree import SITE, Tree, look_at

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.model.fact import Fact
    from envdoctor.probes.looking import Facts

NODE = "cpu_cores_count {cores}\nsimd_count {simds}\ngfx_target_version {version}\nvendor_id 4098\ndevice_id 29772\n"
LIBRARY = f"{SITE}/torch/lib/rocblas/library"


def look(tree: Tree) -> Facts:
    from envdoctor.probes import distributions

    return tree.look([host_system, environment, interpreter, distributions, torch_build, amd])


def node(tree: Tree, number: int, version: int) -> None:
    text = NODE.format(cores=0 if version else 16, simds=96 if version else 0, version=version)
    tree.file(f"/sys/class/kfd/kfd/topology/nodes/{number}/properties", text)


def gpus(tree: Tree) -> Fact:
    return look(tree)["amd.gpus"]


@pytest.mark.parametrize(
    ("number", "name"),
    [(110501, "gfx1151"), (90010, "gfx90a"), (100300, "gfx1030"), (90402, "gfx942"), (90012, "gfx90c"),
     (90006, "gfx906"), (120001, "gfx1201"), (100306, "gfx1036"), (80003, "gfx803"), (90500, "gfx950")],
)  # fmt: skip
def test_the_name_of_a_target_version(number: int, name: str) -> None:
    assert architecture(number) == name


def test_gpus_are_listed_in_the_drivers_order_and_processors_left_out(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.file("/dev/kfd")
    for number, version in enumerate([0, 0, 110000, 100306, *[90402] * 8]):
        node(tree, number, version)
    assert gpus(tree) == Known(["gfx1100", "gfx1036", *["gfx942"] * 8], amd.NODES)


def test_a_container_without_the_device_reaches_none(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    node(tree, 0, 110000)
    assert gpus(tree) == Absent("there is no /dev/kfd, by which ROCm programs reach a GPU")


def test_no_driver_and_no_gpu_are_absences(tmp_path: Path) -> None:
    assert isinstance(gpus(Tree(tmp_path / "a")), Absent)
    tree = Tree(tmp_path / "b")
    tree.file("/dev/kfd")
    node(tree, 0, 0)
    assert gpus(tree) == Absent("the amdgpu driver lists no GPU")
    tree = Tree(tmp_path / "c")
    tree.machine["os"] = "windows"
    assert isinstance(gpus(tree), Absent)


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.file("/dev/kfd")
    tree.folder("/sys/class/kfd/kfd/topology/nodes/0/properties")
    assert isinstance(gpus(tree), Unknown)


def test_properties_of_another_form_are_no_gpu(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.file("/dev/kfd")
    tree.file(
        "/sys/class/kfd/kfd/topology/nodes/0/properties", b"gfx_target_version \xff\x1b[31m\nvendor_id 4098\n" * 10
    )
    assert gpus(tree) == Absent("the amdgpu driver lists no GPU")


def rocm(tree: Tree, hip: str | None = "6.4.43482") -> None:
    local = "rocm6.4" if hip else "cu128"
    tree.file(f"{SITE}/torch/__init__.py")
    tree.file(
        f"{SITE}/torch/version.py",
        f"__version__ = '2.9.1+{local}'\ncuda: Optional[str] = {None if hip else '12.8'!r}\n"
        f"hip: Optional[str] = {hip!r}\ngit_version = 'abc'\n",
    )


def carried(tree: Tree) -> Fact:
    return look(tree)["torch.rocm_archs"]


def test_the_architectures_are_those_of_the_kernel_files(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    rocm(tree)
    for name in (
        "TensileLibrary_lazy_gfx1100.dat", "TensileLibrary_lazy_gfx90a.dat", "Kernels.so-000-gfx90a-xnack+.hsaco",
        "Kernels.so-000-gfx942.hsaco", "TensileLibrary_Type_HH_Contraction_l_Alik_Bljk_fallback_gfx1030.hsaco",
        "TensileLibrary_lazy_gfx906.co", "readme.txt", "gfxnothing.dat",
    ):  # fmt: skip
        tree.file(f"{LIBRARY}/{name}")
    tree.file(f"{SITE}/torch/lib/hipblaslt/library/TensileLibrary_lazy_gfx950.dat")
    tree.file(f"{SITE}/torch/lib/hipblaslt/library/Kernels.so-000-gfx10-3-generic.hsaco")
    assert carried(tree) == Known(
        ["gfx906", "gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx10-3-generic"], "torch/lib"
    )


def test_other_builds_and_those_without_kernels_have_none(tmp_path: Path) -> None:
    assert isinstance(carried(Tree(tmp_path / "none")), Absent)
    tree = Tree(tmp_path / "cuda")
    rocm(tree, None)
    tree.file(f"{LIBRARY}/TensileLibrary_lazy_gfx1100.dat")
    assert carried(tree) == Absent("torch is no ROCm build")
    tree = Tree(tmp_path / "rocm")
    rocm(tree)
    assert isinstance(carried(tree), Absent)


def test_a_hostile_folder_costs_nothing(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    rocm(tree)
    for number in range(300):
        tree.file(f"{LIBRARY}/{'gfx' * 60}{number}\x1b[31m")
    tree.file(f"{LIBRARY}/x_gfx1100.dat")
    seen = carried(tree)
    assert isinstance(seen, Known)
    assert isinstance(seen.value, list)
    assert len(seen.value) == amd.MOST_ARCHITECTURES
    assert "\x1b" not in str(seen.value)


def test_a_gpu_that_the_control_group_withholds_is_left_out(tmp_path: Path) -> None:
    """The kernel answers EPERM for the properties of its node, to root as well."""
    tree = Tree(tmp_path)
    tree.file("/dev/kfd")
    node(tree, 0, 0)
    node(tree, 1, 90402)
    node(tree, 2, 110000)

    class Withholding(Host):
        def read(self, path: str, limit: int = 65536) -> str:
            if path.endswith("nodes/1/properties"):
                raise PermissionError(1, "Operation not permitted", path)
            return super().read(path, limit)

    tree.host()
    seen = look_at(
        Withholding.recorded(str(tmp_path)), "/venv/bin/python", [host_system, environment, interpreter, amd]
    )
    assert seen["amd.gpus"] == Known(["gfx1100"], amd.NODES)
