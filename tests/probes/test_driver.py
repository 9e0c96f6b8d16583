"""The driver ladder on recorded machines: every rung, and every way in which one can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import driver, environment, host_system, pci
from recorded_tree import DRIVER_MARKER, Tree, lines, look_at, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.probes.looking import Facts

PROBES = (host_system, environment, pci, driver)
HANGS = "did not answer within 10 s"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs@builder)  Tue Sep 23\n"
PROPRIETARY = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
TEGRA = "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build  (buildbrain@mobile)\n"
GCC = "GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n"


def gpu(index: int, **told: Any) -> dict[str, Any]:
    ordinary = {
        "gpu": index,
        "status": 0,
        "name": "NVIDIA A100-SXM4-80GB",
        "uuid": f"GPU-0000000{index}-aaaa-4000-8000-00000000000{index}",
        "capability": "8.0",
        "memory": 80 * 2**30,
        "pci": f"00000000:0{index + 1}:00.0",
    }
    return {**ordinary, **told}


def device(ordinal: int, index: int, **told: Any) -> dict[str, Any]:
    uuid = gpu(index)["uuid"].removeprefix("GPU-")
    return {"device": ordinal, "name": "A", "capability": "8.0", "uuid": uuid, "pci": f"0000:0{index + 1}:00.0", **told}


def nvml(tree: Tree, *gpus: dict[str, Any], version: str = "535.104.05", end: bool = True) -> None:
    count = max((one["gpu"] for one in gpus), default=-1) + 1
    said = [{"status": 0}, {"driver": version}, {"cuda": 12020}, {"library": "12.535"}, {"count": count}, *gpus]
    tree.says("nvml", lines(*said, *([{"end": True}] if end else [])))


def cuda(tree: Tree, *devices: dict[str, Any], version: int = 12020, init: int = 0) -> None:
    said: list[dict[str, Any]] = [{"version": version}, {"init": init}]
    if init == 0:
        said += [{"count": len(devices)}, *devices, {"end": True}]
    tree.says("libcuda", lines(*said))


def no_libraries(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 12, "error": "NVML Shared Library Not Found"}))
    tree.says("libcuda", lines({"missing": "libcuda.so.1: cannot open shared object file"}))


def look(tree: Tree) -> Facts:
    return tree.look(PROBES)


@pytest.mark.parametrize("launches", [True, False])
def test_whether_libcuda_can_run_kernels(tree: Tree, launches: bool) -> None:
    nvml(tree, gpu(0))
    tree.says("libcuda", lines({"library": "/usr/lib/libcuda.so.1", "launches": launches}, {"init": 0}, {"count": 0}))
    assert value(look(tree), "cuda.can_launch") is launches


def test_nobody_knows_whether_a_libcuda_that_was_not_asked_can_run_kernels(tree: Tree) -> None:
    nvml(tree, gpu(0))
    cuda(tree, device(0, 0))
    assert isinstance(look(tree)["cuda.can_launch"], Unknown)
    no_libraries(tree)
    assert isinstance(look(tree)["cuda.can_launch"], Absent)


def test_a_healthy_machine(tree: Tree) -> None:
    nvml(tree, gpu(0), gpu(1))
    cuda(tree, device(0, 0), device(1, 1))
    tree.file("/proc/driver/nvidia/version", PROPRIETARY + GCC)
    tree.file("/sys/module/nvidia/version", "535.104.05\n")
    library = tree.file("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.535.104.05")
    (library.parent / "libnvidia-ml.so.1").symlink_to(library.name)
    seen = look(tree)
    for rung in ("", ".nvml", ".proc", ".sys"):
        assert value(seen, f"driver.version{rung}") == "535.104.05"
    assert value(seen, "driver.library_version") == "535.104.05"
    assert value(seen, "driver.cuda_version") == "12.2"
    assert (value(seen, "nvml.status"), value(seen, "cuda.init")) == (0, 0)
    assert (value(seen, "gpu.count"), value(seen, "gpu.visible")) == (2, [0, 1])
    assert value(seen, "gpu.1.memory_mib") == 81920
    assert isinstance(seen["driver.trouble"], Absent)
    assert isinstance(seen["driver.version.smi"], Absent)


def test_no_driver_at_all(tree: Tree) -> None:
    no_libraries(tree)
    tree.folder("/dev")
    seen = look(tree)
    absent = {name for name, fact in seen.items() if isinstance(fact, Absent)}
    assert {"driver.version", "nvml.status", "cuda.init", "gpu.count", "gpu.visible", "driver.cuda_version"} <= absent
    assert not [
        name for name, fact in seen.items() if isinstance(fact, Unknown) and not name.startswith(("host", "pci"))
    ]


@pytest.mark.parametrize(
    ("code", "version"),
    [(9, Absent), (18, Unknown), (999, Unknown)],
    ids=["not loaded", "library and module differ", "unknown error"],
)
def test_the_codes_of_a_refusal_stay_apart(tree: Tree, code: int, version: type) -> None:
    tree.says("nvml", lines({"status": code, "error": "refused"}))
    cuda(tree, init=999)
    seen = look(tree)
    assert value(seen, "nvml.status") == code
    assert isinstance(seen["driver.version.nvml"], version)
    count = seen["gpu.count"]
    assert isinstance(count, Unknown)
    assert f"error {code}" in count.reason


def test_a_gpu_that_is_lost_leaves_the_others(tree: Tree) -> None:
    nvml(tree, {"gpu": 0, "status": 15, "error": "GPU is lost"}, gpu(1))
    cuda(tree, device(0, 1))
    seen = look(tree)
    assert (value(seen, "gpu.0.status"), value(seen, "gpu.1.status")) == (15, 0)
    assert isinstance(seen["gpu.0.name"], Unknown)
    assert value(seen, "gpu.visible") == [1]


def test_a_gpu_whose_capability_is_not_told(tree: Tree) -> None:
    nvml(tree, gpu(0, capability=None))
    cuda(tree, init=100)
    assert isinstance(look(tree)["gpu.0.compute_capability"], Unknown)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (OPEN + GCC, "580.95.05"),
        (PROPRIETARY + GCC, "535.104.05"),
        (TEGRA, "540.4.0"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.157", "390.157"),
        ("NVRM version: something else\n" + GCC, None),
        ("", None),
    ],
)
def test_the_loaded_module(tree: Tree, text: str, version: str | None) -> None:
    no_libraries(tree)
    tree.file("/proc/driver/nvidia/version", text)
    fact = look(tree)["driver.version.proc"]
    assert (fact.value if isinstance(fact, Known) else None) == version
    assert not isinstance(fact, Absent)


def test_sources_that_disagree_are_both_kept(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 18, "error": "Driver/library version mismatch"}))
    cuda(tree, init=803, version=12080)
    tree.file("/proc/driver/nvidia/version", PROPRIETARY)
    tree.file("/sys/module/nvidia/version", "570.86.15")
    library = tree.file("/usr/lib64/libnvidia-ml.so.570.86.15")
    (library.parent / "libnvidia-ml.so.1").symlink_to(library.name)
    seen = look(tree)
    assert seen["driver.version"] == Known("535.104.05", "/proc/driver/nvidia/version")
    assert value(seen, "driver.version.sys") == "570.86.15"
    assert seen["driver.library_version"] == Known("570.86.15", "/usr/lib64/libnvidia-ml.so.570.86.15")
    assert (value(seen, "nvml.status"), value(seen, "cuda.init"), value(seen, "driver.cuda_version")) == (
        18,
        803,
        "12.8",
    )


@pytest.mark.parametrize("text", ["", "\x1b[31m", "535", "x" * 300])
def test_a_module_version_of_another_form(tree: Tree, text: str) -> None:
    no_libraries(tree)
    tree.file("/sys/module/nvidia/version", text)
    assert isinstance(look(tree)["driver.version.sys"], Unknown)


def test_a_library_without_its_version_in_its_name(tree: Tree) -> None:
    no_libraries(tree)
    tree.file("/usr/lib/wsl/lib/libnvidia-ml.so.1")
    assert isinstance(look(tree)["driver.library_version"], Unknown)


SMI = "0, 535.104.05, NVIDIA A100-SXM4-80GB, GPU-5d1f, 8.0, 81920 MiB\n1, 535.104.05, Odd, Name, GPU-6, [N/A], [N/A]\n"


def test_nvidia_smi_answers_where_nvml_does_not(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 999, "error": "Unknown Error"}))
    cuda(tree, init=100)
    tree.says("nvidia-smi", SMI)
    seen = look(tree)
    assert seen["driver.version"] == Known("535.104.05", "nvidia-smi")
    assert (value(seen, "gpu.count"), value(seen, "gpu.0.compute_capability")) == (2, "8.0")
    assert value(seen, "gpu.1.name") == "Odd, Name"
    assert isinstance(seen["gpu.1.memory_mib"], Unknown)


@pytest.mark.parametrize(
    ("out", "code", "trouble", "says"),
    [
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 570.86\n",
            18,
            "",
            "mismatch",
        ),
        ("No devices were found\n", 6, "", "No devices"),
        ("", None, HANGS, HANGS),
        ("garbage\n", 0, "", "lists no GPU"),
    ],
)
def test_nvidia_smi_that_refuses_or_hangs(tree: Tree, out: str, code: int | None, trouble: str, says: str) -> None:
    tree.says("nvml", lines({"status": 999, "error": "Unknown Error"}))
    cuda(tree, init=999)
    tree.says("nvidia-smi", out, code=code, trouble=trouble)
    fact = look(tree)["driver.version.smi"]
    assert isinstance(fact, Unknown)
    assert says in fact.reason


def test_a_hang_keeps_what_was_said_before(tree: Tree) -> None:
    said = lines({"status": 0}, {"driver": "535.104.05"}, {"cuda": 12020}, {"count": 2}, gpu(0))
    said += f'\n{DRIVER_MARKER}{{"gpu": 1, "na'
    tree.says("nvml", said, code=None, trouble=HANGS)
    tree.says("libcuda", "", code=None, trouble=HANGS)
    seen = look(tree)
    assert value(seen, "driver.version") == "535.104.05"
    assert (value(seen, "gpu.count"), value(seen, "gpu.0.name")) == (2, "NVIDIA A100-SXM4-80GB")
    assert isinstance(seen["gpu.1.status"], Unknown)
    assert isinstance(seen["gpu.1.compute_capability"], Unknown)
    assert seen["driver.trouble"] == Known(f"NVML {HANGS}", "child process")
    assert isinstance(seen["cuda.init"], Unknown)


@pytest.mark.parametrize("said", [[], [{"status": 0}], [{"status": 0}, {"driver": "535.104.05"}]])
def test_a_hang_before_the_gpus_are_counted(tree: Tree, said: list[dict[str, Any]]) -> None:
    tree.says("nvml", lines(*said), code=None, trouble=HANGS)
    tree.says("libcuda", "", code=None, trouble=HANGS)
    seen = look(tree)
    for name in ("gpu.count", "gpu.visible"):
        fact = seen[name]
        assert isinstance(fact, Unknown)
        assert HANGS in fact.reason
    assert isinstance(seen["driver.version"], Known if len(said) == 2 else Unknown)
    assert not isinstance(seen["driver.version.nvml"], Absent)


def test_a_child_that_crashes_is_trouble_of_the_driver(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 0}), code=-11, trouble="was ended by signal SIGSEGV")
    cuda(tree, device(0, 0))
    seen = look(tree)
    assert value(seen, "driver.trouble") == "NVML was ended by signal SIGSEGV"
    assert (value(seen, "gpu.count"), value(seen, "gpu.visible")) == (1, [0])
    assert seen["gpu.0.name"] == Known("A", "libcuda")


def test_a_binding_that_cannot_be_imported(tree: Tree) -> None:
    tree.says("nvml", code=1, error="Traceback:\nModuleNotFoundError: No module named 'pynvml'\n")
    cuda(tree, device(0, 0))
    fact = look(tree)["nvml.status"]
    assert isinstance(fact, Unknown)
    assert "No module named 'pynvml'" in fact.reason


def test_one_question_refused(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 0}, {"failed": "driver", "code": 999, "error": "Unknown"}, {"count": 0}))
    cuda(tree, init=100)
    seen = look(tree)
    assert isinstance(seen["driver.version.nvml"], Unknown)
    assert value(seen, "gpu.count") == 0


@pytest.mark.parametrize("init", [100, 803, 999])
def test_cuda_that_does_not_start_on_gpus_that_nvml_lists(tree: Tree, init: int) -> None:
    nvml(tree, gpu(0))
    cuda(tree, init=init)
    seen = look(tree)
    assert (value(seen, "cuda.init"), value(seen, "gpu.count")) == (init, 1)


def test_no_libcuda(tree: Tree) -> None:
    nvml(tree, gpu(0))
    tree.says("libcuda", lines({"missing": "libcuda.so.1: cannot open shared object file"}))
    seen = look(tree)
    assert isinstance(seen["cuda.init"], Absent)
    assert seen["driver.cuda_version"] == Known("12.2", "nvml")


@pytest.mark.parametrize(("init", "hidden", "kind"), [(100, None, Absent), (100, "", Unknown), (999, None, Unknown)])
def test_libcuda_alone_that_finds_none(tree: Tree, init: int, hidden: str | None, kind: type) -> None:
    no_libraries(tree)
    cuda(tree, init=init)
    if hidden is not None:
        tree.set(CUDA_VISIBLE_DEVICES=hidden)
    assert isinstance(look(tree)["gpu.count"], kind)


HETEROGENEOUS = (gpu(0, name="NVIDIA GeForce RTX 4090", capability="8.9"), gpu(1), gpu(2))


@pytest.mark.parametrize(
    ("asked", "devices", "visible"),
    [
        (None, [1, 0, 2], [0, 1, 2]),
        ("0", [1], [1]),
        ("1,0", [0, 1], [0, 1]),
    ],
)
def test_where_cuda_starts_libcuda_decides(
    tree: Tree, asked: str | None, devices: list[int], visible: list[int]
) -> None:
    nvml(tree, *HETEROGENEOUS)
    cuda(tree, *(device(ordinal, index) for ordinal, index in enumerate(devices)))
    if asked is not None:
        tree.set(CUDA_VISIBLE_DEVICES=asked)
    assert look(tree)["gpu.visible"] == Known(visible, "libcuda")


def test_without_a_uuid_the_pci_address_tells_which(tree: Tree) -> None:
    nvml(tree, *HETEROGENEOUS)
    cuda(tree, device(0, 2, uuid=None))
    assert value(look(tree), "gpu.visible") == [2]


def test_indexes_among_different_models_are_not_told_without_libcuda(tree: Tree) -> None:
    nvml(tree, *HETEROGENEOUS)
    cuda(tree, init=999)
    tree.set(CUDA_VISIBLE_DEVICES="0")
    assert isinstance(look(tree)["gpu.visible"], Unknown)
    tree.set(CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert value(look(tree), "gpu.visible") == [0]


def test_mig_instances(tree: Tree) -> None:
    nvml(tree, gpu(0), gpu(1, mig=1, mig_devices=["MIG-11111111-2222", "MIG-33333333-4444"]))
    cuda(tree, device(0, 1, uuid="33333333-4444", pci=None))
    tree.set(CUDA_VISIBLE_DEVICES="MIG-33333333-4444")
    seen = look(tree)
    assert value(seen, "gpu.1.mig") == ["MIG-11111111-2222", "MIG-33333333-4444"]
    assert value(seen, "gpu.visible") == [1]
    assert "gpu.0.mig" not in seen


@pytest.mark.parametrize("name", ["\x1b]0;title\x07\x1b[31m", "A" * 2**20, "\u202e[link=x]\n::error::", "\ud800"])
def test_a_hostile_name_is_kept_in_bounds(tree: Tree, name: str) -> None:
    nvml(tree, gpu(0, name=name))
    cuda(tree, init=100)
    assert value(look(tree), "gpu.0.name") == name[:256]


@pytest.mark.parametrize(
    "said",
    [
        '{"status": 0}\n{"count": -1}\n',
        '{"status": 0}\n{"count": 1000000000}\n',
        '{"status": 0}\n{"count": 2}\n{"gpu": 7}\n{"gpu": -1}\n{"gpu": null}\n',
        '{"status": "x"}\n[1]\n7\nnull\n"text"\n',
        '{"status": 0}\n{"count": 1}\n{"gpu": 0, "name": {}, "uuid": 3, "memory": "x", "mig_devices": 7}\n',
        '{"driver": {"a": 1}}\n',
        "\x00\xff garbage",
    ],
)
def test_answers_of_another_form_do_not_raise(tree: Tree, said: str) -> None:
    tree.says("nvml", "".join(f"{DRIVER_MARKER}{line}\n" for line in said.splitlines()))
    tree.says("libcuda", lines({"init": "x"}, {"version": "y"}, {"device": "z"}, {"end": True}))
    seen = look(tree)
    assert {name for name in driver.FACTS if ".N." not in name} <= set(seen)
    assert len(seen) < 20_000


def test_windows_subsystem_for_linux(tree: Tree) -> None:
    tree.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n")
    tree.file("/dev/dxg")
    nvml(tree, gpu(0), version="581.29")
    cuda(tree, device(0, 0), version=13000)
    seen = look(tree)
    assert (value(seen, "host.kind"), value(seen, "device.nodes")) == ("wsl2", ["dxg"])
    assert (value(seen, "driver.version"), value(seen, "driver.cuda_version")) == ("581.29", "13.0")
    assert isinstance(seen["driver.version.proc"], Absent)


def test_jetson_without_nvml(tree: Tree) -> None:
    no_libraries(tree)
    cuda(tree, device(0, 0, name="Orin", capability="8.7"), version=12060)
    tree.machine["machine"] = "aarch64"
    tree.file("/etc/nv_tegra_release", "# R36 (release), REVISION: 4.0\n")
    tree.file("/dev/nvgpu/igpu0/as")
    tree.file("/proc/driver/nvidia/version", TEGRA)
    seen = look(tree)
    assert value(seen, "host.kind") == "jetson"
    assert value(seen, "driver.version") == "540.4.0"
    assert (value(seen, "gpu.count"), value(seen, "gpu.visible")) == (1, [0])
    assert seen["gpu.0.compute_capability"] == Known("8.7", "libcuda")
    assert value(seen, "device.nodes") == ["nvgpu"]


@pytest.mark.parametrize(("os_name", "machine"), [("windows", "AMD64"), ("macos", "arm64")])
def test_other_systems_give_facts_too(tree: Tree, os_name: str, machine: str) -> None:
    tree.machine |= {"os": os_name, "machine": machine}
    seen = look(tree)
    names = {name for probe in PROBES for name in probe.FACTS if ".N." not in name}
    assert names <= set(seen)
    assert isinstance(seen["pci.nvidia"], Unknown)
    assert value(seen, "host.platform") == {"windows": "windows-x86_64", "macos": "macos-arm64"}[os_name]


def card(tree: Tree, address: str, vendor: str, kind: str, module: str | None) -> None:
    folder = f"/sys/bus/pci/devices/{address}"
    for name, text in (("vendor", vendor), ("class", kind), ("device", "0x20b2")):
        tree.file(f"{folder}/{name}", text + "\n")
    if module:
        (tree.folder(folder) / "driver").symlink_to(f"../../../bus/pci/drivers/{module}")


def test_the_bus(tree: Tree) -> None:
    no_libraries(tree)
    card(tree, "0000:01:00.0", "0x10de", "0x030200", "nvidia")
    card(tree, "0000:01:00.1", "0x10de", "0x040300", "snd_hda_intel")
    card(tree, "0000:02:00.0", "0x10de", "0x030000", "nouveau")
    card(tree, "0000:03:00.0", "0x10de", "0x030000", "vfio-pci")
    card(tree, "0000:04:00.0", "0x10de", "0x030000", None)
    card(tree, "0000:05:00.0", "0x1002", "0x030000", "amdgpu")
    card(tree, "0000:06:00.0", "0x10de", "0x068000", "nvswitch")
    tree.folder("/sys/bus/pci/devices/0000:07:00.0")
    found = value(look(tree), "pci.nvidia")
    assert [(one["address"][5:7], one["driver"]) for one in found] == [
        ("01", "nvidia"),
        ("02", "nouveau"),
        ("03", "vfio-pci"),
        ("04", None),
    ]


def test_a_machine_without_a_pci_bus_holds_no_card(tree: Tree) -> None:
    no_libraries(tree)
    tree.folder("/sys/bus/usb/devices")
    assert value(look(tree), "pci.nvidia") == []


def no_hardware(tree: Tree, code: int = 9) -> None:
    """The libraries of a driver in a container whose host has no GPU."""
    tree.says("nvml", lines({"status": code, "error": "Driver Not Loaded"}))
    cuda(tree, init=100)
    tree.folder("/sys/bus/pci/devices")
    tree.folder("/dev")


@pytest.mark.parametrize("library", [True, False])
def test_a_driver_not_loaded_on_a_machine_without_a_gpu(tree: Tree, library: bool) -> None:
    no_hardware(tree)
    if not library:
        tree.says("libcuda", lines({"missing": "libcuda.so.1: cannot open shared object file"}))
    seen = look(tree)
    for name in ("gpu.count", "gpu.visible"):
        assert seen[name] == Absent("no driver is loaded here, or no device file of it was passed in")


@pytest.mark.parametrize(
    "change",
    [lambda tree: card(tree, "0000:01:00.0", "0x10de", "0x030200", None), lambda tree: cuda(tree, init=999)],
    ids=["a card", "another cuInit"],
)
def test_a_driver_that_is_not_loaded_lists_no_gpu(tree: Tree, change: Callable[[Tree], object]) -> None:
    no_hardware(tree)
    change(tree)
    assert isinstance(look(tree)["gpu.count"], Absent)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.file("/sys/module/nvidia/version", "535.104.05"),
        lambda tree: tree.file("/proc/driver/nvidia/version", "something else"),
        lambda tree: tree.file("/dev/dxg"),
        lambda tree: (tree.root / "sys/bus/pci/devices").rmdir(),
        lambda tree: no_hardware(tree, code=999),
    ],
    ids=["a module", "a module of another form", "a device file", "no bus", "another code"],
)
def test_a_driver_not_loaded_concludes_nothing_where_there_may_be_a_gpu(
    tree: Tree, change: Callable[[Tree], object]
) -> None:
    no_hardware(tree)
    change(tree)
    assert isinstance(look(tree)["gpu.count"], Unknown)


def test_why_nvidia_smi_was_not_asked(tree: Tree) -> None:
    nvml(tree, gpu(0))
    assert look(tree)["driver.version.smi"] == Absent("not asked: NVML answered")
    no_libraries(tree)
    fact = look(tree)["driver.version.smi"]
    assert isinstance(fact, Absent)
    assert "nvidia-smi is not on PATH" in fact.reason
    assert "answered" not in fact.reason


@pytest.mark.parametrize("version", ["", "  "])
def test_an_empty_answer_is_no_version(tree: Tree, version: str) -> None:
    nvml(tree, version=version)
    tree.says("libcuda", lines({"missing": "libcuda.so.1: cannot open shared object file"}))
    seen = look(tree)
    assert seen["driver.version.nvml"] == Unknown("NVML gave an empty driver version")
    assert isinstance(seen["driver.version"], Unknown)


def test_zero_is_no_version_of_cuda(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 0}, {"driver": "535.104.05"}, {"cuda": 0}, {"count": 0}, {"end": True}))
    tree.says("libcuda", lines({"missing": "libcuda.so.1: cannot open shared object file"}))
    assert look(tree)["driver.cuda_version"] == Unknown("NVML gave 0 as the CUDA version")
    cuda(tree, init=100, version=0)
    assert look(tree)["driver.cuda_version"] == Unknown("libcuda gave 0 as the CUDA version")


def test_only_marked_lines_are_answers(tree: Tree) -> None:
    nvml(tree, gpu(0))
    tree.says("nvml", '{"status": 999}\nno newline' + tree.machine["commands"]["nvml"]["out"])
    cuda(tree, device(0, 0))
    seen = look(tree)
    assert (value(seen, "nvml.status"), value(seen, "driver.version.nvml")) == (0, "535.104.05")


def test_no_sysfs_and_no_dev(tree: Tree) -> None:
    no_libraries(tree)
    seen = look(tree)
    assert isinstance(seen["pci.nvidia"], Unknown)
    assert isinstance(seen["device.nodes"], Unknown)


def test_a_search_path_without_end_is_not_followed_to_its_end(tree: Tree) -> None:
    asked: list[str] = []

    class Counting(Host):
        def exists(self, path: str) -> bool:
            asked.append(path)
            return super().exists(path)

    no_libraries(tree)
    tree.set(LD_LIBRARY_PATH=":".join(f"/opt/{number}" for number in range(100_000)))
    tree.host()
    seen = look_at(Counting.recorded(str(tree.root)), "/venv/bin/python", PROBES)
    assert isinstance(seen["driver.library_version"], Absent)
    assert sum(path.startswith("/opt/") for path in asked) < 1000
